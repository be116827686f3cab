//! The runbook, as whoever is on call reads it.

use std::fs;

const RUNBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md");
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");

/// One section.
pub struct Section {
    /// The heading of the part that it stands in.
    pub part: String,
    /// Its own heading.
    pub heading: String,
    /// What it says.
    pub body: String,
}

/// Every section below the heading of a part.
pub fn sections() -> Vec<Section> {
    let text = fs::read_to_string(RUNBOOK).unwrap();
    let parts = text.split("\n## ").skip(1);
    let sections = parts.flat_map(|part| {
        let (name, rest) = part.split_once('\n').unwrap();
        let of_part = rest.split("\n### ").skip(1).map(move |section| {
            let (heading, body) = section.split_once('\n').unwrap();
            Section { part: name.to_owned(), heading: heading.to_owned(), body: body.to_owned() }
        });
        of_part.collect::<Vec<_>>()
    });
    sections.collect()
}

/// Every command of `fanmail` that the runbook or an alarm tells somebody to type, without what stands behind a `#`.
pub fn commands() -> Vec<String> {
    let (runbook, template) = (RUNBOOK, TEMPLATE);
    let texts = [runbook, template].map(|path| fs::read_to_string(path).unwrap());
    let mut found: Vec<String> = texts.iter().flat_map(|text| commands_in(text)).collect();
    found.sort();
    found.dedup();
    found
}

/// The lines of blocks, and what stands in backticks, that begin with `fanmail `.
fn commands_in(text: &str) -> Vec<String> {
    let parts = text.split("```").enumerate();
    let quoted = parts.flat_map(|(at, part)| {
        // Every second part is a block.
        let one: Vec<&str> = if at % 2 == 1 {
            part.lines().collect()
        } else {
            part.split('`').skip(1).step_by(2).collect()
        };
        one
    });
    let words = quoted.map(|command| {
        let command = command.split(" #").next().unwrap_or_default();
        // A line may end within it.
        command.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    words.filter(|command| command.starts_with("fanmail ")).collect()
}
