use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;

use super::*;
use crate::google::http::scripted::{
    Scripted, answer, breaks_after, client, hangs_up, hurried_client, impatient_client, nobody,
    says_nothing, stalls_after, torrent, with_header,
};

/// Stands wherever a secret or mail stands; in an error it would be a leak.
const PRIVATE: &str = "marker-7f3a";

fn token() -> AccessToken {
    AccessToken::new(format!("ya29.{PRIVATE}"))
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

/// The failure as text, once it is known to keep what it must keep.
fn told<T>(result: Result<T, GmailError>) -> String {
    let Err(err) = result else { panic!("it worked") };
    let text = format!("{err:?}");
    for leak in [PRIVATE, "127.0.0.1", "http:", "gmail/v1"] {
        assert!(!text.contains(leak) && !err.to_string().contains(leak), "{text}");
    }
    text
}

async fn profile_told(base: &Address, client: HttpClient) -> String {
    told(HttpGmail::new(client, base).profile(&token()).await)
}

async fn message_told(body: &str) -> String {
    let google = Scripted::says([answer(200, body)]).await;
    let gmail = HttpGmail::new(client(), &google.base);
    told(gmail.message(&token(), &id("18f"), 1000).await)
}

/// The older error model, as Gmail sends it.
fn v1(code: u16, reason: &str, message: &str) -> String {
    format!(
        r#"{{"error":{{"code":{code},"message":"{message}","errors":[{{"message":"{message}","domain":"usageLimits","reason":"{reason}"}}]}}}}"#
    )
}

/// The newer one.
fn v2(code: u16, status: &str, reason: &str) -> String {
    format!(
        r#"{{"error":{{"code":{code},"message":"{PRIVATE}","status":"{status}","details":[{{"@type":"type.googleapis.com/google.rpc.Help"}},{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"googleapis.com"}}]}}}}"#
    )
}

#[tokio::test]
async fn every_documented_refusal_has_its_own_failure() {
    let limit = "User-rate limit exceeded.  Retry after 2026-05-01T12:15:00.000Z";
    let later = "RateLimited { until: Some(Timestamp(1777637700000)) }";
    let patience = "RateLimited { until: None }";
    let table = [
        (400, v1(400, "badRequest", PRIVATE), r#"BadRequest { reason: "badRequest" }"#),
        (400, v1(400, "invalidArgument", PRIVATE), r#"BadRequest { reason: "invalidArgument" }"#),
        (400, v2(400, "INVALID_ARGUMENT", "X"), r#"BadRequest { reason: "X" }"#),
        (400, v1(400, "failedPrecondition", "Mail service not enabled"), "NoMailbox"),
        (400, v2(400, "FAILED_PRECONDITION", "X"), "NoMailbox"),
        (401, v1(401, "authError", "Invalid Credentials"), "Unauthorized"),
        (401, v2(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"), "Unauthorized"),
        (403, v1(403, "insufficientPermissions", "Insufficient Permission"), "ScopeMissing"),
        (403, v2(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "ScopeMissing"),
        (401, v1(401, "insufficientPermissions", "as the docs file it"), "ScopeMissing"),
        (403, v1(403, "domainPolicy", "disabled by the administrator"), "DomainPolicy"),
        (403, v1(403, "rateLimitExceeded", limit), later),
        (403, v1(403, "userRateLimitExceeded", limit), later),
        (403, v2(403, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), patience),
        (429, v1(429, "rateLimitExceeded", limit), later),
        (429, v1(429, "newReason", "Too many concurrent requests for user"), patience),
        (429, "<html>".to_owned(), patience),
        (403, v1(403, "dailyLimitExceeded", "Daily Limit Exceeded"), "DailyLimit"),
        (403, v1(403, "accessNotConfigured", "not been used in project"), "NotConfigured"),
        (403, v2(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), "NotConfigured"),
        (403, v1(403, "forbidden", "x"), r#"Refused { status: 403, reason: "forbidden" }"#),
        (404, v1(404, "notFound", "Requested entity was not found."), "NotFound"),
        (404, v2(404, "NOT_FOUND", "X"), "NotFound"),
        (500, v1(500, "backendError", "Backend Error"), "Backend { status: 500 }"),
        (502, "<html>Bad Gateway".to_owned(), "Backend { status: 502 }"),
        (503, v2(503, "UNAVAILABLE", "X"), "Backend { status: 503 }"),
        (504, String::new(), "Backend { status: 504 }"),
    ];
    let answers = table.iter().map(|(status, body, _)| answer(*status, body));
    let google = Scripted::says(answers).await;
    let client = client();
    for (status, body, expected) in &table {
        assert_eq!(&profile_told(&google.base, client.clone()).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn the_most_telling_of_several_words_counts() {
    let both = r#"{"error":{"status":"RESOURCE_EXHAUSTED","errors":[{"reason":"dailyLimitExceeded"}],"details":[{"reason":"RATE_LIMIT_EXCEEDED"}]}}"#;
    let challenge = r#"Bearer realm="https://accounts.google.com/", error="insufficient_scope""#;
    let bare = r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#;
    let google = Scripted::says([
        answer(403, both),
        with_header(answer(403, bare), "www-authenticate", challenge),
        answer(403, bare),
    ])
    .await;
    let refused = r#"Refused { status: 403, reason: "PERMISSION_DENIED" }"#;
    for expected in ["DailyLimit", "ScopeMissing", refused] {
        assert_eq!(profile_told(&google.base, client()).await, expected);
    }
}

#[tokio::test]
async fn a_status_without_googles_words_ends_no_grant_no_cursor_and_no_message() {
    let bodies = ["", "<html>Not Found</html>", "{}", r#"{"error":"nope.nope"}"#, "[]"];
    for status in [302, 401, 403, 404] {
        let google = Scripted::says(bodies.map(|body| answer(status, body))).await;
        for _ in bodies {
            let expected = format!(r#"Refused {{ status: {status}, reason: "no reason given" }}"#);
            assert_eq!(profile_told(&google.base, client()).await, expected);
        }
    }
}

#[tokio::test]
async fn the_retry_after_header_is_read_too() {
    let google = Scripted::says([
        with_header(answer(429, ""), "retry-after", "90"),
        with_header(answer(403, &v1(403, "rateLimitExceeded", "")), "retry-after", "999999999"),
    ])
    .await;
    for at in ["2026-05-01T12:01:30Z", "2026-05-02T12:00:00Z"] {
        let err = HttpGmail::new(client(), &google.base).profile(&token()).await.unwrap_err();
        let GmailError::RateLimited { until } = err else { panic!("{err:?}") };
        assert_eq!(until, Some(at.parse().unwrap()));
    }
}

#[tokio::test]
async fn a_call_asks_for_what_it_needs_and_says_who_asks() {
    let google = Scripted::says([
        answer(200, r#"{"emailAddress":"a@example.org","historyId":"7"}"#),
        answer(200, r#"{"historyId":"9","nextPageToken":"n+1"}"#),
        answer(200, r#"{"messages":[{"id":"18f","threadId":"18e"}],"nextPageToken":"m"}"#),
    ])
    .await;
    let gmail = HttpGmail::new(client(), &google.base);
    assert_eq!(gmail.profile(&token()).await.unwrap().history_id, HistoryId(7));
    let page = gmail.history(&token(), HistoryId(5), Some(&PageToken("p&=".into()))).await.unwrap();
    assert_eq!(page.next, Some(PageToken("n+1".into())));
    let query = Some("is:unread after:1".to_owned());
    let search = Search { query, include_spam_trash: true };
    assert_eq!(gmail.list(&token(), &search, None).await.unwrap().ids, [id("18f")]);

    let asked = google.asked();
    let lines: Vec<_> = asked.iter().map(|ask| ask.line.as_str()).collect();
    let paths = ["profile", "history", "messages"].map(|p| format!("GET /gmail/v1/users/me/{p}"));
    assert_eq!(lines, paths);
    for ask in &asked {
        assert_eq!(ask.headers["authorization"], format!("Bearer ya29.{PRIVATE}"));
        assert_eq!(ask.headers["user-agent"], concat!("fanmail/", env!("CARGO_PKG_VERSION")));
        assert!(!ask.headers.contains_key("accept-encoding"));
    }
    let (history, list) = (&asked[1].query, &asked[2].query);
    assert_eq!(history["startHistoryId"], "5");
    assert_eq!(history["historyTypes"], "messageAdded");
    assert_eq!((&*history["maxResults"], &*history["pageToken"]), ("500", "p&="));
    assert!(!history.contains_key("labelId"));
    assert_eq!((&*list["q"], &*list["includeSpamTrash"]), ("is:unread after:1", "true"));
    assert_eq!(list["maxResults"], "500");
}

#[tokio::test]
async fn a_message_comes_out_byte_for_byte() {
    let mail: Vec<u8> = (0..=255).cycle().take(300_001).collect();
    let raw = BASE64_URL_SAFE.encode(&mail);
    let body = format!(
        "{{\n \"id\": \"18f\", \"threadId\": \"18e\", \"labelIds\": [\"INBOX\"],\n \"snippet\": \"ü\", \"internalDate\": \"1777636800000\", \"raw\": \"{raw}\"\n}}\n"
    );
    let google = Scripted::says([answer(200, &body)]).await;
    let gmail = HttpGmail::new(client(), &google.base);
    let message =
        gmail.message(&token(), &id("18f"), 300_001).await.unwrap_or_else(|e| panic!("{e}"));
    assert!(message.raw == mail);
    assert_eq!(message.internal_date.to_string(), "2026-05-01T12:00:00.000Z");
    assert_eq!(message.label_ids, ["INBOX"]);
    let asked = &google.asked()[0];
    assert_eq!(asked.line, "GET /gmail/v1/users/me/messages/18f");
    assert_eq!(asked.query["format"], "raw");
}

#[tokio::test]
async fn a_message_over_the_limit_is_too_large_however_its_length_is_told() {
    let raw = BASE64_URL_SAFE.encode(vec![b'x'; 1001]);
    let body = format!(r#"{{"id":"18f","internalDate":"1","raw":"{raw}"}}"#);
    assert_eq!(message_told(&body).await, "TooLarge { limit: 1000 }");
    // It is refused by what its head announces: nothing of the body is waited for.
    let announced = with_header(stalls_after("{"), "content-length", "209715200");
    let google = Scripted::says([announced]).await;
    let gmail = HttpGmail::new(impatient_client(), &google.base);
    let announced = told(gmail.message(&token(), &id("18f"), 1000).await);
    assert_eq!(announced, "TooLarge { limit: 1000 }");
}

#[tokio::test]
async fn two_hundred_megabytes_are_neither_read_nor_kept() {
    const ALL: usize = 200 << 20;
    // What the kernel's buffers of both ends may swallow on top of what the client reads.
    const BUFFERED: usize = 24 << 20;
    let (message, of_message) = torrent(r#"{"id":"18f","internalDate":"1","raw":""#, ALL);
    let (list, of_list) = torrent(r#"{"messages":[{"id":""#, ALL);
    let (error, of_error) = torrent("<html>", ALL);
    let mut error = error;
    *error.status_mut() = axum::http::StatusCode::NOT_FOUND;
    let google = Scripted::says([message, list, error]).await;
    let gmail = HttpGmail::new(client(), &google.base);

    let limit = 1 << 20;
    let told_message = told(gmail.message(&token(), &id("18f"), limit).await);
    assert_eq!(told_message, "TooLarge { limit: 1048576 }");
    let told_list = told(gmail.list(&token(), &Search::default(), None).await);
    assert_eq!(told_list, r#"Malformed { cause: "more than 16777216 bytes" }"#);
    let told_error = told(gmail.profile(&token()).await);
    assert_eq!(told_error, r#"Refused { status: 404, reason: "no reason given" }"#);
    for (sent, limit) in [(of_message, 2 << 20), (of_list, JSON_LIMIT), (of_error, SMALL_LIMIT)] {
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < limit + BUFFERED, "{sent} bytes were sent");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_as_documented_is_malformed_and_says_where() {
    let malformed = |cause: &str| format!("Malformed {{ cause: {cause:?} }}");
    let table = [
        (r#"{"id":"18f","internalDate":"1","raw":"marker-7f3a"#, "the JSON is cut off"),
        (r#"{"id":"18f","internalDate":"1"}"#, "raw is missing"),
        (r#"{"id":"18f","internalDate":"1","raw":"marker+7f3a"}"#, "raw is not base64url"),
        (r#"{"id":"18f","internalDate":1,"raw":""}"#, "internalDate is not what it should be"),
        (r#"{"id":"../marker-7f3a","internalDate":"1","raw":""}"#, "id is not what it should be"),
        (r#"{"id":"19a","internalDate":"1","raw":""}"#, "id is another message's"),
        ("<html>marker-7f3a", "not JSON"),
        ("", "the JSON is cut off"),
    ];
    for (body, cause) in table {
        assert_eq!(message_told(body).await, malformed(cause), "{body}");
    }
}

#[tokio::test]
async fn silence_and_broken_connections_are_unreachable() {
    let unreachable = |cause: &str| format!("Unreachable {{ cause: {cause:?} }}");
    let broken = breaks_after(r#"{"emailAddress":"marker-7f3a"#);
    let google = Scripted::says([stalls_after("{"), stalls_after("{"), broken]).await;
    for client in [impatient_client(), hurried_client()] {
        let stalled = profile_told(&google.base, client).await;
        assert_eq!(stalled, unreachable("no answer in time"));
    }
    let silent = profile_told(&says_nothing().await, impatient_client()).await;
    assert_eq!(silent, unreachable("no answer in time"));
    let broken = profile_told(&google.base, client()).await;
    assert!(broken.starts_with(r#"Unreachable { cause: "reading the answer failed"#), "{broken}");

    let (nobody, _kept) = nobody();
    let refused = profile_told(&nobody, client()).await;
    assert_eq!(refused, unreachable("connecting failed (connection refused)"));
    let hung_up = profile_told(&hangs_up().await, client()).await;
    assert!(hung_up.starts_with(r#"Unreachable { cause: "asking failed"#), "{hung_up}");
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect() {
    let elsewhere = Scripted::says([]).await;
    let away = with_header(answer(302, ""), "location", &elsewhere.base.to_string());
    let google = Scripted::says([away]).await;
    let told = profile_told(&google.base, client()).await;
    assert_eq!(told, r#"Refused { status: 302, reason: "no reason given" }"#);
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn a_token_that_cannot_stand_in_a_header_is_not_sent() {
    let google = Scripted::says([]).await;
    let token = AccessToken::new(format!("{PRIVATE}\r\nX: y"));
    let told = told(HttpGmail::new(client(), &google.base).profile(&token).await);
    assert_eq!(told, r#"BadRequest { reason: "token unfit for a header" }"#);
    assert_eq!(google.asked().len(), 0);
}
