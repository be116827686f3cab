//! A connected user, as the ledger keeps it, and what is owed to it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::EventKind;
use crate::goodbye::{DisconnectDebt, Purged};
use crate::ids::{Epoch, Grant, HistoryId, UserId};
use crate::reason::{PauseReason, Reason};
use crate::sealing::Sealed;
use crate::words::words;

words! {
    /// Whose permission a mailbox is read by.
    AccessBy, "way of access" {
        /// Its owner's consent, which left us a refresh token.
        Consent = "consent",
        /// That of the administrator of its Workspace domain, given to a service account of ours.
        Delegation = "delegation",
    }
}

/// One row of `UserTokens`. No `Debug`: it holds an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The Google account.
    pub user_id: UserId,
    /// Its address, for people to read; it may change and is never a key. Under delegation tokens are asked for by it.
    pub email: String,
    /// How its access tokens are come by.
    pub access: AccessBy,
    /// The sealed refresh token; `None` after a disconnect, and where there was no consent.
    pub refresh_token: Option<Sealed>,
    /// The cached access token, sealed under another key.
    pub access_token: Option<Sealed>,
    /// Counts the access tokens of the mailbox, dropped ones too.
    pub access_token_version: u64,
    /// When the cached access token runs out.
    pub expiry: Option<Timestamp>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The cursor: every message up to here is accounted for. `None` before the first sync of a life.
    pub history_id: Option<HistoryId>,
    /// When the first page of the last finished listing was asked for.
    pub last_fetched_at: Timestamp,
    /// When a listing last found mail.
    pub last_mail_at: Option<Timestamp>,
    /// When this life began.
    pub connected_at: Timestamp,
    /// Which life this is.
    pub epoch: Epoch,
    /// Which consent within the life.
    pub grant: Grant,
    /// When the life ended; `None` while it lasts.
    pub disconnected_at: Option<Timestamp>,
    /// Why the person must consent again; `None` while the grant is alive.
    pub needs_reauth: Option<Reason>,
    /// Why the mailbox is not asked for mail; `None` when it is.
    pub paused: Option<PauseReason>,
    /// What has been reserved of the mailbox's quota.
    pub pace: Pace,
    /// Until when somebody is refreshing the access token.
    pub refresh_lease: Option<Timestamp>,
    /// What is to be done for this mailbox whatever its state.
    pub owed: Owed,
    /// The operator's own id for this person.
    pub reference: Option<String>,
    /// The last purge, whatever life the mailbox is in now.
    pub purged: Option<Purged>,
    /// How the last gap of this life was closed.
    pub last_gap: Option<GapReceipt>,
}

impl Mailbox {
    /// Where the mailbox stands: the condition under which its cursor may move.
    pub fn standing(&self) -> Standing {
        Standing { user_id: self.user_id.clone(), epoch: self.epoch, cursor: self.history_id }
    }

    /// Its sealed tokens.
    pub fn tokens(&self) -> Tokens {
        Tokens { refresh: self.refresh_token.clone(), access: self.access_token.clone() }
    }

    /// The life that its tokens are sealed for: the present one, or the one that ended, until they are forgotten.
    pub fn sealed_in(&self) -> Epoch {
        let ended = self.owed.disconnect.as_ref().filter(|_| self.disconnected_at.is_some());
        ended.map_or(self.epoch, |debt| debt.epoch)
    }

    /// Whether mail may be read: connected, not paused, and the grant alive.
    pub fn is_readable(&self) -> bool {
        self.disconnected_at.is_none() && self.needs_reauth.is_none() && self.paused.is_none()
    }

    /// Whether nothing is kept of the life `epoch`: it was purged, or is the void after a life that was.
    pub fn has_forgotten(&self, epoch: Epoch) -> bool {
        let is_void = self.disconnected_at.is_some() && epoch == self.epoch;
        self.purged.is_some_and(|purged| {
            epoch <= purged.epoch || (is_void && epoch == purged.epoch.next())
        })
    }

    /// What the dispatcher sees of it.
    pub fn roster(&self) -> Roster {
        Roster {
            user_id: self.user_id.clone(),
            epoch: self.epoch,
            connected_at: self.connected_at,
            last_fetched_at: self.last_fetched_at,
            last_mail_at: self.last_mail_at,
            readable: self.is_readable(),
            owes: self.owed.can_be_paid(self.is_readable()),
        }
    }
}

/// The sealed tokens of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// The refresh token; `None` after a disconnect.
    pub refresh: Option<Sealed>,
    /// The cached access token.
    pub access: Option<Sealed>,
}

/// Where a mailbox stood when it was read. Only [`Mailbox::standing`] makes one, and moving the cursor uses it up:
/// a cursor cannot be moved by somebody who has not read it.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub(crate) user_id: UserId,
    pub(crate) epoch: Epoch,
    pub(crate) cursor: Option<HistoryId>,
}

/// A mailbox as a scan shows it: no token, no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The Google account.
    pub user_id: UserId,
    /// Which life.
    pub epoch: Epoch,
    /// When this life began.
    pub connected_at: Timestamp,
    /// When the first page of the last finished listing was asked for, give or take an hour of silence.
    pub last_fetched_at: Timestamp,
    /// When a listing last found mail.
    pub last_mail_at: Option<Timestamp>,
    /// Whether mail may be read.
    pub readable: bool,
    /// Whether something is owed to it that can be paid in the state that it is in.
    pub owes: bool,
}

/// What has been reserved of a mailbox's quota: blocks of messages, one a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// When the block that is being filled ends, and the next may begin (`pacedUntil`).
    pub until: Timestamp,
    /// How many messages of that block are taken.
    pub used: u32,
}

/// Debts to a mailbox. Each is written in the one write that makes it due, and cleared after it was paid: a crash in
/// between pays twice, under the same event id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owed {
    /// A connected or resumed event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announcement: Option<Announcement>,
    /// The mail from before the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<BackfillDebt>,
    /// Parked jobs that are to go round again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseDebt>,
    /// Parked jobs whose reason is known to pass, to go round when their time has come. Whoever pays it takes a poll for
    /// it that comes anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryDebt>,
    /// The notice that the person must consent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// The mail that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<Notice>,
    /// The end of the life that the epoch has already left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect: Option<DisconnectDebt>,
}

impl Owed {
    /// Whether a user job could pay any of it now: the end of a life at any time, the rest where mail may be read. The
    /// notice and the mail are not among it; the dead letter that made them due pays them.
    pub fn can_be_paid(&self, readable: bool) -> bool {
        let with_mail =
            self.announcement.is_some() || self.backfill.is_some() || self.release.is_some();
        self.disconnect.is_some() || (readable && with_mail)
    }
}

/// An event about the mailbox that is to be published. Its id is fixed when it becomes owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The event's id.
    pub id: String,
    /// Which event.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// How a gap was closed, where there was one.
    pub gap: Option<GapReport>,
}

/// How a gap in the history was closed, after Gmail had forgotten the cursor. Mail imported into the mailbox with a
/// date before `from` is not covered by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GapReport {
    /// Start of the window that was listed again.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Messages that Gmail found in it.
    pub found: u64,
    /// How many of them we already had.
    pub already_had: u64,
}

/// The receipt of a gap that was closed, kept for whoever asks later. What was found and not had before was marked at that
/// moment: the marks listed then say what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GapReceipt {
    /// When it was closed; also when its messages were listed.
    pub at: Timestamp,
    /// The window, and what was found in it.
    #[serde(flatten)]
    pub report: GapReport,
}

impl Announcement {
    /// The receipt that goes with it, where a gap was closed.
    pub fn receipt(&self) -> Option<GapReceipt> {
        self.gap.clone().map(|report| GapReceipt { at: self.at, report })
    }
}

/// A window of old mail that is still to be handed out as backfill jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillDebt {
    /// Start of the window, included.
    pub from: Timestamp,
    /// Its end, excluded: the connection.
    pub to: Timestamp,
}

/// Parked jobs are to go round again, since this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseDebt {
    /// When the state changed that they waited for.
    pub since: Timestamp,
}

/// Parked jobs are to go round by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryDebt {
    /// When the first of them is due.
    pub at: Timestamp,
    /// Counts the letters that were noted: who pays it must not clear what another has added meanwhile.
    pub noted: u64,
}

impl RetryDebt {
    /// The debt with one more letter, due `at`.
    pub fn and(read: Option<Self>, at: Timestamp) -> Self {
        match read {
            Some(debt) => Self { at: debt.at.min(at), noted: debt.noted + 1 },
            None => Self { at, noted: 1 },
        }
    }
}

/// The person must consent again and has not been told yet, by event or by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The id of the event, and of the mail.
    pub id: String,
    /// What died.
    pub reason: Reason,
    /// When we learnt it.
    pub at: Timestamp,
}
