//! Waiting for something to become true: looked at again and again, and given up with a reason.

use std::time::Duration;

use shared::clock::Clock;

/// How often we look.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until there is something to see; fails, saying what never came, after `limit`.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Clock::System.now() + limit;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Clock::System.now() < deadline, "{what} did not come in {limit:?}");
        Clock::System.sleep(LOOK).await;
    }
}
