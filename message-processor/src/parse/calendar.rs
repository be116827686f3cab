//! The first event of an invitation (RFC 5545).

use shared::clock::Timestamp;
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
    // What somebody else has answered is told in every update; an answer is of one person (RFC 5546, section 3.2.3).
    event.reply = event.reply.filter(|_| event.method.as_deref() == Some("REPLY"));
    Some(event)
}

fn is_calendar(part: &Part<'_>) -> bool {
    matches!(&*part.kind, "text/calendar" | "application/ics")
}

/// The event's properties. Components within it (an alarm has a time too) are passed over.
fn first_event(text: &str) -> Calendar {
    let mut event = Calendar::default();
    let mut lasts = None;
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
                if name == "DURATION" {
                    lasts = duration(property.value);
                }
                set(&mut event, name, &property);
            }
            _ => {}
        }
    }
    if event.end.is_none() {
        event.end =
            event.start.as_deref().zip(lasts).and_then(|(start, lasts)| later(start, lasts));
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
        "RRULE" => event.recurrence = words(property.value, limits::WORDS_CHARS),
        "ORGANIZER" => event.organizer = address(property.value),
        "ATTENDEE" if event.attendees.len() < limits::NAMED => {
            event.attendees.extend(address(property.value));
            event.reply = property
                .parameter("PARTSTAT")
                .and_then(|answer| words(&answer.to_ascii_uppercase(), limits::WORDS_CHARS));
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

/// Seconds that `P1DT2H30M` or `P2W` lasts (RFC 5545, section 3.3.6).
fn duration(value: &str) -> Option<i64> {
    let mut seconds = 0_i64;
    let mut number = String::new();
    for c in value.trim_start_matches('+').strip_prefix('P')?.chars() {
        let unit = match c {
            '0'..='9' if number.len() < 6 => {
                number.push(c);
                continue;
            }
            'T' if number.is_empty() => continue,
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.saturating_add(number.parse::<i64>().ok()? * unit);
        number.clear();
    }
    Some(seconds)
}

/// A moment that is so many seconds later, in the form that the earlier one has.
fn later(start: &str, seconds: i64) -> Option<String> {
    let zone = if start.ends_with('Z') { "Z" } else { "" };
    let whole_day = !start.contains('T');
    let clock = if whole_day { "T00:00:00" } else { "" };
    let utc = format!("{}{clock}Z", start.trim_end_matches('Z'));
    let moment = utc.parse::<Timestamp>().ok()?;
    let end = Timestamp::from_millis(moment.millis().saturating_add(seconds.saturating_mul(1000)));
    let end = end.to_string();
    let shown = if whole_day { end.split('T').next()? } else { end.split('.').next()? };
    Some(format!("{shown}{zone}"))
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

    fn of(method: &str, lines: &str) -> Calendar {
        let message = format!(
            "From: a@example.com\nContent-Type: text/calendar; method={method}\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\n\
             {lines}\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        super::super::parse(message.as_bytes()).ok().unwrap().content.calendar.unwrap()
    }

    #[test]
    fn an_answer_says_what_it_is_and_an_invitation_does_not() {
        let attendee = "ATTENDEE;CN=Kim;partstat=accepted:mailto:kim@example.org";
        assert_eq!(of("reply", attendee).reply.as_deref(), Some("ACCEPTED"));
        assert_eq!(of("REQUEST", attendee).reply, None);
    }

    #[test]
    fn an_event_may_recur_and_end_by_how_long_it_lasts() {
        let weekly =
            of("CANCEL", "DTSTART:20260501T233000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3");
        assert_eq!(weekly.method.as_deref(), Some("CANCEL"));
        assert_eq!(weekly.recurrence.as_deref(), Some("FREQ=WEEKLY;COUNT=3"));
        assert_eq!(weekly.end.as_deref(), Some("2026-05-02T00:30:00Z"));
        let last = Some("9999-12-31T23:59:59");
        let endless = format!("P{}", "999999W".repeat(30_000));
        for (start, lasts, end) in [
            ("DTSTART;VALUE=DATE:20261231", "P1D", Some("2027-01-01")),
            (
                "DTSTART;TZID=Europe/Berlin:20260501T120000",
                "P1DT2H30M",
                Some("2026-05-02T14:30:00"),
            ),
            ("DTSTART:20260501T120000", "-PT1H", None),
            ("DTSTART:20260501T120000", "PT9999999H", None),
            ("DTSTART:20260501T120000", &endless, last),
            ("DTSTART:20269999T120000", "PT1H", None),
            ("DTSTART:99991231T120000", "P999999W", last),
            ("DTSTART:20260501T120000\nDTEND:20260501T130000", "PT9H", Some("2026-05-01T13:00:00")),
        ] {
            let event = of("REQUEST", &format!("{start}\nDURATION:{lasts}"));
            assert_eq!(event.end.as_deref(), end, "{start} {lasts}");
        }
    }

    #[test]
    fn a_whole_day_is_a_date_and_nonsense_is_nothing() {
        assert_eq!(moment("20260501").as_deref(), Some("2026-05-01"));
        for nonsense in ["", "2026", "20260501T12", "2026é50", "éééé"] {
            assert_eq!(moment(nonsense), None, "{nonsense}");
        }
    }
}
