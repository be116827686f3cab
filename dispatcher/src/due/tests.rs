//! Turns, over many windows of odd lengths.

use super::*;
use shared::ids::Epoch;

const MINUTE: Duration = Duration::from_mins(1);
const TEMPO: Tempo = Tempo { shortest: Duration::from_mins(5), longest: Duration::from_mins(40) };

fn start() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

/// A mailbox that last had mail `silence` before [`start`].
fn mailbox(number: u32, silence: Duration) -> Roster {
    Roster {
        user_id: number.to_string().parse().unwrap(),
        epoch: Epoch(1),
        connected_at: start() - Duration::from_hours(1000),
        last_fetched_at: start(),
        last_mail_at: Some(start() - silence),
        readable: true,
        owes: false,
    }
}

/// Consecutive windows from [`start`] on, of lengths that fit no interval, until `length` is covered.
fn windows(length: Duration) -> Vec<Window> {
    let mut from = start();
    let mut windows = Vec::new();
    for step in (0..).map(|step: u64| Duration::from_millis(1 + step * 7919 % 299_993)) {
        let to = (from + step).min(start() + length);
        windows.push(Window { from, to });
        from = to;
        if to == start() + length {
            break;
        }
    }
    windows
}

#[test]
fn every_mailbox_is_due_exactly_once_per_interval_whatever_the_windows_lengths() {
    for interval in [5, 10, 20, 40] {
        let length = MINUTE * interval;
        // Each round sees mail that is just as old, so that the interval stays what it is.
        let turns = |number| {
            windows(length * 3).into_iter().filter(move |window| {
                let mut mailbox = mailbox(number, Duration::ZERO);
                mailbox.last_mail_at = Some(window.to - length * LOOKS_PER_SILENCE);
                TEMPO.turn(&mailbox, *window).is_some()
            })
        };
        for number in 0..200 {
            assert_eq!(turns(number).count(), 3, "mailbox {number} every {interval} minutes");
        }
    }
}

#[test]
fn a_point_on_the_border_of_two_windows_belongs_to_the_earlier_one_only() {
    let due = |from, to| TEMPO.turn(&mailbox(7, MINUTE), Window { from, to }).is_some();
    let (ms, length) = (Duration::from_millis(1), MINUTE * 5);
    let offset = TEMPO.turn(&mailbox(7, MINUTE), Window { from: start(), to: start() + length });
    let point = start() + offset.unwrap();
    assert!(due(point - ms, point) && !due(point - length, point - ms));
    assert!(!due(point, point + length - ms) && due(point, point + length));
}

#[test]
fn a_window_that_holds_several_points_is_one_turn() {
    let window = Window { from: start(), to: start() + Duration::from_hours(24) };
    let due = (0..100).filter(|number| TEMPO.turn(&mailbox(*number, MINUTE), window).is_some());
    assert_eq!(due.count(), 100);
}

#[test]
fn the_interval_doubles_with_silence_between_its_bounds() {
    for (silent_minutes, minutes) in
        [(0, 5), (119, 5), (120, 10), (239, 10), (240, 20), (480, 40), (100_000, 40)]
    {
        assert_eq!(TEMPO.interval(MINUTE * silent_minutes), MINUTE * minutes, "{silent_minutes}");
    }
    let odd = Tempo { shortest: MINUTE * 7, longest: MINUTE * 40 };
    assert_eq!(odd.interval(MINUTE * 100_000), MINUTE * 28, "no doubling beyond the longest");
}

#[test]
fn falling_silent_never_leaves_a_mailbox_waiting_longer_than_its_new_interval() {
    for number in 0..50 {
        let silent = mailbox(number, Duration::ZERO);
        let mut last = start();
        for window in windows(Duration::from_hours(12)) {
            if TEMPO.turn(&silent, window).is_some() {
                last = window.to;
            }
            let longest = TEMPO.interval(window.to.since(start())) + MINUTE * 5;
            assert!(window.to.since(last) <= longest, "mailbox {number} at {}", window.to);
        }
    }
}

/// How many of the mailboxes have their turn in which minute.
fn per_minute(window: Window, silence: Duration) -> [u32; 5] {
    let mut counts = [0; 5];
    for delay in (0..5_000).filter_map(|number| TEMPO.turn(&mailbox(number, silence), window)) {
        counts[usize::try_from(delay.as_millis().saturating_sub(1) / 60_000).unwrap()] += 1;
    }
    counts
}

#[test]
fn turns_are_spread_evenly() {
    let counts = per_minute(Window { from: start(), to: start() + MINUTE * 5 }, MINUTE);
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
}

#[test]
fn after_an_outage_the_jobs_are_spread_over_what_a_delay_can_be() {
    for silence in [MINUTE, MINUTE * 100_000] {
        let window = Window { from: start(), to: start() + Duration::from_mins(115) };
        let counts = per_minute(window, silence);
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }
}

#[test]
fn whoever_may_not_be_read_has_no_turn_but_a_debt_is_one_at_once() {
    let window = Window { from: start(), to: start() + MINUTE * 5 };
    let mut mailbox = mailbox(1, MINUTE);
    mailbox.readable = false;
    assert_eq!(TEMPO.turn(&mailbox, window), None);
    mailbox.owes = true;
    assert_eq!(TEMPO.turn(&mailbox, window), Some(Duration::ZERO));
}

#[test]
fn an_empty_window_is_nobodys_turn() {
    let window = Window { from: start(), to: start() };
    assert!((0..1_000).all(|number| TEMPO.turn(&mailbox(number, MINUTE), window).is_none()));
}
