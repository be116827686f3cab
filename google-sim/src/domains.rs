//! Workspace domains: service accounts, and what the administrators of domains let them do.
//!
//! A service account asks with an assertion that it has signed, in the name of an account of the domain, and is given an
//! access token and nothing else. What is refused, and in which words, follows
//! <https://developers.google.com/identity/protocols/oauth2/service-account#error-codes>; where that page leaves a text
//! open, it is the one seen from Google.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use shared::clock::Timestamp;

use crate::errors::{ApiError, OAuthError};
use crate::mailbox::Mailbox;
use crate::scopes::Scopes;
use crate::tokens::{TokenRequest, Tokens};
use crate::world::Google;

/// What a service account's assertion is sent as.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Google's own token endpoint, which assertions may name whatever address they are sent to here.
pub(crate) const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// An assertion is good for an hour at most.
const LONGEST: Duration = Duration::from_hours(1);

/// How far a client's clock may be ahead of Google's.
const CLOCKS_DIFFER: Duration = Duration::from_mins(5);

/// A service account's key, as it is given out once. The private half is not kept here.
#[derive(Clone)]
pub struct ServiceAccountKey {
    /// The address of the account.
    pub email: String,
    /// The number that an administrator authorizes.
    pub client_id: String,
    /// The key file.
    pub json: String,
    public: Arc<[u8]>,
    key_id: String,
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccountKey(…)")
    }
}

impl ServiceAccountKey {
    /// A new key for the account of this name. Making it takes longer than most tests.
    pub fn generate(name: &str) -> Result<Self, ApiError> {
        let broken = |_| ApiError::new(500, "backendError", "No key could be made.");
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(broken)?;
        let public: Arc<[u8]> = pair.public_key().as_ref().into();
        let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &public);
        let key_id = URL_SAFE_NO_PAD.encode(print.as_ref());
        let number = print.as_ref().iter().fold(0_u64, |sum, byte| (sum << 7) ^ u64::from(*byte));
        let (email, client_id) =
            (format!("{name}@simulated.iam.gserviceaccount.com"), format!("1{number:020}"));
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(broken)?;
        let json = json!({
            "type": "service_account",
            "project_id": "simulated",
            "private_key_id": key_id,
            "private_key": pem(der.as_ref()),
            "client_email": email,
            "client_id": client_id,
            "token_uri": TOKEN_URL,
        });
        Ok(Self { email, client_id, json: format!("{json:#}"), public, key_id })
    }
}

fn pem(der: &[u8]) -> String {
    let digits = STANDARD.encode(der);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// Every service account, and what each domain lets it do.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    accounts: HashMap<String, Registered>,
    /// By domain and client id.
    authorized: HashMap<(String, String), Scopes>,
}

#[derive(Debug, Clone)]
struct Registered {
    client_id: String,
    key_id: String,
    public: Arc<[u8]>,
    disabled: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    scope: String,
    aud: String,
    iat: i64,
    exp: i64,
}

impl Google {
    /// Makes a service account that signs with this key.
    pub fn add_service_account(&self, key: &ServiceAccountKey) {
        let registered = Registered {
            client_id: key.client_id.clone(),
            key_id: key.key_id.clone(),
            public: key.public.clone(),
            disabled: false,
        };
        self.domains().accounts.insert(key.email.clone(), registered);
    }

    /// Takes a service account out of service, or puts it back.
    pub fn disable_service_account(&self, email: &str, disabled: bool) -> Result<(), ApiError> {
        let mut domains = self.domains();
        let account = domains.accounts.get_mut(email);
        let unknown = || ApiError::new(404, "notFound", "There is no such service account.");
        account.ok_or_else(unknown)?.disabled = disabled;
        Ok(())
    }

    /// The administrator of a domain lets a service account act for everybody in it, within these scopes.
    pub fn authorize(&self, domain: &str, client_id: &str, scopes: Scopes) {
        let key = (domain.to_lowercase(), client_id.to_owned());
        self.domains().authorized.insert(key, scopes);
    }

    /// The administrator takes that back. Access tokens live out their hour.
    pub fn withdraw(&self, domain: &str, client_id: &str) {
        self.domains().authorized.remove(&(domain.to_lowercase(), client_id.to_owned()));
    }

    /// A token by delegation, for an assertion that was sent to the token endpoint of `issuer`.
    pub(crate) fn delegate(
        &self,
        request: &TokenRequest,
        issuer: &str,
    ) -> Result<Tokens, OAuthError> {
        let claims = self.believe(&request.assertion)?;
        self.is_timely(&claims)?;
        let audience = format!("{}/token", issuer.trim_end_matches('/'));
        if claims.aud != audience && claims.aud != TOKEN_URL {
            return Err(OAuthError::invalid_grant("Invalid JWT: Failed audience check."));
        }
        let wanted = Scopes::parse(&claims.scope)
            .map_err(|unknown| OAuthError::new("invalid_scope", unknown.to_string()))?;
        let subject = claims.sub.as_deref().unwrap_or_default();
        let mailbox = self.mailbox_by_address(subject);
        self.is_authorized(&claims.iss, subject, wanted, mailbox.is_some())?;
        let gone = || OAuthError::invalid_grant("Invalid email or User ID");
        let mailbox = mailbox.ok_or_else(gone)?;
        if self.grants().is_disabled(&mailbox) {
            // Google documents no text for it.
            return Err(OAuthError::invalid_grant("Account disabled"));
        }
        let access_token = self.issue_access(mailbox, wanted, None);
        Ok(Tokens { access_token, scopes: wanted, refresh_token: None, id_token: None })
    }

    /// Whose mailbox an assertion asks for, whether it is believed or not.
    pub(crate) fn subject_of(&self, assertion: &str) -> Option<Arc<Mailbox>> {
        let claims: Claims = part(assertion.split('.').nth(1)?)?;
        self.mailbox_by_address(&claims.sub?)
    }

    /// The claims, if a service account that is in service has signed them.
    fn believe(&self, assertion: &str) -> Result<Claims, OAuthError> {
        let malformed = || OAuthError::new("invalid_request", "Invalid JWT");
        let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let header: Header = part(header).ok_or_else(malformed)?;
        let claims: Claims = part(claims).ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        let account = self.domains().accounts.get(&claims.iss).cloned();
        let unknown = || OAuthError::invalid_grant("Invalid grant: account not found");
        let account = account.ok_or_else(unknown)?;
        if account.disabled {
            let text = "The service account is disabled.";
            return Err(OAuthError { code: 401, ..OAuthError::new("disabled_client", text) });
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &account.public);
        let fits = header.alg == "RS256" && header.kid.as_ref() == Some(&account.key_id);
        if !fits || key.verify(signed.as_bytes(), &signature).is_err() {
            return Err(OAuthError::invalid_grant("Invalid JWT Signature."));
        }
        Ok(claims)
    }

    fn is_timely(&self, claims: &Claims) -> Result<(), OAuthError> {
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let (issued, ends, now) = (at(claims.iat), at(claims.exp), self.now());
        if issued <= now + CLOCKS_DIFFER && now < ends && ends <= issued + LONGEST {
            return Ok(());
        }
        Err(OAuthError::invalid_grant(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat \
             and exp values in the JWT claim.",
        ))
    }

    /// Whether the domain lets this account in. A domain that does not is not told who is in it.
    fn is_authorized(
        &self,
        account: &str,
        subject: &str,
        wanted: Scopes,
        is_there: bool,
    ) -> Result<(), OAuthError> {
        let domain = subject.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase();
        let domains = self.domains();
        let client = domains.accounts.get(account).map(|account| account.client_id.clone());
        let allowed = client.and_then(|client| domains.authorized.get(&(domain, client)).copied());
        match allowed {
            Some(allowed) if wanted.among(allowed) == wanted => Ok(()),
            // An address of nowhere is no address.
            None if !is_there && !subject.contains('@') => {
                Err(OAuthError::invalid_grant("Not a valid email."))
            }
            Some(_) | None => {
                let text = "Client is unauthorized to retrieve access tokens using this method, or client not \
                            authorized for any of the scopes requested.";
                Err(OAuthError { code: 401, ..OAuthError::new("unauthorized_client", text) })
            }
        }
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
