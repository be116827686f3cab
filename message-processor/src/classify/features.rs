//! What the model knows of a message: which signs hold, which words the subject and the text have, and how many points
//! the rules give each class.

use super::evidence::Evidence;
use super::exp::exp;
#[cfg(feature = "training")]
use super::model::CLASSES;
use super::model::{MOST_POINTS, Model, POINTS, PerClass};
use super::rules::Points;
use super::{signs, words};

/// What stands before a feature's name in the file of weights; signs have nothing before theirs.
pub(super) const IN_SUBJECT: &str = "subject:";
pub(super) const IN_TEXT: &str = "text:";
pub(super) const RULES: &str = "rules:";

/// What spoke for or against a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spoken<'m> {
    Sign(&'static str),
    Word(&'m str),
}

/// A message as the model sees it: what of it is known to the model, with the weights.
pub(super) struct Seen<'m> {
    pub(super) spoken: Vec<(Spoken<'m>, &'m PerClass<i16>)>,
    /// Sums of weights for each class.
    logits: PerClass<f64>,
}

impl<'m> Seen<'m> {
    pub(super) fn of(evidence: &Evidence<'_>, points: &Points, model: &'m Model) -> Self {
        let mut seen = Self { spoken: Vec::new(), logits: model.bias.map(f64::from) };
        for (sign, weights) in signs::all().zip(&model.signs) {
            if (sign.holds)(evidence) {
                seen.add(Spoken::Sign(sign.says), weights);
            }
        }
        let lists = [(&*evidence.subject, &model.subject), (evidence.text(), &model.text)];
        for (text, known) in lists {
            let mut met = vec![false; known.weights.len()];
            words::each(text, |word| {
                let Some((word, &number)) = known.numbers.get_key_value(word) else { return };
                if !std::mem::replace(&mut met[number], true) {
                    seen.add(Spoken::Word(word), &known.weights[number]);
                }
            });
        }
        for (points, weights) in points.for_classes().into_iter().zip(&model.rules) {
            for (logit, weight) in seen.logits.iter_mut().zip(weights) {
                *logit += f64::from(*weight) * share(points);
            }
        }
        for logit in &mut seen.logits {
            *logit /= 100.0;
        }
        seen
    }

    fn add(&mut self, what: Spoken<'m>, weights: &'m PerClass<i16>) {
        for (logit, weight) in self.logits.iter_mut().zip(weights) {
            *logit += f64::from(*weight);
        }
        self.spoken.push((what, weights));
    }

    /// What speaks for a class rather than for its rival, and how much.
    pub(super) fn for_class(&self, class: usize, rival: usize) -> Vec<(i32, &Spoken<'m>)> {
        let gain = |weights: &PerClass<i16>| i32::from(weights[class]) - i32::from(weights[rival]);
        let spoken = self.spoken.iter().map(|(what, weights)| (gain(weights), what));
        spoken.filter(|(gain, _)| *gain > 0).collect()
    }

    /// How likely each class is, once what the model has not learned is added.
    pub(super) fn likelihoods(&self, tilt: &PerClass<f64>) -> PerClass<f64> {
        let mut logits = self.logits;
        for (logit, more) in logits.iter_mut().zip(tilt) {
            *logit += more;
        }
        softmax(logits)
    }
}

/// Points as a feature's value.
pub(super) fn share(points: u32) -> f64 {
    f64::from(points.min(MOST_POINTS)) / POINTS
}

/// Likelihoods that sum to one.
pub(super) fn softmax(logits: PerClass<f64>) -> PerClass<f64> {
    let most = logits.into_iter().fold(f64::MIN, f64::max);
    let shares = logits.map(|logit| exp(logit - most));
    let sum: f64 = shares.iter().sum();
    shares.map(|share| share / sum)
}

/// What the trainer learns from: the features that a message has, by name, each once.
#[cfg(feature = "training")]
pub(super) fn names(evidence: &Evidence<'_>) -> std::collections::BTreeSet<String> {
    let held = signs::all().filter(|sign| (sign.holds)(evidence));
    let mut names: std::collections::BTreeSet<_> = held.map(|sign| sign.name.to_owned()).collect();
    for (text, kind) in [(&*evidence.subject, IN_SUBJECT), (evidence.text(), IN_TEXT)] {
        words::each(text, |word| {
            names.insert(format!("{kind}{word}"));
        });
    }
    names
}

/// The name of the rules' points for each class.
#[cfg(feature = "training")]
pub(super) fn rule_names() -> PerClass<String> {
    CLASSES.map(|class| format!("{RULES}{class}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_sum_to_one_however_far_apart() {
        for logits in [[0.0; 8], [900.0, -900.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]] {
            let shares = softmax(logits);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
    }
}
