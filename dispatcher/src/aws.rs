//! The dispatcher on a deployed stack.

use shared::aws::stack::Stack;

use crate::Dispatcher;

/// How many parts of the table are scanned at once. A page of rosters is some 100 KB and comes in well under a second;
/// four of them at once walk the ten thousand mailboxes of a run in seconds, and a small table costs three empty reads
/// a round more than one would.
const SEGMENTS: u32 = 4;

impl Dispatcher {
    /// The dispatcher over this stack's tables and its queue for user jobs.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Self {
        let ledger = stack.ledger();
        Self {
            mailboxes: ledger.clone(),
            control: ledger,
            user_jobs: stack.user_jobs(),
            settings: stack.settings.clone(),
            clock: stack.clock.clone(),
            chance: stack.chance.clone(),
            segments: SEGMENTS,
        }
    }
}
