//! Which lines count, seen from the packs: those of one mailbox and one day are read together, because whatever is judged
//! anew stays in the folder of the pack that it was in.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use futures::{StreamExt, TryStreamExt, stream};

use super::{Day, Line, PACKS, Pack, PackKey};
use crate::archive::Archive;
use crate::ids::{MessageId, UserId};
use crate::ledger::Marks;
use crate::mark::Mark;
use crate::store::StoreError;

/// Keys that are listed at once.
const PAGE: usize = 1_000;

/// Packs that are read at the same time.
const TOGETHER: usize = 8;

/// The packs of one mailbox and one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Whose they are.
    pub user: UserId,
    /// Where they are, in order; never none.
    pub keys: Vec<PackKey>,
}

/// Goes through the packs there are, day by day. One day's keys of one mailbox are in memory.
pub struct Groups<'a> {
    archive: &'a dyn Archive,
    user: Option<UserId>,
    days: VecDeque<Day>,
    listed: VecDeque<PackKey>,
    after: Option<String>,
    last: Option<PackKey>,
}

impl<'a> Groups<'a> {
    /// Those of one mailbox, or of all.
    pub async fn of(archive: &'a dyn Archive, user: Option<UserId>) -> Result<Self, StoreError> {
        let days = days(archive).await?.into();
        Ok(Self { archive, user, days, listed: VecDeque::new(), after: None, last: None })
    }

    /// The next.
    pub async fn next(&mut self) -> Result<Option<Group>, StoreError> {
        while let Some(day) = self.days.front().cloned() {
            let Some(user) = self.user.clone() else {
                if let Some(group) = self.next_of_anybody(&day).await? {
                    return Ok(Some(group));
                }
                continue;
            };
            self.days.pop_front();
            let keys = packs(self.archive, &day, &user).await?;
            if !keys.is_empty() {
                return Ok(Some(Group { user, keys }));
            }
        }
        Ok(None)
    }

    /// The mailbox of the next key of this day whose group was not met yet; `None` when something is to be listed first.
    async fn next_of_anybody(&mut self, day: &Day) -> Result<Option<Group>, StoreError> {
        let Some(key) = self.listed.pop_front() else {
            let keys = self.archive.keys(day.folder(), self.after.as_deref(), PAGE).await?;
            self.after = keys.last().cloned();
            if keys.is_empty() {
                self.days.pop_front();
            }
            self.listed = keys.iter().filter_map(|key| key.parse().ok()).collect();
            return Ok(None);
        };
        let user = key.user();
        let is_met = |last: &PackKey| last.day() == *day && last.user() == user;
        if self.last.as_ref().is_some_and(is_met) {
            return Ok(None);
        }
        let keys = packs(self.archive, day, &user).await?;
        // Keys of 4-2 may stand between those of 4: its group was met at its first.
        if keys.first() != Some(&key) {
            return Ok(None);
        }
        self.last = Some(key);
        Ok(Some(Group { user, keys }))
    }
}

/// The days for which there are packs of anybody.
pub async fn days(archive: &dyn Archive) -> Result<Vec<Day>, StoreError> {
    let folders = archive.folders(PACKS).await?;
    Ok(folders.iter().filter_map(|folder| Day::read(folder)).collect())
}

/// The packs of one mailbox and one day.
async fn packs(
    archive: &dyn Archive,
    day: &Day,
    user: &UserId,
) -> Result<Vec<PackKey>, StoreError> {
    let (prefix, mut found, mut after) = (day.packs_of(user), Vec::new(), None::<String>);
    loop {
        let keys = archive.keys(&prefix, after.as_deref(), PAGE).await?;
        let Some(last) = keys.last() else { return Ok(found) };
        after = Some(last.clone());
        let keys = keys.iter().filter_map(|key| key.parse::<PackKey>().ok());
        found.extend(keys.filter(|key| key.user() == *user));
    }
}

/// A line that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The pack that it is in.
    pub key: PackKey,
    /// The line.
    pub line: Line,
    /// Its message's mark, where there still is one.
    pub mark: Option<Mark>,
}

/// The lines of a group that count, by message: of those that no mark rules out, the newest. What cannot be read is left
/// out, and counted in the answer's second half.
pub async fn standing(
    archive: &dyn Archive,
    marks: &dyn Marks,
    group: &Group,
) -> Result<(Vec<Standing>, usize), StoreError> {
    let (lines, unreadable) = lines(archive, group).await?;
    let ids: Vec<MessageId> =
        lines.iter().filter_map(|(_, line)| line.result.message_id.clone()).collect();
    let marks = marks.get(&group.user, &ids).await?.into_iter().flatten();
    let marks: BTreeMap<MessageId, Mark> =
        marks.map(|mark| (mark.message_id.clone(), mark)).collect();
    let mut newest: BTreeMap<MessageId, Standing> = BTreeMap::new();
    for (key, line) in lines {
        let Some(id) = line.result.message_id.clone() else { continue };
        let mark = marks.get(&id);
        let named = mark.and_then(|mark| mark.pack.as_ref());
        if named.is_some_and(|named| named != key) {
            continue;
        }
        let found = Standing { key: key.clone(), line, mark: mark.cloned() };
        match newest.entry(id) {
            Entry::Vacant(place) => drop(place.insert(found)),
            Entry::Occupied(mut place) if age(place.get()) < age(&found) => {
                place.insert(found);
            }
            Entry::Occupied(_) => {}
        }
    }
    Ok((newest.into_values().collect(), unreadable))
}

/// Every line of a group, and how many packs cannot be read.
async fn lines<'g>(
    archive: &dyn Archive,
    group: &'g Group,
) -> Result<(Vec<(&'g PackKey, Line)>, usize), StoreError> {
    let read = stream::iter(&group.keys).map(|key| archive.get(key.as_str()));
    let read: Vec<Option<Vec<u8>>> = read.buffered(TOGETHER).try_collect().await?;
    let (mut lines, mut unreadable) = (Vec::new(), 0);
    for (key, bytes) in group.keys.iter().zip(read) {
        // What is gone since it was listed has been purged.
        match bytes.as_deref().map(Pack::read) {
            Some(Ok(Pack(of_it))) => lines.extend(of_it.into_iter().map(|line| (key, line))),
            Some(Err(_)) => unreadable += 1,
            None => {}
        }
    }
    Ok((lines, unreadable))
}

/// What is judged later is newer, and of the same judgement what was written later.
fn age(found: &Standing) -> impl Ord + '_ {
    let result = &found.line.result;
    (result.generation, result.processed_at, &found.key)
}
