//! For how long a mailbox may seem to stand still while everything is well.

use std::time::Duration;

/// An empty poll writes at most this often: a write per poll would cost more than everything else together.
pub const QUIET_WRITE: Duration = Duration::from_hours(1);

/// Beyond the interval between two polls: a job waits for its turn and in its queue, and fails once or twice.
const SLACK: Duration = Duration::from_mins(30);

/// How old the last finished listing of a mailbox may be that is asked every `poll_interval_max` at least. One that is older was
/// not finished: the cursor stands still, whatever Gmail has.
pub fn longest_quiet(poll_interval_max: Duration) -> Duration {
    QUIET_WRITE + poll_interval_max + SLACK
}
