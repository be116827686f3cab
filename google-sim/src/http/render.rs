//! A message in the four formats of `messages.get`.
//!
//! `raw` is what is asked for by the thousand: its base64 is written straight into a buffer of the right size, from
//! bytes that all holders of the message share.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use shared::clock::Chance;

use super::fields::Fields;
use super::wire::{ids, text};
use crate::Message;
use crate::errors::ApiError;
use crate::mail::{self, Header, Part};
use crate::world::hex_id;

/// Reads base64url with padding or without, as Google does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What every attachment's id begins with, so that anything else is known to be none.
const ATTACHMENT: &str = "ANGjdJ";

/// Random bytes in an attachment's id: as Google's, it is another at every fetch.
const SALT: usize = 6;

/// Room for what stands around a raw message, a snippet of four-byte characters included.
const AROUND_RAW: usize = 1536;

/// What the other formats have in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMessage<'a> {
    id: String,
    thread_id: String,
    label_ids: Vec<String>,
    snippet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<WirePart>,
    size_estimate: usize,
    #[serde(serialize_with = "text")]
    history_id: u64,
    #[serde(serialize_with = "text")]
    internal_date: i64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct WirePart {
    #[serde(skip_serializing_if = "Option::is_none")]
    part_id: Option<String>,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    headers: Vec<WireHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<WireBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WirePart>,
}

#[derive(Debug, Serialize)]
struct WireHeader {
    name: String,
    value: String,
}

/// `MessagePartBody`
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<String>,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// Ids, labels and dates.
pub(super) fn minimal(message: &Message) -> WireMessage<'_> {
    wire(message, None)
}

/// And headers: all of them, or those that are named.
pub(super) fn metadata<'m>(message: &'m Message, wanted: &[String]) -> WireMessage<'m> {
    let is_wanted = |header: &Header| {
        wanted.is_empty() || wanted.iter().any(|name| name.eq_ignore_ascii_case(&header.name))
    };
    let headers = mail::headers(&message.body.bytes).into_iter().filter(is_wanted);
    let payload = WirePart {
        mime_type: mail::media_type(&message.body.bytes),
        headers: headers.map(wire_header).collect(),
        ..WirePart::default()
    };
    wire(message, Some(payload))
}

/// The tree of parts.
pub(super) fn full<'m>(message: &'m Message, chance: &Chance) -> WireMessage<'m> {
    let payload = wire_part(mail::tree(&message.body.bytes), chance);
    wire(message, Some(payload))
}

/// The bytes, and what else is wanted.
pub(super) fn raw(message: &Message, fields: &Fields) -> Vec<u8> {
    let bytes = &message.body.bytes;
    let room = if fields.keep("raw") { base64::encoded_len(bytes.len(), true) } else { None };
    let mut json = Vec::with_capacity(room.unwrap_or(0) + AROUND_RAW);
    json.push(b'{');
    for (name, value) in [
        ("id", quoted(&hex_id(message.at.id))),
        ("threadId", quoted(&hex_id(message.at.thread))),
        ("labelIds", json!(ids(message.at.labels)).to_string()),
        ("sizeEstimate", bytes.len().to_string()),
        ("historyId", quoted(&message.history_id.to_string())),
        ("internalDate", quoted(&message.date.millis().to_string())),
    ] {
        if fields.keep(name) {
            member(&mut json, name, value.as_bytes());
        }
    }
    if fields.keep("snippet") {
        // The one text that a person wrote, and has to be escaped.
        member(&mut json, "snippet", json!(message.body.snippet()).to_string().as_bytes());
    }
    if let Some(room) = room {
        member(&mut json, "raw", b"\"");
        let start = json.len();
        json.resize(start + room, 0);
        // The room was measured for exactly these bytes, so that the encoder never lacks it.
        let length = URL_SAFE.encode_slice(bytes, &mut json[start..]).unwrap_or(0);
        json.truncate(start + length);
        json.push(b'"');
    }
    json.push(b'}');
    json
}

fn member(json: &mut Vec<u8>, name: &str, value: &[u8]) {
    if json.len() > 1 {
        json.push(b',');
    }
    json.extend_from_slice(quoted(name).as_bytes());
    json.push(b':');
    json.extend_from_slice(value);
}

/// A text of digits and letters, which needs no escaping.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// What stands behind an attachment's id.
pub(super) fn attachment(message: &Message, id: &str) -> Result<WireBody, ApiError> {
    let invalid = || ApiError::invalid("Invalid attachment token");
    let salted = id.strip_prefix(ATTACHMENT).and_then(|id| LENIENT.decode(id).ok());
    let place = salted.and_then(|salted| salted.get(SALT..).map(<[u8]>::to_vec));
    let place = place.and_then(|place| String::from_utf8(place).ok()).ok_or_else(invalid)?;
    let part = mail::part_at(&message.body.bytes, &place).ok_or_else(invalid)?;
    let data = Some(URL_SAFE.encode(&part.data));
    Ok(WireBody { attachment_id: None, size: part.data.len(), data })
}

/// Reads the bytes of a request.
pub(super) fn decode(base64url: &str) -> Result<Bytes, ApiError> {
    let bytes = LENIENT.decode(base64url);
    bytes.map(Bytes::from).map_err(|_| ApiError::invalid("Invalid value at 'raw' (TYPE_BYTES)"))
}

fn wire(message: &Message, payload: Option<WirePart>) -> WireMessage<'_> {
    WireMessage {
        id: hex_id(message.at.id),
        thread_id: hex_id(message.at.thread),
        label_ids: ids(message.at.labels),
        snippet: message.body.snippet(),
        payload,
        size_estimate: message.body.bytes.len(),
        history_id: message.history_id,
        internal_date: message.date.millis(),
    }
}

fn wire_part(part: Part, chance: &Chance) -> WirePart {
    let attachment_id = part.attached.then(|| {
        let salted = [chance.bytes::<SALT>().as_slice(), part.id.as_bytes()].concat();
        format!("{ATTACHMENT}{}", URL_SAFE.encode(salted))
    });
    let shown = !part.attached && !part.data.is_empty();
    let data = shown.then(|| URL_SAFE.encode(&part.data));
    WirePart {
        part_id: Some(part.id),
        mime_type: part.mime_type,
        filename: Some(part.filename),
        headers: part.headers.into_iter().map(wire_header).collect(),
        body: Some(WireBody { attachment_id, size: part.data.len(), data }),
        parts: part.parts.into_iter().map(|part| wire_part(part, chance)).collect(),
    }
}

fn wire_header(header: Header) -> WireHeader {
    WireHeader { name: header.name, value: header.value }
}
