//! What holds for the result of any bytes at all. The fuzzer and the tests of mutated mail keep the same promise.

use std::collections::BTreeSet;

use message_processor::{Circumstances, understand};
use shared::category::Category;
use shared::result::{Address, Attachment, MessageResult, Text};

/// Panics where a message breaks the promise.
pub(crate) fn is_kept_by(raw: &[u8]) {
    let understood = understand(raw, &["INBOX", "CATEGORY_PROMOTIONS"]);
    let result = understood.into_result(Circumstances::default());
    assert_eq!(result.size_bytes, raw.len() as u64);
    assert!((0.0..=1.0).contains(&result.confidence), "{}", result.confidence);
    assert!((1..=5).contains(&result.reasons.len()), "{:?}", result.reasons);
    has_known_defects(&result);
    is_not_silent(&result);
    has_bounded_headers(&result);
    has_bounded_content(&result);
    has_bounded_machine_mail(&result);
    let text = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<MessageResult>(&text).unwrap(), result, "read back");
}

/// Each is told once, none says that the parser panicked, and none repeats what a sender wrote.
fn has_known_defects(result: &MessageResult) {
    let codes: BTreeSet<_> = result.defects.iter().map(|defect| defect.code.as_str()).collect();
    assert!(codes.len() == result.defects.len() && codes.len() <= 50, "{:?}", result.defects);
    assert!(!codes.contains("parser_failed"), "the parser panicked");
    for defect in &result.defects {
        assert!(defect.detail.is_ascii() && !defect.detail.contains('@'), "{}", defect.detail);
    }
}

/// What every message has and this one has not is told.
fn is_not_silent(result: &MessageResult) {
    let told = |codes: &[&str]| result.defects.iter().any(|one| codes.contains(&&*one.code));
    let unreadable = result.category == Category::Unreadable;
    assert_eq!(unreadable, told(&["empty", "no_header"]), "{:?}", result.defects);
    assert!(unreadable || result.headers.from.is_some() || told(&["no_author"]));
    assert!(unreadable || result.headers.date.is_some() || told(&["no_date", "bad_date"]));
}

fn has_bounded_headers(result: &MessageResult) {
    let headers = &result.headers;
    line(headers.subject.as_deref(), 1_000);
    let ids = [&headers.message_id, &headers.in_reply_to].into_iter().flatten();
    for id in ids.chain(&headers.references) {
        line(Some(id), 500);
        assert!(!id.contains(char::is_whitespace), "{id:?}");
    }
    assert!(headers.references.len() <= 100);
    for list in [&headers.to, &headers.cc, &headers.reply_to] {
        assert!(list.len() <= 500, "{}", list.len());
        list.iter().for_each(address);
    }
    headers.from.iter().for_each(address);
    if let Some(list) = &result.list {
        line(list.id.as_deref(), 1_000);
        assert!(list.unsubscribe.len() <= 10);
        assert!(!list.one_click || list.unsubscribe.iter().any(|way| is_https(way)));
    }
}

fn is_https(way: &str) -> bool {
    way.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

fn address(address: &Address) {
    assert!(address.name.is_some() || address.address.is_some());
    line(address.name.as_deref(), 1_000);
    line(address.address.as_deref(), 320);
}

fn has_bounded_content(result: &MessageResult) {
    if let Some(text) = &result.text {
        assert!((1..=2_000).contains(&text.preview.chars().count()));
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!text.preview.contains(control), "{:?}", text.preview);
        has_ordered_marks(text);
    }
    assert!(result.attachments.len() <= 500);
    result.attachments.iter().for_each(|file| attachment(file, result.size_bytes));
    let decoded: u64 = result.attachments.iter().map(|file| file.size_bytes).sum();
    assert!(decoded <= result.size_bytes, "{decoded} bytes of files");
}

fn has_ordered_marks(text: &Text) {
    assert!(text.marks.len() <= 100, "{}", text.marks.len());
    let mut before = 0;
    for mark in &text.marks {
        assert!(before <= mark.start && mark.start < mark.end, "{:?}", text.marks);
        before = mark.end;
    }
    assert!(before <= text.preview.chars().count(), "{:?}", text.marks);
}

/// A file, and what is within it: of a `winmail.dat` no more bytes than it has itself, and nothing within those.
fn attachment(file: &Attachment, size: u64) {
    line(file.filename.as_deref(), 200);
    let name = file.filename.as_deref().unwrap_or("a");
    assert!(!name.contains(['/', '\\']) && name != "." && name != "..", "{name:?}");
    line(Some(&file.content_type), 255);
    assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(file.size_bytes <= size);
    assert!(file.contents.len() <= 100);
    let within: u64 = file.contents.iter().map(|inner| inner.size_bytes).sum();
    assert!(within <= file.size_bytes, "{within} bytes within");
    for inner in &file.contents {
        assert!(inner.contents.is_empty() && inner.message.is_none());
        attachment(inner, file.size_bytes);
    }
    if let Some(message) = &file.message {
        line(message.message_id.as_deref(), 500);
        line(message.subject.as_deref(), 1_000);
        message.from.iter().for_each(address);
    }
}

fn has_bounded_machine_mail(result: &MessageResult) {
    for one in result.bounce.iter().flat_map(|bounce| &bounce.recipients) {
        for text in [&one.address, &one.status, &one.action, &one.diagnostic] {
            line(text.as_deref(), 1_000);
        }
    }
    assert!(result.bounce.as_ref().is_none_or(|bounce| bounce.recipients.len() <= 200));
    if let Some(report) = &result.report {
        let texts = [&report.domain, &report.submitter, &report.report_id, &report.source_ip];
        for text in texts {
            line(text.as_deref(), 1_000);
        }
        line(report.feedback_type.as_deref(), 1_000);
        assert!(report.failed <= report.total);
    }
    if let Some(event) = &result.calendar {
        let texts = [&event.method, &event.uid, &event.start, &event.end, &event.time_zone];
        for text in texts.into_iter().chain([&event.recurrence, &event.reply]) {
            line(text.as_deref(), 1_000);
        }
        assert!(event.attendees.len() <= 200);
        event.attendees.iter().chain(&event.organizer).for_each(|text| line(Some(text), 320));
    }
}

/// A text of at most so many characters, none of which ends a line or steers a terminal.
fn line(text: Option<&str>, limit: usize) {
    let Some(text) = text else { return };
    assert!(text.chars().count() <= limit, "{} characters", text.chars().count());
    assert!(!text.contains(char::is_control), "{text:?}");
}
