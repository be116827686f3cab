//! The one door to the understanding of a message: bytes and Gmail's labels in, content and judgement out.
//!
//! It has no failure. What cannot be read is a message of the category `unreadable` whose defect says why, because a
//! message that kills the parser must still be announced, and its original kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{Generation, MessageId, ThreadId, UserId};
use shared::result::{Defect, MessageResult, Schema};

use crate::classify::{Judgement, classify};
use crate::parse::{Content, Unreadable, parse, with_line_feeds};

/// What a message says, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    pub content: Content,
    pub judgement: Judgement,
}

/// What is known of a message from elsewhere than its bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Circumstances {
    pub user_id: Option<UserId>,
    /// The operator's own id for the mailbox's owner.
    pub reference: Option<String>,
    pub message_id: Option<MessageId>,
    pub thread_id: Option<ThreadId>,
    pub internal_date: Option<Timestamp>,
    pub generation: Generation,
    pub label_ids: Vec<String>,
    pub processed_at: Timestamp,
    pub original: Option<String>,
    /// The file that was read, for a message in no mailbox.
    pub path: Option<String>,
}

/// Reads and judges a message. Never panics, whatever the bytes.
pub fn understand<S: AsRef<str>>(raw: &[u8], gmail_labels: &[S]) -> Understood {
    let labels = gmail_labels.iter().map(AsRef::as_ref).collect();
    let mut understood = guarded(|| read_and_judge(raw, labels));
    understood.content.size_bytes = raw.len() as u64;
    understood
}

/// The one place where a parser's panic ends. It costs its own message only.
fn guarded(attempt: impl FnOnce() -> Result<Understood, Unreadable>) -> Understood {
    // What the attempt holds it only reads: a panic leaves nothing half done.
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(understood)) => understood,
        Ok(Err(reason)) => unreadable(reason.defect()),
        Err(_) => unreadable(Defect {
            code: "parser_failed".to_owned(),
            detail: "the parser gave up".to_owned(),
        }),
    }
}

fn read_and_judge(raw: &[u8], labels: Vec<&str>) -> Result<Understood, Unreadable> {
    let lines = with_line_feeds(raw);
    let parsed = parse(&lines)?;
    let judgement = classify(&parsed, labels);
    Ok(Understood { content: parsed.content, judgement })
}

fn unreadable(defect: Defect) -> Understood {
    let reasons = vec![format!("No message can be read: {}", defect.detail)];
    let content = Content { defects: vec![defect], ..Content::default() };
    Understood {
        content,
        judgement: Judgement { category: Category::Unreadable, confidence: 1.0, reasons },
    }
}

impl Understood {
    /// The result document of this message, of which no rule has been asked yet.
    pub fn into_result(self, known: Circumstances) -> MessageResult {
        let Self { content, judgement } = self;
        MessageResult {
            schema: Schema::V1,
            user_id: known.user_id,
            reference: known.reference,
            message_id: known.message_id,
            thread_id: known.thread_id,
            internal_date: known.internal_date,
            generation: known.generation,
            label_ids: known.label_ids,
            size_bytes: content.size_bytes,
            headers: content.headers,
            text: content.text,
            attachments: content.attachments,
            authentication: content.authentication,
            list: content.list,
            category: judgement.category,
            confidence: judgement.confidence,
            reasons: judgement.reasons,
            labels: Vec::new(),
            rules: None,
            actions: Vec::new(),
            defects: content.defects,
            bounce: content.bounce,
            report: content.report,
            calendar: content.calendar,
            protection: content.protection,
            processed_at: known.processed_at,
            original: known.original,
            path: known.path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why() {
        for (raw, code) in [
            (&b""[..], "empty"),
            (b" \r\n\r\n", "empty"),
            (b"no header here", "no_header"),
            (&[0xff; 99], "no_header"),
        ] {
            let understood = understand::<&str>(raw, &[]);
            assert_eq!(understood.judgement.category, Category::Unreadable, "{raw:?}");
            assert_eq!(understood.content.defects[0].code, code, "{raw:?}");
            assert_eq!(understood.content.size_bytes, raw.len() as u64);
        }
    }

    #[test]
    fn a_parser_that_panics_costs_its_own_message_only() {
        let understood = guarded(|| panic!("as a parser may"));
        assert_eq!(understood.judgement.category, Category::Unreadable);
        assert_eq!(understood.content.defects[0].code, "parser_failed");
    }

    #[test]
    fn lines_that_end_in_carriage_returns_alone_are_lines() {
        let understood = understand::<&str>(b"From: a@example.com\rSubject: Hello\r\rBody\r", &[]);
        assert_eq!(understood.content.headers.subject.as_deref(), Some("Hello"));
        assert_eq!(understood.content.text.map(|text| text.preview).as_deref(), Some("Body"));
    }
}
