//! A seed's bad days: which faults there are and how often, what people do and when, all drawn from the seed.

mod apart;

use std::sync::atomic::Ordering;
use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::grants::Cause;
use google_sim::methods::Method;
use shared::clock::{Chance, Timestamp};
use shared::settings::{Backfill, ResultsFormat};

use self::apart::Apart;
use crate::deeds::Deed;
use crate::fate::{Climate, Plan};
use crate::queue::Nastiness;
use crate::world::{Nature, World};

/// How large the days are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// At least so many people, and up to as many more.
    pub people: usize,
    /// At least so many messages each.
    pub messages: usize,
    /// At least so long, and up to as long again.
    pub time: Duration,
    /// Records received at most, before the days are over.
    pub deliveries: usize,
}

impl Size {
    /// For thousands of seeds.
    pub const SMALL: Self =
        Self { people: 5, messages: 14, time: Duration::from_hours(3), deliveries: 500 };

    /// 50 mailboxes over 14 days.
    pub const LARGE: Self = Self {
        people: 50,
        messages: 40,
        time: Duration::from_hours(14 * 24),
        deliveries: 1_000_000,
    };
}

/// What Google's bad weather is made of. `None` is every method.
const WEATHER: [(Option<Method>, FaultKind); 25] = [
    (None, FaultKind::Unavailable),
    (None, FaultKind::InternalError),
    (None, FaultKind::Dropped),
    (None, FaultKind::Truncated),
    (None, FaultKind::WrongTypes),
    (None, FaultKind::Latency),
    (Some(Method::Token), FaultKind::Unavailable),
    (Some(Method::Token), FaultKind::TooManyRequests),
    (Some(Method::Token), FaultKind::InvalidClient),
    (Some(Method::Token), FaultKind::InvalidGrant),
    (Some(Method::Token), FaultKind::AdminPolicyEnforced),
    (Some(Method::Revoke), FaultKind::Unavailable),
    (Some(Method::HistoryList), FaultKind::NotFound),
    (Some(Method::HistoryList), FaultKind::AuthError),
    (Some(Method::HistoryList), FaultKind::BadRequest),
    (Some(Method::HistoryList), FaultKind::DomainPolicy),
    (Some(Method::HistoryList), FaultKind::FailedPrecondition),
    (Some(Method::MessagesGet), FaultKind::AuthError),
    (Some(Method::MessagesGet), FaultKind::Forbidden),
    (Some(Method::MessagesGet), FaultKind::RateLimitExceeded),
    (Some(Method::MessagesGet), FaultKind::RateLimitExceededWithoutTime),
    (Some(Method::MessagesGet), FaultKind::TooManyRequests),
    (Some(Method::MessagesGet), FaultKind::DailyLimitExceeded),
    (Some(Method::MessagesGet), FaultKind::AccessNotConfigured),
    (Some(Method::MessagesList), FaultKind::InsufficientPermissions),
];

const CAUSES: [Cause; 5] = [
    Cause::UserRevoked,
    Cause::PasswordChanged,
    Cause::TimeLimited,
    Cause::InvalidRapt,
    Cause::AccountDisabled,
];

/// Dice, and what is drawn with them.
struct Draw(Chance);

impl Draw {
    fn below(&self, count: usize) -> usize {
        usize::try_from(self.0.below(count as u64)).unwrap_or(0)
    }

    fn one_in(&self, count: u64) -> bool {
        self.0.below(count) == 0
    }

    fn of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Often nothing, sometimes a little, seldom much.
    fn share(&self) -> u64 {
        self.of(&[0, 0, 0, 20, 60, 200])
    }

    fn within(&self, from: Timestamp, length: Duration) -> Timestamp {
        from + Duration::from_millis(self.0.below(u64::try_from(length.as_millis()).unwrap_or(1)))
    }

    fn climate(&self) -> Climate {
        Climate {
            throttled: self.share(),
            unanswered: self.share(),
            full: self.share() / 4,
            refuses: self.share(),
            dies_before: self.share(),
            dies_after: self.share(),
            panics: self.share() / 4,
            freezes: self.share() / 4,
        }
    }

    fn nature(&self, seed: u64) -> Nature {
        let mut nature = Nature::kind(seed);
        nature.plan = Plan::Dice(self.climate());
        nature.nastiness = Nastiness {
            twice: self.of(&[0, 10, 50]),
            undead: self.of(&[0, 10, 50]),
            unordered: !self.one_in(4),
        };
        nature.interleaved = true;
        nature.limits.deaths = self.of(&[1, 2, 3, 20]);
        nature.largest_page = self.of(&[2, 5, 500]);
        nature.batches = [1 + self.below(10), 1 + self.below(3)];
        let settings = &mut nature.settings;
        settings.poll_interval_min = Duration::from_mins(5);
        settings.poll_interval_max = Duration::from_mins(self.of(&[5, 10, 20]));
        settings.max_users_per_invocation = self.of(&[2, 3, 10_000]);
        settings.max_message_bytes = 20_000;
        settings.backfill = self.of(&[0, 1, 2]).pick();
        nature
    }
}

trait PickBackfill {
    fn pick(self) -> Backfill;
}

impl PickBackfill for i32 {
    fn pick(self) -> Backfill {
        match self {
            0 => Backfill::None,
            1 => Backfill::All,
            _ => Backfill::Unread,
        }
    }
}

/// The world of a seed after its bad days, judged.
pub fn live(seed: u64, size: Size) -> World {
    let draw = Draw(Chance::seeded(seed.wrapping_mul(7919).wrapping_add(13)));
    let mut nature = draw.nature(seed);
    let apart = Apart::of(seed);
    nature.domain = apart.domain.is_some();
    if apart.acts.is_some() {
        nature.act();
    }
    if let Some(domain) = &apart.domain {
        nature.settings.features = domain.features();
    }
    nature.settings.results_index = apart.indexed;
    if apart.packed {
        nature.settings.results_format = ResultsFormat::Packed;
    }
    let mut world = World::new(nature);
    let time = size.time
        + Duration::from_millis(draw.0.below(u64::try_from(size.time.as_millis()).unwrap_or(1)));
    let end = world.now() + time;
    people(&mut world, &draw, &apart, size, time);
    weather(&mut world, &draw, time);
    let limit = size.deliveries;
    world.run_until(end, |world| world.deliveries.load(Ordering::Relaxed) >= limit);
    world.finish();
    world
}

fn people(world: &mut World, draw: &Draw, apart: &Apart, size: Size, time: Duration) {
    let start = world.now();
    if let Some(domain) = &apart.domain {
        domain.days(world, time);
    }
    if let Some(acts) = &apart.acts {
        acts.days(world, time);
    }
    if let Some(anew) = &apart.anew {
        anew.days(world, time);
    }
    for _ in 0..size.people + draw.below(size.people) {
        let domain = apart.domain.as_ref().filter(|domain| domain.has_another());
        let person = if domain.is_some() { world.add_member() } else { world.add_person() };
        // Mail from before.
        let before = draw.below(6);
        world.plan(start, Deed::Deliver(person, before));
        let connect = domain.map_or(Deed::Consent(person), |_| Deed::Delegate(person));
        world.plan(draw.within(start, time / 6), connect);
        let mut left = size.messages + draw.below(size.messages);
        while left > 0 {
            let burst = (1 + draw.below(4) * draw.below(4)).min(left);
            left -= burst;
            world.plan(draw.within(start, time), Deed::Deliver(person, burst));
        }
        if let Some(domain) = domain {
            domain.life(world, person, time);
        }
        if let Some(news) = &apart.news {
            news.life(world, person, time);
        }
        for deed in life(draw, person) {
            let at = draw.within(start, time);
            if let Some(news) = &apart.news {
                news.of(world, at, deed);
            }
            let deed = domain.map_or(deed, |domain| domain.instead_of(deed));
            world.plan(at, deed);
            // What a rotation must not undo comes just when it is under way.
            if matches!(deed, Deed::Consent(_)) && draw.one_in(4) {
                world.plan(at, Deed::Rotate);
            }
        }
    }
    // Also of what is only late: what is sent twice does no harm.
    let audit = Deed::Audit(Duration::from_hours(1));
    let operator = [Deed::ReplayAll, Deed::ReplayAll, Deed::Rotate, Deed::Rotate, audit];
    for deed in [Deed::Stray, Deed::Newer(0), Deed::Older(0)].into_iter().chain(operator) {
        if draw.one_in(3) {
            world.plan(draw.within(start, time), deed);
        }
    }
}

/// What happens to one mailbox beside mail.
fn life(draw: &Draw, person: usize) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut perhaps = |odds: u64, deed: Deed| {
        if draw.one_in(odds) {
            deeds.push(deed);
        }
    };
    perhaps(2, Deed::Delete(person));
    perhaps(2, Deed::Relabel(person));
    perhaps(3, Deed::Forget(person));
    perhaps(3, Deed::Revoke(person, draw.of(&CAUSES)));
    perhaps(3, Deed::Consent(person));
    perhaps(3, Deed::Consent(person));
    perhaps(6, Deed::Disconnect(person));
    perhaps(6, Deed::Purge(person));
    perhaps(6, Deed::Pause(person));
    perhaps(6, Deed::Resume(person));
    perhaps(4, Deed::Sync(person));
    perhaps(8, Deed::DeliverLarge(person));
    perhaps(20, Deed::DeliverCursed(person));
    deeds
}

/// Some hours of this and that.
fn weather(world: &mut World, draw: &Draw, time: Duration) {
    let start = world.now();
    for _ in 0..draw.below(5) {
        let (method, kind) = draw.of(&WEATHER);
        let percent = draw.of(&[2, 5, 20, 60]);
        let begins = draw.within(start, time);
        world.plan(begins, Deed::Weather(method, kind, percent));
        world.plan(draw.within(begins, time / 4), Deed::Clear);
    }
}

/// A world in which Gmail refuses every token, and for a day and more there is no other to be had.
pub fn drought(seed: u64) -> World {
    let draw = Draw(Chance::seeded(seed));
    let mut nature = draw.nature(seed);
    nature.settings.poll_interval_max = Duration::from_mins(40);
    // A postponed job that is delivered twice, or whose worker dies at the wrong moment, is two from then on. At the
    // rates of a bad day the hundred and fifty turns of a day would make thousands of it.
    let climate = Climate { throttled: 20, unanswered: 5, dies_before: 10, ..Climate::default() };
    nature.plan = Plan::Dice(climate);
    nature.nastiness = Nastiness { twice: 1, undead: 1, unordered: true };
    let mut world = World::new(nature);
    let person = world.add_person();
    let start = world.now();
    world.plan(start, Deed::Consent(person));
    let refused = (Some(Method::MessagesGet), FaultKind::AuthError);
    let unavailable = (Some(Method::Token), FaultKind::Unavailable);
    let begins = start + Duration::from_mins(20);
    for (method, kind) in [refused, unavailable] {
        world.plan(begins, Deed::Weather(method, kind, 100));
    }
    world.plan(begins, Deed::Deliver(person, 3));
    world.run_until(begins + Duration::from_hours(26), |_| false);
    world.finish();
    world
}
