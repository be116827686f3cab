//! What is asked of a person, in Google's terms.

use std::fmt;
use std::str::FromStr;

use crate::words::words;

/// What every scope of Gmail's begins with.
const GMAIL: &str = "https://www.googleapis.com/auth/";

/// A scope of Gmail's that we know what to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GmailScope {
    /// `gmail.readonly`: reading mail. Without it nothing is connected.
    Readonly,
    /// `gmail.modify`: labels.
    Modify,
    /// `gmail.send`: forwarding.
    Send,
}

words! {
    /// What may be done with a mailbox beside reading it. Each needs a scope of its own, which is asked for where the
    /// feature is switched on; a mailbox without it goes on without the feature.
    Feature, "feature" {
        /// Putting labels on messages, archiving them and marking them as read.
        Labels = "labels",
        /// Forwarding messages.
        Forwarding = "forwarding",
    }
}

impl Feature {
    /// The scope that it needs.
    pub const fn scope(self) -> GmailScope {
        match self {
            Self::Labels => GmailScope::Modify,
            Self::Forwarding => GmailScope::Send,
        }
    }

    /// The features that a grant of these scopes is enough for.
    pub fn granted(scopes: &[String]) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|feature| feature.scope().is_in(scopes)).collect()
    }
}

/// A text that names none of them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope; one of: gmail.readonly, gmail.modify, gmail.send")]
pub struct UnknownScope;

impl GmailScope {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Readonly, Self::Modify, Self::Send];

    /// As Google writes it in a request.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Readonly => "https://www.googleapis.com/auth/gmail.readonly",
            Self::Modify => "https://www.googleapis.com/auth/gmail.modify",
            Self::Send => "https://www.googleapis.com/auth/gmail.send",
        }
    }

    /// Whether a grant of these scopes allows what this one does. Whoever may change mail may read it
    /// (<https://developers.google.com/workspace/gmail/api/auth/scopes>).
    pub fn is_in(self, scopes: &[String]) -> bool {
        let has = |scope: Self| scopes.iter().any(|granted| granted == scope.address());
        has(self) || (self == Self::Readonly && has(Self::Modify))
    }

    /// As people write it.
    pub fn name(self) -> &'static str {
        self.address().trim_start_matches(GMAIL)
    }
}

impl fmt::Display for GmailScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GmailScope {
    type Err = UnknownScope;

    /// Reads it with or without what all of them begin with.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let named = |scope: &Self| text == scope.name() || text == scope.address();
        Self::ALL.into_iter().find(named).ok_or(UnknownScope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(scopes: &[GmailScope]) -> Vec<String> {
        scopes.iter().map(|scope| scope.address().to_owned()).collect()
    }

    #[test]
    fn who_may_change_mail_may_read_it_and_not_the_other_way_round() {
        assert!(GmailScope::Readonly.is_in(&granted(&[GmailScope::Modify])));
        assert!(!GmailScope::Modify.is_in(&granted(&[GmailScope::Readonly])));
        assert!(!GmailScope::Readonly.is_in(&granted(&[GmailScope::Send])));
        assert!(!GmailScope::Send.is_in(&granted(&[GmailScope::Modify])));
    }

    #[test]
    fn a_feature_is_there_where_its_scope_is() {
        assert_eq!(Feature::granted(&granted(&[GmailScope::Readonly])), []);
        assert_eq!(
            Feature::granted(&granted(&[GmailScope::Send, GmailScope::Modify])),
            Feature::ALL
        );
    }
}
