//! What certainty is worth: collections are left out in turn, and what is learned from the others judges them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Example, learn};
use crate::classify::features::{share, softmax};
use crate::classify::model::{Model, PerClass};
use crate::classify::ranked;

/// How many parts the collections are dealt into.
const FOLDS: usize = 5;

/// Judgements that a step of the table is made of, at least.
const STEP: usize = 40;

/// The collections, dealt into parts of about the same number of examples: the largest first, each to the smallest part.
pub fn folds(examples: &[Example]) -> Vec<Vec<String>> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for example in examples {
        *sizes.entry(&example.collection).or_default() += 1;
    }
    let mut collections: Vec<_> = sizes.into_iter().collect();
    collections.sort_by_key(|(name, size)| (Reverse(*size), *name));
    let mut parts: Vec<(usize, Vec<String>)> = vec![(0, Vec::new()); FOLDS];
    for (name, size) in collections {
        if let Some(part) = parts.iter_mut().min_by_key(|(size, _)| *size) {
            part.0 += size;
            part.1.push(name.to_owned());
        }
    }
    parts.into_iter().map(|(_, names)| names).collect()
}

/// Steps of the table, in thousandths: so certain, so often right. Both grow.
///
/// Left out are runs of messages that stand side by side in their collection: what is shipped has learned from every
/// collection, and mail like theirs is what it will meet, but not their neighbours.
pub(super) fn steps(examples: &[Example]) -> Vec<(u32, u32)> {
    let mut judged: Vec<(u32, bool)> = Vec::new();
    let runs = runs(examples);
    for fold in 0..FOLDS {
        let part = |kept: bool| {
            let numbered = examples.iter().zip(&runs);
            numbered.filter(move |(_, run)| (*run % FOLDS != fold) == kept).map(|(one, _)| one)
        };
        let Some(model) = Model::read(&learn(&part(true).collect::<Vec<_>>())) else { continue };
        judged.extend(part(false).map(|example| judge(example, &model)));
    }
    judged.sort_unstable();
    growing(&judged)
}

/// Messages of a collection that are left out together.
const RUN: usize = 30;

/// The number of the run that each example is in.
fn runs(examples: &[Example]) -> Vec<usize> {
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut runs = Vec::new();
    for example in examples {
        let place = met.entry(&example.collection).or_default();
        let next = known.len();
        runs.push(*known.entry((&example.collection, *place / RUN)).or_insert(next));
        *place += 1;
    }
    runs
}

/// How certain the model is of its judgement, in thousandths, and whether that is right.
fn judge(example: &Example, model: &Model) -> (u32, bool) {
    let mut logits = model.bias.map(|weight| f64::from(weight) / 100.0);
    let mut add = |weights: &PerClass<i16>, value: f64| {
        for (logit, weight) in logits.iter_mut().zip(weights) {
            *logit += f64::from(*weight) * value / 100.0;
        }
    };
    for name in &example.names {
        if let Some(weights) = model.of(name) {
            add(weights, 1.0);
        }
    }
    for (weights, points) in model.rules.iter().zip(example.points) {
        add(weights, share(points));
    }
    for (logit, lean) in logits.iter_mut().zip(example.leanings) {
        *logit += lean;
    }
    let likely = softmax(logits);
    let (class, _) = ranked(&likely);
    (thousandths(likely[class]), example.classes.contains(&class))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share lies between 0 and 1"
)]
fn thousandths(share: f64) -> u32 {
    (share * 1_000.0).round().clamp(0.0, 1_000.0) as u32
}

/// The share of right judgements as a function of certainty that never falls: neighbours that fall are pooled.
fn growing(judged: &[(u32, bool)]) -> Vec<(u32, u32)> {
    let mut pools: Vec<(u64, u64, u64)> = Vec::new();
    for chunk in judged.chunks(STEP) {
        let certainty = chunk.iter().map(|(certainty, _)| u64::from(*certainty)).sum();
        let right = chunk.iter().filter(|(_, right)| *right).count() as u64;
        pools.push((certainty, right, chunk.len() as u64));
        while let [.., (c, r, n), (next_c, next_r, next_n)] = pools[..] {
            if r * next_n <= next_r * n && c * next_n < next_c * n {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push((c + next_c, r + next_r, n + next_n));
        }
    }
    let mean = |sum: u64, n: u64| u32::try_from(sum / n).unwrap_or(1_000);
    // One more right and one more wrong: a few judgements without a mistake prove no certainty.
    let steps = pools.into_iter().map(|(c, r, n)| (mean(c, n), mean((r + 1) * 1_000, n + 2)));
    let mut grown: Vec<(u32, u32)> = Vec::new();
    for (certainty, right) in steps {
        let least = grown.last().map_or(0, |last| last.1);
        if grown.last().is_none_or(|last| last.0 < certainty) {
            grown.push((certainty, right.max(least)));
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_fall_are_pooled() {
        let judged: Vec<_> =
            (0..400).map(|n| (n * 2, n % 4 != 0 && !(100..=200).contains(&n))).collect();
        let steps = growing(&judged);
        assert!(steps.len() > 1);
        assert!(
            steps.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
            "{steps:?}"
        );
    }
}
