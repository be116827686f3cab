//! The exponential function, in additions and multiplications alone.
//!
//! The one of the standard library is the machine's: its last digit differs from processor to processor, and with it
//! could the weights that the trainer makes.

/// How often the argument is halved before, and the result squared after.
const HALVINGS: u32 = 12;

/// `e` to the power of `x`, to twelve digits; zero far below, and bounded far above.
pub(super) fn exp(x: f64) -> f64 {
    if x < -40.0 {
        return 0.0;
    }
    let small = x.min(40.0) / f64::from(1_u32 << HALVINGS);
    let mut power = 1.0
        + small
            * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0))));
    for _ in 0..HALVINGS {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_machines() {
        for tenths in -350..350 {
            let x = f64::from(tenths) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "{x}");
        }
        assert!(exp(-1e9).abs() < 1e-15 && exp(1e9).is_finite());
    }
}
