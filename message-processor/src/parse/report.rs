//! Reports on mail: complaints (RFC 5965), and counts of a period about a domain (DMARC, RFC 7489; TLS, RFC 8460).

use shared::result::{Report, ReportKind};

use super::aggregate::{self, Aggregate};
use super::fields::Fields;
use super::headers::words;
use super::limits;
use super::mime::{Part, Tree};
use super::unpack::unpacked;

/// What kind of report the message is, if it is one, and what it is about.
pub(super) fn read(
    fields: &Fields<'_>,
    subject: Option<&str>,
    tree: &mut Tree<'_>,
) -> Option<Report> {
    if let Some(part) = tree.parts.iter().find(|part| part.kind == "message/feedback-report") {
        return Some(complaint(&part.text(limits::MACHINE_BYTES).0));
    }
    let tls = fields.has("TLS-Report-Domain")
        || tree.report_type.as_deref() == Some("tlsrpt")
        || tree.parts.iter().any(is_tls_file);
    if tls {
        let value =
            |name: &str| fields.text(name).and_then(|text| words(&text, limits::WORDS_CHARS));
        let mut report = about(ReportKind::Tls, subject);
        report.domain = value("TLS-Report-Domain").or(report.domain);
        report.submitter = value("TLS-Report-Submitter").or(report.submitter);
        return Some(with_counts(report, tree, aggregate::tls));
    }
    (subject.is_some_and(is_dmarc_subject) || tree.parts.iter().any(is_dmarc_file))
        .then(|| with_counts(about(ReportKind::Dmarc, subject), tree, aggregate::dmarc))
}

/// Types that reports come in. What only calls itself a file may be one too.
const PACKED: [&str; 10] = [
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "application/x-zip-compressed",
    "application/xml",
    "text/xml",
    "application/tlsrpt+json",
    "application/tlsrpt+gzip",
    "application/json",
    "application/octet-stream",
];

/// Parts that are tried: there is one report in a message, and unpacking costs time.
const TRIED: usize = 3;

/// Adds what the first attachment that is such a report says. It knows better than the header.
fn with_counts(
    mut report: Report,
    tree: &mut Tree<'_>,
    read: fn(&[u8]) -> Option<Aggregate>,
) -> Report {
    let packed = tree.parts.iter().filter(|part| PACKED.contains(&&*part.kind));
    let mut cut = false;
    for part in packed.take(TRIED) {
        let (bytes, more) = unpacked(&part.start(limits::PACKED_BYTES), limits::REPORT_BYTES);
        let more = more || part.body.len() > limits::PACKED_BYTES;
        cut |= more;
        let Some(said) = read(&bytes) else { continue };
        cut = more;
        report.domain = said.domain.or(report.domain);
        report.submitter = said.submitter.or(report.submitter);
        report.report_id = said.report_id.or(report.report_id);
        (report.begin, report.end) = (said.begin, said.end);
        (report.total, report.failed) = (Some(said.total), Some(said.failed));
        break;
    }
    if cut {
        (report.total, report.failed) = (None, None);
        tree.defects.note("report_too_long", "a report is longer than is read");
    }
    report
}

fn complaint(text: &str) -> Report {
    let (fields, _) = Fields::read(text.trim_start().as_bytes());
    let value = |name: &str| fields.text(name).and_then(|text| words(&text, limits::WORDS_CHARS));
    Report {
        feedback_type: value("Feedback-Type").map(|kind| kind.to_ascii_lowercase()),
        domain: value("Reported-Domain"),
        submitter: value("User-Agent"),
        source_ip: value("Source-IP"),
        ..about(ReportKind::Arf, None)
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
    Report {
        kind,
        feedback_type: None,
        domain,
        submitter,
        report_id,
        source_ip: None,
        begin: None,
        end: None,
        total: None,
        failed: None,
    }
}

fn is_dmarc_subject(subject: &str) -> bool {
    let lower = subject.to_ascii_lowercase();
    lower.contains("report domain:") && lower.contains("report-id:")
        || lower.contains("dmarc aggregate report")
}

/// Aggregate reports are called `receiver!domain!begin!end.xml.gz` (RFC 7489, section 7.2.1.1).
fn is_dmarc_file(part: &Part<'_>) -> bool {
    part.filename.as_deref().is_some_and(|name| {
        let lower = name.to_ascii_lowercase();
        let packed = [".zip", ".gz", ".xml", ".gzip"].iter().any(|end| lower.ends_with(end));
        packed && lower.split('!').count() >= 4
    })
}

fn is_tls_file(part: &Part<'_>) -> bool {
    part.kind.starts_with("application/tlsrpt")
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn report(message: &str) -> Option<Report> {
        parse(message.as_bytes()).ok()?.content.report
    }

    #[test]
    fn a_dmarc_report_is_known_by_its_subject() {
        let subject = "Report domain: example.org Submitter: example.com Report-ID: <2026.1>";
        let report = report(&format!("From: a@example.com\nSubject: {subject}\n\n")).unwrap();
        assert_eq!(report.kind, ReportKind::Dmarc);
        assert_eq!(report.domain.as_deref(), Some("example.org"));
        assert_eq!(report.report_id.as_deref(), Some("2026.1"));
        assert_eq!(report.total, None);
    }

    #[test]
    fn a_packed_report_is_opened() {
        // gzip of <feedback> with the domain example.org and three messages, one of which failed.
        let message = format!(
            "From: a@example.com\nSubject: Report Domain: no.example Submitter: a Report-ID: b\n\
             Content-Type: application/gzip; name=\"a!b!1!2.xml.gz\"\nContent-Transfer-Encoding: base64\n\n{DMARC_GZ}\n"
        );
        let dmarc = report(&message).unwrap();
        assert_eq!(
            (dmarc.domain.as_deref(), dmarc.total, dmarc.failed),
            (Some("example.org"), Some(3), Some(1))
        );
        assert_eq!(
            dmarc.report_id.as_deref(),
            Some("b"),
            "what the report leaves out the header says"
        );
        let tls = report(
            "From: a@example.com\nTLS-Report-Domain: example.org\nContent-Type: application/tlsrpt+json\n\n\
             {\"policies\":[{\"summary\":{\"total-failure-session-count\":2}}]}\n",
        )
        .unwrap();
        assert_eq!((tls.kind, tls.domain.as_deref()), (ReportKind::Tls, Some("example.org")));
        assert_eq!((tls.total, tls.failed), (Some(2), Some(2)));
    }

    const DMARC_GZ: &str = "H4sIAAAAAAACA2WPSw7CMAxEb4QFa8tXQW7iQtSkjvKh9PalBSJEVh6Nnt7IOIrYgc1EGNU7s15jHbzLd7GEVgO7me\
        TJIXo5abohfDqEHk9iNO1XF0KjdS50QXiHr10e7CuXwz65QJFzfkn32JQ/DBwuaOZ+4dwW/lhon207NHT95AAAAA==";
}
