//! Which of the actions that rules ask for may be tried, decided when the message is understood. No clock, no store.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use shared::action::{ActionKind, action_id};
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::result::{Action, ActionState, MessageResult};
use shared::scope::Feature;
use shared::settings::{ForwardTargets, Settings};
use shared::webhook::Networks;

use crate::parse::{Fields, hides_line, with_line_feeds};

/// The field in which a forward says through which mailboxes the message has come.
pub(crate) const HOPS: &str = "X-Fanmail-Forwarded";

/// A message that has been forwarded as often as this is not forwarded again. Chains of mailboxes are short; circles are
/// not.
pub(crate) const MOST_HOPS: usize = 3;

/// The actions of one message that are tried: a few rules that hit may ask for a few each.
pub(crate) const MOST_ACTIONS: usize = 20;

/// What may be done here.
pub(crate) struct Means<'a> {
    pub(crate) features: &'a BTreeSet<Feature>,
    pub(crate) forward_targets: &'a ForwardTargets,
    pub(crate) networks: &'a Networks,
    /// Whether webhooks can be signed.
    pub(crate) signs: bool,
    pub(crate) stack: &'a str,
}

impl<'a> Means<'a> {
    pub(crate) fn of(settings: &'a Settings, signs: bool) -> Self {
        Self {
            features: &settings.features,
            forward_targets: &settings.forward_targets,
            networks: &settings.webhook_networks,
            signs,
            stack: &settings.stack,
        }
    }
}

/// Whose message it is.
pub(crate) struct Owner<'a> {
    pub(crate) user: &'a UserId,
    pub(crate) email: &'a str,
    /// What was granted.
    pub(crate) scopes: &'a [String],
    pub(crate) connected_at: Timestamp,
}

impl Owner<'_> {
    /// Whether the message was there before the mailbox was connected. Nobody wants years of mail sent on at once: actions
    /// are for what comes.
    pub(crate) fn had(&self, internal_date: Option<Timestamp>) -> bool {
        internal_date.is_none_or(|date| date < self.connected_at)
    }
}

/// Names the actions that the rules ask for in `result`, and refuses those that may not be tried.
pub(crate) fn plan(result: &mut MessageResult, raw: &[u8], owner: &Owner<'_>, means: &Means<'_>) {
    let mut actions = std::mem::take(&mut result.actions);
    let Some(message) = result.message_id.clone().filter(|_| !owner.had(result.internal_date))
    else {
        return;
    };
    let lines = with_line_feeds(raw);
    let (fields, _) = Fields::read(lines.trim_ascii_start());
    let header = Header { hops: hops(&fields), hides_line: hides_line(&fields) };
    for (place, action) in actions.iter_mut().enumerate() {
        let target = action.target.as_deref();
        action.id = Some(action_id(owner.user, &message, result.generation, action.kind, target));
        action.detail = if place < MOST_ACTIONS {
            refusal(action, result, &header, owner, means)
        } else {
            Some(format!("a message has at most {MOST_ACTIONS} actions"))
        };
        if action.detail.is_some() {
            action.state = ActionState::Failed;
        }
    }
    result.actions = actions;
}

fn refusal(
    action: &Action,
    result: &MessageResult,
    header: &Header,
    owner: &Owner<'_>,
    means: &Means<'_>,
) -> Option<String> {
    if let Some(why) = not_allowed(action, owner.scopes, means) {
        return Some(why);
    }
    if action.kind != ActionKind::Forward {
        return None;
    }
    if let Some(name) = header.hides_line {
        return Some(format!("its {name} hides a line, to smuggle a field into another's header"));
    }
    let target = action.target.as_deref().unwrap_or_default();
    would_loop(target, result, &header.hops, &hop(means.stack, owner.user), owner)
}

/// What a message's own header says about forwarding it.
struct Header {
    hops: Vec<String>,
    /// The field in which a line is hidden.
    hides_line: Option<&'static str>,
}

/// Why an action may not be tried whatever message it is for. Asked again when its turn comes: an operator who takes a target
/// off the list means what waits, too.
pub(crate) fn not_allowed(action: &Action, scopes: &[String], means: &Means<'_>) -> Option<String> {
    if let Some(feature) = action.kind.feature() {
        if !means.features.contains(&feature) {
            return Some(format!("FEATURES does not name {feature}"));
        }
        if !feature.scope().is_in(scopes) {
            let scope = feature.scope();
            return Some(format!("the mailbox's owner has not allowed {scope}, for {feature}"));
        }
    }
    let target = action.target.as_deref().unwrap_or_default();
    match action.kind {
        ActionKind::Label | ActionKind::Archive | ActionKind::MarkRead => None,
        ActionKind::Forward => (!means.forward_targets.allow(target))
            .then(|| "FORWARD_TARGETS does not name the target".to_owned()),
        ActionKind::Webhook if !means.signs => {
            Some("webhooks cannot be signed: WEBHOOK_SECRET is not set".to_owned())
        }
        ActionKind::Webhook => {
            means.networks.checked(target).err().map(|why| format!("the webhook {why}"))
        }
    }
}

/// Why a forward would come back to where it came from.
fn would_loop(
    target: &str,
    result: &MessageResult,
    hops: &[String],
    own: &str,
    owner: &Owner<'_>,
) -> Option<String> {
    let from = result.headers.from.as_ref().and_then(|from| from.address.as_deref());
    let why = if target.eq_ignore_ascii_case(owner.email) {
        "it would go to the mailbox itself"
    } else if from.is_some_and(|from| from.eq_ignore_ascii_case(target)) {
        "it comes from the target"
    } else if matches!(result.category, Category::Bounce | Category::AutoReply) {
        "a machine answers with it, and might answer the forward too"
    } else if hops.iter().any(|hop| hop == own) {
        "it has come through this mailbox before"
    } else if hops.len() >= MOST_HOPS {
        return Some(format!("it would loop: it has been forwarded {MOST_HOPS} times"));
    } else {
        return None;
    };
    Some(format!("it would loop: {why}"))
}

/// The mailboxes that a message has come through, by their [`hop`].
pub(crate) fn hops(fields: &Fields<'_>) -> Vec<String> {
    let words = fields.all(HOPS).flat_map(|value| value.split(u8::is_ascii_whitespace));
    let is_hop = |word: &&[u8]| word.len() == 16 && word.iter().all(u8::is_ascii_hexdigit);
    words.filter(is_hop).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect()
}

/// The name of a mailbox in mail that goes out of the house: it tells nobody whose it is.
pub(crate) fn hop(stack: &str, user: &UserId) -> String {
    let digest = digest(&SHA256, format!("hop\n{stack}\n{user}").as_bytes());
    hex::encode(&digest.as_ref()[..8])
}

#[cfg(test)]
mod tests;
