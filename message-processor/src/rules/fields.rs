//! What a condition may name, and what kind of value each name has: as the sample has it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::sample::sample;

/// What rules decide themselves, and what only a file outside a mailbox has. A condition that looked at these would
/// say something else about a stored result than it said about the message.
const NOT_ASKED: [&str; 4] = ["labels", "rules", "actions", "path"];

static FIELDS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut fields = match serde_json::to_value(sample()) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    fields.retain(|name, _| !NOT_ASKED.contains(&name.as_str()));
    fields
});

/// The fields of a message.
pub(super) fn fields() -> &'static Map<String, Value> {
    &FIELDS
}

/// Whether a result has this field, and rules may not look at it.
pub(super) fn is_not_asked(name: &str) -> bool {
    NOT_ASKED.contains(&name)
}

/// A kind of value. Whether it is null shows with a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Not known before there is a message.
    Any,
    Null,
    Bool,
    Number,
    Text,
    List(Box<Kind>),
    Fields(&'static Map<String, Value>),
}

impl Kind {
    /// The kind of a value of the sample.
    pub(super) fn of(value: &'static Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(list) => Self::list(list.first().map_or(Self::Any, Self::of)),
            Value::Object(fields) => Self::Fields(fields),
        }
    }

    pub(super) fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Fields(_) => "an object with fields",
        }
    }

    /// Whether a value of the one kind can be one of the other. Any value may be null.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::List(ours), Self::List(theirs)) => ours.goes_with(theirs),
            (ours, theirs) => ours == theirs,
        }
    }

    /// The kind of what is of the one or of the other kind.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any | Self::Null, kind) | (kind, Self::Any | Self::Null) => kind,
            (Self::List(ours), Self::List(theirs)) => Self::list(ours.or(*theirs)),
            (ours, theirs) if ours == theirs => ours,
            _ => Self::Any,
        }
    }

    /// Whether it costs more to compare than a word does.
    pub(super) fn is_large(&self) -> bool {
        matches!(self, Self::Any | Self::List(_) | Self::Fields(_))
    }
}

/// `; did you mean …?`, if one of `names` is close to `name`.
pub(super) fn did_you_mean<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let distance = |known: &str| {
        strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase())
    };
    let close = names.into_iter().map(|known| (distance(known), known)).min();
    match close {
        Some((far, known)) if far <= 1 + name.chars().count() / 4 => {
            format!("; did you mean '{known}'?")
        }
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names where `value` has nothing, from which no kind could be told.
    fn unknown(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::Array(list) if list.is_empty() => found.push(path.to_owned()),
            Value::Array(list) => unknown(&format!("{path}[]"), &list[0], found),
            Value::Object(fields) => {
                for (name, value) in fields {
                    unknown(&format!("{path}.{name}"), value, found);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_sample_has_a_value_for_every_field_of_a_result() {
        let mut found = Vec::new();
        unknown("", &serde_json::to_value(sample()).unwrap(), &mut found);
        // What is within a winmail.dat has nothing within itself.
        assert_eq!(found, [".attachments[].contents[].contents"]);
        for name in ["userId", "ref", "headers", "attachments", "category", "list", "processedAt"] {
            assert!(fields().contains_key(name), "{name}");
        }
        assert!(NOT_ASKED.iter().all(|name| !fields().contains_key(*name)));
    }

    #[test]
    fn what_is_meant_is_close_by() {
        let names = || fields().keys().map(String::as_str);
        assert_eq!(did_you_mean("catgory", names()), "; did you mean 'category'?");
        assert_eq!(did_you_mean("atachments", names()), "; did you mean 'attachments'?");
        assert_eq!(did_you_mean("subject", names()), "");
    }
}
