//! Links, and what is made of them by whoever did not sign them.

use std::time::Duration;

use super::*;

fn signing(byte: u8) -> LinkSigning {
    LinkSigning::new(&[byte; 32])
}

fn link(reference: &str) -> Link {
    Link {
        reference: Some(reference.parse().unwrap()),
        user: None,
        scopes: BTreeSet::from([GmailScope::Readonly, GmailScope::Send]),
        expires_at: "2026-05-08T12:00:00Z".parse().unwrap(),
    }
}

#[test]
fn a_link_says_what_was_signed() {
    let (long, user) = ("x".repeat(128), "1".repeat(255));
    let links = ["cust_42", "7", &long].map(link);
    let again = [None, links[2].reference.clone()].map(|reference| Link {
        reference,
        user: Some(user.parse().unwrap()),
        ..link("any")
    });
    for link in links.into_iter().chain(again) {
        let text = signing(1).sign(&link);
        assert_eq!(signing(1).open(&text), Some(link));
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(text.chars().all(safe), "an address carries it as it is: {text}");
    }
}

#[test]
fn a_link_with_any_character_changed_is_none() {
    let text = signing(1).sign(&link("cust_42"));
    for place in 0..text.len() {
        for other in ["A", "B", "-", "%", "=", ""] {
            let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            assert!(changed == text || signing(1).open(&changed).is_none(), "{other} at {place}");
        }
    }
}

#[test]
fn what_we_did_not_sign_is_no_link() {
    let text = signing(1).sign(&link("cust_42"));
    assert_eq!(signing(2).open(&text), None, "another key");
    for hostile in ["", "A", "ä", &text[1..], &text[..text.len() - 1], &"A".repeat(10_000)] {
        assert_eq!(signing(1).open(hostile), None, "{hostile}");
    }
    let padded = format!("{text}=");
    assert_eq!(signing(1).open(&padded), None, "one way to write it");
}

#[test]
fn what_the_same_secret_signs_for_another_use_is_no_link() {
    let mut bytes = URL_SAFE_NO_PAD.decode(signing(1).sign(&link("cust_42"))).unwrap();
    bytes.truncate(bytes.len() - TAG);
    let underived = hmac::Key::new(HMAC_SHA256, &[1; 32]);
    bytes.extend(hmac::sign(&underived, &bytes).as_ref());
    assert_eq!(signing(1).open(&URL_SAFE_NO_PAD.encode(bytes)), None);
}

#[test]
fn a_link_of_a_version_that_we_do_not_know_is_none() {
    let signing = signing(1);
    let mut bytes = URL_SAFE_NO_PAD.decode(signing.sign(&link("cust_42"))).unwrap();
    bytes.truncate(bytes.len() - TAG);
    bytes[0] = VERSION + 1;
    bytes.extend(hmac::sign(&signing.0, &bytes).as_ref());
    assert_eq!(signing.open(&URL_SAFE_NO_PAD.encode(bytes)), None);
}

#[test]
fn a_link_ends_at_its_second() {
    let link = link("cust_42");
    assert!(!link.is_over(link.expires_at - Duration::from_millis(1)));
    assert!(link.is_over(link.expires_at));
}

#[test]
fn the_address_of_a_link_stands_beside_the_one_that_people_come_back_to() {
    for (back, start) in [
        ("https://mail.example.org/oauth2callback", "https://mail.example.org/oauth2/start?link=L"),
        ("http://127.0.0.1:8080/oauth2callback", "http://127.0.0.1:8080/oauth2/start?link=L"),
        ("https://example.org/fan/oauth2callback", "https://example.org/fan/oauth2/start?link=L"),
    ] {
        assert_eq!(address(back, "L").unwrap().as_str(), start);
    }
}
