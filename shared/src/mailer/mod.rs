//! Mail to a person: few, short, plain text, and each under an id that never changes.
//!
//! What the other side answers may quote the address that it was about. None of its words are kept: an error or a
//! refusal holds a code, which may be logged.

pub mod memory;
#[cfg(feature = "ses")]
pub mod ses;
#[cfg(feature = "smtp")]
pub mod smtp;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::settings::Env;
use crate::store::StoreError;

/// Says to other machines that nobody is to answer by machine (<https://www.rfc-editor.org/rfc/rfc3834#section-5>).
#[cfg(any(feature = "ses", feature = "smtp"))]
const BY_A_MACHINE: (&str, &str) = ("Auto-Submitted", "auto-generated");

/// What takes mail to people.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one mail over. An error is nobody's word on this mail, and the same mail may be handed over again:
    /// `Unavailable` passes by itself, `Broken` is for us to mend, such as a password or a sender that is not taken.
    async fn send(&self, mail: &Mail) -> Result<Delivery, StoreError>;
}

/// A mail to one person. No `Debug`: it holds an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The same whenever it is the same mail: letters and digits. What is sent twice is known by it.
    pub id: String,
    /// When it is sent.
    pub at: Timestamp,
    /// The person's address.
    pub to: String,
    /// One line of ASCII.
    pub subject: String,
    /// Lines of ASCII, ended by `\n`.
    pub body: String,
}

/// What became of a mail.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Taken,
    /// It will never be taken for this person, however often it is tried.
    Refused {
        /// The code that was answered.
        code: String,
    },
}

/// Who mail comes from: an address, and perhaps a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    local: String,
    domain: String,
}

/// `NOTIFY`: how a person is told that their mailbox must be connected again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// By whoever listens to the events, which carry the words.
    Off,
    /// By mail through the server in `SMTP_URL`.
    Smtp,
    /// By mail through SES.
    Ses,
}

impl Notify {
    /// Reads it; a problem is left in `env`.
    pub fn read(env: &mut Env<'_>) -> Self {
        env.parsed("NOTIFY", Self::Off, |text| match text {
            "off" => Ok(Self::Off),
            "smtp" => Ok(Self::Smtp),
            "ses" => Ok(Self::Ses),
            _ => Err(format!("'{text}' is none of off, smtp, ses")),
        })
    }
}

impl Sender {
    /// `NOTIFY_FROM`, which must be there; a problem is left in `env`.
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        env.needed("NOTIFY_FROM")
    }
}

/// A text that is no sender.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither an address, such as fanmail@example.com, nor Name <fanmail@example.com>")]
pub struct BadSender;

impl Sender {
    /// Its domain, which also names our mail: `{id}@{domain}`.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for Sender {
    /// As a header has it. A name is quoted: it may hold a dot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = (&self.local, &self.domain);
        match &self.name {
            Some(name) => write!(f, "\"{name}\" <{local}@{domain}>"),
            None => write!(f, "{local}@{domain}"),
        }
    }
}

impl FromStr for Sender {
    type Err = BadSender;

    /// Reads less than RFC 5322 allows: what needs no second thought in a header, a command or a log.
    fn from_str(text: &str) -> Result<Self, BadSender> {
        let (name, address) = match text.strip_suffix('>') {
            Some(text) => text.split_once('<').map(|(name, rest)| (name.trim(), rest)),
            None => Some(("", text)),
        }
        .ok_or(BadSender)?;
        let (local, domain) = address.split_once('@').ok_or(BadSender)?;
        let name = name.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(name);
        let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !"\"\\<>@".contains(c));
        let good = name.chars().all(plain) && is_local(local) && is_domain(domain);
        let name = (!name.is_empty()).then(|| name.to_owned());
        let (local, domain) = (local.to_owned(), domain.to_owned());
        good.then_some(Self { name, local, domain }).ok_or(BadSender)
    }
}

fn is_local(text: &str) -> bool {
    let atom = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        !part.is_empty() && part.chars().all(fits)
    };
    text.len() <= 64 && text.split('.').all(atom)
}

fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        let inside = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        !part.is_empty() && inside && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, shown) in [
            ("fanmail@example.com", "fanmail@example.com"),
            ("Fan Mail <fanmail@mail.example.com>", "\"Fan Mail\" <fanmail@mail.example.com>"),
            ("\"Example, Inc.\" <a.b+c@example.com>", "\"Example, Inc.\" <a.b+c@example.com>"),
            ("<fanmail@localhost>", "fanmail@localhost"),
        ] {
            let sender: Sender = text.parse().unwrap();
            assert_eq!(sender.to_string(), shown);
            assert_eq!(shown.parse(), Ok(sender), "what is shown is read again");
        }
    }

    #[test]
    fn what_could_break_a_header_is_no_sender() {
        for text in [
            "",
            "fanmail",
            "@example.com",
            "a@",
            "a@b@c",
            "a b@example.com",
            "a..b@example.com",
            "a@-example.com",
            "a@example..com",
            "A <a@example.com",
            "A\r\nBcc: x@example.com <a@example.com>",
            "a@example.com\r\nBcc: x@example.com",
            "\"A\\\" <a@example.com>",
            "Grüße <a@example.com>",
            "a@example.com, b@example.com",
        ] {
            assert_eq!(text.parse::<Sender>(), Err(BadSender), "{text}");
        }
    }
}
