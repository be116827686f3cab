use std::collections::VecDeque;
use std::sync::{Mutex as StdMutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::*;
use crate::google::{RiscConfiguration, SigningKeys, TokenAnswer};
use crate::secret::RefreshToken;

const GOOGLE: &str = "https://accounts.google.com";
const CLIENT: &str = "client-1.apps.googleusercontent.com";
const NONCE: &str = "nonce-1";
const NOON: i64 = 1_777_636_800;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Google's keys: `a` and `b` are published in turn, `stranger` never.
fn key(name: &str) -> &'static RsaKeyPair {
    static KEYS: OnceLock<[RsaKeyPair; 3]> = OnceLock::new();
    let keys =
        KEYS.get_or_init(|| [(); 3].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
    &keys[["a", "b", "stranger"].iter().position(|known| *known == name).unwrap()]
}

fn jwk(name: &str) -> Value {
    // RSAPublicKey in DER: headers of a fixed length, the 256 bytes of the modulus, 02 03 01 00 01.
    let der = key(name).public_key().as_ref();
    let modulus = BASE64URL.encode(&der[9..265]);
    json!({"kid": name, "kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"})
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn part(json: &Value) -> String {
    BASE64URL.encode(json.to_string())
}

fn signed(signer: &str, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key(signer).public_modulus_len()];
    let random = SystemRandom::new();
    key(signer).sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64URL.encode(signature))
}

fn token(kid: &str, claims: &Value) -> String {
    signed(kid, &json!({"alg": "RS256", "typ": "JWT", "kid": kid}), claims)
}

fn claims() -> Value {
    json!({
        "iss": GOOGLE, "aud": CLIENT, "azp": CLIENT, "sub": "109876543210", "email": "a@example.org",
        "email_verified": true, "nonce": NONCE, "iat": NOON - 5, "exp": NOON + 3595,
    })
}

/// Publishes one list of keys after the other, an hour fresh each, and counts who asks.
#[derive(Default)]
struct Publisher {
    lists: StdMutex<VecDeque<Result<String, OAuthError>>>,
    asked: StdMutex<usize>,
}

#[async_trait]
impl OAuth for Publisher {
    async fn exchange(&self, _: &str, _: &str) -> Result<TokenAnswer, OAuthError> {
        Err(OAuthError::Backend { status: 501 })
    }

    async fn refresh(&self, _: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        Err(OAuthError::Backend { status: 501 })
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), OAuthError> {
        Err(OAuthError::Backend { status: 501 })
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        *self.asked.lock().unwrap() += 1;
        let next = self.lists.lock().unwrap().pop_front();
        let jwks = next.unwrap_or(Err(OAuthError::Backend { status: 503 }))?;
        Ok(SigningKeys { jwks, max_age: Duration::from_hours(1) })
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        Err(OAuthError::Backend { status: 501 })
    }

    async fn risc_keys(&self, _: &str) -> Result<SigningKeys, OAuthError> {
        Err(OAuthError::Backend { status: 501 })
    }
}

/// A verifier before which Google publishes `lists`.
struct Desk {
    verifier: IdTokenVerifier,
    google: Arc<Publisher>,
}

impl Desk {
    fn where_google_publishes(lists: impl IntoIterator<Item = String>) -> Self {
        let lists = StdMutex::new(lists.into_iter().map(Ok).collect());
        let google = Arc::new(Publisher { lists, ..Publisher::default() });
        let verifier = IdTokenVerifier::new(google.clone(), GOOGLE.into(), CLIENT.into());
        Self { verifier, google }
    }

    fn asked(&self) -> usize {
        *self.google.asked.lock().unwrap()
    }

    /// `Ok`, or the refusal's name.
    async fn says(&self, token: &str, now: i64) -> String {
        match self.verifier.verify(token, NONCE, at(now)).await {
            Ok(_) => "Ok".to_owned(),
            Err(err) => format!("{err:?}"),
        }
    }
}

async fn verdict(token: &str) -> String {
    Desk::where_google_publishes([jwks(&[jwk("a")])]).says(token, NOON).await
}

async fn verdict_with(claim: &str, value: Value) -> String {
    let mut claims = claims();
    claims[claim] = value;
    verdict(&token("a", &claims)).await
}

#[tokio::test]
async fn a_good_token_names_the_account_and_its_address() {
    let desk = Desk::where_google_publishes([jwks(&[jwk("b"), jwk("a")])]);
    let identity = desk.verifier.verify(&token("a", &claims()), NONCE, at(NOON)).await;
    let identity = identity.unwrap_or_else(|err| panic!("{err}"));
    assert_eq!((identity.user_id.as_str(), &*identity.email), ("109876543210", "a@example.org"));
}

#[tokio::test]
async fn each_claim_is_refused_by_its_own_name() {
    let long = "9".repeat(256);
    let table = [
        ("iss", json!("https://accounts.google.com.example.org"), "Issuer"),
        ("iss", json!("https://accounts.google.com/"), "Issuer"),
        ("iss", json!([GOOGLE]), "Issuer"),
        ("aud", json!("client-2.apps.googleusercontent.com"), "Audience"),
        ("aud", json!([CLIENT]), "Audience"),
        ("aud", json!([CLIENT, "client-2"]), "Audience"),
        ("azp", json!("client-2"), "AuthorizedParty"),
        ("azp", json!(null), "AuthorizedParty"),
        ("exp", json!(NOON - 60), "Expiry"),
        ("exp", json!((NOON + 3600).to_string()), "Expiry"),
        ("exp", json!(i64::MIN), "Expiry"),
        ("exp", json!(u64::MAX), "Expiry"),
        ("iat", json!(NOON + 61), "IssuedAt"),
        ("iat", json!("now"), "IssuedAt"),
        ("nonce", json!("nonce-2"), "Nonce"),
        ("nonce", json!(""), "Nonce"),
        ("sub", json!(""), "Subject"),
        ("sub", json!("../1"), "Subject"),
        ("sub", json!(109_876), "Subject"),
        ("sub", json!(long), "Subject"),
        ("email", json!(""), "Email"),
        ("email", json!("no address"), "Email"),
        ("email", json!("a@b\r\nBcc: c@d"), "Email"),
        ("email", json!(7), "Email"),
    ];
    for (claim, value, expected) in table {
        assert_eq!(verdict_with(claim, value.clone()).await, expected, "{claim} {value}");
    }
}

#[tokio::test]
async fn a_claim_that_is_absent_is_refused_too_but_azp_may_be() {
    let table = [
        ("iss", "Issuer"),
        ("aud", "Audience"),
        ("azp", "Ok"),
        ("exp", "Expiry"),
        ("iat", "IssuedAt"),
        ("nonce", "Nonce"),
        ("sub", "Subject"),
        ("email", "Email"),
    ];
    for (claim, expected) in table {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(verdict(&token("a", &claims)).await, expected, "{claim}");
    }
}

#[tokio::test]
async fn the_clocks_may_be_a_minute_apart_and_ours_is_the_one_that_counts() {
    assert_eq!(verdict_with("exp", json!(NOON - 59)).await, "Ok");
    assert_eq!(verdict_with("iat", json!(NOON + 60)).await, "Ok");
    for (now, expected) in [(0, "IssuedAt"), (NOON + 100 * 365 * 86_400, "Expiry")] {
        let desk = Desk::where_google_publishes([jwks(&[jwk("a")])]);
        assert_eq!(desk.says(&token("a", &claims()), now).await, expected);
    }
}

#[tokio::test]
async fn googles_issuer_has_two_names_and_any_other_has_one() {
    assert_eq!(verdict_with("iss", json!("accounts.google.com")).await, "Ok");
    let google = Desk::where_google_publishes([jwks(&[jwk("a")])]).google;
    let simulated = "http://127.0.0.1:9000";
    let verifier = IdTokenVerifier::new(google.clone(), simulated.into(), CLIENT.into());
    let desk = Desk { verifier, google };
    for (issuer, expected) in [(simulated, "Ok"), ("127.0.0.1:9000", "Issuer"), (GOOGLE, "Issuer")]
    {
        let mut claims = claims();
        claims["iss"] = json!(issuer);
        assert_eq!(desk.says(&token("a", &claims), NOON).await, expected, "{issuer}");
    }
}

#[tokio::test]
async fn only_rs256_by_the_named_key_signs() {
    let rs256 = json!({"alg": "RS256", "kid": "a"});
    let good = token("a", &claims());
    assert_eq!(verdict(&signed("stranger", &rs256, &claims())).await, "Signature");

    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let mut other = claims();
    other["sub"] = json!("1");
    assert_eq!(verdict(&format!("{header}.{}.{signature}", part(&other))).await, "Signature");
    assert_eq!(verdict(&format!("{message}.")).await, "Signature");

    let none = format!("{}.{}.", part(&json!({"alg": "none", "kid": "a"})), part(&claims()));
    assert_eq!(verdict(&none).await, "NotSigned");
    for alg in ["RS384", "PS256", "ES256", "HS256"] {
        let header = json!({"alg": alg, "kid": "a"});
        assert_eq!(verdict(&signed("a", &header, &claims())).await, "Algorithm", "{alg}");
    }
    assert_eq!(verdict(&signed("a", &json!({"alg": "RS256"}), &claims())).await, "UnknownKey");
}

#[tokio::test]
async fn a_public_key_is_not_taken_for_a_shared_secret() {
    let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "a"})), part(&claims()));
    let modulus = BASE64URL.decode(jwk("a")["n"].as_str().unwrap()).unwrap();
    for secret in [key("a").public_key().as_ref(), &modulus] {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&secret, message.as_bytes());
        let forged = format!("{message}.{}", BASE64URL.encode(tag.as_ref()));
        assert_eq!(verdict(&forged).await, "Algorithm");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_google_is_asked() {
    let desk = Desk::where_google_publishes([]);
    let long = format!("{}{}", token("a", &claims()), "x".repeat(LONGEST_TOKEN));
    for text in ["", ".", "..", "a.b", "a.b.c.d", "äöü.b.c", &long] {
        assert_eq!(desk.says(text, NOON).await, "NotSigned");
    }
    assert_eq!(desk.asked(), 0);
}

#[tokio::test]
async fn keys_are_kept_as_long_as_google_allows_and_no_longer() {
    let desk = Desk::where_google_publishes([jwks(&[jwk("a")]), jwks(&[jwk("b")])]);
    let mut lasting = claims();
    lasting["exp"] = json!(NOON + 86_400);
    let token = token("a", &lasting);
    assert_eq!(desk.says(&token, NOON).await, "Ok");
    assert_eq!(desk.says(&token, NOON + 3599).await, "Ok");
    assert_eq!(desk.asked(), 1);
    assert_eq!(desk.says(&token, NOON + 3600).await, "UnknownKey", "Google withdrew the key");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_a_minute() {
    let (before, after) = (jwks(&[jwk("a")]), jwks(&[jwk("a"), jwk("b")]));
    let desk = Desk::where_google_publishes([before, after]);
    assert_eq!(desk.says(&token("a", &claims()), NOON).await, "Ok");
    let rotated = token("b", &claims());
    assert_eq!(desk.says(&rotated, NOON + 59).await, "UnknownKey");
    assert_eq!(desk.asked(), 1);
    assert_eq!(desk.says(&rotated, NOON + 60).await, "Ok");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn a_failed_search_for_a_key_neither_forgets_the_others_nor_is_repeated_at_once() {
    let desk = Desk::where_google_publishes([jwks(&[jwk("a")])]);
    assert_eq!(desk.says(&token("a", &claims()), NOON).await, "Ok");
    let unknown = token("b", &claims());
    assert_eq!(desk.says(&unknown, NOON + 60).await, "Keys(Backend { status: 503 })");
    assert_eq!(desk.says(&unknown, NOON + 61).await, "UnknownKey");
    assert_eq!(desk.says(&token("a", &claims()), NOON + 62).await, "Ok");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn keys_of_another_kind_are_left_out_and_a_flood_of_keys_is_refused() {
    let mut encryption = jwk("a");
    encryption["use"] = json!("enc");
    let mut other_algorithm = jwk("a");
    other_algorithm["alg"] = json!("RS512");
    let elliptic = json!({"kid": "a", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    let good = token("a", &claims());
    for useless in [encryption, other_algorithm, elliptic, json!(null), json!({"kid": "a"})] {
        let alone = Desk::where_google_publishes([jwks(std::slice::from_ref(&useless))]);
        assert_eq!(alone.says(&good, NOON).await, "UnknownKey", "{useless}");
        let beside = Desk::where_google_publishes([jwks(&[useless, jwk("a")])]);
        assert_eq!(beside.says(&good, NOON).await, "Ok");
    }
    let flood = Desk::where_google_publishes([jwks(&vec![jwk("a"); 17])]);
    assert!(flood.says(&good, NOON).await.starts_with("Keys(Malformed"));
    let garbage = Desk::where_google_publishes(["<html>".to_owned()]);
    assert!(garbage.says(&good, NOON).await.starts_with("Keys(Malformed"));
}
