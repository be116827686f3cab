//! Keys are rotated while people connect, tokens are refreshed and mail flows: every token comes to stand under the new
//! key, nobody waits for it, and Google is asked for nothing.

use std::sync::Arc;

use futures::join;
use shared::ids::{Epoch, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::mailbox::Tokens;
use shared::mark::MarkState;
use shared::rotation::{Pass, Rotation, not_under};
use shared::sealing::{KeyName, Sealed, SealedFor, TokenKind};
use shared::store::Write;

use super::world::{ADA, HOUR, World};
use simulation::hand::{Hold, Strike};

const EVE: &str = "eve@example.com";
const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    a_rotation_seals_every_token_anew_and_asks_google_for_nothing,
    while_keys_are_rotated_the_old_one_opens_and_the_new_one_seals,
    a_rotation_that_dies_at_any_call_is_finished_by_the_next,
    a_refresh_beside_a_rotation_stands,
    a_consent_beside_a_rotation_stands,
    a_life_that_ends_beside_a_rotation_is_still_revoked,
    a_token_that_was_moved_cut_or_is_of_another_life_stops_nobody_else,
    a_spoilt_access_token_is_replaced_by_another,
);

impl World {
    /// Makes a new key, and what seals everything anew that is not under it.
    fn turn(&self) -> (KeyName, Rotation) {
        let name = (self.backend.turn)();
        (name.clone(), self.rotation(name))
    }

    fn rotation(&self, name: KeyName) -> Rotation {
        let (mailboxes, sealing) = (self.stores.mailboxes.clone(), self.stores.sealing.clone());
        Rotation { mailboxes, sealing, is_old: not_under(name) }
    }

    /// The keys that a mailbox's tokens are sealed under, the refresh token's first.
    async fn keys(&self, user: &UserId) -> [Option<KeyName>; 2] {
        let Tokens { refresh, access } = self.mailbox(user).await.tokens();
        [refresh, access].map(|sealed| sealed.and_then(|sealed| sealed.key_name()))
    }

    async fn spoil(&self, user: &UserId, change: impl FnOnce(&mut Tokens)) {
        let row = self.mailbox(user).await;
        let mut tokens = row.tokens();
        change(&mut tokens);
        let written = self.backend.stores.mailboxes.reseal(row.life(), row.tokens(), tokens).await;
        assert_eq!(written.unwrap(), Write::Applied);
    }

    /// Mail arrives and comes to its end.
    async fn mail_flows(&self, email: &str, user: &UserId) {
        let id = self.deliver(email, "Still here");
        self.poll().await;
        assert_eq!(self.state(user, &id).await, DONE, "{email}");
    }
}

/// Runs a pass whose answer to its first reading of a row is held, and `meanwhile` beside it.
async fn beside(world: &World, rotation: &Rotation, meanwhile: impl Future<Output = ()>) -> Pass {
    let hold = Arc::new(Hold::default());
    world.effects.next("mailboxes.get", Strike::Holds(hold.clone()));
    let other = async {
        hold.reached.notified().await;
        meanwhile.await;
        hold.release.notify_one();
    };
    let (pass, ()) = join!(rotation.pass(), other);
    pass.unwrap()
}

async fn a_rotation_seals_every_token_anew_and_asks_google_for_nothing(world: World) {
    let users = [world.connect(ADA).await, world.connect(EVE).await];
    let asked = (world.calls("token"), world.units());
    let (new, rotation) = world.turn();
    let pass = rotation.pass().await.unwrap();
    assert_eq!((pass.mailboxes, pass.resealed), (2, 2));
    let pass = rotation.pass().await.unwrap();
    assert_eq!(pass, Pass { mailboxes: 2, ..Pass::default() });
    assert!(pass.found_nothing());
    for user in &users {
        assert_eq!(world.keys(user).await, [Some(new.clone()), Some(new.clone())]);
    }
    assert_eq!((world.calls("token"), world.units()), asked);
    world.mail_flows(ADA, &users[0]).await;
    world.mail_flows(EVE, &users[1]).await;
    assert_eq!(world.calls("token"), asked.0, "the cached tokens still serve");
    world.pass(HOUR);
    world.mail_flows(ADA, &users[0]).await;
    assert_eq!(world.letters().await, []);
}

async fn while_keys_are_rotated_the_old_one_opens_and_the_new_one_seals(world: World) {
    let ada = world.connect(ADA).await;
    let [old, _] = world.keys(&ada).await;
    let (new, rotation) = world.turn();
    world.mail_flows(ADA, &ada).await;
    let eve = world.connect(EVE).await;
    assert_eq!(world.keys(&eve).await, [Some(new.clone()), Some(new.clone())]);
    world.pass(HOUR);
    world.mail_flows(ADA, &ada).await;
    assert_eq!(world.keys(&ada).await, [old, Some(new.clone())], "refreshed under the new key");
    let pass = rotation.pass().await.unwrap();
    assert_eq!((pass.mailboxes, pass.resealed), (2, 1));
    assert_eq!(world.keys(&ada).await, [Some(new.clone()), Some(new)]);
}

async fn a_rotation_that_dies_at_any_call_is_finished_by_the_next(world: World) {
    let mut users = Vec::new();
    for number in 0..4 {
        users.push(world.connect(&format!("person{number}@example.com")).await);
    }
    for call in ["mailboxes.scan", "mailboxes.get", "mailboxes.reseal"] {
        for (strike, nth) in [
            (Strike::DiesBefore, 1),
            (Strike::DiesAfter, 3),
            (Strike::Throttled, 2),
            (Strike::Unanswered, 4),
        ] {
            let (new, rotation) = world.turn();
            let nth = if call == "mailboxes.scan" { 1 } else { nth };
            world.effects.nth(call, nth, strike);
            let died = world.effects.alive(rotation.pass()).await;
            assert!(!matches!(died, Some(Ok(_))), "{call}");
            assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
            while !rotation.pass().await.unwrap().found_nothing() {}
            for user in &users {
                assert_eq!(world.keys(user).await, [Some(new.clone()), Some(new.clone())]);
            }
        }
    }
    for (number, user) in users.iter().enumerate() {
        world.mail_flows(&format!("person{number}@example.com"), user).await;
    }
}

async fn a_refresh_beside_a_rotation_stands(world: World) {
    let ada = world.connect(ADA).await;
    let (new, rotation) = world.turn();
    let pass = beside(&world, &rotation, async {
        world.pass(HOUR);
        world.ask(&ada, UserJobKind::Sync, Cause::Manual).await;
        world.serve_users().await;
    });
    assert_eq!(pass.await.resealed, 1, "read again, and sealed anew");
    let row = world.mailbox(&ada).await;
    assert_eq!((row.access_token_version, world.calls("token")), (2, 2));
    assert_eq!(world.keys(&ada).await, [Some(new.clone()), Some(new)]);
    world.mail_flows(ADA, &ada).await;
    assert_eq!(world.calls("token"), 2);
}

async fn a_consent_beside_a_rotation_stands(world: World) {
    let ada = world.connect(ADA).await;
    let (new, rotation) = world.turn();
    let mut fresh = None;
    let pass = beside(&world, &rotation, async {
        world.consent(ADA).await;
        fresh = world.mailbox(&ada).await.refresh_token;
    });
    assert!(pass.await.found_nothing(), "the consent was sealed under the new key");
    assert_eq!(world.mailbox(&ada).await.refresh_token, fresh);
    assert_eq!(fresh.unwrap().key_name(), Some(new));
    world.rest().await;
    world.mail_flows(ADA, &ada).await;
}

async fn a_life_that_ends_beside_a_rotation_is_still_revoked(world: World) {
    let ada = world.connect(ADA).await;
    let (_, rotation) = world.turn();
    // The life has ended, and its end is still to be cleared away.
    world.ask(&ada, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.effects.next("oauth.revoke", Strike::DiesBefore);
    world.serve_users().await;
    assert!(world.mailbox(&ada).await.disconnected_at.is_some());
    let pass = rotation.pass().await.unwrap();
    assert_eq!((pass.resealed, pass.unopened), (1, vec![]));
    world.rest().await;
    assert_eq!(world.mailbox(&ada).await.tokens(), Tokens::default());
    assert_eq!(world.calls("revoke"), 1);
    assert!(rotation.pass().await.unwrap().found_nothing());
}

async fn a_token_that_was_moved_cut_or_is_of_another_life_stops_nobody_else(world: World) {
    let eve = world.connect(EVE).await;
    let moved = world.mailbox(&eve).await.refresh_token.unwrap();
    let cut = Sealed(moved.0[..moved.0.len() - 4].to_owned());
    let mut spoilt = Vec::new();
    for (number, token) in
        [Some(moved), Some(cut), Some(Sealed(String::new())), None].into_iter().enumerate()
    {
        let user = world.connect(&format!("person{number}@example.com")).await;
        let other = SealedFor { user: &user, epoch: Epoch(9), kind: TokenKind::Refresh };
        let of_another_life = world.stores.sealing.seal(other, "token").await.unwrap();
        let refresh = Some(token.unwrap_or(of_another_life));
        world.spoil(&user, |tokens| tokens.refresh = refresh).await;
        spoilt.push(user);
    }
    let (new, rotation) = world.turn();
    let pass = rotation.pass().await.unwrap();
    assert_eq!((pass.mailboxes, pass.resealed), (5, 5), "their access tokens were good");
    let mut pass = rotation.pass().await.unwrap();
    assert!(pass.found_nothing());
    pass.unopened.sort();
    spoilt.sort();
    assert_eq!(pass.unopened, spoilt);
    assert_eq!(world.keys(&eve).await, [Some(new.clone()), Some(new)]);
    world.mail_flows(EVE, &eve).await;
}

async fn a_spoilt_access_token_is_replaced_by_another(world: World) {
    let (ada, eve) = (world.connect(ADA).await, world.connect(EVE).await);
    let moved = world.mailbox(&eve).await.access_token;
    world.spoil(&ada, |tokens| tokens.access = moved).await;
    let (new, rotation) = world.turn();
    assert_eq!(rotation.pass().await.unwrap().resealed, 2);
    assert_eq!(world.keys(&ada).await, [Some(new.clone()), None]);
    assert!(rotation.pass().await.unwrap().found_nothing());
    world.mail_flows(ADA, &ada).await;
    assert_eq!(world.keys(&ada).await, [Some(new.clone()), Some(new)]);
    assert_eq!(world.letters().await, []);
}
