//! What a client of Gmail lives through: forgotten history, spent quota, missing scopes, batches, faults.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use google_sim::Delivery;
use google_sim::history::NamesLabels;
use google_sim::methods::{Method, Prices};
use google_sim::quota::Quota;
use reqwest::Method as Verb;
use serde_json::{Value, json};

use crate::server::{ANN, BOB, PLAIN, RICH, Server, answer};

#[tokio::test]
async fn forgotten_history_is_a_404_and_a_new_cursor_works() {
    let server = Server::start().await;
    let old = server.cursor().await;
    server.google.deliver(ANN, PLAIN).unwrap();
    assert_eq!(server.get(&format!("history?startHistoryId={old}")).await.code, 200);
    server.admin("expire", json!({"email": ANN})).await;
    let lost = server.get(&format!("history?startHistoryId={old}")).await;
    assert_eq!((lost.code, lost.reason()), (404, "notFound"));
    let new = server.cursor().await;
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    let history = server.get(&format!("history?startHistoryId={new}")).await;
    assert_eq!(history.body["history"][0]["messages"][0]["id"], id.as_str());
}

#[tokio::test]
async fn history_is_read_page_by_page_without_loss_or_repetition() {
    let server = Server::start().await;
    let cursor = server.cursor().await;
    let sent: Vec<_> =
        (0..25).map(|_| server.google.deliver(ANN, PLAIN).unwrap().to_string()).collect();
    let (mut seen, mut page) = (Vec::new(), String::new());
    loop {
        let path = format!("history?startHistoryId={cursor}&maxResults=10{page}");
        let answer = server.get(&path).await;
        for record in answer.body["history"].as_array().unwrap() {
            seen.push(record["messages"][0]["id"].as_str().unwrap().to_owned());
        }
        match answer.body.get("nextPageToken") {
            Some(token) => page = format!("&pageToken={}", token.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn a_page_of_filtered_history_may_be_empty_and_not_the_last() {
    let server = Server::start().await;
    let cursor = server.cursor().await;
    server.google.deliver(ANN, PLAIN).unwrap();
    server.google.deliver(ANN, PLAIN).unwrap();
    let path = format!("history?startHistoryId={cursor}&historyTypes=messageDeleted&maxResults=1");
    let page = server.get(&path).await;
    assert!(page.body.get("history").is_none() && page.body.get("nextPageToken").is_some());
    let plural =
        server.get(&format!("history?startHistoryId={cursor}&historyTypes=messagesAdded")).await;
    assert_eq!(plural.code, 400);
}

#[tokio::test]
async fn a_search_finds_what_it_describes_newest_first() {
    let server = Server::start().await;
    let rich = server.google.deliver(ANN, RICH).unwrap().to_string();
    server.clock.advance(Duration::from_secs(5));
    let plain = server.google.deliver(ANN, PLAIN).unwrap().to_string();
    let spam = Delivery { labels: Some(&["SPAM"]), date: None };
    let spam = server.google.deliver_as(ANN, PLAIN, spam).unwrap().to_string();
    for (q, found) in [
        ("", vec![&plain, &rich]),
        ("has:attachment", vec![&rich]),
        ("from:bob@example.com", vec![&rich]),
        ("subject:lunch", vec![&plain]),
        ("free at noon", vec![&plain]),
        ("rfc822msgid:<rich@example.com>", vec![&rich]),
        ("-subject:lunch is:unread", vec![&rich]),
        ("{subject:lunch subject:quarterly}", vec![&plain, &rich]),
        ("in:anywhere from:carol", vec![&spam, &plain]),
        ("in:spam", vec![&spam]),
        ("after:1777636805", vec![&plain]),
        ("before:1777636805", vec![&rich]),
        ("after:2026/05/02", vec![]),
    ] {
        let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let answer = server.get(&format!("messages?q={q}")).await;
        assert_eq!(answer.ids().iter().collect::<Vec<_>>(), found, "{q}");
    }
    assert_eq!(server.get("messages?q=form:amy").await.code, 400);
    let all = server.get("messages?includeSpamTrash=true&labelIds=SPAM&labelIds=INBOX").await;
    assert!(all.ids().is_empty(), "labels are all asked for at once");
}

#[tokio::test]
async fn imported_mail_is_old_to_a_listing_and_new_to_history() {
    let server = Server::start().await;
    let cursor = server.cursor().await;
    let old = Delivery { labels: None, date: Some("2020-01-01T00:00:00Z".parse().unwrap()) };
    let id = server.google.deliver_as(ANN, PLAIN, old).unwrap();
    assert!(server.get("messages?q=after:1777636000").await.ids().is_empty());
    let history = server.get(&format!("history?startHistoryId={cursor}")).await;
    assert_eq!(history.body["history"][0]["messages"][0]["id"], id.as_str());
}

#[tokio::test]
async fn a_spent_minute_is_refused_with_the_time_to_come_back() {
    let server = Server::start().await;
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    let path = format!("messages/{id}?format=raw");
    for _ in 0..300 {
        assert_eq!(server.get(&path).await.code, 200);
    }
    let refused = server.get(&path).await;
    assert_eq!((refused.code, refused.reason()), (403, "rateLimitExceeded"));
    let message = refused.body["error"]["message"].as_str().unwrap().to_owned();
    let until = message.strip_prefix("User-rate limit exceeded.  Retry after ").unwrap();
    assert_eq!(until, "2026-05-01T12:01:00.000Z");
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(server.get(&path).await.code, 200);
    assert_eq!(server.google.counters().units, 301 * 20);
}

#[tokio::test]
async fn the_project_as_a_whole_has_a_limit_too_and_a_refused_call_costs_nothing() {
    let server = Server::start_with(|config| {
        let quota = Quota { project_per_minute: 50, ..Quota::google(Prices::Legacy) };
        config.quota = Some(quota);
    })
    .await;
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    for _ in 0..10 {
        assert_eq!(server.get(&format!("messages/{id}")).await.code, 200);
    }
    assert_eq!(server.get("labels").await.reason(), "rateLimitExceeded");
    assert_eq!(server.google.counters().units, 50);
}

#[tokio::test]
async fn too_many_calls_for_one_mailbox_at_once_are_a_429() {
    let server = Server::start().await;
    let google = &server.google;
    let token = google.issue_token(ANN).unwrap();
    let admit = || google.admit(Some(&token), "me", Method::LabelsList).verdict;
    let mut in_flight: Vec<_> = (0..20).map(|_| admit().unwrap()).collect();
    assert_eq!(admit().unwrap_err().code, 429);
    assert_eq!(server.get("labels").await.code, 429);
    in_flight.pop();
    assert!(admit().is_ok());
}

#[tokio::test]
async fn history_need_not_name_labels() {
    let server = Server::start_with(|config| config.history_labels = NamesLabels::Sometimes).await;
    let cursor = server.cursor().await;
    for _ in 0..40 {
        server.google.deliver(ANN, PLAIN).unwrap();
    }
    let history = server.get(&format!("history?startHistoryId={cursor}")).await;
    let records = history.body["history"].as_array().unwrap();
    let tells = |record: &&Value| record["messagesAdded"][0]["message"].get("labelIds").is_some();
    let named = records.iter().filter(tells).count();
    assert!((1..40).contains(&named), "{named} of {}", records.len());
}

#[tokio::test]
async fn a_token_opens_what_its_scopes_open_and_nothing_else() {
    let metadata = "https://www.googleapis.com/auth/gmail.metadata";
    let server = Server::start().await.with_scopes(metadata);
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    assert_eq!(server.get(&format!("messages/{id}?format=metadata")).await.code, 200);
    assert_eq!(server.get(&format!("messages/{id}?format=raw")).await.code, 403);
    assert_eq!(server.get("messages?q=lunch").await.code, 403);
    let modify = server.post(&format!("messages/{id}/modify"), json!({})).await;
    assert_eq!((modify.code, modify.reason()), (403, "insufficientPermissions"));
    let details = &modify.body["error"]["details"][0]["reason"];
    assert_eq!(details, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[tokio::test]
async fn a_token_that_is_unknown_old_or_for_another_mailbox_is_refused() {
    let server = Server::start().await;
    let unknown = reqwest::Client::builder().no_proxy().build().unwrap();
    let unknown = unknown.get(format!("{}/gmail/v1/users/me/profile", server.base));
    assert_eq!(answer(unknown.bearer_auth("ya29.no")).await.code, 401);
    let other =
        answer(server.request(Verb::GET, "/gmail/v1/users/bob%40example.com/profile")).await;
    assert_eq!(other.code, 403);
    let own = answer(server.request(Verb::GET, "/gmail/v1/users/ann%40example.com/profile")).await;
    assert_eq!(own.text("emailAddress"), ANN);
    server.clock.advance(Duration::from_hours(1));
    let old = server.get("profile").await;
    assert_eq!((old.code, old.reason()), (401, "authError"));
}

#[tokio::test]
async fn mail_that_is_sent_arrives_and_mail_to_oneself_is_both() {
    let server = Server::start().await;
    let raw = "From: ann@example.com\r\nTo: ann@example.com\r\nCc: Bob <BOB@example.com>\r\n\r\nHi";
    let sent = server.post("messages/send", json!({"raw": URL_SAFE_NO_PAD.encode(raw)})).await;
    assert_eq!(sent.body["labelIds"], json!(["INBOX", "UNREAD", "SENT"]));
    let bobs = server.google.issue_token(BOB).unwrap();
    let path = format!("/gmail/v1/users/me/messages?access_token={bobs}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let inbox = answer(client.get(format!("{}{path}", server.base))).await;
    assert_eq!(inbox.ids().len(), 1);
    let nobody = server
        .post("messages/send", json!({"raw": URL_SAFE_NO_PAD.encode("Subject: x\r\n\r\n")}))
        .await;
    assert_eq!(nobody.code, 400);
}

#[tokio::test]
async fn a_message_can_be_uploaded_as_it_is() {
    let server = Server::start().await;
    let path = "/upload/gmail/v1/users/me/messages?uploadType=media";
    let upload =
        server.request(Verb::POST, path).header("content-type", "message/rfc822").body(RICH);
    let id = answer(upload).await.text("id");
    let raw = server.get(&format!("messages/{id}?format=raw")).await.text("raw");
    assert_eq!(raw, base64::engine::general_purpose::URL_SAFE.encode(RICH));
}

#[tokio::test]
async fn a_batch_answers_each_part_by_itself() {
    let server = Server::start().await;
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    let part = |n: usize, path: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <part{n}>\r\n\r\nGET /gmail/v1/users/me/{path}\r\n\r\n"
        )
    };
    let batch = |parts: String| {
        let request = server.request(Verb::POST, "/batch/gmail/v1");
        let request = request.header("content-type", "multipart/mixed; boundary=b");
        async move { request.body(format!("{parts}--b--")).send().await.unwrap().text().await.unwrap() }
    };
    let found = part(1, &format!("messages/{id}?format=minimal"));
    let answers = batch(found + &part(2, "messages/0000000000000001")).await;
    let (first, second) = answers.split_once("<response-part2>").unwrap();
    assert!(first.contains("<response-part1>") && first.contains("HTTP/1.1 200 OK"));
    assert!(second.contains("HTTP/1.1 404 Not Found"));
    let refused = batch((0..101).map(|n| part(n, "profile")).collect()).await;
    assert!(refused.contains("INVALID_ARGUMENT"));
    assert_eq!(server.google.counters().calls["messages.get"], 2);
}

#[tokio::test]
async fn a_label_is_made_once_and_found_by_its_name() {
    let server = Server::start().await;
    let made = server.post("labels", json!({"name": "To do"})).await.text("id");
    assert_eq!(server.post("labels", json!({"name": "to do"})).await.code, 409);
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    server.post(&format!("messages/{id}/modify"), json!({"addLabelIds": [made]})).await;
    assert_eq!(server.get("messages?q=label:to-do").await.ids(), [id.as_str()]);
    for bad in ["Label_9", "SENT", "nonsense"] {
        let refused =
            server.post(&format!("messages/{id}/modify"), json!({"addLabelIds": [bad]})).await;
        assert_eq!(refused.code, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_watch_announces_at_most_once_a_second_and_serves_one_topic() {
    let server = Server::start().await;
    let watch = |topic: &str| json!({"topicName": format!("projects/p/topics/{topic}")});
    assert_eq!(server.post("watch", watch("one")).await.code, 200);
    assert_eq!(server.post("watch", watch("two")).await.code, 400);
    for bad in ["", "t", "projects//topics/t", "projects/p/topics/t/u"] {
        assert_eq!(server.post("watch", json!({"topicName": bad})).await.code, 400, "{bad}");
    }
    server.clock.advance(Duration::from_secs(2));
    server.google.deliver(ANN, PLAIN).unwrap();
    server.google.deliver(ANN, PLAIN).unwrap();
    assert_eq!(server.google.announcements(ANN).unwrap().len(), 2, "the watch itself, and one");
    server.post("stop", json!({})).await;
    assert_eq!(server.post("watch", watch("two")).await.code, 200);
}

#[tokio::test]
async fn faults_look_as_google_documents_them() {
    let server = Server::start().await;
    for (kind, code, reason) in [
        ("failedPrecondition", 400, "failedPrecondition"),
        ("authError", 401, "authError"),
        ("insufficientPermissions", 403, "insufficientPermissions"),
        ("domainPolicy", 403, "domainPolicy"),
        ("rateLimitExceeded", 403, "rateLimitExceeded"),
        ("userRateLimitExceeded", 403, "userRateLimitExceeded"),
        ("dailyLimitExceeded", 403, "dailyLimitExceeded"),
        ("accessNotConfigured", 403, "accessNotConfigured"),
        ("notFound", 404, "notFound"),
        ("tooManyRequests", 429, "rateLimitExceeded"),
        ("500", 500, "backendError"),
        ("502", 502, "backendError"),
        ("503", 503, "backendError"),
        ("504", 504, "backendError"),
    ] {
        let fault =
            json!({"email": ANN, "method": "getProfile", "kind": kind, "count": 1, "latencyMs": 5});
        assert_eq!(server.admin("faults", fault).await.code, 200, "{kind}");
        let refused = server.get("profile").await;
        assert_eq!((refused.code, refused.reason()), (code, reason), "{kind}");
        assert_eq!(refused.body["error"]["code"], code, "{kind}");
        assert_eq!(server.get("profile").await.code, 200, "a count of one strikes once");
    }
}

#[tokio::test]
async fn damaged_answers_are_damaged() {
    let server = Server::start().await;
    let id = server.google.deliver(ANN, PLAIN).unwrap();
    let path = format!("/gmail/v1/users/me/messages/{id}?format=raw");
    let struck = async |kind: &str| {
        server.admin("faults", json!({"kind": kind, "count": 1, "latencyMs": 40})).await;
        let response = server.request(Verb::GET, &path).send().await;
        match response {
            Ok(response) => response.bytes().await.map_err(|_| ()),
            Err(_) => Err(()),
        }
    };
    let whole = struck("latency").await.unwrap();
    let cut = struck("truncated").await.unwrap();
    assert!(cut.len() < whole.len() && whole.starts_with(&cut));
    let mistyped: serde_json::Value =
        serde_json::from_slice(&struck("wrongTypes").await.unwrap()).unwrap();
    assert!(mistyped["id"].is_number());
    assert_eq!(struck("slowBody").await.unwrap(), whole);
    assert_eq!(struck("dropped").await, Err(()));
}
