//! When Google says that we may come back.
//!
//! The hint stands in the `Retry-After` header, as seconds or as a date, or in the text of the error ("Retry after
//! 2026-05-01T12:00:00.000Z"), which is where Gmail puts it in practice. Coming back too early can push the time
//! further out, so of two hints the later holds; and no hint may silence a mailbox for longer than a day.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock::Timestamp;

/// Google's own longest suspension, that of a mailbox's bandwidth.
const LONGEST: Duration = Duration::from_hours(24);

/// The later of both hints, between `now` and a day from now; `None` where there is none that can be read.
pub(super) fn hint(headers: &HeaderMap, message: &str, now: Timestamp) -> Option<Timestamp> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let until = header.and_then(|text| in_header(text.trim(), now)).max(in_message(message))?;
    Some(until.clamp(now, now + LONGEST))
}

fn in_header(text: &str, now: Timestamp) -> Option<Timestamp> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is still "very long".
        return Some(now + Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Timestamp::from_millis(date.unix_timestamp().saturating_mul(1000)))
}

fn in_message(text: &str) -> Option<Timestamp> {
    const WORDS: &str = "retry after ";
    let at = text.to_ascii_lowercase().find(WORDS)? + WORDS.len();
    let moment = text.get(at..)?.split_whitespace().next()?;
    moment.trim_end_matches(['.', ',', ')', '"']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn told(header: Option<&str>, message: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        hint(&headers, message, at("2026-05-01T12:00:00Z")).map(|until| until.to_string())
    }

    #[test]
    fn a_hint_is_read_wherever_google_puts_it_and_the_later_one_holds() {
        let text = "User-rate limit exceeded.  Retry after 2026-05-01T12:15:00.123Z";
        let cases = [
            (None, text, Some("2026-05-01T12:15:00.123Z")),
            (None, "… (retry after 2026-05-01T12:15:00Z).", Some("2026-05-01T12:15:00.000Z")),
            (Some("120"), "", Some("2026-05-01T12:02:00.000Z")),
            (Some(" 0 "), "", Some("2026-05-01T12:00:00.000Z")),
            (Some("Fri, 01 May 2026 12:30:00 GMT"), "", Some("2026-05-01T12:30:00.000Z")),
            (Some("120"), text, Some("2026-05-01T12:15:00.123Z")),
            (Some("3600"), text, Some("2026-05-01T13:00:00.000Z")),
        ];
        for (header, message, expected) in cases {
            assert_eq!(told(header, message).as_deref(), expected, "{header:?} {message}");
        }
    }

    #[test]
    fn a_hint_is_never_in_the_past_and_at_most_a_day_ahead() {
        let (now, tomorrow) = (Some("2026-05-01T12:00:00.000Z"), Some("2026-05-02T12:00:00.000Z"));
        assert_eq!(told(None, "Retry after 2020-01-01T00:00:00Z").as_deref(), now);
        assert_eq!(told(Some("Thu, 01 Jan 1970 00:00:00 GMT"), "").as_deref(), now);
        assert_eq!(told(None, "Retry after 9999-01-01T00:00:00Z").as_deref(), tomorrow);
        assert_eq!(told(Some("99999999999999999999999999"), "").as_deref(), tomorrow);
    }

    #[test]
    fn what_is_no_hint_is_none() {
        for text in ["", "soon", "-5", "1.5", "12:30"] {
            assert_eq!(told(Some(text), text), None, "{text}");
        }
        assert_eq!(told(None, "Retry after a while"), None);
        assert_eq!(told(None, "İİ retry after "), None);
    }
}
