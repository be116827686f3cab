use super::*;
use crate::google::http::Address;
use crate::google::http::scripted::{
    Scripted, answer, breaks_after, client, impatient_client, nobody, stalls_after, with_header,
};
use crate::store::StoreError;

/// Stands wherever a secret stands; in an error it would be a leak.
const PRIVATE: &str = "marker-7f3a";

fn oauth(base: &Address, client: HttpClient) -> HttpOAuth {
    let secret = ClientSecret::new(format!("GOCSPX-{PRIVATE}"));
    let redirect = "https://fan.example/oauth2callback".to_owned();
    HttpOAuth::new(client, GoogleAddresses::under(base), "client-1".into(), secret, redirect)
}

fn grant() -> RefreshToken {
    RefreshToken::new(format!("1//{PRIVATE}&="))
}

fn told<T>(result: Result<T, OAuthError>) -> String {
    let Err(err) = result else { panic!("it worked") };
    let text = format!("{err:?}");
    for leak in [PRIVATE, "127.0.0.1", "http:"] {
        assert!(!text.contains(leak) && !err.to_string().contains(leak), "{text}");
    }
    text
}

async fn refresh_told(base: &Address, client: HttpClient) -> String {
    told(oauth(base, client).refresh(&grant()).await)
}

fn refused(error: &str) -> String {
    format!(r#"{{"error":"{error}","error_description":"{PRIVATE}"}}"#)
}

#[tokio::test]
async fn only_invalid_grant_is_a_dead_grant() {
    let client_fault = |error: &str| format!("ClientFault {{ error: {error:?} }}");
    let policy = |error: &str| format!("AdminPolicy {{ error: {error:?} }}");
    let malformed = |cause: &str| format!("Malformed {{ cause: {cause:?} }}");
    let rapt = r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#.to_owned();
    let odd = r#"{"error":"invalid_grant","error_subtype":"marker-7f3a"}"#.to_owned();
    let mut table = vec![
        (400, refused("invalid_grant"), "GrantDead { subtype: None }".to_owned()),
        (400, rapt, r#"GrantDead { subtype: Some("invalid_rapt") }"#.to_owned()),
        (400, odd, "GrantDead { subtype: None }".to_owned()),
        (400, refused("admin_policy_enforced"), policy("admin_policy_enforced")),
        (403, refused("org_internal"), policy("org_internal")),
        (403, refused("rate_limit_exceeded"), "RateLimited { until: None }".to_owned()),
        (429, String::new(), "RateLimited { until: None }".to_owned()),
        (500, refused("internal_failure"), "Backend { status: 500 }".to_owned()),
        (503, refused("invalid_grant"), "Backend { status: 503 }".to_owned()),
        (400, refused("temporarily_unavailable"), "Backend { status: 400 }".to_owned()),
        (400, refused("new_trouble"), malformed("status 400, new_trouble")),
        (400, refused("ya29.marker-7f3a"), malformed("status 400, no reason given")),
        (404, "<html>marker-7f3a".to_owned(), malformed("status 404, no reason given")),
        (302, String::new(), malformed("status 302, no reason given")),
    ];
    let client_faults = [
        (401, "invalid_client"),
        (401, "unauthorized_client"),
        (401, "deleted_client"),
        (401, "disabled_client"),
        (400, "invalid_request"),
        (400, "invalid_scope"),
        (400, "unsupported_grant_type"),
        (400, "redirect_uri_mismatch"),
    ];
    table.extend(client_faults.map(|(status, word)| (status, refused(word), client_fault(word))));
    let google = Scripted::says(table.iter().map(|(status, body, _)| answer(*status, body))).await;
    let client = client();
    for (status, body, expected) in &table {
        assert_eq!(&refresh_told(&google.base, client.clone()).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_with_everything_google_asks_for() {
    let body = r#"{"access_token":"ya29.a","expires_in":3599,"refresh_token":"1//r","scope":"openid email","token_type":"Bearer","id_token":"h.p.s"}"#;
    let google = Scripted::says([answer(200, body)]).await;
    let tokens = oauth(&google.base, client()).exchange("4/c&d", "verifier").await.unwrap();
    assert_eq!(tokens.access_token.bearer(), "ya29.a");
    assert_eq!(tokens.refresh_token.unwrap().for_google(), "1//r");
    assert_eq!(tokens.expires_in, Duration::from_secs(3599));
    assert_eq!(tokens.scopes, ["openid", "email"]);
    assert_eq!(tokens.id_token.as_deref(), Some("h.p.s"));

    let asked = &google.asked()[0];
    assert_eq!(asked.line, "POST /token");
    let expected = [
        ("client_id", "client-1"),
        ("client_secret", "GOCSPX-marker-7f3a"),
        ("code", "4/c&d"),
        ("code_verifier", "verifier"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://fan.example/oauth2callback"),
    ];
    assert!(asked.form.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
    assert!(asked.query.is_empty());
}

#[tokio::test]
async fn a_refresh_answers_without_a_new_refresh_token() {
    let google =
        Scripted::says([answer(200, r#"{"access_token":"ya29.b","expires_in":10}"#)]).await;
    let tokens = oauth(&google.base, client()).refresh(&grant()).await.unwrap();
    assert!(tokens.refresh_token.is_none() && tokens.scopes.is_empty());
    let form = &google.asked()[0].form;
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], grant().for_google());
}

#[tokio::test]
async fn a_grant_that_has_ended_is_revoked_already() {
    let google = Scripted::says([
        answer(200, "{}"),
        answer(400, &refused("invalid_token")),
        answer(400, &refused("invalid_request")),
        answer(503, &refused("invalid_token")),
    ])
    .await;
    let oauth = oauth(&google.base, client());
    assert!(oauth.revoke(&grant()).await.is_ok());
    assert!(oauth.revoke(&grant()).await.is_ok());
    let fault = told(oauth.revoke(&grant()).await);
    assert_eq!(fault, r#"ClientFault { error: "invalid_request" }"#);
    assert_eq!(told(oauth.revoke(&grant()).await), "Backend { status: 503 }");
    let asked = &google.asked()[0];
    assert_eq!((&*asked.line, &*asked.form["token"]), ("POST /revoke", grant().for_google()));
    assert!(asked.query.is_empty(), "a token does not belong in an address");
}

#[tokio::test]
async fn signing_keys_are_kept_as_long_as_google_says_less_what_caches_used_up() {
    let keys = |control: Option<&str>, age: Option<&str>| {
        let plain = answer(200, r#"{"keys":[]}"#);
        let one = match control {
            Some(text) => with_header(plain, "cache-control", text),
            None => plain,
        };
        match age {
            Some(text) => with_header(one, "age", text),
            None => one,
        }
    };
    let table = [
        (keys(Some("public, max-age=20000, must-revalidate, no-transform"), None), 20_000),
        (keys(Some("public,max-age=20000"), Some("5000")), 15_000),
        (keys(Some("max-age=10"), Some("99")), 0),
        (keys(Some("max-age=999999999"), None), 86_400),
        (keys(Some("max-age=-1"), None), 3600),
        (keys(None, None), 3600),
    ];
    let (answers, seconds): (Vec<_>, Vec<_>) = table.into_iter().unzip();
    let google = Scripted::says(answers).await;
    let oauth = oauth(&google.base, client());
    for expected in seconds {
        let keys = oauth.signing_keys().await.unwrap();
        assert_eq!((keys.max_age.as_secs(), &*keys.jwks), (expected, r#"{"keys":[]}"#));
    }
    assert_eq!(google.asked()[0].line, "GET /oauth2/v3/certs");
}

#[tokio::test]
async fn an_unusable_answer_is_malformed_and_quotes_nothing() {
    let huge = "x".repeat(SMALL_LIMIT + 1);
    let table = [
        (r#"{"access_token":"ya29.marker-7f3a","expires_in":1"#, "the JSON is cut off"),
        (r#"{"access_token":7,"expires_in":1}"#, "access_token is not what it should be"),
        (
            r#"{"access_token":"marker-7f3a","expires_in":-1}"#,
            "expires_in is not what it should be",
        ),
        (r#"{"expires_in":1}"#, "access_token is missing"),
        (huge.as_str(), "more than 262144 bytes"),
    ];
    let google = Scripted::says(table.map(|(body, _)| answer(200, body))).await;
    for (_, cause) in table {
        let expected = format!("Malformed {{ cause: {cause:?} }}");
        assert_eq!(refresh_told(&google.base, client()).await, expected);
    }
    for not_keys in ["[]", "{}", r#"{"keys":"marker-7f3a"}"#] {
        let google = Scripted::says([answer(200, not_keys)]).await;
        let told = told(oauth(&google.base, client()).signing_keys().await);
        assert!(told.starts_with("Malformed"), "{told}");
    }
}

#[tokio::test]
async fn silence_and_broken_connections_are_unreachable() {
    let google = Scripted::says([stalls_after("{"), breaks_after("{")]).await;
    let stalled = refresh_told(&google.base, impatient_client()).await;
    assert_eq!(stalled, r#"Unreachable { cause: "no answer in time" }"#);
    let broken = refresh_told(&google.base, client()).await;
    assert!(broken.starts_with(r#"Unreachable { cause: "reading the answer failed"#), "{broken}");
    let (nobody, _kept) = nobody();
    let refused = refresh_told(&nobody, client()).await;
    assert_eq!(refused, r#"Unreachable { cause: "connecting failed (connection refused)" }"#);
}

/// Credentials of which the second are newer.
struct Rotated(Arc<ClientCredentials>, Arc<ClientCredentials>);

#[async_trait]
impl ClientSource for Rotated {
    async fn credentials(&self) -> Result<Arc<ClientCredentials>, StoreError> {
        Ok(self.0.clone())
    }

    async fn newer(
        &self,
        refused: &Arc<ClientCredentials>,
    ) -> Result<Option<Arc<ClientCredentials>>, StoreError> {
        Ok(Arc::ptr_eq(refused, &self.0).then(|| self.1.clone()))
    }
}

fn rotated(base: &Address) -> HttpOAuth {
    let known = |secret: &str| {
        let secret = ClientSecret::new(secret.to_owned());
        Arc::new(ClientCredentials { id: "client-1".to_owned(), secret })
    };
    let source = Arc::new(Rotated(known("old"), known("new")));
    HttpOAuth::with_source(client(), GoogleAddresses::under(base), source, String::new())
}

#[tokio::test]
async fn a_client_that_google_does_not_know_asks_again_under_its_newer_password() {
    let tokens = answer(200, r#"{"access_token":"ya29.b","expires_in":10}"#);
    let google = Scripted::says([answer(401, &refused("invalid_client")), tokens]).await;
    rotated(&google.base).refresh(&grant()).await.unwrap();
    let passwords =
        google.asked().iter().map(|asked| asked.form["client_secret"].clone()).collect::<Vec<_>>();
    assert_eq!(passwords, ["old", "new"]);
}

#[tokio::test]
async fn a_client_that_stays_unknown_is_told_after_two_requests() {
    let unknown = || answer(401, &refused("invalid_client"));
    let google = Scripted::says([unknown(), unknown()]).await;
    let told = told(rotated(&google.base).refresh(&grant()).await);
    assert_eq!(
        (told.as_str(), google.asked().len()),
        (r#"ClientFault { error: "invalid_client" }"#, 2)
    );
}

#[tokio::test]
async fn keys_for_events_are_not_fetched_over_plain_http_unless_google_is_on_this_machine() {
    let keys = answer(200, r#"{"keys":[]}"#);
    let google = Scripted::says([keys]).await;
    let named = google.base.below(&["keys"]).to_string();
    let elsewhere: Address = "https://google.example".parse().unwrap();
    let refused = told(oauth(&elsewhere, client()).risc_keys(&named).await);
    assert!(refused.contains("a jwks_uri that nothing is fetched from"), "{refused}");
    assert_eq!(google.asked().len(), 0);
    let plain = oauth(&google.base, client());
    assert!(told(plain.risc_keys("ftp://google.example/keys").await).contains("jwks_uri"));
    assert_eq!(plain.risc_keys(&named).await.unwrap().jwks, r#"{"keys":[]}"#);
}
