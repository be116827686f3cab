//! Labels: Gmail's own and a person's.
//!
//! A set of labels is bits of one word. The lower sixteen are the system's, the rest are user labels in the order
//! of their creation, so that a label's id (`Label_3`) and its bit say the same and need no table.

use std::fmt;
use std::str::FromStr;

use crate::errors::ApiError;

/// System labels; a label's bit is its place here.
const SYSTEM: [&str; 14] = [
    "INBOX",
    "SPAM",
    "TRASH",
    "UNREAD",
    "STARRED",
    "IMPORTANT",
    "SENT",
    "DRAFT",
    "CHAT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// The bit of the first user label.
const FIRST_USER: u8 = 16;

/// User labels that fit a mailbox here. Gmail's own limit is 10,000; a set is a word of bits and has room for fewer.
const USER_LABELS: u8 = 46;

/// One label, by its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(u8);

impl LabelId {
    /// New mail that has not been archived.
    pub const INBOX: Self = Self(0);
    /// What the filter caught.
    pub const SPAM: Self = Self(1);
    /// What will be deleted in thirty days.
    pub const TRASH: Self = Self(2);
    /// Not read yet.
    pub const UNREAD: Self = Self(3);
    /// Marked by hand.
    pub const STARRED: Self = Self(4);
    /// Marked by Gmail.
    pub const IMPORTANT: Self = Self(5);
    /// Written by the mailbox's owner.
    pub const SENT: Self = Self(6);
    /// Not sent yet.
    pub const DRAFT: Self = Self(7);
    /// No mail at all.
    pub const CHAT: Self = Self(8);

    /// Whether the label is Gmail's own.
    pub fn is_system(self) -> bool {
        self.0 < FIRST_USER
    }

    /// Whether `messages.modify` may touch it: what was sent stays sent.
    pub fn is_fixed(self) -> bool {
        [Self::SENT, Self::DRAFT, Self::CHAT].contains(&self)
    }
}

/// A text that is no label's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no label has this id")]
pub struct BadLabel;

impl FromStr for LabelId {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Self, BadLabel> {
        if let Some(place) =
            (0..).zip(SYSTEM).find(|(_, name)| *name == text).map(|(place, _)| place)
        {
            return Ok(Self(place));
        }
        let number: u8 =
            text.strip_prefix("Label_").and_then(|digits| digits.parse().ok()).ok_or(BadLabel)?;
        if (1..=USER_LABELS).contains(&number) {
            Ok(Self(FIRST_USER + number - 1))
        } else {
            Err(BadLabel)
        }
    }
}

impl fmt::Display for LabelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SYSTEM.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "Label_{}", self.0 - FIRST_USER + 1),
        }
    }
}

/// A set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelSet(u64);

impl LabelSet {
    /// What new mail carries.
    pub const NEW_MAIL: Self = Self(1 << 0 | 1 << 3);
    /// What a search leaves out unless it is asked not to.
    pub const HIDDEN: Self = Self(1 << 1 | 1 << 2);
    /// Not a label: the mark of a message that was deleted for good.
    pub(crate) const GONE: Self = Self(1 << 63);

    /// Whether the label is in it.
    pub fn contains(self, label: LabelId) -> bool {
        self.0 >> label.0 & 1 == 1
    }

    /// Whether all of `other` is in it.
    pub fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the sets have a label in common.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What is in one or the other.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The labels of the set; the mark of deletion is none.
    pub fn iter(self) -> impl Iterator<Item = LabelId> {
        (0..FIRST_USER + USER_LABELS).map(LabelId).filter(move |label| self.contains(*label))
    }
}

impl FromIterator<LabelId> for LabelSet {
    fn from_iter<I: IntoIterator<Item = LabelId>>(labels: I) -> Self {
        Self(labels.into_iter().fold(0, |set, label| set | 1 << label.0))
    }
}

/// A label as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its id, which never changes.
    pub id: LabelId,
    /// Its name, which a person sees.
    pub name: String,
    /// `show` or `hide`, for messages in the message list.
    pub message_list_visibility: Option<String>,
    /// `labelShow`, `labelShowIfUnread` or `labelHide`, for the label in the label list.
    pub label_list_visibility: Option<String>,
}

/// The labels of one mailbox. Only the user's take memory.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    user: Vec<Label>,
}

impl Labels {
    /// The system's labels, then the user's.
    pub(crate) fn all(&self) -> Vec<Label> {
        let system = (0..).zip(SYSTEM).map(|(bit, name)| Label {
            id: LabelId(bit),
            name: name.to_owned(),
            message_list_visibility: None,
            label_list_visibility: None,
        });
        system.chain(self.user.iter().cloned()).collect()
    }

    /// Makes a user label. A name is taken whatever its case.
    pub(crate) fn create(
        &mut self,
        name: &str,
        in_messages: Option<String>,
        in_labels: Option<String>,
    ) -> Result<Label, ApiError> {
        if name.trim().is_empty() || SYSTEM.iter().any(|system| system.eq_ignore_ascii_case(name)) {
            return Err(ApiError::invalid("Invalid label name"));
        }
        if self.named(name).is_some() {
            return Err(ApiError {
                status: "ABORTED",
                ..ApiError::new(409, "aborted", "Label name exists or conflicts")
            });
        }
        let number = u8::try_from(self.user.len()).unwrap_or(USER_LABELS);
        if number >= USER_LABELS {
            return Err(ApiError::invalid("Too many labels"));
        }
        let label = Label {
            id: LabelId(FIRST_USER + number),
            name: name.to_owned(),
            message_list_visibility: in_messages,
            label_list_visibility: in_labels,
        };
        self.user.push(label.clone());
        Ok(label)
    }

    /// The label of this id, if the mailbox has it.
    pub(crate) fn known(&self, id: &str) -> Result<LabelId, ApiError> {
        let there = |label: &LabelId| {
            label.is_system() || usize::from(label.0 - FIRST_USER) < self.user.len()
        };
        id.parse()
            .ok()
            .filter(there)
            .ok_or_else(|| ApiError::invalid(format!("Invalid label: {id}")))
    }

    /// The label of this name, as `label:` finds it: any case, and a dash for a blank or a slash.
    pub(crate) fn named(&self, name: &str) -> Option<LabelId> {
        let wanted = fold(name);
        let system = (0..)
            .zip(SYSTEM)
            .find(|(_, system)| fold(system) == wanted)
            .map(|(bit, _)| LabelId(bit));
        system.or_else(|| {
            self.user.iter().find(|label| fold(&label.name) == wanted).map(|label| label.id)
        })
    }
}

/// A label's name as a search compares it.
fn fold(name: &str) -> String {
    name.to_lowercase().replace([' ', '/'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labels_id_and_its_bit_say_the_same() {
        for bit in (0..14).chain(16..62) {
            assert_eq!(LabelId(bit).to_string().parse(), Ok(LabelId(bit)));
        }
        for bad in ["inbox", "Label_0", "Label_47", "Label_999", ""] {
            assert_eq!(bad.parse::<LabelId>(), Err(BadLabel), "{bad}");
        }
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut labels = Labels::default();
        let made = labels.create("Work/Bills due", None, None).unwrap();
        assert_eq!(made.id.to_string(), "Label_1");
        assert_eq!(labels.create("work/bills DUE", None, None).unwrap_err().code, 409);
        assert_eq!(labels.create("inbox", None, None).unwrap_err().code, 400);
        assert_eq!(labels.named("work-bills-due"), Some(made.id));
    }

    #[test]
    fn a_mailbox_knows_only_labels_it_has() {
        let mut labels = Labels::default();
        assert!(labels.known("Label_1").is_err());
        labels.create("One", None, None).unwrap();
        assert!(labels.known("Label_1").is_ok() && labels.known("INBOX").is_ok());
        for n in 1..USER_LABELS {
            labels.create(&format!("n{n}"), None, None).unwrap();
        }
        assert_eq!(labels.create("one more", None, None).unwrap_err().message, "Too many labels");
    }
}
