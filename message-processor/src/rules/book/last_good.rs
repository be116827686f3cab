//! The last good rules of a file, kept where whoever begins anew finds them.
//!
//! They lie in the archive under a key that is made of the file's name, so that another file's are never taken for them.
//! Above them stands a line of ours with the random name of the write: two writes are never the same object, and what is
//! replaced is what was read.

use std::sync::Arc;

use shared::archive::{Archive, Object, Put, Version};
use shared::clock::Chance;
use shared::disposition::chain;
use shared::store::{StoreError, Write};

use crate::rules::{Rules, hash};

/// What they are.
const TOML: &str = "application/toml";

/// Where they are kept, and whose they are.
pub(super) struct LastGood {
    archive: Arc<dyn Archive>,
    key: String,
    file: String,
    chance: Chance,
}

/// What is kept, and as which object.
struct Kept {
    text: Vec<u8>,
    version: Version,
}

impl LastGood {
    /// Those of the file with this name.
    pub(super) fn new(archive: Arc<dyn Archive>, file: String, chance: Chance) -> Self {
        let key = format!("rules/{}.toml", hash(file.as_bytes()));
        Self { archive, key, file, chance }
    }

    /// The rules, or in words why there are none.
    pub(super) async fn rules(&self) -> Result<Rules, String> {
        let named = |what: &str| format!("the last good ones, {}: {what}", self.key);
        let kept = self.read().await.map_err(|error| named(&chain(&error)))?;
        let kept = kept.ok_or_else(|| named("none were ever kept"))?;
        // What an older version took may be refused by this one.
        Rules::parse(&kept.text).map_err(|bad| named(&bad.to_string()))
    }

    /// Keeps this text, of which `still_stands` says whether it is in the file. Answers whether it is kept; where it is
    /// not, somebody else has changed the file or kept another text meanwhile.
    pub(super) async fn keep(
        &self,
        text: &[u8],
        still_stands: impl Future<Output = Result<bool, String>>,
    ) -> Result<bool, String> {
        let kept = self.read().await.map_err(|error| chain(&error))?;
        if kept.as_ref().is_some_and(|kept| kept.text == text) {
            return Ok(true);
        }
        // Only now: whoever kept what is replaced had read it before this, so that what replaces it is not older. And it
        // replaces nothing else, however long we stand still in between.
        if !still_stands.await? {
            return Ok(false);
        }
        let write = hex::encode(self.chance.bytes::<16>());
        let above = format!("# The last good rules of {}, kept by write {write}\n", self.file);
        let bytes = [above.as_bytes(), text].concat();
        let written = match kept {
            None => {
                self.archive.put_new(&self.key, bytes, TOML).await.map(|put| put == Put::Stored)
            }
            Some(kept) => {
                let replaced = self.archive.replace(&self.key, bytes, TOML, &kept.version).await;
                replaced.map(|write| write == Write::Applied)
            }
        };
        written.map_err(|error| chain(&error))
    }

    async fn read(&self) -> Result<Option<Kept>, StoreError> {
        let object = self.archive.read(&self.key).await?;
        Ok(object.map(|Object { mut bytes, version }| {
            let above = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            Kept { text: bytes.split_off(above), version }
        }))
    }
}
