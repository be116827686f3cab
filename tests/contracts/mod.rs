//! `docs/`: what consumers were promised in `schemas/`, and still get; and what the runbook says.

mod compatible;
mod runbook;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use self::compatible::breaks;

/// Where the promises are kept, one file each.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas");

/// Writes the files anew, where nothing that was promised is broken.
const WRITE: &str = "FANMAIL_WRITE_SCHEMAS";

fn path(name: &str) -> PathBuf {
    PathBuf::from(KEPT).join(format!("{name}.json"))
}

fn kept(name: &str) -> Option<Value> {
    Some(serde_json::from_slice(&fs::read(path(name)).ok()?).unwrap())
}

fn is_to_be_written() -> bool {
    std::env::var_os(WRITE).is_some()
}

#[test]
fn the_schemas_in_the_docs_are_those_of_the_types() {
    for (name, schema) in shared::schema::all() {
        let kept = kept(name);
        if kept.as_ref() == Some(&schema) {
            continue;
        }
        let broken = kept.map(|kept| breaks(&kept, &schema)).unwrap_or_default();
        assert!(
            broken.is_empty(),
            "{name} breaks what consumers were promised; give it back, or make a v2:\n{}",
            broken.join("\n")
        );
        assert!(
            is_to_be_written(),
            "{name} has changed without breaking anything; {WRITE}=1 cargo test writes it"
        );
        fs::create_dir_all(KEPT).unwrap();
        fs::write(path(name), serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
}

#[test]
fn nothing_is_promised_that_no_type_stands_for() {
    let names: Vec<_> = shared::schema::all().into_iter().map(|(name, _)| path(name)).collect();
    for file in fs::read_dir(KEPT).unwrap() {
        let path = file.unwrap().path();
        assert!(names.contains(&path), "{} describes nothing", path.display());
    }
}
