//! A record of a dead-letter queue, read: the letter to be parked, and what the decision about it needs.
//!
//! What a stage wrote beside the body is believed where it can be read; a record without it was moved here by the queue
//! itself, after its workers had died without a verdict. Nothing here fails: whatever the record is, it becomes a letter.

use std::collections::BTreeMap;
use std::str::FromStr;

use shared::clock::Timestamp;
use shared::disposition::chain;
use shared::ids::{Epoch, Grant, JobId};
use shared::jobs::BadJob;
use shared::ledger::{DeadLetter, Happening, History, LetterKey, LetterState, StageName, Turn};
use shared::queue::{MAX_RECEIVES, Record};
use shared::reason::Reason;
use shared::replay::LetterJob;

/// What a dead-letter queue delivered.
pub struct Arrival {
    /// As it is parked.
    pub letter: DeadLetter,
    /// The job in it; `None` when the body is none of ours.
    pub job: Option<LetterJob>,
    /// The consent whose token was used, where one was.
    pub consent: Option<(Epoch, Grant)>,
}

impl Arrival {
    /// Reads a record of the dead-letter queue of `stage`.
    pub fn read(record: &Record, stage: StageName, now: Timestamp) -> Self {
        match LetterJob::read(stage, &record.body) {
            Ok(job) => Self::of_job(record, stage, now, job),
            Err(bad) => Self::of_nothing(record, stage, now, &bad),
        }
    }

    fn of_job(record: &Record, stage: StageName, now: Timestamp, job: LetterJob) -> Self {
        let said = &record.attributes;
        let header = job.header();
        let death = Death {
            reason: word(said, "reason").unwrap_or(Reason::NoVerdict),
            error: said.get("error").cloned().unwrap_or_else(no_verdict),
            tries: word(said, "tries").unwrap_or(header.tries.saturating_add(MAX_RECEIVES)),
            first_seen_at: header.first_seen_at,
        };
        let key = (Some(header.user_id.clone()), job.letter_id());
        let letter = letter(record, stage, now, key, death);
        let consent = word(said, "epoch").zip(word(said, "grant"));
        let consent = consent.map(|(epoch, grant)| (Epoch(epoch), Grant(grant)));
        Self { letter, job: Some(job), consent }
    }

    fn of_nothing(record: &Record, stage: StageName, now: Timestamp, bad: &BadJob) -> Self {
        let death = Death {
            reason: bad.reason(),
            error: chain(bad),
            tries: word(&record.attributes, "tries").unwrap_or(0),
            first_seen_at: record.sent_at,
        };
        let key = (None, JobId::of_body(&record.body));
        Self { letter: letter(record, stage, now, key, death), job: None, consent: None }
    }
}

/// How a job died.
struct Death {
    reason: Reason,
    error: String,
    tries: u32,
    first_seen_at: Timestamp,
}

fn letter(
    record: &Record,
    stage: StageName,
    now: Timestamp,
    (user_id, job_id): LetterKey,
    death: Death,
) -> DeadLetter {
    let Death { reason, error, tries, first_seen_at } = death;
    let what = Turn::Parked { reason, error: error.clone(), tries };
    DeadLetter {
        user_id,
        job_id,
        stage,
        reason,
        error,
        tries,
        first_seen_at,
        last_seen_at: now,
        payload: record.body.clone(),
        state: LetterState::Parked,
        retries: 0,
        retry_at: None,
        history: History(vec![Happening { at: now, what }]),
    }
}

fn word<T: FromStr>(said: &BTreeMap<String, String>, name: &str) -> Option<T> {
    said.get(name).and_then(|text| text.parse().ok())
}

fn no_verdict() -> String {
    format!("received {MAX_RECEIVES} times without a verdict")
}
