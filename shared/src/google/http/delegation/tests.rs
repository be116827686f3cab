use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::google::client::FixedAccount;
use crate::google::http::scripted::{Scripted, answer, client};

/// Stands wherever a secret stands; in an error it would be a leak.
const PRIVATE: &str = "marker-7f3a";

fn account() -> ServiceAccount {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let digits = STANDARD.encode(der.as_ref());
    let file = serde_json::json!({
        "type": "service_account", "client_email": "fan@p.example", "client_id": "1",
        "private_key_id": "k", "private_key": format!("-----BEGIN PRIVATE KEY-----\n{digits}\n-----END PRIVATE KEY-----\n"),
    });
    ServiceAccount::parse(&file.to_string()).unwrap()
}

fn delegation(google: &Scripted) -> HttpDelegation {
    let addresses = GoogleAddresses::under(&google.base);
    HttpDelegation::new(client(), addresses, Arc::new(FixedAccount::new(account())))
}

fn scopes() -> Vec<String> {
    ["a".to_owned(), "b".to_owned()].to_vec()
}

#[tokio::test]
async fn an_assertion_is_posted_in_a_form_and_gives_a_token() {
    let given = r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
    let google = Scripted::says([answer(200, given)]).await;
    let token = delegation(&google).mint("ada@corp.example", &scopes()).await.unwrap();
    assert_eq!((token.access_token.bearer(), token.expires_in.as_secs()), ("ya29.x", 3599));
    let asked = google.asked().remove(0);
    assert_eq!(asked.line, "POST /token");
    assert!(asked.query.is_empty());
    assert_eq!(asked.form["grant_type"], JWT_BEARER);
    assert_eq!(asked.form["assertion"].split('.').count(), 3);
    assert_eq!(asked.form.len(), 2, "no client of ours is named");
}

#[tokio::test]
async fn whose_mailbox_it_is_is_asked_with_the_token() {
    let person = r#"{"sub":"100","email":"ada@corp.example","email_verified":true}"#;
    let google = Scripted::says([answer(200, person), answer(200, r#"{"sub":"100"}"#)]).await;
    let (delegation, token) = (delegation(&google), AccessToken::new(PRIVATE.to_owned()));
    let Ok(account) = delegation.account(&token).await else { panic!("refused") };
    assert_eq!((account.user_id.as_str(), account.email.as_str()), ("100", "ada@corp.example"));
    let asked = google.asked().remove(0);
    assert_eq!(asked.line, "GET /v1/userinfo");
    assert_eq!(asked.headers["authorization"], format!("Bearer {PRIVATE}"));
    let Err(error) = delegation.account(&token).await else { panic!("it has no address") };
    assert_eq!(error.to_string(), "Google gave an unusable answer: email is missing");
}

#[tokio::test]
async fn a_refusal_is_typed_by_googles_words_and_quotes_nothing() {
    let refused = |error: &str, text: &str| {
        format!(r#"{{"error":"{error}","error_description":"{text}","email":"{PRIVATE}"}}"#)
    };
    let table = [
        (401, refused("unauthorized_client", ""), "NotAuthorized"),
        (400, refused("invalid_grant", "Invalid email or User ID"), "NoSuchAccount"),
        (400, refused("invalid_grant", "Invalid JWT Signature."), "Assertion"),
        (400, refused("invalid_grant", PRIVATE), "Unheard"),
        (401, refused("disabled_client", PRIVATE), "ServiceAccount"),
        (429, String::new(), "RateLimited"),
        (503, refused("invalid_grant", "Invalid email"), "Backend"),
        (404, "<html>".to_owned(), "Unheard"),
    ];
    let google = Scripted::says(table.iter().map(|(status, body, _)| answer(*status, body))).await;
    let delegation = delegation(&google);
    for (status, body, expected) in &table {
        let error = delegation.mint("ada@corp.example", &scopes()).await.unwrap_err();
        let told = format!("{error:?}");
        assert!(told.starts_with(expected), "{status} {body}: {told}");
        for leak in [PRIVATE, "ada@", "127.0.0.1"] {
            assert!(!told.contains(leak) && !error.to_string().contains(leak), "{told}");
        }
    }
}
