//! The OAuth and OpenID paths.

use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::answer::{Answer, Served};
use super::params::Params;
use super::{Request, consent};
use crate::domains::JWT_BEARER;
use crate::errors::{ApiError, OAuthError};
use crate::faults::{Damage, Outcome};
use crate::grants::ACCESS_LIFE;
use crate::methods::Method;
use crate::oauth::{AuthRefusal, AuthRequest};
use crate::scopes::Scopes;
use crate::tokens::{KEYS_LAST, RISC_LASTS, TokenRequest, Tokens};
use crate::world::Google;

/// Answers a request to an OAuth path, or says that there is no such path.
pub(super) async fn answer(google: &Google, request: &Request) -> Response {
    let served = match (request.verb.as_str(), request.path.as_str()) {
        ("GET", "/o/oauth2/v2/auth") => Served::whole(ask(google, request)),
        ("POST", consent::ACTION) => Served::whole(decide(google, request)),
        ("POST", "/token") => token(google, request),
        ("POST" | "GET", "/revoke") => revoke(google, request),
        ("GET", "/oauth2/v3/certs") => certs(google),
        ("GET" | "POST", "/v1/userinfo") => userinfo(google, request),
        ("GET", "/.well-known/openid-configuration") => {
            google.tally().call(Method::OpenIdConfiguration);
            Served::whole(
                Answer::value(200, &configuration(google, request)).cached("public, max-age=3600"),
            )
        }
        ("GET", "/.well-known/risc-configuration") => {
            google.tally().call(Method::RiscConfiguration);
            let rule = format!("public, max-age={}", RISC_LASTS.as_secs());
            Served::whole(Answer::value(200, &risc(google, request)).cached(&rule))
        }
        _ => return Answer::refusal(&ApiError::new(404, "notFound", "Not Found")).into_response(),
    };
    served.wait(google).await;
    served.into_response(google)
}

/// The authorization endpoint: the consent page, or why not.
fn ask(google: &Google, request: &Request) -> Answer {
    google.tally().call(Method::Authorize);
    let asked: AuthRequest = match form(request.query.as_bytes()) {
        Ok(asked) => asked,
        Err(error) => return refused(google, request, AuthRefusal::Page(error)),
    };
    let scopes = match google.check_authorization(&asked) {
        Ok(scopes) => scopes,
        Err(refusal) => return refused(google, request, refusal),
    };
    if asked.prompt().any(|prompt| prompt == "none") {
        return back(google, request, &google.without_asking(&asked, scopes));
    }
    Answer::page(200, consent::page(google, &asked, scopes, None))
}

/// What the person decided.
fn decide(google: &Google, request: &Request) -> Answer {
    let params = Params::read(&request.body);
    let mut asked: AuthRequest = match form(&request.body) {
        Ok(asked) => asked,
        Err(error) => return refused(google, request, AuthRefusal::Page(error)),
    };
    let ticked = params.all("scope").join(" ");
    asked.scope = params.get("requested").map_or_else(|| ticked.clone(), str::to_owned);
    let scopes = match google.check_authorization(&asked) {
        Ok(scopes) => scopes,
        Err(refusal) => return refused(google, request, refusal),
    };
    if params.get("decision") != Some("allow") {
        return back(google, request, &google.deny(&asked));
    }
    let Ok(mailbox) = google.mailbox(params.get("email").unwrap_or_default()) else {
        let complaint = "There is no such account.";
        return Answer::page(400, consent::page(google, &asked, scopes, Some(complaint)));
    };
    let granted = Scopes::parse(&ticked).unwrap_or_default().among(scopes);
    match google.allow(&asked, &mailbox, granted) {
        Ok(address) => back(google, request, &address),
        Err(refusal) => refused(google, request, refusal),
    }
}

/// Sends a person back to the client. Google says who answers (RFC 9207) without having announced that it would
/// (<https://github.com/openiddict/openiddict-core/issues/2428>).
fn back(google: &Google, request: &Request, address: &str) -> Answer {
    match Url::parse(address) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("iss", &issuer(google, request));
            Answer::redirect(url.as_str())
        }
        Err(_) => Answer::redirect(address),
    }
}

fn refused(google: &Google, request: &Request, refusal: AuthRefusal) -> Answer {
    match refusal {
        AuthRefusal::Redirect(address) => back(google, request, &address),
        AuthRefusal::Page(error) => {
            Answer::page(error.code, consent::refusal(error.error, &error.description))
        }
    }
}

fn token(google: &Google, request: &Request) -> Served {
    match form::<TokenRequest>(&request.body) {
        Ok(asked) => {
            let outcome = google.exchange(&asked, &issuer(google, request));
            served(outcome, |tokens| Answer::value(200, &wire(&tokens)).cached("no-store"))
        }
        Err(error) => Served::whole(Answer::oauth_refusal(&error)),
    }
}

fn revoke(google: &Google, request: &Request) -> Served {
    let (in_body, in_query) = (Params::read(&request.body), Params::read(request.query.as_bytes()));
    let token = in_body.get("token").or_else(|| in_query.get("token")).unwrap_or_default();
    served(google.revoke_token(token), |()| Answer::value(200, &json!({})))
}

fn certs(google: &Google) -> Served {
    served(google.signing_keys(), |keys| {
        let rule =
            format!("public, max-age={}, must-revalidate, no-transform", KEYS_LAST.as_secs());
        Answer::value(200, &keys).cached(&rule)
    })
}

fn userinfo(google: &Google, request: &Request) -> Served {
    let params = Params::read(request.query.as_bytes());
    let outcome = google.userinfo(request.token(&params).as_deref());
    served(outcome, |claims| Answer::value(200, &claims))
}

fn served<T>(outcome: Outcome<T, OAuthError>, show: impl FnOnce(T) -> Answer) -> Served {
    let Outcome { latency, damage, verdict } = outcome;
    let damage: Option<Damage> = damage;
    Served {
        answer: verdict.map_or_else(|error| Answer::oauth_refusal(&error), show),
        damage,
        latency,
    }
}

fn wire(tokens: &Tokens) -> Value {
    let mut body = json!({
        "access_token": tokens.access_token,
        "expires_in": ACCESS_LIFE.as_secs(),
        "scope": tokens.scopes.to_string(),
        "token_type": "Bearer",
    });
    for (name, token) in [("refresh_token", &tokens.refresh_token), ("id_token", &tokens.id_token)]
    {
        if let Some(token) = token {
            body[name] = json!(token);
        }
    }
    body
}

fn configuration(google: &Google, request: &Request) -> Value {
    let base = format!("http://{}", request.host);
    json!({
        "issuer": issuer(google, request),
        "authorization_endpoint": format!("{base}/o/oauth2/v2/auth"),
        "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/v1/userinfo"),
        "revocation_endpoint": format!("{base}/revoke"),
        "jwks_uri": format!("{base}/oauth2/v3/certs"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "sub"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token", JWT_BEARER],
    })
}

/// Who signs security events: Google's name with a slash at the end, and the keys of its ID tokens.
fn risc(google: &Google, request: &Request) -> Value {
    json!({
        "issuer": format!("{}/", issuer(google, request)),
        "jwks_uri": format!("http://{}/oauth2/v3/certs", request.host),
    })
}

/// Who signs: as the world was told, or the address that was asked.
pub(super) fn issuer(google: &Google, request: &Request) -> String {
    google.config().issuer.clone().unwrap_or_else(|| format!("http://{}", request.host))
}

/// Reads a form; of a name that comes twice the first counts, and `scope` is joined.
fn form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, OAuthError> {
    let mut fields = serde_json::Map::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        fields.entry(name).or_insert_with(|| json!(value));
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|_| OAuthError::new("invalid_request", "Malformed request"))
}
