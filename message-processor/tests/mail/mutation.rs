//! Samples that are cut, flipped, repeated and spliced.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

/// One thing that can happen to bytes on their way.
#[derive(Debug, Clone)]
enum Mutation {
    Cut(usize),
    Flip(usize, u8),
    Repeat(usize, usize),
    /// The rest of another sample takes the place of this one's.
    Splice(usize, usize),
    /// A line end becomes another.
    Ends(&'static [u8]),
}

/// A sample to which something has happened.
pub(crate) fn mutated(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let samples = Arc::new(samples);
    (any::<usize>(), vec(mutation(), 1..6)).prop_map(move |(start, mutations)| {
        let mut sample = samples[start % samples.len()].clone();
        for mutation in mutations {
            mutation.apply(&mut sample, &samples);
        }
        sample
    })
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
    fn apply(&self, bytes: &mut Vec<u8>, samples: &[Vec<u8>]) {
        let place = |at: usize| at % (bytes.len() + 1);
        match self {
            Self::Cut(at) => bytes.truncate(place(*at)),
            Self::Flip(at, bits) => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Repeat(at, length) => {
                let at = place(*at);
                let again = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Splice(at, other) => {
                let other = &samples[other % samples.len()];
                bytes.truncate(place(*at));
                bytes.extend_from_slice(&other[at % (other.len() + 1)..]);
            }
            Self::Ends(end) => {
                let lines: Vec<_> = bytes
                    .split(|&byte| byte == b'\n')
                    .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                    .collect();
                *bytes = lines.join(*end);
            }
        }
    }
}
