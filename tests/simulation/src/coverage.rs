//! What there is that can happen, and how often it did.

use std::fmt::Write as _;

use shared::google::security_event::EventKind;
use shared::reason::Reason;
use simulation::watched::every_call;

use crate::campaign::Tally;

/// Calls that no stage makes: the callback's own, which its own tests kill, and what only the command
/// line asks; and the desk hides nothing, it leaves what it could not keep.
const NOT_OF_A_STAGE: [&str; 10] = [
    "oauth.exchange",
    "oauth.signing_keys",
    "oauth.risc_configuration",
    "oauth.risc_keys",
    "archive.keys",
    "letters.get",
    "marks.count",
    "index.entries",
    "dead_user_jobs.hide",
    "dead_message_jobs.hide",
];

/// What Google posts here of accounts. None is deleted, and no operator asks for a verification.
const TOLD: [EventKind; 6] = [
    EventKind::SessionsRevoked,
    EventKind::TokensRevoked,
    EventKind::TokenRevoked,
    EventKind::AccountDisabled,
    EventKind::AccountEnabled,
    EventKind::CredentialChangeRequired,
];

/// What never happened and should have.
pub(crate) fn missing(tally: &Tally) -> Vec<String> {
    let calls = every_call().into_iter().filter(|call| !NOT_OF_A_STAGE.contains(call));
    let mut wanted: Vec<(&str, &str)> = calls.map(|call| ("call", call)).collect();
    let strikes = [
        "throttled",
        "unanswered",
        "full",
        "refuses",
        "dies before",
        "dies after",
        "panics",
        "freezes",
    ];
    wanted.extend(strikes.map(|strike| ("strike", strike)));
    wanted.extend(["done", "retry", "postpone", "dead_letter"].map(|word| ("disposition", word)));
    wanted.extend(Reason::ALL.iter().map(|reason| ("reason", reason.as_str())));
    let breaker = ["opens for our client", "opens for many deaths", "closes"];
    wanted.extend(breaker.map(|what| ("breaker", what)));
    let own = ["opens for our service account", "closes for our service account"];
    wanted.extend(own.map(|what| ("breaker", what)));
    let refusals = ["not authorized", "no such account", "service account not taken", "unheard of"];
    wanted.extend(refusals.map(|word| ("delegation", word)));
    wanted.extend(TOLD.map(|what| ("security event", what.as_str())));
    wanted.extend(["gave up", "delivered twice", "delete forgotten"].map(|word| ("queue", word)));
    let absent = wanted.into_iter().filter(|what| !tally.contains_key(what));
    absent.map(|(kind, name)| format!("never happened: {kind} {name}")).collect()
}

/// Each thing with its count, a line for each kind.
pub(crate) fn coverage(tally: &Tally) -> String {
    let mut text = String::new();
    let mut last = "";
    for ((kind, name), count) in tally {
        let comma = if *kind == last { ", " } else { "" };
        if *kind != last {
            let _ = write!(
                text,
                "
  {kind}: "
            );
            last = kind;
        }
        let _ = write!(text, "{comma}{name} {count}");
    }
    text
}
