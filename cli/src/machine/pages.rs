//! The pages on which people connect their mailbox.

use std::sync::Arc;

use axum::Router;
use oauth_callback::cookie::CookieSealing;
use oauth_callback::security_events::Recipient;
use oauth_callback::{Callback, router};
use shared::connect_link::LinkSigning;
use shared::google::http::GoogleAddresses;
use shared::google::id_token::IdTokenVerifier;
use shared::google::security_event::SecurityEventVerifier;

use super::pipeline::Pipeline;

impl Pipeline {
    /// The router of the consent flow. The key of its cookies and links is the folder's: links outlive this process.
    pub(crate) fn pages(
        &self,
        google: &GoogleAddresses,
        client_id: String,
        redirect_uri: String,
    ) -> anyhow::Result<Router> {
        let folder = &self.folder;
        let key = folder.web_key()?;
        let security_events = Recipient {
            verifier: SecurityEventVerifier::new(self.oauth.clone(), client_id.clone()),
            mailboxes: folder.ledger.clone(),
            control: folder.ledger.clone(),
            user_jobs: folder.user_jobs.clone(),
            clock: folder.clock.clone(),
            chance: folder.chance.clone(),
        };
        let callback = Callback {
            oauth: self.oauth.clone(),
            id_tokens: IdTokenVerifier::new(
                self.oauth.clone(),
                google.issuer.clone(),
                client_id.clone(),
            ),
            mailboxes: folder.ledger.clone(),
            control: folder.ledger.clone(),
            sealing: self.sealing.clone(),
            user_jobs: folder.user_jobs.clone(),
            client_id,
            redirect_uri,
            auth_url: google.auth_url.url(),
            cookies: CookieSealing::new(&key),
            links: LinkSigning::new(&key),
            settings: self.settings.clone(),
            clock: folder.clock.clone(),
            chance: folder.chance.clone(),
        };
        Ok(router(Arc::new(callback), Arc::new(security_events)))
    }
}
