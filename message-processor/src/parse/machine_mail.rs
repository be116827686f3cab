//! What delivery statuses and reports say in their machine-readable parts.
//!
//! Compressed reports are not opened: a few kilobytes can unpack to gigabytes, and which domain they are about the
//! header says.

use shared::result::{Bounce, BouncedRecipient, Report, ReportKind};

use super::fields::{Fields, as_text};
use super::headers::words;
use super::limits;
use super::mime::{Part, Tree};

/// The recipients that a delivery status names.
pub(super) fn bounce(fields: &Fields<'_>, tree: &Tree<'_>) -> Option<Bounce> {
    let status = |part: &&Part<'_>| {
        matches!(&*part.kind, "message/delivery-status" | "message/global-delivery-status")
    };
    if let Some(part) = tree.parts.iter().find(status) {
        let (text, _) = part.text(limits::MACHINE_BYTES);
        return Some(Bounce { recipients: groups(&text).take(limits::NAMED).collect() });
    }
    // Gmail and Exim name the recipients in the header, whatever the body looks like.
    let failed = as_text(fields.get("X-Failed-Recipients")?);
    let recipient = |address: &str| {
        let address = words(address, limits::ADDRESS_CHARS)?;
        Some(BouncedRecipient {
            address: Some(address),
            action: Some("failed".to_owned()),
            ..BouncedRecipient::default()
        })
    };
    Some(Bounce {
        recipients: failed.split(',').filter_map(recipient).take(limits::NAMED).collect(),
    })
}

/// The groups of a delivery status that are about a recipient; the first is about the message.
fn groups(text: &str) -> impl Iterator<Item = BouncedRecipient> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let (group, after) = Fields::read(rest);
        let moved = after.len() < rest.len();
        rest = after;
        moved.then(|| recipient(&group))
    })
    .filter(|recipient| recipient.address.is_some() || recipient.action.is_some())
}

fn recipient(group: &Fields<'_>) -> BouncedRecipient {
    let typed = |name: &str| {
        let text = group.text(name)?;
        let value = text.split_once(';').map_or(&*text, |(_, value)| value);
        words(value, limits::WORDS_CHARS)
    };
    let address = typed("Final-Recipient").or_else(|| typed("Original-Recipient"));
    BouncedRecipient {
        address: address.map(|address| address.trim_matches(['<', '>']).to_owned()),
        status: group
            .text("Status")
            .and_then(|status| words(status.split_whitespace().next()?, limits::WORDS_CHARS)),
        action: group
            .text("Action")
            .and_then(|action| words(&action.to_ascii_lowercase(), limits::WORDS_CHARS)),
        diagnostic: typed("Diagnostic-Code"),
    }
}

/// What kind of report the message is, if it is one, and what it is about.
pub(super) fn report(
    fields: &Fields<'_>,
    subject: Option<&str>,
    tree: &Tree<'_>,
) -> Option<Report> {
    if let Some(part) = tree.parts.iter().find(|part| part.kind == "message/feedback-report") {
        return Some(complaint(&part.text(limits::MACHINE_BYTES).0));
    }
    let tls = fields.has("TLS-Report-Domain")
        || tree.report_type.as_deref() == Some("tlsrpt")
        || has_file(tree, "tlsrpt");
    if tls {
        let value =
            |name: &str| fields.text(name).and_then(|text| words(&text, limits::WORDS_CHARS));
        let (domain, submitter) = (value("TLS-Report-Domain"), value("TLS-Report-Submitter"));
        return Some(Report { domain, submitter, ..about(ReportKind::Tls, subject) });
    }
    (subject.is_some_and(is_dmarc_subject) || is_dmarc_file(tree))
        .then(|| about(ReportKind::Dmarc, subject))
}

fn complaint(text: &str) -> Report {
    let (fields, _) = Fields::read(text.trim_start().as_bytes());
    let value = |name: &str| fields.text(name).and_then(|text| words(&text, limits::WORDS_CHARS));
    Report {
        kind: ReportKind::Arf,
        feedback_type: value("Feedback-Type").map(|kind| kind.to_ascii_lowercase()),
        domain: value("Reported-Domain"),
        submitter: value("User-Agent"),
        report_id: None,
        source_ip: value("Source-IP"),
    }
}

/// A report by what its subject says: `Report domain: … Submitter: … Report-ID: …` (RFC 7489, section 7.2.1.1).
fn about(kind: ReportKind, subject: Option<&str>) -> Report {
    let subject = subject.unwrap_or_default();
    let lower = subject.to_ascii_lowercase();
    let value = |name: &str| {
        let at = lower.find(name)? + name.len();
        let word = subject[at..].split_whitespace().next()?;
        words(word.trim_matches(['<', '>', ',', ';']), limits::WORDS_CHARS)
    };
    let (domain, submitter, report_id) =
        (value("report domain:"), value("submitter:"), value("report-id:"));
    Report { kind, feedback_type: None, domain, submitter, report_id, source_ip: None }
}

fn is_dmarc_subject(subject: &str) -> bool {
    let lower = subject.to_ascii_lowercase();
    lower.contains("report domain:") && lower.contains("report-id:")
        || lower.contains("dmarc aggregate report")
}

/// Aggregate reports are called `receiver!domain!begin!end.xml.gz` (RFC 7489, section 7.2.1.1).
fn is_dmarc_file(tree: &Tree<'_>) -> bool {
    tree.parts.iter().filter_map(|part| part.filename.as_deref()).any(|name| {
        let lower = name.to_ascii_lowercase();
        let packed = [".zip", ".gz", ".xml", ".gzip"].iter().any(|end| lower.ends_with(end));
        packed && lower.split('!').count() >= 4
    })
}

fn has_file(tree: &Tree<'_>, kind: &str) -> bool {
    tree.parts.iter().any(|part| {
        part.kind.strip_prefix("application/").is_some_and(|rest| rest.starts_with(kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_of_a_delivery_status_is_told() {
        let message = b"Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n--a\n\
            Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n\
            Final-Recipient: rfc822; <a@example.com>\nAction: Failed\nStatus: 5.1.1 (bad)\n\
            Diagnostic-Code: smtp; 550 5.1.1 no\n such user\n\nOriginal-Recipient: rfc822;b@example.com\n--a--\n";
        let (fields, body) = Fields::read(message);
        let bounce = bounce(&fields, &Tree::walk(&fields, body)).unwrap();
        assert_eq!(bounce.recipients.len(), 2);
        let first = &bounce.recipients[0];
        assert_eq!(first.address.as_deref(), Some("a@example.com"));
        assert_eq!(
            (first.status.as_deref(), first.action.as_deref()),
            (Some("5.1.1"), Some("failed"))
        );
        assert_eq!(first.diagnostic.as_deref(), Some("550 5.1.1 no such user"));
    }

    #[test]
    fn a_dmarc_report_is_known_without_opening_it() {
        let subject = "Report domain: example.org Submitter: example.com Report-ID: <2026.1>";
        let report = report(&Fields::default(), Some(subject), &Tree::default()).unwrap();
        assert_eq!(report.kind, ReportKind::Dmarc);
        assert_eq!(report.domain.as_deref(), Some("example.org"));
        assert_eq!(report.report_id.as_deref(), Some("2026.1"));
    }
}
