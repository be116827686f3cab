//! Gmail's methods over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::body::{self, Body, JSON_LIMIT, SMALL_LIMIT, Unread};
use super::{Address, HttpClient, errors};
use crate::google::{
    Gmail, GmailChanges, GmailError, GmailLabel, HistoryPage, ListPage, PageToken, Profile,
    RawMessage, Search, json,
};
use crate::ids::{HistoryId, MessageId};
use crate::secret::AccessToken;

/// The largest page Gmail gives; a page costs the same whatever its size.
const PAGE: &str = "500";

const JSON: &str = "application/json";

/// Gmail over HTTP. It holds no secret: the access token comes with each call.
#[derive(Debug, Clone)]
pub struct HttpGmail {
    client: HttpClient,
    mailbox: Address,
    /// Where whole messages are handed over.
    uploads: Address,
    /// The turn of the one large answer that is read at a time.
    large: Arc<Semaphore>,
}

impl HttpGmail {
    /// Gmail at `base` (without `/gmail/v1`).
    pub fn new(client: HttpClient, base: &Address) -> Self {
        Self {
            client,
            mailbox: base.below(&["gmail", "v1", "users", "me"]),
            uploads: base.below(&["upload", "gmail", "v1", "users", "me"]),
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
        self.answer(token, self.client.pool.get(self.mailbox.below(path).url()).query(query)).await
    }

    /// Hands something over; what comes back has status 200.
    async fn tell(
        &self,
        token: &AccessToken,
        path: &[&str],
        fields: &str,
        body: &impl Serialize,
    ) -> Result<Response, GmailError> {
        let request = self.client.pool.post(self.mailbox.below(path).url());
        // Of ids, names and lists: it cannot fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let request = request.query(&[("fields", fields)]).header(CONTENT_TYPE, JSON).body(body);
        self.answer(token, request).await
    }

    async fn answer(
        &self,
        token: &AccessToken,
        request: RequestBuilder,
    ) -> Result<Response, GmailError> {
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

#[async_trait]
impl GmailChanges for HttpGmail {
    async fn labels(&self, token: &AccessToken) -> Result<Vec<GmailLabel>, GmailError> {
        let answer = self.ask(token, &["labels"], &[("fields", "labels(id,name)")]).await?;
        Ok(json::labels(&self.read_json(answer).await?.bytes)?)
    }

    async fn create_label(
        &self,
        token: &AccessToken,
        name: &str,
    ) -> Result<GmailLabel, GmailError> {
        let label = json!({ "name": name });
        let answer = self.tell(token, &["labels"], "id,name", &label).await?;
        Ok(json::label(&self.read_json(answer).await?.bytes)?)
    }

    async fn modify(
        &self,
        token: &AccessToken,
        message: &MessageId,
        add: &[&str],
        remove: &[&str],
    ) -> Result<(), GmailError> {
        let change = json!({ "addLabelIds": add, "removeLabelIds": remove });
        let path = ["messages", message.as_str(), "modify"];
        let answer = self.tell(token, &path, "id", &change).await?;
        json::sent(&self.read_json(answer).await?.bytes)?;
        Ok(())
    }

    async fn send(&self, token: &AccessToken, raw: Vec<u8>) -> Result<MessageId, GmailError> {
        let request = self.client.pool.post(self.uploads.below(&["messages", "send"]).url());
        let request = request.query(&[("uploadType", "media"), ("fields", "id")]);
        let request = request.header(CONTENT_TYPE, "message/rfc822").body(raw);
        let answer = self.answer(token, request).await?;
        Ok(json::sent(&self.read_json(answer).await?.bytes)?)
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
