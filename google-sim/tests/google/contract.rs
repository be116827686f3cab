//! Every answer is held against Google's description of its API, `gmail.v1.json`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use google_sim::methods::{Method, Prices};
use reqwest::Method as Verb;
use serde_json::{Map, Value, json};

use crate::server::{ANN, Answer, PLAIN, RICH, Server, answer};

/// Google's description.
struct Contract(Value);

impl Contract {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("../gmail.v1.json")).unwrap())
    }

    /// A method of the description, by the simulator's name for it.
    fn method(&self, method: Method) -> &Map<String, Value> {
        let (mut at, name) = (&self.0["resources"]["users"], method.name());
        let path: Vec<&str> = name.split('.').collect();
        for resource in &path[..path.len() - 1] {
            at = &at["resources"][*resource];
        }
        at["methods"][path[path.len() - 1]].as_object().unwrap_or_else(|| panic!("no {name}"))
    }

    /// Holds an answer of a method against its schema.
    fn hold(&self, method: Method, answer: &Answer) {
        assert_eq!(answer.code, 200, "{method}: {}", answer.body);
        let schema = self.method(method)["response"]["$ref"].as_str().unwrap();
        self.check(&json!({"$ref": schema}), &answer.body, schema);
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            return self.check(&self.0["schemas"][name], value, at);
        }
        match schema["type"].as_str().unwrap() {
            "object" => {
                for (name, value) in value.as_object().unwrap_or_else(|| panic!("{at}: no object"))
                {
                    let known = schema["properties"].get(name);
                    let known = known.unwrap_or_else(|| panic!("{at}: unknown property {name}"));
                    self.check(known, value, &format!("{at}.{name}"));
                }
            }
            "array" => {
                let items = value.as_array().unwrap_or_else(|| panic!("{at}: no array"));
                for item in items {
                    self.check(&schema["items"], item, at);
                }
            }
            "integer" => assert!(value.as_i64().is_some(), "{at}: {value} is no number"),
            "string" => check_text(schema, value, at),
            other => panic!("{at}: what is a {other}?"),
        }
    }
}

fn check_text(schema: &Value, value: &Value, at: &str) {
    let text = value.as_str().unwrap_or_else(|| panic!("{at}: {value} is no text"));
    match schema["format"].as_str() {
        Some("uint64") => assert!(text.parse::<u64>().is_ok(), "{at}: {text}"),
        Some("int64") => assert!(text.parse::<i64>().is_ok(), "{at}: {text}"),
        Some("byte") => assert!(URL_SAFE.decode(text).is_ok(), "{at}: no base64url"),
        Some(other) => panic!("{at}: format {other}"),
        None => {}
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {text} is none of {words:?}");
    }
}

/// Fails unless every field is there.
fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "no {field} in {value}");
    }
}

/// A mailbox in which something of every kind has happened. The second id is that of the rich message.
async fn lived_in() -> (Server, String, String) {
    let server = Server::start_with(|config| config.quota = None).await;
    let cursor = server.cursor().await;
    let gone = server.google.deliver(ANN, PLAIN).unwrap();
    server.google.deliver(ANN, PLAIN).unwrap();
    let rich = server.google.deliver(ANN, RICH).unwrap().to_string();
    let modify = json!({"addLabelIds": ["STARRED"], "removeLabelIds": ["UNREAD"]});
    server.post(&format!("messages/{rich}/modify"), modify).await;
    server.google.delete(ANN, &gone).unwrap();
    (server, cursor, rich)
}

const MESSAGE: [&str; 7] =
    ["id", "threadId", "labelIds", "snippet", "historyId", "internalDate", "sizeEstimate"];

#[tokio::test]
async fn a_message_is_as_google_describes_it_in_every_format() {
    let (contract, (server, _, rich)) = (Contract::load(), lived_in().await);
    for (format, more) in [
        ("minimal", None),
        ("metadata", Some("payload")),
        ("full", Some("payload")),
        ("raw", Some("raw")),
    ] {
        let answer = server.get(&format!("messages/{rich}?format={format}")).await;
        contract.hold(Method::MessagesGet, &answer);
        has(&answer.body, &MESSAGE);
        for field in ["payload", "raw"] {
            assert_eq!(answer.body.get(field).is_some(), more == Some(field), "{format} {field}");
        }
    }
    let raw = server.get(&format!("messages/{rich}?format=raw")).await.text("raw");
    assert_eq!(URL_SAFE.decode(raw).unwrap(), RICH.as_bytes());
}

#[tokio::test]
async fn a_full_message_has_its_tree_and_its_attachments_are_fetched_apart() {
    let (contract, (server, _, rich)) = (Contract::load(), lived_in().await);
    let full = server.get(&format!("messages/{rich}")).await;
    let payload = &full.body["payload"];
    has(payload, &["partId", "mimeType", "filename", "headers", "body", "parts"]);
    let kinds: Vec<_> =
        payload["parts"].as_array().unwrap().iter().map(|p| &p["mimeType"]).collect();
    assert_eq!(kinds, ["multipart/alternative", "message/rfc822", "application/pdf"]);
    assert_eq!(payload["parts"][0]["parts"][1]["partId"], "0.1");
    let file = &payload["parts"][2];
    assert_eq!((&file["filename"], &file["body"]["size"]), (&json!("numbers.pdf"), &json!(5)));
    let id = file["body"]["attachmentId"].as_str().unwrap();
    let attachment = server.get(&format!("messages/{rich}/attachments/{id}")).await;
    contract.hold(Method::AttachmentsGet, &attachment);
    assert_eq!(attachment.text("data"), "AAECAwQ=");
    let again = server.get(&format!("messages/{rich}")).await.body["payload"]["parts"][2].clone();
    assert_ne!(again["body"]["attachmentId"], id, "an attachment's id is good for one fetch");
}

#[tokio::test]
async fn metadata_headers_are_narrowed_by_name() {
    let (server, _, rich) = lived_in().await;
    let path = "?format=metadata&metadataHeaders=subject&metadataHeaders=From";
    let narrowed = server.get(&format!("messages/{rich}{path}")).await;
    let headers = narrowed.body["payload"]["headers"].as_array().unwrap().clone();
    let names: Vec<_> = headers.iter().map(|header| &header["name"]).collect();
    assert_eq!(names, ["From", "Subject"]);
}

#[tokio::test]
async fn lists_and_profile_are_as_google_describes_them() {
    let (contract, (server, cursor, _)) = (Contract::load(), lived_in().await);
    for (method, path, fields) in [
        (
            Method::GetProfile,
            "profile".to_owned(),
            &["emailAddress", "messagesTotal", "threadsTotal", "historyId"][..],
        ),
        (
            Method::MessagesList,
            "messages?maxResults=1".to_owned(),
            &["messages", "nextPageToken", "resultSizeEstimate"],
        ),
        (Method::MessagesList, "messages?q=nothinglikethis".to_owned(), &["resultSizeEstimate"]),
        (
            Method::HistoryList,
            format!("history?startHistoryId={cursor}"),
            &["history", "historyId"],
        ),
        (
            Method::HistoryList,
            format!("history?startHistoryId={cursor}&maxResults=1"),
            &["nextPageToken"],
        ),
        (Method::LabelsList, "labels".to_owned(), &["labels"]),
    ] {
        let answer = server.get(&path).await;
        contract.hold(method, &answer);
        has(&answer.body, fields);
    }
}

#[tokio::test]
async fn history_tells_of_every_kind_of_change() {
    let (server, cursor, rich) = lived_in().await;
    let history = server.get(&format!("history?startHistoryId={cursor}")).await;
    let records = history.body["history"].as_array().unwrap().clone();
    let kinds = ["messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted"];
    for kind in kinds {
        let of_kind: Vec<_> = records.iter().filter(|record| record.get(kind).is_some()).collect();
        assert!(!of_kind.is_empty(), "no {kind}");
        has(of_kind[0], &["id", "messages"]);
        has(&of_kind[0][kind][0]["message"], &["id", "threadId"]);
    }
    let starred = records.iter().find(|record| record.get("labelsAdded").is_some()).unwrap();
    assert_eq!(starred["labelsAdded"][0]["labelIds"], json!(["STARRED"]));
    assert_eq!(starred["messages"][0]["id"], rich);
}

#[tokio::test]
async fn what_changes_a_mailbox_answers_as_google_describes_it() {
    let (contract, (server, _, rich)) = (Contract::load(), lived_in().await);
    let raw = URL_SAFE.encode(PLAIN);
    let topic = json!({"topicName": "projects/p/topics/t", "labelIds": ["INBOX"]});
    for (method, path, body, fields) in [
        (
            Method::MessagesModify,
            format!("messages/{rich}/modify"),
            json!({"addLabelIds": ["UNREAD"]}),
            &["id", "threadId", "labelIds"][..],
        ),
        (
            Method::MessagesSend,
            "messages/send".to_owned(),
            json!({"raw": raw}),
            &["id", "threadId", "labelIds"],
        ),
        (
            Method::MessagesInsert,
            "messages".to_owned(),
            json!({"raw": raw, "labelIds": ["INBOX"]}),
            &["id", "threadId"],
        ),
        (
            Method::LabelsCreate,
            "labels".to_owned(),
            json!({"name": "Bills", "labelListVisibility": "labelShow"}),
            &["id", "name", "type"],
        ),
        (Method::Watch, "watch".to_owned(), topic, &["historyId", "expiration"]),
    ] {
        let answer = server.post(&path, body).await;
        contract.hold(method, &answer);
        has(&answer.body, fields);
    }
    assert_eq!(server.post("stop", json!({})).await.code, 204);
}

#[tokio::test]
async fn every_parameter_google_describes_is_taken_and_no_other() {
    let (contract, (server, cursor, rich)) = (Contract::load(), lived_in().await);
    let full = server.get(&format!("messages/{rich}")).await;
    let attachment = full.body["payload"]["parts"][2]["body"]["attachmentId"].as_str().unwrap();
    let everywhere = contract.0["parameters"].as_object().unwrap();
    for method in gmail_methods() {
        let described = contract.method(method);
        let path = described["path"].as_str().unwrap().replace("{userId}", "me");
        let id = if method == Method::AttachmentsGet { attachment } else { &rich };
        let path = path.replace("{messageId}", &rich).replace("{id}", id);
        let own = described["parameters"].as_object().unwrap().iter();
        let own = own.filter(|(_, about)| about["location"] == "query");
        for (name, about) in own.chain(everywhere) {
            let needed = method == Method::HistoryList && name != "startHistoryId";
            let rest = if needed { format!("&startHistoryId={cursor}") } else { String::new() };
            let value = sample(name, about, &cursor);
            let taken = ask(&server, method, &format!("/{path}?{name}={value}{rest}")).await;
            let is_taken = taken.code < 300 || method == Method::LabelsCreate && taken.code == 409;
            assert!(is_taken, "{method} {name}={value}: {}", taken.body);
            let refused = ask(&server, method, &format!("/{path}?x{name}=1{rest}")).await;
            assert_eq!(refused.code, 400, "{method} x{name}");
        }
    }
}

fn gmail_methods() -> impl Iterator<Item = Method> {
    Method::ALL.into_iter().filter(|method| method.units(Prices::May2026) > 0)
}

async fn ask(server: &Server, method: Method, path: &str) -> Answer {
    let verb = Contract::load().method(method)["httpMethod"].as_str().unwrap().to_owned();
    let verb = Verb::from_bytes(verb.as_bytes()).unwrap();
    let body = if verb == Verb::POST { body(method) } else { String::new() };
    answer(server.request(verb, path).body(body)).await
}

/// A value that a parameter takes.
fn sample(name: &str, about: &Value, cursor: &str) -> String {
    match name {
        "fields" => return "*".to_owned(),
        "startHistoryId" => return cursor.to_owned(),
        "labelId" | "labelIds" => return "INBOX".to_owned(),
        "pageToken" => return String::new(),
        "access_token" | "oauth_token" | "key" => return "ignored".to_owned(),
        _ => {}
    }
    if let Some(words) = about["enum"].as_array() {
        return words.last().unwrap().as_str().unwrap().to_owned();
    }
    match about["type"].as_str().unwrap() {
        "integer" => "1",
        "boolean" => "true",
        _ => "x",
    }
    .to_owned()
}

/// A body that a method takes.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others take an empty one")]
fn body(method: Method) -> String {
    let raw = URL_SAFE.encode(PLAIN);
    let topic = json!({"topicName": "projects/p/topics/t"});
    match method {
        Method::MessagesSend | Method::MessagesInsert => json!({"raw": raw}),
        Method::LabelsCreate => json!({"name": "Bills"}),
        Method::Watch => topic,
        _ => json!({}),
    }
    .to_string()
}

#[test]
fn every_method_asks_for_the_scopes_google_asks_for() {
    let contract = Contract::load();
    for method in gmail_methods() {
        let described = contract.method(method)["scopes"].as_array().unwrap().clone();
        let mut described: Vec<_> =
            described.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect();
        let mut ours: Vec<_> = method.scopes().names().map(str::to_owned).collect();
        described.sort();
        ours.sort();
        assert_eq!(ours, described, "{method}");
    }
}
