//! `fanmail rules`: what a file of rules would do, before it does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use message_processor::{Explained, Rule, Rules, Verdict, Wanted};
use serde::Serialize;
use shared::category::Category;
use shared::clock::Clock;
use shared::result::MessageResult;

use super::classify::{messages, understood};
use super::results::Stored;
use crate::args::{Data, Place, RulesArgs, RulesCommand};
use crate::backend::Backend;
use crate::print::{Out, Row, line};
use crate::{BadUse, End};

/// Carries out one command on rules.
pub(crate) async fn run(args: RulesArgs, place: &Place, out: Out) -> anyhow::Result<End> {
    match args.command {
        RulesCommand::Check { file } => check(&file, out)?,
        RulesCommand::Test { file, mail } => test(&file, &mail, out)?,
        RulesCommand::Diff { old, new, data } => {
            let (old, new) = (open(&old)?, open(&new)?);
            diff(&old, &new, &data, place, out).await?;
        }
    }
    Ok(End::Good)
}

/// The rules of a file; a bad one is the caller's to mend.
pub(super) fn open(path: &Path) -> anyhow::Result<Rules> {
    Rules::open(path).map_err(|error| BadUse(error.to_string()).into())
}

fn check(file: &Path, out: Out) -> anyhow::Result<()> {
    let rules = open(file)?;
    let rows: Vec<_> = rules.list().iter().map(Shown::of).collect();
    out.rows(&rows, "There is no rule.")
}

/// A rule in one line.
#[derive(Serialize)]
struct Shown<'r> {
    rule: &'r str,
    labels: &'r [String],
    actions: Vec<String>,
    stop: bool,
    when: String,
}

impl<'r> Shown<'r> {
    fn of(rule: &'r Rule) -> Self {
        Self {
            rule: &rule.name,
            labels: &rule.labels,
            actions: words(&rule.actions),
            stop: rule.stop,
            when: rule.condition(),
        }
    }
}

impl Row for Shown<'_> {
    const HEAD: &'static [&'static str] = &["RULE", "LABELS", "ACTIONS", "WHEN"];

    fn cells(&self) -> Vec<String> {
        let stop = if self.stop { " (stop)" } else { "" };
        let labels = format!("{}{stop}", self.labels.join(", "));
        vec![self.rule.to_owned(), labels, self.actions.join(", "), self.when.clone()]
    }
}

fn words(actions: &[Wanted]) -> Vec<String> {
    actions.iter().map(ToString::to_string).collect()
}

/// The labels and the actions that rules ask for.
fn asked(rules: &Rules, result: &MessageResult) -> Vec<String> {
    let asked = rules.ask(result);
    asked.labels.into_iter().chain(words(&asked.actions)).collect()
}

/// What the rules say about one file.
#[derive(Serialize)]
struct Tested<'r> {
    path: String,
    category: Category,
    labels: Vec<String>,
    rules: Vec<Explained<'r>>,
}

fn test(file: &Path, mail: &Path, out: Out) -> anyhow::Result<()> {
    let rules = open(file)?;
    let now = Clock::System.now();
    let mut hits: BTreeMap<&str, usize> = BTreeMap::new();
    let files = messages(&[mail.to_owned()])?;
    for path in &files {
        let shown = path.display().to_string();
        let raw = fs::read(path).with_context(|| format!("reading {shown}"))?;
        let result = understood(&raw, shown.clone(), now, Some(&rules));
        let explained = rules.explain(&result);
        for hit in explained.iter().filter(|rule| matches!(rule.verdict, Verdict::Hit { .. })) {
            *hits.entry(hit.rule).or_default() += 1;
        }
        let (category, labels) = (result.category, result.labels);
        let tested = Tested { path: shown, category, labels, rules: explained };
        if out.json { out.object(&tested)? } else { line(&tested.in_words())? }
    }
    if !out.json {
        let count = |rule: &Rule| {
            format!("{} {}", rule.name, hits.get(rule.name.as_str()).copied().unwrap_or_default())
        };
        let counts: Vec<_> = rules.list().iter().map(count).collect();
        line(&format!("{} messages; hits: {}", files.len(), counts.join(", ")))?;
    }
    Ok(())
}

impl Tested<'_> {
    fn in_words(&self) -> String {
        let mut lines = vec![format!("{}  {}", self.path, self.category)];
        for Explained { rule, verdict } in &self.rules {
            lines.push(match verdict {
                Verdict::Hit { labels, actions } => {
                    let asked: Vec<_> = labels.iter().chain(actions).cloned().collect();
                    format!("  hit     {rule}  {}", asked.join(", "))
                }
                Verdict::Missed { part } => format!("  missed  {rule}  not so: {part}"),
                Verdict::Failed { part, why } => format!("  failed  {rule}  {part}: {why}"),
                Verdict::NotAsked { stopped_by } => {
                    format!("  skipped {rule}  '{stopped_by}' stops")
                }
            });
        }
        lines.join("\n")
    }
}

/// A result that would change.
#[derive(Serialize)]
struct Changed<'r> {
    result: &'r str,
    added: Vec<String>,
    removed: Vec<String>,
}

/// How much would change.
#[derive(Default, Serialize)]
struct Changes {
    results: usize,
    changed: usize,
    added: BTreeMap<String, usize>,
    removed: BTreeMap<String, usize>,
}

async fn diff(
    old: &Rules,
    new: &Rules,
    data: &Data,
    place: &Place,
    out: Out,
) -> anyhow::Result<()> {
    let backend = Backend::open(place, data).await?;
    let (mut changes, mut stored) = (Changes::default(), Stored::of(&backend, None));
    while let Some((key, result)) = stored.next().await? {
        let (before, then) = (asked(old, &result), asked(new, &result));
        let without = |of: &[String], those: &[String]| -> Vec<String> {
            of.iter().filter(|label| !those.contains(label)).cloned().collect()
        };
        let (added, removed) = (without(&then, &before), without(&before, &then));
        changes.count(&added, &removed);
        if !added.is_empty() || !removed.is_empty() {
            let one = Changed { result: &key, added, removed };
            out.said(&one.in_words(), &one)?;
        }
    }
    out.said(&changes.in_words(), &changes)
}

impl Changed<'_> {
    fn in_words(&self) -> String {
        let mut words = vec![self.result.to_owned()];
        words.extend(self.added.iter().map(|label| format!("+{label}")));
        words.extend(self.removed.iter().map(|label| format!("-{label}")));
        words.join("  ")
    }
}

impl Changes {
    fn count(&mut self, added: &[String], removed: &[String]) {
        self.results += 1;
        self.changed += usize::from(!added.is_empty() || !removed.is_empty());
        for (labels, counts) in [(added, &mut self.added), (removed, &mut self.removed)] {
            for label in labels {
                *counts.entry(label.clone()).or_default() += 1;
            }
        }
    }

    fn in_words(&self) -> String {
        let mut words = vec![format!("{} of {} results would change", self.changed, self.results)];
        words.extend(self.added.iter().map(|(label, count)| format!("+{label} {count}")));
        words.extend(self.removed.iter().map(|(label, count)| format!("-{label} {count}")));
        words.join("  ")
    }
}
