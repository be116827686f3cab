//! What mailboxes of a Workspace domain are connected with: the service account's key, and where Google is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "aws")]
use anyhow::Context;
#[cfg(feature = "aws")]
use shared::aws::secrets::Secrets;
use shared::clock::Clock;
use shared::google::client::FixedAccount;
use shared::google::http::{GoogleAddresses, HttpClient, HttpDelegation};
use shared::google::service_account::ServiceAccount;
use shared::scope::Feature;
use shared::settings::{Backfill, Env, Settings};

use super::bad_use;
use crate::BadUse;

/// Where the key is.
pub(crate) enum Domain {
    /// In the file that `WORKSPACE_KEY` names.
    Machine,
    /// In the secret that the stack's outputs name, if they do.
    #[cfg(feature = "aws")]
    Stack {
        /// Reads it.
        secrets: Secrets,
        /// `WORKSPACE_KEY`.
        secret_id: Option<String>,
        /// `FEATURES`.
        features: Option<String>,
    },
}

/// Ready to ask Google in the name of an address.
pub(crate) struct Opened {
    pub(crate) delegation: HttpDelegation,
    pub(crate) backfill: Backfill,
    pub(crate) features: BTreeSet<Feature>,
    /// The number that the domain's administrator authorizes.
    pub(crate) client_id: String,
}

impl Domain {
    /// Reads the key. On a stack this reads its secret, which not everybody who may look at mailboxes can.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "a stack's secret is asked for")
    )]
    pub(crate) async fn open(&self, clock: &Clock) -> anyhow::Result<Opened> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the settings that a command beside `serve` reads"
        )]
        let environment = |name: &str| std::env::var(name).ok();
        let lookup = |name: &str| match self {
            #[cfg(feature = "aws")]
            Self::Stack { features, .. } if name == "FEATURES" => features.clone(),
            _ => environment(name),
        };
        let mut env = Env::new(&lookup);
        let (settings, addresses) = (Settings::read(&mut env), GoogleAddresses::read(&mut env));
        let account = match self {
            Self::Machine => workspace_key(&mut env),
            #[cfg(feature = "aws")]
            Self::Stack { .. } => None,
        };
        let account = env.finish(account).map_err(|bad| BadUse(bad.to_string()))?;
        let account = match self {
            Self::Machine => account.ok_or_else(|| bad_use(UNSET))?,
            #[cfg(feature = "aws")]
            Self::Stack { secrets, secret_id, .. } => {
                let secret_id = secret_id.as_ref().ok_or_else(|| bad_use(NO_SECRET))?;
                secrets.service_account(secret_id).await.with_context(|| {
                    format!("connecting a domain's mailboxes needs the right to secretsmanager:GetSecretValue on {secret_id}")
                })?
            }
        };
        let client_id = account.client_id.clone();
        let source = Arc::new(FixedAccount::new(account));
        let delegation = HttpDelegation::new(HttpClient::new(clock.clone())?, addresses, source);
        let Settings { backfill, features, .. } = settings;
        Ok(Opened { delegation, backfill, features, client_id })
    }
}

const UNSET: &str = "WORKSPACE_KEY is not set: it names the key file of the service account, and `serve` needs it too";

#[cfg(feature = "aws")]
const NO_SECRET: &str = "the stack has no service account: deploy it with WorkspaceSecretArn=… of the secret that holds the key file";

/// `WORKSPACE_KEY`: the service account whose key file it names, `None` where it is not set. A problem is left in `env`.
pub(crate) fn workspace_key(env: &mut Env<'_>) -> Option<ServiceAccount> {
    env.parsed("WORKSPACE_KEY", None, |file| {
        ServiceAccount::read(Path::new(file)).map(Some).map_err(|bad| bad.to_string())
    })
}
