//! What each reason means, what usually fixes it, and what to type. `docs/runbook.md` says more.

use serde::Serialize;
use shared::reason::Reason;

/// A reason, for the person on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What has happened.
    pub means: &'static str,
    /// What usually fixes it.
    pub fix: &'static str,
    /// Whether it goes round without anybody, and when.
    pub by_itself: &'static str,
    /// What to type.
    pub command: &'static str,
}

const AFTER_CONSENT: &str = "Yes: as soon as the mailbox has a new consent.";
const IN_TIME: &str =
    "Yes: one hour, six hours and a day after it died, once the mailbox can be read again.";
const AFTER_THE_PAUSE: &str = "Yes: when the mailbox is resumed or connected again.";
const NO: &str = "No: it waits for a person.";

/// Everything about a reason.
pub fn explain(reason: Reason) -> Explanation {
    Explanation {
        means: means(reason),
        fix: fix(reason),
        by_itself: by_itself(reason),
        command: command(reason),
    }
}

/// What has happened.
fn means(reason: Reason) -> &'static str {
    match reason {
        Reason::GrantDead => {
            "Google said that the owner's consent is dead: taken back, run out, or its password was changed. Only that \
             answer leads here, never an outage."
        }
        Reason::ScopeMissing => {
            "The consent lacks the right to read mail: a box was left unticked on Google's page."
        }
        Reason::Waiting => {
            "The mailbox was paused, or already waited for a new consent, when the job's turn came."
        }
        Reason::Undecodable => {
            "The body is not one of our jobs. Something else writes to our queue, or a record was damaged."
        }
        Reason::NewerSchema => {
            "A newer program wrote the job, and an older one met it: mostly in the middle of a deployment."
        }
        Reason::TooManyTries => {
            "It failed five times within about half an hour: Google, a store or a receiver did not answer, or one message \
             makes the program fail each time. The last error says which."
        }
        Reason::WaitedTooLong => {
            "It was postponed for a whole day: for quota, for an access token, or for our own stores to have room."
        }
        Reason::NoVerdict => {
            "Its workers died ten times without saying anything: out of memory, out of time, or killed."
        }
        Reason::GoogleFault => "Google refused in a way that its documents do not have.",
        Reason::Quota => {
            "The Google project's daily quota is spent. It comes back at midnight, Pacific time."
        }
        Reason::ClientFault => {
            "Google refused our own request or client: an API that is not switched on, a request it does not take. It is \
             ours to mend, and nobody's consent."
        }
        Reason::TooLarge => "The message is larger than MAX_MESSAGE_BYTES.",
        Reason::ActionRefused => {
            "An action of a rule was refused: a label that Gmail does not take, a receiver that is gone, a scope that was \
             not granted. The message itself is stored and announced."
        }
    }
}

/// What usually fixes it.
fn fix(reason: Reason) -> &'static str {
    match reason {
        Reason::GrantDead => {
            "The owner connects the mailbox again; they have been written to, or the event needs_reauth carries the words."
        }
        Reason::ScopeMissing => "The owner connects the mailbox again and leaves every box ticked.",
        Reason::Waiting => "Resume the mailbox, or have its owner connect it again.",
        Reason::Undecodable => "Look at the payload, find who sent it, and give it up.",
        Reason::NewerSchema => "Finish the deployment, then send it round again.",
        Reason::TooManyTries => {
            "Wait for the outage to end. Where one job comes back with the same error although all is well, it is that job: \
             report it."
        }
        Reason::WaitedTooLong => {
            "See whether the fleet breaker is open, the project's quota is spent, or a disk or table is full."
        }
        Reason::NoVerdict => {
            "Look for the worker's last lines under its trace. More memory, or a program that is mended, then replay."
        }
        Reason::GoogleFault => {
            "Read the last error; look at Google's status page; try one letter first."
        }
        Reason::Quota => {
            "Wait for it. If it happens again, ask Google for more, or raise POLL_INTERVAL_MIN."
        }
        Reason::ClientFault => {
            "Read the last error, mend the project in Google's console or the program, try one letter, then the rest."
        }
        Reason::TooLarge => {
            "Raise MAX_MESSAGE_BYTES, and the memory with it, then replay; or give it up."
        }
        Reason::ActionRefused => "Mend the rule or the receiver, then replay; or give it up.",
    }
}

/// Whether it goes round without anybody.
fn by_itself(reason: Reason) -> &'static str {
    if reason.pause_before_retry(0).is_some() {
        return IN_TIME;
    }
    match reason {
        Reason::GrantDead | Reason::ScopeMissing => AFTER_CONSENT,
        Reason::Waiting => AFTER_THE_PAUSE,
        Reason::Undecodable
        | Reason::NewerSchema
        | Reason::TooManyTries
        | Reason::WaitedTooLong
        | Reason::NoVerdict
        | Reason::GoogleFault
        | Reason::Quota
        | Reason::ClientFault
        | Reason::TooLarge
        | Reason::ActionRefused => NO,
    }
}

/// What to type.
fn command(reason: Reason) -> &'static str {
    match reason {
        Reason::GrantDead | Reason::ScopeMissing => "fanmail accounts connect-link --user USER",
        Reason::Waiting => "fanmail accounts show USER",
        Reason::Undecodable => "fanmail dead-letters discard JOB",
        Reason::NewerSchema => "fanmail dead-letters replay --reason newer_schema",
        Reason::TooManyTries => "fanmail dead-letters replay --reason too_many_tries --dry-run",
        Reason::WaitedTooLong => "fanmail dead-letters replay --reason waited_too_long --dry-run",
        Reason::NoVerdict | Reason::ActionRefused => "fanmail dead-letters show JOB",
        Reason::GoogleFault => "fanmail dead-letters replay JOB",
        Reason::Quota => "fanmail dead-letters replay --reason quota --dry-run",
        Reason::ClientFault => "fanmail dead-letters replay --reason client_fault --dry-run",
        Reason::TooLarge => "fanmail dead-letters discard --reason too_large --dry-run",
    }
}
