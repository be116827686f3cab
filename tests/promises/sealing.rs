//! Sealing.

use std::collections::BTreeSet;

use shared::ids::Epoch;
use shared::sealing::TokenKind::{Access, Refresh};
use shared::sealing::{Sealed, SealedFor, Sealing, SealingError, TokenKind};

use super::world::{World, user};

const TOKEN: &str = "1//a-refresh-token";

impl World {
    async fn sealed(&self, owner: &str, epoch: u32, kind: TokenKind) -> Sealed {
        let user = user(owner);
        let at = SealedFor { user: &user, epoch: Epoch(epoch), kind };
        self.here.sealing.seal(at, TOKEN).await.unwrap()
    }
}

async fn open(
    sealing: &dyn Sealing,
    owner: &str,
    epoch: u32,
    kind: TokenKind,
    sealed: &Sealed,
) -> Option<String> {
    let user = user(owner);
    let opened = sealing.open(SealedFor { user: &user, epoch: Epoch(epoch), kind }, sealed).await;
    match opened {
        Ok(text) => Some(text),
        Err(SealingError::DoesNotOpen { user: named, .. }) if named == user => None,
        Err(other) => panic!("{other}"),
    }
}

async fn what_was_sealed_opens_in_every_process(world: World) {
    for kind in [Refresh, Access] {
        for text in ["", TOKEN, "ä\0\n", &"long".repeat(5000)] {
            let user = user("ada");
            let at = SealedFor { user: &user, epoch: Epoch(1), kind };
            let sealed = world.here.sealing.seal(at, text).await.unwrap();
            assert_eq!(world.there.sealing.open(at, &sealed).await.unwrap(), text);
        }
    }
}

async fn a_token_that_was_moved_does_not_open(world: World) {
    let sealed = world.sealed("ada", 1, Refresh).await;
    let sealing = &*world.there.sealing;
    assert!(open(sealing, "ada", 1, Refresh, &sealed).await.is_some());
    assert_eq!(open(sealing, "eve", 1, Refresh, &sealed).await, None);
    assert_eq!(open(sealing, "ada", 2, Refresh, &sealed).await, None);
    assert_eq!(open(sealing, "ada", 1, Access, &sealed).await, None);
    assert_eq!(open(&*world.stranger, "ada", 1, Refresh, &sealed).await, None);
}

async fn ids_that_run_together_are_still_two(world: World) {
    let sealed = world.sealed("ada1", 1, Refresh).await;
    assert_eq!(open(&*world.here.sealing, "ada", 11, Refresh, &sealed).await, None);
}

async fn a_token_that_was_cut_does_not_open(world: World) {
    let sealed = world.sealed("ada", 1, Refresh).await.0;
    for end in 0..sealed.len() {
        let cut = Sealed(sealed[..end].to_owned());
        assert_eq!(open(&*world.here.sealing, "ada", 1, Refresh, &cut).await, None, "{end}");
    }
    let longer = Sealed(format!("{sealed}A"));
    assert_eq!(open(&*world.here.sealing, "ada", 1, Refresh, &longer).await, None);
}

async fn a_token_in_which_one_bit_was_flipped_does_not_open(world: World) {
    let sealed = world.sealed("ada", 1, Access).await.0;
    for at in 0..sealed.len() {
        for bit in 0..7 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = Sealed(String::from_utf8(bytes).unwrap());
            let opened = open(&*world.here.sealing, "ada", 1, Access, &flipped).await;
            assert_eq!(opened, None, "bit {bit} of byte {at}");
        }
    }
}

async fn two_seals_of_one_token_share_no_nonce(world: World) {
    let mut seals = BTreeSet::new();
    for _ in 0..10_000 {
        let sealed = world.sealed("ada", 1, Refresh).await.0;
        let body = sealed.rsplit_once('.').unwrap().1;
        // 16 characters of base64 are the 12 bytes of the nonce.
        seals.insert(body[..16].to_owned());
    }
    assert_eq!(seals.len(), 10_000);
}

async fn a_sealed_token_is_printable_and_says_nothing(world: World) {
    let sealed = world.sealed("ada", 1, Refresh).await.0;
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
    assert!(sealed.starts_with("v1.") && !sealed.contains(TOKEN) && !sealed.contains("ada"));
}

promises!(
    what_was_sealed_opens_in_every_process,
    a_token_that_was_moved_does_not_open,
    ids_that_run_together_are_still_two,
    a_token_that_was_cut_does_not_open,
    a_token_in_which_one_bit_was_flipped_does_not_open,
    two_seals_of_one_token_share_no_nonce,
    a_sealed_token_is_printable_and_says_nothing,
);
