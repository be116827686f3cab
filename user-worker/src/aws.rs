//! The user-worker on a deployed stack.

use std::sync::Arc;

use shared::aws::stack::Stack;
use shared::breaker::Breaker;
use shared::google::Delegation;
use shared::google::http::{
    GoogleAddresses, HttpClient, HttpDelegation, HttpGmail, HttpOAuth, NoClient,
};

use crate::UserWorker;

impl UserWorker {
    /// The worker over this stack's tables, topic and queues. It opens tokens of both kinds, and speaks for our OAuth
    /// client and our service account, whose secrets are read when the first token of theirs is asked for.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Result<Self, NoClient> {
        let google = GoogleAddresses::read(stack.env);
        let http = HttpClient::new(stack.clock.clone())?;
        let gmail = Arc::new(HttpGmail::new(http.clone(), &google.gmail_api_url));
        // Refreshing sends nobody anywhere: only an exchanged code names the address.
        let redirect_uri = String::new();
        let client = stack.google_client();
        let delegation = stack.service_account().map(|account| -> Arc<dyn Delegation> {
            Arc::new(HttpDelegation::new(http.clone(), google.clone(), account))
        });
        let ledger = stack.ledger();
        Ok(Self {
            oauth: Arc::new(HttpOAuth::with_source(http, google, client, redirect_uri)),
            delegation,
            gmail,
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger.clone(),
            control: ledger.clone(),
            breaker: Breaker::new(ledger),
            sealing: stack.sealing(),
            user_jobs: stack.user_jobs(),
            message_jobs: stack.message_jobs(),
            archive: stack.archive(),
            index: stack.index(),
            events: stack.events(),
            settings: stack.settings.clone(),
        })
    }
}
