//! The small stories in which every death is tried.

use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::breaker::Limits;
use shared::google::security_event::EventKind;
use shared::settings::ResultsFormat;

use super::Scenario;
use crate::deeds::Deed;
use crate::world::{Nature, World};

fn kind() -> Nature {
    let mut nature = Nature::kind(1);
    nature.settings.poll_interval_max = Duration::from_mins(5);
    nature
}

fn packing() -> Nature {
    let mut nature = kind();
    nature.settings.results_format = ResultsFormat::Packed;
    nature.settings.results_index = true;
    nature
}

fn connected(world: &mut World) {
    let person = world.add_person();
    let now = world.now();
    world.plan(now, Deed::Consent(person));
    world.run_until(now + Duration::from_mins(12), |_| false);
}

fn minutes(world: &mut World, minutes: u64) {
    let end = world.now() + Duration::from_mins(minutes);
    world.run_until(end, |_| false);
}

fn now(world: &mut World, deed: Deed) {
    let now = world.now();
    world.plan(now, deed);
}

/// A mailbox is connected, and two messages of it are stored.
fn with_two_results(world: &mut World) {
    connected(world);
    now(world, Deed::Deliver(0, 2));
    minutes(world, 6);
}

/// The operator has everything judged anew, twice.
fn judged_anew(world: &mut World) {
    now(world, Deed::Reclassify);
    // Whoever died with it is given up after two minutes, and another goes on.
    minutes(world, 3);
    now(world, Deed::Reclassify);
    minutes(world, 1);
}

/// Gmail refuses every message in this way, two arrive, and are parked.
fn two_are_parked(world: &mut World, kind: FaultKind) {
    now(world, Deed::Weather(Some(Method::MessagesGet), kind, 100));
    now(world, Deed::Deliver(0, 2));
    now(world, Deed::Sync(0));
    minutes(world, 1);
    now(world, Deed::Clear);
}

/// The operator has everything announced again, while more arrives and is judged anew.
fn announced_again(world: &mut World) {
    now(world, Deed::AnnounceAgain);
    now(world, Deed::Deliver(0, 1));
    now(world, Deed::Sync(0));
    minutes(world, 1);
    now(world, Deed::AnnounceAgain);
    now(world, Deed::Reclassify);
    minutes(world, 1);
}

/// The scenarios there are.
pub const SCENARIOS: [Scenario; 24] = [
    Scenario {
        name: "first connect with backfill",
        nature: kind,
        before: |world| {
            let person = world.add_person();
            now(world, Deed::Deliver(person, 2));
            minutes(world, 1);
        },
        script: |world| {
            now(world, Deed::Consent(0));
            minutes(world, 3);
        },
    },
    Scenario {
        name: "a poll of three pages",
        nature: || Nature { largest_page: 1, ..kind() },
        before: connected,
        script: |world| {
            now(world, Deed::Deliver(0, 3));
            minutes(world, 6);
        },
    },
    Scenario {
        name: "the gap after a 404",
        nature: kind,
        before: |world| {
            connected(world);
            now(world, Deed::Deliver(0, 2));
            now(world, Deed::Forget(0));
        },
        script: |world| minutes(world, 6),
    },
    Scenario {
        name: "dead grant to reconnect",
        nature: kind,
        before: |world| {
            connected(world);
            now(world, Deed::Deliver(0, 1));
            now(world, Deed::Revoke(0, google_sim::grants::Cause::UserRevoked));
        },
        script: |world| {
            minutes(world, 6);
            now(world, Deed::Consent(0));
            minutes(world, 2);
        },
    },
    Scenario {
        name: "a dead grant in doubt",
        nature: || {
            let mut nature = kind();
            // Short: nobody is there to probe, and the wait for the doubt to end is lived through again and again.
            let longest_doubt = Duration::from_secs(50);
            nature.limits = Limits { deaths: 1, longest_doubt, ..nature.limits };
            nature
        },
        before: |world| {
            connected(world);
            minutes(world, 1);
            now(world, Deed::Revoke(0, google_sim::grants::Cause::UserRevoked));
        },
        script: |world| {
            now(world, Deed::Sync(0));
            minutes(world, 1);
        },
    },
    Scenario {
        name: "poison",
        nature: || {
            let mut nature = kind();
            nature.settings.max_message_bytes = 4_000;
            nature
        },
        before: connected,
        script: |world| {
            now(world, Deed::DeliverLarge(0));
            now(world, Deed::Stray);
            minutes(world, 6);
        },
    },
    Scenario {
        name: "quota postpone",
        nature: kind,
        before: connected,
        script: |world| {
            let kind = FaultKind::RateLimitExceeded;
            now(world, Deed::Weather(Some(Method::MessagesGet), kind, 100));
            now(world, Deed::Deliver(0, 1));
            let clears = world.now() + Duration::from_mins(6);
            world.plan(clears, Deed::Clear);
            minutes(world, 9);
        },
    },
    Scenario {
        name: "disconnect mid-run",
        nature: kind,
        before: connected,
        script: |world| {
            now(world, Deed::Deliver(0, 2));
            now(world, Deed::Sync(0));
            now(world, Deed::Disconnect(0));
            minutes(world, 2);
        },
    },
    Scenario {
        name: "purge mid-run",
        nature: kind,
        before: |world| {
            connected(world);
            now(world, Deed::Deliver(0, 1));
            minutes(world, 6);
        },
        script: |world| {
            now(world, Deed::Deliver(0, 1));
            now(world, Deed::Sync(0));
            now(world, Deed::Purge(0));
            minutes(world, 9);
        },
    },
    Scenario {
        name: "dispatcher continuation",
        nature: || {
            let mut nature = kind();
            nature.settings.max_users_per_invocation = 1;
            nature
        },
        before: |world| {
            connected(world);
            connected(world);
        },
        script: |world| minutes(world, 6),
    },
    Scenario {
        name: "an old-schema job",
        nature: kind,
        before: connected,
        script: |world| {
            now(world, Deed::Deliver(0, 1));
            now(world, Deed::Older(0));
            minutes(world, 2);
        },
    },
    Scenario {
        name: "an account of a domain is renamed",
        nature: || Nature { domain: true, ..kind() },
        before: |world| {
            let person = world.add_member();
            now(world, Deed::Authorize(true));
            now(world, Deed::Delegate(person));
            // Until the token that it was given is as good as over.
            minutes(world, 56);
        },
        script: |world| {
            now(world, Deed::Rename(0));
            now(world, Deed::Deliver(0, 1));
            // Paused, until the operator connects the new address when everybody heals.
            minutes(world, 6);
        },
    },
    Scenario {
        name: "an account is disabled and enabled again",
        nature: kind,
        before: connected,
        script: |world| {
            let at = world.now();
            now(world, Deed::Revoke(0, google_sim::grants::Cause::AccountDisabled));
            now(world, Deed::Tell(0, EventKind::AccountDisabled, at));
            minutes(world, 1);
            let at = world.now();
            now(world, Deed::Enable(0));
            now(world, Deed::Tell(0, EventKind::AccountEnabled, at));
            now(world, Deed::Deliver(0, 1));
            minutes(world, 6);
        },
    },
    Scenario {
        name: "what is stored is judged anew",
        nature: kind,
        before: with_two_results,
        script: judged_anew,
    },
    Scenario {
        name: "what was announced is announced again",
        nature: kind,
        before: with_two_results,
        script: announced_again,
    },
    Scenario {
        name: "packs are announced again",
        nature: packing,
        before: with_two_results,
        script: announced_again,
    },
    Scenario {
        name: "a rule labels, forwards and tells",
        nature: || {
            let mut nature = kind();
            nature.act();
            nature
        },
        before: connected,
        script: |world| {
            now(world, Deed::Deliver(0, 1));
            // Whoever died while a forward was intended is followed up after two minutes.
            minutes(world, 9);
        },
    },
    Scenario {
        name: "results in packs",
        nature: packing,
        before: connected,
        script: |world| {
            now(world, Deed::Deliver(0, 2));
            now(world, Deed::Sync(0));
            minutes(world, 1);
        },
    },
    Scenario {
        name: "packs are judged anew",
        nature: packing,
        before: with_two_results,
        script: judged_anew,
    },
    Scenario {
        name: "what failed is sent round by an order",
        nature: kind,
        before: |world| {
            connected(world);
            two_are_parked(world, FaultKind::BadRequest);
        },
        script: |world| {
            now(world, Deed::ReplayAll);
            // Whoever died with it is given up after a minute, and another goes on.
            minutes(world, 2);
            now(world, Deed::ReplayAll);
            minutes(world, 1);
        },
    },
    Scenario {
        name: "what is known to pass is parked",
        nature: kind,
        before: connected,
        script: |world| two_are_parked(world, FaultKind::DailyLimitExceeded),
    },
    Scenario {
        name: "what is known to pass goes round by itself",
        nature: kind,
        before: |world| {
            connected(world);
            two_are_parked(world, FaultKind::DailyLimitExceeded);
            minutes(world, 58);
        },
        script: |world| {
            minutes(world, 2);
            now(world, Deed::Sync(0));
            minutes(world, 1);
        },
    },
    Scenario {
        name: "what nothing stands behind is sent again",
        nature: kind,
        before: |world| {
            connected(world);
            now(world, Deed::Weather(Some(Method::MessagesGet), FaultKind::Unavailable, 100));
            now(world, Deed::Deliver(0, 2));
            now(world, Deed::Sync(0));
            minutes(world, 1);
            now(world, Deed::Clear);
        },
        script: |world| {
            now(world, Deed::Audit(Duration::ZERO));
            minutes(world, 1);
            now(world, Deed::Audit(Duration::ZERO));
            minutes(world, 1);
        },
    },
    Scenario {
        name: "keys are rotated",
        nature: kind,
        before: |world| {
            connected(world);
            connected(world);
        },
        script: |world| {
            now(world, Deed::Rotate);
            now(world, Deed::Deliver(0, 1));
            now(world, Deed::Sync(0));
            minutes(world, 6);
        },
    },
];
