use serde_json::{Value, json};

use super::*;

const GOOGLE: &str = "https://accounts.google.com/";
const NOON: i64 = 1_777_636_800;
const DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const TOKEN: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const TEST: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";

/// As in Google's guide.
fn claims() -> Value {
    let subject = json!({"subject_type": "iss-sub", "iss": GOOGLE, "sub": "42"});
    json!({
        "iss": GOOGLE, "aud": "ours", "iat": NOON - 5, "jti": "756E69717565",
        "events": { DISABLED: { "subject": subject, "reason": "hijacking" } },
    })
}

fn read(claims: &Value) -> Result<SecurityEvents, SecurityEventError> {
    let now = Timestamp::from_millis(NOON * 1000);
    Expected { issuer: GOOGLE, client_id: "ours", now }.events(claims.as_object().unwrap())
}

fn verdict(claims: &Value) -> String {
    read(claims).map_or_else(|error| format!("{error:?}"), |_| "Ok".to_owned())
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

#[test]
fn a_good_token_says_what_happened_to_whom() {
    let said = read(&claims()).unwrap();
    assert_eq!((said.id.as_str(), said.issued_at.seconds()), ("756E69717565", NOON - 5));
    let user = Some("42".parse().unwrap());
    let event = SecurityEvent { kind: EventKind::AccountDisabled, user, state: None };
    assert_eq!(said.events, [event]);
}

#[test]
fn each_claim_is_refused_by_its_own_name() {
    let table = [
        ("iss", json!("https://accounts.google.com"), "Issuer"),
        ("iss", json!([GOOGLE]), "Issuer"),
        ("aud", json!("theirs"), "Audience"),
        ("aud", json!([]), "Audience"),
        ("aud", json!(["theirs", "ours"]), "Ok"),
        ("aud", json!({"ours": 1}), "Audience"),
        ("exp", json!(1), "Ok"),
        ("iat", json!(NOON + 60), "Ok"),
        ("iat", json!(NOON + 61), "IssuedAt"),
        ("iat", json!(NOON - 7 * 86_400), "Ok"),
        ("iat", json!(NOON - 7 * 86_400 - 1), "IssuedAt"),
        ("iat", json!(i64::MAX), "IssuedAt"),
        ("iat", json!("now"), "IssuedAt"),
        ("jti", json!(""), "Id"),
        ("jti", json!(7), "Id"),
        ("jti", json!("x".repeat(257)), "Id"),
        ("events", json!({}), "Events"),
        ("events", json!([DISABLED]), "Events"),
        ("events", json!({ DISABLED: [] }), "Events"),
        ("events", json!({ DISABLED: { "events": {} } }), "Subject"),
        ("events", json!({ DISABLED: { "subject": "42" } }), "Subject"),
        ("events", json!({ DISABLED: { "subject": { "iss": GOOGLE } } }), "Subject"),
        ("events", json!({ DISABLED: { "subject": { "iss": GOOGLE, "sub": "../1" } } }), "Subject"),
        ("events", json!({ DISABLED: { "subject": { "iss": "x", "sub": "42" } } }), "Subject"),
    ];
    for (claim, value, expected) in table {
        assert_eq!(verdict(&with(claim, value.clone())), expected, "{claim} {value}");
    }
    for (claim, expected) in [
        ("iss", "Issuer"),
        ("aud", "Audience"),
        ("iat", "IssuedAt"),
        ("jti", "Id"),
        ("events", "Events"),
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(verdict(&claims), expected, "{claim}");
    }
    let many: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!({}))).collect();
    assert_eq!(verdict(&with("events", json!(many))), "Events");
}

#[test]
fn kinds_that_are_unknown_or_of_anothers_making_are_left_out() {
    let elsewhere = DISABLED.replace("risc", "oauth");
    let said = read(&with("events", json!({ "urn:unheard-of": 1, elsewhere: 2 }))).unwrap();
    assert!(said.events.is_empty());
}

#[test]
fn a_token_that_is_named_by_its_first_characters_is_nobodys() {
    let subject =
        json!({"subject_type": "oauth_token", "token_identifier_alg": "prefix", "token": "1//0"});
    let said = read(&with("events", json!({ TOKEN: { "subject": subject } }))).unwrap();
    assert_eq!((said.events[0].kind, &said.events[0].user), (EventKind::TokenRevoked, &None));
}

#[test]
fn a_verification_needs_no_subject_and_its_state_is_shown_where_it_is_plain() {
    for (state, shown) in [("test-1", Some("test-1")), ("a@example.org", None), ("a\nb", None)] {
        let said = read(&with("events", json!({ TEST: { "state": state } }))).unwrap();
        assert_eq!(said.events[0].state.as_deref(), shown);
    }
}
