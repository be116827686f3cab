//! From the consent page to tokens, and the ways in which they end.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use google_sim::grants::{Cause, LIVE_TOKENS, Publishing};
use google_sim::scopes::Scopes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::server::{ANN, Answer, Server, read};

const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
const BACK: &str = "http://127.0.0.1:8080/oauth2callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

fn challenge() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// The request of the authorization endpoint, with `more` instead of or beside the usual.
fn request(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [
        ("client_id", "fanmail"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", &format!("openid email {READONLY}")),
        ("access_type", "offline"),
        ("state", "st&te"),
        ("nonce", "n0nce"),
        ("code_challenge", &challenge()),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let all = kept.chain(more.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Opens the consent page, ticks `scopes`, and presses a button: the address it leads to.
async fn press(
    server: &Server,
    decision: &str,
    scopes: &[&str],
    more: &[(&str, &str)],
) -> url::Url {
    let asked = request(more);
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&asked).finish();
    let page = server.request(reqwest::Method::GET, &format!("/o/oauth2/v2/auth?{query}"));
    let page = page.send().await.unwrap().text().await.unwrap();
    let mut fields = hidden(&page);
    fields.extend([
        ("email".to_owned(), ANN.to_owned()),
        ("decision".to_owned(), decision.to_owned()),
    ]);
    fields.extend(scopes.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())));
    let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = server.form(action, &fields).await;
    assert_eq!(answer.status(), 302);
    url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
}

/// The hidden fields of the form.
fn hidden(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input type=\"hidden\" ").skip(1);
    let value = |input: &str, name: &str| {
        let after = input.split(&format!("{name}=\"")).nth(1).unwrap();
        after.split('"').next().unwrap().replace("&amp;", "&")
    };
    inputs.map(|input| (value(input, "name"), value(input, "value"))).collect()
}

fn parameter(url: &url::Url, name: &str) -> String {
    let found = url.query_pairs().find(|(given, _)| given == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

async fn exchange(server: &Server, code: &str, verifier: &str, back: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", back),
    ];
    server.token(&fields).await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    server.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

const ALL: [&str; 3] = ["openid", "email", READONLY];

#[tokio::test]
async fn consent_leads_to_tokens_that_open_the_mailbox() {
    let server = Server::start().await;
    let back = press(&server, "allow", &ALL, &[]).await;
    assert_eq!(parameter(&back, "state"), "st&te");
    let tokens = exchange(&server, &parameter(&back, "code"), VERIFIER, BACK).await;
    assert_eq!((tokens.code, &tokens.body["token_type"]), (200, &json!("Bearer")));
    assert_eq!(tokens.text("scope").split(' ').collect::<Vec<_>>(), ALL);
    let refreshed = refresh(&server, &tokens.text("refresh_token")).await;
    assert!(refreshed.body.get("refresh_token").is_none(), "the old one stays");
    let url = format!("/v1/userinfo?access_token={}", refreshed.text("access_token"));
    let who = read(server.request(reqwest::Method::GET, &url).send().await.unwrap()).await;
    assert_eq!(who.text("email"), ANN);
}

#[tokio::test]
async fn the_id_token_is_signed_by_the_published_key_for_this_client_and_nonce() {
    let server = Server::start().await;
    let back = press(&server, "allow", &ALL, &[]).await;
    let tokens = exchange(&server, &parameter(&back, "code"), VERIFIER, BACK).await;
    let id_token = tokens.text("id_token");
    let path = "/.well-known/openid-configuration";
    let about = read(server.request(reqwest::Method::GET, path).send().await.unwrap()).await;
    let keys = reqwest::get(about.text("jwks_uri")).await.unwrap();
    assert!(keys.headers()["cache-control"].to_str().unwrap().contains("max-age=23400"));
    let keys: jsonwebtoken::jwk::JwkSet =
        serde_json::from_slice(&keys.bytes().await.unwrap()).unwrap();
    let key = keys.find(&decode_header(&id_token).unwrap().kid.unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["fanmail"]);
    rules.set_issuer(&[about.text("issuer")]);
    // The simulated clock stands in May; the rest of the claims is checked by the library.
    rules.validate_exp = false;
    let claims =
        decode::<Value>(&id_token, &DecodingKey::from_jwk(key).unwrap(), &rules).unwrap().claims;
    assert_eq!((&claims["nonce"], &claims["email"]), (&json!("n0nce"), &json!(ANN)));
    assert_eq!(claims["sub"], *server.google.mailbox(ANN).unwrap().sub);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test]
async fn what_was_not_ticked_is_not_granted_and_no_is_no() {
    let server = Server::start().await;
    let back = press(&server, "allow", &["openid"], &[]).await;
    let tokens = exchange(&server, &parameter(&back, "code"), VERIFIER, BACK).await;
    assert_eq!(tokens.text("scope"), "openid");
    let more = ["openid", "https://mail.google.com/"];
    let back = press(&server, "allow", &more, &[]).await;
    assert_eq!(parameter(&back, "scope"), "openid", "what was not asked for cannot be ticked");
    let back = press(&server, "deny", &ALL, &[]).await;
    assert_eq!(parameter(&back, "error"), "access_denied");
}

#[tokio::test]
async fn a_refresh_token_comes_with_offline_access_and_a_fresh_consent() {
    let server = Server::start().await;
    for (more, comes) in [
        (vec![("access_type", "online")], false),
        (vec![("prompt", "consent")], true),
        (vec![], false),
        (vec![("prompt", "consent select_account")], true),
        (vec![("prompt", "consent"), ("access_type", "online")], false),
    ] {
        let back = press(&server, "allow", &ALL, &more).await;
        let tokens = exchange(&server, &parameter(&back, "code"), VERIFIER, BACK).await;
        assert_eq!(tokens.body.get("refresh_token").is_some(), comes, "{more:?}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_whoever_began_it_and_for_ten_minutes() {
    let server = Server::start().await;
    let code = parameter(&press(&server, "allow", &ALL, &[]).await, "code");
    let refused = exchange(&server, &code, "another-verifier", BACK).await;
    assert_eq!((refused.code, refused.text("error")), (400, "invalid_grant".to_owned()));
    let elsewhere = exchange(&server, &code, VERIFIER, "http://127.0.0.1:9/").await;
    assert_eq!(elsewhere.text("error"), "redirect_uri_mismatch");
    let tokens = exchange(&server, &code, VERIFIER, BACK).await;
    let again = exchange(&server, &code, VERIFIER, BACK).await;
    assert_eq!(again.text("error"), "invalid_grant");
    let taken_back = refresh(&server, &tokens.text("refresh_token")).await;
    assert_eq!(taken_back.text("error"), "invalid_grant", "what a stolen code gave is taken back");
    let late = parameter(&press(&server, "allow", &ALL, &[]).await, "code");
    server.clock.advance(Duration::from_mins(10));
    assert_eq!(exchange(&server, &late, VERIFIER, BACK).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn a_wrong_request_is_a_page_until_the_client_is_known_and_a_redirect_after() {
    let server = Server::start_with(|config| config.redirect_uris = vec![BACK.to_owned()]).await;
    let ask = async |more: &[(&str, &str)]| {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(request(more))
            .finish();
        let request = server.request(reqwest::Method::GET, &format!("/o/oauth2/v2/auth?{query}"));
        let answer = request.send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    };
    assert_eq!(ask(&[("client_id", "other")]).await, (401, String::new()));
    assert_eq!(ask(&[("redirect_uri", "http://127.0.0.1:8080/")]).await, (400, String::new()));
    for (name, value, error) in [
        ("scope", "openid drive", "invalid_scope"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "S512", "invalid_request"),
        ("prompt", "none", "interaction_required"),
    ] {
        let (code, to) = ask(&[(name, value)]).await;
        assert_eq!(code, 302, "{name}");
        assert!(to.starts_with(BACK) && to.contains(error), "{name}: {to}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_ours_is_refused_as_a_client() {
    let server = Server::start().await;
    let fields =
        [("grant_type", "refresh_token"), ("client_id", "fanmail"), ("client_secret", "x")];
    let refused = read(server.form("/token", &fields).await).await;
    assert_eq!((refused.code, refused.text("error")), (401, "invalid_client".to_owned()));
    let kinds = [("invalid_client", 401), ("unauthorized_client", 401), ("deleted_client", 401)];
    for (kind, code) in kinds {
        server.admin("faults", json!({"method": "token", "kind": kind, "count": 1})).await;
        let refused = refresh(&server, "any").await;
        assert_eq!((refused.code, refused.text("error")), (code, kind.to_owned()));
    }
    server.admin("faults", json!({"method": "token", "kind": "503", "count": 1})).await;
    assert_eq!(refresh(&server, "any").await.code, 503);
}

#[tokio::test]
async fn a_grant_dies_of_every_documented_cause() {
    for cause in [
        "user_revoked",
        "password_changed",
        "unused",
        "crowded",
        "time_limited",
        "testing",
        "admin_restricted",
        "invalid_rapt",
        "account_deleted",
        "account_disabled",
    ] {
        let server = Server::start().await;
        let mailbox = server.google.mailbox(ANN).unwrap();
        let token = server.google.consent(&mailbox, Scopes::parse(READONLY).unwrap());
        let token = token.refresh_token.unwrap();
        assert_eq!(refresh(&server, &token).await.code, 200);
        let revoked = server.admin("revoke", json!({"email": ANN, "cause": cause})).await;
        assert_eq!(revoked.code, 200, "{cause}: {}", revoked.body);
        let dead = refresh(&server, &token).await;
        assert_eq!((dead.code, dead.text("error")), (400, "invalid_grant".to_owned()), "{cause}");
        let rapt = cause == "invalid_rapt";
        assert_eq!(dead.body["error_subtype"] == "invalid_rapt", rapt, "{cause}");
    }
}

#[tokio::test]
async fn a_changed_password_spares_a_grant_that_cannot_read_mail() {
    let server = Server::start().await;
    let mailbox = server.google.mailbox(ANN).unwrap();
    let identity = server.google.consent(&mailbox, Scopes::parse("openid email").unwrap());
    server.google.revoke(ANN, Cause::PasswordChanged).unwrap();
    assert_eq!(refresh(&server, &identity.refresh_token.unwrap()).await.code, 200);
}

#[tokio::test]
async fn the_oldest_of_more_than_a_hundred_refresh_tokens_dies_without_a_word() {
    let server = Server::start().await;
    let mailbox = server.google.mailbox(ANN).unwrap();
    let scopes = Scopes::parse(READONLY).unwrap();
    let one = |_| server.google.consent(&mailbox, scopes).refresh_token.unwrap();
    let tokens: Vec<String> = (0..=LIVE_TOKENS).map(one).collect();
    assert_eq!(refresh(&server, &tokens[0]).await.text("error"), "invalid_grant");
    assert_eq!(refresh(&server, &tokens[1]).await.code, 200);
    assert_eq!(refresh(&server, &tokens[LIVE_TOKENS]).await.code, 200);
}

#[tokio::test]
async fn time_alone_ends_a_grant_unused_or_in_testing() {
    let scopes = Scopes::parse(READONLY).unwrap();
    let days = |count: u64| Duration::from_hours(24 * count);
    let server = Server::start().await;
    let token =
        server.google.consent(&server.google.mailbox(ANN).unwrap(), scopes).refresh_token.unwrap();
    for _ in 0..3 {
        server.clock.advance(days(181));
        assert_eq!(refresh(&server, &token).await.code, 200, "use keeps it alive");
    }
    server.clock.advance(days(182));
    assert_eq!(refresh(&server, &token).await.text("error"), "invalid_grant");

    let server = Server::start_with(|config| config.publishing = Publishing::Testing).await;
    let token =
        server.google.consent(&server.google.mailbox(ANN).unwrap(), scopes).refresh_token.unwrap();
    server.clock.advance(days(6));
    assert_eq!(refresh(&server, &token).await.code, 200);
    server.clock.advance(days(1));
    assert_eq!(refresh(&server, &token).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn revoking_one_token_ends_everything_the_person_gave() {
    let server = Server::start().await;
    let mailbox = server.google.mailbox(ANN).unwrap();
    let scopes = Scopes::parse(READONLY).unwrap();
    let [one, two] = [(); 2].map(|()| server.google.consent(&mailbox, scopes));
    let revoked = server.form("/revoke", &[("token", one.access_token.as_str())]).await;
    assert_eq!(revoked.status(), 200);
    assert_eq!(refresh(&server, &two.refresh_token.unwrap()).await.text("error"), "invalid_grant");
    let path = format!("/gmail/v1/users/me/profile?access_token={}", two.access_token);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let refused = client.get(format!("{}{path}", server.base)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let again = server.form("/revoke", &[("token", "unknown")]).await;
    assert_eq!(again.status(), 400);
}
