//! Logistic regression over several classes: the weights that make the labels likeliest, kept small by their squares.

use crate::classify::features::softmax;
use crate::classify::model::PerClass;

/// One message: its features with their values, and what is added to each class beforehand.
pub(super) struct Row {
    pub(super) features: Vec<(usize, f64)>,
    pub(super) class: usize,
    pub(super) offsets: PerClass<f64>,
    pub(super) weight: f64,
}

/// All messages.
pub(super) struct Problem {
    pub(super) rows: Vec<Row>,
    pub(super) columns: usize,
}

/// How much a message counts against the smallness of the weights.
const TRUST: f64 = 1.0;

/// Steps downhill. After these no weight changes by a hundredth any more.
const STEPS: usize = 500;

/// Rounds in which the steepest direction is found.
const ROUNDS: usize = 30;

type Weights = Vec<PerClass<f64>>;

/// Nesterov's descent for a function that is steep to a known degree and curved at least by one.
pub(super) fn fit(problem: &Problem) -> Weights {
    let steepest = 1.0 + 0.5 * TRUST * problem.steepest();
    let root = steepest.sqrt();
    let momentum = (root - 1.0) / (root + 1.0);
    let mut weights: Weights = vec![PerClass::default(); problem.columns];
    let mut ahead = weights.clone();
    for _ in 0..STEPS {
        let slope = problem.slope(&ahead);
        for ((weight, ahead), slope) in weights.iter_mut().zip(&mut ahead).zip(&slope) {
            for class in 0..weight.len() {
                let next = ahead[class] - slope[class] / steepest;
                ahead[class] = next + momentum * (next - weight[class]);
                weight[class] = next;
            }
        }
    }
    weights
}

impl Problem {
    /// The slope of what is made small, at these weights.
    fn slope(&self, weights: &Weights) -> Weights {
        let mut slope = weights.clone();
        for row in &self.rows {
            let mut logits = row.offsets;
            for (column, value) in &row.features {
                for (logit, weight) in logits.iter_mut().zip(&weights[*column]) {
                    *logit += weight * value;
                }
            }
            let mut error = softmax(logits);
            error[row.class] -= 1.0;
            for (column, value) in &row.features {
                let pull = TRUST * row.weight * value;
                for (slope, error) in slope[*column].iter_mut().zip(&error) {
                    *slope += pull * error;
                }
            }
        }
        slope
    }

    /// The greatest eigenvalue of the features' products, a little more: no direction is steeper.
    fn steepest(&self) -> f64 {
        let mut direction = vec![1.0; self.columns];
        let mut length = 1.0;
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; self.columns];
            for row in &self.rows {
                let along: f64 =
                    row.features.iter().map(|(at, value)| direction[*at] * value).sum();
                for (column, value) in &row.features {
                    next[*column] += row.weight * along * value;
                }
            }
            length = next.iter().map(|part| part * part).sum::<f64>().sqrt();
            direction = next.iter().map(|part| part / length.max(f64::MIN_POSITIVE)).collect();
        }
        1.05 * length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_a_class_speaks_for_it() {
        let row = |features: &[usize], class| Row {
            features: features.iter().map(|at| (*at, 1.0)).collect(),
            class,
            offsets: PerClass::default(),
            weight: 1.0,
        };
        let rows = (0..20).map(|n| if n % 2 == 0 { row(&[0, 2], 0) } else { row(&[1, 2], 7) });
        let weights = fit(&Problem { rows: rows.collect(), columns: 3 });
        assert!(weights[0][0] > 0.5 && weights[0][7] < -0.5);
        assert!(weights[1][7] > 0.5 && weights[1][0] < -0.5);
        assert!(weights[2][0] < weights[0][0] && weights[2][3] < 0.0);
    }

    #[test]
    fn what_is_leaned_to_need_not_be_learned() {
        let problem = |lean: f64| Problem {
            rows: (0..4)
                .map(|_| Row {
                    features: vec![(0, 1.0)],
                    class: 1,
                    offsets: [0.0, lean, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                    weight: 1.0,
                })
                .collect(),
            columns: 1,
        };
        assert!(fit(&problem(5.0))[0][1] < 0.5 * fit(&problem(0.0))[0][1]);
    }
}
