//! Dates as Gmail's search reads them: a day begins at midnight Pacific, whoever asks
//! (<https://developers.google.com/workspace/gmail/api/guides/filtering>).

use time::{Date, Month, Weekday};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// `2026/01/31`, or seconds since 1970, as milliseconds since 1970.
pub(crate) fn point(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let parts: Vec<&str> = text.split(['/', '-']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    Some(midnight_pacific(date))
}

/// `3d`, `2m`, `1y` as milliseconds, with months of thirty days.
pub(crate) fn span(text: &str) -> Option<i64> {
    let (digits, days) = match text.chars().last()? {
        'd' => (text.strip_suffix('d')?, 1),
        'm' => (text.strip_suffix('m')?, 30),
        'y' => (text.strip_suffix('y')?, 365),
        _ => return None,
    };
    digits.parse::<u32>().ok().map(|count| i64::from(count) * days * DAY)
}

fn midnight_pacific(date: Date) -> i64 {
    let hours_behind = if is_summer(date) { 7 } else { 8 };
    date.midnight().assume_utc().unix_timestamp() * 1000 + hours_behind * HOUR
}

/// Whether summer time holds at midnight of `date`: it begins and ends at two in the morning, on the second Sunday of
/// March and the first of November.
fn is_summer(date: Date) -> bool {
    let first = |month| Date::from_calendar_date(date.year(), month, 1).ok();
    let sunday_from = |from: Date| {
        let ahead = (7 - i64::from(from.weekday().number_days_from_sunday())) % 7;
        from + time::Duration::days(ahead)
    };
    let (Some(march), Some(november)) = (first(Month::March), first(Month::November)) else {
        return false;
    };
    let begins = sunday_from(march) + time::Duration::weeks(1);
    debug_assert_eq!(begins.weekday(), Weekday::Sunday);
    begins < date && date <= sunday_from(november)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Timestamp;

    #[test]
    fn days_begin_at_midnight_pacific_summer_and_winter() {
        for (day, utc) in [
            ("2026/01/15", "2026-01-15T08:00:00Z"),
            ("2026/03/08", "2026-03-08T08:00:00Z"),
            ("2026/03/09", "2026-03-09T07:00:00Z"),
            ("2026/11/01", "2026-11-01T07:00:00Z"),
            ("2026/11/02", "2026-11-02T08:00:00Z"),
        ] {
            assert_eq!(point(day), Some(utc.parse::<Timestamp>().unwrap().millis()), "{day}");
        }
    }

    #[test]
    fn spans_count_days_months_and_years() {
        assert_eq!(span("2d"), Some(2 * DAY));
        assert_eq!(span("1m"), Some(30 * DAY));
        assert_eq!(span("1y"), Some(365 * DAY));
        assert_eq!((span("d"), span("1w"), span("-1d"), span("")), (None, None, None, None));
    }
}
