//! How often KMS is asked, and what its answers mean.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::future::join_all;
use serde_json::json;

use super::data_key::{LIFE, USES};
use super::ring::KEPT;
use super::*;
use crate::aws::scripted::{Asked, Said, Scripted, refused, said};
use crate::disposition::chain;
use crate::ids::{Epoch, UserId};
use crate::store::StoreError;

/// A KMS whose data key is a function of the wrapped one.
fn kms(number: usize, asked: &Asked) -> Said {
    let asked = asked.json();
    let wrapped = match asked["CiphertextBlob"].as_str() {
        Some(wrapped) => STANDARD.decode(wrapped).unwrap(),
        None => format!("wrapped {number}").into_bytes(),
    };
    let plain = digest(&SHA256, &wrapped);
    let (wrapped, plain) = (STANDARD.encode(&wrapped), STANDARD.encode(plain.as_ref()));
    said(200, &json!({ "KeyId": "k", "Plaintext": plain, "CiphertextBlob": wrapped }))
}

fn now() -> Clock {
    Clock::manual("2026-05-01T12:00:00Z".parse().unwrap())
}

fn sealing(scripted: &Scripted, clock: &Clock) -> KmsSealing {
    let keys = SealingKeys { refresh: "refresh-key".into(), access: "access-key".into() };
    KmsSealing::new(&scripted.config, keys, clock.clone(), Chance::seeded(1))
}

fn user(number: usize) -> UserId {
    format!("u{number}").parse().unwrap()
}

fn of(user: &UserId, kind: TokenKind) -> SealedFor<'_> {
    SealedFor { user, epoch: Epoch(1), kind }
}

async fn seal(sealing: &KmsSealing, number: usize) -> Result<Sealed, SealingError> {
    let user = user(number);
    sealing.seal(of(&user, TokenKind::Access), "token").await
}

async fn open(sealing: &KmsSealing, number: usize, sealed: &Sealed) -> Result<(), SealingError> {
    let user = user(number);
    let opened = sealing.open(of(&user, TokenKind::Access), sealed).await?;
    assert_eq!(opened, "token");
    Ok(())
}

#[tokio::test]
async fn a_thousand_mailboxes_cost_one_question_to_seal_and_one_to_open() {
    let (scripted, clock) = (Scripted::answering(kms).await, now());
    let (worker, processor) = (sealing(&scripted, &clock), sealing(&scripted, &clock));
    let sealed = join_all((0..1000).map(|number| seal(&worker, number))).await;
    let sealed: Vec<_> = sealed.into_iter().map(Result::unwrap).collect();
    assert_eq!(scripted.actions(), ["GenerateDataKey"]);
    let opening =
        sealed.iter().enumerate().map(|(number, sealed)| open(&processor, number, sealed));
    assert!(join_all(opening).await.into_iter().all(|opened| opened.is_ok()));
    open(&worker, 0, &sealed[0]).await.unwrap();
    assert_eq!(scripted.actions(), ["GenerateDataKey", "Decrypt"]);
}

#[tokio::test]
async fn each_kind_of_token_has_its_own_key_and_kms_learns_no_mailbox() {
    let scripted = Scripted::answering(kms).await;
    let (worker, ada) = (sealing(&scripted, &now()), user(7));
    for kind in [TokenKind::Refresh, TokenKind::Access] {
        worker.seal(of(&ada, kind), "token").await.unwrap();
    }
    let asked = scripted.bodies().into_iter().map(|body| {
        (body["KeyId"].clone(), body["EncryptionContext"].clone(), body["KeySpec"].clone())
    });
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            (
                json!("refresh-key"),
                json!({ "token": "refresh", "born": "2026-05-01T12:00:00.000Z" }),
                json!("AES_256")
            ),
            (
                json!("access-key"),
                json!({ "token": "access", "born": "2026-05-01T12:00:00.000Z" }),
                json!("AES_256")
            ),
        ]
    );
}

#[tokio::test]
async fn a_data_key_is_given_up_after_its_time() {
    let (scripted, clock) = (Scripted::answering(kms).await, now());
    let worker = sealing(&scripted, &clock);
    let sealed = seal(&worker, 1).await.unwrap();
    clock.advance(LIFE);
    open(&worker, 1, &sealed).await.unwrap();
    seal(&worker, 1).await.unwrap();
    assert_eq!(scripted.actions(), ["GenerateDataKey", "Decrypt", "GenerateDataKey"]);
}

#[tokio::test]
async fn a_data_key_is_given_up_after_its_uses() {
    let scripted = Scripted::answering(kms).await;
    let worker = sealing(&scripted, &now());
    for _ in 0..USES {
        seal(&worker, 1).await.unwrap();
    }
    assert_eq!(scripted.asked().len(), 1);
    seal(&worker, 1).await.unwrap();
    assert_eq!(scripted.asked().len(), 2);
}

#[tokio::test]
async fn only_so_many_data_keys_are_kept() {
    let (scripted, clock) = (Scripted::answering(kms).await, now());
    let processor = sealing(&scripted, &clock);
    let mut sealed = Vec::new();
    for number in 0..=KEPT {
        // A worker of its own, hence a data key of its own.
        clock.advance(std::time::Duration::from_millis(1));
        sealed.push(seal(&sealing(&scripted, &clock), number).await.unwrap());
        open(&processor, number, &sealed[number]).await.unwrap();
    }
    let before = scripted.asked().len();
    open(&processor, KEPT, &sealed[KEPT]).await.unwrap();
    assert_eq!(scripted.asked().len(), before);
    open(&processor, 0, &sealed[0]).await.unwrap();
    assert_eq!(scripted.asked().len(), before + 1, "the oldest was forgotten");
}

#[tokio::test]
async fn a_key_that_is_not_set_is_said_and_not_asked_for() {
    let scripted = Scripted::answering(kms).await;
    let sealed = seal(&sealing(&scripted, &now()), 1).await.unwrap();
    let keys = SealingKeys { refresh: "refresh-key".into(), access: String::new() };
    let without = KmsSealing::new(&scripted.config, keys, now(), Chance::seeded(1));
    let to_seal = seal(&without, 1).await.err().unwrap();
    for error in [to_seal, open(&without, 1, &sealed).await.err().unwrap()] {
        assert!(matches!(error, SealingError::Keys(StoreError::Broken { .. })));
        let error = chain(&error);
        assert!(
            error.contains("no key for access tokens is set: this part may not use it"),
            "{error}"
        );
    }
    assert_eq!(scripted.asked().len(), 1);
}

/// What opening comes to when KMS refuses so.
async fn opened_against(code: &'static str) -> SealingError {
    let scripted = Scripted::answering(
        move |number, asked| {
            if number == 0 { kms(0, asked) } else { refused(code) }
        },
    );
    let scripted = scripted.await;
    let sealed = seal(&sealing(&scripted, &now()), 1).await.unwrap();
    open(&sealing(&scripted, &now()), 1, &sealed).await.err().unwrap()
}

#[tokio::test]
async fn a_fault_of_kms_is_told_from_a_token_that_does_not_open() {
    for code in ["InvalidCiphertextException", "IncorrectKeyException"] {
        let error = opened_against(code).await;
        assert!(matches!(error, SealingError::DoesNotOpen { .. }), "{code}");
    }
    for code in ["AccessDeniedException", "NotFoundException", "DisabledException"] {
        let error = opened_against(code).await;
        assert!(matches!(error, SealingError::Keys(StoreError::Broken { .. })), "{code}");
        assert!(chain(&error).contains("kms:Decrypt on access-key"), "{}", chain(&error));
    }
    let error = opened_against("InternalException").await;
    assert!(matches!(error, SealingError::Keys(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn a_kms_that_failed_is_asked_again() {
    let answer = |number, asked: &Asked| match number {
        0 => refused("AccessDeniedException"),
        2 => refused("DisabledException"),
        _ => kms(number, asked),
    };
    let scripted = Scripted::answering(answer).await;
    let (worker, processor) = (sealing(&scripted, &now()), sealing(&scripted, &now()));
    let error = chain(&seal(&worker, 1).await.err().unwrap());
    assert!(error.contains("kms:GenerateDataKey on access-key"), "{error}");
    let sealed = seal(&worker, 1).await.unwrap();
    assert!(open(&processor, 1, &sealed).await.is_err());
    open(&processor, 1, &sealed).await.unwrap();
}

#[tokio::test]
async fn what_was_spoilt_is_kept_from_kms() {
    let scripted = Scripted::answering(kms).await;
    let sealed = seal(&sealing(&scripted, &now()), 1).await.unwrap().0;
    let processor = sealing(&scripted, &now());
    let spoilt = sealed.replacen("v1.", "v1.AA", 1);
    let empty = URL_SAFE_NO_PAD.encode(&digest(&SHA256, b"").as_ref()[..8]);
    for text in [spoilt, String::new(), "v1..x".into(), format!("v1.{empty}.x.y")] {
        let error = open(&processor, 1, &Sealed(text)).await.err().unwrap();
        assert!(matches!(error, SealingError::DoesNotOpen { .. }));
    }
    assert_eq!(scripted.asked().len(), 1);
}

/// The data keys that these workers seal under, after each has opened what all the others had sealed.
async fn sealed_under(kind: TokenKind) -> Vec<String> {
    let (scripted, clock, ada) = (Scripted::answering(kms).await, now(), user(1));
    let (mut workers, mut first) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        clock.advance(std::time::Duration::from_secs(1));
        let worker = sealing(&scripted, &clock);
        first.push(worker.seal(of(&ada, kind), "token").await.unwrap());
        workers.push(worker);
    }
    let mut under = Vec::new();
    for worker in &workers {
        for sealed in first.iter().rev() {
            worker.open(of(&ada, kind), sealed).await.unwrap();
        }
        let sealed = worker.seal(of(&ada, kind), "token").await.unwrap().0;
        under.push(sealed.split('.').nth(1).unwrap().to_owned());
    }
    // Another hour: what is still known to be fresh is agreed upon, too.
    clock.advance(LIFE.saturating_sub(std::time::Duration::from_secs(3)));
    for worker in &workers {
        let sealed = worker.seal(of(&ada, kind), "token").await.unwrap().0;
        under.push(sealed.split('.').nth(1).unwrap().to_owned());
    }
    under
}

#[tokio::test]
async fn those_who_open_each_others_tokens_come_to_seal_under_one_data_key() {
    let under = sealed_under(TokenKind::Access).await;
    assert!(under[..4].iter().all(|key| *key == under[0]), "the oldest");
    assert!(under[4..].iter().all(|key| *key == under[4]), "the oldest that is fresh");
    assert_ne!(under[0], under[4]);
}

#[tokio::test]
async fn nobody_seals_refresh_tokens_under_anothers_data_key() {
    let under = sealed_under(TokenKind::Refresh).await;
    let keys: std::collections::BTreeSet<_> = under[..4].iter().collect();
    assert_eq!(keys.len(), 4);
}
