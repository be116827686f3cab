//! Stories of links that were stolen, repeated, changed or made up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::google::{ADDRESS, CLIENT, Choice, Signer};
use super::log::Log;
use super::world::{Reply, World};

const EXPIRED: &str = "This link has expired or was used before";

fn is_refused(world: &World, reply: &Reply, exchanges: usize) {
    assert!(reply.body.contains(EXPIRED), "{}", reply.body);
    assert_eq!(world.google.exchanges.load(Ordering::SeqCst), exchanges, "calls to Google");
}

#[tokio::test]
async fn an_answer_in_another_browser_is_refused_without_asking_google() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    is_refused(&world, &world.get(&back, "").await, 0);
    let (_, other) = world.at_google(Choice::default()).await;
    is_refused(&world, &world.get(&back, &other).await, 0);
    assert_eq!(world.get(&back, &cookie).await.status, StatusCode::OK, "its own still works");
}

#[tokio::test]
async fn an_answer_is_taken_once() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    let first = world.get(&back, &cookie).await;
    assert_eq!((first.status, first.cookie().as_str()), (StatusCode::OK, "__Host-fanmail="));
    is_refused(&world, &world.get(&back, &cookie).await, 1);
    let other_code = back.replace("code=", "code=another");
    is_refused(&world, &world.get(&other_code, &cookie).await, 1);
}

#[tokio::test]
async fn of_two_racing_answers_one_wins_and_the_other_never_reaches_google() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    let (one, two) = tokio::join!(world.get(&back, &cookie), world.get(&back, &cookie));
    let won = [&one, &two].iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!((won, world.google.exchanges.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(world.jobs().await.len(), 1);
}

#[tokio::test]
async fn an_answer_after_ten_minutes_is_refused_and_one_just_before_is_not() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    let (late, late_cookie) = world.at_google(Choice::default()).await;
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(world.get(&back, &cookie).await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(1));
    is_refused(&world, &world.get(&late, &late_cookie).await, 1);
}

#[tokio::test]
async fn another_requests_id_token_connects_nobody() {
    let world = World::new();
    let reply = world.connect(Choice { nonce: Some("another"), ..Choice::default() }).await;
    is_refused(&world, &reply, 1);
    assert!(world.row().await.is_none());
}

#[tokio::test]
async fn a_code_of_another_attempt_is_refused_by_its_verifier() {
    let world = World::new();
    let (stolen, _) = world.at_google(Choice::default()).await;
    let (own, cookie) = world.at_google(Choice { user: "666", ..Choice::default() }).await;
    let code = |back: &str| back.split("code=").nth(1).unwrap().to_owned();
    let injected = own.replace(&code(&own), &code(&stolen));
    is_refused(&world, &world.get(&injected, &cookie).await, 1);
    assert!(world.row().await.is_none());
}

#[tokio::test]
async fn a_code_that_was_used_opens_nothing_in_a_new_attempt_and_changes_nothing() {
    let world = World::new();
    let (used, cookie) = world.at_google(Choice::default()).await;
    assert_eq!(world.get(&used, &cookie).await.status, StatusCode::OK);
    let before = world.row().await;
    let (own, cookie) = world.at_google(Choice::default()).await;
    let code = |back: &str| back.split("code=").nth(1).unwrap().to_owned();
    is_refused(&world, &world.get(&own.replace(&code(&own), &code(&used)), &cookie).await, 2);
    assert!(world.row().await == before, "the mailbox is as it was");
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused_without_asking_google() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    let googles = "https%3A%2F%2Faccounts.google.com";
    for named in [
        "&iss=https%3A%2F%2Fevil.example",
        "&iss=https%3A%2F%2Faccounts.google.com%2F",
        "&iss=https%3A%2F%2Faccounts.google.com.evil.example",
        "&iss=",
        &format!("&iss={googles}&iss=https%3A%2F%2Fevil.example"),
    ] {
        let reply = world.get(&format!("{back}{named}"), &cookie).await;
        is_refused(&world, &reply, 0);
        assert_eq!(reply.header("set-cookie"), "", "what the browser has begun goes on");
        let denied = format!("/oauth2callback?error=access_denied{named}");
        is_refused(&world, &world.get(&denied, &cookie).await, 0);
    }
    let reply = world.get(&format!("{back}&iss={googles}"), &cookie).await;
    assert_eq!(reply.status, StatusCode::OK, "Google may say that it is Google");
}

#[tokio::test]
async fn an_id_token_with_any_claim_changed_connects_nobody_and_changes_nobody() {
    let world = World::new();
    world.connect(Choice::default()).await;
    let before = world.row().await;
    let noon = world.clock.now().seconds();
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another-client")),
        ("aud", json!([CLIENT, "another-client"])),
        ("azp", json!("another-client")),
        ("exp", json!(noon - 61)),
        ("iat", json!(noon + 61)),
        ("nonce", json!("another")),
        ("sub", json!("../42")),
        ("sub", json!(42)),
        ("email", json!("no address")),
    ] {
        let forged = Choice { claim: Some((claim, value)), ..Choice::default() };
        let reply = world.connect(forged).await;
        assert!(!reply.status.is_success(), "{claim}: {}", reply.status);
        assert!(world.row().await == before, "{claim}");
    }
}

#[tokio::test]
async fn an_id_token_that_google_did_not_sign_connects_nobody() {
    for signer in [Signer::Stranger, Signer::Nobody] {
        let world = World::new();
        let reply = world.connect(Choice { signer, ..Choice::default() }).await;
        assert!(!reply.status.is_success(), "{}", reply.status);
        assert!(world.row().await.is_none() && world.jobs().await.is_empty());
    }
}

#[tokio::test]
async fn no_form_of_address_makes_us_send_a_browser_anywhere_but_to_google() {
    let world = World::new();
    let elsewhere = [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "%2F%2Fevil.example",
        "%252F%252Fevil.example",
        "/%09/evil.example",
        "javascript:evil.example",
        "data:text/html,evil.example",
        "x%0D%0ALocation:%20https://evil.example",
        "https://accounts.google.com@evil.example",
    ];
    let names =
        ["next", "redirect_uri", "redirect", "continue", "return_to", "url", "state", "iss"];
    for path in ["/oauth2/start", "/oauth2callback", "//evil.example", "/%2f%2fevil.example", "/"] {
        for (name, value) in names.iter().flat_map(|name| elsewhere.map(|value| (name, value))) {
            let value = value.replace('\\', "%5C");
            let reply = world.get(&format!("http://door{path}?{name}={value}"), "").await;
            let shown = format!("{:?}{}", reply.headers, reply.body);
            assert!(!shown.contains("evil.example"), "{path} {name}");
            if reply.status == StatusCode::SEE_OTHER {
                let page = reply.sent_to();
                let place = (page.scheme(), page.authority(), page.path());
                assert_eq!(place, ("https", "accounts.google.com", "/o/oauth2/v2/auth"));
            } else {
                assert_eq!(reply.header("location"), "", "{path}?{name}={value}");
            }
        }
    }
}

#[tokio::test]
async fn a_made_up_link_does_not_end_what_a_browser_has_begun() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    for made_up in ["?error=x", "?error=access_denied", "?code=x&state=y", "?code=x"] {
        let reply = world.get(&format!("/oauth2callback{made_up}"), &cookie).await;
        assert_eq!(reply.header("set-cookie"), "", "{made_up}");
    }
    assert_eq!(world.get(&back, &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_query_gets_a_page_or_a_beginning_and_none_of_it_is_shown() {
    let world = World::new();
    let (_, cookie) = world.at_google(Choice::default()).await;
    let long = "A".repeat(30_000);
    for value in
        ["%00", "%ff%fe", "<script>marker</script>", "%", "%zz", "marker%0d%0aX:%20y", &long]
    {
        let value = value.replace('<', "%3C").replace('>', "%3E");
        for query in [
            format!("?code={value}&state={value}"),
            format!("?error={value}&error_description={value}"),
            format!("?state={value}&code=&error="),
            format!("?{value}={value}&&&=&;"),
            format!("?code={value}&code=b&state=c&state={value}"),
        ] {
            for cookie in [cookie.as_str(), "", "__Host-fanmail=AAAA", "__Host-fanmail"] {
                let reply = world.get(&format!("/oauth2callback{query}"), cookie).await;
                assert!(reply.status.as_u16() < 500, "{query}: {}", reply.status);
                let shown = format!("{:?}{}", reply.headers, reply.body);
                assert!(!shown.contains("marker") && !shown.contains(&long), "{query}");
                assert!(reply.body.contains("<h1>") || reply.status == StatusCode::SEE_OTHER);
            }
        }
    }
    assert_eq!(world.google.exchanges.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn every_answer_is_neither_kept_nor_framed_nor_told_to_others() {
    let world = World::new();
    for address in ["/oauth2/start", "/oauth2callback?error=x", "/oauth2callback?code=x", "/", "/x"]
    {
        let reply = world.get(address, "").await;
        assert_eq!(reply.header("cache-control"), "no-store", "{address}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{address}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{address}");
        assert_eq!(reply.header("strict-transport-security"), "max-age=63072000", "{address}");
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn no_log_line_holds_a_code_a_token_or_an_address() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    for cookie in ["", &cookie, &cookie] {
        world.get(&back, cookie).await;
    }
    world.get("/oauth2callback?error=4/code-marker", &cookie).await;
    world.connect(Choice { scopes: vec!["openid".into()], ..Choice::default() }).await;
    world.connect(Choice { nonce: Some("another"), ..Choice::default() }).await;
    let log = Log::everything().text();
    for told in ["A mailbox was connected mailbox=42", "used before", "(Unknown)", "(nonce)"] {
        assert!(log.contains(told), "{told} is missing in: {log}");
    }
    let state = back.split(['=', '&']).nth(1).unwrap();
    for secret in ["code-", "1//refresh", "ya29", ADDRESS, "eyJ", state] {
        assert!(!log.contains(secret), "{secret} in: {log}");
    }
}

#[tokio::test]
async fn a_made_up_address_alarms_nobody_and_googles_own_refusal_does() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    for word in ["invalid_request", "deleted_client", "server_error"] {
        for (query, cookie) in [("", ""), ("&state=x", cookie.as_str())] {
            let made_up = format!("/oauth2callback?error={word}{query}");
            is_refused(&world, &world.get(&made_up, cookie).await, 0);
        }
    }
    let own = back.replace("code=", "error=invalid_request&code=");
    let reply = world.get(&own, &cookie).await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert!(reply.body.contains("Google did not take our request"), "{}", reply.body);
}
