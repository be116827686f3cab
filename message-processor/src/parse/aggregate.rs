//! Aggregate reports: counts of a period about a domain, as XML (DMARC, RFC 7489, appendix C; RFC 9990) or JSON (TLS,
//! RFC 8460).
//!
//! They are opened within a limit, and read for what they are about; the rows are counted and not kept.

use std::fmt;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use shared::clock::Timestamp;

use super::headers::words;
use super::limits;

/// What a report says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Aggregate {
    pub(super) domain: Option<String>,
    pub(super) submitter: Option<String>,
    pub(super) report_id: Option<String>,
    pub(super) begin: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    /// Messages or sessions, and those of them that failed.
    pub(super) total: u64,
    pub(super) failed: u64,
}

/// Reads a DMARC report; none where the bytes are none.
pub(super) fn dmarc(xml: &[u8]) -> Option<Aggregate> {
    let mut reader = Reader::from_str(characters(xml));
    // A report that is cut is read as far as it goes.
    reader.config_mut().check_end_names = false;
    let mut report = Aggregate::default();
    let mut row = Row::default();
    let mut within: Vec<String> = Vec::new();
    let mut text = String::new();
    // What is broken ends the reading, and what came before stands.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if within.len() < limits::DEPTH => {
                within.push(tag.local_name().as_ref().to_owned());
                text.clear();
            }
            // Nothing that a report says lies so deep.
            Event::Eof | Event::Start(_) => break,
            _ if text.len() > limits::WORDS_CHARS => text.clear(),
            Event::Text(piece) => text.push_str(&piece),
            Event::CData(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.extend(character(&name)),
            Event::End(_) => {
                let path: Vec<&str> = within.iter().map(String::as_str).collect();
                note(&mut report, &mut row, &path, text.trim());
                within.pop();
                text.clear();
            }
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
        if within.first().is_some_and(|root| root != "feedback") {
            return None;
        }
    }
    (report != Aggregate::default()).then_some(report)
}

/// The character that a reference stands for. A report defines no entities of its own that we would follow.
fn character(name: &BytesRef<'_>) -> Option<char> {
    let known = || resolve_predefined_entity(name).and_then(|text| text.chars().next());
    name.resolve_char_ref().ok().flatten().or_else(known)
}

/// One row: so many messages, and what both methods made of them.
#[derive(Default)]
struct Row {
    count: u64,
    passed: bool,
}

/// Takes what the element at `path`, which ends here, says.
fn note(report: &mut Aggregate, row: &mut Row, path: &[&str], text: &str) {
    let said = || words(text, limits::WORDS_CHARS);
    let moment = || text.parse::<i64>().ok().map(seconds);
    match path {
        [_, "report_metadata", "org_name"] => report.submitter = said(),
        [_, "report_metadata", "report_id"] => report.report_id = said(),
        [_, "report_metadata", "date_range", "begin"] => report.begin = moment(),
        [_, "report_metadata", "date_range", "end"] => report.end = moment(),
        [_, "policy_published", "domain"] => report.domain = said(),
        [_, "record", "row", "count"] => row.count = text.parse().unwrap_or_default(),
        // Either method is enough (RFC 7489, section 4.2).
        [_, "record", "row", "policy_evaluated", "dkim" | "spf"] => row.passed |= text == "pass",
        [_, "record"] => {
            report.total = report.total.saturating_add(row.count);
            if !row.passed {
                report.failed = report.failed.saturating_add(row.count);
            }
            *row = Row::default();
        }
        _ => {}
    }
}

fn seconds(since: i64) -> Timestamp {
    Timestamp::from_millis(since.saturating_mul(1000))
}

/// The bytes as far as they are characters: at its end a report may be cut within one.
fn characters(bytes: &[u8]) -> &str {
    let valid = std::str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to());
    std::str::from_utf8(&bytes[..valid]).unwrap_or_default()
}

/// Reads a TLS report; none where the bytes are none.
pub(super) fn tls(json: &[u8]) -> Option<Aggregate> {
    let report: TlsReport = serde_json::from_slice(json).ok()?;
    let said = |text: Option<String>| text.and_then(|text| words(&text, limits::WORDS_CHARS));
    let moment = |text: Option<String>| text?.parse::<Timestamp>().ok();
    Some(Aggregate {
        domain: said(report.policies.domain),
        submitter: said(report.organization_name),
        report_id: said(report.report_id),
        begin: moment(report.date_range.start_datetime),
        end: moment(report.date_range.end_datetime),
        total: report.policies.failed.saturating_add(report.policies.successful),
        failed: report.policies.failed,
    })
}

/// RFC 8460, section 4.4.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TlsReport {
    organization_name: Option<String>,
    report_id: Option<String>,
    #[serde(default)]
    date_range: DateRange,
    policies: Policies,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: Option<String>,
    end_datetime: Option<String>,
}

#[derive(Default, Deserialize)]
struct PolicyResult {
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    summary: Summary,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Policy {
    policy_domain: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

/// All policies together: summed while they are read, for a list of them has no bound.
#[derive(Default)]
struct Policies {
    domain: Option<String>,
    successful: u64,
    failed: u64,
}

impl<'de> Deserialize<'de> for Policies {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        list.deserialize_seq(Summing)
    }
}

struct Summing;

impl<'de> Visitor<'de> for Summing {
    type Value = Policies;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of policies")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Policies, A::Error> {
        let mut sum = Policies::default();
        while let Some(PolicyResult { policy, summary }) = list.next_element()? {
            sum.domain = sum.domain.or(policy.policy_domain);
            sum.successful = sum.successful.saturating_add(summary.total_successful_session_count);
            sum.failed = sum.failed.saturating_add(summary.total_failure_session_count);
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DMARC: &str = "<?xml version=\"1.0\"?><feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\
        <report_metadata><org_name>Example &amp; Co</org_name><report_id>2026.1</report_id>\
        <date_range><begin>1777593600</begin><end>1777679999</end></date_range></report_metadata>\
        <policy_published><domain>example.org</domain></policy_published>\
        <record><row><count>3</count><policy_evaluated><dkim>fail</dkim><spf>pass</spf></policy_evaluated></row></record>\
        <record><row><count>2</count><policy_evaluated><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>\
        <auth_results><spf><domain>other.example</domain><result>pass</result></spf></auth_results></record></feedback>";

    #[test]
    fn a_dmarc_report_says_about_whom_for_when_and_how_many_failed() {
        let report = dmarc(DMARC.as_bytes()).unwrap();
        assert_eq!(report.domain.as_deref(), Some("example.org"));
        assert_eq!(report.submitter.as_deref(), Some("Example & Co"));
        assert_eq!(report.report_id.as_deref(), Some("2026.1"));
        assert_eq!(report.begin.unwrap().to_string(), "2026-05-01T00:00:00.000Z");
        assert_eq!((report.total, report.failed), (5, 2));
    }

    #[test]
    fn a_report_that_is_cut_is_read_as_far_as_it_goes_and_nonsense_is_none() {
        for end in 0..DMARC.len() {
            let whole = DMARC.find("</policy_published>").unwrap();
            let domain = dmarc(&DMARC.as_bytes()[..end]).and_then(|report| report.domain);
            assert_eq!(domain.is_some(), end >= whole, "{end}");
        }
        for nonsense in ["", "<html><body>", "{}", "<feedback/>", &"<feedback>".repeat(100_000)] {
            assert_eq!(dmarc(nonsense.as_bytes()), None);
        }
    }

    #[test]
    fn a_tls_report_counts_sessions() {
        let report = tls(br#"{ "organization-name": "Example", "report-id": "7",
            "date-range": { "start-datetime": "2026-05-01T00:00:00Z", "end-datetime": "2026-05-01T23:59:59Z" },
            "policies": [{ "policy": { "policy-domain": "example.org" },
            "summary": { "total-successful-session-count": 10, "total-failure-session-count": 1 } }] }"#)
        .unwrap();
        assert_eq!(
            (report.domain.as_deref(), report.submitter.as_deref()),
            (Some("example.org"), Some("Example"))
        );
        assert_eq!((report.total, report.failed), (11, 1));
        assert_eq!(report.end.unwrap().to_string(), "2026-05-01T23:59:59.000Z");
        assert_eq!(tls(b"[]"), None);
    }
}
