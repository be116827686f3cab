//! What the secrets are worth, and what their errors say.

use super::*;
use crate::aws::scripted::{Said, Scripted, refused, said};
use crate::disposition::chain;

const BOTH: &str = r#"{"GOOGLE_CLIENT_ID":"id","GOOGLE_CLIENT_SECRET":"GOCSPX-marker"}"#;

fn holding(text: &str) -> Said {
    said(200, &serde_json::json!({ "Name": "gmail/oauth", "SecretString": text }))
}

async fn error_of(text: &'static str) -> String {
    let scripted = Scripted::answering(move |_, _| holding(text)).await;
    let read = Secrets::new(&scripted.config).client_credentials("gmail/oauth").await;
    let error = read.err().unwrap();
    assert!(matches!(error, StoreError::Broken { .. }));
    chain(&error)
}

#[tokio::test]
async fn the_client_is_read_from_exactly_two_names() {
    let scripted = Scripted::answering(|_, _| holding(BOTH)).await;
    let secrets = Secrets::new(&scripted.config);
    let client = secrets.client_credentials("gmail/oauth").await.unwrap();
    assert_eq!((client.id.as_str(), client.secret.for_google()), ("id", "GOCSPX-marker"));
    assert!(!format!("{client:?}").contains("marker"));
    assert_eq!(scripted.bodies()[0]["SecretId"], "gmail/oauth");
}

#[tokio::test]
async fn what_is_wrong_with_the_secret_is_said_and_the_secret_is_not() {
    let none = error_of(r#"{"note":"marker"}"#).await;
    assert!(none.contains("GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are not set"), "{none}");
    let no_id = error_of(r#"{"GOOGLE_CLIENT_SECRET":"marker"}"#).await;
    assert!(no_id.contains("secret gmail/oauth: GOOGLE_CLIENT_ID is not set"), "{no_id}");
    let empty = error_of(r#"{"GOOGLE_CLIENT_ID":"marker","GOOGLE_CLIENT_SECRET":" "}"#).await;
    assert!(empty.contains("GOOGLE_CLIENT_SECRET is not set"), "{empty}");
    let number = error_of(r#"{"GOOGLE_CLIENT_ID":1234567,"GOOGLE_CLIENT_SECRET":"marker"}"#).await;
    assert!(number.contains("GOOGLE_CLIENT_ID is not set"), "{number}");
    let more =
        error_of(r#"{"GOOGLE_CLIENT_ID":"i","GOOGLE_CLIENT_SECRET":"marker","password":"p"}"#);
    let more = more.await;
    assert!(more.contains("names beside"), "{more}");
    let text = error_of("marker").await;
    assert!(text.contains("not JSON with the names"), "{text}");
    for error in [none, no_id, empty, number, more, text] {
        assert!(!error.contains("marker") && !error.contains("1234567"), "{error}");
    }
}

#[tokio::test]
async fn a_key_is_made_of_any_text_that_is_long_enough() {
    let texts = [["a"; 32].concat(), ["b"; 32].concat(), ["a"; 31].concat()];
    let scripted = Scripted::answering(move |number, _| holding(&texts[number])).await;
    let secrets = Secrets::new(&scripted.config);
    let first = secrets.web_key("web").await.unwrap();
    assert_eq!(first[..], digest(&SHA256, &[b'a'; 32]).as_ref()[..]);
    assert_ne!(first, secrets.web_key("web").await.unwrap());
    let short = chain(&secrets.web_key("web").await.err().unwrap());
    assert!(short.contains("secret web: it is shorter than 32 characters"), "{short}");
}

#[tokio::test]
async fn a_secret_that_is_missing_or_forbidden_is_named() {
    for code in ["AccessDeniedException", "ResourceNotFoundException", "DecryptionFailure"] {
        let scripted = Scripted::answering(move |_, _| refused(code)).await;
        let error = Secrets::new(&scripted.config).web_key("web").await.err().unwrap();
        assert!(matches!(error, StoreError::Broken { .. }), "{code}");
        let error = chain(&error);
        assert!(error.contains("secretsmanager:GetSecretValue on web"), "{error}");
    }
    let scripted = Scripted::answering(|_, _| refused("InternalServiceError")).await;
    let error = Secrets::new(&scripted.config).web_key("web").await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    assert_eq!(scripted.asked().len(), 3);
}
