//! The results of messages that were announced, and their events, as the archive has them now.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use shared::archive::Archive;
use shared::events::Event;
use shared::ids::MessageId;
use shared::mark::Mark;
use shared::pack::{Line, Pack, PackKey};
use shared::result::{MessageResult, result_key};
use shared::store::StoreError;

use super::Without;
use crate::announce::Announcer;

/// Results that are read at the same time.
const TOGETHER: usize = 16;

/// Packs that are kept open. The messages of a job follow each other by their ids, but for those of jobs beside it: with so
/// many open each is read once, and they are a few tens of megabytes at most.
const OPEN: usize = 64;

/// What was found of a message.
pub(super) enum Look {
    Event(Box<Event>),
    Without(Without),
}

/// Packs that were read, each with when it was last looked into.
#[derive(Default)]
pub(super) struct OpenPacks {
    packs: BTreeMap<PackKey, (u64, Opened)>,
    looks: u64,
}

enum Opened {
    Pack(Pack),
    Gone,
    Unreadable,
}

/// Reads the results of these messages, and makes their events; in the same order.
pub(super) async fn read(
    archive: &dyn Archive,
    announcer: &Announcer<'_>,
    marks: &[Mark],
    packs: &mut OpenPacks,
) -> Result<Vec<Look>, StoreError> {
    for key in marks.iter().filter_map(|mark| mark.pack.as_ref()) {
        packs.open(archive, key).await?;
    }
    let packs = &*packs;
    let looks: Vec<_> = marks.iter().map(|mark| look(archive, announcer, mark, packs)).collect();
    stream::iter(looks).buffered(TOGETHER).try_collect().await
}

async fn look(
    archive: &dyn Archive,
    announcer: &Announcer<'_>,
    mark: &Mark,
    packs: &OpenPacks,
) -> Result<Look, StoreError> {
    if let Some(key) = &mark.pack {
        match packs.line(key, &mark.message_id) {
            Ok(Some(line)) => return Ok(event(announcer.event_of_line(key, line))),
            Ok(None) => {}
            Err(why) => return Ok(Look::Without(why)),
        }
    }
    // A pack that was gone when its message came again was replaced by an object of its own, if that was the setting then.
    let key = mark.internal_date.map(|date| result_key(announcer.user, &mark.message_id, date));
    let Some(key) = key else { return Ok(Look::Without(Without::Result)) };
    let Some(bytes) = archive.get(&key).await? else { return Ok(Look::Without(Without::Result)) };
    Ok(match serde_json::from_slice::<MessageResult>(&bytes) {
        Ok(result) => event(announcer.event(&key, &result, &bytes)),
        Err(_) => Look::Without(Without::Readable),
    })
}

fn event(event: Event) -> Look {
    Look::Event(Box::new(event))
}

impl OpenPacks {
    /// Reads a pack, unless it is open.
    async fn open(&mut self, archive: &dyn Archive, key: &PackKey) -> Result<(), StoreError> {
        self.looks += 1;
        if let Some((looked, _)) = self.packs.get_mut(key) {
            *looked = self.looks;
            return Ok(());
        }
        let opened = match archive.get(key.as_str()).await?.as_deref().map(Pack::read) {
            Some(Ok(pack)) => Opened::Pack(pack),
            Some(Err(_)) => Opened::Unreadable,
            None => Opened::Gone,
        };
        if self.packs.len() >= OPEN {
            let oldest = self.packs.iter().min_by_key(|(_, (looked, _))| *looked);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.packs.remove(&key);
            }
        }
        self.packs.insert(key.clone(), (self.looks, opened));
        Ok(())
    }

    /// The line about a message, if its pack is there and has one.
    fn line(&self, key: &PackKey, id: &MessageId) -> Result<Option<&Line>, Without> {
        match self.packs.get(key).map(|(_, opened)| opened) {
            Some(Opened::Pack(pack)) => Ok(pack.line_of(id)),
            Some(Opened::Unreadable) => Err(Without::Readable),
            Some(Opened::Gone) | None => Ok(None),
        }
    }
}

// More are opened for one batch than are kept: its first would be gone before it was looked into.
const _: () = assert!(OPEN > super::BATCH as usize, "a batch must find all of its packs open");
