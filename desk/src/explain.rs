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
const NO: &str = "No: it waits for a person.";

/// What the reason means. One place, so that every reason has its words.
pub fn explain(reason: Reason) -> Explanation {
    let (means, fix, by_itself, command) = match reason {
        Reason::GrantDead => (
            "Google said that the owner's consent is dead: taken back, run out, or its password was changed. Only that \
             answer leads here, never an outage.",
            "The owner connects the mailbox again; they have been written to, or the event needs_reauth carries the words.",
            AFTER_CONSENT,
            "fanmail accounts connect-link --ref REF",
        ),
        Reason::ScopeMissing => (
            "The consent lacks the right to read mail: a box was left unticked on Google's page.",
            "The owner connects the mailbox again and leaves every box ticked.",
            AFTER_CONSENT,
            "fanmail accounts connect-link --ref REF",
        ),
        Reason::Waiting => (
            "The mailbox was paused, or already waited for a new consent, when the job's turn came.",
            "Resume the mailbox, or have its owner connect it again.",
            "Yes: when the mailbox is resumed or connected again.",
            "fanmail accounts show USER",
        ),
        Reason::Undecodable => (
            "The body is not one of our jobs. Something else writes to our queue, or a record was damaged.",
            "Look at the payload, find who sent it, and give it up.",
            NO,
            "fanmail dead-letters discard JOB",
        ),
        Reason::NewerSchema => (
            "A newer program wrote the job, and an older one met it: mostly in the middle of a deployment.",
            "Finish the deployment, then send it round again.",
            NO,
            "fanmail dead-letters replay --reason newer_schema",
        ),
        Reason::TooManyTries => (
            "It failed five times within about half an hour: Google, a store or a receiver did not answer, or one message \
             makes the program fail each time. The last error says which.",
            "Wait for the outage to end. Where one job comes back with the same error although all is well, it is that job: \
             report it.",
            IN_TIME,
            "fanmail dead-letters replay --reason too_many_tries --dry-run",
        ),
        Reason::WaitedTooLong => (
            "It was postponed for a whole day: for quota, for an access token, or for our own stores to have room.",
            "See whether the fleet breaker is open, the project's quota is spent, or a disk or table is full.",
            NO,
            "fanmail dead-letters replay --reason waited_too_long --dry-run",
        ),
        Reason::NoVerdict => (
            "Its workers died ten times without saying anything: out of memory, out of time, or killed.",
            "Look for the worker's last lines under its trace. More memory, or a program that is mended, then replay.",
            NO,
            "fanmail dead-letters show JOB",
        ),
        Reason::GoogleFault => (
            "Google refused in a way that its documents do not have.",
            "Read the last error; look at Google's status page; try one letter first.",
            NO,
            "fanmail dead-letters replay JOB",
        ),
        Reason::Quota => (
            "The Google project's daily quota is spent. It comes back at midnight, Pacific time.",
            "Wait for it. If it happens again, ask Google for more, or raise POLL_INTERVAL_MIN.",
            IN_TIME,
            "fanmail dead-letters replay --reason quota --dry-run",
        ),
        Reason::ClientFault => (
            "Google refused our own request or client: an API that is not switched on, a request it does not take. It is \
             ours to mend, and nobody's consent.",
            "Read the last error, mend the project in Google's console or the program, try one letter, then the rest.",
            NO,
            "fanmail dead-letters replay --reason client_fault --dry-run",
        ),
        Reason::TooLarge => (
            "The message is larger than MAX_MESSAGE_BYTES.",
            "Raise MAX_MESSAGE_BYTES, and the memory with it, then replay; or give it up.",
            NO,
            "fanmail dead-letters discard --reason too_large --dry-run",
        ),
        Reason::ActionRefused => (
            "An action of a rule was refused: a label that Gmail does not take, a receiver that is gone, a scope that was \
             not granted. The message itself is stored and announced.",
            "Mend the rule or the receiver, then replay; or give it up.",
            NO,
            "fanmail dead-letters show JOB",
        ),
    };
    Explanation { means, fix, by_itself, command }
}
