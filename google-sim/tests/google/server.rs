//! A simulator on a port of its own, and a client for it.

use std::time::Duration;

use google_sim::{Google, GoogleConfig, http};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use shared::clock::{Chance, Clock};
use tokio::net::TcpListener;

pub(crate) const ANN: &str = "ann@example.com";
pub(crate) const BOB: &str = "bob@example.com";

/// A message with everything in it: two bodies, an attached message and a file.
pub(crate) const RICH: &str = "From: Bob <bob@example.com>\r\nTo: ann@example.com\r\n\
    Subject: Quarterly numbers\r\nMessage-ID: <rich@example.com>\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n\
    --x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
    --y\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n\
    --y\r\nContent-Type: text/html\r\n\r\n<p>See the file.</p>\r\n--y--\r\n\
    --x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInside\r\n\
    --x\r\nContent-Type: application/pdf; name=numbers.pdf\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--x--\r\n";

pub(crate) const PLAIN: &str = "From: Carol <carol@example.net>\r\nTo: ann@example.com\r\n\
    Subject: Lunch?\r\nMessage-ID: <plain@example.net>\r\n\r\nAre you free at noon?\r\n";

pub(crate) struct Server {
    pub(crate) google: Google,
    pub(crate) base: String,
    pub(crate) clock: Clock,
    token: String,
    client: reqwest::Client,
}

/// A status and the JSON that came with it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

impl Server {
    /// Ann and Bob, with empty mailboxes and a clock that stands.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut GoogleConfig)) -> Self {
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let mut config = GoogleConfig::new(clock.clone(), Chance::seeded(1));
        change(&mut config);
        let google = Google::new(config);
        google.add_mailbox(ANN, "Ann");
        google.add_mailbox(BOB, "Bob");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(http::serve(google.clone(), listener));
        let token = google.issue_token(ANN).unwrap();
        let redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirects).build().unwrap();
        Self { google, base, clock, token, client }
    }

    /// Another token for Ann, for these scopes.
    pub(crate) fn with_scopes(mut self, scopes: &str) -> Self {
        let scopes = google_sim::scopes::Scopes::parse(scopes).unwrap();
        self.token = self.google.issue_token_for(ANN, scopes).unwrap();
        self
    }

    pub(crate) fn request(&self, verb: Method, path: &str) -> RequestBuilder {
        let client = self.client.request(verb, format!("{}{path}", self.base));
        client.bearer_auth(&self.token).timeout(Duration::from_secs(20))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, &format!("/gmail/v1/users/me/{path}"))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let path = format!("/gmail/v1/users/me/{path}");
        answer(self.request(Method::POST, &path).body(body.to_string())).await
    }

    pub(crate) async fn admin(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, &format!("/admin/{path}")).body(body.to_string())).await
    }

    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let url = format!("{}{path}", self.base);
        self.client.post(url).form(fields).send().await.unwrap()
    }

    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let client = [("client_id", "fanmail"), ("client_secret", "secret")];
        let fields: Vec<_> = client.into_iter().chain(fields.iter().copied()).collect();
        read(self.form("/token", &fields).await).await
    }

    /// The history id at which Ann's mailbox stands.
    pub(crate) async fn cursor(&self) -> String {
        self.get("profile").await.text("historyId")
    }
}

impl Answer {
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    /// The `reason` of a refusal.
    pub(crate) fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"].as_str().unwrap_or("none")
    }

    /// The ids of a list of messages.
    pub(crate) fn ids(&self) -> Vec<String> {
        let all = self.body["messages"].as_array().cloned().unwrap_or_default();
        all.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    read(request.send().await.unwrap()).await
}

pub(crate) async fn read(response: Response) -> Answer {
    let code = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    Answer { code, body: serde_json::from_slice(&bytes).unwrap_or(json!(null)) }
}
