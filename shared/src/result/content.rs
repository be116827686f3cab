//! The parts of a result that are read from the message's bytes alone.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The header fields that people and programs ask for. Ids stand without angle brackets, words are decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Headers {
    pub message_id: Option<String>,
    /// The first author.
    pub from: Option<Address>,
    /// Recipients, those within a group included.
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub reply_to: Vec<Address>,
    pub subject: Option<String>,
    /// When the sender says it was written.
    pub date: Option<Timestamp>,
    /// The first id, where a sender gives several.
    pub in_reply_to: Option<String>,
    /// Oldest first.
    pub references: Vec<String>,
}

/// Somebody's name, address, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Address {
    pub name: Option<String>,
    pub address: Option<String>,
}

/// The message as a reader sees it, without its markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Text {
    /// The first characters of the readable text.
    pub preview: String,
    pub language: Option<String>,
    /// Whether there is more than the preview.
    pub truncated: bool,
    /// What of the preview is not the sender's own words of this time, in its order and without overlap.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

/// A stretch of the preview, from one character to another, which is not in it. Characters are Unicode code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mark {
    pub kind: MarkKind,
    pub start: usize,
    pub end: usize,
}

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// Another message that is repeated, with the line that says whose it is.
    Quoted,
    /// The sender's signature.
    Signature,
}

/// A file that came with the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The sender's name for it, without folders and control characters.
    pub filename: Option<String>,
    /// In lower case, as the sender declares it.
    pub content_type: String,
    /// Size once decoded.
    pub size_bytes: u64,
    /// Hash of the decoded bytes, in hexadecimal.
    pub sha256: String,
    /// Whether it is shown within the text rather than beside it.
    pub inline: bool,
    /// The files within a `winmail.dat`, which have nothing within themselves.
    #[serde(default)]
    pub contents: Vec<Attachment>,
    /// Of an attached message, what it is.
    #[serde(default)]
    pub message: Option<AttachedMessage>,
}

/// A message within a message, as its own header has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttachedMessage {
    pub message_id: Option<String>,
    pub from: Option<Address>,
    pub subject: Option<String>,
    pub date: Option<Timestamp>,
}

/// How the message is signed or encrypted. No signature has been checked, and nothing decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Protection {
    pub format: ProtectionFormat,
    pub signed: bool,
    pub encrypted: bool,
}

/// By which standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProtectionFormat {
    /// RFC 8551.
    Smime,
    /// RFC 3156, or armour within the text (RFC 9580).
    Pgp,
}

/// What the receiving server found about the sender's identity; null where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Authentication {
    pub spf: Option<AuthResult>,
    pub dkim: Option<AuthResult>,
    pub dmarc: Option<AuthResult>,
}

/// An outcome of SPF, DKIM or DMARC, by its name in RFC 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuthResult {
    None,
    Pass,
    Fail,
    SoftFail,
    Neutral,
    Policy,
    TempError,
    PermError,
}

/// How the message names its list, and how to leave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListInfo {
    /// The identifier within `List-Id`'s angle brackets.
    pub id: Option<String>,
    /// Web and mail addresses that unsubscribe, in the sender's order.
    pub unsubscribe: Vec<String>,
    /// Whether one POST to the https address is enough (RFC 8058).
    pub one_click: bool,
}

/// Something about the message that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Defect {
    /// A stable `snake_case` name.
    pub code: String,
    /// What was found, in words and numbers of ours: never text of the message.
    pub detail: String,
}
