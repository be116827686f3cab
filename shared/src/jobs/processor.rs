//! What the message-processor is given: messages to take in, or something to do with one that it has taken in.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Job, JobHeader, Lane, MessageJob, RefusedToken, WithToken};
use crate::action::ActionKind;
use crate::ids::{Generation, MessageId};

/// The version of jobs that actions came with: an older program says that it does not know them.
pub const ACTION_VERSION: u32 = 2;

/// One action of a rule on one message. Its jobId is the action's own id ([`crate::action::action_id`]). What it is done
/// to (a label's name, an address) is content and stands in the result alone, where the id leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionJob {
    /// What every job carries.
    #[serde(flatten)]
    pub header: JobHeader,
    /// The message.
    pub message_id: MessageId,
    /// The judgement that asked for the action.
    pub generation: Generation,
    /// Where the result is in which the action stands.
    pub result: String,
    /// What is to be done.
    pub action: ActionKind,
    /// The stream of work that the message came in.
    pub lane: Lane,
    /// The access token that Gmail refused for this job: only a newer one is used.
    #[serde(default)]
    pub refused: Option<RefusedToken>,
}
job!(ActionJob);
with_token!(ActionJob);

/// A job of the queue of message jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProcessorJob {
    /// Messages to fetch, understand, store and announce.
    Messages(MessageJob),
    /// Something to do with a message that is stored.
    Action(ActionJob),
}

impl<'de> Deserialize<'de> for ProcessorJob {
    /// Told apart by the field that only one of them has, so that what is wrong with either is said of it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let job = Value::deserialize(deserializer)?;
        let read = if job.get("action").is_some() {
            serde_json::from_value(job).map(Self::Action)
        } else {
            serde_json::from_value(job).map(Self::Messages)
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl Job for ProcessorJob {
    fn header(&self) -> &JobHeader {
        match self {
            Self::Messages(job) => &job.header,
            Self::Action(job) => &job.header,
        }
    }

    fn header_mut(&mut self) -> &mut JobHeader {
        match self {
            Self::Messages(job) => &mut job.header,
            Self::Action(job) => &mut job.header,
        }
    }
}

impl ProcessorJob {
    /// The messages that it takes in.
    pub fn message_ids(&self) -> Vec<MessageId> {
        match self {
            Self::Messages(job) => job.messages.iter().map(|listed| listed.id.clone()).collect(),
            Self::Action(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Chance, Timestamp};
    use crate::ids::Epoch;
    use crate::jobs::{Listed, decode, encode};

    fn header() -> JobHeader {
        let (now, chance) = (Timestamp::from_millis(0), Chance::seeded(1));
        JobHeader::new("42".parse().unwrap(), Epoch(1), now, &chance)
    }

    #[test]
    fn both_kinds_are_read_as_they_were_written() {
        let listed = Listed { id: "m1".parse().unwrap(), listed_at: Timestamp::from_millis(0) };
        let messages = MessageJob {
            header: header(),
            messages: vec![listed],
            lane: Lane::Live,
            generation: Generation(0),
            refused: None,
        };
        let action = ActionJob {
            header: header(),
            message_id: "m1".parse().unwrap(),
            generation: Generation(0),
            result: "results/42/2026/05/01/m1.json".to_owned(),
            action: ActionKind::Forward,
            lane: Lane::Live,
            refused: None,
        };
        assert_eq!(decode::<MessageJob>(&encode(&messages)).unwrap(), messages);
        for job in [ProcessorJob::Messages(messages), ProcessorJob::Action(action)] {
            assert_eq!(decode::<ProcessorJob>(&encode(&job)).unwrap(), job);
        }
    }

    #[test]
    fn what_is_wrong_with_a_job_is_said_of_its_kind() {
        let told = |body: &str| match decode::<ProcessorJob>(body) {
            Ok(job) => panic!("{job:?}"),
            Err(bad) => crate::disposition::chain(&bad),
        };
        let header = serde_json::to_value(header()).unwrap();
        let mut job = header.clone();
        job["action"] = "burn".into();
        job["messageId"] = "m1".into();
        job["generation"] = 0.into();
        job["result"] = "r".into();
        job["lane"] = "live".into();
        assert!(told(&job.to_string()).contains("burn"), "{}", told(&job.to_string()));
        assert!(told(&header.to_string()).contains("messages"), "{}", told(&header.to_string()));
    }
}
