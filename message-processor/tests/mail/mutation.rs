//! Shipped mail, cut, flipped, repeated and spliced: whatever it becomes, there is a result.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{collection, promise};

static SHIPPED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| collection::shipped().into_iter().map(|mail| mail.raw).collect());

/// One thing that can happen to a message on its way.
#[derive(Debug, Clone)]
enum Mutation {
    Cut(usize),
    Flip(usize, u8),
    Repeat(usize, usize),
    /// The rest of another message takes the place of this one's.
    Splice(usize, usize),
    /// A line end becomes another.
    Ends(&'static [u8]),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<usize>().prop_map(Mutation::Cut),
        (any::<usize>(), 1_u8..).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (any::<usize>(), 1_usize..2_000).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, other)| Mutation::Splice(at, other)),
        prop_oneof![Just(&b"\n"[..]), Just(&b"\r"[..]), Just(&b"\r\n"[..]), Just(&b""[..])]
            .prop_map(Mutation::Ends),
    ]
}

impl Mutation {
    fn apply(&self, mail: &mut Vec<u8>) {
        let place = |at: usize| at % (mail.len() + 1);
        match self {
            Self::Cut(at) => mail.truncate(place(*at)),
            Self::Flip(at, bits) => {
                let at = place(*at);
                if let Some(byte) = mail.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Repeat(at, length) => {
                let at = place(*at);
                let again = mail[at..mail.len().min(at + length)].to_vec();
                mail.splice(at..at, again);
            }
            Self::Splice(at, other) => {
                let other = &SHIPPED[other % SHIPPED.len()];
                mail.truncate(place(*at));
                mail.extend_from_slice(&other[at % (other.len() + 1)..]);
            }
            Self::Ends(end) => {
                let lines: Vec<_> = mail
                    .split(|&byte| byte == b'\n')
                    .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                    .collect();
                *mail = lines.join(*end);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_a_message_it_has_a_result(start in any::<usize>(), mutations in vec(mutation(), 1..6)) {
        let mut mail = SHIPPED[start % SHIPPED.len()].clone();
        for mutation in &mutations {
            mutation.apply(&mut mail);
        }
        promise::is_kept_by(&mail);
    }

    #[test]
    fn bytes_that_never_were_a_message_have_a_result(bytes in vec(any::<u8>(), 0..4_000)) {
        promise::is_kept_by(&bytes);
    }
}
