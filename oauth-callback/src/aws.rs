//! The pages for connecting on a deployed stack.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use shared::aws::google_client::SecretClient;
use shared::aws::secrets::Secrets;
use shared::aws::stack::Stack;
use shared::clock::{Chance, Clock};
use shared::connect_link::LinkSigning;
use shared::google::client::ClientSource;
use shared::google::http::{GoogleAddresses, HttpClient, HttpOAuth, NoClient};
use shared::google::id_token::IdTokenVerifier;
use shared::google::security_event::SecurityEventVerifier;
use shared::ledger::dynamodb::DynamoLedger;
use shared::queue::sqs::SqsQueue;
use shared::sealing::kms::KmsSealing;
use shared::settings::{Settings, redirect_uri};
use shared::store::StoreError;
use tokio::sync::OnceCell;

use crate::cookie::CookieSealing;
use crate::page::Page;
use crate::security_events::Recipient;
use crate::{Callback, beginning, router, security_events};

/// The pages, before and after the secrets that they need have been read.
pub struct Door {
    google: GoogleAddresses,
    oauth: Arc<HttpOAuth>,
    client: Arc<SecretClient>,
    secrets: Secrets,
    web_secret_id: String,
    ledger: Arc<DynamoLedger>,
    sealing: Arc<KmsSealing>,
    user_jobs: Arc<SqsQueue>,
    redirect_uri: String,
    settings: Settings,
    clock: Clock,
    chance: Chance,
    pages: OnceCell<Router>,
}

impl Door {
    /// The pages over this stack's tables and its queue for user jobs. They seal refresh tokens; no secret is read yet.
    pub fn on_aws(stack: &mut Stack<'_, '_>) -> Result<Self, NoClient> {
        let google = GoogleAddresses::read(stack.env);
        let http = HttpClient::new(stack.clock.clone())?;
        let client = stack.google_client();
        let redirect_uri = redirect_uri(stack.env);
        let (own, own_client) = (google.clone(), client.clone());
        let oauth = HttpOAuth::with_source(http, own, own_client, redirect_uri.clone());
        Ok(Self {
            google,
            oauth: Arc::new(oauth),
            client,
            secrets: stack.secrets(),
            web_secret_id: stack.env.required("WEB_SECRET_ID"),
            ledger: stack.ledger(),
            sealing: stack.refresh_sealing(),
            user_jobs: stack.user_jobs(),
            redirect_uri,
            settings: stack.settings.clone(),
            clock: stack.clock.clone(),
            chance: stack.chance.clone(),
            pages: OnceCell::new(),
        })
    }

    /// The router; the first call reads both secrets, and one that fails leaves it to the next.
    pub async fn pages(&self) -> Result<Router, StoreError> {
        self.pages.get_or_try_init(|| self.open()).await.cloned()
    }

    /// What says that the fault is ours, for when there is no router: a page, and to Google that it may come again.
    pub(crate) fn fault(&self, path: Option<&str>) -> Response {
        if path == Some(security_events::ADDRESS) {
            return security_events::unavailable();
        }
        let beginning = beginning(&self.redirect_uri, self.settings.connect_links, None);
        Page::Fault.leading_to(beginning.as_ref())
    }

    async fn open(&self) -> Result<Router, StoreError> {
        let client_id = self.client.credentials().await?.id.clone();
        let key = self.secrets.web_key(&self.web_secret_id).await?;
        let issuer = self.google.issuer.clone();
        let security_events = Recipient {
            verifier: SecurityEventVerifier::new(self.oauth.clone(), client_id.clone()),
            mailboxes: self.ledger.clone(),
            control: self.ledger.clone(),
            user_jobs: self.user_jobs.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        };
        let callback = Callback {
            oauth: self.oauth.clone(),
            id_tokens: IdTokenVerifier::new(self.oauth.clone(), issuer, client_id.clone()),
            mailboxes: self.ledger.clone(),
            control: self.ledger.clone(),
            sealing: self.sealing.clone(),
            user_jobs: self.user_jobs.clone(),
            client_id,
            redirect_uri: self.redirect_uri.clone(),
            auth_url: self.google.auth_url.url(),
            cookies: CookieSealing::new(&key),
            links: LinkSigning::new(&key),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        };
        Ok(router(Arc::new(callback), Arc::new(security_events)))
    }
}
