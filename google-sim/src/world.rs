//! The world itself: who has a mailbox, and what a test or an operator does to it.
//!
//! What is here is not Google's API: it is the hand that delivers mail, forgets history, ends grants and sets faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{HistoryId, MessageId};

use crate::bodies::{Bodies, Body};
use crate::counters::{Counters, Counts};
use crate::domains::Domains;
use crate::errors::ApiError;
use crate::faults::{Fault, Faults, Struck};
use crate::grants::{Access, Cause, Grants, Publishing};
use crate::history::NamesLabels;
use crate::idtoken::SigningKeys;
use crate::labels::{Label, LabelId, LabelSet};
use crate::mailbox::Mailbox;
use crate::methods::{Method, Prices};
use crate::quota::{Quota, Window};
use crate::scopes::Scopes;
use crate::watch::Announcement;

/// What a world is made with.
#[derive(Debug, Clone)]
pub struct GoogleConfig {
    /// Its time.
    pub clock: Clock,
    /// Its chance: ids, tokens, faults.
    pub chance: Chance,
    /// The one OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where consent may lead back to; empty is anywhere that Google would register: https, or http on loopback.
    pub redirect_uris: Vec<String>,
    /// What may be spent; `None` is without limit, and counted at present prices.
    pub quota: Option<Quota>,
    /// Whether the application is published.
    pub publishing: Publishing,
    /// Whether history names labels.
    pub history_labels: NamesLabels,
    /// The most entries of a page, however many were asked for: Gmail promises no full pages.
    pub largest_page: usize,
    /// Who ID tokens say they are from; `None` is the address the simulator was asked at.
    pub issuer: Option<String>,
    /// Whether what is sent by the API gets a Message-ID of Google's, as people have seen
    /// (<https://github.com/gauteh/lieer/issues/198>).
    pub renames_sent_mail: bool,
}

impl GoogleConfig {
    /// A published application `fanmail` with the secret `secret`, and Google's present quota.
    pub fn new(clock: Clock, chance: Chance) -> Self {
        Self {
            clock,
            chance,
            client_id: "fanmail".to_owned(),
            client_secret: "secret".to_owned(),
            redirect_uris: Vec::new(),
            quota: Some(Quota::google(Prices::May2026)),
            publishing: Publishing::Production,
            history_labels: NamesLabels::Always,
            largest_page: 500,
            issuer: None,
            renames_sent_mail: false,
        }
    }
}

/// How a message comes in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivery<'a> {
    /// Labels by id; `None` is `INBOX` and `UNREAD`.
    pub labels: Option<&'a [&'a str]>,
    /// Its `internalDate`; `None` is now.
    pub date: Option<Timestamp>,
}

/// A simulated Google. Clones are handles to the same world.
#[derive(Debug, Clone)]
pub struct Google(Arc<World>);

#[derive(Debug)]
struct World {
    config: GoogleConfig,
    mailboxes: RwLock<Directory>,
    bodies: RwLock<Bodies>,
    grants: Mutex<Grants>,
    domains: Mutex<Domains>,
    faults: Mutex<Faults>,
    project: Mutex<Window>,
    counters: Counters,
    keys: Mutex<SigningKeys>,
}

#[derive(Debug, Default)]
struct Directory {
    all: Vec<Arc<Mailbox>>,
    by_email: HashMap<Box<str>, Arc<Mailbox>>,
}

/// The account id of the first mailbox; they count up from here, with as many digits as Google's.
const FIRST_SUB: u64 = 100_000_000_000_000_000;

impl Google {
    /// An empty world.
    pub fn new(config: GoogleConfig) -> Self {
        Self(Arc::new(World {
            config,
            mailboxes: RwLock::default(),
            bodies: RwLock::default(),
            grants: Mutex::default(),
            domains: Mutex::default(),
            faults: Mutex::default(),
            project: Mutex::default(),
            counters: Counters::default(),
            keys: Mutex::default(),
        }))
    }

    /// What the world was made with.
    pub fn config(&self) -> &GoogleConfig {
        &self.0.config
    }

    /// The mailbox of this address, made if there is none.
    pub fn add_mailbox(&self, email: &str, name: &str) -> Arc<Mailbox> {
        let mut directory = self.0.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = directory.by_email.get(email.to_lowercase().as_str()) {
            return there.clone();
        }
        let sub = format!("1{:020}", FIRST_SUB + directory.all.len() as u64);
        let mailbox = Arc::new(Mailbox::new(sub, email, name, self.chance()));
        directory.all.push(mailbox.clone());
        directory.by_email.insert(mailbox.email.clone(), mailbox.clone());
        mailbox
    }

    /// Every mailbox, in the order they were made.
    pub fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.0.mailboxes.read().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// The mailbox of this address or account id.
    pub fn mailbox(&self, email_or_sub: &str) -> Result<Arc<Mailbox>, ApiError> {
        let directory = self.0.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        let by_email = directory.by_email.get(email_or_sub.to_lowercase().as_str());
        let by_sub = || directory.all.iter().find(|mailbox| *mailbox.sub == *email_or_sub);
        let found = by_email.or_else(by_sub).cloned();
        found.ok_or_else(|| ApiError::new(404, "notFound", "There is no such mailbox."))
    }

    /// The account gets another address; the old one is nobody's.
    pub fn rename(&self, email: &str, new: &str) -> Result<(), ApiError> {
        let mailbox = self.mailbox(email)?;
        let mut directory = self.0.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        directory.by_email.remove(mailbox.address().to_lowercase().as_str());
        directory.by_email.insert(new.to_lowercase().into(), mailbox.clone());
        mailbox.renamed(new);
        Ok(())
    }

    /// The mailbox that has this address now.
    pub(crate) fn mailbox_by_address(&self, email: &str) -> Option<Arc<Mailbox>> {
        let directory = self.0.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        directory.by_email.get(email.to_lowercase().as_str()).cloned()
    }

    /// Delivers a message to the inbox, unread, now.
    pub fn deliver(&self, email: &str, body: impl Into<Bytes>) -> Result<MessageId, ApiError> {
        self.deliver_as(email, body, Delivery::default())
    }

    /// Delivers a message with other labels or another date.
    pub fn deliver_as(
        &self,
        email: &str,
        body: impl Into<Bytes>,
        how: Delivery<'_>,
    ) -> Result<MessageId, ApiError> {
        let mailbox = self.mailbox(email)?;
        let body = self.keep(&body.into());
        let now = self.now();
        let mut state = mailbox.state();
        let known = |ids: &[&str]| ids.iter().map(|id| state.labels.known(id)).collect();
        let labels = how.labels.map_or(Ok(LabelSet::NEW_MAIL), known)?;
        let date = how.date.unwrap_or(now);
        let place = state.append((now, date), body, labels, None, self.chance());
        self.tally().message();
        message_id(state.messages.id(place))
    }

    /// Deletes a message for good.
    pub fn delete(&self, email: &str, id: &MessageId) -> Result<(), ApiError> {
        let mailbox = self.mailbox(email)?;
        let mut state = mailbox.state();
        let place = state.find(read_message_id(id.as_str())?)?;
        state.delete(place, self.now(), self.chance());
        Ok(())
    }

    /// Adds labels to a message and takes labels away, as its owner would.
    pub fn relabel(
        &self,
        email: &str,
        id: &MessageId,
        add: &[LabelId],
        remove: &[LabelId],
    ) -> Result<(), ApiError> {
        let mailbox = self.mailbox(email)?;
        let mut state = mailbox.state();
        let place = state.find(read_message_id(id.as_str())?)?;
        let [add, remove] = [add, remove].map(|labels| labels.iter().copied().collect());
        state.relabel(place, add, remove, self.now(), self.chance());
        Ok(())
    }

    /// Makes a label, as its owner would.
    pub fn create_label(&self, email: &str, name: &str) -> Result<Label, ApiError> {
        self.mailbox(email)?.state().labels.create(name, None, None)
    }

    /// The labels a message has now.
    pub fn labels_of(&self, email: &str, id: &MessageId) -> Result<Vec<Label>, ApiError> {
        let mailbox = self.mailbox(email)?;
        let state = mailbox.state();
        let place = state.find(read_message_id(id.as_str())?)?;
        let labels = state.messages.labels(place);
        Ok(state.labels.all().into_iter().filter(|label| labels.contains(label.id)).collect())
    }

    /// Where a mailbox's history stands.
    pub fn history_id(&self, email: &str) -> Result<HistoryId, ApiError> {
        Ok(HistoryId(self.mailbox(email)?.state().history_id()))
    }

    /// Forgets a mailbox's history: every cursor from before now is lost.
    pub fn expire_history(&self, email: &str) -> Result<(), ApiError> {
        self.mailbox(email)?.state().forget_history(self.chance());
        Ok(())
    }

    /// Ends every grant of an account for one of the documented causes.
    pub fn revoke(&self, email: &str, cause: Cause) -> Result<(), ApiError> {
        let mailbox = self.mailbox(email)?;
        self.grants().kill(&mailbox, cause);
        Ok(())
    }

    /// Lets an account be used again that was disabled; its grants live on.
    pub fn enable(&self, email: &str) -> Result<(), ApiError> {
        let mailbox = self.mailbox(email)?;
        self.grants().enable(&mailbox);
        Ok(())
    }

    /// Whether an account is disabled.
    pub fn is_disabled(&self, email: &str) -> Result<bool, ApiError> {
        let mailbox = self.mailbox(email)?;
        Ok(self.grants().is_disabled(&mailbox))
    }

    /// An access token for all of Gmail, without a grant behind it.
    pub fn issue_token(&self, email: &str) -> Result<String, ApiError> {
        let scopes = Scopes::FULL.with(Scopes::OPENID).with(Scopes::EMAIL).with(Scopes::PROFILE);
        self.issue_token_for(email, scopes)
    }

    /// An access token for these scopes, without a grant behind it.
    pub fn issue_token_for(&self, email: &str, scopes: Scopes) -> Result<String, ApiError> {
        let mailbox = self.mailbox(email)?;
        Ok(self.issue_access(mailbox, scopes, None))
    }

    /// Sets a fault; it stands until its count is spent or all are cleared.
    pub fn set_fault(&self, mut fault: Fault) {
        fault.email = fault.email.map(|email| email.to_lowercase());
        self.faults().set(fault);
    }

    /// Takes every fault away.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// Signs ID tokens with a new key from now on; the old one stays published beside it.
    pub fn rotate_keys(&self) -> Result<(), ApiError> {
        let failed = |_| ApiError::new(500, "backendError", "No key could be made.");
        self.keys().rotate().map_err(failed)
    }

    /// What was asked and delivered so far.
    pub fn counters(&self) -> Counts {
        self.0.counters.read()
    }

    /// Takes what a mailbox's watch has announced.
    pub fn announcements(&self, email: &str) -> Result<Vec<Announcement>, ApiError> {
        Ok(self.mailbox(email)?.state().announcements())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.config.clock.now()
    }

    pub(crate) fn chance(&self) -> &Chance {
        &self.0.config.chance
    }

    pub(crate) fn tally(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        self.0.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn domains(&self) -> MutexGuard<'_, Domains> {
        self.0.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn project(&self) -> MutexGuard<'_, Window> {
        self.0.project.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn struck(&self, email: Option<&str>, method: Method) -> Struck {
        self.faults().draw(email, method, self.chance())
    }

    /// Keeps a body; the same bytes have the same place.
    pub(crate) fn keep(&self, bytes: &Bytes) -> u32 {
        self.0.bodies.write().unwrap_or_else(PoisonError::into_inner).place(bytes)
    }

    pub(crate) fn body(&self, place: u32) -> Arc<Body> {
        self.0.bodies.read().unwrap_or_else(PoisonError::into_inner).at(place).clone()
    }

    pub(crate) fn access(&self, token: &str) -> Option<Access> {
        self.grants().access(token, self.now())
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, SigningKeys> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message's id as Gmail writes it: sixteen hexadecimal digits.
pub(crate) fn hex_id(id: u64) -> String {
    format!("{id:016x}")
}

pub(crate) fn message_id(id: u64) -> Result<MessageId, ApiError> {
    hex_id(id).parse().map_err(|_| ApiError::new(500, "backendError", "Backend Error"))
}

pub(crate) fn read_message_id(text: &str) -> Result<u64, ApiError> {
    u64::from_str_radix(text, 16).map_err(|_| ApiError::invalid("Invalid id value"))
}
