//! Keys that stored tokens need and that are not in the key file: said at the start, and not mailbox by mailbox.

use shared::ledger::sqlite::SealedUnder;
use shared::sealing::KeyName;
use shared::sealing::key_file::keys;

use super::folder::{Folder, refused};
use crate::BadUse;

/// Refuses a folder whose key file lacks a key that is needed and not among `given_up`. No key is made in its place.
pub(crate) async fn refuse(folder: &Folder, given_up: &[KeyName]) -> anyhow::Result<()> {
    let file = folder.key_file();
    let held = keys(&file).map_err(refused)?;
    let known = held.iter().map(|key| &key.name).chain(given_up).collect::<Vec<_>>();
    let stored = folder.ledger.refresh_keys().await?;
    let file = file.display();
    for missing in missing(&known, &stored) {
        match missing {
            Missing::Lost { key, mailboxes } => {
                return Err(BadUse(format!(
                    "{file} does not hold the key {key}, under which the refresh tokens of {mailboxes} mailboxes are \
                     sealed; put the file that holds it back in its place. If it is lost for good, start with \
                     --without-key {key}: those mailboxes must be connected again"
                ))
                .into());
            }
            Missing::Spoilt { token } => {
                let (key, mailbox) = (token.key.as_ref().map(KeyName::as_str), &token.one);
                tracing::error!(%mailbox, key, "{file} does not hold the key that this mailbox's refresh token names; \
                    it was changed, or its key is lost, and its owner must connect it again");
            }
        }
    }
    Ok(())
}

/// A key that is named and not there.
#[derive(Debug, PartialEq, Eq)]
enum Missing<'a> {
    /// It was there: more than a single token names it, or no other token is stored.
    Lost { key: &'a KeyName, mailboxes: u64 },
    /// One token among others names it, or its name cannot be read: that one was changed rather than the key lost, and
    /// the others are not held up for it.
    Spoilt { token: &'a SealedUnder },
}

fn missing<'a>(known: &[&KeyName], stored: &'a [SealedUnder]) -> Vec<Missing<'a>> {
    let all: u64 = stored.iter().map(|token| token.mailboxes).sum();
    let judged = stored.iter().filter_map(|token| match &token.key {
        Some(key) if known.contains(&key) => None,
        Some(key) if token.mailboxes > 1 || all == 1 => {
            Some(Missing::Lost { key, mailboxes: token.mailboxes })
        }
        Some(_) | None => Some(Missing::Spoilt { token }),
    });
    judged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> KeyName {
        text.parse().unwrap()
    }

    fn under(key: Option<&str>, mailboxes: u64) -> SealedUnder {
        SealedUnder { key: key.map(name), mailboxes, one: "42".parse().unwrap() }
    }

    #[test]
    fn a_key_that_several_tokens_name_is_lost_and_one_that_a_single_token_names_is_not() {
        let (here, gone) = (name("0000000a"), name("0000000b"));
        let stored = [
            under(Some("0000000a"), 9),
            under(Some("0000000b"), 2),
            under(Some("0000000c"), 1),
            under(None, 3),
        ];
        let (one, unnamed) = (&stored[2], &stored[3]);
        let [lost, spoilt, unread] = [
            Missing::Lost { key: &gone, mailboxes: 2 },
            Missing::Spoilt { token: one },
            Missing::Spoilt { token: unnamed },
        ];
        assert_eq!(missing(&[&here], &stored), [lost, spoilt, unread]);
    }

    #[test]
    fn the_only_token_there_is_was_sealed_under_a_key_that_is_lost() {
        let (gone, stored) = (name("0000000b"), [under(Some("0000000b"), 1)]);
        assert_eq!(missing(&[], &stored), [Missing::Lost { key: &gone, mailboxes: 1 }]);
        assert_eq!(missing(&[&gone], &stored), [], "or given up");
        assert_eq!(missing(&[], &[]), []);
    }
}
