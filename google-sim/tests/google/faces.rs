//! The two faces held against each other: what the HTTP client makes of the HTTP face's answers is what the in-process
//! face gives.

use std::fmt::Debug;

use google_sim::Delivery;
use google_sim::in_process::InProcess;
use google_sim::scopes::Scopes;
use serde_json::json;
use shared::google::http::{GoogleAddresses, HttpClient, HttpGmail, HttpOAuth};
use shared::google::{Gmail, GmailChanges, OAuth, Search};
use shared::ids::MessageId;
use shared::secret::{AccessToken, ClientSecret, RefreshToken};

use crate::server::{ANN, PLAIN, RICH, Server};

const BACK: &str = "http://127.0.0.1:8080/oauth2callback";

/// One client for each face of the same world.
struct Faces {
    server: Server,
    gmail: [Box<dyn Gmail>; 2],
    changes: [Box<dyn GmailChanges>; 2],
    oauth: [Box<dyn OAuth>; 2],
}

impl Faces {
    async fn start() -> Self {
        let server = Server::start().await;
        let addresses = GoogleAddresses::under(&server.base.parse().unwrap());
        let client = HttpClient::new(server.clock.clone()).unwrap();
        let gmail = HttpGmail::new(client.clone(), &addresses.gmail_api_url);
        let secret = ClientSecret::new("secret".to_owned());
        let oauth =
            HttpOAuth::new(client, addresses, "fanmail".to_owned(), secret, BACK.to_owned());
        let near = InProcess { google: server.google.clone(), redirect_uri: BACK.to_owned() };
        let (gmail, oauth) = (Box::new(gmail), Box::new(oauth));
        Self {
            server,
            changes: [gmail.clone(), Box::new(near.clone())],
            gmail: [gmail, Box::new(near.clone())],
            oauth: [oauth, Box::new(near)],
        }
    }

    fn token(&self) -> AccessToken {
        AccessToken::new(self.server.google.issue_token(ANN).unwrap())
    }
}

/// The name of an outcome: causes are told in each face's own words.
fn outcome<T: Debug, E: Debug>(result: &Result<T, E>) -> String {
    match result {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => {
            let told = format!("{error:?}");
            let is_told_freely = told.starts_with("Unreachable") || told.starts_with("Malformed");
            if is_told_freely { told.split(' ').next().unwrap().to_owned() } else { told }
        }
    }
}

#[tokio::test]
async fn both_faces_read_the_same_mailbox() {
    let faces = Faces::start().await;
    let google = &faces.server.google;
    let token = faces.token();
    let start = faces.gmail[0].profile(&token).await.unwrap();
    let ids = [PLAIN, RICH].map(|body| google.deliver(ANN, body).unwrap());
    let hidden = Delivery { labels: Some(&["SPAM"]), date: None };
    google.deliver_as(ANN, PLAIN, hidden).unwrap();
    let searches = [
        Search::default(),
        Search { query: None, include_spam_trash: true },
        Search { query: Some("has:attachment".to_owned()), include_spam_trash: false },
        Search { query: Some("form:nobody".to_owned()), include_spam_trash: false },
    ];
    let mut seen = Vec::new();
    for gmail in &faces.gmail {
        let mut told = vec![outcome(&gmail.profile(&token).await)];
        told.push(outcome(&gmail.history(&token, start.history_id, None).await));
        for search in &searches {
            told.push(outcome(&gmail.list(&token, search, None).await));
        }
        for limit in [10, 1 << 20] {
            let message = gmail.message(&token, &ids[1], limit).await;
            let shown = message.map(|m| (m.id, m.thread_id, m.label_ids, m.internal_date, m.raw));
            told.push(outcome(&shown));
        }
        seen.push(told);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0][1].contains(ids[0].as_str()) && seen[0][6].contains("TooLarge"));
}

#[tokio::test]
async fn both_faces_change_the_same_mailbox() {
    let faces = Faces::start().await;
    let google = &faces.server.google;
    let token = faces.token();
    let gone: MessageId = "0000000000000001".parse().unwrap();
    let mut seen = Vec::new();
    for (name, changes) in ["Work/Bills ü", "Other"].into_iter().zip(&faces.changes) {
        let id = google.deliver(ANN, PLAIN).unwrap();
        let label = changes.create_label(&token, name).await.unwrap();
        assert_eq!(label.name, name);
        assert!(changes.labels(&token).await.unwrap().contains(&label));
        changes.modify(&token, &id, &[&label.id], &["INBOX", "UNREAD"]).await.unwrap();
        let labels = google.labels_of(ANN, &id).unwrap();
        assert_eq!(labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(), [name]);
        let sent = changes.send(&token, RICH.into()).await.unwrap();
        let stored = faces.gmail[0].message(&token, &sent, 1 << 20).await.unwrap();
        assert!(stored.raw == RICH.as_bytes(), "byte for byte");
        seen.push([
            outcome(&changes.create_label(&token, &name.to_uppercase()).await),
            outcome(&changes.create_label(&token, "inbox").await),
            outcome(&changes.modify(&token, &gone, &[], &["INBOX"]).await),
            outcome(&changes.modify(&token, &id, &["Label_40"], &[]).await),
            outcome(&changes.send(&token, b"Subject: To nobody\r\n\r\n".to_vec()).await),
            outcome(&changes.labels(&AccessToken::new("ya29.no".to_owned())).await),
        ]);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0][0].contains("409") && seen[0][2] == "NotFound", "{seen:?}");
    assert!(seen[0][1].starts_with("BadRequest") && seen[0][3].starts_with("BadRequest"));
    let reading = Scopes::parse("https://www.googleapis.com/auth/gmail.readonly").unwrap();
    let token = AccessToken::new(google.issue_token_for(ANN, reading).unwrap());
    for changes in &faces.changes {
        assert_eq!(outcome(&changes.create_label(&token, "More").await), "ScopeMissing");
        assert_eq!(outcome(&changes.send(&token, RICH.into()).await), "ScopeMissing");
    }
}

#[tokio::test]
async fn both_faces_fail_in_the_same_way() {
    let faces = Faces::start().await;
    let token = faces.token();
    for kind in [
        "badRequest",
        "failedPrecondition",
        "authError",
        "insufficientPermissions",
        "domainPolicy",
        "rateLimitExceeded",
        "rateLimitExceededWithoutTime",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "accessNotConfigured",
        "notFound",
        "429",
        "500",
        "502",
        "503",
        "504",
        "truncated",
        "wrongTypes",
        "slowBody",
        "dropped",
    ] {
        let mut told = Vec::new();
        for gmail in &faces.gmail {
            let fault = json!({"method": "getProfile", "kind": kind, "count": 1});
            assert_eq!(faces.server.admin("faults", fault).await.code, 200);
            told.push(outcome(&gmail.profile(&token).await));
        }
        assert_eq!(told[0], told[1], "{kind}");
        assert_eq!(told[0].starts_with("Profile"), kind == "slowBody", "{kind}: {}", told[0]);
    }
}

#[tokio::test]
async fn both_faces_refuse_what_is_not_there() {
    let faces = Faces::start().await;
    let (token, strange) = (faces.token(), AccessToken::new("ya29.no".to_owned()));
    let start = faces.gmail[0].profile(&token).await.unwrap().history_id;
    faces.server.google.expire_history(ANN).unwrap();
    let missing: MessageId = "0000000000000001".parse().unwrap();
    let mut seen = Vec::new();
    for gmail in &faces.gmail {
        seen.push([
            outcome(&gmail.profile(&strange).await),
            outcome(&gmail.history(&token, start, None).await),
            outcome(&gmail.message(&token, &missing, 1000).await.map(|message| message.id)),
        ]);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], ["Unauthorized", "NotFound", "NotFound"]);
}

#[tokio::test]
async fn both_faces_keep_and_lose_a_grant_alike() {
    let faces = Faces::start().await;
    let google = &faces.server.google;
    let mailbox = google.mailbox(ANN).unwrap();
    let scopes = Scopes::parse("openid https://www.googleapis.com/auth/gmail.readonly").unwrap();
    let mut seen = Vec::new();
    for oauth in &faces.oauth {
        let token = RefreshToken::new(google.consent(&mailbox, scopes).refresh_token.unwrap());
        let refreshed = oauth.refresh(&token).await.unwrap();
        let mut told = vec![format!("{:?} {:?}", refreshed.scopes, refreshed.expires_in)];
        told.push(oauth.signing_keys().await.map(|keys| format!("{keys:?}")).unwrap());
        for kind in [
            "invalid_grant",
            "invalid_rapt",
            "invalid_client",
            "unauthorized_client",
            "deleted_client",
            "admin_policy_enforced",
            "badRequest",
            "429",
            "503",
            "truncated",
            "dropped",
        ] {
            let fault = json!({"email": ANN, "method": "token", "kind": kind, "count": 1});
            assert_eq!(faces.server.admin("faults", fault).await.code, 200);
            told.push(outcome(&oauth.refresh(&token).await.map(|answer| answer.scopes)));
        }
        told.push(outcome(&oauth.exchange("no such code", "verifier").await.map(|_| ())));
        told.push(outcome(&oauth.revoke(&token).await));
        told.push(outcome(&oauth.refresh(&token).await.map(|_| ())));
        told.push(outcome(&oauth.revoke(&RefreshToken::new("unknown".to_owned())).await));
        seen.push(told);
    }
    assert_eq!(seen[0], seen[1]);
}
