//! Sealing anew under new data keys of KMS, as `fanmail keys rotate --backend aws` does it.

use std::time::Duration;

use shared::ids::{Epoch, UserId};
use shared::mailbox::Tokens;
use shared::rotation::{IsOld, Rotation};
use shared::sealing::kms::born;
use shared::sealing::{Sealed, SealedFor, TokenKind};
use shared::store::Write::Applied;

use crate::promises::world::{World, user};

impl World {
    /// A mailbox whose refresh token was sealed by a worker.
    async fn sealed_by_a_worker(&self, name: &str) -> UserId {
        let mailbox = self.connected(name).await;
        let refresh = Some(self.here.sealing.seal(refresh_of(&user(name)), name).await.unwrap());
        let new = Tokens { refresh, access: None };
        let read = mailbox.tokens();
        let written = self.here.mailboxes.reseal(mailbox.life(), read, new).await.unwrap();
        assert_eq!(written, Applied);
        mailbox.user_id
    }
}

fn refresh_of(user: &UserId) -> SealedFor<'_> {
    SealedFor { user, epoch: Epoch(1), kind: TokenKind::Refresh }
}

#[tokio::test]
async fn refresh_tokens_come_to_stand_under_data_keys_made_since_and_workers_open_them() {
    let world = super::world().await;
    let mut users = Vec::new();
    for name in ["ada", "bob", "eve"] {
        users.push(world.sealed_by_a_worker(name).await);
    }
    world.pass(Duration::from_mins(1));
    let since = world.now();
    let old = move |sealed: &Sealed| born(sealed).is_none_or(|born| born < since);
    let is_old: Box<IsOld> =
        Box::new(move |kind, sealed| kind == TokenKind::Refresh && old(sealed));
    let (mailboxes, sealing) = (world.there.mailboxes.clone(), world.there.sealing.clone());
    let rotation = Rotation { mailboxes, sealing, is_old };
    let first = rotation.pass().await.unwrap();
    assert_eq!((first.mailboxes, first.resealed), (3, 3));
    assert!(rotation.pass().await.unwrap().found_nothing());
    for (user, name) in users.iter().zip(["ada", "bob", "eve"]) {
        let sealed = world.mailbox(name).await.refresh_token.unwrap();
        assert!(born(&sealed).unwrap() >= since);
        let opened = world.here.sealing.open(refresh_of(user), &sealed).await.unwrap();
        assert_eq!(opened, name);
    }
}
