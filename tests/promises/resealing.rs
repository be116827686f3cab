//! Tokens that are sealed anew while others are at work on the same row.

use std::time::Duration;

use shared::goodbye::{DisconnectDebt, Revoked};
use shared::ids::Grant;
use shared::ledger::{Life, NewAccess};
use shared::mailbox::{Mailbox, Tokens};
use shared::sealing::Sealed;
use shared::store::Write::{self, Applied, Stale};

use super::world::{World, user};

const HOUR: Duration = Duration::from_hours(1);

fn sealed(text: &str) -> Sealed {
    Sealed(text.to_owned())
}

fn new() -> Tokens {
    Tokens { refresh: Some(sealed("refresh, anew")), access: Some(sealed("access, anew")) }
}

impl World {
    /// A mailbox with both kinds of token.
    async fn with_tokens(&self) -> Mailbox {
        let mailbox = self.connected("ada").await;
        assert_eq!(self.refreshed(mailbox.life(), 1).await, Applied);
        self.mailbox("ada").await
    }

    async fn refreshed(&self, at: Life<'_>, version: u64) -> Write {
        let (sealed, expiry) = (Sealed(format!("access {version}")), self.now() + HOUR);
        let access = NewAccess { sealed, version, expiry, refresh_token: None };
        self.there.mailboxes.store_access(at, access).await.unwrap()
    }

    async fn reseal(&self, read: &Mailbox, new: Tokens) -> Write {
        self.here.mailboxes.reseal(read.life(), read.tokens(), new).await.unwrap()
    }

    async fn disconnect(&self, read: &Mailbox) {
        let (id, epoch, grant) = ("end".to_owned(), read.epoch, read.grant);
        let debt = DisconnectDebt::new(id, epoch, grant, self.now());
        let ended = self.there.mailboxes.disconnect(&read.user_id, debt).await.unwrap();
        assert_eq!(ended, Applied);
    }
}

async fn tokens_are_sealed_anew_and_nothing_else_changes(world: World) {
    let before = world.with_tokens().await;
    assert_eq!(world.reseal(&before, new()).await, Applied);
    let mut after = world.mailbox("ada").await;
    assert_eq!(after.tokens(), new());
    (after.refresh_token, after.access_token) =
        (before.refresh_token.clone(), before.access_token.clone());
    assert!(after == before);
    let nobody = Life { user: &user("nobody"), ..before.life() };
    let written = world.here.mailboxes.reseal(nobody, before.tokens(), new()).await;
    assert_eq!(written.unwrap(), Stale);
}

async fn of_two_that_seal_anew_one_is_written(world: World) {
    let read = world.with_tokens().await;
    let other = Tokens { refresh: Some(sealed("refresh, otherwise")), access: None };
    let (one, two) = futures::join!(
        world.here.mailboxes.reseal(read.life(), read.tokens(), new()),
        world.there.mailboxes.reseal(read.life(), read.tokens(), other.clone()),
    );
    let first = one.unwrap();
    assert!([(Applied, Stale), (Stale, Applied)].contains(&(first, two.unwrap())));
    let stands = if first == Applied { new() } else { other };
    assert_eq!(world.mailbox("ada").await.tokens(), stands);
}

async fn whoever_wrote_other_tokens_first_wins(world: World) {
    let read = world.with_tokens().await;
    assert_eq!(world.refreshed(read.life(), 2).await, Applied);
    assert_eq!(world.reseal(&read, new()).await, Stale);
    let read = world.mailbox("ada").await;
    assert_eq!(read.access_token, Some(sealed("access 2")));

    let again = world.consent("ada", Some((read.epoch, read.grant)));
    assert_eq!(world.there.mailboxes.connect(again).await.unwrap(), Applied);
    assert_eq!(world.reseal(&read, new()).await, Stale);
    let read = world.mailbox("ada").await;
    assert_eq!((read.grant, read.refresh_token.clone()), (Grant(2), Some(sealed("refresh"))));

    world.disconnect(&read).await;
    assert_eq!(world.reseal(&read, new()).await, Stale);
    assert_eq!(world.mailbox("ada").await.refresh_token, Some(sealed("refresh")));
}

async fn what_was_sealed_anew_does_not_hold_up_a_refresh(world: World) {
    let read = world.with_tokens().await;
    let until = world.now() + HOUR;
    let lease = world.there.mailboxes.lease_refresh(read.life(), 1, world.now(), until);
    assert_eq!(lease.await.unwrap(), Applied);
    let leased = world.mailbox("ada").await;
    assert_eq!(world.reseal(&leased, new()).await, Applied);
    assert_eq!(world.mailbox("ada").await.refresh_lease, Some(until));
    assert_eq!(world.refreshed(read.life(), 2).await, Applied);
    let after = world.mailbox("ada").await;
    assert_eq!(after.access_token, Some(sealed("access 2")));
    assert_eq!(after.refresh_token, Some(sealed("refresh, anew")));
}

async fn an_access_token_may_be_dropped_and_a_refresh_token_may_not(world: World) {
    let read = world.with_tokens().await;
    let lost = Tokens { refresh: None, access: Some(sealed("access, anew")) };
    assert_eq!(world.reseal(&read, lost).await, Stale);
    let dropped = Tokens { access: None, ..new() };
    assert_eq!(world.reseal(&read, dropped).await, Applied);
    let after = world.mailbox("ada").await;
    assert_eq!((after.access_token.is_none(), after.access_token_version), (true, 1));
}

async fn tokens_of_a_life_that_ended_are_sealed_anew_until_they_are_forgotten(world: World) {
    let alive = world.with_tokens().await;
    assert_eq!(alive.sealed_in(), alive.epoch);
    world.disconnect(&alive).await;
    let over = world.mailbox("ada").await;
    assert_eq!((over.sealed_in(), over.epoch), (alive.epoch, alive.epoch.next()));
    assert_eq!(world.reseal(&over, new()).await, Applied);
    let over = world.mailbox("ada").await;
    let forgotten =
        world.there.mailboxes.forget_tokens(&over.user_id, alive.epoch, Revoked::Yes).await;
    assert_eq!(forgotten.unwrap(), Applied);
    assert_eq!(world.reseal(&over, new()).await, Stale);
    assert_eq!(world.mailbox("ada").await.tokens(), Tokens::default());
}

promises!(
    tokens_are_sealed_anew_and_nothing_else_changes,
    of_two_that_seal_anew_one_is_written,
    whoever_wrote_other_tokens_first_wins,
    what_was_sealed_anew_does_not_hold_up_a_refresh,
    an_access_token_may_be_dropped_and_a_refresh_token_may_not,
    tokens_of_a_life_that_ended_are_sealed_anew_until_they_are_forgotten,
);
