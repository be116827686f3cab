//! Gmail's four methods over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::body::{self, Body, JSON_LIMIT, SMALL_LIMIT, Unread};
use super::{Address, HttpClient, errors};
use crate::google::{
    Gmail, GmailError, HistoryPage, ListPage, PageToken, Profile, RawMessage, Search, json,
};
use crate::ids::{HistoryId, MessageId};
use crate::secret::AccessToken;

/// The largest page Gmail gives; a page costs the same whatever its size.
const PAGE: &str = "500";

/// Gmail over HTTP. It holds no secret: the access token comes with each call.
#[derive(Debug, Clone)]
pub struct HttpGmail {
    client: HttpClient,
    mailbox: Address,
    /// The turn of the one large answer that is read at a time.
    large: Arc<Semaphore>,
}

impl HttpGmail {
    /// Gmail at `base` (without `/gmail/v1`).
    pub fn new(client: HttpClient, base: &Address) -> Self {
        Self {
            client,
            mailbox: base.below(&["gmail", "v1", "users", "me"]),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// Asks for something of the mailbox; what comes back has status 200. Each `query` names the `fields` it reads: the
    /// price is the same, but Gmail need not send what would be thrown away.
    async fn ask(
        &self,
        token: &AccessToken,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response, GmailError> {
        let request = self.client.pool.get(self.mailbox.below(path).url()).query(query);
        let request = request.header(AUTHORIZATION, authorization(token)?);
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|cause| GmailError::Unreachable { cause })?;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(self.refusal(answer).await) }
    }

    async fn read_json(&self, answer: Response) -> Result<Body<'_>, GmailError> {
        let read = body::read_in_turn(answer, JSON_LIMIT, &self.large).await;
        read.map_err(|unread| match unread {
            Unread::Cut(cause) => GmailError::Unreachable { cause },
            Unread::TooLong => {
                GmailError::Malformed { cause: format!("more than {JSON_LIMIT} bytes") }
            }
        })
    }

    /// An error body that is cut off says too little to judge by; one that is too long never was Gmail's.
    async fn refusal(&self, answer: Response) -> GmailError {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let now = self.client.clock.now();
        match body::read(answer, SMALL_LIMIT).await {
            Ok(body) => errors::gmail(status, &headers, &body, now),
            Err(Unread::TooLong) => errors::gmail(status, &headers, b"", now),
            Err(Unread::Cut(cause)) => GmailError::Unreachable { cause },
        }
    }
}

#[async_trait]
impl Gmail for HttpGmail {
    async fn profile(&self, token: &AccessToken) -> Result<Profile, GmailError> {
        let query = [("fields", "emailAddress,historyId")];
        let answer = self.ask(token, &["profile"], &query).await?;
        Ok(json::profile(&self.read_json(answer).await?.bytes)?)
    }

    async fn history(
        &self,
        token: &AccessToken,
        since: HistoryId,
        page: Option<&PageToken>,
    ) -> Result<HistoryPage, GmailError> {
        let since = since.to_string();
        // No `labelId`: filtering on INBOX would lose mail that the person's own filter archives at once.
        let mut query = vec![
            ("startHistoryId", since.as_str()),
            ("historyTypes", "messageAdded"),
            ("maxResults", PAGE),
            ("fields", "historyId,nextPageToken,history/messagesAdded/message(id,labelIds)"),
        ];
        query.extend(page.map(|PageToken(text)| ("pageToken", text.as_str())));
        let answer = self.ask(token, &["history"], &query).await?;
        Ok(json::history_page(&self.read_json(answer).await?.bytes)?)
    }

    async fn list(
        &self,
        token: &AccessToken,
        search: &Search,
        page: Option<&PageToken>,
    ) -> Result<ListPage, GmailError> {
        let mut query = vec![("maxResults", PAGE), ("fields", "messages/id,nextPageToken")];
        query.extend(search.query.as_deref().map(|text| ("q", text)));
        if search.include_spam_trash {
            query.push(("includeSpamTrash", "true"));
        }
        query.extend(page.map(|PageToken(text)| ("pageToken", text.as_str())));
        let answer = self.ask(token, &["messages"], &query).await?;
        Ok(json::list_page(&self.read_json(answer).await?.bytes)?)
    }

    async fn message(
        &self,
        token: &AccessToken,
        id: &MessageId,
        limit: usize,
    ) -> Result<RawMessage, GmailError> {
        let query = [("format", "raw"), ("fields", "id,threadId,labelIds,internalDate,raw")];
        let answer = self.ask(token, &["messages", id.as_str()], &query).await?;
        let body = match body::read_in_turn(answer, body::message_limit(limit), &self.large).await {
            Ok(body) => body,
            Err(Unread::TooLong) => return Err(GmailError::TooLarge { limit }),
            Err(Unread::Cut(cause)) => return Err(GmailError::Unreachable { cause }),
        };
        let message = json::message(&body.bytes, limit)?.ok_or(GmailError::TooLarge { limit })?;
        // Mail under another's name would be kept as its result for good.
        if message.id == *id {
            Ok(message)
        } else {
            Err(GmailError::Malformed { cause: "id is another message's".to_owned() })
        }
    }
}

/// The header that opens the mailbox; marked, so that no layer below prints it.
fn authorization(token: &AccessToken) -> Result<HeaderValue, GmailError> {
    let text = Zeroizing::new(format!("Bearer {}", token.bearer()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| GmailError::BadRequest { reason: "token unfit for a header".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
