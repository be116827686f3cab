//! Mailboxes that have fallen silent, and why: those whose cursor stands still, and those that used to get mail and do not
//! any more.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shared::breaker::Breaker;
use shared::clock::Timestamp;
use shared::ids::{JobId, UserId};
use shared::ledger::{DeadLetter, DeadLetters, LetterState, Mailboxes, Segment};
use shared::mailbox::{AccessBy, Mailbox};
use shared::pacing::patience;
use shared::reason::{PauseReason, Reason};
use shared::silence::longest_quiet;
use shared::store::StoreError;

/// How many mailboxes are read at once.
const PAGE: usize = 500;

/// Every mailbox.
const WHOLE: Segment = Segment { index: 0, total: 1 };

/// What is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Without a listing that was finished.
    pub unlisted: Duration,
    /// Without mail, where there used to be some.
    pub without_mail: Duration,
}

impl Bounds {
    /// Where mailboxes are asked every `poll_interval_max` at least.
    pub fn new(poll_interval_max: Duration, without_mail: Duration) -> Self {
        Self { unlisted: longest_quiet(poll_interval_max), without_mail }
    }
}

/// A mailbox that is silent. No `Debug`: it holds an address.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Silent {
    /// Whose.
    pub user_id: UserId,
    /// Its address, for people to read.
    pub email: String,
    /// When it was last heard: a finished listing where its cursor stands still, else mail.
    pub since: Timestamp,
    /// When its last finished listing began, give or take an hour of silence.
    pub last_fetched_at: Timestamp,
    /// When a listing last found mail.
    pub last_mail_at: Option<Timestamp>,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a mailbox is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Why {
    /// Its owner must consent again.
    NeedsReauth {
        /// What died.
        reason: Reason,
        /// When we learnt it, where the owner has not been told yet.
        known_at: Option<Timestamp>,
    },
    /// It is not asked.
    Paused {
        /// Why.
        reason: PauseReason,
    },
    /// Google is asked for no token, but for a probe a minute.
    BreakerOpen {
        /// What opened it.
        cause: &'static str,
        /// Since when.
        open_since: Timestamp,
    },
    /// Gmail asked for patience.
    HeldBack {
        /// Until when.
        until: Timestamp,
    },
    /// Its polls die.
    DeadSync {
        /// Why.
        reason: Reason,
        /// The last error, in words.
        error: String,
    },
    /// It can be asked, and is not.
    NotAsked,
    /// Its polls work.
    NothingNew,
}

impl Why {
    /// In one phrase, which says what to do where there is something.
    pub fn in_words(&self, silent: &Silent) -> String {
        match self {
            Self::NeedsReauth { reason, known_at } => {
                let since = known_at.map(|at| format!(" since {at}")).unwrap_or_default();
                format!("needs re-auth{since} ({reason}): its owner must connect it again")
            }
            Self::Paused { reason } => {
                format!("paused ({reason}): `fanmail accounts resume {}`", silent.user_id)
            }
            Self::BreakerOpen { cause, open_since } => {
                format!("the fleet breaker is open since {open_since}: {cause}")
            }
            Self::HeldBack { until } => format!("held back by Google's quota until {until}"),
            Self::DeadSync { reason, error } => format!(
                "its sync is a dead letter ({reason}: {error}): `fanmail dead-letters explain {reason}`"
            ),
            Self::NotAsked => {
                let since = silent.last_fetched_at;
                format!(
                    "not asked since {since}: the dispatcher or the user-worker does not run, or is behind"
                )
            }
            Self::NothingNew => {
                let last = silent.last_fetched_at;
                format!("nothing new: polls work, the last one that was noted at {last}")
            }
        }
    }
}

/// What is known beside a mailbox's row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Why the breaker of its way of access is open, in words, and since when.
    pub breaker: Option<(&'static str, Timestamp)>,
    /// The letter of its dead sync, while it is open.
    pub dead_sync: Option<&'a DeadLetter>,
}

/// How a mailbox has fallen silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// No listing of it was finished for too long.
    Unlisted,
    /// They are, and find no mail.
    WithoutMail,
}

/// By its times alone, which a scan shows too.
fn silence(
    last_fetched_at: Timestamp,
    last_mail_at: Option<Timestamp>,
    bounds: Bounds,
    now: Timestamp,
) -> Option<Silence> {
    if now.since(last_fetched_at) > bounds.unlisted {
        return Some(Silence::Unlisted);
    }
    let is_long = |at: Timestamp| now.since(at) >= bounds.without_mail;
    last_mail_at.is_some_and(is_long).then_some(Silence::WithoutMail)
}

/// Decides whether a mailbox is silent, and says why by what is found first, nearest to a person's hand: what stands in its
/// row, what concerns the fleet, what concerns it alone. One that is disconnected is not silent but over.
pub fn judge(
    mailbox: &Mailbox,
    known: Known<'_>,
    bounds: Bounds,
    now: Timestamp,
) -> Option<Silent> {
    if mailbox.disconnected_at.is_some() {
        return None;
    }
    let silence = silence(mailbox.last_fetched_at, mailbox.last_mail_at, bounds, now)?;
    let since = match silence {
        Silence::Unlisted => mailbox.last_fetched_at,
        Silence::WithoutMail => mailbox.last_mail_at.unwrap_or(mailbox.connected_at),
    };
    Some(Silent {
        user_id: mailbox.user_id.clone(),
        email: mailbox.email.clone(),
        since,
        last_fetched_at: mailbox.last_fetched_at,
        last_mail_at: mailbox.last_mail_at,
        why: why(mailbox, known, silence, now),
    })
}

fn why(mailbox: &Mailbox, known: Known<'_>, silence: Silence, now: Timestamp) -> Why {
    if let Some(reason) = mailbox.needs_reauth {
        let owed = mailbox.owed.notice.as_ref().or(mailbox.owed.mail.as_ref());
        return Why::NeedsReauth { reason, known_at: owed.map(|notice| notice.at) };
    }
    if let Some(reason) = mailbox.paused {
        return Why::Paused { reason };
    }
    // Whatever else there may be, it has not kept the polls from working.
    if silence == Silence::WithoutMail {
        return Why::NothingNew;
    }
    if let Some((cause, open_since)) = known.breaker {
        return Why::BreakerOpen { cause, open_since };
    }
    if let Some(until) = patience(mailbox.pace, now) {
        return Why::HeldBack { until };
    }
    match known.dead_sync {
        Some(letter) => Why::DeadSync { reason: letter.reason, error: letter.error.clone() },
        None => Why::NotAsked,
    }
}

/// Finds out which mailboxes do not answer. The fields are everything it may touch, and it writes nothing.
pub struct RollCall {
    /// Which there are.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Why polls die.
    pub letters: Arc<dyn DeadLetters>,
    /// Whether Google is asked at all.
    pub breaker: Breaker,
}

impl RollCall {
    /// Those that are silent at `now`, the longest first.
    pub async fn silent(&self, bounds: Bounds, now: Timestamp) -> Result<Vec<Silent>, StoreError> {
        let of_delegation = self.breaker.of_service_account();
        let breakers = [open(&self.breaker, now).await?, open(&of_delegation, now).await?];
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.mailboxes.scan(WHOLE, after.as_ref(), PAGE).await?;
            for seen in &page.mailboxes {
                if silence(seen.last_fetched_at, seen.last_mail_at, bounds, now).is_some() {
                    found.extend(self.listen(&seen.user_id, breakers, bounds, now).await?);
                }
            }
            after = page.next;
            if after.is_none() {
                found.sort_by(|one: &Silent, other| {
                    (one.since, &one.user_id).cmp(&(other.since, &other.user_id))
                });
                return Ok(found);
            }
        }
    }

    async fn listen(
        &self,
        user: &UserId,
        [of_consents, of_delegation]: [Option<(&'static str, Timestamp)>; 2],
        bounds: Bounds,
        now: Timestamp,
    ) -> Result<Option<Silent>, StoreError> {
        let Some(mailbox) = self.mailboxes.get(user).await? else { return Ok(None) };
        let key = (Some(user.clone()), JobId::dead_sync());
        let letter = self.letters.get(&key).await?;
        let is_open = |letter: &&DeadLetter| match letter.state {
            LetterState::Parked | LetterState::Replaying => true,
            LetterState::Resolved | LetterState::Discarded => false,
        };
        let breaker = match mailbox.access {
            AccessBy::Consent => of_consents,
            AccessBy::Delegation => of_delegation,
        };
        let known = Known { breaker, dead_sync: letter.as_ref().filter(is_open) };
        Ok(judge(&mailbox, known, bounds, now))
    }
}

/// Why a breaker is open, in words, and since when.
async fn open(
    breaker: &Breaker,
    now: Timestamp,
) -> Result<Option<(&'static str, Timestamp)>, StoreError> {
    let standing = breaker.standing(now).await?;
    Ok(standing.map(|(cause, since)| (breaker.in_words(cause), since)))
}

#[cfg(test)]
mod tests;
