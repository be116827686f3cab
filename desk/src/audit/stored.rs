//! Which results and originals the archive lacks.
//!
//! Objects are not opened to see whether they are there: keys are listed, from the first that is wanted to the last. A pack
//! is read once for all its messages, and a result only where its original was not met, for it may name none.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use shared::archive::Archive;
use shared::ids::UserId;
use shared::mark::Mark;
use shared::pack::{Pack, PackKey};
use shared::result::{MessageResult, original_key, originals_of, result_key, results_of};
use shared::store::StoreError;

use super::judge::{Finding, Flaw};

/// Keys that are listed at once.
const PAGE: usize = 1_000;

/// Objects that are read at the same time.
const TOGETHER: usize = 8;

/// Marks by a key that belongs to their message.
type Wanted<'a> = BTreeMap<String, &'a Mark>;

/// What is missing of messages that are done.
pub(super) async fn missing(
    archive: &dyn Archive,
    user: &UserId,
    done: &[Mark],
) -> Result<Vec<Finding>, StoreError> {
    let Packed { naming, rest } = packed(archive, done).await?;
    let results: Wanted<'_> = rest.into_iter().map(|mark| (key_of(user, mark), mark)).collect();
    let lost = absent(archive, &results_of(user), results.clone()).await?;
    let stored = results.into_iter().filter(|(key, _)| !lost.contains_key(key));
    let may_name: Wanted<'_> =
        stored.map(|(_, mark)| (original_key(user, &mark.message_id), mark)).collect();
    let of_packs: Wanted<'_> =
        naming.into_iter().map(|mark| (original_key(user, &mark.message_id), mark)).collect();
    let originals = originals_of(user);
    let without_any = absent(archive, &originals, may_name).await?;
    let mut without = naming_one(archive, user, without_any).await?;
    without.extend(absent(archive, &originals, of_packs).await?.into_values());
    let finding = |flaw, mark| Finding::of_mark(flaw, user, mark);
    let lost = lost.into_values().map(|mark| finding(Flaw::WithoutResult, mark));
    Ok(lost.chain(without.into_iter().map(|mark| finding(Flaw::WithoutOriginal, mark))).collect())
}

/// What the packs say that marks name.
struct Packed<'a> {
    /// Messages whose line names an original.
    naming: Vec<&'a Mark>,
    /// Messages without a line: their result is an object of its own, or not there.
    rest: Vec<&'a Mark>,
}

async fn packed<'a>(archive: &dyn Archive, done: &'a [Mark]) -> Result<Packed<'a>, StoreError> {
    let mut packed = Packed { naming: Vec::new(), rest: Vec::new() };
    let mut by_pack: BTreeMap<&PackKey, Vec<&Mark>> = BTreeMap::new();
    for mark in done {
        match &mark.pack {
            Some(key) => by_pack.entry(key).or_default().push(mark),
            None => packed.rest.push(mark),
        }
    }
    let read = stream::iter(by_pack).map(async |(key, marks)| {
        let bytes = archive.get(key.as_str()).await?;
        let pack = bytes.as_deref().map(Pack::read).transpose()?;
        Ok::<_, StoreError>((pack, marks))
    });
    let mut read = std::pin::pin!(read.buffered(TOGETHER));
    while let Some((pack, marks)) = read.try_next().await? {
        for mark in marks {
            let line = pack.as_ref().and_then(|pack| pack.line_of(&mark.message_id));
            match line.map(|line| line.result.original.is_some()) {
                Some(true) => packed.naming.push(mark),
                Some(false) => {}
                None => packed.rest.push(mark),
            }
        }
    }
    Ok(packed)
}

/// Those of the keys under `prefix` that are not there. From just before the first of them to just after the last.
async fn absent<'a>(
    archive: &dyn Archive,
    prefix: &str,
    mut wanted: Wanted<'a>,
) -> Result<Wanted<'a>, StoreError> {
    let Some(last) = wanted.keys().next_back().cloned() else { return Ok(wanted) };
    // A key without its last letter sorts before it, and lies in the same folder.
    let first = wanted.keys().next().map(|key| key[..key.len() - 1].to_owned());
    let mut after = first;
    loop {
        let keys = archive.keys(prefix, after.as_deref(), PAGE).await?;
        for key in &keys {
            wanted.remove(key);
        }
        after = keys.last().filter(|key| **key < last).cloned();
        if after.is_none() {
            return Ok(wanted);
        }
    }
}

/// Those whose result names an original.
async fn naming_one<'a>(
    archive: &dyn Archive,
    user: &UserId,
    marks: Wanted<'a>,
) -> Result<Vec<&'a Mark>, StoreError> {
    let broken = |error: serde_json::Error| StoreError::Broken {
        doing: "reading a result",
        source: error.into(),
    };
    let named = stream::iter(marks.into_values()).map(async |mark| {
        let Some(bytes) = archive.get(&key_of(user, mark)).await? else { return Ok(None) };
        let result: MessageResult = serde_json::from_slice(&bytes).map_err(broken)?;
        Ok(result.original.map(|_| mark))
    });
    named.buffered(TOGETHER).try_filter_map(async |named| Ok(named)).try_collect().await
}

/// Where the result of a message is, if it is an object of its own. What is done has Gmail's date.
fn key_of(user: &UserId, mark: &Mark) -> String {
    result_key(user, &mark.message_id, mark.internal_date.unwrap_or(mark.listed_at))
}
