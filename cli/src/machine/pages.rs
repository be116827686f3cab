//! The pages on which people connect their mailbox.

use std::sync::Arc;

use axum::Router;
use oauth_callback::cookie::CookieSealing;
use oauth_callback::link::LinkSigning;
use oauth_callback::{Callback, READ_MAIL, router};
use shared::google::http::GoogleAddresses;
use shared::google::id_token::IdTokenVerifier;

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
        Ok(router(Arc::new(Callback {
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
            scopes: vec![READ_MAIL.to_owned()],
            cookies: CookieSealing::new(&key),
            links: LinkSigning::new(&key),
            settings: self.settings.clone(),
            clock: folder.clock.clone(),
            chance: folder.chance.clone(),
        })))
    }
}
