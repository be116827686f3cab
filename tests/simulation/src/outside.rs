//! What others see: the archive, the topic and people's post, with the witness standing behind them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use shared::archive::memory::MemoryArchive;
use shared::archive::{Archive, Object, Put, Version};
use shared::connect_link::{LinkSigning, PARAMETER};
use shared::events::{Event, EventKind, Events, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use shared::ledger::Mailboxes;
use shared::mailer::{Delivery, Mail, Mailer};
use shared::mark::Mark;
use shared::pack::{Pack, PackKey};
use shared::store::{StoreError, Write};

use crate::witness::{Marked, Witness};

/// The archive: what is written once stays as it is.
pub struct Shelf {
    pub inner: MemoryArchive,
    pub witness: Arc<Witness>,
}

/// Whose message a key is.
fn named(key: &str) -> Option<(UserId, MessageId)> {
    let (user, name) = (key.split('/').nth(1)?, key.rsplit('/').next()?);
    let id = name.split('.').next()?;
    Some((user.parse().ok()?, id.parse().ok()?))
}

/// Which judgement a stored result is.
pub(crate) fn generation(bytes: &[u8]) -> Option<Generation> {
    let result: Value = serde_json::from_slice(bytes).ok()?;
    serde_json::from_value(result["generation"].clone()).ok()
}

/// The result that stands under a key; where that is a pack, the line of this message.
pub(crate) fn stored_under(bytes: &[u8], key: &str, id: &MessageId) -> Option<Vec<u8>> {
    if key.parse::<PackKey>().is_err() {
        return Some(bytes.to_vec());
    }
    Pack::read(bytes).ok()?.line_of(id).map(|line| line.bytes.clone())
}

impl Shelf {
    /// A pack holds results of the mailbox that it names, is where its messages say that it is, and each line is the first
    /// judgement of its message or follows one that is there.
    async fn judge_pack(&self, key: &PackKey, bytes: &[u8]) {
        let user = key.user();
        let worker = self.witness.fate.errand().who.user.clone();
        if worker.is_some_and(|worker| worker != user) {
            let rule = "nothing is written into another's mailbox";
            self.witness.violated(rule, None, key.as_str());
        }
        let Ok(pack) = Pack::read(bytes) else {
            return self.witness.violated("a pack can be read", Some(&user), key.as_str());
        };
        let first = pack.lines().iter().all(|line| line.result.generation == Generation(0));
        let day = if first { pack.day() } else { key.day() };
        if pack.key(&user, &day) != *key || pack.lines().is_empty() {
            let rule = "a pack's key is a function of its messages";
            self.witness.violated(rule, Some(&user), key.as_str());
        }
        for line in pack.lines() {
            let Some(id) = &line.result.message_id else { continue };
            let is_its = line.result.user_id.as_ref() == Some(&user);
            if !is_its || !self.witness.seen().mail.contains_key(&(user.clone(), id.clone())) {
                self.witness.violated("what is stored was delivered", Some(&user), id.as_str());
            }
            let generation = line.result.generation;
            if generation != Generation(0) && !self.has_before(key, id, generation).await {
                let rule = "a result is replaced by its next generation alone";
                self.witness.violated(rule, Some(&user), format!("{id} at {generation}"));
            }
        }
    }

    /// Whether the pack's folder has the judgement of a message that this one follows.
    async fn has_before(&self, key: &PackKey, id: &MessageId, generation: Generation) -> bool {
        let packs = self.inner.keys(&key.day().packs_of(&key.user()), None, 10_000).await;
        for key in packs.unwrap_or_default() {
            let bytes = self.inner.get(&key).await.ok().flatten();
            let pack = bytes.and_then(|bytes| Pack::read(&bytes).ok());
            let line = pack.as_ref().and_then(|pack| pack.line_of(id));
            if line.is_some_and(|line| line.result.generation.next() == generation) {
                return true;
            }
        }
        false
    }

    /// Every key is a message of the mailbox that it names, and written by a job of that mailbox.
    fn judge_key(&self, key: &str) {
        let worker = self.witness.fate.errand().who.user.clone();
        let Some(named) = named(key) else {
            return self.witness.violated("a key names a message", None, key);
        };
        if worker.is_some_and(|worker| worker != named.0) {
            self.witness.violated("nothing is written into another's mailbox", None, key);
        }
        if !self.witness.seen().mail.contains_key(&named) {
            self.witness.violated("what is stored was delivered", Some(&named.0), key);
        }
    }
}

#[async_trait]
impl Archive for Shelf {
    async fn put_new(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<Put, StoreError> {
        match key.parse() {
            Ok(pack) => self.judge_pack(&pack, &bytes).await,
            Err(_) => self.judge_key(key),
        }
        self.inner.put_new(key, bytes, content_type).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<(), StoreError> {
        self.judge_key(key);
        let held = self.inner.get(key).await?;
        if held.is_some_and(|held| held != bytes) {
            self.witness.violated("what is stored does not change", None, key);
        }
        self.inner.put(key, bytes, content_type).await
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
        version: &Version,
    ) -> Result<Write, StoreError> {
        self.judge_key(key);
        let held = self.inner.get(key).await?;
        let written = self.inner.replace(key, bytes.clone(), content_type, version).await?;
        let follows = held.as_deref().and_then(generation).map(Generation::next);
        if written == Write::Applied && generation(&bytes) != follows {
            let rule = "a result is replaced by its next generation alone";
            self.witness.violated(rule, None, key);
        }
        Ok(written)
    }

    async fn read(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.inner.read(key).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key).await
    }

    async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.inner.keys(prefix, after, limit).await
    }

    async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.inner.folders(folder).await
    }

    async fn remove(&self, place: &str, limit: usize) -> Result<usize, StoreError> {
        self.inner.remove(place, limit).await
    }
}

/// The topic.
pub struct Topic {
    pub witness: Arc<Witness>,
    pub archive: Arc<Shelf>,
    /// What each event said when it was first published.
    said: Mutex<BTreeMap<String, String>>,
}

impl Topic {
    /// Nothing was published yet.
    pub fn new(witness: Arc<Witness>, archive: Arc<Shelf>) -> Self {
        Self { witness, archive, said: Mutex::default() }
    }

    async fn judge(&self, event: &Event) {
        let text = serde_json::to_string(event).unwrap_or_default();
        self.witness.carries_ids_only("an event", &text);
        let user = event.data["userId"].as_str().and_then(|text| text.parse::<UserId>().ok());
        let Some(user) = user else {
            return self.witness.violated("an event names its mailbox", None, text);
        };
        if event.kind == EventKind::MessageProcessed {
            return self.judge_message(event, &user).await;
        }
        let mut seen = self.witness.seen();
        seen.told.insert((event.kind.as_str(), user, event.id.clone()));
    }

    async fn judge_message(&self, event: &Event, user: &UserId) {
        let Ok(id) = event.subject.parse::<MessageId>() else {
            return self.witness.violated("an event names its message", Some(user), &event.id);
        };
        if self.witness.is_being_purged(user) {
            // What was under way goes on to its end; the second pass takes what it leaves.
            return;
        }
        let marks = self.witness.ledger.get_marks(user, std::slice::from_ref(&id)).await;
        if marks.first().is_none_or(Option::is_none) {
            let rule = "what is announced was accounted for before";
            self.witness.violated(rule, Some(user), format!("{id} has no mark"));
        }
        let said = serde_json::from_value(event.data["generation"].clone());
        let said = said.unwrap_or(Generation(u32::MAX));
        if event.id != message_event_id(user, &id, said) {
            let rule = "a judgement is announced under one id";
            self.witness.violated(rule, Some(user), format!("{id} under {}", event.id));
        }
        if said.0 > self.witness.seen().reclassifications {
            let rule = "a generation follows a reclassification";
            self.witness.violated(rule, Some(user), format!("{id} is at {said}"));
        }
        let key = event.data["result"]["key"].as_str().unwrap_or_default();
        self.judge_named(key, user, marks.first().and_then(Option::as_ref));
        let size = event.data["result"]["bytes"].as_u64();
        let stored = self.archive.inner.get(key).await.ok().flatten();
        let stored = stored.and_then(|bytes| stored_under(&bytes, key, &id));
        // What was replaced meanwhile has another event.
        let later = stored.as_deref().and_then(generation).is_some_and(|stored| stored > said);
        if !later && stored.map(|bytes| bytes.len() as u64) != size {
            let rule = "what is announced is what is stored";
            self.witness.violated(rule, Some(user), format!("{id}: {key}"));
        }
        self.judge_repetition(event, user);
        let mut seen = self.witness.seen();
        seen.announced.entry((user.clone(), id)).or_default().insert(event.id.clone());
    }

    /// Whoever reads by the mark finds what was announced, or what took its place.
    fn judge_named(&self, key: &str, user: &UserId, mark: Option<&Mark>) {
        let Some(mark) = mark.filter(|_| key.parse::<PackKey>().is_ok()) else { return };
        if mark.pack.is_none() {
            let rule = "a pack is named before it is announced";
            self.witness.violated(rule, Some(user), key);
        }
    }

    /// However often something is announced, it is announced in the same words. The lane is how it came, not what it is.
    fn judge_repetition(&self, event: &Event, user: &UserId) {
        let mut data = event.data.clone();
        data["lane"].take();
        data["replay"].take();
        let said = format!("{} {data}", event.time);
        let mut known = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.entry(event.id.clone()).or_insert_with(|| said.clone());
        if *first != said {
            let rule = "a repeated event says the same";
            self.witness.violated(rule, Some(user), format!("{first} and then {said}"));
        }
    }
}

#[async_trait]
impl Events for Topic {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        for event in batch {
            self.judge(event).await;
        }
        Ok(Vec::new())
    }

    /// What was processed before a purge is processed anew, if its owner comes back, and may be told in other words.
    async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        let named = format!("\"userId\":\"{user}\"");
        let mut known = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, said| !said.contains(&named));
        self.witness.seen().announced.retain(|(owner, _), _| owner != user);
        Ok(())
    }
}

/// What takes mail to people.
pub struct Post {
    witness: Arc<Witness>,
    links: LinkSigning,
}

impl Post {
    /// Nobody was written to yet; links are signed as `links` signs them.
    pub fn new(witness: Arc<Witness>, links: LinkSigning) -> Self {
        Self { witness, links }
    }

    /// A mail goes to the owner of a mailbox whose grant was called dead, with a link for that mailbox.
    async fn judge(&self, mail: &Mail) {
        let marked = self.witness.seen().marked.get(&mail.id).cloned();
        let Some(consent) = marked else {
            let rule = "nobody is written to whose mailbox was not marked";
            return self.witness.violated(rule, None, &mail.id);
        };
        let user = &consent.0;
        if self.witness.seen().delegated.contains(&consent) {
            let rule = "nobody is written to whose mailbox is read by delegation";
            self.witness.violated(rule, Some(user), format!("grant {}", consent.2));
        }
        let row = Mailboxes::get(&*self.witness.ledger, user).await.ok().flatten();
        if row.is_none_or(|row| !row.email.is_empty() && row.email != mail.to) {
            let rule = "a mail goes to the owner of the mailbox";
            self.witness.violated(rule, Some(user), "another address");
        }
        let link = mail.body.lines().find_map(|line| line.split_once(&format!("?{PARAMETER}=")));
        let link = link.and_then(|(_, text)| self.links.open(text));
        if link.is_none_or(|link| link.user.as_ref() != Some(user) || link.is_over(mail.at)) {
            let rule = "a mail carries a link for the mailbox that it is about";
            self.witness.violated(rule, Some(user), "it does not");
        }
        self.witness.seen().written.insert(consent);
    }
}

#[async_trait]
impl Mailer for Post {
    async fn send(&self, mail: &Mail) -> Result<Delivery, StoreError> {
        self.judge(mail).await;
        Ok(Delivery::Taken)
    }
}
