//! What connect links are made with: the key of the pages, and the address that people come back to.

#[cfg(feature = "aws")]
use anyhow::Context;
#[cfg(feature = "aws")]
use shared::aws::secrets::Secrets;
use shared::connect_link::LinkSigning;
use shared::settings::{Env, redirect_uri_or};

use crate::BadUse;
use crate::machine::folder::Folder;

/// Where `serve` listens, unless it is told otherwise.
const OWN: &str = "http://127.0.0.1:8080/oauth2callback";

/// The pages on which people connect, as whoever gives out links knows them.
pub(crate) enum Door {
    /// Those of `serve` on this folder.
    Folder(Folder),
    /// Those of a stack.
    #[cfg(feature = "aws")]
    Stack {
        /// Reads the key.
        secrets: Secrets,
        /// Which secret it is made of.
        web_secret_id: String,
        /// What the stack's outputs say.
        redirect_uri: String,
    },
}

impl Door {
    /// Signs links for these pages. On a stack this reads its secret, which not everybody who may look at mailboxes can.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "a stack's secret is asked for")
    )]
    pub(crate) async fn signing(&self) -> anyhow::Result<LinkSigning> {
        let key = match self {
            Self::Folder(folder) => folder.web_key()?,
            #[cfg(feature = "aws")]
            Self::Stack { secrets, web_secret_id, .. } => {
                secrets.web_key(web_secret_id).await.with_context(|| {
                    format!(
                        "signing a link needs the right to secretsmanager:GetSecretValue on {web_secret_id}"
                    )
                })?
            }
        };
        Ok(LinkSigning::new(&key))
    }

    /// `OAUTH_REDIRECT_URI`.
    pub(crate) fn redirect_uri(&self) -> anyhow::Result<String> {
        match self {
            Self::Folder(_) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one setting that a command beside `serve` reads"
                )]
                let lookup = |name: &str| std::env::var(name).ok();
                let mut env = Env::new(&lookup);
                let address = redirect_uri_or(&mut env, OWN);
                Ok(env.finish(address).map_err(|bad| BadUse(bad.to_string()))?)
            }
            #[cfg(feature = "aws")]
            Self::Stack { redirect_uri, .. } => Ok(redirect_uri.clone()),
        }
    }
}
