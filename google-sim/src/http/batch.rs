//! Up to a hundred calls in one request.
//!
//! Each is let in, priced and refused by itself; the outer answer is 200 whatever becomes of them. An answer is found
//! by its `Content-ID`, which is the question's with `response-` in front.

use bytes::Bytes;

use super::answer::{Answer, Served};
use super::multipart::{self, Part};
use super::{Request, gmail};
use crate::errors::ApiError;
use crate::faults::Damage;
use crate::world::Google;

/// Calls in one batch (<https://developers.google.com/gmail/api/guides/batch>).
const MAX_PARTS: usize = 100;

const BOUNDARY: &str = "batch_google_sim";

/// Answers every part, in order.
pub(super) async fn answer(google: &Google, request: &Request) -> Served {
    let parts = multipart::parts(&request.content_type, &request.body).unwrap_or_default();
    if parts.is_empty() || parts.len() > MAX_PARTS {
        let text = format!("A batch has 1 to {MAX_PARTS} calls.");
        return Served::whole(Answer::refusal(&ApiError::invalid(text)));
    }
    let mut body = Vec::new();
    let mut dropped = None;
    for part in &parts {
        let served = match inner(request, part) {
            Some(inner) => gmail::answer(google, &inner).await,
            None => Served::whole(Answer::refusal(&ApiError::invalid("Failed to parse the part"))),
        };
        dropped = dropped.or(served.damage.filter(|damage| *damage == Damage::Dropped));
        write_part(&mut body, part.header("content-id"), &served.answer.spoilt(served.damage));
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let mut answer = Answer::json(200, body);
    let content_type = format!("multipart/mixed; boundary={BOUNDARY}");
    answer.header(axum::http::header::CONTENT_TYPE, &content_type);
    Served { damage: dropped, ..Served::whole(answer) }
}

/// The request inside a part. It may carry its own token, and has the outer one's otherwise.
fn inner(outer: &Request, part: &Part) -> Option<Request> {
    let end = part.content.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(&part.content[..end]).into_owned();
    let mut words = line.split_ascii_whitespace();
    let (verb, target) = (words.next()?.to_owned(), words.next()?);
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let rest = multipart::part(&part.content.slice(end + 1..));
    let own = |name| rest.header(name).map(str::to_owned);
    Some(Request {
        verb,
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: own("authorization").or_else(|| outer.authorization.clone()),
        content_type: own("content-type").unwrap_or_default(),
        host: outer.host.clone(),
        body: without_break(&rest.content),
    })
}

fn write_part(body: &mut Vec<u8>, id: Option<&str>, answer: &Answer) {
    let mut head = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
    if let Some(id) = id {
        let id = id.trim_start_matches('<').trim_end_matches('>');
        write_line(&mut head, &format!("Content-ID: <response-{id}>"));
    }
    write_line(&mut head, "");
    write_line(&mut head, &format!("HTTP/1.1 {} {}", answer.code, reason(answer.code)));
    write_line(&mut head, &format!("Content-Type: {}", super::answer::JSON));
    write_line(&mut head, &format!("Content-Length: {}\r\n", answer.body.len()));
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&answer.body);
    body.extend_from_slice(b"\r\n");
}

fn write_line(to: &mut String, line: &str) {
    to.push_str(line);
    to.push_str("\r\n");
}

fn reason(code: u16) -> &'static str {
    axum::http::StatusCode::from_u16(code)
        .ok()
        .and_then(|code| code.canonical_reason())
        .unwrap_or("")
}

fn without_break(body: &Bytes) -> Bytes {
    let length = body.trim_ascii_end().len();
    body.slice(..length)
}
