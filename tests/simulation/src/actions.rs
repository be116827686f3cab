//! What rules have done with messages: Gmail's changes and the programs that are told, with the witness behind them, and
//! the judgement of what became of each action.

use std::sync::Arc;

use async_trait::async_trait;
use message_processor::Rules;
use shared::action::{ActionEnd, ActionKind};
use shared::clock::Timestamp;
use shared::events::{EventKind, action_event_id};
use shared::google::{GmailChanges, GmailError, GmailLabel};
use shared::ids::{JobId, MessageId, UserId};
use shared::result::{Action, ActionState, MessageResult};
use shared::secret::AccessToken;
use shared::settings::ForwardTargets;
use shared::webhook::{Webhook, WebhookError, Webhooks};

use crate::google::Witnessed;
use crate::witness::{Deeds, Witness};
use crate::world::World;

/// The rules of worlds that have some. The target has no mailbox: what is sent to it leaves the world.
const RULES: &str = "
    [[rule]]
    name = 'everything'
    when = 'true'
    labels = ['seen']
    actions = [{ label = 'Seen by Fanmail' }, { forward = 'books@example.net' }, { webhook = 'https://example.net/hook' }]
";

/// Whom they may forward to.
const TARGET: &str = "books@example.net";

/// The rules.
pub(crate) fn rules() -> Rules {
    Rules::parse(RULES.as_bytes()).unwrap_or_else(|bad| panic!("{bad}"))
}

/// Whom they may forward to, and nobody else.
pub(crate) fn targets() -> ForwardTargets {
    TARGET.parse().unwrap_or_default()
}

#[async_trait]
impl GmailChanges for Witnessed {
    async fn labels(&self, token: &AccessToken) -> Result<Vec<GmailLabel>, GmailError> {
        let answer = self.google.labels(token).await;
        self.heard(token, &answer);
        answer
    }

    async fn create_label(
        &self,
        token: &AccessToken,
        name: &str,
    ) -> Result<GmailLabel, GmailError> {
        let answer = self.google.create_label(token, name).await;
        self.heard(token, &answer);
        answer
    }

    async fn modify(
        &self,
        token: &AccessToken,
        message: &MessageId,
        add: &[&str],
        remove: &[&str],
    ) -> Result<(), GmailError> {
        let answer = self.google.modify(token, message, add, remove).await;
        self.heard(token, &answer);
        if answer.is_ok() {
            self.witness.acted(|deeds, user| {
                deeds.labelled.insert((user, message.clone()));
            });
        }
        answer
    }

    async fn send(&self, token: &AccessToken, raw: Vec<u8>) -> Result<MessageId, GmailError> {
        let field = |name: &str| {
            let text = String::from_utf8_lossy(&raw);
            let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
            head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        let action = field("X-Fanmail-Action: ");
        let to = field("To: ");
        if to.as_deref() != Some(TARGET) {
            let rule = "a forward goes to its target alone";
            self.witness.violated(rule, None, to.unwrap_or_default());
        }
        let answer = self.google.send(token, raw).await;
        self.heard(token, &answer);
        // What is done and not heard of is done; what is refused is not.
        let done = answer.is_ok()
            || matches!(
                &answer,
                Err(GmailError::Unreachable { .. } | GmailError::Malformed { .. })
            );
        if let Some(action) = action.and_then(|text| text.parse().ok()).filter(|_| done) {
            self.witness.acted(|deeds, _| *deeds.sent.entry(action).or_default() += 1);
        }
        answer
    }
}

/// A program that is told.
pub struct Receiver(pub Arc<Witness>);

#[async_trait]
impl Webhooks for Receiver {
    async fn post(&self, _address: &str, webhook: &Webhook) -> Result<(), WebhookError> {
        self.0.carries_ids_only("a webhook", &webhook.body);
        self.0.acted(|deeds, _| {
            deeds.told.insert(webhook.id.clone());
        });
        Ok(())
    }
}

impl Witness {
    /// Notes something that was done in the name of the mailbox whose job is under way.
    fn acted(&self, note: impl FnOnce(&mut Deeds, UserId)) {
        let worker = self.fate.errand().who.user.clone();
        let Some(user) = worker else {
            return self.violated("what is done is done for a mailbox", None, "nobody's job");
        };
        note(&mut self.seen().deeds, user);
    }
}

impl World {
    /// What was asked for was done, and told of.
    pub(crate) fn judge_actions(&self, user: &UserId, id: &MessageId, result: &MessageResult) {
        for action in &result.actions {
            let Some(name) = action.id.as_ref().filter(|_| action.state == ActionState::Pending)
            else {
                let seen = format!("{id}: {} is {:?}", action.kind, action.detail);
                self.witness.violated("every action may be tried", Some(user), seen);
                continue;
            };
            self.judge_action(user, id, action, name);
        }
    }

    fn judge_action(&self, user: &UserId, id: &MessageId, action: &Action, name: &JobId) {
        let seen = self.witness.seen();
        let (kind, deeds) = (EventKind::ActionFinished.as_str(), &seen.deeds);
        let told = |end| seen.told.contains(&(kind, user.clone(), action_event_id(name, end)));
        let (done, failed) = (told(ActionEnd::Done), told(ActionEnd::Failed));
        let was_done = match action.kind {
            ActionKind::Label | ActionKind::Archive | ActionKind::MarkRead => {
                deeds.labelled.contains(&(user.clone(), id.clone()))
            }
            ActionKind::Forward => deeds.sent.contains_key(name),
            ActionKind::Webhook => deeds.told.contains(name),
        };
        let sent = deeds.sent.get(name).copied().unwrap_or_default();
        drop(seen);
        let kind = action.kind;
        // The message may have been deleted, or the mark of an ended life may be gone.
        if !done && !failed {
            self.witness.violated("an action's end is told", Some(user), format!("{id}: {kind}"));
        }
        if done && !was_done {
            let rule = "what is told to be done was done";
            self.witness.violated(rule, Some(user), format!("{id}: {kind}"));
        }
        if sent > 1 {
            self.fate.count("known limit", "forwarded twice");
            if !self.fate.has_counted("strike", "freezes") {
                let rule = "what was sent is not sent again";
                self.witness.violated(rule, Some(user), format!("{id}: {sent} times"));
            }
        }
    }

    /// Whether a message came once the mailbox was connected: nothing is done with what was there before.
    pub(crate) fn is_acted_on(&self, date: Timestamp, since: Timestamp) -> bool {
        self.stages.rules_at_once().is_some() && date >= since
    }
}
