//! What a rule may have done with a message, and the names under which that is known.

use aws_lc_rs::digest::{SHA256, digest};

use crate::ids::{Generation, JobId, MessageId, UserId};
use crate::scope::Feature;
use crate::words::words;

words! {
    /// What is done with a message.
    ActionKind, "action" {
        /// A label of Gmail's is put on it, and made where there is none of that name.
        Label = "label",
        /// It leaves the inbox.
        Archive = "archive",
        /// It counts as read.
        MarkRead = "mark_read",
        /// It is sent on to somebody.
        Forward = "forward",
        /// A program is told, over HTTPS.
        Webhook = "webhook",
    }
}

words! {
    /// How an action ended.
    ActionEnd, "action's end" {
        /// As it was asked for.
        Done = "done",
        /// It came to nothing, and waits for a person or for nobody.
        Failed = "failed",
    }
}

impl ActionKind {
    /// What Gmail charges for it, in quota units: `messages.modify` 5, `messages.send` 100
    /// (<https://developers.google.com/workspace/gmail/api/reference/quota>).
    pub const fn units(self) -> u32 {
        match self {
            Self::Label | Self::Archive | Self::MarkRead => 5,
            Self::Forward => 100,
            Self::Webhook => 0,
        }
    }

    /// The feature that has to be switched on and granted for it.
    pub const fn feature(self) -> Option<Feature> {
        match self {
            Self::Label | Self::Archive | Self::MarkRead => Some(Feature::Labels),
            Self::Forward => Some(Feature::Forwarding),
            Self::Webhook => None,
        }
    }
}

/// The id of an action, and the jobId of its job: a function of what is done to what, so that whoever asks for it again
/// asks for the same. 32 hex digits.
pub fn action_id(
    user: &UserId,
    message: &MessageId,
    generation: Generation,
    kind: ActionKind,
    target: Option<&str>,
) -> JobId {
    let generation = generation.to_string();
    let target = target.unwrap_or_default();
    let parts = [user.as_str(), message.as_str(), &generation, kind.as_str(), target];
    let digest = digest(&SHA256, parts.join("\n").as_bytes());
    let hex = hex::encode(&digest.as_ref()[..16]);
    hex.parse().unwrap_or_else(|_| unreachable!("32 hex digits are a jobId"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_known_by_what_it_does_to_what() {
        let (user, message) = ("42".parse().unwrap(), "m1".parse().unwrap());
        let id = |kind, target| action_id(&user, &message, Generation(0), kind, target);
        let label = id(ActionKind::Label, Some("Bills"));
        assert_eq!((label.as_str().len(), &label), (32, &id(ActionKind::Label, Some("Bills"))));
        assert_ne!(label, id(ActionKind::Label, Some("bills")));
        assert_ne!(label, id(ActionKind::Webhook, Some("Bills")));
        assert_ne!(
            label,
            action_id(&user, &message, Generation(1), ActionKind::Label, Some("Bills"))
        );
    }
}
