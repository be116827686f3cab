//! Waiting for a queue's first record.

use std::time::Duration;

use tokio::sync::Notify;

use super::Record;
use crate::clock::Clock;
use crate::store::StoreError;

/// How often an empty queue is looked at again while somebody waits. A send in this process rings at once; this finds
/// what another process sent, and what has become visible by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Makes `attempt` until it brings something, or `wait` has passed.
pub(super) async fn poll<F>(
    clock: &Clock,
    bell: &Notify,
    wait: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<Vec<Record>, StoreError>
where
    F: Future<Output = Result<Vec<Record>, StoreError>>,
{
    let deadline = clock.now() + wait;
    loop {
        // Listening begins before looking: a send in between is heard.
        let rung = bell.notified();
        let found = attempt().await?;
        let left = deadline.since(clock.now());
        if !found.is_empty() || left.is_zero() {
            return Ok(found);
        }
        tokio::select! {
            () = rung => {}
            () = clock.sleep(left.min(LOOK_AGAIN)) => {}
        }
    }
}
