//! Control items in memory.

use async_trait::async_trait;

use super::MemoryLedger;
use crate::clock::Timestamp;
use crate::ledger::{Control, ControlItem};
use crate::store::{StoreError, Write};

#[async_trait]
impl Control for MemoryLedger {
    async fn read(&self, name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError> {
        let tables = self.tables();
        let there = tables.control.get(name).filter(|(_, expires)| lasts(*expires, now));
        Ok(there.map(|(item, _)| item.clone()))
    }

    async fn write(
        &self,
        name: &str,
        read: Option<u64>,
        value: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let control = &mut self.tables().control;
        let there = control.get(name);
        let live = there.filter(|(_, expires)| lasts(*expires, now));
        if live.map(|(item, _)| item.version) != read {
            return Ok(Write::Stale);
        }
        // Counted on from an expired item too: whoever read that one must not take this one for it.
        let version = there.map_or(1, |(item, _)| item.version + 1);
        control.insert(name.to_owned(), (ControlItem { value, version }, expires_at));
        Ok(Write::Applied)
    }
}

fn lasts(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|at| at > now)
}
