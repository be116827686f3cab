use std::fs::{self, Permissions};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::*;

fn pem(pair: &RsaKeyPair) -> String {
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der.as_ref()))
}

fn file(key: &str) -> Value {
    json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": key,
        "client_email": "fan@p.iam.gserviceaccount.com", "client_id": "1234567890",
        "token_uri": "https://elsewhere.example/token"
    })
}

fn part(assertion: &str, place: usize) -> Value {
    let text = assertion.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn an_assertion_is_as_google_asks_for_it_and_signed_by_the_files_key() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let account = ServiceAccount::parse(&file(&pem(&pair)).to_string()).unwrap();
    let now = "2026-05-01T12:00:00Z".parse().unwrap();
    let token = "https://oauth2.googleapis.com/token";
    let assertion = account.assertion("ada@corp.example", "a b", token, now).unwrap();
    assert_eq!(part(&assertion, 0), json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"}));
    let claims = part(&assertion, 1);
    assert_eq!(claims["iss"], "fan@p.iam.gserviceaccount.com");
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("ada@corp.example"), &json!("a b")));
    assert_eq!(claims["aud"], token);
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(iat <= now.seconds() && now.seconds() < exp && exp - iat <= 3600);
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let public =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    assert_eq!(format!("{account:?}"), "ServiceAccount(…)");
}

#[test]
fn what_is_wrong_with_a_key_is_named_and_not_quoted() {
    let marker = "bWFya2Vy";
    let with = |name: &str, value: &str| {
        let mut file = file(&format!("{BEGIN}\n{marker}\n{END}\n"));
        file[name] = json!(value);
        file.to_string()
    };
    let table = [
        (marker.to_owned(), "it is not the JSON that Google gives out with a new key"),
        (with("type", "authorized_user"), "its type is not service_account"),
        ("{}".to_owned(), "its type is not service_account"),
        (with("client_email", " "), "it has no client_email"),
        (with("client_id", ""), "it has no client_id"),
        (with("private_key_id", ""), "it has no private_key_id"),
        (with("private_key", ""), "it has no private_key"),
        (with("private_key", marker), "its private_key is no PEM text"),
        (with("private_key", &format!("{BEGIN}{marker}*{END}")), "its private_key is no PEM text"),
        (with("private_key", &format!("{BEGIN}{marker}{END}")), "its private_key is no RSA key"),
    ];
    for (text, said) in table {
        let bad = ServiceAccount::parse(&text).unwrap_err().to_string();
        assert!(bad.starts_with(said), "{bad}");
        assert!(!bad.contains(marker), "{bad}");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_and_so_is_one_that_is_not_there() {
    let folder = std::env::temp_dir().join(format!("fanmail-account-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let place = folder.join("key.json");
    let read = || ServiceAccount::read(&place).unwrap_err().to_string();
    assert!(read().contains("entity not found"), "{}", read());
    fs::write(&place, "{}").unwrap();
    fs::set_permissions(&place, Permissions::from_mode(0o644)).unwrap();
    assert!(read().contains("can be read by others") && read().contains("chmod 600"), "{}", read());
    fs::set_permissions(&place, Permissions::from_mode(0o600)).unwrap();
    assert!(read().contains("its type is not service_account"), "{}", read());
    fs::write(&place, " ".repeat((64 << 10) + 1)).unwrap();
    assert!(read().contains("longer than 64 KiB"), "{}", read());
    fs::remove_dir_all(&folder).unwrap();
}
