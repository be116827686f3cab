//! Page tokens: where a listing goes on.
//!
//! They are opaque to a reader and say what the server needs, so that it keeps nothing between two pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::errors::ApiError;

/// A place in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// After this history id.
    History(u64),
    /// After the message of this date and id, newest first.
    Messages { date: i64, id: u64 },
}

impl Cursor {
    /// The token that a reader gives back.
    pub(crate) fn token(self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Self::History(id) => format!("h:{id}"),
            Self::Messages { date, id } => format!("m:{date}:{id}"),
        })
    }

    /// The history id of a token of `history.list`.
    pub(crate) fn history(token: &str) -> Result<u64, ApiError> {
        match Self::read(token) {
            Some(Self::History(id)) => Ok(id),
            Some(Self::Messages { .. }) | None => Err(ApiError::invalid("Invalid pageToken")),
        }
    }

    /// Date and id of a token of `messages.list`.
    pub(crate) fn messages(token: &str) -> Result<(i64, u64), ApiError> {
        match Self::read(token) {
            Some(Self::Messages { date, id }) => Ok((date, id)),
            Some(Self::History(_)) | None => Err(ApiError::invalid("Invalid pageToken")),
        }
    }

    fn read(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "h" => rest.parse().ok().map(Self::History),
            "m" => {
                let (date, id) = rest.split_once(':')?;
                Some(Self::Messages { date: date.parse().ok()?, id: id.parse().ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_only_where_it_belongs() {
        let token = Cursor::Messages { date: -5, id: 7 }.token();
        assert_eq!(Cursor::messages(&token), Ok((-5, 7)));
        assert_eq!(Cursor::history(&token).unwrap_err().code, 400);
        assert_eq!(Cursor::history(&Cursor::History(9).token()), Ok(9));
        assert!(Cursor::messages("not a token").is_err());
    }
}
