//! The in-process face of delegation: what the service account of the pipeline signs is held against the model, without a
//! socket.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use shared::google::service_account::ServiceAccount;
use shared::google::{Account, Delegation, DelegationError, TokenAnswer};
use shared::secret::AccessToken;

use crate::domains::{JWT_BEARER, ServiceAccountKey, TOKEN_URL};
use crate::errors::OAuthError as Refusal;
use crate::faults::Outcome;
use crate::in_process::{self, GOOGLE, InProcess};
use crate::tokens::TokenRequest;
use crate::world::Google;

/// A service account at work without a network.
#[derive(Debug, Clone)]
pub struct Delegated {
    /// The world that is asked.
    pub google: Google,
    /// Who asks.
    pub account: Arc<ServiceAccount>,
}

impl Delegated {
    /// Speaks as the owner of this key; `None` where the pipeline would not take its file.
    pub fn of(google: Google, key: &ServiceAccountKey) -> Option<Self> {
        let account = Arc::new(ServiceAccount::parse(&key.json).ok()?);
        Some(Self { google, account })
    }

    async fn arrive<T>(
        &self,
        outcome: Outcome<T, Refusal>,
        refused: fn(&Refusal) -> DelegationError,
    ) -> Result<T, DelegationError> {
        let face = InProcess { google: self.google.clone(), redirect_uri: String::new() };
        let (verdict, damage) = face.arrive(outcome).await;
        let answer = verdict.map_err(|refusal| refused(&refusal))?;
        match damage.map(in_process::lost) {
            None => Ok(answer),
            Some(Ok(cause)) => Err(DelegationError::Unreachable { cause }),
            Some(Err(cause)) => Err(DelegationError::Malformed { cause }),
        }
    }
}

#[async_trait]
impl Delegation for Delegated {
    async fn mint(&self, email: &str, scopes: &[String]) -> Result<TokenAnswer, DelegationError> {
        let now = self.google.config().clock.now();
        let assertion = self.account.assertion(email, &scopes.join(" "), TOKEN_URL, now);
        let assertion = assertion
            .map_err(|error| DelegationError::Assertion { error: error.to_string() })?
            .to_string();
        let grant_type = JWT_BEARER.to_owned();
        let asked = TokenRequest { grant_type, assertion, ..TokenRequest::default() };
        let given = self.arrive(self.google.exchange(&asked, GOOGLE), refusal).await?;
        Ok(in_process::token_answer(given))
    }

    async fn account(&self, token: &AccessToken) -> Result<Account, DelegationError> {
        let refused = |refusal: &Refusal| DelegationError::of_userinfo(refusal.code, None);
        let claims = self.arrive(self.google.userinfo(Some(token.bearer())), refused).await?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let misfit =
            |what: &str| DelegationError::Malformed { cause: format!("{what} is missing") };
        let user_id = text("sub").and_then(|sub| sub.parse().ok()).ok_or_else(|| misfit("sub"))?;
        let email = text("email").ok_or_else(|| misfit("email"))?.to_owned();
        Ok(Account { user_id, email })
    }
}

/// What the HTTP client makes of a refusal.
fn refusal(told: &Refusal) -> DelegationError {
    if told.code >= 500 {
        return DelegationError::Backend { status: told.code };
    }
    DelegationError::of(told.error, &told.description, told.code, None)
}
