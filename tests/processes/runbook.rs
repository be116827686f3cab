//! What the runbook and the alarms tell somebody to type at night can be typed.

use std::process::Command;

use tempfile::TempDir;

use crate::command::{Ran, fanmail};
use tests::runbook::commands;

/// What somebody would put in the place of a word in capitals.
fn meant(word: &str) -> &str {
    match word {
        "USER" => "100100000000000000000",
        "JOB" => "452d69110a9a366c93e8e94039a798e1",
        "REASON" => "too_many_tries",
        "WHEN" => "2026-05-01",
        "DESTINATION" => "https://example.com/hooks/mail",
        "ADDRESS" => "ada@corp.example",
        _ => {
            let is_a_gap = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
            assert!(!is_a_gap && word != "…", "nobody knows what to put for {word}");
            word
        }
    }
}

/// The command as it would be typed, in an empty folder and without settings: it gets as far as to look for its data.
fn typed(command: &str, folder: &TempDir) -> Command {
    let words: Vec<&str> = command.split(' ').skip(1).map(meant).collect();
    assert!(!["demo", "google-sim"].contains(&words[0]), "{command} would not end");
    let mut typed = fanmail();
    typed.args(words).current_dir(folder.path());
    typed
}

#[test]
fn every_command_of_the_runbook_is_one_that_fanmail_takes() {
    let (folder, commands) = (TempDir::new().unwrap(), commands());
    assert!(commands.len() > 40, "{commands:?}");
    let mut refused = Vec::new();
    for command in commands {
        let ran = Ran::of(&typed(&command, &folder).output().unwrap());
        // What is refused for its words is answered with how they should be.
        if ran.err.contains("Usage: ") || ran.err.contains("try '--help'") {
            refused.push(format!("{command}\n    {}", ran.err.lines().next().unwrap_or_default()));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
