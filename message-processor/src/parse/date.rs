//! The moment that a Date names (RFC 5322, section 3.3, and the obsolete forms of section 4.3).
//!
//! Mail programs have written it in many orders; each piece says by its own looks what it is. A zone that is missing or
//! unknown is UTC, as the standard has it.

use mail_parser::DateTime;
use shared::clock::Timestamp;

/// The moment, if the text names a day and a time.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = tidy(text);
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let mut date = Date::default();
    for word in text.split_whitespace() {
        if !date.take(word)? && date.time.is_some() {
            // What follows a whole date is the name of its zone or nothing.
            break;
        }
    }
    date.moment()
}

/// Without comments; words stand alone, and a time is one of them.
fn tidy(text: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars().take(LONGEST) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            ':' => {
                out.truncate(out.trim_end().len());
                out.push(':');
            }
            _ if c.is_whitespace() && (out.ends_with(':') || out.is_empty()) => {}
            ',' => out.push(' '),
            _ => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Characters of a date that are read; written out in full it has 40.
const LONGEST: usize = 200;

#[derive(Default)]
struct Date {
    day: Option<u8>,
    month: Option<u8>,
    year: Option<u16>,
    /// Hour, minute, second.
    time: Option<(u8, u8, u8)>,
    /// Minutes ahead of UTC.
    zone: i32,
    afternoon: bool,
}

impl Date {
    /// Takes a word. False when it says nothing; none when it makes the date none.
    fn take(&mut self, word: &str) -> Option<bool> {
        if word.contains(':') {
            self.time = Some(time(word)?);
        } else if let Some(zone) = offset(word).filter(|_| self.time.is_some()) {
            self.zone = zone;
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            return self.take_number(word);
        } else if let Some(zone) = named_zone(word).filter(|_| self.time.is_some()) {
            self.zone = zone;
        } else if word.eq_ignore_ascii_case("PM") {
            self.afternoon = true;
        } else if word.contains('-') {
            // 21-Nov-97
            let said = word.split('-').map(|piece| self.take(piece)).collect::<Option<Vec<_>>>()?;
            return Some(said.contains(&true));
        } else if let Some(month) = month(word).filter(|_| self.month.is_none()) {
            self.month = Some(month);
        } else {
            return Some(false);
        }
        Some(true)
    }

    fn take_number(&mut self, word: &str) -> Option<bool> {
        let number: u16 = word.parse().ok()?;
        if self.day.is_none() && (1..=31).contains(&number) && word.len() < 4 {
            self.day = u8::try_from(number).ok();
        } else if self.year.is_none() {
            // By section 4.3: 00 to 49 are of this century, 50 to 999 of the last one's count.
            self.year = Some(match (word.len(), number) {
                (..=2, ..=49) => number + 2000,
                (..=3, _) => number + 1900,
                _ => number,
            });
        } else {
            return Some(false);
        }
        Some(true)
    }

    fn moment(&self) -> Option<Timestamp> {
        let (day, month, year) = (self.day?, self.month?, self.year?);
        let (mut hour, minute, second) = self.time?;
        if self.afternoon && hour < 12 {
            hour += 12;
        }
        if hour > 23 || minute > 59 || second > 60 || day > days(year, month) {
            return None;
        }
        let date = DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            tz_before_gmt: false,
            tz_hour: 0,
            tz_minute: 0,
        };
        let seconds = date.to_timestamp() - i64::from(self.zone) * 60;
        Some(Timestamp::from_millis(seconds * 1000))
    }
}

/// `9:55`, `09:55:06`, `09:55:06.123`.
fn time(word: &str) -> Option<(u8, u8, u8)> {
    let mut pieces = word.split(':');
    let (hour, minute) = (pieces.next()?, pieces.next()?);
    let second = pieces.next().unwrap_or("0").split('.').next()?;
    let number = |text: &str| if text.len() <= 2 { text.parse().ok() } else { None };
    Some((number(hour)?, number(minute)?, number(second)?))
}

/// `+0200` in minutes. Days and more are no zone.
fn offset(word: &str) -> Option<i32> {
    let (sign, digits) = match word.as_bytes().split_first()? {
        (b'+', digits) => (1, digits),
        (b'-', digits) => (-1, digits),
        _ => return None,
    };
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u16>().ok().map(i32::from);
    let (hours, minutes) = digits.split_at_checked(2).filter(|(_, minutes)| minutes.len() == 2)?;
    Some(sign * (number(hours)? * 60 + number(minutes)?))
}

/// The zones that the standard names.
fn named_zone(word: &str) -> Option<i32> {
    let hours = match word.to_ascii_uppercase().as_str() {
        "UT" | "UTC" | "GMT" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return None,
    };
    Some(hours * 60)
}

fn month(word: &str) -> Option<u8> {
    let names =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?.to_ascii_lowercase();
    names.iter().zip(1..).find(|(name, _)| **name == start).map(|(_, number)| number)
}

fn days(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_every_order_that_mail_is_written_in() {
        for (text, moment) in [
            ("Fri, 1 May 2026 14:00:00 +0200", "2026-05-01T12:00:00.000Z"),
            ("Fri, 1 May 2026 14:00:00 +0200 (CEST)", "2026-05-01T12:00:00.000Z"),
            ("1 May 26 14:00 EST", "2026-05-01T19:00:00.000Z"),
            ("Fri,\r\n 1 May 2026 14:00:00", "2026-05-01T14:00:00.000Z"),
            ("Fri, 1 May 2026 14:00:00 JST", "2026-05-01T14:00:00.000Z"),
            ("Fri May  1 14:00:00 2026", "2026-05-01T14:00:00.000Z"),
            ("Thursday, April 09, 2003 9:00 PM", "2003-04-09T21:00:00.000Z"),
            ("Fri, 21-Nov-97 09:55:06 GMT", "1997-11-21T09:55:06.000Z"),
            ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06.000Z"),
            ("Tue, 029 Apr 2019 23:34:45 -0800 (PST)", "2019-04-30T07:34:45.000Z"),
            ("Fri, 30 Aug 102 21:48:08 -0000", "2002-08-30T21:48:08.000Z"),
            ("Sat, 17 Sep 1859 11:33:12 -0700", "1859-09-17T18:33:12.000Z"),
            ("2026-05-01T14:00:00+02:00", "2026-05-01T12:00:00.000Z"),
        ] {
            assert_eq!(read(text).map(|at| at.to_string()).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn what_names_no_moment_is_no_date() {
        for text in [
            "",
            "tomorrow",
            "Fri, 1 May 2026",
            "1 May 14:00",
            "31 Feb 2026 14:00:00 +0000",
            "1 May 2026 25:00:00 +0000",
            "1 May 2026 10:00:t",
            "1 May 99999999 10:00:00",
            "é:é",
            "1 é 2026 10:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
