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
            index: stack.index(),
            events: stack.events(),
            user_jobs: stack.user_jobs(),
            message_jobs: stack.message_jobs(),
            dead_letters: stack.dead_message_jobs(),
            rules: rules(stack),
            settings: stack.settings.clone(),
            clock: stack.clock.clone(),
        })
    }
}

/// The rules of this stack, if it is to have any. They are read when they are first used.
fn rules(stack: &mut Stack<'_, '_>) -> Book {
    let Some(file) = stack.rules_file() else { return Book::default() };
    Book::on_use(Arc::new(file), stack.archive(), stack.clock.clone(), stack.chance.clone())
}
