//! The token endpoint: codes, refresh tokens and assertions become access tokens, or die.
//!
//! A code is used once, with the verifier that began it and the address it was sent to; what it gave is taken back
//! when it comes again. A refresh token is as good as the grant behind it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domains::JWT_BEARER;
use crate::errors::OAuthError;
use crate::faults::{FaultKind, Outcome};
use crate::grants::{ACCESS_LIFE, Access, Cause};
use crate::mailbox::Mailbox;
use crate::methods::Method;
use crate::scopes::Scopes;
use crate::world::Google;

/// How long the published keys may be kept: six hours and a half, as seen from Google.
pub const KEYS_LAST: Duration = Duration::from_mins(390);

/// How long what is published about security events may be kept.
pub const RISC_LASTS: Duration = Duration::from_hours(1);

/// What a client asks the token endpoint.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are Google's")]
pub struct TokenRequest {
    pub grant_type: String,
    pub client_id: String,
    pub client_secret: String,
    pub code: String,
    pub redirect_uri: String,
    pub code_verifier: Option<String>,
    pub refresh_token: String,
    pub assertion: String,
}

/// What the token endpoint gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Opens Gmail for an hour.
    pub access_token: String,
    /// What was really granted.
    pub scopes: Scopes,
    /// With offline access and a fresh consent.
    pub refresh_token: Option<String>,
    /// With scope `openid`.
    pub id_token: Option<String>,
}

impl Google {
    /// The token endpoint: a code or a refresh token for an access token.
    pub fn exchange(&self, request: &TokenRequest, issuer: &str) -> Outcome<Tokens, OAuthError> {
        self.tally().call(Method::Token);
        let owner = self.owner_of(request);
        let struck = self.struck(owner.as_ref().map(|mailbox| &*mailbox.email), Method::Token);
        let verdict = match struck.kind.and_then(FaultKind::oauth_error) {
            Some(refusal) => Err(refusal),
            None => self.give(request, issuer),
        };
        let damage = struck.kind.and_then(FaultKind::damage);
        Outcome { latency: struck.latency, damage, verdict }
    }

    /// The revocation endpoint: ends everything the person ever gave to this project.
    pub fn revoke_token(&self, token: &str) -> Outcome<(), OAuthError> {
        self.tally().call(Method::Revoke);
        let owner = self.grants().owner(token);
        let struck = self.struck(owner.as_ref().map(|mailbox| &*mailbox.email), Method::Revoke);
        let verdict = match (struck.kind.and_then(FaultKind::oauth_error), owner) {
            (Some(refusal), _) => Err(refusal),
            (None, None) => Err(OAuthError::new("invalid_token", "Token expired or revoked")),
            (None, Some(mailbox)) => {
                self.grants().kill(&mailbox, Cause::UserRevoked);
                Ok(())
            }
        };
        let damage = struck.kind.and_then(FaultKind::damage);
        Outcome { latency: struck.latency, damage, verdict }
    }

    /// Consent without a browser: what a client would hold after it.
    pub fn consent(&self, mailbox: &Arc<Mailbox>, scopes: Scopes) -> Tokens {
        self.grants().remember(mailbox, scopes);
        let refresh = self.issue_refresh(mailbox, scopes);
        let access_token = self.issue_access(mailbox.clone(), scopes, Some(refresh.clone()));
        let refresh_token = Some(refresh.to_string());
        Tokens { access_token, scopes, refresh_token, id_token: None }
    }

    /// Who an access token speaks for, as far as its scopes tell.
    pub fn userinfo(&self, token: Option<&str>) -> Outcome<Value, OAuthError> {
        self.tally().call(Method::Userinfo);
        let access = token.and_then(|token| self.access(token));
        let Some(access) = access.filter(|access| access.scopes.any(Scopes::IDENTITY)) else {
            let refusal = OAuthError::new("invalid_request", "Invalid Credentials");
            let verdict = Err(OAuthError { code: 401, ..refusal });
            return Outcome { latency: Duration::ZERO, damage: None, verdict };
        };
        let struck = self.struck(Some(&access.mailbox.email), Method::Userinfo);
        let verdict = match struck.kind.and_then(FaultKind::oauth_error) {
            Some(refusal) => Err(refusal),
            None => Ok(person(&access.mailbox, access.scopes)),
        };
        let damage = struck.kind.and_then(FaultKind::damage);
        Outcome { latency: struck.latency, damage, verdict }
    }

    /// The published keys, as a JWKS document.
    pub fn signing_keys(&self) -> Outcome<Value, OAuthError> {
        self.tally().call(Method::Certs);
        let struck = self.struck(None, Method::Certs);
        let broken = || OAuthError { code: 500, ..OAuthError::new("internal_failure", "No key") };
        let verdict = match struck.kind.and_then(FaultKind::oauth_error) {
            Some(refusal) => Err(refusal),
            None => self.keys().jwks().map_err(|_| broken()),
        };
        let damage = struck.kind.and_then(FaultKind::damage);
        Outcome { latency: struck.latency, damage, verdict }
    }

    pub(crate) fn issue_access(
        &self,
        mailbox: Arc<Mailbox>,
        scopes: Scopes,
        grant: Option<Arc<str>>,
    ) -> String {
        let (token, now) = (self.token("ya29.a0"), self.now());
        let access = Access { mailbox, scopes, until: now + ACCESS_LIFE, grant };
        self.grants().admit(token.clone(), access, now);
        token
    }

    fn issue_refresh(&self, mailbox: &Arc<Mailbox>, scopes: Scopes) -> Arc<str> {
        let refresh: Arc<str> = self.token("1//0").into();
        self.grants().add(&refresh, mailbox, scopes, self.now());
        refresh
    }

    pub(crate) fn token(&self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.chance().bytes::<32>()))
    }

    fn owner_of(&self, request: &TokenRequest) -> Option<Arc<Mailbox>> {
        if !request.assertion.is_empty() {
            return self.subject_of(&request.assertion);
        }
        let grants = self.grants();
        let by_code = grants.codes.get(&request.code).map(|code| code.mailbox.clone());
        by_code.or_else(|| grants.owner(&request.refresh_token))
    }

    fn give(&self, request: &TokenRequest, issuer: &str) -> Result<Tokens, OAuthError> {
        if request.grant_type == JWT_BEARER {
            return self.delegate(request, issuer);
        }
        if request.client_id != self.config().client_id {
            return Err(OAuthError::invalid_client("The OAuth client was not found."));
        }
        if request.client_secret != self.config().client_secret {
            return Err(OAuthError::invalid_client("Unauthorized"));
        }
        match request.grant_type.as_str() {
            "authorization_code" => self.exchange_code(request, issuer),
            "refresh_token" => self.refresh(&request.refresh_token, issuer),
            other => {
                let text = format!("Invalid grant_type: {other}");
                Err(OAuthError::new("unsupported_grant_type", text))
            }
        }
    }

    fn exchange_code(&self, request: &TokenRequest, issuer: &str) -> Result<Tokens, OAuthError> {
        let (mailbox, scopes, nonce, refreshable) = self.use_code(request)?;
        let refresh = refreshable.then(|| self.issue_refresh(&mailbox, scopes));
        if let Some(code) = self.grants().codes.get_mut(&request.code) {
            code.gave.clone_from(&refresh);
        }
        let id_token = self.id_token(&mailbox, scopes, nonce.as_deref(), issuer)?;
        let access_token = self.issue_access(mailbox, scopes, refresh.clone());
        let refresh_token = refresh.map(|token| token.to_string());
        Ok(Tokens { access_token, scopes, refresh_token, id_token })
    }

    /// Uses a code up. One that comes a second time was stolen, or the first answer was: what it gave is taken back.
    fn use_code(
        &self,
        request: &TokenRequest,
    ) -> Result<(Arc<Mailbox>, Scopes, Option<String>, bool), OAuthError> {
        let mut grants = self.grants();
        let now = self.now();
        let code = grants.codes.get_mut(&request.code).filter(|code| code.until > now);
        let code = code.ok_or_else(|| OAuthError::invalid_grant("Malformed auth code."))?;
        if code.used {
            if let Some(given) = code.gave.take() {
                grants.kill_one(&given);
            }
            return Err(OAuthError::invalid_grant("Bad Request"));
        }
        if code.redirect_uri != request.redirect_uri {
            return Err(OAuthError::new("redirect_uri_mismatch", "Bad Request"));
        }
        prove(code.challenge.as_ref(), request.code_verifier.as_deref())?;
        code.used = true;
        Ok((code.mailbox.clone(), code.scopes, code.nonce.take(), code.refreshable))
    }

    fn refresh(&self, token: &str, issuer: &str) -> Result<Tokens, OAuthError> {
        let (grant, mailbox, scopes) = {
            let mut grants = self.grants();
            let (key, grant) = grants.refresh(token, self.config().publishing, self.now())?;
            (key, grant.mailbox.clone(), grant.scopes)
        };
        let id_token = self.id_token(&mailbox, scopes, None, issuer)?;
        let access_token = self.issue_access(mailbox, scopes, Some(grant));
        Ok(Tokens { access_token, scopes, refresh_token: None, id_token })
    }

    fn id_token(
        &self,
        mailbox: &Mailbox,
        scopes: Scopes,
        nonce: Option<&str>,
        issuer: &str,
    ) -> Result<Option<String>, OAuthError> {
        if !scopes.any(Scopes::OPENID) {
            return Ok(None);
        }
        let client = &self.config().client_id;
        let now = self.now().seconds();
        let mut claims = person(mailbox, scopes);
        for (name, value) in [
            ("iss", json!(issuer)),
            ("aud", json!(client)),
            ("azp", json!(client)),
            ("iat", json!(now)),
            ("exp", json!(now + 3600)),
        ] {
            claims[name] = value;
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let token = self.keys().sign(&claims);
        let broken = |_| OAuthError { code: 500, ..OAuthError::new("internal_failure", "No key") };
        token.map(Some).map_err(broken)
    }
}

/// What the scopes let a client know of a person.
fn person(mailbox: &Mailbox, scopes: Scopes) -> Value {
    let mut claims = json!({"sub": mailbox.sub});
    if scopes.any(Scopes::EMAIL) {
        claims["email"] = json!(mailbox.address());
        claims["email_verified"] = json!(true);
    }
    if scopes.any(Scopes::PROFILE) {
        claims["name"] = json!(mailbox.name);
    }
    claims
}

/// PKCE: whether the verifier is the one that the challenge was made from.
fn prove(challenge: Option<&(String, String)>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let refuse = |text| Err(OAuthError::invalid_grant(text));
    let Some(verifier) = verifier.filter(|verifier| !verifier.is_empty()) else {
        return if challenge.is_some() { refuse("Missing code verifier.") } else { Ok(()) };
    };
    let Some((method, challenge)) = challenge else {
        return refuse("code_verifier or verifier is not needed.");
    };
    let made = if method == "S256" {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(digest)
    } else {
        verifier.to_owned()
    };
    if made == *challenge { Ok(()) } else { refuse("Invalid code verifier.") }
}
