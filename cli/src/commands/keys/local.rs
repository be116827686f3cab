//! The keys of a data folder, beside whoever runs on it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::queue::RUN_LIMIT;
use shared::rotation::{Pass, Rotation, census, not_under};
use shared::sealing::KeyName;
use shared::sealing::key_file::{KeyFile, KeyInfo, Standing, keys as keys_in};

use super::row::{KeyRow, count};
use crate::End;
use crate::args::KeysCommand;
use crate::backend::bad_use;
use crate::machine::folder::{Folder, refused};
use crate::print::{Out, progress};

/// How long after a new key has come to seal a token may still be on its way that was sealed under the old one: it is
/// sealed and stored within one run of a job. Twice that, for a machine that is slow.
const ON_THE_WAY: Duration = Duration::from_secs(2 * RUN_LIMIT.as_secs());

/// Carries out one command on the keys of a folder.
pub(super) async fn keys(command: KeysCommand, folder: &Folder, out: Out) -> anyhow::Result<End> {
    match command {
        KeysCommand::List => list(folder, out).await?,
        KeysCommand::Rotate { since: None } => rotate(folder, out).await?,
        KeysCommand::Rotate { since: Some(_) } => {
            return Err(bad_use("--since goes with --backend aws: here a token names its key"));
        }
        KeysCommand::Retire => retire(folder, out).await?,
    }
    Ok(End::Good)
}

async fn list(folder: &Folder, out: Out) -> anyhow::Result<()> {
    let now = folder.clock.now();
    let held = keys_in(&folder.key_file()).map_err(refused)?.into_iter();
    let row = |key: KeyInfo| KeyRow::new(Some(key.name), key.made, key.standing.as_str(), now);
    let mut rows = held.map(row).collect::<Vec<_>>();
    let counted = census(&*folder.ledger, |tokens| {
        count(&mut rows, tokens, |sealed| {
            let name = sealed.key_name();
            let state = if name.is_some() { "missing" } else { "spoilt" };
            KeyRow::new(name, None, state, now)
        });
    });
    counted.await?;
    out.rows(&rows, "No key was made yet; `fanmail serve` makes the first.")
}

/// What a rotation came to, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    key: KeyName,
    finished_an_earlier_one: bool,
    mailboxes: u64,
    resealed: u64,
    /// Whose refresh token opens under no key.
    unopened: Vec<UserId>,
    /// Whose row cannot be read.
    unread: Vec<UserId>,
    not_needed: Vec<KeyName>,
    retire_from: Option<Timestamp>,
}

impl Rotated {
    fn sentence(&self) -> String {
        let Self { key, resealed, .. } = self;
        let done =
            if self.finished_an_earlier_one { "An earlier rotation was finished" } else { "Done" };
        let mut said = vec![format!("{done}: {resealed} mailboxes were sealed anew under {key}.")];
        said.extend(self.not_needed.iter().map(|key| format!("No token needs {key} any more.")));
        if let (Some(at), [_, ..]) = (self.retire_from, &self.not_needed[..]) {
            said.push(format!("`fanmail keys retire` drops what is not needed, from {at} on."));
        }
        said.join(" ")
    }
}

async fn rotate(folder: &Folder, out: Out) -> anyhow::Result<()> {
    let file = hold(folder)?;
    let (current, sealing) = (sealing_key(&file)?.name, Arc::new(folder.sealing()?));
    let to = |key: &KeyName| {
        let (mailboxes, sealing) = (folder.ledger.clone(), sealing.clone());
        Rotation { mailboxes, sealing, is_old: not_under(key.clone()) }
    };
    // What stands under an older key is left from a rotation that was cut short: that one is finished.
    let left = if others(&file)?.is_empty() { None } else { Some(to(&current).run().await?) };
    let left = left.filter(|(_, resealed)| *resealed > 0);
    let finished_an_earlier_one = left.is_some();
    let (key, (pass, resealed)) = if let Some(left) = left {
        (current, left)
    } else {
        let key = file.turn(folder.clock.now(), &folder.chance).map_err(refused)?;
        progress(&format!("Key {key} seals from now on."));
        let done = to(&key).run().await?;
        (key, done)
    };
    complete(&pass, &key)?;
    let Pass { mailboxes, unopened, unread, .. } = pass;
    let not_needed = if unread.is_empty() { others(&file)? } else { Vec::new() };
    let retire_from = sealing_key(&file)?.made.map(|made| made + ON_THE_WAY);
    let rotated = Rotated {
        key,
        finished_an_earlier_one,
        mailboxes,
        resealed,
        unopened,
        unread,
        not_needed,
        retire_from,
    };
    out.said(&rotated.sentence(), &rotated)
}

async fn retire(folder: &Folder, out: Out) -> anyhow::Result<()> {
    let file = hold(folder)?;
    let (sealing, current) = (folder.sealing()?, sealing_key(&file)?);
    let from = current.made.map(|made| made + ON_THE_WAY);
    if let Some(from) = from.filter(|from| folder.clock.now() < *from) {
        let key = current.name;
        return Err(anyhow!(
            "the key {key} seals only since a moment, and a token may be on its way that was sealed before; nothing \
             was dropped, try again from {from} on"
        ));
    }
    let (mailboxes, is_old) = (folder.ledger.clone(), not_under(current.name.clone()));
    let rotation = Rotation { mailboxes, sealing: Arc::new(sealing), is_old };
    let (pass, _) = rotation.run().await?;
    complete(&pass, &current.name)?;
    if !pass.unread.is_empty() {
        return Err(anyhow!("nothing was dropped: a row that cannot be read may need an old key"));
    }
    let dropped = others(&file)?;
    file.retire(&dropped).map_err(refused)?;
    let names = dropped.iter().map(KeyName::as_str).collect::<Vec<_>>().join(", ");
    let said = if dropped.is_empty() {
        format!("There is only {}, which is in use.", current.name)
    } else {
        format!("Dropped: {names}. Copies of the key file still hold it.")
    };
    out.said(&said, &serde_json::json!({ "key": current.name, "dropped": dropped }))
}

/// Says what a complete pass could not do anything for, and fails where there was none.
fn complete(pass: &Pass, key: &KeyName) -> anyhow::Result<()> {
    for user in &pass.unopened {
        progress(&format!(
            "The refresh token of {user} opens under no key: it was changed, moved, or its key is lost. Its owner must \
             connect it again."
        ));
    }
    for user in &pass.unread {
        progress(&format!("The row of {user} cannot be read; its tokens stay as they are."));
    }
    if !pass.found_nothing() {
        return Err(anyhow!(
            "tokens are still sealed under an old key, and not under {key}: whoever does so reads another key file"
        ));
    }
    Ok(())
}

/// The key file, which must be there: none is made in the place of one that is lost.
fn hold(folder: &Folder) -> anyhow::Result<KeyFile> {
    let file = folder.key_file();
    if keys_in(&file).map_err(refused)?.is_empty() {
        let file = file.display();
        return Err(bad_use(&format!(
            "{file} is not there; `fanmail serve` makes the first key, and one that is lost must be put back"
        )));
    }
    KeyFile::hold(&file).map_err(refused)
}

fn sealing_key(file: &KeyFile) -> anyhow::Result<KeyInfo> {
    let mut keys = file.keys().map_err(refused)?;
    keys.retain(|key| key.standing == Standing::Seals);
    keys.pop().ok_or_else(|| anyhow!("no key seals"))
}

fn others(file: &KeyFile) -> anyhow::Result<Vec<KeyName>> {
    let keys = file.keys().map_err(refused)?.into_iter();
    let opens = keys.filter(|key| key.standing == Standing::Opens);
    Ok(opens.map(|key| key.name).collect())
}
