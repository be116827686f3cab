//! Google's two faces, with the witness standing behind them.

use std::sync::Arc;

use async_trait::async_trait;
use google_sim::in_process::InProcess;
use shared::google::{
    Gmail, GmailError, HistoryPage, ListPage, OAuth, OAuthError, PageToken, Profile, RawMessage,
    RiscConfiguration, Search, SigningKeys, TokenAnswer,
};
use shared::ids::{HistoryId, MessageId};
use shared::secret::{AccessToken, RefreshToken};

use crate::witness::Witness;

/// The simulated Google, witnessed.
pub struct Witnessed {
    pub google: InProcess,
    pub witness: Arc<Witness>,
}

impl Witnessed {
    /// Notes what Gmail's answer says of the consent behind a token, and that it was asked at all.
    pub(crate) fn heard<T>(&self, token: &AccessToken, answer: &Result<T, GmailError>) {
        let errand = self.witness.fate.errand();
        if let (Some(user), Some(life)) = (&errand.who.user, errand.ended_life)
            // A consent may have begun it since: what is sent while a mailbox is away bears its next life's number.
            && self.witness.is_over(user, life)
        {
            let rule = "nothing new is begun for a life that has ended";
            self.witness.violated(rule, Some(user), format!("{} asked Gmail", errand.who.job));
        }
        let Err(error) = answer else { return };
        self.witness.fate.count("gmail", gmail_word(error));
        let mut seen = self.witness.seen();
        let token = token.bearer();
        let Some(consent) = seen.access.get(token).and_then(|from| seen.refresh.get(from)) else {
            return;
        };
        let consent = consent.clone();
        match error {
            GmailError::Unauthorized => {
                seen.refused.entry(consent).or_default().insert(token.to_owned());
            }
            GmailError::ScopeMissing => {
                seen.called_dead.insert(consent);
            }
            GmailError::RateLimited { .. }
            | GmailError::NotFound
            | GmailError::Backend { .. }
            | GmailError::Unreachable { .. }
            | GmailError::Malformed { .. }
            | GmailError::DailyLimit
            | GmailError::NotConfigured
            | GmailError::BadRequest { .. }
            | GmailError::Refused { .. }
            | GmailError::TooLarge { .. }
            | GmailError::DomainPolicy
            | GmailError::NoMailbox => {}
        }
    }

    fn fetched(&self, id: &MessageId) {
        let errand = self.witness.fate.errand();
        let user = errand.who.user.as_ref();
        if errand.ended_before.contains(id) {
            let rule = "a message that has come to its end is not fetched again";
            self.witness.violated(rule, user, format!("{id} by {}", errand.who.job));
        }
        let mut seen = self.witness.seen();
        let key = user.map(|user| (user.clone(), id.clone()));
        if let Some(delivered) = key.and_then(|key| seen.mail.get_mut(&key)) {
            delivered.fetched += 1;
        }
    }
}

fn gmail_word(error: &GmailError) -> &'static str {
    match error {
        GmailError::Unauthorized => "401",
        GmailError::ScopeMissing => "scope missing",
        GmailError::DomainPolicy => "domain policy",
        GmailError::NoMailbox => "no mailbox",
        GmailError::RateLimited { until: Some(_) } => "rate limited until a time",
        GmailError::RateLimited { until: None } => "rate limited",
        GmailError::DailyLimit => "daily limit",
        GmailError::NotConfigured => "not configured",
        GmailError::NotFound => "not found",
        GmailError::BadRequest { .. } => "bad request",
        GmailError::Backend { .. } => "5xx",
        GmailError::Unreachable { .. } => "no answer",
        GmailError::Malformed { .. } => "malformed",
        GmailError::Refused { .. } => "refused",
        GmailError::TooLarge { .. } => "too large",
    }
}

fn oauth_word(error: &OAuthError) -> &'static str {
    match error {
        OAuthError::GrantDead { .. } => "dead grant",
        OAuthError::AdminPolicy { .. } => "admin policy",
        OAuthError::ClientFault { .. } => "client fault",
        OAuthError::RateLimited { .. } => "rate limited",
        OAuthError::Backend { .. } => "5xx",
        OAuthError::Unreachable { .. } => "no answer",
        OAuthError::Malformed { .. } => "malformed",
        OAuthError::Credentials(_) => "credentials",
    }
}

#[async_trait]
impl Gmail for Witnessed {
    async fn profile(&self, token: &AccessToken) -> Result<Profile, GmailError> {
        let answer = self.google.profile(token).await;
        self.heard(token, &answer);
        answer
    }

    async fn history(
        &self,
        token: &AccessToken,
        since: HistoryId,
        page: Option<&PageToken>,
    ) -> Result<HistoryPage, GmailError> {
        let answer = self.google.history(token, since, page).await;
        self.heard(token, &answer);
        answer
    }

    async fn list(
        &self,
        token: &AccessToken,
        search: &Search,
        page: Option<&PageToken>,
    ) -> Result<ListPage, GmailError> {
        let answer = self.google.list(token, search, page).await;
        self.heard(token, &answer);
        answer
    }

    async fn message(
        &self,
        token: &AccessToken,
        id: &MessageId,
        limit: usize,
    ) -> Result<RawMessage, GmailError> {
        let answer = self.google.message(token, id, limit).await;
        self.heard(token, &answer);
        self.fetched(id);
        answer
    }
}

#[async_trait]
impl OAuth for Witnessed {
    async fn exchange(&self, code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError> {
        self.google.exchange(code, verifier).await
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        let answer = self.google.refresh(token).await;
        let mut seen = self.witness.seen();
        let from = token.for_google().to_owned();
        match &answer {
            Ok(given) => {
                seen.access.insert(given.access_token.bearer().to_owned(), from);
            }
            Err(OAuthError::GrantDead { .. }) => {
                let consent = seen.refresh.get(&from).cloned();
                seen.called_dead.extend(consent);
            }
            Err(
                OAuthError::AdminPolicy { .. }
                | OAuthError::ClientFault { .. }
                | OAuthError::RateLimited { .. }
                | OAuthError::Backend { .. }
                | OAuthError::Unreachable { .. }
                | OAuthError::Malformed { .. }
                | OAuthError::Credentials(_),
            ) => {}
        }
        if let Err(error) = &answer {
            self.witness.fate.count("oauth", oauth_word(error));
        }
        answer
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), OAuthError> {
        self.google.revoke(token).await
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        self.google.signing_keys().await
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        self.google.risc_configuration().await
    }

    async fn risc_keys(&self, jwks_uri: &str) -> Result<SigningKeys, OAuthError> {
        self.google.risc_keys(jwks_uri).await
    }
}
