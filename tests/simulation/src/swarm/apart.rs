//! What only some seeds have, a third of them each, and of each third one in four packs. It is drawn apart, so that the other seeds live as they would without.

use std::collections::BTreeSet;
use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::grants::Cause;
use google_sim::methods::Method;
use shared::clock::{Chance, Timestamp};
use shared::google::security_event::EventKind;
use shared::scope::Feature;

use super::Draw;
use crate::deeds::Deed;
use crate::world::World;

/// What this seed has.
pub(super) struct Apart {
    pub(super) domain: Option<Domain>,
    pub(super) news: Option<News>,
    pub(super) anew: Option<Anew>,
    /// A sixth have rules that act.
    pub(super) acts: Option<Acts>,
    /// Whether results are noted in the index.
    pub(super) indexed: bool,
    /// Whether results are stored in packs.
    pub(super) packed: bool,
}

impl Apart {
    pub(super) fn of(seed: u64) -> Self {
        let draw = || Draw(Chance::seeded(seed.wrapping_mul(6151).wrapping_add(7)));
        let (indexed, packed) = (seed / 3 % 4 >= 2, seed / 3 % 4 == 3);
        let nothing = Self { domain: None, news: None, anew: None, acts: None, indexed, packed };
        match seed % 3 {
            0 => Self { domain: Some(Domain(draw())), ..nothing },
            1 => {
                let acts = (seed % 2 == 1).then(|| Acts(draw()));
                Self { news: Some(News(draw())), acts, ..nothing }
            }
            _ => Self { anew: Some(Anew(draw())), ..nothing },
        }
    }
}

/// What Gmail does to those who change something in it.
const AGAINST_ACTIONS: [(Method, FaultKind); 6] = [
    (Method::MessagesModify, FaultKind::InsufficientPermissions),
    (Method::MessagesModify, FaultKind::RateLimitExceeded),
    (Method::MessagesSend, FaultKind::Dropped),
    (Method::MessagesSend, FaultKind::Unavailable),
    (Method::MessagesSend, FaultKind::AuthError),
    (Method::LabelsCreate, FaultKind::BadRequest),
];

/// Rules that have something done with each message.
pub(super) struct Acts(Draw);

impl Acts {
    pub(super) fn days(&self, world: &mut World, time: Duration) {
        let Self(draw) = self;
        let start = world.now();
        for _ in 0..=draw.below(3) {
            let at = draw.within(start, time);
            let (method, kind) = draw.of(&AGAINST_ACTIONS);
            world.plan(at, Deed::Weather(Some(method), kind, 50));
            world.plan(draw.within(at, time / 4), Deed::Clear);
        }
    }
}

/// An operator who has everything judged anew, again and again, and announced again.
pub(super) struct Anew(Draw);

impl Anew {
    pub(super) fn days(&self, world: &mut World, time: Duration) {
        let Self(draw) = self;
        let start = world.now();
        for _ in 0..=draw.below(4) {
            let at = draw.within(start, time);
            world.plan(at, Deed::Reclassify);
            // A second operator, or the same one who has lost patience.
            if draw.one_in(3) {
                world.plan(draw.within(at, Duration::from_mins(10)), Deed::Reclassify);
            }
        }
        // And to have announced again what somebody has missed.
        for _ in 0..=draw.below(2) {
            world.plan(draw.within(start, time), Deed::AnnounceAgain);
        }
    }
}

/// A Workspace domain.
pub(super) struct Domain(Draw);

impl Domain {
    pub(super) fn features(&self) -> BTreeSet<Feature> {
        self.0.one_in(2).then_some(Feature::Labels).into_iter().collect()
    }

    /// Whether the next person is one of its members.
    pub(super) fn has_another(&self) -> bool {
        self.0.one_in(2)
    }

    /// What its administrator does to all of it, and Google to our service account.
    pub(super) fn days(&self, world: &mut World, time: Duration) {
        let Self(draw) = self;
        let start = world.now();
        world.plan(start, Deed::Authorize(draw.one_in(2)));
        if draw.one_in(2) {
            let at = draw.within(start, time);
            world.plan(at, Deed::Withdraw);
            world.plan(draw.within(at, time / 2), Deed::Authorize(draw.one_in(2)));
        }
        if draw.one_in(3) {
            let at = draw.within(start, time);
            world.plan(at, Deed::ServiceAccount(false));
            world.plan(draw.within(at, time / 3), Deed::ServiceAccount(true));
        }
    }

    /// What happens to a member beside what happens to anybody.
    pub(super) fn life(&self, world: &mut World, person: usize, time: Duration) {
        let Self(draw) = self;
        let start = world.now();
        if draw.one_in(3) {
            let at = draw.within(start, time);
            world.plan(at, Deed::Rename(person));
            world.plan(draw.within(at, time / 2), Deed::Delegate(person));
        }
        if draw.one_in(3) {
            world.plan(draw.within(start, time), Deed::Delegate(person));
        }
    }

    /// Most of its members are never asked; an operator resumes whom he finds paused.
    pub(super) fn instead_of(&self, deed: Deed) -> Deed {
        if let Deed::Consent(person) = deed
            && !self.0.one_in(4)
        {
            return Deed::Resume(person);
        }
        deed
    }
}

/// What Google says of accounts.
pub(super) struct News(Draw);

impl News {
    /// What Google does to one account, and what it says without a cause that we would see.
    pub(super) fn life(&self, world: &mut World, person: usize, time: Duration) {
        let Self(draw) = self;
        let start = world.now();
        if draw.one_in(3) {
            let at = draw.within(start, time);
            world.plan(at, Deed::Disable(person));
            world.plan(draw.within(at, time / 2), Deed::Enable(person));
        }
        if draw.one_in(3) {
            let at = draw.within(start, time);
            let harmless = [EventKind::SessionsRevoked, EventKind::CredentialChangeRequired];
            world.plan(at, Deed::Tell(person, draw.of(&harmless), at));
        }
    }

    /// Google says what it has done, most of the time.
    pub(super) fn of(&self, world: &mut World, at: Timestamp, deed: Deed) {
        let Self(draw) = self;
        let Deed::Revoke(person, cause) = deed else { return };
        let what = match cause {
            Cause::UserRevoked => draw.of(&[EventKind::TokensRevoked, EventKind::TokenRevoked]),
            Cause::PasswordChanged => EventKind::SessionsRevoked,
            Cause::AccountDisabled => EventKind::AccountDisabled,
            Cause::Unused
            | Cause::Crowded
            | Cause::TimeLimited
            | Cause::Testing
            | Cause::AdminRestricted
            | Cause::InvalidRapt
            | Cause::AccountDeleted => return,
        };
        if !draw.one_in(4) {
            world.plan(draw.within(at, Duration::from_mins(10)), Deed::Tell(person, what, at));
        }
    }
}
