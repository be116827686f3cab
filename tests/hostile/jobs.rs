//! What holds for whatever a queue hands out: anybody with the right to send may have written it.

use serde::Deserialize;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::jobs::{
    BadJob, JOB_VERSION, Job, JobHeader, MAX_MESSAGES_PER_JOB, MessageJob, UserJob, decode, encode,
};

/// Panics where a body breaks the promise.
pub(crate) fn is_kept_by(body: &str) {
    let user = decode::<UserJob>(body);
    let message = decode::<MessageJob>(body);
    if let Ok(job) = &message {
        assert!(job.messages.len() <= MAX_MESSAGES_PER_JOB);
        job.messages.iter().for_each(|listed| word(listed.id.as_str()));
    }
    read(body, user);
    read(body, message);
}

fn read<J: Job + PartialEq + std::fmt::Debug>(body: &str, job: Result<J, BadJob>) {
    match job {
        Ok(mut job) => {
            header(job.header());
            is_read_as_it_is_written(&job);
            *job.header_mut() = job.header().replayed(Timestamp::from_millis(1));
            is_read_as_it_is_written(&job);
        }
        // Newer is what says so, and nothing else is: a newer job that is called broken would be discarded.
        Err(bad) => {
            let newer = version(body).is_some_and(|v| v > JOB_VERSION);
            assert_eq!(matches!(bad, BadJob::NewerSchema { .. }), newer, "{bad}");
        }
    }
}

/// The version that an object says it has; one that says it twice says nothing.
fn version(body: &str) -> Option<u32> {
    #[derive(Deserialize)]
    struct Claim {
        v: Value,
    }
    // Serde would take the list `[2]` for it.
    body.trim_start().starts_with('{').then_some(())?;
    let Claim { v } = serde_json::from_str(body).ok()?;
    u32::try_from(v.as_u64()?).ok()
}

/// A postponed job is a copy: what one worker writes another must read, and SQS take.
fn is_read_as_it_is_written<J: Job + PartialEq + std::fmt::Debug>(job: &J) {
    let written = encode(job);
    assert!(!written.contains(char::is_control), "{written}");
    assert_eq!(&decode::<J>(&written).unwrap(), job);
}

fn header(header: &JobHeader) {
    assert!(header.v <= JOB_VERSION);
    word(header.user_id.as_str());
    let names = [&header.job_id, &header.trace].into_iter().chain(&header.replay_of);
    names.for_each(|id| word(id.as_str()));
}

/// What may stand in a path, a key and a log line.
fn word(id: &str) {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    assert!(plain && (1..=255).contains(&id.len()), "{id:?}");
}
