//! From labelled mail to the file of weights.
//!
//! The same mail gives the same file, byte for byte, on every machine: examples are sorted, sums are made in one order
//! and on one thread, and no number comes from chance, the clock or the machine's own mathematics. Collections count as
//! wholes: a word is learned when two sources know it, and certainty is measured on collections that were left out.

mod certainty;
mod fit;
mod mail;
mod vocabulary;

use std::collections::BTreeSet;
use std::fmt::Write;

use shared::category::Category;

pub use self::certainty::folds;
use self::fit::{Problem, Row};
pub use self::mail::{Mail, collection_of, read};
use self::vocabulary::Vocabulary;
use super::evidence::Evidence;
use super::features::{names, rule_names, share};
use super::leanings::Leanings;
use super::model::{CLASSES, FORMAT, HOSTILE, Model, PerClass};
use super::rules::Points;
use super::{Judgement, judge};
use crate::parse::{parse, with_line_feeds};

/// A message to learn from.
#[derive(Debug, Clone)]
pub struct Example {
    /// The collection that it is from.
    pub collection: String,
    /// The class of its first label, then those of the others.
    classes: Vec<usize>,
    names: BTreeSet<String>,
    points: PerClass<u32>,
    leanings: PerClass<f64>,
}

impl Example {
    /// A message and its first label. Nothing is to be learned where the rules decide alone, nor of a class that they
    /// always decide.
    pub fn of(mail: &Mail) -> Option<Self> {
        class_of(mail.labels.first()?)?;
        let lines = with_line_feeds(&mail.raw);
        let parsed = parse(&lines).ok()?;
        let evidence = Evidence::of(&parsed, Vec::new());
        let points = Points::of(&evidence);
        points.decide().is_none().then(|| Self {
            collection: mail.collection.clone(),
            classes: mail.labels.iter().filter_map(|label| class_of(label)).collect(),
            names: names(&evidence),
            points: points.for_classes(),
            leanings: Leanings::of(&evidence).for_classes(),
        })
    }
}

/// What there is to learn from several folders. What is there twice counts once, as of the first
/// folder: some messages of the corpus are shipped too.
pub fn examples(folders: &[Vec<Mail>]) -> Vec<Example> {
    let mut met = BTreeSet::new();
    let free = folders.iter().flatten().filter(|mail| mail.free && met.insert(&mail.raw));
    let mut mail: Vec<_> = free.collect();
    mail.sort_by_key(|mail| (&mail.collection, &mail.path));
    mail.into_iter().filter_map(Example::of).collect()
}

fn class_of(label: &str) -> Option<usize> {
    let category: Category = label.parse().ok()?;
    let class = if category == Category::Phishing { CLASSES[HOSTILE] } else { category };
    CLASSES.iter().position(|known| *known == class)
}

/// A model that is not the shipped one.
pub struct Weights(Model);

impl Weights {
    /// Reads a file of weights.
    pub fn read(file: &str) -> Option<Self> {
        Model::read(file).map(Self)
    }

    /// Judges a message by these weights; none where nothing can be read.
    pub fn judge(&self, raw: &[u8]) -> Option<Judgement> {
        let lines = with_line_feeds(raw);
        let parsed = parse(&lines).ok()?;
        Some(judge(&Evidence::of(&parsed, Vec::new()), &self.0))
    }
}

/// Learns weights, and measures on mail that was left out what their certainty is worth: the whole file.
pub fn train(examples: &[Example]) -> String {
    learn(&examples.iter().collect::<Vec<_>>()) + &calibration(examples)
}

/// The lines of the file that say what certainty is worth.
pub fn calibration(examples: &[Example]) -> String {
    let mut lines = String::new();
    for (certainty, right) in certainty::steps(examples) {
        let _ = writeln!(lines, "calibration {certainty} {right}");
    }
    lines
}

/// Learns weights from examples: the file without its calibration.
pub fn learn(examples: &[&Example]) -> String {
    let vocabulary = Vocabulary::of(examples);
    let rows = examples.iter().map(|example| row(example, &vocabulary)).collect();
    let weights = fit::fit(&Problem { rows, columns: vocabulary.names.len() });
    let mut file = format!("{FORMAT}\n");
    for (name, weights) in vocabulary.names.iter().zip(weights) {
        let scale = 100.0 * vocabulary::value(name);
        let mut hundredths = weights.map(|weight| (weight * scale).round());
        if let Some(class) = rule_names().iter().position(|known| known == name) {
            hundredths[class] += 100.0 * BELIEF;
        }
        if hundredths.iter().any(|weight| weight.abs() >= LEAST) {
            let _ = write!(file, "{name}");
            for weight in hundredths {
                // Adding zero makes of a negative zero a plain one.
                let _ = write!(file, " {}", weight + 0.0);
            }
            file.push('\n');
        }
    }
    file
}

/// What the rules' points for a class are believed to be worth before anything is learned: the rules are older than the
/// examples, and know of mail that no example is like.
const BELIEF: f64 = 1.5;

/// Hundredths below which a feature is not worth its line.
const LEAST: f64 = 1.0;

fn row(example: &Example, vocabulary: &Vocabulary) -> Row {
    let mut features: Vec<_> = example
        .names
        .iter()
        .filter_map(|name| Some((vocabulary.number(name)?, vocabulary::value(name))))
        .collect();
    let mut offsets = example.leanings;
    for ((name, points), offset) in rule_names().iter().zip(example.points).zip(&mut offsets) {
        features.extend(vocabulary.number(name).map(|at| (at, share(points))));
        *offset += BELIEF * share(points);
    }
    features.extend(vocabulary.number(vocabulary::BIAS).map(|at| (at, 1.0)));
    // An example has a class: without one it is none.
    let class = example.classes.first().copied().unwrap_or_default();
    Row { features, class, offsets, weight: weight(class) }
}

/// How much an example counts. Mail that a firm sends is what spam is taken for, and there is little of it to learn from;
/// of promotions least.
fn weight(class: usize) -> f64 {
    let sent_by_firms = [Category::Newsletter, Category::Transactional, Category::Security];
    let class = CLASSES[class];
    if class == Category::Promotion {
        5.0
    } else if sent_by_firms.contains(&class) {
        2.0
    } else {
        1.0
    }
}
