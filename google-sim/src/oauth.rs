//! The authorization endpoint: what a client may ask a person for, and where the person goes then.
//!
//! The order of the checks is that of trust: until the client and the address to return to are known to be right,
//! a refusal is a page for the person; after that it travels back to the client in the address.

use std::sync::Arc;

use serde::Deserialize;
use url::{Host, Url};

use crate::errors::OAuthError;
use crate::faults::FaultKind;
use crate::grants::{CODE_LIFE, Code};
use crate::mailbox::Mailbox;
use crate::methods::Method;
use crate::scopes::Scopes;
use crate::world::Google;

/// What a client sends a person to Google with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are Google's")]
pub struct AuthRequest {
    pub client_id: String,
    pub redirect_uri: String,
    pub response_type: String,
    pub scope: String,
    pub access_type: Option<String>,
    pub prompt: Option<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub login_hint: Option<String>,
    pub include_granted_scopes: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
}

/// Why consent is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthRefusal {
    /// The person is told, because nobody else can be trusted with it.
    Page(OAuthError),
    /// The client is told: the address to send the person back to.
    Redirect(String),
}

impl Google {
    /// Whether a person may be asked for this; if so, for which scopes.
    pub fn check_authorization(&self, request: &AuthRequest) -> Result<Scopes, AuthRefusal> {
        let page = |error, text: &str| Err(AuthRefusal::Page(OAuthError::new(error, text)));
        if request.client_id != self.config().client_id {
            let unknown = OAuthError::invalid_client("The OAuth client was not found.");
            return Err(AuthRefusal::Page(unknown));
        }
        if !self.may_return_to(&request.redirect_uri) {
            return page("redirect_uri_mismatch", "The redirect URI is not registered.");
        }
        let back = |error| Err(AuthRefusal::Redirect(request.back(&[("error", error)])));
        let method = request.code_challenge_method.as_deref();
        if request.response_type != "code" {
            return back("unsupported_response_type");
        }
        if !matches!(method, None | Some("plain" | "S256")) {
            return back("invalid_request");
        }
        match Scopes::parse(&request.scope) {
            Ok(scopes) if scopes.is_empty() => back("invalid_request"),
            Ok(scopes) => Ok(scopes),
            Err(_) => back("invalid_scope"),
        }
    }

    /// The person agreed to `scopes`, which may be fewer than were asked for: where to send them now.
    pub fn allow(
        &self,
        request: &AuthRequest,
        mailbox: &Arc<Mailbox>,
        scopes: Scopes,
    ) -> Result<String, AuthRefusal> {
        self.check_authorization(request)?;
        let struck = self.struck(Some(&mailbox.email), Method::Authorize);
        if let Some(refusal) = struck.kind.and_then(FaultKind::oauth_error) {
            return Err(AuthRefusal::Redirect(request.back(&[("error", refusal.error)])));
        }
        if scopes.is_empty() {
            return Ok(self.deny(request));
        }
        let code = self.token("4/0A");
        let mut grants = self.grants();
        let before = grants.consented(mailbox);
        let asked_for = |prompt: &str| request.prompt().any(|p| p == prompt);
        let scopes = match request.include_granted_scopes.as_deref() {
            Some("true") => scopes.with(before),
            Some(_) | None => scopes,
        };
        // Offline access alone is not enough: who has agreed to all of it before gets no second refresh token.
        let fresh = asked_for("consent") || before.among(scopes) != scopes;
        let waiting = Code {
            mailbox: mailbox.clone(),
            scopes,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge(),
            nonce: request.nonce.clone(),
            refreshable: fresh && request.access_type.as_deref() == Some("offline"),
            until: self.now() + CODE_LIFE,
            used: false,
            gave: None,
        };
        grants.remember(mailbox, scopes);
        grants.codes.retain(|_, code| code.until > self.now());
        grants.codes.insert(code.clone(), waiting);
        Ok(request.back(&[("code", &code), ("scope", &scopes.to_string())]))
    }

    /// `prompt=none`: back with a code for somebody who has agreed to all of it before, or with an error.
    pub fn without_asking(&self, request: &AuthRequest, scopes: Scopes) -> String {
        let hinted = request.login_hint.as_deref().and_then(|hint| self.mailbox(hint).ok());
        let agreed =
            |mailbox: &Arc<Mailbox>| self.grants().consented(mailbox).among(scopes) == scopes;
        let refused = || request.back(&[("error", "interaction_required")]);
        match hinted.filter(agreed) {
            Some(mailbox) => self.allow(request, &mailbox, scopes).unwrap_or_else(|_| refused()),
            None => refused(),
        }
    }

    /// The person said no: where to send them now.
    pub fn deny(&self, request: &AuthRequest) -> String {
        request.back(&[("error", "access_denied")])
    }

    /// Whether consent may lead back to this address.
    fn may_return_to(&self, address: &str) -> bool {
        let registered = &self.config().redirect_uris;
        if !registered.is_empty() {
            return registered.iter().any(|uri| uri == address);
        }
        let Ok(url) = Url::parse(address) else { return false };
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        url.scheme() == "https" || url.scheme() == "http" && loopback
    }
}

impl AuthRequest {
    /// The address to return to, with these parameters and the client's `state`.
    fn back(&self, parameters: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return self.redirect_uri.clone() };
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }

    /// What the person must be shown: `none`, `consent`, `select_account`.
    pub fn prompt(&self) -> impl Iterator<Item = &str> {
        self.prompt.as_deref().unwrap_or_default().split_ascii_whitespace()
    }

    /// PKCE: `plain` where no method is named.
    fn challenge(&self) -> Option<(String, String)> {
        let method = self.code_challenge_method.as_deref().unwrap_or("plain");
        self.code_challenge.clone().map(|challenge| (method.to_owned(), challenge))
    }
}
