//! Delegation, asked through a socket and in process: what the one face says the other says.

use std::sync::Arc;
use std::time::Duration;

use google_sim::delegated::Delegated;
use google_sim::domains::ServiceAccountKey;
use google_sim::scopes::Scopes;
use serde_json::{Value, json};
use shared::google::client::FixedAccount;
use shared::google::http::{GoogleAddresses, HttpClient, HttpDelegation};
use shared::google::service_account::ServiceAccount;
use shared::google::{Delegation, DelegationError, TokenAnswer};

use crate::server::{ANN, Server};

const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const READ: &str = "https://www.googleapis.com/auth/gmail.readonly";

fn scopes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn far(server: &Server, account: ServiceAccount) -> HttpDelegation {
    let addresses = GoogleAddresses::under(&server.base.parse().unwrap());
    let client = HttpClient::new(server.clock.clone()).unwrap();
    HttpDelegation::new(client, addresses, Arc::new(FixedAccount::new(account)))
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn word(answer: &Result<TokenAnswer, DelegationError>) -> String {
    match answer {
        Ok(_) => "given".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn both_faces_give_and_refuse_the_same() {
    let server = Server::start().await;
    let google = &server.google;
    let key = ServiceAccountKey::generate("fan").unwrap();
    google.add_service_account(&key);
    let domain = ANN.split_once('@').unwrap().1;
    let far = far(&server, ServiceAccount::parse(&key.json).unwrap());
    let near = Delegated::of(google.clone(), &key).unwrap();
    let both = scopes(&[EMAIL, READ]);
    let ask = async |email: &str, scopes: &[String]| {
        let told = [word(&far.mint(email, scopes).await), word(&near.mint(email, scopes).await)];
        assert_eq!(told[0], told[1], "{email} {scopes:?}");
        told[0].clone()
    };
    let refused = "NotAuthorized { error: \"unauthorized_client\" }";
    assert_eq!(ask(ANN, &both).await, refused, "nobody has let it in yet");
    google.authorize(domain, &key.client_id, Scopes::parse(&both.join(" ")).unwrap());
    assert_eq!(ask(ANN, &both).await, "given");
    assert_eq!(ask(ANN, &scopes(&["https://mail.google.com/"])).await, refused);
    assert_eq!(ask("somebody@elsewhere.example", &both).await, refused);
    assert_eq!(ask(&format!("nobody@{domain}"), &both).await, "NoSuchAccount");
    google.disable_service_account(&key.email, true).unwrap();
    assert_eq!(ask(ANN, &both).await, "ServiceAccount { error: \"disabled_client\" }");
    google.disable_service_account(&key.email, false).unwrap();
    google.withdraw(domain, &key.client_id);
    assert_eq!(ask(ANN, &both).await, refused);
}

#[tokio::test]
async fn an_account_keeps_its_number_when_its_address_changes() {
    let server = Server::start().await;
    let key = ServiceAccountKey::generate("fan").unwrap();
    server.google.add_service_account(&key);
    let domain = ANN.split_once('@').unwrap().1;
    let both = scopes(&[EMAIL, READ]);
    server.google.authorize(domain, &key.client_id, Scopes::parse(&both.join(" ")).unwrap());
    let far = far(&server, ServiceAccount::parse(&key.json).unwrap());
    let near = Delegated::of(server.google.clone(), &key).unwrap();
    let token = far.mint(ANN, &both).await.unwrap().access_token;
    let new = format!("new@{domain}");
    server.google.rename(ANN, &new).unwrap();
    let gone = far.mint(ANN, &both).await.unwrap_err();
    assert!(matches!(gone, DelegationError::NoSuchAccount), "{gone:?}");
    for face in [&far as &dyn Delegation, &near] {
        let Ok(account) = face.account(&token).await else { panic!("refused") };
        let sub = server.google.mailbox(&new).unwrap().sub.to_string();
        assert_eq!((account.user_id.to_string(), account.email), (sub, new.clone()));
    }
    let narrow = far.mint(&new, &scopes(&[READ])).await.unwrap().access_token;
    let refused = far.account(&narrow).await.err().unwrap();
    assert!(matches!(refused, DelegationError::Malformed { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_is_not_the_accounts_and_a_clock_that_is_wrong_are_ours_to_mend() {
    let server = Server::start().await;
    let (key, other) =
        (ServiceAccountKey::generate("fan").unwrap(), ServiceAccountKey::generate("fan").unwrap());
    server.google.add_service_account(&key);
    let both = scopes(&[EMAIL, READ]);
    let stranger = far(&server, ServiceAccount::parse(&other.json).unwrap());
    let refused = stranger.mint(ANN, &both).await.unwrap_err();
    assert!(matches!(refused, DelegationError::Assertion { .. }), "{refused:?}");
    let near = Delegated::of(server.google.clone(), &key).unwrap();
    let now = server.clock.now();
    for wrong in [now + Duration::from_hours(2), "2020-01-01T00:00:00Z".parse().unwrap()] {
        let token_url = format!("{}/token", server.base);
        let assertion = near.account.assertion(ANN, &both.join(" "), &token_url, wrong).unwrap();
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        let sent = browser().post(token_url).form(&form).send().await.unwrap();
        let body: Value = serde_json::from_str(&sent.text().await.unwrap()).unwrap();
        assert_eq!(body["error"], "invalid_grant");
        assert!(body["error_description"].as_str().unwrap().contains("short-lived"), "{body}");
    }
}

#[tokio::test]
async fn an_operator_makes_a_service_account_and_speaks_for_a_domain() {
    let server = Server::start().await;
    let client = browser();
    let post = async |path: &str, body: Value| {
        let sent = client.post(format!("{}{path}", server.base)).body(body.to_string());
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.headers()["x-not-google"], "simulator administration");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        body
    };
    let made = post("/admin/service-accounts", json!({"name": "fan"})).await;
    let account = ServiceAccount::parse(&made["key"].to_string()).unwrap();
    assert_eq!(made["clientId"], account.client_id.as_str());
    let domain = ANN.split_once('@').unwrap().1;
    let allowed = json!({"domain": domain, "clientId": account.client_id, "scopes": READ});
    post("/admin/domains", allowed).await;
    far(&server, account).mint(ANN, &scopes(&[READ])).await.unwrap();
}
