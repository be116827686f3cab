//! What a message looks like, in yes and no: the features of the model beside its words.
//!
//! Each is a fact of the header, of the page or of the text's shape that means the same in mail of any year and from any
//! collection. What only tells the year is no sign: that a message is signed, or that it can be left with one click.

mod header;
mod text;

pub(super) use self::header::{is_answer, is_free};
use super::evidence::Evidence;

/// A fact about a message.
pub(super) struct Sign {
    /// What it is called in the file of weights.
    pub(super) name: &'static str,
    /// The fact in words, for the reasons.
    pub(super) says: &'static str,
    pub(super) holds: fn(&Evidence<'_>) -> bool,
}

const fn sign(name: &'static str, says: &'static str, holds: fn(&Evidence<'_>) -> bool) -> Sign {
    Sign { name, says, holds }
}

/// Every sign.
pub(super) fn all() -> impl Iterator<Item = &'static Sign> {
    [header::SIGNS, text::SIGNS].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sign_has_a_name_of_its_own_that_a_line_can_hold() {
        let names: BTreeSet<_> = all().map(|sign| sign.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_graphic())));
    }
}
