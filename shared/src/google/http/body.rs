//! Reading an answer's body, never more of it than a limit.

use reqwest::Response;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::cause;

/// A page of ids is far below this; what is longer is not an answer of Google's.
pub(super) const JSON_LIMIT: usize = 16 << 20;

/// Tokens, keys and error bodies are a few kilobytes.
pub(super) const SMALL_LIMIT: usize = 256 << 10;

/// What a raw message's JSON holds beside the message: ids, labels, white space.
const AROUND_MESSAGE: usize = 64 << 10;

/// Longer bodies are read one at a time. Almost every message is far below this.
const LARGE: usize = 4 << 20;

/// Room that is made before the first byte: most answers fit, and a buffer that never grows leaves no copy behind.
const FIRST_ROOM: usize = 32 << 10;

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The connection failed or fell silent: what happened.
    Cut(String),
    /// There is more than the limit.
    TooLong,
}

/// How long the JSON around a message of `limit` bytes may be: base64 makes four characters of three bytes.
pub(super) fn message_limit(limit: usize) -> usize {
    limit.div_ceil(3).saturating_mul(4).saturating_add(AROUND_MESSAGE)
}

/// A body, and as long as it is held the turn that a large one takes.
pub(super) struct Body<'a> {
    pub(super) bytes: Vec<u8>,
    _turn: Option<SemaphorePermit<'a>>,
}

/// Reads the body, and stops as soon as it is longer than `limit`, before the excess is kept.
pub(super) async fn read(answer: Response, limit: usize) -> Result<Vec<u8>, Unread> {
    // A turn of its own: what is read so is small enough.
    let turns = Semaphore::new(1);
    read_in_turn(answer, limit, &turns).await.map(|body| body.bytes)
}

/// The same, but a large body waits for its turn: dozens of answers may be on their way at once, and one limit of memory
/// is enough.
pub(super) async fn read_in_turn(
    mut answer: Response,
    limit: usize,
    turns: &Semaphore,
) -> Result<Body<'_>, Unread> {
    let announced =
        answer.content_length().map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
    if announced > limit {
        return Err(Unread::TooLong);
    }
    let mut turn = if announced > LARGE { turns.acquire().await.ok() } else { None };
    let mut bytes = Vec::with_capacity(announced.max(FIRST_ROOM).min(limit));
    while let Some(chunk) = answer.chunk().await.map_err(|err| Unread::Cut(cause(&err)))? {
        if chunk.len() > limit - bytes.len() {
            return Err(Unread::TooLong);
        }
        if turn.is_none() && bytes.len() + chunk.len() > LARGE {
            turn = turns.acquire().await.ok();
            // All the room that it may need, at once: memory is taken only as it is filled, while a buffer that doubles
            // is copied each time, and held twice. Where so much is refused, doubling it is.
            let _ = bytes.try_reserve_exact(limit - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, _turn: turn })
}
