//! The user-worker on a deployed stack.

use std::sync::Arc;

use shared::aws::stack::Stack;
use shared::breaker::Breaker;
use shared::google::http::{GoogleAddresses, HttpClient, HttpGmail, HttpOAuth, NoClient};

use crate::UserWorker;

impl UserWorker {
    /// The worker over this stack's tables, topic and queues. It opens tokens of both kinds, and speaks for our OAuth
    /// client, whose password is read from its secret when the first token is refreshed.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Result<Self, NoClient> {
        let google = GoogleAddresses::read(stack.env);
        let http = HttpClient::new(stack.clock.clone())?;
        let gmail = Arc::new(HttpGmail::new(http.clone(), &google.gmail_api_url));
        // Refreshing sends nobody anywhere: only an exchanged code names the address.
        let redirect_uri = String::new();
        let client = stack.google_client();
        let ledger = stack.ledger();
        Ok(Self {
            oauth: Arc::new(HttpOAuth::with_source(http, google, client, redirect_uri)),
            gmail,
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger.clone(),
            breaker: Breaker::new(ledger),
            sealing: stack.sealing(),
            user_jobs: stack.user_jobs(),
            message_jobs: stack.message_jobs(),
            archive: stack.archive(),
            events: stack.events(),
            settings: stack.settings.clone(),
        })
    }
}
