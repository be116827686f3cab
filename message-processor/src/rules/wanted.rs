//! What a rule has done with a message, as its file says it:
//!
//! ```toml
//! actions = ["archive", "mark_read", { label = "Bills" }, { forward = "books@example.com", original = "inline" },
//!            { webhook = "https://example.com/hook" }]
//! ```

use std::fmt;

use lettre::Address;
use shared::action::ActionKind;
use shared::result::{Action, ActionState, CarriedAs};
use toml::de::DeValue;
use url::Url;

use super::fields::did_you_mean;

/// Bytes of a label's name. Gmail takes 225 characters.
const LABEL_BYTES: usize = 225;

/// Bytes of a webhook's address.
const ADDRESS_BYTES: usize = 2000;

/// Names that Gmail keeps for itself (<https://developers.google.com/workspace/gmail/api/guides/labels>).
const OF_GMAIL: [&str; 9] =
    ["INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT"];

/// What can be said by its name alone, and what is said of something.
const WORDS: [&str; 2] = ["archive", "mark_read"];
const NAMES: [&str; 4] = ["label", "forward", "webhook", "original"];

/// An action that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    pub kind: ActionKind,
    pub target: Option<String>,
    /// How a forward carries the message.
    pub original: Option<CarriedAs>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{} {target}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

impl Wanted {
    /// Whether both do the same to the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.kind, &self.target) == (other.kind, &other.target)
    }

    /// As it stands in a result of which nothing else is known.
    pub(super) fn pending(&self) -> Action {
        Action {
            id: None,
            kind: self.kind,
            target: self.target.clone(),
            original: self.original,
            state: ActionState::Pending,
            detail: None,
        }
    }

    /// Reads one; what is wrong with it otherwise, with its place in the file.
    pub(super) fn read(value: &toml::Spanned<DeValue<'_>>) -> Result<Self, (usize, String)> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(word) => Self::word(word).map_err(|what| (at, what)),
            DeValue::Table(table) => Self::table(at, table),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => Err((at, shape())),
        }
    }

    fn word(word: &str) -> Result<Self, String> {
        let kind = match word {
            "archive" => ActionKind::Archive,
            "mark_read" => ActionKind::MarkRead,
            other => {
                let hint = did_you_mean(other, WORDS);
                return Err(format!("there is no action '{other}'{hint}; {}", shape()));
            }
        };
        Ok(Self { kind, target: None, original: None })
    }

    fn table(at: usize, table: &toml::de::DeTable<'_>) -> Result<Self, (usize, String)> {
        let unknown =
            |key: &&toml::Spanned<_>| !NAMES.contains(&AsRef::<str>::as_ref(key.get_ref()));
        if let Some(key) = table.keys().find(unknown) {
            let hint = did_you_mean(key.get_ref(), NAMES);
            return Err((key.span().start, format!("an action has no '{}'{hint}", key.get_ref())));
        }
        let named: Vec<_> = table.iter().filter(|(key, _)| key.get_ref() != "original").collect();
        let [(key, value)] = named.as_slice() else { return Err((at, shape())) };
        let place = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            return Err((place, "what an action is done to is a text".to_owned()));
        };
        let (kind, target) = match key.get_ref().as_ref() {
            "label" => (ActionKind::Label, label(text)),
            "forward" => (ActionKind::Forward, forward(text)),
            _ => (ActionKind::Webhook, webhook(text)),
        };
        let target = target.map_err(|what| (place, what))?;
        let original = original(kind, table)?;
        Ok(Self { kind, target: Some(target), original })
    }
}

fn shape() -> String {
    "an action is 'archive', 'mark_read', { label = '…' }, { forward = '…' } or { webhook = '…' }"
        .to_owned()
}

fn original(
    kind: ActionKind,
    table: &toml::de::DeTable<'_>,
) -> Result<Option<CarriedAs>, (usize, String)> {
    let given = table.iter().find(|(key, _)| key.get_ref() == "original").map(|(_, value)| value);
    match (kind, given) {
        (ActionKind::Forward, None) => Ok(Some(CarriedAs::Attached)),
        (ActionKind::Forward, Some(value)) => match value.get_ref().as_str() {
            Some("attached") => Ok(Some(CarriedAs::Attached)),
            Some("inline") => Ok(Some(CarriedAs::Inline)),
            _ => Err((value.span().start, "original is 'attached' or 'inline'".to_owned())),
        },
        (_, Some(value)) => {
            Err((value.span().start, "only a forward carries the original".to_owned()))
        }
        (_, None) => Ok(None),
    }
}

fn label(text: &str) -> Result<String, String> {
    let plain = !text.chars().any(char::is_control) && text.trim() == text;
    let levels = text.split('/').all(|level| !level.trim().is_empty());
    let of_gmail = OF_GMAIL.iter().any(|known| known.eq_ignore_ascii_case(text));
    if of_gmail || text.to_uppercase().starts_with("CATEGORY_") {
        return Err(format!("'{text}' is a label of Gmail's own"));
    }
    if plain && levels && text.len() <= LABEL_BYTES {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a label of Gmail's is a text of 1 to {LABEL_BYTES} bytes such as 'Work/Bills'"
        ))
    }
}

fn forward(text: &str) -> Result<String, String> {
    // In ASCII alone: a name beyond it needs servers on the way that few are.
    let address = text.is_ascii().then(|| text.parse::<Address>().ok()).flatten();
    let Some(_) = address else { return Err(format!("'{text}' is not an address")) };
    // The same person, however it is written.
    Ok(text.to_ascii_lowercase())
}

fn webhook(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| url.has_host() && text.len() <= ADDRESS_BYTES);
    let Some(url) = url.filter(|url| matches!(url.scheme(), "https" | "http")) else {
        return Err("a webhook is an address that begins with https://".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a webhook's address has no user and no password".to_owned());
    }
    // Plain HTTP is for a network of the operator's own, by number: which one, the settings say.
    if url.scheme() == "http" && url.domain().is_some() {
        return Err("a webhook's address begins with https://".to_owned());
    }
    Ok(text.to_owned())
}
