//! The calls Google offers: what each is named, what it costs and which scopes open it.
//!
//! Prices are units of quota, by the table of May 2026 or the one before it
//! (<https://developers.google.com/workspace/gmail/api/reference/quota>); a price is per method, never per format.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::scopes::Scopes;

/// A call that can be made, counted, priced and made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
#[expect(missing_docs, reason = "the names are Google's")]
pub enum Method {
    GetProfile,
    HistoryList,
    MessagesList,
    MessagesGet,
    AttachmentsGet,
    MessagesModify,
    MessagesSend,
    MessagesInsert,
    LabelsList,
    LabelsCreate,
    Watch,
    Stop,
    Authorize,
    Token,
    Revoke,
    Certs,
    Userinfo,
    OpenIdConfiguration,
    RiscConfiguration,
}

/// A name that is no method's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such method; there are {}", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownMethod;

/// Which table of prices holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prices {
    /// The table of May 2026, with 6,000 units per user and minute.
    #[default]
    May2026,
    /// The table before it, with 15,000 units per user and minute.
    Legacy,
}

const READ: Scopes = Scopes::FULL.with(Scopes::MODIFY).with(Scopes::READONLY);
const LOOK: Scopes = READ.with(Scopes::METADATA);
const CHANGE: Scopes = Scopes::FULL.with(Scopes::MODIFY);
const ADDON_READ: Scopes = Scopes::ADDON_ACTION.with(Scopes::ADDON_READONLY);

impl Method {
    /// Every method.
    pub const ALL: [Self; 19] = [
        Self::GetProfile,
        Self::HistoryList,
        Self::MessagesList,
        Self::MessagesGet,
        Self::AttachmentsGet,
        Self::MessagesModify,
        Self::MessagesSend,
        Self::MessagesInsert,
        Self::LabelsList,
        Self::LabelsCreate,
        Self::Watch,
        Self::Stop,
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::Certs,
        Self::Userinfo,
        Self::OpenIdConfiguration,
        Self::RiscConfiguration,
    ];

    /// The name that counters and faults go by.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What a call costs.
    pub fn units(self, prices: Prices) -> u32 {
        match prices {
            Prices::May2026 => self.row().1,
            Prices::Legacy => self.row().2,
        }
    }

    /// The scopes of which a token must hold one.
    pub fn scopes(self) -> Scopes {
        self.row().3
    }

    /// Name, price since May 2026, price before, scopes.
    fn row(self) -> (&'static str, u32, u32, Scopes) {
        match self {
            Self::GetProfile => ("getProfile", 1, 1, LOOK.with(Scopes::COMPOSE)),
            Self::HistoryList => ("history.list", 2, 2, LOOK),
            Self::MessagesList => ("messages.list", 5, 5, LOOK),
            Self::MessagesGet => {
                ("messages.get", 20, 5, LOOK.with(ADDON_READ).with(Scopes::ADDON_METADATA))
            }
            Self::AttachmentsGet => ("messages.attachments.get", 20, 5, READ.with(ADDON_READ)),
            Self::MessagesModify => ("messages.modify", 5, 5, CHANGE),
            Self::MessagesSend => {
                let scopes =
                    CHANGE.with(Scopes::SEND).with(Scopes::COMPOSE).with(Scopes::ADDON_COMPOSE);
                ("messages.send", 100, 100, scopes)
            }
            Self::MessagesInsert => ("messages.insert", 25, 25, CHANGE.with(Scopes::INSERT)),
            Self::LabelsList => ("labels.list", 1, 1, LOOK.with(Scopes::LABELS)),
            Self::LabelsCreate => ("labels.create", 5, 5, CHANGE.with(Scopes::LABELS)),
            Self::Watch => ("watch", 100, 100, LOOK),
            Self::Stop => ("stop", 50, 50, LOOK),
            Self::Authorize => ("authorize", 0, 0, Scopes::NONE),
            Self::Token => ("token", 0, 0, Scopes::NONE),
            Self::Revoke => ("revoke", 0, 0, Scopes::NONE),
            Self::Certs => ("certs", 0, 0, Scopes::NONE),
            Self::Userinfo => ("userinfo", 0, 0, Scopes::IDENTITY),
            Self::OpenIdConfiguration => ("openid-configuration", 0, 0, Scopes::NONE),
            Self::RiscConfiguration => ("risc-configuration", 0, 0, Scopes::NONE),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    /// Reads `messages.get`, and `users.messages.get` or `gmail.users.messages.get` as Google's own names are longer.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let text = text.strip_prefix("gmail.").unwrap_or(text);
        let text = text.strip_prefix("users.").unwrap_or(text);
        Self::ALL.into_iter().find(|method| method.name() == text).ok_or(UnknownMethod)
    }
}

impl TryFrom<String> for Method {
    type Error = UnknownMethod;

    fn try_from(text: String) -> Result<Self, UnknownMethod> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name() {
        for (place, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, place, "counters are an array in this order");
            assert_eq!(method.name().parse(), Ok(method));
        }
        assert_eq!("gmail.users.messages.get".parse(), Ok(Method::MessagesGet));
        assert_eq!("messages.burn".parse::<Method>(), Err(UnknownMethod));
    }
}
