//! The one table of message bodies.
//!
//! A body delivered to a thousand mailboxes stands here once; a message carries its place. Bodies are never dropped:
//! a simulated world is short, and a shared body has no owner who could say that it is done with it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::mail;

/// A message's bytes, and what is worth working out once for all who hold it.
#[derive(Debug)]
pub struct Body {
    /// The message as it was sent.
    pub bytes: Bytes,
    snippet: OnceLock<Box<str>>,
}

impl Body {
    /// The first words of the text, as Gmail shows them under the subject.
    pub fn snippet(&self) -> &str {
        self.snippet.get_or_init(|| mail::snippet(&self.bytes).into())
    }
}

/// Every body, by its place.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    table: Vec<Arc<Body>>,
    places: HashMap<u64, u32>,
}

impl Bodies {
    /// The place of these bytes; the same bytes have the same place.
    pub(crate) fn place(&mut self, bytes: &Bytes) -> u32 {
        let hash = hash(bytes);
        // Two bodies of one hash are both kept; the second is only not shared.
        if let Some(place) = self.places.get(&hash).filter(|place| self.at(**place).bytes == bytes)
        {
            return *place;
        }
        let place = u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        self.table.push(Arc::new(Body { bytes: bytes.clone(), snippet: OnceLock::new() }));
        self.places.insert(hash, place);
        place
    }

    /// The body at a place that [`Self::place`] gave.
    pub(crate) fn at(&self, place: u32) -> &Arc<Body> {
        &self.table[place as usize]
    }
}

fn hash(bytes: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_kept_once() {
        let mut bodies = Bodies::default();
        let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
        let first = bodies.place(&one);
        assert_ne!(bodies.place(&two), first);
        assert_eq!(bodies.place(&Bytes::from(b"one".to_vec())), first);
        assert_eq!(bodies.table.len(), 2);
    }
}
