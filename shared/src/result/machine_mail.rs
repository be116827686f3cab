//! What a message says in a form made for machines: a delivery that failed, a report, an invitation.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What a delivery status notification says (RFC 3464).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bounce {
    pub recipients: Vec<BouncedRecipient>,
}

/// What became of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BouncedRecipient {
    pub address: Option<String>,
    /// An enhanced status code such as `5.1.1`.
    pub status: Option<String>,
    /// `failed`, `delayed`, `delivered`, `relayed` or `expanded`.
    pub action: Option<String>,
    /// The remote server's own words.
    pub diagnostic: Option<String>,
}

/// Which kind of report on mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// A complaint or a failed authentication, about one message (RFC 5965, RFC 6591).
    Arf,
    /// Counts of a period, about a domain (RFC 7489).
    Dmarc,
    /// Deliveries that lacked TLS, about a domain (RFC 8460).
    Tls,
}

/// What a report is about, by its attachment, which is unpacked to a limit, or else by its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub kind: ReportKind,
    /// For ARF: `abuse`, `auth-failure`, `fraud`, …
    pub feedback_type: Option<String>,
    /// The domain reported on.
    pub domain: Option<String>,
    /// Who made the report.
    pub submitter: Option<String>,
    pub report_id: Option<String>,
    /// For ARF: where the reported message came from.
    pub source_ip: Option<String>,
    /// The period that is reported on.
    #[serde(default)]
    pub begin: Option<Timestamp>,
    #[serde(default)]
    pub end: Option<Timestamp>,
    /// How many messages (DMARC) or sessions (TLS) there were; null where the attachment was not read to its end.
    #[serde(default)]
    pub total: Option<u64>,
    /// How many of them failed.
    #[serde(default)]
    pub failed: Option<u64>,
}

/// The first event of an invitation (RFC 5545, RFC 5546). A time is `2026-05-01T12:00:00Z` in UTC,
/// `2026-05-01T12:00:00` in `timeZone`, and `2026-05-01` for a whole day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// `REQUEST`, `CANCEL`, `REPLY`, …
    pub method: Option<String>,
    pub uid: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub time_zone: Option<String>,
    /// Addresses, without `mailto:`.
    pub organizer: Option<String>,
    pub attendees: Vec<String>,
    /// The rule of an event that recurs, as it stands (RFC 5545, section 3.3.10).
    #[serde(default)]
    pub recurrence: Option<String>,
    /// Of a `REPLY`: `ACCEPTED`, `DECLINED`, `TENTATIVE`, …
    #[serde(default)]
    pub reply: Option<String>,
}
