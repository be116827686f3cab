//! The message-processor on a deployed stack.

use std::sync::Arc;

use shared::aws::stack::Stack;
use shared::google::http::{GoogleAddresses, HttpClient, HttpGmail, NoClient};
use shared::webhook::Webhooks;
use shared::webhook::http::HttpWebhooks;

use crate::{Book, MessageProcessor};

impl MessageProcessor {
    /// The processor over this stack's tables, bucket, topic and queues. It opens access tokens and no others.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Result<Self, NoClient> {
        let google = GoogleAddresses::read(stack.env);
        let http = HttpClient::new(stack.clock.clone())?;
        let gmail = Arc::new(HttpGmail::new(http, &google.gmail_api_url));
        let networks = stack.settings.webhook_networks.clone();
        let webhooks = stack.webhook_keys().map(|keys| HttpWebhooks::new(keys, networks));
        let ledger = stack.ledger();
        Ok(Self {
            changes: gmail.clone(),
            gmail,
            webhooks: webhooks
                .transpose()?
                .map(|webhooks| -> Arc<dyn Webhooks> { Arc::new(webhooks) }),
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger,
            sealing: stack.access_sealing(),
            archive: stack.archive(),
            events: stack.events(),
            user_jobs: stack.user_jobs(),
            message_jobs: stack.message_jobs(),
            dead_letters: stack.dead_message_jobs(),
            // A file of rules is refused with the settings: a stack has no rules yet.
            rules: Book::default(),
            settings: stack.settings.clone(),
            clock: stack.clock.clone(),
        })
    }
}
