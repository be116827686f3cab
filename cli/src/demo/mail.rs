//! The mail that the simulated people get: a folder's, or the set that travels inside this binary.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use include_dir::{Dir, include_dir};

use crate::BadUse;
use crate::commands::classify::messages;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../tests/mail");

/// Raw messages, in the order of their paths.
pub(crate) struct Mail(Vec<Bytes>);

/// How mail is spread over people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Every message goes to one person, in turn.
    Once,
    /// Each person gets so many: the next in order, from the start again after the last.
    Each(usize),
}

impl Mail {
    /// The messages below `folder`, or the shipped ones.
    pub(crate) fn read(folder: Option<&Path>) -> anyhow::Result<Self> {
        let Some(folder) = folder else { return Ok(Self(shipped())) };
        let read = |path: &std::path::PathBuf| {
            std::fs::read(path)
                .map(Bytes::from)
                .with_context(|| format!("reading {}", path.display()))
        };
        let mail =
            messages(&[folder.to_owned()])?.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        if mail.is_empty() {
            return Err(
                BadUse(format!("{}: no *.eml file in it or below", folder.display())).into()
            );
        }
        Ok(Self(mail))
    }

    /// Who gets what: positions of people, and messages.
    pub(crate) fn spread(
        &self,
        people: usize,
        spread: Spread,
    ) -> Box<dyn Iterator<Item = (usize, Bytes)> + '_> {
        let people = people.max(1);
        match spread {
            Spread::Once => Box::new(
                self.0.iter().cloned().enumerate().map(move |(at, body)| (at % people, body)),
            ),
            Spread::Each(messages) => {
                let bodies = self.0.iter().cycle().cloned();
                Box::new(
                    bodies
                        .take(people * messages)
                        .enumerate()
                        .map(move |(at, body)| (at / messages, body)),
                )
            }
        }
    }

    /// The message that comes `at`th, from the start again after the last.
    pub(crate) fn at(&self, at: usize) -> Bytes {
        self.0[at % self.0.len()].clone()
    }
}

fn shipped() -> Vec<Bytes> {
    let mut files: Vec<_> = SHIPPED
        .find("**/*.eml")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_file())
        .collect();
    files.sort_by_key(|file| file.path());
    files.iter().map(|file| Bytes::from_static(file.contents())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_message_is_delivered_exactly_once() {
        let mail = Mail::read(None).unwrap();
        assert!(mail.0.len() >= 60, "{}", mail.0.len());
        let spread: Vec<_> = mail.spread(7, Spread::Once).collect();
        assert_eq!(spread.len(), mail.0.len());
        assert!(spread.iter().all(|(person, _)| *person < 7));
    }

    #[test]
    fn each_mailbox_takes_the_next_messages_and_wraps_round() {
        let mail = Mail((0..5u8).map(|at| Bytes::copy_from_slice(&[at])).collect());
        let spread: Vec<_> =
            mail.spread(3, Spread::Each(2)).map(|(person, body)| (person, body[0])).collect();
        assert_eq!(spread, [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 0)]);
    }
}
