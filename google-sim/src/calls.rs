//! Gmail's methods, on a mailbox that a token has opened.
//!
//! [`Google::admit`] is the one door: it looks at the token, the mailbox it names, the faults that are set, the scopes,
//! how much is going on at once and the quota, in this order. What comes out is a [`Call`], which can be made once the
//! latency has been waited out; while it lives it counts as in flight.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use shared::clock::Timestamp;

use crate::bodies::Body;
use crate::errors::ApiError;
use crate::faults::Outcome;
use crate::history::{HistoryPage, HistoryRequest, MessageRef, NamesLabels};
use crate::labels::{Label, LabelId, LabelSet};
use crate::mail;
use crate::mailbox::{Mailbox, State};
use crate::methods::{Method, Prices};
use crate::query::Query;
use crate::scopes::Scopes;
use crate::search::{ListRequest, MessagePage};
use crate::watch::{WatchRequest, Watching};
use crate::world::{Google, read_message_id};

/// A call that has been let in.
#[derive(Debug)]
pub struct Call {
    google: Google,
    mailbox: Arc<Mailbox>,
    scopes: Scopes,
}

/// A mailbox as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its address.
    pub email: String,
    /// Messages in it.
    pub messages: u32,
    /// Conversations in it.
    pub threads: u32,
    /// Where its history stands.
    pub history_id: u64,
}

/// A message, its bytes shared with every other mailbox that has it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The message by its ids, with its labels.
    pub at: MessageRef,
    /// When it last changed.
    pub history_id: u64,
    /// Gmail's `internalDate`.
    pub date: Timestamp,
    /// Its bytes.
    pub body: Arc<Body>,
}

/// How much of a message is wanted; the first two are open to `gmail.metadata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Ids, labels and dates.
    Minimal,
    /// And headers.
    Metadata,
    /// The tree of parts.
    Full,
    /// The bytes.
    Raw,
}

/// Where an inserted message's `internalDate` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateSource {
    /// The moment of the call.
    #[default]
    ReceivedTime,
    /// Its `Date` header.
    DateHeader,
}

impl Google {
    /// Lets a call in, or says why not. `user` is `me` or the address.
    pub fn admit(
        &self,
        token: Option<&str>,
        user: &str,
        method: Method,
    ) -> Outcome<Call, ApiError> {
        self.tally().call(method);
        let Some(access) = token.and_then(|token| self.access(token)) else {
            let verdict = Err(ApiError::unauthenticated());
            return Outcome { latency: std::time::Duration::ZERO, damage: None, verdict };
        };
        let struck = self.struck(Some(&access.mailbox.email), method);
        let refusal = struck.kind.and_then(|kind| kind.api_error(self.now()));
        let verdict = match refusal {
            Some(refusal) => Err(refusal),
            None => self.enter(access.mailbox, access.scopes, user, method),
        };
        let damage = struck.kind.and_then(crate::faults::FaultKind::damage);
        Outcome { latency: struck.latency, damage, verdict }
    }

    fn enter(
        &self,
        mailbox: Arc<Mailbox>,
        scopes: Scopes,
        user: &str,
        method: Method,
    ) -> Result<Call, ApiError> {
        if user != "me" && !user.eq_ignore_ascii_case(&mailbox.email) {
            return Err(ApiError::new(403, "forbidden", format!("Delegation denied for {user}")));
        }
        if !scopes.any(method.scopes()) {
            return Err(ApiError::scope_insufficient());
        }
        mailbox.in_flight.fetch_add(1, Ordering::AcqRel);
        // From here on the call counts as in flight, and its end takes it back.
        let call = Call { google: self.clone(), mailbox, scopes };
        call.pay(method)?;
        Ok(call)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.mailbox.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Call {
    /// `users.getProfile`
    pub fn profile(&self) -> Profile {
        let state = self.mailbox.state();
        Profile {
            email: self.mailbox.address(),
            messages: state.messages.len() - state.deleted,
            threads: state.conversations(),
            history_id: state.history_id(),
        }
    }

    /// `users.history.list`
    pub fn history(&self, request: &HistoryRequest) -> Result<HistoryPage, ApiError> {
        let request = HistoryRequest { max: self.page(request.max), ..request.clone() };
        let mut page = self.mailbox.state().history(&request)?;
        if self.google.config().history_labels == NamesLabels::Sometimes {
            for record in &mut page.records {
                record.labels = record.labels.filter(|_| self.google.chance().below(2) == 0);
            }
        }
        Ok(page)
    }

    /// `users.messages.list`
    pub fn list(&self, request: &ListRequest) -> Result<MessagePage, ApiError> {
        let text = request.q.as_deref().unwrap_or_default();
        if !text.is_empty() && !self.reads_bodies() {
            let no_q = "Metadata scope does not support 'q' parameter";
            return Err(ApiError::new(403, "forbidden", no_q));
        }
        let query = Query::parse(text, self.google.now());
        let query = query.map_err(|error| ApiError::invalid(error.to_string()))?;
        let request = ListRequest { max: self.page(request.max), ..request.clone() };
        self.mailbox.state().list(&request, &query, &|place| self.google.body(place))
    }

    fn page(&self, asked: usize) -> usize {
        asked.min(self.google.config().largest_page)
    }

    /// `users.messages.get`
    pub fn message(&self, id: &str, detail: Detail) -> Result<Message, ApiError> {
        if matches!(detail, Detail::Full | Detail::Raw) && !self.reads_bodies() {
            let format = if detail == Detail::Full { "FULL" } else { "RAW" };
            let no_body = format!("Metadata scope doesn't allow format {format}");
            return Err(ApiError::new(403, "forbidden", no_body));
        }
        let id = read_message_id(id)?;
        let state = self.mailbox.state();
        let place = state.find(id)?;
        Ok(self.show(&state, place))
    }

    /// `users.messages.modify`
    pub fn modify(
        &self,
        id: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<MessageRef, ApiError> {
        let id = read_message_id(id)?;
        let mut state = self.mailbox.state();
        let place = state.find(id)?;
        let add = changeable(&state, add)?;
        let remove = changeable(&state, remove)?;
        state.relabel(place, add, remove, self.google.now(), self.google.chance());
        Ok(state.reference(place))
    }

    /// `users.messages.send`: to whoever of the addressees has a mailbox here, and into the sender's own.
    pub fn send(&self, raw: &Bytes, thread: Option<&str>) -> Result<MessageRef, ApiError> {
        let recipients = mail::recipients(raw);
        if recipients.is_empty() {
            return Err(ApiError::invalid("Recipient address required"));
        }
        let raw = &if self.google.config().renames_sent_mail {
            mail::renamed(raw, self.google.chance())
        } else {
            raw.clone()
        };
        let mut labels = LabelSet::from_iter([LabelId::SENT]);
        for recipient in recipients {
            if recipient == *self.mailbox.email {
                labels = labels.with(LabelSet::NEW_MAIL);
            } else if self.google.mailbox(&recipient).is_ok() {
                self.google.deliver(&recipient, raw.clone())?;
            }
        }
        self.append(raw, labels, self.google.now(), thread)
    }

    /// `users.messages.insert`: straight into the mailbox, past every filter.
    pub fn insert(
        &self,
        raw: &Bytes,
        labels: &[String],
        source: DateSource,
        thread: Option<&str>,
    ) -> Result<MessageRef, ApiError> {
        let labels = {
            let state = self.mailbox.state();
            labels.iter().map(|id| state.labels.known(id)).collect::<Result<_, _>>()?
        };
        let date = match source {
            DateSource::ReceivedTime => None,
            DateSource::DateHeader => mail::date(raw).map(Timestamp::from_millis),
        };
        self.append(raw, labels, date.unwrap_or_else(|| self.google.now()), thread)
    }

    /// `users.labels.list`
    pub fn labels(&self) -> Vec<Label> {
        self.mailbox.state().labels.all()
    }

    /// `users.labels.create`
    pub fn create_label(
        &self,
        name: &str,
        in_messages: Option<String>,
        in_labels: Option<String>,
    ) -> Result<Label, ApiError> {
        self.mailbox.state().labels.create(name, in_messages, in_labels)
    }

    /// `users.watch`
    pub fn watch(&self, request: &WatchRequest) -> Result<Watching, ApiError> {
        self.mailbox.state().watch(request, self.google.now())
    }

    /// `users.stop`
    pub fn stop(&self) {
        self.mailbox.state().watch = None;
    }

    /// The mailbox that is open.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    fn append(
        &self,
        raw: &Bytes,
        labels: LabelSet,
        date: Timestamp,
        thread: Option<&str>,
    ) -> Result<MessageRef, ApiError> {
        let body = self.google.keep(raw);
        let mut state = self.mailbox.state();
        let near = thread.map(|id| state.find(read_message_id(id)?)).transpose()?;
        let place =
            state.append((self.google.now(), date), body, labels, near, self.google.chance());
        self.google.tally().message();
        Ok(state.reference(place))
    }

    fn show(&self, state: &State, place: u32) -> Message {
        let messages = &state.messages;
        Message {
            at: state.reference(place),
            history_id: state.base + u64::from(messages.changed(place)),
            date: Timestamp::from_millis(messages.date(place)),
            body: self.google.body(messages.body(place)),
        }
    }

    /// Spends what the method costs, if the mailbox and the project have it.
    fn pay(&self, method: Method) -> Result<(), ApiError> {
        let Some(quota) = self.google.config().quota else {
            // Nothing is refused, but what it would have cost is still worth knowing.
            self.google.tally().spent(method.units(Prices::May2026));
            return Ok(());
        };
        if self.mailbox.in_flight.load(Ordering::Acquire) > quota.concurrent {
            return Err(ApiError::too_many_concurrent());
        }
        let (now, units) = (self.google.now(), method.units(quota.prices));
        let mut state = self.mailbox.state();
        let mut project = self.google.project();
        state.window.room(now, units, quota.user_per_minute).map_err(ApiError::rate_limited)?;
        project.room(now, units, quota.project_per_minute).map_err(|_| {
            ApiError::usage(403, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'.")
        })?;
        state.window.spend(now, units);
        project.spend(now, units);
        self.google.tally().spent(units);
        Ok(())
    }

    /// Whether the token opens more than `gmail.metadata` does.
    fn reads_bodies(&self) -> bool {
        self.scopes.any(Method::AttachmentsGet.scopes())
    }
}

/// The labels of these ids, all of which a person may put on and take off.
fn changeable(state: &State, ids: &[String]) -> Result<LabelSet, ApiError> {
    let known = |id: &String| {
        let label = state.labels.known(id)?;
        let invalid = || ApiError::invalid(format!("Invalid label: {id}"));
        (!label.is_fixed()).then_some(label).ok_or_else(invalid)
    };
    ids.iter().map(known).collect()
}
