//! The operator's rules: conditions over a result's fields, and where they hold, the labels that a message gets and what
//! is done with it.
//!
//! A rules file is checked as a whole before any of it runs: a field that is misspelt, a condition that is not one, and
//! what could cost too much are found when the file is read, with their place, and not message by message. What is left
//! for a message is to hold, not to hold, or to fail because something is null; a rule that fails does not hit, and no
//! message waits for it.

mod book;
mod check;
mod condition;
mod cost;
mod explain;
mod fields;
mod file;
mod parts;
mod place;
mod sample;
mod values;
mod wanted;

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use shared::result::MessageResult;

pub use self::book::{Book, Content as RulesContent, NoBook, RulesSource};
pub use self::explain::{Explained, Verdict};
pub use self::place::Problem;
pub use self::sample::sample;
pub use self::wanted::Wanted;

use self::condition::Condition;
use self::cost::Budget;
use self::values::Fields;

/// A file of rules that may run.
#[derive(Debug)]
pub struct Rules {
    hash: String,
    list: Vec<Rule>,
    /// The fields that some condition looks at.
    roots: BTreeSet<String>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    /// What a message gets that the condition holds for.
    pub labels: Vec<String>,
    /// What is done with it beside.
    pub actions: Vec<Wanted>,
    /// Whether the rules below are not asked where this one hits.
    pub stop: bool,
    when: Condition,
}

/// What rules ask for: in the order of the file, and each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub labels: Vec<String>,
    pub actions: Vec<Wanted>,
}

/// Everything that is wrong with a file of rules, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRules {
    pub problems: Vec<Problem>,
}

impl BadRules {
    /// A line for each problem, in the form that editors know: `FILE:LINE:COLUMN: what`.
    pub fn in_file(&self, file: &dyn fmt::Display) -> String {
        let line = |problem: &Problem| format!("{file}:{problem}");
        self.problems.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for BadRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for BadRules {}

impl Rule {
    /// The condition, on one line.
    pub fn condition(&self) -> String {
        self.when.source.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Rules {
    /// Reads a file of rules and checks all of it.
    pub fn parse(content: &[u8]) -> Result<Self, BadRules> {
        let list = file::read(content)?;
        let roots = list.iter().flat_map(|rule| rule.when.roots.iter().cloned()).collect();
        Ok(Self { hash: hash(content), list, roots })
    }

    /// SHA-256 of the file, in hexadecimal: what stands in each result that these rules ran on.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The rules, in the order of the file.
    pub fn list(&self) -> &[Rule] {
        &self.list
    }

    /// Gives a result its labels and the actions that are asked for, and says in it which rules did.
    pub fn apply(&self, result: &mut MessageResult) {
        let asked = self.ask(result);
        result.labels = asked.labels;
        result.actions = asked.actions.iter().map(Wanted::pending).collect();
        result.rules = Some(self.hash.clone());
    }

    /// What all rules that hit ask for.
    pub fn ask(&self, result: &MessageResult) -> Asked {
        let document = document(result);
        let fields = Fields::of(&document, &self.roots);
        let mut budget = Budget::of_a_message();
        let mut asked = Asked::default();
        for rule in &self.list {
            if rule.when.holds(&fields, &mut budget) != Ok(true) {
                continue;
            }
            add(&mut asked.labels, &rule.labels, |one, other| one == other);
            // However it is carried, a message is forwarded to somebody once.
            add(&mut asked.actions, &rule.actions, Wanted::is_same);
            if rule.stop {
                break;
            }
        }
        asked
    }

    /// What each rule says about a result, and where it does not hit, why.
    pub fn explain(&self, result: &MessageResult) -> Vec<Explained<'_>> {
        let document = document(result);
        let fields = Fields::of(&document, &self.roots);
        explain::each(&self.list, &fields)
    }
}

fn add<T: Clone>(all: &mut Vec<T>, more: &[T], is_same: impl Fn(&T, &T) -> bool) {
    for one in more {
        if !all.iter().any(|other| is_same(one, other)) {
            all.push(one.clone());
        }
    }
}

/// The result as it is stored, which is what conditions speak about.
fn document(result: &MessageResult) -> Value {
    // A result is made of texts, numbers and lists: it cannot fail, and where it did, no condition would hold.
    serde_json::to_value(result).unwrap_or_default()
}

fn hash(content: &[u8]) -> String {
    hex::encode(digest(&SHA256, content))
}

#[cfg(test)]
mod tests;
