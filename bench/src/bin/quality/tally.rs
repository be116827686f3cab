//! What the judgements sum up to.

use std::collections::BTreeMap;

use bench::{Bound, Figure};

use crate::judged::{HOSTILE, Judged};

/// Classes of fewer messages are printed, not judged.
const ENOUGH: usize = 30;

/// The figures that are promised, and recall and precision of each class.
pub(crate) fn figures(name: &str, judged: &[Judged]) -> Vec<Figure> {
    let figure = |what: &str, (part, whole): (usize, usize), bound: Bound| Figure {
        name: format!("{name}: {what}, of {whole}"),
        value: percent(part, whole),
        bound: if whole < ENOUGH { Bound::Printed } else { bound },
    };
    let of = |keep: &dyn Fn(&&Judged) -> bool, hit: &dyn Fn(&&Judged) -> bool| {
        let kept: Vec<_> = judged.iter().filter(keep).collect();
        (kept.iter().filter(|one| hit(one)).count(), kept.len())
    };
    let known = |one: &&Judged| !one.is_hostile() && one.is_known();
    let mut figures = vec![
        figure("first label, %", of(&known, &|one| one.is_first()), Bound::AtLeast(92.0)),
        figure("any label, %", of(&known, &|one| one.is_any()), Bound::AtLeast(96.0)),
        figure(
            "good mail called spam, %",
            of(&|one| !one.is_hostile(), &|one| one.called_hostile()),
            Bound::AtMost(1.0),
        ),
        figure(
            "spam found, %",
            of(&|one| one.is_hostile(), &|one| one.called_hostile()),
            Bound::AtLeast(85.0),
        ),
    ];
    let mut labels: Vec<_> =
        judged.iter().filter(|one| one.is_known()).map(Judged::label).collect();
    labels.sort_unstable();
    labels.dedup();
    for label in labels.into_iter().filter(|label| *label != HOSTILE) {
        let (recall, precision) = match label {
            "bounce" => (Bound::AtLeast(98.0), Bound::AtLeast(99.5)),
            "list" => (Bound::AtLeast(97.0), Bound::AtLeast(97.0)),
            "newsletter" | "promotion" => (Bound::AtLeast(85.0), Bound::Printed),
            _ => (Bound::Printed, Bound::Printed),
        };
        let found = of(&|one| one.label() == label, &|one| one.is_first());
        let called = of(&|one| one.category == label && one.is_known(), &|one| one.is_any());
        figures.push(figure(&format!("{label} recall, %"), found, recall));
        figures.push(figure(&format!("{label} precision, %"), called, precision));
    }
    figures.push(Figure {
        name: format!("{name}: expected calibration error, %"),
        value: calibration_error(judged),
        bound: Bound::Printed,
    });
    figures
}

/// Prints the confusion matrix, the table of reliability, the collections and, if wished, every mistake.
#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub(crate) fn print(judged: &[Judged], wrong: bool) {
    let mut cells: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in judged {
        *cells.entry((one.label(), &one.category)).or_default() += 1;
    }
    let mut columns: Vec<_> = cells.keys().map(|(_, category)| *category).collect();
    columns.sort_unstable();
    columns.dedup();
    print!("{:<14}", "label");
    for column in &columns {
        print!("{column:>14}");
    }
    println!();
    let mut rows: Vec<_> = cells.keys().map(|(label, _)| *label).collect();
    rows.dedup();
    for row in rows {
        print!("{row:<14}");
        for column in &columns {
            print!("{:>14}", cells.get(&(row, *column)).copied().unwrap_or_default());
        }
        println!();
    }
    println!("{:<14}{:>14}{:>14}{:>14}", "confidence", "messages", "mean", "right");
    for (bin, (number, confidence, right)) in bins(judged) {
        println!("{:<14}{number:>14}{confidence:>14.3}{right:>14.3}", format!("from 0.{bin}"));
    }
    for one in judged.iter().filter(|one| wrong && one.is_known() && !one.is_any()) {
        let reasons = one.reasons.join("; ");
        println!(
            "{}: {}, called {} ({}): {reasons}",
            one.path,
            one.label(),
            one.category,
            one.confidence
        );
    }
}

/// Tenths of confidence: how many messages, their mean confidence, and the share that is right by any label.
fn bins(judged: &[Judged]) -> BTreeMap<u8, (usize, f64, f64)> {
    let mut sums: BTreeMap<u8, (usize, f64, f64)> = BTreeMap::new();
    for one in judged.iter().filter(|one| one.is_known()) {
        let bin = (0..10).rev().find(|bin| one.confidence * 10.0 >= f64::from(*bin)).unwrap_or(0);
        let (number, confidence, right) = sums.entry(bin).or_default();
        *number += 1;
        *confidence += one.confidence;
        *right += f64::from(u8::from(one.is_any()));
    }
    for (number, confidence, right) in sums.values_mut() {
        *confidence /= float(*number);
        *right /= float(*number);
    }
    sums
}

/// How far confidence lies from the share that is right, over all messages, in percent.
fn calibration_error(judged: &[Judged]) -> f64 {
    let bins = bins(judged);
    let all: usize = bins.values().map(|(number, ..)| number).sum();
    let off = |(number, confidence, right): &(usize, f64, f64)| {
        float(*number) * (confidence - right).abs()
    };
    100.0 * bins.values().map(off).sum::<f64>() / float(all.max(1))
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * float(part) / float(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
fn float(number: usize) -> f64 {
    number as f64
}
