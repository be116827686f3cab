//! What travels on our queues: ids and numbers only, never a token, an address, a subject or a body.
//!
//! A job is decoded once, by [`decode`], and its header is the same for every kind. A newer worker reads the previous
//! version; an older one says `newer_schema` and leaves the job to be sent round again after the update.

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::{Chance, Timestamp};
use crate::ids::{Epoch, Generation, Grant, JobId, MessageId, UserId};
use crate::reason::Reason;
use crate::words::words;

pub use self::processor::{ACTION_VERSION, ActionJob, ProcessorJob};

/// The newest version of jobs that this program reads.
pub const JOB_VERSION: u32 = 2;

/// The version of every job but those that came with the second ([`ActionJob`], [`UserJobKind::Census`]): an older program
/// reads them.
const FIRST_VERSION: u32 = 1;

/// The version of jobs that the census came with: an older program says that it does not know them.
pub const CENSUS_VERSION: u32 = 2;

/// The most ids that one [`MessageJob`] carries: enough to share one mark read and one acknowledgement, few enough
/// that a crash repeats little.
pub const MAX_MESSAGES_PER_JOB: usize = 25;

/// What every job carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobHeader {
    /// The version of this shape.
    pub v: u32,
    /// The job's name for life.
    pub job_id: JobId,
    /// Whose mailbox it is about.
    pub user_id: UserId,
    /// The life of the mailbox it belongs to; in any other it is nothing to do.
    pub epoch: Epoch,
    /// Failures so far that the queue's own count no longer shows, because a copy starts that count anew.
    #[serde(default)]
    pub tries: u32,
    /// When the job was first sent; a replay starts anew.
    pub first_seen_at: Timestamp,
    /// Not to be begun before this.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// Its grant was called dead while many were, and is asked once more: that answer counts.
    #[serde(default)]
    pub in_doubt: bool,
    /// The dead letter that this job was replayed from.
    #[serde(default)]
    pub replay_of: Option<JobId>,
    /// Joins the log lines of everything that one trigger caused.
    pub trace: JobId,
}

impl JobHeader {
    /// The header of a new job, with a name and a trace of its own.
    pub fn new(user_id: UserId, epoch: Epoch, now: Timestamp, chance: &Chance) -> Self {
        let job_id = JobId::random(chance);
        let trace = job_id.clone();
        Self {
            v: FIRST_VERSION,
            job_id,
            user_id,
            epoch,
            tries: 0,
            first_seen_at: now,
            not_before: None,
            in_doubt: false,
            replay_of: None,
            trace,
        }
    }

    /// The header of another job that this one causes: a name of its own, the same trace.
    #[must_use]
    pub fn child(&self, now: Timestamp, chance: &Chance) -> Self {
        let mut child = Self::new(self.user_id.clone(), self.epoch, now, chance);
        child.trace = self.trace.clone();
        child
    }

    /// Its paced turn comes at `turn`. Until then it does not wait for anything but itself, hence it counts from there.
    pub fn wait_for_turn(&mut self, turn: Timestamp) {
        self.not_before = Some(turn);
        self.first_seen_at = self.first_seen_at.max(turn);
    }

    /// As it goes round again from the dead letters: the same name, counted from the start.
    #[must_use]
    pub fn replayed(&self, now: Timestamp) -> Self {
        let replay_of = Some(self.job_id.clone());
        let in_doubt = false;
        Self { tries: 0, first_seen_at: now, not_before: None, in_doubt, replay_of, ..self.clone() }
    }
}

impl JobId {
    /// A new name: 128 random bits in hex.
    pub fn random(chance: &Chance) -> Self {
        hex::encode(chance.bytes::<16>())
            .parse()
            .unwrap_or_else(|_| unreachable!("32 hex digits are a jobId"))
    }

    /// The name under which a body that is no job is parked, its SHA-256: the same body is the same letter, however often
    /// it comes.
    pub fn of_body(body: &str) -> Self {
        hex::encode(digest(&SHA256, body.as_bytes()))
            .parse()
            .unwrap_or_else(|_| unreachable!("64 hex digits are a jobId"))
    }

    /// The one name under which a mailbox's dead `sync` is parked: one row, resolved by the next sync that works.
    pub fn dead_sync() -> Self {
        "sync".parse().unwrap_or_else(|_| unreachable!("a word is a jobId"))
    }
}

/// What the queue knows of a job: the header is shared, the rest is the job's own.
pub trait Job: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What every job carries.
    fn header(&self) -> &JobHeader;
    /// The same, to count a try or to postpone.
    fn header_mut(&mut self) -> &mut JobHeader;
}

macro_rules! job {
    ($name:ty) => {
        impl Job for $name {
            fn header(&self) -> &JobHeader {
                &self.header
            }

            fn header_mut(&mut self) -> &mut JobHeader {
                &mut self.header
            }
        }
    };
}

/// Something to do to one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserJob {
    /// What every job carries.
    #[serde(flatten)]
    pub header: JobHeader,
    /// What to do.
    pub kind: UserJobKind,
    /// What asked for it.
    pub cause: Cause,
}
job!(UserJob);

/// What a [`UserJob`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub enum UserJobKind {
    /// Bring the mailbox up to date.
    Sync,
    /// Get a newer access token than this version, which Google refused or which has run out.
    Refresh {
        /// The version of the access token that did not do.
        rejected: u64,
    },
    /// List what the mailbox received in a time window, and hand it on one paced block at a time.
    Backfill {
        /// Start of the window, included.
        from: Timestamp,
        /// End of the window, excluded.
        to: Timestamp,
    },
    /// End the mailbox's life.
    Disconnect {
        /// Whether everything that it left is to be deleted; also asked of a life that has ended already.
        #[serde(default)]
        purge: bool,
    },
    /// Say which messages Gmail has in a time window: [`crate::census`].
    Census {
        /// Start of the window, included.
        from: Timestamp,
        /// End of the window, excluded.
        to: Timestamp,
    },
}

words! {
    /// What asked for a job.
    Cause, "cause" {
        /// A dispatcher's round.
        Schedule = "schedule",
        /// A notification from Gmail.
        Push = "push",
        /// A completed consent.
        Connect = "connect",
        /// The dead-letter desk.
        Replay = "replay",
        /// A person at the command line.
        Manual = "manual",
    }
}

words! {
    /// Which stream of work a message travels in; live mail never waits for the others.
    Lane, "lane" {
        /// New mail.
        Live = "live",
        /// Mail from before the connection.
        Backfill = "backfill",
        /// Sent round again from the dead letters.
        Replay = "replay",
        /// Judged anew from the archive, by a person's command. It is a word of events: no job travels in it.
        Reclassify = "reclassify",
    }
}

/// Up to 25 messages of one mailbox to fetch, understand, store and announce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageJob {
    /// What every job carries.
    #[serde(flatten)]
    pub header: JobHeader,
    /// The messages, at most [`MAX_MESSAGES_PER_JOB`].
    #[serde(deserialize_with = "few_enough")]
    pub messages: Vec<Listed>,
    /// Which stream of work this is.
    pub lane: Lane,
    /// Which judgement of the messages is asked for.
    #[serde(default)]
    pub generation: Generation,
    /// The access token that Gmail refused for this job: only a newer one is used.
    #[serde(default)]
    pub refused: Option<RefusedToken>,
}
job!(MessageJob);

/// An access token that Gmail answered with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedToken {
    /// Its number in its mailbox, which counts on across consents.
    pub version: u64,
    /// The consent it came from: that one token of each of two consents was refused says nothing of the second.
    pub grant: Grant,
}

/// A job that is done with an access token: it remembers the one that was refused.
pub trait WithToken: Job {
    /// The access token that Gmail refused for this job.
    fn refused(&self) -> Option<RefusedToken>;
    /// Remembers another one, or none.
    fn set_refused(&mut self, token: Option<RefusedToken>);
}

macro_rules! with_token {
    ($name:ty) => {
        impl WithToken for $name {
            fn refused(&self) -> Option<RefusedToken> {
                self.refused
            }

            fn set_refused(&mut self, token: Option<RefusedToken>) {
                self.refused = token;
            }
        }
    };
}
with_token!(MessageJob);

// Below the macros that it uses.
mod processor;

/// A message as its mailbox's listing named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Gmail's id.
    pub id: MessageId,
    /// When we listed it: a message that Gmail does not have shortly after may be late, one that it does not have
    /// minutes after is gone.
    pub listed_at: Timestamp,
}

fn few_enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Listed>, D::Error> {
    let messages = Vec::deserialize(deserializer)?;
    if messages.len() > MAX_MESSAGES_PER_JOB {
        let limit = format!("at most {MAX_MESSAGES_PER_JOB} messages");
        return Err(serde::de::Error::invalid_length(messages.len(), &limit.as_str()));
    }
    Ok(messages)
}

/// A body that is not a job we can do: the reason decides what the desk tells people.
#[derive(Debug, thiserror::Error)]
pub enum BadJob {
    /// Not JSON, not our shape, or an id that is none.
    #[error("not one of our jobs: {0}")]
    Undecodable(#[source] serde_json::Error),
    /// Written by a newer program.
    #[error("a job of version {v}; this program reads up to {JOB_VERSION}")]
    NewerSchema {
        /// The version that the body claims.
        v: u32,
    },
}

impl BadJob {
    /// The reason under which the body is parked.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Undecodable(_) => Reason::Undecodable,
            Self::NewerSchema { .. } => Reason::NewerSchema,
        }
    }
}

/// Reads a job from a queue's body. The version is looked at first, so that a newer job is never misread as broken.
pub fn decode<J: Job>(body: &str) -> Result<J, BadJob> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // Serde would take the list `[2]` for a job of version 2.
    if !body.trim_start().starts_with('{') {
        return Err(BadJob::Undecodable(serde::de::Error::custom("not a JSON object")));
    }
    let Version { v } = serde_json::from_str(body).map_err(BadJob::Undecodable)?;
    if v > JOB_VERSION {
        return Err(BadJob::NewerSchema { v });
    }
    serde_json::from_str(body).map_err(BadJob::Undecodable)
}

/// Writes a job as a queue's body: JSON, in which every control character is escaped, as SQS demands.
pub fn encode<J: Job>(job: &J) -> String {
    serde_json::to_string(job).unwrap_or_else(|_| unreachable!("a job has text keys only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> UserJob {
        let header = JobHeader::new(
            "42".parse().unwrap(),
            Epoch(3),
            Timestamp::from_millis(0),
            &Chance::seeded(1),
        );
        UserJob { header, kind: UserJobKind::Refresh { rejected: 7 }, cause: Cause::Schedule }
    }

    #[test]
    fn a_job_is_read_as_it_was_written() {
        assert_eq!(decode::<UserJob>(&encode(&job())).unwrap(), job());
    }

    #[test]
    fn a_newer_job_is_told_apart_from_a_broken_one() {
        let newer = encode(&job()).replace("\"v\":1", "\"v\":9").replace("\"kind\"", "\"sort\"");
        assert_eq!(decode::<UserJob>(&newer).unwrap_err().reason(), Reason::NewerSchema);
        for broken in ["", "{}", "null", "{\"v\":1}", "{\"v\":1", "[1]", "[2]"] {
            assert_eq!(
                decode::<UserJob>(broken).unwrap_err().reason(),
                Reason::Undecodable,
                "{broken}"
            );
        }
        let path = encode(&job()).replace("\"42\"", "\"../42\"");
        assert_eq!(decode::<UserJob>(&path).unwrap_err().reason(), Reason::Undecodable);
    }

    #[test]
    fn a_replay_keeps_its_name_and_starts_counting_anew() {
        let mut header = job().header;
        header.tries = 4;
        let again = header.replayed(Timestamp::from_millis(5));
        assert_eq!((again.tries, again.first_seen_at.millis()), (0, 5));
        assert_eq!((again.job_id, again.replay_of), (header.job_id.clone(), Some(header.job_id)));
    }
}
