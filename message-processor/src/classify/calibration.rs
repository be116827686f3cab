//! What the model's certainty is worth: how often it was right, when it was that sure of mail it had not learned from.

/// Steps of certainty, each with how often it was right, both in thousandths and growing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calibration {
    steps: Vec<(u32, u32)>,
}

impl Calibration {
    /// Adds a step, `certainty right`, above those that are there.
    pub(super) fn add(&mut self, numbers: &str) -> Option<()> {
        let (certainty, right) = numbers.split_once(' ')?;
        let step = (certainty.parse().ok()?, right.parse().ok()?);
        let grows = self.steps.last().is_none_or(|last| last.0 < step.0 && last.1 <= step.1);
        (grows && step.0 <= 1_000 && step.1 <= 1_000).then(|| self.steps.push(step))
    }

    #[cfg(test)]
    pub(super) fn is_known(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The confidence, 0 to 1, for a certainty: on the line between the steps around it.
    pub(super) fn confidence(&self, certainty: f64) -> f64 {
        let point = |(x, y): (u32, u32)| (f64::from(x) / 1_000.0, f64::from(y) / 1_000.0);
        let (Some(&first), Some(&last)) = (self.steps.first(), self.steps.last()) else {
            return certainty.clamp(0.0, 1.0);
        };
        if certainty <= point(first).0 {
            return point(first).1;
        }
        for pair in self.steps.windows(2) {
            let ((x, y), (next_x, next_y)) = (point(pair[0]), point(pair[1]));
            if certainty <= next_x {
                return y + (next_y - y) * (certainty - x) / (next_x - x);
            }
        }
        point(last).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_lies_on_the_line_between_two_steps() {
        let mut known = Calibration::default();
        assert_eq!((known.add("500 600"), known.add("900 980")), (Some(()), Some(())));
        assert!((known.confidence(0.7) - 0.79).abs() < 1e-9);
        assert!((known.confidence(0.1) - 0.6).abs() < 1e-9);
        assert!((known.confidence(1.0) - 0.98).abs() < 1e-9);
    }

    #[test]
    fn steps_grow_and_are_shares() {
        let mut known = Calibration::default();
        assert_eq!(known.add("500 600"), Some(()));
        for bad in ["400 700", "600 500", "700 1001", "1200 900", "x 1", "700"] {
            assert_eq!(known.add(bad), None, "{bad}");
        }
    }
}
