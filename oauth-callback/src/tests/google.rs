//! A Google with a memory: it hands out codes for consents, takes each once and only with the verifier that fits, and
//! signs who consented.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::google::{OAuth, OAuthError, RiscConfiguration, SigningKeys, TokenAnswer};
use shared::secret::{AccessToken, RefreshToken};
use url::Url;

use super::world::READ_MAIL;

pub(super) const ISSUER: &str = "https://accounts.google.com";
pub(super) const CLIENT: &str = "client-1.apps.googleusercontent.com";
const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
pub(super) const ADDRESS: &str = "someone@example.org";

/// What a person consents to, and what Google makes of it.
#[derive(Clone)]
pub(super) struct Choice {
    pub(super) user: &'static str,
    pub(super) scopes: Vec<String>,
    pub(super) refresh_token: Option<&'static str>,
    /// Google answering with another request's nonce.
    pub(super) nonce: Option<&'static str>,
    /// A claim of the ID token as somebody else would have it.
    pub(super) claim: Option<(&'static str, Value)>,
    /// Who signs the ID token.
    pub(super) signer: Signer,
}

/// Who signs an ID token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    /// Google, with the key that it publishes.
    Google,
    /// Somebody else, who says that it was that key.
    Stranger,
    /// Nobody: the answer holds none.
    Nobody,
}

impl Default for Choice {
    fn default() -> Self {
        let scopes = ["openid", "https://www.googleapis.com/auth/userinfo.email", READ_MAIL];
        Self {
            user: "42",
            scopes: scopes.map(str::to_owned).to_vec(),
            refresh_token: Some("1//refresh"),
            nonce: None,
            claim: None,
            signer: Signer::Google,
        }
    }
}

struct Code {
    challenge: String,
    nonce: String,
    choice: Choice,
}

pub(super) struct Google {
    clock: Clock,
    codes: Mutex<HashMap<String, Code>>,
    given: AtomicUsize,
    pub(super) exchanges: AtomicUsize,
    pub(super) fault: Mutex<Option<OAuthError>>,
}

impl Google {
    pub(super) fn new(clock: Clock) -> Self {
        let (codes, given) = (Mutex::default(), AtomicUsize::new(0));
        Self { clock, codes, given, exchanges: AtomicUsize::new(0), fault: Mutex::default() }
    }

    /// The consent page: what it sends the browser back with.
    pub(super) fn consent(&self, page: &Url, choice: Choice) -> String {
        let asked: HashMap<_, _> = page.query_pairs().into_owned().collect();
        let mut codes = self.codes.lock().unwrap();
        let code = format!("4/code-{}", self.given.fetch_add(1, Ordering::SeqCst));
        let (challenge, nonce) = (asked["code_challenge"].clone(), asked["nonce"].clone());
        codes.insert(code.clone(), Code { challenge, nonce, choice });
        format!("/oauth2callback?state={}&code={code}&scope=x", asked["state"])
    }

    fn id_token(&self, code: &Code) -> Option<String> {
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT, "azp": CLIENT, "sub": code.choice.user, "email": ADDRESS,
            "email_verified": true, "nonce": code.choice.nonce.unwrap_or(&code.nonce),
            "iat": now, "exp": now + 3600,
        });
        if let Some((name, value)) = &code.choice.claim {
            claims[*name] = value.clone();
        }
        match code.choice.signer {
            Signer::Google => Some(signed(key(), &claims)),
            Signer::Stranger => Some(signed(strangers_key(), &claims)),
            Signer::Nobody => None,
        }
    }
}

#[async_trait]
impl OAuth for Google {
    async fn exchange(&self, code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError> {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        // As a network does: everybody else moves on before the answer is there.
        tokio::task::yield_now().await;
        if let Some(fault) = self.fault.lock().unwrap().take() {
            return Err(fault);
        }
        let code = self.codes.lock().unwrap().remove(code);
        let fits = |code: &Code| code.challenge == challenge(verifier);
        let code = code.filter(fits).ok_or(OAuthError::GrantDead { subtype: None })?;
        Ok(TokenAnswer {
            access_token: AccessToken::new("ya29.access".into()),
            expires_in: Duration::from_hours(1),
            scopes: code.choice.scopes.clone(),
            refresh_token: code.choice.refresh_token.map(|text| RefreshToken::new(text.into())),
            id_token: self.id_token(&code),
        })
    }

    async fn refresh(&self, _: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        panic!("nothing is refreshed here")
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), OAuthError> {
        panic!("nothing is revoked here")
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        // RSAPublicKey in DER: headers of a fixed length, the 256 bytes of the modulus, 02 03 01 00 01.
        let modulus = URL_SAFE_NO_PAD.encode(&key().public_key().as_ref()[9..265]);
        let jwk = json!({"kid": "a", "kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"});
        let jwks = json!({ "keys": [jwk] }).to_string();
        Ok(SigningKeys { jwks, max_age: Duration::from_hours(1) })
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        if let Some(fault) = self.fault.lock().unwrap().take() {
            return Err(fault);
        }
        let max_age = Duration::from_hours(1);
        Ok(RiscConfiguration { issuer: format!("{ISSUER}/"), jwks_uri: KEYS.to_owned(), max_age })
    }

    async fn risc_keys(&self, jwks_uri: &str) -> Result<SigningKeys, OAuthError> {
        assert_eq!(jwks_uri, KEYS);
        self.signing_keys().await
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn strangers_key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// What Google posts.
pub(super) fn signed_by_google(claims: &Value) -> String {
    signed(key(), claims)
}

/// What somebody posts who says that it was Google's key.
pub(super) fn signed_by_stranger(claims: &Value) -> String {
    signed(strangers_key(), claims)
}

fn signed(key: &RsaKeyPair, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "a"});
    let message = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
