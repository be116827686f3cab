//! A queue that gives nothing out while the archive has no room: what was fetched then would be fetched in vain, and
//! paid for in Google's quota.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::archive::folder::FolderArchive;
use shared::queue::sqlite::SqliteQueue;
use shared::queue::{Depth, Outgoing, Queue, Receipt, Record, SendFailure};
use shared::store::StoreError;

/// The queue, and where what its jobs bring is stored.
pub(super) struct RoomFirst {
    pub(super) queue: Arc<SqliteQueue>,
    pub(super) archive: Arc<FolderArchive>,
}

#[async_trait]
impl Queue for RoomFirst {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        self.queue.send(batch).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        self.archive.find_room().await?;
        self.queue.receive(max, wait).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        self.queue.delete(receipts).await
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        self.queue.hide(receipt, after).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.queue.depth().await
    }
}
