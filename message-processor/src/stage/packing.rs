//! The results of a job as one pack: originals → pack → the marks name it → publish → mark done → acknowledge.
//!
//! A run that is repeated may have other messages left than the one before, and then writes another pack. So that nothing
//! is told of a message in two ways, its mark names one pack before it is announced: the first that is named stands, and
//! whoever finds another named announces what that one says. A pack that nobody names is of no account, and goes with the
//! mailbox.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use shared::archive::Put;
use shared::ids::MessageId;
use shared::jobs::{Listed, MessageJob};
use shared::mark::{Ending, MarkState, Naming};
use shared::pack::{CONTENT_TYPE, Line, Pack, PackKey};
use shared::result::MessageResult;
use shared::store::StoreError;

use super::message::Stored;
use super::{MessageProcessor, Pending, Run};

/// Packs that were read, by key; `None` for what is not there.
type Opened = BTreeMap<PackKey, Option<Pack>>;

impl MessageProcessor {
    /// Tells the messages that an earlier run has stored, and their marks name, from those that are to be fetched. A pack
    /// that is named and gone is as good as none.
    pub(super) async fn named(
        &self,
        run: &Run<'_, MessageJob>,
        pending: Vec<Pending>,
    ) -> Result<(Vec<(Listed, Stored)>, Vec<Pending>), StoreError> {
        let (mut packed, mut rest, mut opened) = (vec![], vec![], Opened::new());
        for one in pending {
            let line = match &one.pack {
                Some(key) => self.line(&mut opened, key, &one.listed.id).await?.map(|it| (key, it)),
                None => None,
            };
            match line {
                Some((key, line)) => packed.push(self.packed(run, one.listed.clone(), key, &line)),
                None => rest.push(one),
            }
        }
        Ok((packed, rest))
    }

    /// Stores what was understood as one pack, and has the marks name it.
    pub(super) async fn pack(
        &self,
        run: &Run<'_, MessageJob>,
        judged: Vec<(Pending, MessageResult)>,
    ) -> Result<Vec<(Listed, Stored)>, StoreError> {
        if judged.is_empty() {
            return Ok(vec![]);
        }
        let user = &run.mailbox.user_id;
        let (pending, results): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        let ours = Pack::of(results)?;
        let key = ours.key(user, &ours.day());
        let mut opened = Opened::new();
        // An earlier run of the same messages may have written it, with another's words: those stand.
        if self.archive.put_new(key.as_str(), ours.write()?, CONTENT_TYPE).await? == Put::Stored {
            opened.insert(key.clone(), Some(ours));
        }
        let naming = |one: &Pending| Naming {
            message_id: one.listed.id.clone(),
            pack: key.clone(),
            over: one.pack.clone(),
        };
        let namings: Vec<Naming> = pending.iter().map(naming).collect();
        let named = self.marks.name(user, &namings).await?;
        let mut packed = Vec::with_capacity(pending.len());
        for (Pending { listed, .. }, named) in pending.into_iter().zip(named) {
            // Without a mark there is nobody else who could have named another: its mailbox is being purged.
            let stands = named.as_ref().unwrap_or(&key);
            let line = self.line(&mut opened, stands, &listed.id).await?.ok_or_else(gone)?;
            packed.push(self.packed(run, listed, stands, &line));
        }
        Ok(packed)
    }

    /// The line about a message in a pack, which is read once.
    async fn line(
        &self,
        opened: &mut Opened,
        key: &PackKey,
        id: &MessageId,
    ) -> Result<Option<Line>, StoreError> {
        let pack = match opened.entry(key.clone()) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => {
                let bytes = self.archive.get(key.as_str()).await?;
                place.insert(bytes.as_deref().map(Pack::read).transpose()?)
            }
        };
        Ok(pack.as_ref().and_then(|pack| pack.line_of(id)).cloned())
    }

    fn packed(
        &self,
        run: &Run<'_, MessageJob>,
        listed: Listed,
        key: &PackKey,
        line: &Line,
    ) -> (Listed, Stored) {
        let ending = Ending {
            message_id: listed.id.clone(),
            state: MarkState::Done,
            generation: line.result.generation,
            internal_date: line.result.internal_date,
        };
        let event = self.announcer(run).event_of_line(key, line);
        (listed, self.stored(run, key.as_str(), event, &line.result, ending))
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable { doing: "reading a pack", source: "its line is gone".into() }
}
