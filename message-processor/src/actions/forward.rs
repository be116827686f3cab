//! A message on its way to somebody else: a header of ours, and the original in it or under it.
//!
//! Of the original's header nothing is taken over as it stands. Names, subject and addresses are written anew from what
//! was read of them, so that no line of a sender's becomes a field of ours.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use lettre::message::Mailbox;
use lettre::message::header::{Date, From, HeaderName, HeaderValue, Headers, ReplyTo, Subject, To};
use lettre::{Address, message};
use memchr::memmem;
use shared::clock::Timestamp;
use shared::google::MAX_SENT;
use shared::ids::JobId;
use shared::result::{Address as Written, CarriedAs, MessageResult};

use super::plan::{HOPS, hops};
use crate::parse::{Fields, with_line_feeds};

/// Nobody is to answer this by a machine (RFC 3834).
const BY_A_MACHINE: (&str, &str) = ("Auto-Submitted", "auto-generated");

/// The field that names the action: Gmail may give what it sends another Message-ID
/// (<https://github.com/gauteh/lieer/issues/198>), and leaves other fields alone.
pub(crate) const ACTION: &str = "X-Fanmail-Action";

/// Characters of a subject: a field is not to be longer than what is in it.
const SUBJECT_CHARS: usize = 500;

/// Characters of a line of the note.
const NOTE_CHARS: usize = 200;

/// A line of a header may be 998 bytes long, its end not counted (RFC 5322).
const LINE: usize = 998;

/// The fields that say how the body is to be read.
const MIME: [&str; 3] = ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"];

/// A forward, to be written.
pub struct Forward<'a> {
    /// The action that it is.
    pub action: &'a JobId,
    /// The mailbox that it is sent from.
    pub from: &'a str,
    /// Whom it goes to.
    pub to: &'a str,
    /// How it carries the message.
    pub carried: CarriedAs,
    /// The mailbox's name among the hops.
    pub hop: &'a str,
    /// When it is sent.
    pub at: Timestamp,
}

/// Why a message cannot be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// One of the two is no address of RFC 5321.
    #[error("the {0} is no address that mail can be sent from or to")]
    NoAddress(&'static str),
    /// Gmail does not send as much.
    #[error("with {0} bytes it is longer than the {MAX_SENT} that Gmail sends")]
    TooLarge(usize),
}

impl Forward<'_> {
    /// The Message-ID, without its angle brackets: a function of the action, so that what was sent can be looked up.
    pub fn message_id(&self) -> String {
        let domain = self.from.rsplit('@').next().unwrap_or_default();
        format!("{}.fanmail@{domain}", self.action)
    }

    /// The whole message, in bytes for Gmail.
    pub fn write(&self, raw: &[u8], result: &MessageResult) -> Result<Vec<u8>, Unsendable> {
        let lines = with_line_feeds(raw);
        let (fields, body) = Fields::read(lines.trim_ascii_start());
        let mut written = self.header(&fields, result)?.to_string().into_bytes();
        written.extend(b"MIME-Version: 1.0\r\n");
        match (self.carried, inline(&fields, body)) {
            (CarriedAs::Inline, Some(inline)) => written.extend(inline),
            // What cannot be carried so is carried whole.
            (CarriedAs::Inline | CarriedAs::Attached, _) => attach(&mut written, raw, result),
        }
        if written.len() > MAX_SENT {
            return Err(Unsendable::TooLarge(written.len()));
        }
        Ok(written)
    }

    fn header(&self, original: &Fields<'_>, result: &MessageResult) -> Result<Headers, Unsendable> {
        let (from, to) = (address(self.from), address(self.to));
        let from = from.ok_or(Unsendable::NoAddress("mailbox"))?;
        let to = to.ok_or(Unsendable::NoAddress("target"))?;
        let mut headers = Headers::new();
        headers.set(From::from(message::Mailboxes::from(Mailbox::new(None, from))));
        headers.set(To::from(message::Mailboxes::from(Mailbox::new(None, to))));
        if let Some(author) = answers_to(result).and_then(mailbox) {
            headers.set(ReplyTo::from(message::Mailboxes::from(author)));
        }
        headers.set(Subject::from(subject(result)));
        let millis = u64::try_from(self.at.millis()).unwrap_or_default();
        headers.set(Date::new(UNIX_EPOCH + Duration::from_millis(millis)));
        let mut plain = |name: &'static str, value: String| {
            let name = HeaderName::new_from_ascii_str(name);
            headers.insert_raw(HeaderValue::new(name, value));
        };
        plain("Message-ID", format!("<{}>", self.message_id()));
        if let Some(original) = result.headers.message_id.as_deref().filter(|id| is_id(id)) {
            plain("References", format!("<{original}>"));
        }
        plain(BY_A_MACHINE.0, BY_A_MACHINE.1.to_owned());
        let mut through = hops(original);
        through.push(self.hop.to_owned());
        plain(HOPS, through.join(" "));
        plain(ACTION, self.action.to_string());
        Ok(headers)
    }
}

/// Whether these bytes are the forward of this action.
pub(crate) fn is_forward(raw: &[u8], action: &JobId) -> bool {
    let lines = with_line_feeds(raw);
    let (fields, _) = Fields::read(lines.trim_ascii_start());
    fields.text(ACTION).is_some_and(|named| named == action.as_str())
}

fn address(text: &str) -> Option<Address> {
    text.parse::<Address>().ok().filter(|_| text.is_ascii())
}

/// Whom an answer is meant for.
fn answers_to(result: &MessageResult) -> Option<&Written> {
    result.headers.reply_to.first().or(result.headers.from.as_ref())
}

fn mailbox(written: &Written) -> Option<Mailbox> {
    let address = address(written.address.as_deref()?)?;
    Some(Mailbox::new(written.name.as_deref().map(one_line), address))
}

fn subject(result: &MessageResult) -> String {
    let subject = one_line(result.headers.subject.as_deref().unwrap_or_default());
    let begins = |prefix: &str| {
        subject.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let prefix = if begins("fwd:") || begins("fw:") { "" } else { "Fwd: " };
    format!("{prefix}{subject}").chars().take(SUBJECT_CHARS).collect()
}

/// The text without what would end a line, or is not shown.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The value on one line: what folds it is taken out, and nothing else is changed, for blanks may stand within quotes.
fn unfolded(value: &str) -> String {
    let kept = value.chars().filter(|c| !matches!(c, '\r' | '\n'));
    kept.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What may stand between angle brackets as it is.
fn is_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && c != '<' && c != '>';
    id.len() <= 500 && id.contains('@') && id.chars().all(plain)
}

/// The original's body under its own fields of MIME. `None` where one of these cannot stand on a line.
fn inline(fields: &Fields<'_>, body: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(body.len() + 256);
    for name in MIME {
        let Some(value) = fields.text(name) else { continue };
        let line = format!("{name}: {}\r\n", unfolded(&value));
        if !line.is_ascii() || line.len() > LINE {
            return None;
        }
        written.extend(line.into_bytes());
    }
    written.extend(b"\r\n");
    written.extend(body);
    Some(written)
}

/// A part that says what is attached, and the original as it came.
fn attach(written: &mut Vec<u8>, raw: &[u8], result: &MessageResult) {
    let boundary = boundary(raw);
    let name = HeaderName::new_from_ascii_str("Content-Type");
    let kind = format!("multipart/mixed; boundary=\"{boundary}\"");
    let mut headers = Headers::new();
    headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(name, kind.clone(), kind));
    written.extend(headers.to_string().into_bytes());
    let note = note(result);
    let before = format!(
        "Content-Transfer-Encoding: 8bit\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{note}\
         \r\n--{boundary}\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"message.eml\"\
         \r\n\r\n"
    );
    written.extend(before.into_bytes());
    written.extend(raw);
    written.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
}

fn note(result: &MessageResult) -> String {
    let headers = &result.headers;
    let from = headers.from.as_ref().map(|from| {
        let address = from.address.as_deref().unwrap_or_default();
        from.name.as_deref().map_or(address.to_owned(), |name| format!("{name} <{address}>"))
    });
    let date = headers.date.map(|date| date.to_string());
    let lines = [("From", from), ("Date", date), ("Subject", headers.subject.clone())];
    let lines = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut note = "The attached message was forwarded by a rule.\r\n\r\n".to_owned();
    for (name, value) in lines {
        // Of up to four bytes each, on a line of at most 998.
        let value: String = one_line(&value).chars().take(NOTE_CHARS).collect();
        note.extend([name, ": ", &value, "\r\n"]);
    }
    note
}

/// A line that is not in the original: a function of it, so that the same message is written the same.
fn boundary(raw: &[u8]) -> String {
    let mut hash = digest(&SHA256, raw);
    loop {
        let boundary = format!("fanmail-{}", hex::encode(&hash.as_ref()[..16]));
        if memmem::find(raw, boundary.as_bytes()).is_none() {
            return boundary;
        }
        hash = digest(&SHA256, hash.as_ref());
    }
}

#[cfg(test)]
mod tests;
