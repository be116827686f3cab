//! Control items in DynamoDB.

use async_trait::async_trait;

use super::DynamoLedger;
use super::table::Row;
use super::values::{Attributes, Item, Malformed, any, needed, ttl};
use crate::clock::Timestamp;
use crate::ledger::{Control, ControlItem};
use crate::store::{StoreError, Write};

/// A row of `Control`, expired or not.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct NamedItem {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) version: u64,
    pub(super) expires_at: Option<Timestamp>,
}

impl Row for NamedItem {
    fn item(&self) -> Item {
        let Self { name, value, version, expires_at } = self;
        Attributes::default()
            .with("name", name)
            .with("value", value)
            .with("version", version)
            .with_any("expiresAt", expires_at.as_ref())
            .with_any("ttl", ttl(*expires_at).as_ref())
            .item()
    }

    fn read(item: &Item) -> Result<Self, Malformed> {
        Ok(Self {
            name: needed(item, "name")?,
            value: needed(item, "value")?,
            version: needed(item, "version")?,
            expires_at: any(item, "expiresAt")?,
        })
    }
}

impl NamedItem {
    fn lasts(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

#[async_trait]
impl Control for DynamoLedger {
    async fn read(&self, name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError> {
        let doing = "reading a control item";
        let Some(item) = self.control.get(doing, self.control.key(&[name])).await? else {
            return Ok(None);
        };
        let named: NamedItem = self.control.read(doing, &item)?;
        let lasting = Some(named).filter(|named| named.lasts(now));
        Ok(lasting.map(|named| ControlItem { value: named.value, version: named.version }))
    }

    async fn write(
        &self,
        name: &str,
        read: Option<u64>,
        value: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let doing = "writing a control item";
        let decide = |there: Option<&NamedItem>| {
            let stands = there.filter(|named| named.lasts(now)).map(|named| named.version) == read;
            // Counted on from an expired item too: whoever read that one must not take this one for it.
            let version = there.map_or(1, |named| named.version + 1);
            let name = name.to_owned();
            stands.then(|| NamedItem { name, value: value.clone(), version, expires_at })
        };
        let key = self.control.key(&[name]);
        let there = self.control.get(doing, key.clone()).await?;
        Ok(self.control.change(doing, key, there, decide).await?.write)
    }
}
