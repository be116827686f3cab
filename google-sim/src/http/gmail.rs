//! Gmail's paths: which method a request means, what it asks, and the answer.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{Answer, Served};
use super::fields::Fields;
use super::multipart;
use super::params::{Params, bad_value};
use super::wire::{self, Modify, NewLabel, NewMessage, NewWatch};
use super::{Request, render};
use crate::calls::{Call, DateSource, Detail};
use crate::errors::ApiError;
use crate::faults::Outcome;
use crate::history::{HistoryRequest, HistoryType};
use crate::methods::Method;
use crate::search::ListRequest;
use crate::watch::WatchRequest;
use crate::world::Google;

/// A request as Gmail's API means it.
struct Asked<'r> {
    method: Method,
    user: Cow<'r, str>,
    /// The message, where the path names one.
    id: Cow<'r, str>,
    /// The attachment, where the path names one.
    attachment: Cow<'r, str>,
    is_upload: bool,
    params: Params,
    /// What the client wants of the answer.
    fields: Fields,
    request: &'r Request,
}

/// Answers a request, its latency waited out.
pub(super) async fn answer(google: &Google, request: &Request) -> Served {
    let asked = match Asked::read(request) {
        Ok(asked) => asked,
        Err(refusal) => return Served::whole(Answer::refusal(&refusal)),
    };
    let token = request.token(&asked.params);
    let outcome = google.admit(token.as_deref(), &asked.user, asked.method);
    let Outcome { latency, damage, verdict } = outcome;
    let mut served = Served { answer: Answer::json(200, Bytes::new()), damage, latency };
    served.wait(google).await;
    // The call ends with this block, and with it its place among those in flight.
    served.answer = match verdict.and_then(|call| asked.make(google, &call)) {
        Ok(body) if asked.method == Method::Stop => Answer::json(204, body),
        Ok(body) => Answer::json(200, body),
        Err(refusal) => Answer::refusal(&refusal),
    };
    served
}

impl<'r> Asked<'r> {
    fn read(request: &'r Request) -> Result<Self, ApiError> {
        let path = request.path.trim_matches('/');
        let uploaded = path.strip_prefix("upload/");
        let segments: Vec<&str> = uploaded.unwrap_or(path).split('/').collect();
        let none = || ApiError::new(404, "notFound", "Not Found");
        let [_gmail, "v1", "users", user, rest @ ..] = segments.as_slice() else {
            return Err(none());
        };
        let (method, id, attachment) = method(&request.verb, rest).ok_or_else(none)?;
        let params = Params::read(request.query.as_bytes()).only(parameters(method))?;
        let fields = params.get("fields").map_or(Ok(Fields::default()), Fields::parse)?;
        let text = |segment: &'r str| percent_decode_str(segment).decode_utf8_lossy();
        Ok(Self {
            method,
            user: text(user),
            id: text(id),
            attachment: text(attachment),
            is_upload: uploaded.is_some(),
            params,
            fields,
            request,
        })
    }

    fn make(&self, google: &Google, call: &Call) -> Result<Vec<u8>, ApiError> {
        match self.method {
            Method::GetProfile => self.written(&wire::profile(call.profile())),
            Method::HistoryList => self.written(&wire::history(call.history(&self.history()?)?)),
            Method::MessagesList => self.written(&wire::messages(call.list(&self.list()?)?)),
            Method::MessagesGet => self.get(google, call),
            Method::AttachmentsGet => {
                let message = call.message(&self.id, Detail::Full)?;
                self.written(&render::attachment(&message, &self.attachment)?)
            }
            Method::MessagesModify => {
                let body: Modify = self.body()?;
                let changed = call.modify(&self.id, &body.add_label_ids, &body.remove_label_ids)?;
                self.written(&wire::labelled(&changed))
            }
            Method::MessagesSend => {
                let (raw, body) = self.new_message()?;
                self.written(&wire::labelled(&call.send(&raw, body.thread_id.as_deref())?))
            }
            Method::MessagesInsert => self.insert(call),
            Method::LabelsList => self.written(&wire::labels(call.labels())),
            Method::LabelsCreate => {
                let body: NewLabel = self.body()?;
                let (shown, listed) = (body.message_list_visibility, body.label_list_visibility);
                self.written(&wire::label(call.create_label(&body.name, shown, listed)?))
            }
            Method::Watch => self.written(&wire::watching(call.watch(&self.watch()?)?)),
            Method::Stop => {
                call.stop();
                Ok(Vec::new())
            }
            Method::Authorize
            | Method::Token
            | Method::Revoke
            | Method::Certs
            | Method::Userinfo
            | Method::OpenIdConfiguration
            | Method::RiscConfiguration => Err(ApiError::not_found()),
        }
    }

    fn get(&self, google: &Google, call: &Call) -> Result<Vec<u8>, ApiError> {
        let format = self.params.get("format").unwrap_or("full").to_ascii_lowercase();
        let message = |detail| call.message(&self.id, detail);
        match format.as_str() {
            "raw" => Ok(render::raw(&message(Detail::Raw)?, &self.fields)),
            "minimal" => self.written(&render::minimal(&message(Detail::Minimal)?)),
            "full" => {
                let message = message(Detail::Full)?;
                self.written(&render::full(&message, google.chance()))
            }
            "metadata" => {
                let wanted = self.params.all("metadataHeaders");
                self.written(&render::metadata(&message(Detail::Metadata)?, &wanted))
            }
            other => Err(bad_value("format", "type.googleapis.com/google.gmail.v1.Format", other)),
        }
    }

    fn insert(&self, call: &Call) -> Result<Vec<u8>, ApiError> {
        self.params.parsed::<bool>("deleted", "TYPE_BOOL")?;
        let source = match self.params.get("internalDateSource") {
            None | Some("receivedTime") => DateSource::ReceivedTime,
            Some("dateHeader") => DateSource::DateHeader,
            Some(other) => return Err(bad_value("internalDateSource", "enum", other)),
        };
        let (raw, body) = self.new_message()?;
        let inserted = call.insert(&raw, &body.label_ids, source, body.thread_id.as_deref())?;
        self.written(&wire::labelled(&inserted))
    }

    fn history(&self) -> Result<HistoryRequest, ApiError> {
        let start = self.params.parsed("startHistoryId", "TYPE_UINT64")?;
        let types = self.params.all("historyTypes");
        Ok(HistoryRequest {
            start: start.ok_or_else(|| ApiError::invalid("Missing startHistoryId"))?,
            types: types.iter().map(|name| history_type(name)).collect::<Result<_, _>>()?,
            label: self.params.get("labelId").map(str::to_owned),
            max: self.params.page_size()?,
            page: self.page(),
        })
    }

    fn list(&self) -> Result<ListRequest, ApiError> {
        let hidden = self.params.parsed("includeSpamTrash", "TYPE_BOOL")?;
        Ok(ListRequest {
            q: self.params.get("q").map(str::to_owned),
            labels: self.params.all("labelIds"),
            include_spam_trash: hidden.unwrap_or(false),
            max: self.params.page_size()?,
            page: self.page(),
        })
    }

    fn watch(&self) -> Result<WatchRequest, ApiError> {
        let body: NewWatch = self.body()?;
        let behaviour = body.label_filter_behavior.or(body.label_filter_action);
        let exclude = behaviour.is_some_and(|word| word.eq_ignore_ascii_case("exclude"));
        Ok(WatchRequest { topic: body.topic_name, labels: body.label_ids, exclude })
    }

    fn page(&self) -> Option<String> {
        self.params.get("pageToken").filter(|token| !token.is_empty()).map(str::to_owned)
    }

    /// The message of `send` and `insert`: base64url in JSON, or as it is in an upload.
    fn new_message(&self) -> Result<(Bytes, NewMessage), ApiError> {
        let no_message = || {
            ApiError::invalid(
                "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
            )
        };
        if !self.is_upload {
            let mut body: NewMessage = self.body()?;
            let raw = body.raw.take().ok_or_else(no_message)?;
            return Ok((render::decode(&raw)?, body));
        }
        let Some(parts) = multipart::parts(&self.request.content_type, &self.request.body) else {
            return Ok((self.request.body.clone(), NewMessage::default()));
        };
        match parts.as_slice() {
            [about, message] => Ok((message.content.clone(), json(&about.content)?)),
            _ => Err(no_message()),
        }
    }

    /// An answer as JSON, as much of it as is wanted.
    fn written(&self, answer: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        let broken = |_| ApiError::new(500, "backendError", "Backend Error");
        if self.params.get("fields").is_none() {
            return serde_json::to_vec(answer).map_err(broken);
        }
        let whole = serde_json::to_value(answer).map_err(broken)?;
        serde_json::to_vec(&self.fields.prune(whole)).map_err(broken)
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json(&self.request.body)
    }
}

/// The method of a verb and the path after the user, with the ids in it.
fn method<'p>(verb: &str, path: &[&'p str]) -> Option<(Method, &'p str, &'p str)> {
    Some(match (verb, path) {
        ("GET", ["profile"]) => (Method::GetProfile, "", ""),
        ("GET", ["history"]) => (Method::HistoryList, "", ""),
        ("GET", ["messages"]) => (Method::MessagesList, "", ""),
        ("POST", ["messages"]) => (Method::MessagesInsert, "", ""),
        ("POST", ["messages", "send"]) => (Method::MessagesSend, "", ""),
        ("GET", ["messages", id]) => (Method::MessagesGet, id, ""),
        ("POST", ["messages", id, "modify"]) => (Method::MessagesModify, id, ""),
        ("GET", ["messages", id, "attachments", attachment]) => {
            (Method::AttachmentsGet, id, attachment)
        }
        ("GET", ["labels"]) => (Method::LabelsList, "", ""),
        ("POST", ["labels"]) => (Method::LabelsCreate, "", ""),
        ("POST", ["watch"]) => (Method::Watch, "", ""),
        ("POST", ["stop"]) => (Method::Stop, "", ""),
        _ => return None,
    })
}

/// The query parameters that are a method's own.
fn parameters(method: Method) -> &'static [&'static str] {
    match method {
        Method::HistoryList => {
            &["startHistoryId", "historyTypes", "labelId", "maxResults", "pageToken"]
        }
        Method::MessagesList => &["q", "labelIds", "includeSpamTrash", "maxResults", "pageToken"],
        Method::MessagesGet => &["format", "metadataHeaders"],
        Method::MessagesInsert => &["deleted", "internalDateSource"],
        Method::GetProfile
        | Method::AttachmentsGet
        | Method::MessagesModify
        | Method::MessagesSend
        | Method::LabelsList
        | Method::LabelsCreate
        | Method::Watch
        | Method::Stop
        | Method::Authorize
        | Method::Token
        | Method::Revoke
        | Method::Certs
        | Method::Userinfo
        | Method::OpenIdConfiguration
        | Method::RiscConfiguration => &[],
    }
}

/// Singular, whatever the answer's lists are called: the plural is refused, as by Google.
fn history_type(name: &str) -> Result<HistoryType, ApiError> {
    match name {
        "messageAdded" => Ok(HistoryType::MessageAdded),
        "messageDeleted" => Ok(HistoryType::MessageDeleted),
        "labelAdded" => Ok(HistoryType::LabelAdded),
        "labelRemoved" => Ok(HistoryType::LabelRemoved),
        other => Err(bad_value("historyTypes", "enum", other)),
    }
}

/// Reads a body; one that is missing has nothing in it.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))
}
