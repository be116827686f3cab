//! What is asked of a person, in Google's terms.

use std::fmt;
use std::str::FromStr;

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
