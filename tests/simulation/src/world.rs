//! A world: the production stages, Google, people, and a clock that moves when nobody has anything to do.

use std::sync::Arc;
use std::time::Duration;

use dead_letter::links::Links;
use google_sim::in_process::InProcess;
use google_sim::{Google, GoogleConfig};
use message_processor::Book;
use shared::archive::memory::MemoryArchive;
use shared::breaker::Limits;
use shared::clock::{Chance, Clock, Timestamp};
use shared::connect_link::LinkSigning;
use shared::google::{Delegation, Gmail, GmailChanges, OAuth};
use shared::ids::{MessageId, UserId};
use shared::ledger::Mailboxes;
use shared::ledger::memory::MemoryLedger;
use shared::mailbox::Mailbox;
use shared::scope::Feature;
use shared::sealing::memory::MemorySealing;
use shared::settings::{Env, Settings};
use shared::webhook::Webhooks;

use crate::actions::Receiver;
use crate::deeds::{Calendar, Deed};
use crate::domain::{WitnessedDelegation, service_account};
use crate::fate::{Fate, Plan};
use crate::google::Witnessed;
use crate::hand::Hand;
use crate::outside::{Post, Shelf, Topic};
use crate::processes::Processes;
use crate::queue::{Nastiness, NastyQueue};
use crate::stages::Stages;
use crate::stores::Stores;
use crate::watched::{Timetable, Watched};
use crate::witness::Witness;

/// Between two ticks of the dispatcher's schedule.
pub const TICK: Duration = Duration::from_mins(5);

/// The moment at which every world begins.
const START: &str = "2026-05-01T12:00:00Z";

/// Where people come back to, and what links to there are signed under.
const PAGES: &str = "https://fanmail.example.org/oauth2callback";
const WEB_KEY: [u8; 32] = [7; 32];

/// How a world is made.
pub struct Nature {
    /// Everything that is drawn is drawn from this.
    pub seed: u64,
    /// What happens to calls.
    pub plan: Plan,
    /// What happens to records.
    pub nastiness: Nastiness,
    /// Whether any process may go next, or each runs to its end.
    pub interleaved: bool,
    /// How the stages are set.
    pub settings: Settings,
    /// When the fleet breaker opens.
    pub limits: Limits,
    /// The largest page that Gmail gives.
    pub largest_page: usize,
    /// Records taken at once: user jobs, message jobs.
    pub batches: [usize; 2],
    /// Whether there is a Workspace domain, and a service account of ours.
    pub domain: bool,
    /// The operator's.
    pub rules: Book,
}

impl Nature {
    /// The kindest nature: nothing happens, one after the other, as set by default.
    pub fn kind(seed: u64) -> Self {
        Self {
            seed,
            plan: Plan::Calm,
            nastiness: Nastiness::default(),
            interleaved: false,
            settings: Settings::read(&mut Env::new(&|_| None)),
            limits: Limits::default(),
            largest_page: 500,
            batches: [10, 2],
            domain: false,
            rules: Book::default(),
        }
    }
}

impl Nature {
    /// Has rules act on every message.
    pub fn act(&mut self) {
        self.rules = Book::of(crate::actions::rules());
        self.settings.features = Feature::ALL.iter().copied().collect();
        self.settings.forward_targets = crate::actions::targets();
    }
}

/// The four queues, as the world itself sees them.
pub struct Queues {
    pub user_jobs: Arc<NastyQueue>,
    pub message_jobs: Arc<NastyQueue>,
    pub dead_user_jobs: Arc<NastyQueue>,
    pub dead_message_jobs: Arc<NastyQueue>,
}

impl Queues {
    fn new(fate: &Arc<Fate>, clock: &Clock, chance: &Chance) -> Self {
        let queue = |dead| Arc::new(NastyQueue::new(fate, clock, chance, dead));
        let (dead_user_jobs, dead_message_jobs) = (queue(None), queue(None));
        Self {
            user_jobs: queue(Some(dead_user_jobs.clone())),
            message_jobs: queue(Some(dead_message_jobs.clone())),
            dead_user_jobs,
            dead_message_jobs,
        }
    }

    /// All of them.
    pub fn all(&self) -> [&Arc<NastyQueue>; 4] {
        [&self.user_jobs, &self.message_jobs, &self.dead_user_jobs, &self.dead_message_jobs]
    }

    /// How bad they are from now on.
    pub fn set(&self, nastiness: Nastiness) {
        self.all().into_iter().for_each(|queue| queue.set(nastiness));
    }

    /// When the next record can be received.
    pub fn next(&self) -> Option<Timestamp> {
        self.all().into_iter().filter_map(|queue| queue.next()).min()
    }
}

/// One world.
pub struct World {
    pub clock: Clock,
    /// The world's own dice: who goes next, what people do.
    pub chance: Chance,
    pub google: Google,
    pub fate: Arc<Fate>,
    pub witness: Arc<Witness>,
    pub ledger: Arc<MemoryLedger>,
    pub archive: Arc<Shelf>,
    pub sealing: Arc<MemorySealing>,
    pub queues: Queues,
    /// The stages, whose every call is in the hand of fate.
    pub stages: Stages,
    pub(crate) calendar: Calendar,
    pub(crate) processes: Processes,
    /// When the schedule starts the dispatcher next.
    pub(crate) tick: Timestamp,
    /// The accounts there are.
    pub people: Vec<(String, UserId)>,
    /// Messages whose fetching kills.
    pub(crate) cursed: std::collections::BTreeSet<MessageId>,
    pub(crate) interleaved: bool,
    pub(crate) batches: [usize; 2],
    /// Records received so far.
    pub deliveries: Arc<std::sync::atomic::AtomicUsize>,
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(nature: Nature) -> Self {
        let start: Timestamp = START.parse().unwrap_or_default();
        let clock = Clock::manual(start);
        let dice = |salt: u64| Chance::seeded(nature.seed.wrapping_mul(16).wrapping_add(salt));
        let fate = Arc::new(Fate::new(clock.clone(), dice(1), nature.plan));
        let ledger = Arc::new(MemoryLedger::new());
        let witness = Arc::new(Witness::new(fate.clone(), ledger.clone()));
        let archive = Shelf { inner: MemoryArchive::new(), witness: witness.clone() };
        let archive = Arc::new(archive);
        let queues = Queues::new(&fate, &clock, &dice(2));
        queues.set(nature.nastiness);
        let sealing = Arc::new(MemorySealing::new(&dice(3)));
        let stores = stores(&ledger, &queues, &archive, &sealing, &witness);
        let hand: Arc<dyn Hand> = fate.clone();
        let google = google(&clock, dice(4), nature.largest_page);
        let client = InProcess { google: google.clone(), redirect_uri: String::new() };
        let seen = Arc::new(Witnessed { google: client, witness: witness.clone() });
        let (gmail, oauth): (Arc<dyn Gmail>, Arc<dyn OAuth>) = (seen.clone(), seen.clone());
        let changes: Arc<dyn GmailChanges> = seen;
        let receiver: Arc<dyn Webhooks> = Arc::new(Receiver(witness.clone()));
        let stages = Stages {
            stores: stores.watched(&hand, &clock, &Timetable::default()),
            gmail: Arc::new(Watched { inner: gmail, hand: hand.clone() }),
            changes: Arc::new(Watched { inner: changes, hand: hand.clone() }),
            webhooks: Some(Arc::new(Watched { inner: receiver, hand: hand.clone() })),
            delegation: nature.domain.then(|| delegation(&google, &witness, &hand)).flatten(),
            oauth: Arc::new(Watched { inner: oauth, hand }),
            rules: nature.rules,
            settings: nature.settings,
            clock: clock.clone(),
            chance: dice(5),
            limits: nature.limits,
            links: Links::new(PAGES.to_owned(), LinkSigning::new(&WEB_KEY)),
            writes: true,
            segments: 2,
        };
        Self {
            chance: dice(6),
            google,
            fate,
            witness,
            ledger,
            archive,
            sealing,
            queues,
            stages,
            calendar: Calendar::default(),
            processes: Processes::default(),
            tick: start + TICK,
            people: Vec::new(),
            cursed: std::collections::BTreeSet::new(),
            interleaved: nature.interleaved,
            batches: nature.batches,
            deliveries: Arc::default(),
            clock,
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number in `0..count`.
    pub fn below(&self, count: usize) -> usize {
        usize::try_from(self.chance.below(count as u64)).unwrap_or(0)
    }

    /// Puts something into the calendar.
    pub fn plan(&mut self, at: Timestamp, deed: Deed) {
        self.calendar.add(at, deed);
    }

    /// The row of an account.
    pub fn row(&self, user: &UserId) -> Option<Mailbox> {
        crate::at_once(self.ledger.get(user)).and_then(Result::ok).flatten()
    }

    /// Every row.
    pub fn rows(&self) -> Vec<Mailbox> {
        self.people.iter().filter_map(|(_, user)| self.row(user)).collect()
    }
}

/// What stands behind the hand.
fn stores(
    ledger: &Arc<MemoryLedger>,
    queues: &Queues,
    archive: &Arc<Shelf>,
    sealing: &Arc<MemorySealing>,
    witness: &Arc<Witness>,
) -> Stores {
    Stores {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        index: ledger.clone(),
        user_jobs: queues.user_jobs.clone(),
        dead_user_jobs: queues.dead_user_jobs.clone(),
        message_jobs: queues.message_jobs.clone(),
        dead_message_jobs: queues.dead_message_jobs.clone(),
        archive: archive.clone(),
        events: Arc::new(Topic::new(witness.clone(), archive.clone())),
        mailer: Arc::new(Post::new(witness.clone(), LinkSigning::new(&WEB_KEY))),
        sealing: sealing.clone(),
    }
}

fn delegation(
    google: &Google,
    witness: &Arc<Witness>,
    hand: &Arc<dyn Hand>,
) -> Option<Arc<dyn Delegation>> {
    let google = service_account(google)?;
    let inner: Arc<dyn Delegation> =
        Arc::new(WitnessedDelegation { google, witness: witness.clone() });
    Some(Arc::new(Watched { inner, hand: hand.clone() }))
}

fn google(clock: &Clock, chance: Chance, largest_page: usize) -> Google {
    let mut config = GoogleConfig::new(clock.clone(), chance);
    config.largest_page = largest_page;
    Google::new(config)
}
