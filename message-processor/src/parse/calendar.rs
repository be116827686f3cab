//! The first event of an invitation (RFC 5545).

use shared::result::Calendar;

use super::headers::words;
use super::limits;
use super::mime::{Part, Tree};

/// The event of the first calendar part.
pub(super) fn read(tree: &Tree<'_>) -> Option<Calendar> {
    let part = tree.parts.iter().find(|part| is_calendar(part))?;
    let (text, _) = part.text(limits::MACHINE_BYTES);
    let mut event = first_event(&unfolded(&text));
    let method = event.method.take().or_else(|| part.method.clone());
    event.method = method.map(|method| method.to_ascii_uppercase());
    Some(event)
}

fn is_calendar(part: &Part<'_>) -> bool {
    matches!(&*part.kind, "text/calendar" | "application/ics")
}

/// The event's properties. Components within it (an alarm has a time too) are passed over.
fn first_event(text: &str) -> Calendar {
    let mut event = Calendar::default();
    let mut within: Vec<&str> = Vec::new();
    for property in text.lines().filter_map(Property::read) {
        match property.name.to_ascii_uppercase().as_str() {
            "BEGIN" if within.len() < limits::DEPTH => within.push(property.value),
            "END" if property.value.eq_ignore_ascii_case("VEVENT") => break,
            "END" => drop(within.pop()),
            "METHOD" if within.len() == 1 => {
                event.method = words(property.value, limits::WORDS_CHARS);
            }
            name if within.len() == 2 && within[1].eq_ignore_ascii_case("VEVENT") => {
                set(&mut event, name, &property);
            }
            _ => {}
        }
    }
    event
}

fn set(event: &mut Calendar, name: &str, property: &Property<'_>) {
    match name {
        "UID" => event.uid = words(property.value, limits::WORDS_CHARS),
        "DTSTART" => {
            event.start = moment(property.value);
            event.time_zone =
                property.parameter("TZID").and_then(|zone| words(zone, limits::WORDS_CHARS));
        }
        "DTEND" => event.end = moment(property.value),
        "ORGANIZER" => event.organizer = address(property.value),
        "ATTENDEE" if event.attendees.len() < limits::NAMED => {
            event.attendees.extend(address(property.value));
        }
        _ => {}
    }
}

struct Property<'t> {
    name: &'t str,
    parameters: &'t str,
    value: &'t str,
}

impl<'t> Property<'t> {
    /// `NAME;PARAMETER=x:value`; a colon within quotes does not end the parameters.
    fn read(line: &'t str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })?;
        let (head, value) = (&line[..colon], line[colon + 1..].trim());
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        Some(Self { name, parameters, value })
    }

    fn parameter(&self, name: &str) -> Option<&'t str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches('"'))
    }
}

/// `20260501T120000Z` as `2026-05-01T12:00:00Z`.
fn moment(value: &str) -> Option<String> {
    let (day, time) = value.split_once('T').unwrap_or((value, ""));
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(day, 8) {
        return None;
    }
    let date = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
    let clock = time.trim_end_matches('Z');
    match (digits(clock, 6), time.ends_with('Z')) {
        (true, utc) => {
            let zone = if utc { "Z" } else { "" };
            Some(format!("{date}T{}:{}:{}{zone}", &clock[..2], &clock[2..4], &clock[4..]))
        }
        (false, _) => time.is_empty().then_some(date),
    }
}

fn address(value: &str) -> Option<String> {
    let bare = value
        .get(..7)
        .filter(|start| start.eq_ignore_ascii_case("mailto:"))
        .map_or(value, |_| &value[7..]);
    words(bare, limits::ADDRESS_CHARS)
}

/// Long lines are folded by a line end and one space.
fn unfolded(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_is_told_without_its_alarms() {
        let event = first_event(&unfolded(
            "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\n\
             BEGIN:VEVENT\r\nUID:abc\r\n def\r\nDTSTART;TZID=\"Europe/Berlin\":20260501T120000\r\n\
             DTEND:20260501T110000Z\r\nORGANIZER;CN=\"A: B\":mailto:a@example.com\r\n\
             ATTENDEE:MAILTO:b@example.com\r\nBEGIN:VALARM\r\nUID:no\r\nEND:VALARM\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nUID:second\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        ));
        assert_eq!(
            (event.method.as_deref(), event.uid.as_deref()),
            (Some("REQUEST"), Some("abcdef"))
        );
        assert_eq!(event.start.as_deref(), Some("2026-05-01T12:00:00"));
        assert_eq!(event.end.as_deref(), Some("2026-05-01T11:00:00Z"));
        assert_eq!(event.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(event.organizer.as_deref(), Some("a@example.com"));
        assert_eq!(event.attendees, ["b@example.com"]);
    }

    #[test]
    fn a_whole_day_is_a_date_and_nonsense_is_nothing() {
        assert_eq!(moment("20260501").as_deref(), Some("2026-05-01"));
        for nonsense in ["", "2026", "20260501T12", "2026é50", "éééé"] {
            assert_eq!(moment(nonsense), None, "{nonsense}");
        }
    }
}
