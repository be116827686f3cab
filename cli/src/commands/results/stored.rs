//! Results one after another, in whichever form they are stored.

use std::collections::VecDeque;

use anyhow::{Context, anyhow, ensure};
use shared::ids::{MessageId, UserId};
use shared::pack::{Groups, Pack, Standing, standing};
use shared::result::{MessageResult, RESULTS, results_of};

use crate::backend::Backend;

/// How many keys are read at once.
const PAGE: usize = 1_000;

/// Goes through results: first those that are objects of their own, by mailbox and day; then those in packs, by day.
pub(crate) struct Stored<'a> {
    backend: &'a Backend,
    user: Option<UserId>,
    /// Where the keys of objects go on; `None` when they are over.
    after: Option<String>,
    keys: VecDeque<String>,
    groups: Option<Groups<'a>>,
    lines: VecDeque<Standing>,
}

impl<'a> Stored<'a> {
    /// Those of one mailbox, or of all.
    pub(crate) fn of(backend: &'a Backend, user: Option<UserId>) -> Self {
        let (keys, lines) = (VecDeque::new(), VecDeque::new());
        Self { backend, user, after: Some(String::new()), keys, groups: None, lines }
    }

    /// The next one, with the key of the object that it is, or is in.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<(String, MessageResult)>> {
        if let Some(key) = self.next_key().await? {
            let result = read(self.backend, &key).await?;
            return Ok(Some((key, result)));
        }
        while self.lines.is_empty() {
            if self.groups.is_none() {
                self.groups = Some(Groups::of(&*self.backend.archive, self.user.clone()).await?);
            }
            let Some(groups) = &mut self.groups else { return Ok(None) };
            let Some(group) = groups.next().await? else { return Ok(None) };
            let read = standing(&*self.backend.archive, &*self.backend.marks, &group).await?;
            let (lines, unreadable) = read;
            let first = group.keys.first().map(ToString::to_string).unwrap_or_default();
            ensure!(unreadable == 0, "{unreadable} packs beside {first} are no packs");
            self.lines = lines.into();
        }
        Ok(self.lines.pop_front().map(|found| (found.key.to_string(), found.line.result)))
    }

    async fn next_key(&mut self) -> anyhow::Result<Option<String>> {
        if self.keys.is_empty()
            && let Some(after) = self.after.take()
        {
            let folder = folder(self.user.as_ref());
            let keys = self.backend.archive.keys(&folder, Some(&after), PAGE).await?;
            self.after = keys.last().cloned();
            self.keys = keys.into();
        }
        Ok(self.keys.pop_front())
    }
}

/// The result of one message. By its mark, where its mailbox is named, one object is read.
pub(crate) async fn find(
    backend: &Backend,
    message: &MessageId,
    user: Option<UserId>,
) -> anyhow::Result<MessageResult> {
    if let Some(user) = &user
        && let Some(result) = named(backend, message, user).await?
    {
        return Ok(result);
    }
    if let Some(key) = key_of(backend, message, user.as_ref()).await? {
        return read(backend, &key).await;
    }
    let mut packed = Stored { after: None, ..Stored::of(backend, user) };
    while let Some((_, result)) = packed.next().await? {
        if result.message_id.as_ref() == Some(message) {
            return Ok(result);
        }
    }
    let none = "`fanmail results list` shows those there are";
    Err(anyhow!("no result of a message {message}; {none}"))
}

/// The line of the pack that a message's mark names.
async fn named(
    backend: &Backend,
    message: &MessageId,
    user: &UserId,
) -> anyhow::Result<Option<MessageResult>> {
    let marks = backend.marks.get(user, std::slice::from_ref(message)).await?;
    let Some(key) = marks.into_iter().flatten().find_map(|mark| mark.pack) else {
        return Ok(None);
    };
    let Some(bytes) = backend.archive.get(key.as_str()).await? else { return Ok(None) };
    let pack = Pack::read(&bytes).with_context(|| format!("{key} is no pack"))?;
    Ok(pack.line_of(message).map(|line| line.result.clone()))
}

/// The key of a message's own object, by its name alone.
async fn key_of(
    backend: &Backend,
    message: &MessageId,
    user: Option<&UserId>,
) -> anyhow::Result<Option<String>> {
    let (folder, name) = (folder(user), format!("/{message}.json"));
    let mut after: Option<String> = None;
    loop {
        let keys = backend.archive.keys(&folder, after.as_deref(), PAGE).await?;
        if let Some(key) = keys.iter().find(|key| key.ends_with(&name)) {
            return Ok(Some(key.clone()));
        }
        after = keys.last().cloned();
        if after.is_none() {
            return Ok(None);
        }
    }
}

fn folder(user: Option<&UserId>) -> String {
    user.map_or_else(|| RESULTS.to_owned(), results_of)
}

async fn read(backend: &Backend, key: &str) -> anyhow::Result<MessageResult> {
    let bytes = backend
        .archive
        .get(key)
        .await?
        .ok_or_else(|| anyhow!("{key} went away while it was read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{key} is not a result"))
}
