//! The dead-letter stage on a deployed stack.

use shared::aws::stack::Stack;
use shared::breaker::Breaker;
use shared::settings::redirect_uri;

use crate::DeadLetterStage;
use crate::links::Links;
use crate::notice::Notices;

impl DeadLetterStage {
    /// The stage over this stack's tables, its topic, both queues that jobs come back to, and what people are told by.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Self {
        let ledger = stack.ledger();
        let (redirect_uri, secrets) = (redirect_uri(stack.env), stack.secrets());
        let web_secret_id = stack.env.required("WEB_SECRET_ID");
        let links = Links::of_secret(redirect_uri, secrets, web_secret_id);
        Self {
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger.clone(),
            breaker: Breaker::new(ledger),
            replay: stack.replay(),
            events: stack.events(),
            notices: Notices { links, mailer: stack.mailer() },
            clock: stack.clock.clone(),
            stack: stack.settings.stack.clone(),
        }
    }
}
