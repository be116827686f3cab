//! The TOML of a rules file. All that is wrong with it is told at once, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::str;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::condition::Condition;
use super::fields::did_you_mean;
use super::place::{Problem, within_string};
use super::wanted::Wanted;
use super::{BadRules, Rule};
use crate::actions::plan::MOST_ACTIONS;

/// Bytes of a file: its hash and its labels go into every result, its conditions are asked of every message.
pub(super) const FILE_BYTES: usize = 256 * 1024;

/// Rules of a file.
pub(super) const RULES: usize = 500;

/// Different labels of a file, and bytes of each. All of them may be in one event, beside a result of 200 KB, in the
/// 256 KiB that SNS takes.
pub(super) const LABELS: usize = 100;
pub(super) const LABEL_BYTES: usize = 100;

/// Characters of a rule's name.
const NAME_CHARS: usize = 100;

/// What may be said of a rule.
const KEYS: [&str; 5] = ["name", "when", "labels", "actions", "stop"];

/// The rules of a file, if nothing is wrong with it.
pub(super) fn read(content: &[u8]) -> Result<Vec<Rule>, BadRules> {
    let text = match text(content) {
        Ok(text) => text,
        Err(problem) => return Err(BadRules { problems: vec![problem] }),
    };
    let mut reader = Reader { text, ..Reader::default() };
    let rules = reader.rules();
    let mut problems = reader.problems;
    problems.sort();
    if problems.is_empty() { Ok(rules) } else { Err(BadRules { problems }) }
}

fn text(content: &[u8]) -> Result<&str, Problem> {
    if content.len() > FILE_BYTES {
        let what = format!("a file of rules has at most {FILE_BYTES} bytes");
        return Err(Problem { line: 1, column: 1, what });
    }
    str::from_utf8(content).map_err(|error| {
        let good = str::from_utf8(&content[..error.valid_up_to()]).unwrap_or_default();
        Problem::at(good, good.len(), "this is not UTF-8")
    })
}

#[derive(Default)]
struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    /// Where each name was given.
    names: BTreeMap<String, usize>,
    labels: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    fn wrong(&mut self, at: usize, what: impl Into<String>) {
        self.problems.push(Problem::at(self.text, at, &what.into()));
    }

    fn rules(&mut self) -> Vec<Rule> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.wrong(error.span().map_or(0, |span| span.start), error.message());
        }
        if !self.problems.is_empty() {
            // What could be read of the rest says little of what was meant.
            return Vec::new();
        }
        let mut rules = Vec::new();
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("rule", DeValue::Array(list)) => {
                    let found: Vec<_> = list.iter().filter_map(|rule| self.rule(rule)).collect();
                    rules.extend(found);
                }
                ("rule", _) => self.wrong(key.span().start, "a rule begins with [[rule]]"),
                (name, _) => {
                    let hint = did_you_mean(name, ["rule"]);
                    self.wrong(key.span().start, format!("there is no setting '{name}'{hint}"));
                }
            }
        }
        if rules.is_empty() && self.problems.is_empty() {
            self.wrong(0, "there is no [[rule]] in this file");
        }
        if rules.len() > RULES {
            self.wrong(0, format!("there are {} rules, and {RULES} may be", rules.len()));
        }
        rules
    }

    fn rule(&mut self, rule: &Spanned<DeValue<'t>>) -> Option<Rule> {
        let Some(table) = rule.get_ref().as_table() else {
            self.wrong(rule.span().start, "a rule begins with [[rule]]");
            return None;
        };
        for key in table.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref())) {
            let hint = did_you_mean(key.get_ref(), KEYS);
            let what = format!("a rule has no '{}'{hint}", key.get_ref());
            self.wrong(key.span().start, what);
        }
        let get = |name: &str| table.get(name);
        let name = self.name(rule.span().start, get("name"));
        let when = self.when(rule.span().start, get("when"));
        let stop = self.stop(get("stop"));
        let labels = self.labels(get("labels"));
        let actions = self.actions(get("actions"));
        if get("labels").is_none() && get("actions").is_none() && !stop {
            self.wrong(
                rule.span().start,
                "this rule does nothing: it needs labels, actions, or stop = true",
            );
        }
        Some(Rule { name: name?, labels, actions, stop, when: when? })
    }

    fn name(&mut self, rule: usize, value: Option<&Spanned<DeValue<'t>>>) -> Option<String> {
        let Some(value) = value else {
            self.wrong(rule, "this rule has no name");
            return None;
        };
        let at = value.span().start;
        let Some(name) = value.get_ref().as_str().filter(|name| is_word(name, NAME_CHARS)) else {
            let what = format!("a name is a text of 1 to {NAME_CHARS} characters on one line");
            self.wrong(at, what);
            return None;
        };
        if let Some(first) = self.names.insert(name.to_owned(), at) {
            let line = Problem::at(self.text, first, "").line;
            self.wrong(at, format!("the rule in line {line} has this name too"));
        }
        Some(name.to_owned())
    }

    fn when(&mut self, rule: usize, value: Option<&Spanned<DeValue<'t>>>) -> Option<Condition> {
        let Some(value) = value else {
            self.wrong(rule, "this rule has no condition: when = '…'");
            return None;
        };
        let span = value.span();
        let Some(source) = value.get_ref().as_str() else {
            self.wrong(span.start, "a condition is a text: when = '…'");
            return None;
        };
        match Condition::parse(source) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                let raw = self.text.get(span.clone()).unwrap_or_default();
                for fault in faults {
                    self.wrong(span.start + within_string(raw, fault.at), fault.what);
                }
                None
            }
        }
    }

    fn stop(&mut self, value: Option<&Spanned<DeValue<'t>>>) -> bool {
        let Some(value) = value else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(value.span().start, "stop is true or false");
            true
        })
    }

    fn actions(&mut self, value: Option<&Spanned<DeValue<'t>>>) -> Vec<Wanted> {
        let Some(value) = value else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(value.span().start, "actions are a list: actions = ['archive']");
            return Vec::new();
        };
        if list.is_empty() {
            self.wrong(value.span().start, "there is no action in this list");
        }
        let mut actions = Vec::new();
        for action in list {
            match Wanted::read(action) {
                Ok(action) => actions.push(action),
                Err((at, what)) => self.wrong(at, what),
            }
        }
        if actions.len() > MOST_ACTIONS {
            self.wrong(value.span().start, format!("a rule has at most {MOST_ACTIONS} actions"));
        }
        actions
    }

    fn labels(&mut self, value: Option<&Spanned<DeValue<'t>>>) -> Vec<String> {
        let Some(value) = value else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(value.span().start, "labels are a list of texts: labels = ['finance']");
            return Vec::new();
        };
        if list.is_empty() {
            self.wrong(value.span().start, "there is no label in this list");
        }
        let mut labels = Vec::new();
        for label in list {
            let at = label.span().start;
            let word = label.get_ref().as_str().filter(|word| is_word(word, LABEL_BYTES));
            if let Some(word) = word.filter(|word| word.len() <= LABEL_BYTES) {
                labels.push(word.to_owned());
            } else {
                let what = format!("a label is a text of 1 to {LABEL_BYTES} bytes on one line");
                self.wrong(at, what);
            }
        }
        self.labels.extend(labels.iter().cloned());
        if self.labels.len() > LABELS {
            self.wrong(value.span().start, format!("a file has at most {LABELS} different labels"));
        }
        labels
    }
}

/// Something that can stand in a list and in a line.
fn is_word(text: &str, most: usize) -> bool {
    let plain = !text.chars().any(char::is_control) && text.trim() == text;
    plain && (1..=most).contains(&text.chars().count())
}
