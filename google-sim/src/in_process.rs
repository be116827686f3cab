//! The in-process face: the pipeline's own traits over the model, without a socket.
//!
//! It gives what the HTTP client would make of the HTTP face's answers: the same tokens, pages and messages, the same
//! failures, quota and faults. A test holds the two against each other.

use std::time::Duration;

use async_trait::async_trait;
use shared::clock::Timestamp;
use shared::google::{
    Added, Gmail, GmailChanges, GmailError, GmailLabel, HistoryPage, ListPage, OAuth, OAuthError,
    PageToken, Profile, RawMessage, RiscConfiguration, Search, SigningKeys, TokenAnswer,
};
use shared::ids::{HistoryId, MessageId};
use shared::secret::{AccessToken, RefreshToken};

use crate::calls::{Call, Detail};
use crate::errors::{ApiError, OAuthError as OAuthRefusal};
use crate::faults::{Damage, Outcome};
use crate::grants::ACCESS_LIFE;
use crate::history::{HistoryRequest, HistoryType, Record};
use crate::labels::{Label, LabelSet};
use crate::methods::Method;
use crate::search::ListRequest;
use crate::tokens::{KEYS_LAST, RISC_LASTS, TokenRequest, Tokens};
use crate::world::{Google, hex_id, message_id};

/// The largest page Gmail gives; a page costs the same whatever its size.
const PAGE: usize = 500;

/// Who signs, where the world was not told.
pub(crate) const GOOGLE: &str = "https://accounts.google.com";

/// Google without a network. Fields are what the traits do not carry.
#[derive(Debug, Clone)]
pub struct InProcess {
    /// The world it is a face of; it is also this world's client, with the id and secret configured there.
    pub google: Google,
    /// Where consent leads back to.
    pub redirect_uri: String,
}

#[async_trait]
impl OAuth for InProcess {
    async fn exchange(&self, code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError> {
        let asked = TokenRequest {
            grant_type: "authorization_code".to_owned(),
            code: code.to_owned(),
            code_verifier: Some(verifier.to_owned()),
            redirect_uri: self.redirect_uri.clone(),
            ..self.client()
        };
        self.token(&asked).await
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        let asked = TokenRequest {
            grant_type: "refresh_token".to_owned(),
            refresh_token: token.for_google().to_owned(),
            ..self.client()
        };
        self.token(&asked).await
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), OAuthError> {
        let (verdict, _) = self.arrive(self.google.revoke_token(token.for_google())).await;
        match verdict {
            // A grant that had ended already has nothing left to end.
            Err(refusal) if refusal.error == "invalid_token" => Ok(()),
            other => other.map_err(|refusal| oauth_error(&refusal)),
        }
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        let (verdict, damage) = self.arrive(self.google.signing_keys()).await;
        let keys = verdict.map_err(|refusal| oauth_error(&refusal))?;
        damage.map_or(Ok(()), |damage| Err(oauth_damage(damage)))?;
        Ok(SigningKeys { jwks: keys.to_string(), max_age: KEYS_LAST })
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        self.google.tally().call(Method::RiscConfiguration);
        let issuer = self.google.config().issuer.clone().unwrap_or_else(|| GOOGLE.to_owned());
        let jwks_uri = format!("{issuer}/oauth2/v3/certs");
        Ok(RiscConfiguration { issuer: format!("{issuer}/"), jwks_uri, max_age: RISC_LASTS })
    }

    async fn risc_keys(&self, _jwks_uri: &str) -> Result<SigningKeys, OAuthError> {
        self.signing_keys().await
    }
}

#[async_trait]
impl Gmail for InProcess {
    async fn profile(&self, token: &AccessToken) -> Result<Profile, GmailError> {
        self.ask(token, Method::GetProfile, |call| {
            let profile = call.profile();
            Ok(Profile { email: profile.email, history_id: HistoryId(profile.history_id) })
        })
        .await
    }

    async fn history(
        &self,
        token: &AccessToken,
        since: HistoryId,
        page: Option<&PageToken>,
    ) -> Result<HistoryPage, GmailError> {
        let request = HistoryRequest {
            start: since.0,
            types: vec![HistoryType::MessageAdded],
            label: None,
            max: PAGE,
            page: page.map(|PageToken(text)| text.clone()),
        };
        self.ask(token, Method::HistoryList, |call| {
            let page = call.history(&request)?;
            Ok(HistoryPage {
                added: page.records.iter().map(added).collect::<Result<_, _>>()?,
                history_id: HistoryId(page.history_id),
                next: page.next.map(PageToken),
            })
        })
        .await
    }

    async fn list(
        &self,
        token: &AccessToken,
        search: &Search,
        page: Option<&PageToken>,
    ) -> Result<ListPage, GmailError> {
        let request = ListRequest {
            q: search.query.clone(),
            labels: Vec::new(),
            include_spam_trash: search.include_spam_trash,
            max: PAGE,
            page: page.map(|PageToken(text)| text.clone()),
        };
        self.ask(token, Method::MessagesList, |call| {
            let page = call.list(&request)?;
            let ids = page.messages.iter().map(|message| message_id(message.id));
            Ok(ListPage { ids: ids.collect::<Result<_, _>>()?, next: page.next.map(PageToken) })
        })
        .await
    }

    async fn message(
        &self,
        token: &AccessToken,
        id: &MessageId,
        limit: usize,
    ) -> Result<RawMessage, GmailError> {
        let message = self.ask(token, Method::MessagesGet, |call| {
            let message = call.message(id.as_str(), Detail::Raw)?;
            Ok((message.body.bytes.len() <= limit).then(|| RawMessage {
                id: id.clone(),
                thread_id: hex_id(message.at.thread).parse().ok(),
                label_ids: names(message.at.labels),
                internal_date: message.date,
                raw: message.body.bytes.to_vec(),
            }))
        });
        message.await?.ok_or(GmailError::TooLarge { limit })
    }
}

#[async_trait]
impl GmailChanges for InProcess {
    async fn labels(&self, token: &AccessToken) -> Result<Vec<GmailLabel>, GmailError> {
        self.ask(token, Method::LabelsList, |call| {
            Ok(call.labels().into_iter().map(gmail_label).collect())
        })
        .await
    }

    async fn create_label(
        &self,
        token: &AccessToken,
        name: &str,
    ) -> Result<GmailLabel, GmailError> {
        self.ask(token, Method::LabelsCreate, |call| {
            call.create_label(name, None, None).map(gmail_label)
        })
        .await
    }

    async fn modify(
        &self,
        token: &AccessToken,
        message: &MessageId,
        add: &[&str],
        remove: &[&str],
    ) -> Result<(), GmailError> {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        self.ask(token, Method::MessagesModify, |call| {
            call.modify(message.as_str(), &owned(add), &owned(remove)).map(drop)
        })
        .await
    }

    async fn send(&self, token: &AccessToken, raw: Vec<u8>) -> Result<MessageId, GmailError> {
        self.ask(token, Method::MessagesSend, |call| message_id(call.send(&raw.into(), None)?.id))
            .await
    }
}

impl InProcess {
    /// Makes a Gmail call, and lets happen to it what happens on the way.
    async fn ask<T>(
        &self,
        token: &AccessToken,
        method: Method,
        call: impl FnOnce(&Call) -> Result<T, ApiError> + Send,
    ) -> Result<T, GmailError> {
        let outcome = self.google.admit(Some(token.bearer()), "me", method);
        let (verdict, damage) = self.arrive(outcome).await;
        // A damaged call was made all the same; only its answer is lost.
        let answer = verdict
            .and_then(|admitted| call(&admitted))
            .map_err(|refusal| gmail_error(&refusal))?;
        damage.map_or(Ok(answer), |damage| Err(gmail_damage(damage)))
    }

    async fn token(&self, asked: &TokenRequest) -> Result<TokenAnswer, OAuthError> {
        let issuer = self.google.config().issuer.as_deref().unwrap_or(GOOGLE);
        let (verdict, damage) = self.arrive(self.google.exchange(asked, issuer)).await;
        let tokens = verdict.map_err(|refusal| oauth_error(&refusal))?;
        damage.map_or(Ok(()), |damage| Err(oauth_damage(damage)))?;
        Ok(token_answer(tokens))
    }

    /// Waits out the latency. A slow body is one that is waited for, and no damage.
    pub(crate) async fn arrive<T, E>(
        &self,
        outcome: Outcome<T, E>,
    ) -> (Result<T, E>, Option<Damage>) {
        let Outcome { latency, damage, verdict } = outcome;
        if latency > Duration::ZERO {
            self.google.config().clock.sleep(latency).await;
        }
        (verdict, damage.filter(|damage| *damage != Damage::SlowBody))
    }

    fn client(&self) -> TokenRequest {
        let config = self.google.config();
        let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
        TokenRequest { client_id, client_secret, ..TokenRequest::default() }
    }
}

fn added(record: &Record) -> Result<Added, ApiError> {
    Ok(Added { id: message_id(record.message.id)?, label_ids: record.labels.map(names) })
}

fn gmail_label(label: Label) -> GmailLabel {
    GmailLabel { id: label.id.to_string(), name: label.name }
}

fn names(labels: LabelSet) -> Vec<String> {
    labels.iter().map(|label| label.to_string()).collect()
}

pub(crate) fn token_answer(tokens: Tokens) -> TokenAnswer {
    TokenAnswer {
        access_token: AccessToken::new(tokens.access_token),
        expires_in: ACCESS_LIFE,
        scopes: tokens.scopes.names().map(str::to_owned).collect(),
        refresh_token: tokens.refresh_token.map(RefreshToken::new),
        id_token: tokens.id_token,
    }
}

/// What the HTTP client makes of a refusal.
fn gmail_error(refusal: &ApiError) -> GmailError {
    let reason = refusal.reason.to_owned();
    match (refusal.code, refusal.reason) {
        (500.., _) => GmailError::Backend { status: refusal.code },
        (_, "accessNotConfigured") => GmailError::NotConfigured,
        (_, "insufficientPermissions") => GmailError::ScopeMissing,
        (_, "domainPolicy") => GmailError::DomainPolicy,
        (_, "dailyLimitExceeded") => GmailError::DailyLimit,
        (429, _) | (_, "rateLimitExceeded" | "userRateLimitExceeded") => {
            GmailError::RateLimited { until: until(&refusal.message) }
        }
        (_, "failedPrecondition") => GmailError::NoMailbox,
        (401, _) => GmailError::Unauthorized,
        (404, _) => GmailError::NotFound,
        (400, _) => GmailError::BadRequest { reason },
        (status, _) => GmailError::Refused { status, reason },
    }
}

/// The time that stands in the message of a rate limit.
fn until(message: &str) -> Option<Timestamp> {
    message.split_once("Retry after ")?.1.parse().ok()
}

fn oauth_error(refusal: &OAuthRefusal) -> OAuthError {
    let error = refusal.error.to_owned();
    match (refusal.code, refusal.error) {
        (500.., _) => OAuthError::Backend { status: refusal.code },
        (_, "invalid_grant") => {
            OAuthError::GrantDead { subtype: refusal.subtype.map(str::to_owned) }
        }
        (_, "admin_policy_enforced") => OAuthError::AdminPolicy { error },
        (429, _) => OAuthError::RateLimited { until: None },
        (_, "invalid_token") => OAuthError::Malformed { cause: error },
        (_, _) => OAuthError::ClientFault { error },
    }
}

fn gmail_damage(damage: Damage) -> GmailError {
    match lost(damage) {
        Ok(cause) => GmailError::Unreachable { cause },
        Err(cause) => GmailError::Malformed { cause },
    }
}

fn oauth_damage(damage: Damage) -> OAuthError {
    match lost(damage) {
        Ok(cause) => OAuthError::Unreachable { cause },
        Err(cause) => OAuthError::Malformed { cause },
    }
}

/// Whether the answer did not come at all, or came and made no sense.
pub(crate) fn lost(damage: Damage) -> Result<String, String> {
    match damage {
        Damage::Dropped => Ok("the connection was closed".to_owned()),
        Damage::Truncated => Err("the answer ends in the middle".to_owned()),
        Damage::WrongTypes => Err("numbers where texts belong".to_owned()),
        Damage::SlowBody => Err("a slow body that was not waited for".to_owned()),
    }
}
