//! Results in packs, judged anew.
//!
//! Per pack: note the key of the one that is about to be written → write it → the marks name it → publish → marks. It stays
//! in the folder of the pack that it takes lines over from, where whoever reads that meets both. A run that died may have
//! written the new pack and named it nowhere; the next run names it for it, because what it holds may have been announced.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use shared::archive::Put;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::mark::{Mark, Naming};
use shared::pack::{CONTENT_TYPE, Group, Pack, PackKey, Standing, standing};
use shared::result::MessageResult;
use shared::store::StoreError;

use super::decide::Change;
use super::progress::Scope;
use super::{Look, Reclassification, TOGETHER, Tally};

/// A pack that is to be written.
pub(super) struct NextPack {
    pub(super) key: PackKey,
    pack: Pack,
    /// The one that the marks name now.
    over: PackKey,
}

/// Whether nobody is at work on a message: what is on its way is judged by whoever brings it to its end.
fn is_at_rest(mark: Option<&Mark>) -> bool {
    mark.is_none_or(|mark| mark.state.is_final())
}

impl Reclassification {
    /// The lines of a group that count, pack by pack; none where the mailbox is not connected.
    pub(super) async fn packs_of(
        &self,
        group: &Group,
        tally: &mut Tally,
    ) -> Result<Vec<Vec<Standing>>, StoreError> {
        let (lines, unreadable) = standing(&*self.archive, &*self.marks, group).await?;
        tally.looked += lines.len() as u64;
        tally.unreadable += unreadable as u64;
        if !self.is_connected(&group.user).await? {
            tally.ended += lines.len() as u64;
            return Ok(vec![]);
        }
        let mut packs: BTreeMap<PackKey, Vec<Standing>> = BTreeMap::new();
        for line in lines.into_iter().filter(|line| is_at_rest(line.mark.as_ref())) {
            packs.entry(line.key.clone()).or_default().push(line);
        }
        Ok(packs.into_values().collect())
    }

    /// What is to be written anew of one pack's lines, and what changes by it.
    pub(super) async fn judged_lines(
        &self,
        scope: &Scope,
        lines: Vec<Standing>,
        started_at: Option<Timestamp>,
        tally: &mut Tally,
    ) -> Result<(Option<NextPack>, Vec<Change>), StoreError> {
        let Some(over) = lines.first().map(|line| line.key.clone()) else {
            return Ok((None, vec![]));
        };
        let looks = stream::iter(&lines);
        let looks = looks.map(|found| self.judge(scope, &found.line.result, started_at));
        let looks: Vec<Look<MessageResult>> = looks.buffered(TOGETHER).try_collect().await?;
        let (results, changes) = tally.count(scope, looks);
        if results.is_empty() {
            return Ok((None, changes));
        }
        let pack = Pack::of(results)?;
        let key = pack.key(&over.user(), &over.day());
        Ok((Some(NextPack { key, pack, over }), changes))
    }

    /// Writes a pack, has the marks name it, and announces its lines; answers how many. Those whose marks name another
    /// meanwhile are somebody else's to announce.
    pub(super) async fn write_pack(
        &self,
        user: &UserId,
        next: NextPack,
    ) -> Result<u64, StoreError> {
        let NextPack { key, mut pack, over } = next;
        let written = self.archive.put_new(key.as_str(), pack.write()?, CONTENT_TYPE).await?;
        if written == Put::Exists {
            // Ours, whose answer was lost; or of a run that was overtaken. What is there is what is told.
            let Some(bytes) = self.archive.get(key.as_str()).await? else { return Ok(0) };
            pack = Pack::read(&bytes)?;
        }
        let over = |_: &MessageId| Some(over.clone());
        self.name_and_announce(user, &key, &pack, over).await
    }

    /// Goes on with a pack that a run which died may have written: it stands for its messages from now on.
    pub(super) async fn settle_pack(&self, key: &PackKey) -> Result<(), StoreError> {
        let Some(bytes) = self.archive.get(key.as_str()).await? else { return Ok(()) };
        let (user, pack) = (key.user(), Pack::read(&bytes)?);
        let marks = self.marks.get(&user, &ids(&pack)).await?.into_iter().flatten();
        let named: BTreeMap<MessageId, Option<PackKey>> =
            marks.map(|mark| (mark.message_id, mark.pack)).collect();
        let over = |id: &MessageId| named.get(id).cloned().flatten();
        self.name_and_announce(&user, key, &pack, over).await.map(drop)
    }

    async fn name_and_announce(
        &self,
        user: &UserId,
        key: &PackKey,
        pack: &Pack,
        over: impl Fn(&MessageId) -> Option<PackKey>,
    ) -> Result<u64, StoreError> {
        let naming = |message_id: MessageId| {
            let over = over(&message_id);
            Naming { message_id, pack: key.clone(), over }
        };
        let namings: Vec<Naming> = ids(pack).into_iter().map(naming).collect();
        let named = self.marks.name(user, &namings).await?;
        let announcer = self.announcer(user);
        let (mut events, mut results) = (vec![], vec![]);
        for (line, named) in pack.lines().iter().zip(named) {
            // Where no mark is left, the newest line counts, which is this one.
            if named.is_none_or(|named| named == *key) {
                events.push(announcer.event_of_line(key, line));
                results.push(line.result.clone());
            }
        }
        if !events.is_empty() {
            self.announce(user, &events, &results).await?;
        }
        Ok(events.len() as u64)
    }
}

/// The messages of a pack, line by line.
fn ids(pack: &Pack) -> Vec<MessageId> {
    pack.lines().iter().filter_map(|line| line.result.message_id.clone()).collect()
}
