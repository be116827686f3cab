//! Judging anew what is stored, from the archive alone: Gmail is not asked, and spends no quota.
//!
//! It goes through results in pages of one mailbox. Per page: note which are about to be replaced → replace each, if it
//! still is the one that was read → publish → marks. A run that dies in between leaves the note; the next run announces what the note names as it then stands, so
//! that no replaced result stays without its event. What the run itself has written is told by its moment and is not
//! judged twice, so that a run that goes on raises no generation again.
//!
//! Results in packs are not replaced, for a pack never changes: those of one pack that are judged anew are written to another
//! beside it, and their marks name that one instead, each if it still names the one that was read: `packs.rs`.
//!
//! A mailbox that ends meanwhile loses what a page wrote by its purge's second pass, as it does with every stage's writes:
//! a page is far shorter than the time between the two passes.

mod decide;
mod packs;
mod progress;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use shared::archive::{Archive, Object, Version};
use shared::clock::{Clock, Timestamp};
use shared::events::{Event, Events};
use shared::ids::{Epoch, MessageId, UserId};
use shared::index::{Entry, Index};
use shared::jobs::Lane;
use shared::ledger::{Control, Mailboxes, Marks};
use shared::mark::{Ending, MarkState};
use shared::pack::Groups;
use shared::result::MessageResult;
use shared::settings::EventData;
use shared::store::{StoreError, Write};

pub use self::decide::{Change, Standing};
use self::decide::{anew, change};
pub use self::progress::Scope;
use self::progress::{Held, Place};
use crate::announce::Announcer;
use crate::rules::Rules;

/// Results that are replaced and announced together.
const PAGE: usize = 25;

/// What a result is.
const JSON: &str = "application/json";

/// Results that are read at the same time.
const TOGETHER: usize = 8;

/// How long a run may stand still before another may take its place. A page takes seconds.
const LEASE: Duration = Duration::from_mins(2);

/// Judges anew. The fields are everything it may touch.
pub struct Reclassification {
    /// Asked whether a mailbox is still connected.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Told the generation that stands.
    pub marks: Arc<dyn Marks>,
    /// Where originals are read, and results replaced.
    pub archive: Arc<dyn Archive>,
    /// Where the new judgements are noted; `None` where nothing is.
    pub index: Option<Arc<dyn Index>>,
    /// Where the new judgements are announced.
    pub events: Arc<dyn Events>,
    /// Holds the lease, and what is in hand.
    pub control: Arc<dyn Control>,
    /// Give the labels; without, those that are there stay.
    pub rules: Option<Arc<Rules>>,
    /// The stack's name, in events.
    pub stack: String,
    /// What events carry.
    pub event_data: EventData,
    /// Where the present moment comes from.
    pub clock: Clock,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Results that were looked at.
    pub looked: u64,
    /// Those whose judgement or content is another now.
    pub changed: u64,
    /// Those that were replaced and announced under a new generation.
    pub announced: u64,
    /// Those whose original is not kept, where there are no rules either: they stay as they are.
    pub without_original: u64,
    /// Those that are no results any more, or cannot be read.
    pub unreadable: u64,
    /// Those of mailboxes that are not connected: they stay as they are.
    pub ended: u64,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Another run is at it.
    #[error(
        "another reclassification is at work since {since}; if it was killed, it can be taken up from {until} on"
    )]
    Busy {
        /// When it began.
        since: Timestamp,
        /// When its lease ends, unless it goes on.
        until: Timestamp,
    },
    /// Another run has taken this one's place, because it stood still for too long.
    #[error(
        "another reclassification has taken this one's place, because this one stood still for minutes"
    )]
    Overtaken,
    /// A store did not do what it was asked to.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A result that is to be replaced, and by what.
struct Next {
    key: String,
    over: Version,
    result: MessageResult,
}

/// What looking at one result came to.
enum Look<T> {
    Unreadable,
    /// It is not meant, or was judged by this run.
    Left,
    WithoutOriginal,
    Judged(T, Option<Change>),
}

impl Tally {
    /// Counts what was looked at; answers what is to be written anew, and what changes by it.
    fn count<T>(&mut self, scope: &Scope, looks: Vec<Look<T>>) -> (Vec<T>, Vec<Change>) {
        let (mut next, mut changes) = (vec![], vec![]);
        for look in looks {
            match look {
                Look::Unreadable => self.unreadable += 1,
                Look::Left => {}
                Look::WithoutOriginal => self.without_original += 1,
                Look::Judged(judged, change) => {
                    if change.is_some() || !scope.changed_only {
                        next.push(judged);
                    }
                    changes.extend(change);
                }
            }
        }
        self.changed += changes.len() as u64;
        (next, changes)
    }
}

impl Reclassification {
    /// Says what would change, and changes nothing.
    pub async fn plan(
        &self,
        scope: &Scope,
        mut each: impl FnMut(&Change),
    ) -> Result<Tally, Stopped> {
        let mut tally = Tally::default();
        let mut after = None;
        while let Some((user, keys)) = self.page(scope, &mut after).await? {
            let (_, changes) = self.judged(scope, &user, keys, None, &mut tally).await?;
            changes.iter().for_each(&mut each);
        }
        let mut groups = Groups::of(&*self.archive, scope.user.clone()).await?;
        while let Some(group) = groups.next().await? {
            for lines in self.packs_of(&group, &mut tally).await? {
                let (_, changes) = self.judged_lines(scope, lines, None, &mut tally).await?;
                changes.iter().for_each(&mut each);
            }
        }
        Ok(tally)
    }

    /// Replaces and announces what the scope names, and says what has changed.
    pub async fn apply(
        &self,
        scope: &Scope,
        mut each: impl FnMut(&Change),
    ) -> Result<Tally, Stopped> {
        let mut held = self.begin(scope).await?;
        let mut tally = Tally::default();
        let mut after = None;
        while let Some((user, keys)) = self.page(scope, &mut after).await? {
            let started_at = Some(held.progress.started_at);
            let (next, changes) = self.judged(scope, &user, keys, started_at, &mut tally).await?;
            self.hold(&mut held, next.iter().map(|one| one.key.clone()).collect()).await?;
            tally.announced += self.replace(&user, next).await?;
            changes.iter().for_each(&mut each);
        }
        let mut groups = Groups::of(&*self.archive, scope.user.clone()).await?;
        while let Some(group) = groups.next().await? {
            for lines in self.packs_of(&group, &mut tally).await? {
                let started_at = Some(held.progress.started_at);
                let judged = self.judged_lines(scope, lines, started_at, &mut tally).await?;
                let (next, changes) = judged;
                let in_hand = next.iter().map(|next| next.key.to_string()).collect();
                self.hold(&mut held, in_hand).await?;
                if let Some(next) = next {
                    tally.announced += self.write_pack(&group.user, next).await?;
                }
                changes.iter().for_each(&mut each);
            }
        }
        self.close(held).await?;
        Ok(tally)
    }

    /// The next keys of one mailbox within the scope; `after` moves on.
    async fn page(
        &self,
        scope: &Scope,
        after: &mut Option<String>,
    ) -> Result<Option<(UserId, Vec<String>)>, StoreError> {
        loop {
            let keys = self.archive.keys(&scope.folder(), after.as_deref(), PAGE).await?;
            let Some(first) = keys.first() else { return Ok(None) };
            let Some(place) = Place::of(first) else {
                // Whatever it is, it is none of ours.
                *after = Some(first.clone());
                continue;
            };
            let of_one = |key: &&String| Place::of(key).is_some_and(|it| it.user == place.user);
            let page: Vec<String> = keys.iter().take_while(of_one).cloned().collect();
            *after = page.last().cloned();
            let wanted = |key: &String| Place::of(key).is_some_and(|place| scope.has(&place));
            let page: Vec<String> = page.into_iter().filter(wanted).collect();
            if !page.is_empty() {
                return Ok(Some((place.user, page)));
            }
        }
    }

    /// What is to be replaced of a page, and what changes by it. What was judged since `started_at` is left.
    async fn judged(
        &self,
        scope: &Scope,
        user: &UserId,
        keys: Vec<String>,
        started_at: Option<Timestamp>,
        tally: &mut Tally,
    ) -> Result<(Vec<Next>, Vec<Change>), StoreError> {
        tally.looked += keys.len() as u64;
        if !self.is_connected(user).await? {
            tally.ended += keys.len() as u64;
            return Ok((vec![], vec![]));
        }
        let looks = stream::iter(keys).map(|key| self.look(scope, key, started_at));
        let looks: Vec<Look<Next>> = looks.buffered(TOGETHER).try_collect().await?;
        Ok(tally.count(scope, looks))
    }

    async fn is_connected(&self, user: &UserId) -> Result<bool, StoreError> {
        let row = self.mailboxes.get(user).await?;
        Ok(row.is_some_and(|row| row.disconnected_at.is_none()))
    }

    /// Judges the result of this key anew.
    async fn look(
        &self,
        scope: &Scope,
        key: String,
        started_at: Option<Timestamp>,
    ) -> Result<Look<Next>, StoreError> {
        let Some(Object { bytes, version: over }) = self.archive.read(&key).await? else {
            return Ok(Look::Unreadable);
        };
        let Ok(old) = serde_json::from_slice::<MessageResult>(&bytes) else {
            return Ok(Look::Unreadable);
        };
        Ok(match self.judge(scope, &old, started_at).await? {
            Look::Judged(result, change) => Look::Judged(Next { key, over, result }, change),
            Look::WithoutOriginal => Look::WithoutOriginal,
            Look::Unreadable | Look::Left => Look::Left,
        })
    }

    /// Judges one result anew. Its original is read where it is needed, and not kept any longer: it may be 50 MiB.
    async fn judge(
        &self,
        scope: &Scope,
        old: &MessageResult,
        started_at: Option<Timestamp>,
    ) -> Result<Look<MessageResult>, StoreError> {
        let is_ours = started_at.is_some_and(|started_at| old.processed_at >= started_at);
        if is_ours || !scope.covers(old) {
            return Ok(Look::Left);
        }
        let raw = match &old.original {
            Some(original) => self.archive.get(original).await?,
            None => None,
        };
        let now = self.clock.now();
        let Some(result) = anew(old, raw.as_deref(), self.rules.as_deref(), now) else {
            return Ok(Look::WithoutOriginal);
        };
        let change = change(old, &result);
        Ok(Look::Judged(result, change))
    }

    /// Replaces and announces; answers how many. What somebody else has replaced meanwhile is theirs to announce.
    async fn replace(&self, user: &UserId, next: Vec<Next>) -> Result<u64, StoreError> {
        let (mut events, mut results) = (vec![], vec![]);
        for Next { key, over, result } in next {
            let bytes = serde_json::to_vec(&result).map_err(|error| StoreError::Broken {
                doing: "writing a result",
                source: error.into(),
            })?;
            let written = self.archive.replace(&key, bytes.clone(), JSON, &over).await?;
            // Ours may stand there although it was not taken: its answer was lost, and it was sent again.
            if written == Write::Stale && self.archive.get(&key).await?.as_ref() != Some(&bytes) {
                continue;
            }
            events.push(self.event(user, &key, &result, &bytes));
            results.push(result);
        }
        if !events.is_empty() {
            self.announce(user, &events, &results).await?;
        }
        Ok(events.len() as u64)
    }

    /// Notes in the index, publishes, and then tells the marks.
    async fn announce(
        &self,
        user: &UserId,
        events: &[Event],
        results: &[MessageResult],
    ) -> Result<(), StoreError> {
        if let Some(index) = &self.index {
            let entries: Vec<Entry> = events.iter().filter_map(Entry::announced).collect();
            index.note(user, &entries).await?;
        }
        if !self.events.publish(events).await?.is_empty() {
            return Err(StoreError::Unavailable {
                doing: "publishing an event",
                source: "the topic refused it".into(),
            });
        }
        let ids: Vec<MessageId> = results.iter().filter_map(|it| it.message_id.clone()).collect();
        let marks = self.marks.get(user, &ids).await?;
        let mut endings: BTreeMap<Epoch, Vec<Ending>> = BTreeMap::new();
        for mark in marks.into_iter().flatten().filter(|mark| mark.state == MarkState::Done) {
            let of_it = |it: &&MessageResult| it.message_id.as_ref() == Some(&mark.message_id);
            let Some(result) = results.iter().find(of_it) else { continue };
            endings.entry(mark.epoch).or_default().push(Ending {
                message_id: mark.message_id,
                state: MarkState::Done,
                generation: result.generation,
                internal_date: result.internal_date,
            });
        }
        for (epoch, endings) in endings {
            self.marks.finish(user, epoch, &endings, self.clock.now()).await?;
        }
        Ok(())
    }

    fn event(&self, user: &UserId, key: &str, result: &MessageResult, bytes: &[u8]) -> Event {
        self.announcer(user).event(key, result, bytes)
    }

    fn announcer<'a>(&'a self, user: &'a UserId) -> Announcer<'a> {
        let (stack, event_data) = (&self.stack, self.event_data);
        Announcer { stack, event_data, user, lane: Lane::Reclassify }
    }

    /// Announces what a run that died had replaced: perhaps it had not come to announce it.
    async fn settle(&self, held: &Held) -> Result<(), StoreError> {
        for key in &held.progress.in_hand {
            if let Ok(key) = key.parse() {
                self.settle_pack(&key).await?;
                continue;
            }
            let (Some(place), Some(bytes)) = (Place::of(key), self.archive.get(key).await?) else {
                continue;
            };
            let Ok(result) = serde_json::from_slice::<MessageResult>(&bytes) else { continue };
            if result.processed_at < held.progress.started_at {
                continue;
            }
            let event = self.event(&place.user, key, &result, &bytes);
            self.announce(&place.user, &[event], &[result]).await?;
        }
        Ok(())
    }
}
