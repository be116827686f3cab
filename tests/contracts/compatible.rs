//! Whether whoever could read documents of one schema can read those of another.
//!
//! A reader relies on what is always there, on its type, and on the words that it may be. So fields may be added, and a
//! field may be less than it was allowed to be; nothing else may change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What a reader of `old` could not rely on any more, each with its place.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, seen: BTreeSet::new(), broken: Vec::new() };
    comparison.compare(old, new, "$");
    comparison.broken
}

/// What narrows a type: a reader may have counted on it.
const GUARDS: [&str; 5] = ["format", "pattern", "minimum", "maximum", "maxLength"];

struct Comparison<'a> {
    /// Where each side's definitions are.
    old: &'a Value,
    new: &'a Value,
    /// Pairs of definitions that have been met: some contain themselves.
    seen: BTreeSet<[String; 2]>,
    broken: Vec<String>,
}

impl Comparison<'_> {
    fn compare(&mut self, old: &Value, new: &Value, at: &str) {
        let before = variants(self.old, old);
        for now in variants(self.new, new) {
            match before.iter().find(|known| kind(known) == kind(&now)) {
                Some(known) => self.compare_alike(known, &now, at),
                None => self.broken.push(format!("{at}: may be {} now", kind(&now))),
            }
        }
    }

    /// Two schemas of the same type.
    fn compare_alike(&mut self, old: &Value, new: &Value, at: &str) {
        let names = [old, new].map(|schema| schema["$ref"].as_str().unwrap_or_default().to_owned());
        if names.iter().any(|name| !name.is_empty()) && !self.seen.insert(names) {
            return;
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        for guard in GUARDS.iter().filter(|guard| !old[**guard].is_null()) {
            if old[*guard] != new[*guard] {
                self.broken
                    .push(format!("{at}: {guard} was {} and is {}", old[*guard], new[*guard]));
            }
        }
        for (name, field) in old["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            let Some(now) = new["properties"].get(name) else {
                self.broken.push(format!("{at}: is gone"));
                continue;
            };
            if is_required(old, name) && !is_required(new, name) {
                self.broken.push(format!("{at}: was always there"));
            }
            self.compare(field, now, &at);
        }
        if !old["items"].is_null() {
            self.compare(&old["items"], &new["items"], &format!("{at}[]"));
        }
    }
}

/// The schemas of which a document fulfils one: one for each type, and for each word.
fn variants(root: &Value, schema: &Value) -> Vec<Value> {
    let plain = resolve(root, schema);
    if let Some(several) = ["anyOf", "oneOf"].iter().find_map(|name| plain[*name].as_array()) {
        return several.iter().flat_map(|one| variants(root, one)).collect();
    }
    if let Some(words) = plain["enum"].as_array() {
        return words.iter().map(|word| json!({ "const": word })).collect();
    }
    let Some(types) = plain["type"].as_array() else { return vec![schema.clone()] };
    let narrowed = |one: &Value| {
        let mut schema = plain.clone();
        schema["type"] = one.clone();
        schema
    };
    types.iter().map(narrowed).collect()
}

/// Which type a schema is for, or which word.
fn kind(schema: &Value) -> String {
    if let Some(word) = schema.get("const") {
        return word.to_string();
    }
    let named = schema["$ref"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name));
    let plain = schema["type"].as_str();
    plain.or(named).unwrap_or("anything").to_owned()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
}

fn sample() -> Value {
    json!({
        "type": "object",
        "required": ["id", "kind", "inner", "list"],
        "properties": {
            "id": { "type": ["string", "null"], "maxLength": 64 },
            "kind": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
            "inner": { "anyOf": [{ "$ref": "#/$defs/Inner" }, { "type": "null" }] },
            "list": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
        },
        "$defs": { "Inner": {
            "type": "object",
            "required": ["text"],
            "properties": { "text": { "type": "string" }, "next": { "$ref": "#/$defs/Inner" } },
        } },
    })
}

/// What a change of the sample breaks.
fn broken_by(pointer: &str, value: Value) -> Vec<String> {
    let mut changed = sample();
    *changed.pointer_mut(pointer).unwrap() = value;
    breaks(&sample(), &changed)
}

#[test]
fn a_schema_breaks_nothing_of_its_own() {
    assert_eq!(breaks(&sample(), &sample()), [""; 0]);
}

#[test]
fn a_field_that_is_added_and_a_null_that_never_comes_any_more_break_nothing() {
    let mut more = sample();
    more["properties"]["added"] = json!({ "type": "string" });
    more["properties"]["id"]["type"] = json!("string");
    more["$defs"]["Inner"]["required"] = json!(["text", "next"]);
    assert_eq!(breaks(&sample(), &more), [""; 0]);
}

#[test]
fn what_a_reader_relied_on_is_named_with_its_place() {
    for (pointer, value, said) in [
        ("/required", json!(["id", "kind", "inner"]), "$.list: was always there"),
        ("/properties", json!({}), "$.id: is gone"),
        ("/properties/id/type", json!(["string", "null", "integer"]), "$.id: may be integer now"),
        ("/properties/id/maxLength", json!(128), "$.id: maxLength was 64 and is 128"),
        ("/properties/kind/oneOf/1/const", json!("c"), "$.kind: may be \"c\" now"),
        ("/properties/list/items/type", json!("string"), "$.list[]: may be string now"),
        ("/$defs/Inner/properties/text/type", json!("null"), "$.inner.text: may be null now"),
        ("/$defs/Inner/required", json!([]), "$.inner.text: was always there"),
    ] {
        let broken = broken_by(pointer, value);
        assert!(broken.iter().any(|one| one == said), "{pointer}: {broken:?}");
    }
}
