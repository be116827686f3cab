//! The link on which a person connects their mailbox again: that one, and no other.

use std::sync::Arc;

#[cfg(feature = "aws")]
use shared::aws::secrets::Secrets;
use shared::clock::Timestamp;
use shared::connect_link::{Link, LinkSigning, address};
use shared::mailbox::Mailbox;
use shared::scope::GmailScope;
use shared::store::StoreError;
#[cfg(feature = "aws")]
use tokio::sync::OnceCell;
use url::Url;

/// Makes links for the pages on which people connect.
#[derive(Clone)]
pub struct Links {
    redirect_uri: String,
    signing: Signing,
}

/// Where the key is.
#[derive(Clone)]
enum Signing {
    Known(Arc<LinkSigning>),
    #[cfg(feature = "aws")]
    Secret(Arc<Secret>),
}

/// A key that is read when the first link is made: most runs make none.
#[cfg(feature = "aws")]
struct Secret {
    secrets: Secrets,
    id: String,
    signing: OnceCell<LinkSigning>,
}

impl Links {
    /// Of the pages that people come back to at `redirect_uri`.
    pub fn new(redirect_uri: String, signing: LinkSigning) -> Self {
        Self { redirect_uri, signing: Signing::Known(Arc::new(signing)) }
    }

    /// The same, with the key in the secret `id`.
    #[cfg(feature = "aws")]
    pub fn of_secret(redirect_uri: String, secrets: Secrets, id: String) -> Self {
        let secret = Secret { secrets, id, signing: OnceCell::new() };
        Self { redirect_uri, signing: Signing::Secret(Arc::new(secret)) }
    }

    /// The address for the owner of this mailbox, good before `until`. Asks for what was granted before.
    pub(crate) async fn reconnect(
        &self,
        mailbox: &Mailbox,
        until: Timestamp,
    ) -> Result<Url, StoreError> {
        let granted = |scope: &GmailScope| {
            *scope == GmailScope::Readonly || mailbox.scopes.iter().any(|it| it == scope.address())
        };
        let link = Link {
            // An id that no link could carry was not written by one; the mailbox keeps it.
            reference: mailbox.reference.as_ref().and_then(|it| it.parse().ok()),
            user: Some(mailbox.user_id.clone()),
            scopes: GmailScope::ALL.into_iter().filter(granted).collect(),
            expires_at: until,
        };
        let text = self.sign(&link).await?;
        address(&self.redirect_uri, &text).ok_or_else(|| StoreError::Broken {
            doing: "making a connect link",
            source: "OAUTH_REDIRECT_URI is no address that a link could begin with".into(),
        })
    }

    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "a stack's secret is asked for")
    )]
    async fn sign(&self, link: &Link) -> Result<String, StoreError> {
        match &self.signing {
            Signing::Known(signing) => Ok(signing.sign(link)),
            #[cfg(feature = "aws")]
            Signing::Secret(secret) => {
                let read = async || secret.secrets.web_key(&secret.id).await;
                let make = async || read().await.map(|key| LinkSigning::new(&key));
                Ok(secret.signing.get_or_try_init(make).await?.sign(link))
            }
        }
    }
}
