//! A result in which nothing is absent. What a condition may name is read from it, and rules are tried on it.

use shared::action::ActionKind;
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::Generation;
use shared::result::{
    Action, ActionState, Address, AttachedMessage, Attachment, AuthResult, Authentication, Bounce,
    BouncedRecipient, Calendar, CarriedAs, Defect, Headers, ListInfo, Mark, MarkKind,
    MessageResult, Protection, ProtectionFormat, Report, ReportKind, Schema, Text,
};

/// The sample. Every struct is written out: a field that is added to the result does not compile until it is here.
pub fn sample() -> MessageResult {
    MessageResult {
        schema: Schema::V1,
        user_id: "100100000000000000000".parse().ok(),
        reference: text("cust_42"),
        message_id: "19a2f0c4d1e2b3a4".parse().ok(),
        thread_id: "19a2f0c4d1e2b3a4".parse().ok(),
        internal_date: Some(Timestamp::default()),
        generation: Generation(0),
        label_ids: vec!["INBOX".to_owned()],
        size_bytes: 20_480,
        headers: headers(),
        text: Some(Text {
            preview: "Your invoice is attached.".to_owned(),
            language: text("en"),
            truncated: false,
            marks: vec![Mark { kind: MarkKind::Signature, start: 0, end: 1 }],
        }),
        attachments: vec![attachment(vec![attachment(Vec::new())])],
        authentication: Authentication {
            spf: Some(AuthResult::Pass),
            dkim: Some(AuthResult::Pass),
            dmarc: Some(AuthResult::Pass),
        },
        list: Some(ListInfo {
            id: text("news.example.com"),
            unsubscribe: vec!["https://example.com/leave".to_owned()],
            one_click: true,
        }),
        category: Category::Transactional,
        confidence: 0.9,
        reasons: vec!["It names an invoice".to_owned()],
        labels: vec!["finance".to_owned()],
        rules: text(""),
        actions: vec![Action {
            id: "a1".parse().ok(),
            kind: ActionKind::Forward,
            target: text("books@example.com"),
            original: Some(CarriedAs::Attached),
            state: ActionState::Pending,
            detail: text(""),
        }],
        defects: vec![Defect { code: "bad_encoding".to_owned(), detail: "a byte".to_owned() }],
        bounce: Some(Bounce { recipients: vec![bounced()] }),
        report: Some(report()),
        calendar: Some(calendar()),
        protection: Some(Protection {
            format: ProtectionFormat::Smime,
            signed: true,
            encrypted: false,
        }),
        processed_at: Timestamp::default(),
        original: text("raw/100100000000000000000/19a2f0c4d1e2b3a4.eml"),
        path: text("mail/invoice.eml"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "nearly every text of a result may be absent")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn address() -> Address {
    Address { name: text("Billing"), address: text("billing@example.com") }
}

fn headers() -> Headers {
    Headers {
        message_id: text("1@example.com"),
        from: Some(address()),
        to: vec![address()],
        cc: vec![address()],
        reply_to: vec![address()],
        subject: text("Your invoice"),
        date: Some(Timestamp::default()),
        in_reply_to: text("0@example.com"),
        references: vec!["0@example.com".to_owned()],
    }
}

fn attachment(contents: Vec<Attachment>) -> Attachment {
    Attachment {
        filename: text("invoice.pdf"),
        content_type: "application/pdf".to_owned(),
        size_bytes: 10_240,
        sha256: String::new(),
        inline: false,
        contents,
        message: Some(AttachedMessage {
            message_id: text("2@example.com"),
            from: Some(address()),
            subject: text("An older one"),
            date: Some(Timestamp::default()),
        }),
    }
}

fn bounced() -> BouncedRecipient {
    BouncedRecipient {
        address: text("nobody@example.com"),
        status: text("5.1.1"),
        action: text("failed"),
        diagnostic: text("550 no such user"),
    }
}

fn report() -> Report {
    Report {
        kind: ReportKind::Dmarc,
        feedback_type: text("abuse"),
        domain: text("example.com"),
        submitter: text("example.net"),
        report_id: text("1"),
        source_ip: text("192.0.2.1"),
        begin: Some(Timestamp::default()),
        end: Some(Timestamp::default()),
        total: Some(10),
        failed: Some(1),
    }
}

fn calendar() -> Calendar {
    Calendar {
        method: text("REQUEST"),
        uid: text("1@example.com"),
        start: text("2026-05-01T12:00:00Z"),
        end: text("2026-05-01T13:00:00Z"),
        time_zone: text("Europe/Berlin"),
        organizer: text("ada@example.com"),
        attendees: vec!["bob@example.com".to_owned()],
        recurrence: text("FREQ=WEEKLY"),
        reply: text("ACCEPTED"),
    }
}
