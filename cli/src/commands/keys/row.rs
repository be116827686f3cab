//! A key as it is listed.

use std::time::Duration;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::mailbox::Tokens;
use shared::sealing::{KeyName, Sealed};

use crate::print::Row;

/// A key, or what stands in a key's place.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRow {
    /// `None` for tokens whose key cannot be read.
    pub(crate) key: Option<KeyName>,
    pub(crate) made: Option<Timestamp>,
    pub(crate) age_seconds: Option<u64>,
    /// What it is for, or that it is missing.
    pub(crate) state: &'static str,
    pub(crate) refresh_tokens: u64,
    pub(crate) access_tokens: u64,
}

impl KeyRow {
    pub(crate) fn new(
        key: Option<KeyName>,
        made: Option<Timestamp>,
        state: &'static str,
        now: Timestamp,
    ) -> Self {
        let age_seconds = made.map(|made| now.since(made).as_secs());
        Self { key, made, age_seconds, state, refresh_tokens: 0, access_tokens: 0 }
    }
}

/// Counts a mailbox's tokens where they belong; `unheard_of` makes a row for a token whose key has none yet.
pub(crate) fn count(
    rows: &mut Vec<KeyRow>,
    tokens: &Tokens,
    unheard_of: impl Fn(&Sealed) -> KeyRow,
) {
    let mut add = |sealed: &Sealed, which: fn(&mut KeyRow) -> &mut u64| {
        let key = sealed.key_name();
        let place = rows.iter().position(|row| row.key == key).unwrap_or_else(|| {
            rows.push(unheard_of(sealed));
            rows.len() - 1
        });
        *which(&mut rows[place]) += 1;
    };
    tokens.refresh.iter().for_each(|sealed| add(sealed, |row| &mut row.refresh_tokens));
    tokens.access.iter().for_each(|sealed| add(sealed, |row| &mut row.access_tokens));
}

impl Row for KeyRow {
    const HEAD: &'static [&'static str] =
        &["KEY", "MADE", "AGE", "STATE", "REFRESH TOKENS", "ACCESS TOKENS"];

    fn cells(&self) -> Vec<String> {
        let unknown = || "unknown".to_owned();
        vec![
            self.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            self.made.map_or_else(unknown, |made| made.to_string()),
            self.age_seconds.map_or_else(unknown, age),
            self.state.to_owned(),
            self.refresh_tokens.to_string(),
            self.access_tokens.to_string(),
        ]
    }
}

/// In its largest unit, up to days.
fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        172_800.. => (Duration::from_secs(seconds).as_secs() / 86_400, "days"),
    };
    format!("{count} {unit}")
}
