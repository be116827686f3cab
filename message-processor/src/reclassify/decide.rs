//! What a message is judged to be now, and whether that is news.

use serde::Serialize;
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::result::MessageResult;

use crate::rules::Rules;
use crate::understand::{Circumstances, understand};

/// What has changed about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub user_id: Option<UserId>,
    pub message_id: Option<MessageId>,
    pub from: Standing,
    pub to: Standing,
    /// Whether the message is also read otherwise: its header, text, attachments, or what a machine says in it.
    pub content: bool,
}

/// What a message is judged to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub category: Category,
    pub labels: Vec<String>,
}

impl Standing {
    fn of(result: &MessageResult) -> Self {
        Self { category: result.category, labels: result.labels.clone() }
    }
}

/// The next generation of a result, from the message's own bytes; where these are not kept, from the result, on which the
/// rules can be asked all the same. `None` where nothing can be judged. What only the mailbox knew stays as it was, and
/// without rules so do their labels: nobody has said that they do not hold any more.
pub(super) fn anew(
    old: &MessageResult,
    raw: Option<&[u8]>,
    rules: Option<&Rules>,
    now: Timestamp,
) -> Option<MessageResult> {
    let read = |raw| {
        let known = Circumstances {
            user_id: old.user_id.clone(),
            reference: old.reference.clone(),
            message_id: old.message_id.clone(),
            thread_id: old.thread_id.clone(),
            internal_date: old.internal_date,
            generation: old.generation.next(),
            label_ids: old.label_ids.clone(),
            processed_at: now,
            original: old.original.clone(),
            ..Circumstances::default()
        };
        understand(raw, &known.label_ids).into_result(known)
    };
    let stored =
        || MessageResult { generation: old.generation.next(), processed_at: now, ..old.clone() };
    let mut new = match (raw, rules) {
        (Some(raw), _) => read(raw),
        (None, Some(_)) => stored(),
        (None, None) => return None,
    };
    if let Some(rules) = rules {
        rules.apply(&mut new);
        // What was done was done for the first judgement. Nobody who looks at old mail anew wants it sent round again.
        new.actions.clone_from(&old.actions);
    } else {
        new.labels.clone_from(&old.labels);
        new.rules.clone_from(&old.rules);
        new.actions.clone_from(&old.actions);
    }
    Some(new)
}

/// What a consumer would see changed. How sure we are and why is no news by itself.
pub(super) fn change(old: &MessageResult, new: &MessageResult) -> Option<Change> {
    let (from, to) = (Standing::of(old), Standing::of(new));
    let content = content(old) != content(new);
    let change = Change {
        user_id: new.user_id.clone(),
        message_id: new.message_id.clone(),
        from,
        to,
        content,
    };
    (content || change.from != change.to).then_some(change)
}

/// A result without its judgement.
fn content(result: &MessageResult) -> MessageResult {
    MessageResult {
        generation: shared::ids::Generation(0),
        category: Category::Unreadable,
        confidence: 0.0,
        reasons: vec![],
        labels: vec![],
        rules: None,
        actions: vec![],
        processed_at: Timestamp::default(),
        ..result.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"From: Bob <bob@example.org>\r\nSubject: Lunch\r\n\r\nShall we?\r\n";

    fn judged() -> MessageResult {
        let known = Circumstances {
            user_id: Some("42".parse().unwrap()),
            reference: Some("cust_42".to_owned()),
            label_ids: vec!["INBOX".to_owned()],
            original: Some("raw/42/m1.eml".to_owned()),
            ..Circumstances::default()
        };
        understand(MAIL, &known.label_ids).into_result(known)
    }

    fn later() -> Timestamp {
        "2026-05-02T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_judged_as_before_is_no_change_but_a_generation() {
        let old = judged();
        let new = anew(&old, Some(MAIL), None, later()).unwrap();
        assert_eq!((new.generation, new.processed_at), (old.generation.next(), later()));
        assert_eq!(change(&old, &new), None);
        assert_eq!(
            (new.reference, new.original, new.label_ids),
            (old.reference, old.original, old.label_ids)
        );
    }

    #[test]
    fn another_category_another_label_and_another_content_are_each_a_change() {
        let new = anew(&judged(), Some(MAIL), None, later()).unwrap();
        let category = MessageResult { category: Category::Spam, ..judged() };
        let told = change(&category, &new).unwrap();
        assert_eq!(
            (told.from.category, told.to.category, told.content),
            (Category::Spam, new.category, false)
        );
        let labelled = MessageResult { labels: vec!["old".to_owned()], ..judged() };
        assert!(!change(&labelled, &new).unwrap().content);
        let read = MessageResult { text: None, ..judged() };
        assert!(change(&read, &new).unwrap().content);
    }

    #[test]
    fn how_sure_we_are_is_no_news() {
        let old = MessageResult {
            confidence: 0.01,
            reasons: vec![],
            rules: Some("x".to_owned()),
            ..judged()
        };
        assert_eq!(change(&old, &anew(&old, Some(MAIL), None, later()).unwrap()), None);
    }

    #[test]
    fn rules_give_labels_and_without_rules_labels_stay() {
        let file =
            b"[[rule]]\nname = 'lunch'\nwhen = 'headers.subject == \"Lunch\"'\nlabels = ['food']\n";
        let rules = Rules::parse(file).unwrap();
        let labelled = MessageResult { labels: vec!["old".to_owned()], ..judged() };
        for raw in [Some(MAIL), None] {
            let new = anew(&labelled, raw, Some(&rules), later()).unwrap();
            assert_eq!(
                (new.labels, new.rules.as_deref()),
                (vec!["food".to_owned()], Some(rules.hash()))
            );
        }
        let new = anew(&labelled, Some(MAIL), None, later()).unwrap();
        assert_eq!((&new.labels, change(&labelled, &new)), (&labelled.labels, None));
        assert!(anew(&labelled, None, None, later()).is_none());
    }
}
