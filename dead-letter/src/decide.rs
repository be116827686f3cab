//! What a dead letter means for its mailbox, and the mailbox for the letter. No clock, no store, no log.

use shared::ids::{Epoch, Grant};
use shared::mailbox::{AccessBy, Mailbox};
use shared::reason::Reason;
use shared::replay::LetterJob;

/// What is done with a parked letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It waits for a person, or for the mailbox to change.
    StayParked,
    /// There is nothing to do any more.
    Discard,
    /// What it waited for has happened: it goes round again.
    Replay,
    /// The mailbox's consent is dead; the person must be told.
    NeedReauth,
}

/// Decides, by why the job died, under which consent, and how its mailbox stands now.
///
/// Only two reasons ever ask for a new consent, and only for the consent that failed: a mailbox is not called dead
/// because Google was unwell, nor because a consent failed that has been replaced since.
pub fn decide(
    job: &LetterJob,
    reason: Reason,
    consent: Option<(Epoch, Grant)>,
    mailbox: Option<&Mailbox>,
) -> Next {
    let Some(mailbox) = mailbox.filter(|mailbox| job.concerns(mailbox)) else {
        return Next::Discard;
    };
    match (reason, consent) {
        (Reason::GrantDead | Reason::ScopeMissing, Some(failed)) => {
            after_dead_grant(failed, mailbox)
        }
        (Reason::Waiting, _) if mailbox.is_readable() => Next::Replay,
        (
            Reason::GrantDead
            | Reason::ScopeMissing
            | Reason::Waiting
            | Reason::Undecodable
            | Reason::NewerSchema
            | Reason::TooManyTries
            | Reason::WaitedTooLong
            | Reason::NoVerdict
            | Reason::GoogleFault
            | Reason::Quota
            | Reason::ClientFault
            | Reason::TooLarge
            | Reason::ActionRefused,
            _,
        ) => Next::StayParked,
    }
}

fn after_dead_grant(failed: (Epoch, Grant), mailbox: &Mailbox) -> Next {
    let present = (mailbox.epoch, mailbox.grant);
    if failed < present && mailbox.is_readable() {
        return Next::Replay;
    }
    let news = mailbox.needs_reauth.is_none() && mailbox.disconnected_at.is_none();
    // Who has consented to nothing is not asked to do so again.
    let news = news && mailbox.access == AccessBy::Consent;
    if failed == present && news { Next::NeedReauth } else { Next::StayParked }
}
