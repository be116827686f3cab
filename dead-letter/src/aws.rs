//! The dead-letter stage on a deployed stack.

use shared::aws::stack::Stack;
use shared::breaker::Breaker;

use crate::DeadLetterStage;

impl DeadLetterStage {
    /// The stage over this stack's tables, its topic, and both queues that jobs come back to.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Self {
        let ledger = stack.ledger();
        Self {
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger.clone(),
            breaker: Breaker::new(ledger),
            replay: stack.replay(),
            events: stack.events(),
            clock: stack.clock.clone(),
            stack: stack.settings.stack.clone(),
        }
    }
}
