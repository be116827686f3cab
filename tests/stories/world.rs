//! A world: stages, stores, Google, and a clock that the story moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dead_letter::links::Links;
use dispatcher::RunState;
use google_sim::in_process::InProcess;
use google_sim::scopes::Scopes;
use google_sim::{Delivery, Google, GoogleConfig};
use message_processor::Book;
use oauth_callback::after_consent::{Given, after_consent};
use shared::breaker::Limits;
use shared::clock::{Chance, Clock, Timestamp};
use shared::connect_link::LinkSigning;
use shared::google::{Delegation, Gmail, GmailChanges, OAuth};
use shared::ids::{MessageId, UserId};
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::{Consent, StageName};
use shared::mailbox::AccessBy;
use shared::queue::{Queue, RUN_LIMIT, Record};
use shared::sealing::{SealedFor, TokenKind};
use shared::settings::{Env, Settings};
use shared::store::Write;
use shared::webhook::Webhooks;
use shared::webhook::memory::MemoryWebhooks;

use simulation::hand::Hand;
use simulation::stages::Stages;
use simulation::stores::Stores;
use simulation::watched::{Timetable, Watched};

use super::backend::Backend;
use super::effects::Effects;

/// The mailbox that most stories are about.
pub(crate) const ADA: &str = "ada@example.com";

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// Where people come back to.
pub(crate) const PAGES: &str = "http://127.0.0.1:8080/oauth2callback";

/// What cookies and links are made under.
pub(crate) const WEB_KEY: [u8; 32] = [7; 32];

/// Between two rounds of the dispatcher.
pub(crate) const TICK: Duration = Duration::from_mins(5);

/// What the service asks for.
const SCOPES: &str = "openid email https://www.googleapis.com/auth/gmail.readonly";

/// Whatever does not come to rest within this does not come to rest.
const PATIENCE: Duration = Duration::from_hours(72);

/// Records taken at once, as on one machine.
const USER_JOBS: usize = 10;
const MESSAGE_JOBS: usize = 2;

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) google: Google,
    /// The service account, where the story has one.
    pub(crate) delegation: Option<Arc<dyn Delegation>>,
    pub(crate) effects: Effects,
    /// The operator's, where the story has any.
    pub(crate) rules: Book,
    /// Where programs are told.
    pub(crate) webhooks: Arc<MemoryWebhooks>,
    pub(crate) settings: Settings,
    /// Whether people are told by mail.
    pub(crate) writes: bool,
    /// As the stages have them.
    pub(crate) stores: Stores,
    /// As the story looks at them.
    pub(crate) backend: Backend,
    timetable: Timetable,
    /// When the dispatcher runs next.
    tick: AtomicI64,
}

impl World {
    pub(crate) async fn over<B: Future<Output = Backend>>(
        backend: impl FnOnce(Clock) -> B,
    ) -> Self {
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let backend = backend(clock.clone()).await;
        let (effects, timetable) = (Effects::default(), Timetable::default());
        let hand: Arc<dyn Hand> = Arc::new(effects.clone());
        let mut env = Env::new(&|_| None);
        Self {
            rules: Book::default(),
            webhooks: Arc::default(),
            settings: Settings::read(&mut env),
            writes: true,
            stores: backend.stores.watched(&hand, &clock, &timetable),
            google: Google::new(GoogleConfig::new(clock.clone(), Chance::seeded(2))),
            delegation: None,
            chance: Chance::seeded(3),
            tick: AtomicI64::new((clock.now() + TICK).millis()),
            clock,
            effects,
            backend,
            timetable,
        }
    }

    /// The production stages over the watched stores and Google, as they are set now.
    pub(crate) fn stages(&self) -> Stages {
        let redirect_uri = PAGES.to_owned();
        let face = Arc::new(InProcess { google: self.google.clone(), redirect_uri });
        let (gmail, oauth): (Arc<dyn Gmail>, Arc<dyn OAuth>) = (face.clone(), face.clone());
        let changes: Arc<dyn GmailChanges> = face;
        let webhooks: Arc<dyn Webhooks> = self.webhooks.clone();
        let hand: Arc<dyn Hand> = Arc::new(self.effects.clone());
        Stages {
            stores: self.stores.clone(),
            gmail: Arc::new(Watched { inner: gmail, hand: hand.clone() }),
            changes: Arc::new(Watched { inner: changes, hand: hand.clone() }),
            webhooks: Some(Arc::new(Watched { inner: webhooks, hand: hand.clone() })),
            delegation: self.delegation.clone().map(|inner| -> Arc<dyn Delegation> {
                Arc::new(Watched { inner, hand: hand.clone() })
            }),
            oauth: Arc::new(Watched { inner: oauth, hand }),
            rules: self.rules.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            limits: Limits::default(),
            links: Links::new(PAGES.to_owned(), LinkSigning::new(&WEB_KEY)),
            writes: self.writes,
            segments: 1,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// A person consents, and the callback stores it, for the life that the row is in.
    pub(crate) async fn consent(&self, email: &str) -> UserId {
        let account = self.google.add_mailbox(email, "Somebody");
        let features = self.settings.features.iter().map(|feature| feature.scope().address());
        let scopes: Vec<&str> = std::iter::once(SCOPES).chain(features).collect();
        let tokens = self.google.consent(&account, Scopes::parse(&scopes.join(" ")).unwrap());
        let (user, now): (UserId, _) = (account.sub.parse().unwrap(), self.now());
        // Not watched: what strikes is meant for the stages.
        let mailboxes = &self.backend.stores.mailboxes;
        let row = mailboxes.get(&user).await.unwrap();
        let (given, backfill) = (Given::RefreshToken, &self.settings.backfill);
        let next = after_consent(row.as_ref(), &user, None, given, backfill, now).unwrap();
        let life = SealedFor { user: &user, epoch: next.epoch, kind: TokenKind::Refresh };
        let token = tokens.refresh_token.unwrap();
        let consent = Consent {
            user_id: user.clone(),
            read: next.read,
            epoch: next.epoch,
            grant: next.grant,
            new_life: next.new_life,
            email: email.to_owned(),
            access: AccessBy::Consent,
            refresh_token: Some(self.stores.sealing.seal(life, &token).await.unwrap()),
            scopes: tokens.scopes.names().map(str::to_owned).collect(),
            at: now,
            reference: None,
            owed: next.owed,
        };
        assert_eq!(mailboxes.connect(consent).await.unwrap(), Write::Applied);
        self.ask(&user, UserJobKind::Sync, Cause::Connect).await;
        user
    }

    /// A person connects a mailbox, and everything that follows from it has been done.
    pub(crate) async fn connect(&self, email: &str) -> UserId {
        let user = self.consent(email).await;
        self.rest().await;
        user
    }

    /// Sends a job about a mailbox, in the life it is in.
    pub(crate) async fn ask(&self, user: &UserId, kind: UserJobKind, cause: Cause) {
        let mailbox = self.backend.stores.mailboxes.get(user).await.unwrap().unwrap();
        let header = JobHeader::new(user.clone(), mailbox.epoch, self.now(), &self.chance);
        let job = UserJob { header, kind, cause };
        intake::send(&*self.backend.stores.user_jobs, &[job], self.now()).await.unwrap();
    }

    /// A message arrives in the inbox.
    pub(crate) fn deliver(&self, email: &str, subject: &str) -> MessageId {
        self.google.deliver(email, mail(subject)).unwrap()
    }

    /// A message arrives with these labels.
    pub(crate) fn deliver_labelled(&self, email: &str, labels: &[&str]) -> MessageId {
        let how = Delivery { labels: Some(labels), date: None };
        self.google.deliver_as(email, mail(&labels.join(" ")), how).unwrap()
    }

    /// `count` messages arrive at once.
    pub(crate) fn deliver_many(&self, email: &str, count: usize) -> Vec<MessageId> {
        (0..count).map(|number| self.deliver(email, &format!("Number {number}"))).collect()
    }

    /// The next tick of the dispatcher, and everything that follows from it.
    pub(crate) async fn poll(&self) {
        self.pass(self.next_tick().since(self.now()));
        self.round().await;
        self.rest().await;
    }

    fn next_tick(&self) -> Timestamp {
        Timestamp::from_millis(self.tick.load(Ordering::Relaxed))
    }

    /// One round of the dispatcher, however many runs it takes.
    pub(crate) async fn round(&self) {
        self.tick.store((self.now() + TICK).millis(), Ordering::Relaxed);
        let dispatcher = self.stages().dispatcher();
        while let Some(run) = self.effects.alive(dispatcher.run(self.now() + RUN_LIMIT)).await {
            if run.unwrap().state != RunState::Unfinished {
                return;
            }
        }
    }

    /// Serves every queue until nothing is left in any, moving the clock on when everything that is left is hidden.
    pub(crate) async fn rest(&self) {
        let (limit, mut steps) = (self.now() + PATIENCE, 0);
        while self.is_at_work().await {
            assert!(self.now() < limit, "no rest is to be had");
            steps += 1;
            assert!(steps < 10_000, "no rest is to be had at {}", self.now());
            if !self.serve().await {
                let next = self.timetable.after(self.now()).expect("hidden work shows some time");
                self.pass(next.since(self.now()));
            }
        }
    }

    /// Serves every queue for so long, with the dispatcher's rounds in between.
    pub(crate) async fn live_for(&self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            let tick = self.next_tick();
            if tick <= self.now() {
                self.round().await;
            } else if !self.serve().await {
                let next = self.timetable.after(self.now()).map_or(tick, |next| next.min(tick));
                self.pass(next.min(end).since(self.now()));
            }
        }
    }

    /// Serves what can be received now, in every queue once; `false` when there was nothing.
    pub(crate) async fn serve(&self) -> bool {
        let worked = [
            self.serve_users().await,
            self.serve_messages().await,
            self.serve_desk().await,
            self.serve_dead(&self.stores.dead_message_jobs, StageName::MessageProcessor).await,
        ];
        worked.contains(&true)
    }

    pub(crate) async fn serve_users(&self) -> bool {
        let stages = self.stages();
        let (intake, worker) = (stages.intake(StageName::UserWorker), stages.user_worker());
        self.serve_from(&self.stores.user_jobs, USER_JOBS, async |records| {
            intake.serve(records, |job, attempt| worker.handle(job, attempt)).await
        })
        .await
    }

    pub(crate) async fn serve_messages(&self) -> bool {
        let stages = self.stages();
        let stage = stages.message_processor();
        let intake = stages.intake(StageName::MessageProcessor);
        self.serve_from(&self.stores.message_jobs, MESSAGE_JOBS, async |records| {
            intake.serve(records, |job, attempt| stage.handle(job, attempt)).await
        })
        .await
    }

    /// The dead-letter desk of the user-worker.
    pub(crate) async fn serve_desk(&self) -> bool {
        self.serve_dead(&self.stores.dead_user_jobs, StageName::UserWorker).await
    }

    async fn serve_dead(&self, queue: &Arc<dyn Queue>, stage: StageName) -> bool {
        let desk = self.stages().dead_letter();
        self.serve_from(queue, 10, async |records| desk.drain(stage, records).await).await
    }

    /// One batch of one consumer, which may die of it.
    async fn serve_from(
        &self,
        queue: &Arc<dyn Queue>,
        batch: usize,
        serve: impl AsyncFn(Vec<Record>) -> intake::BatchAnswer,
    ) -> bool {
        let process = async {
            let Ok(records) = queue.receive(batch, Duration::ZERO).await else { return true };
            if records.is_empty() {
                return false;
            }
            let answer = serve(records).await;
            // Not deleted means seen again.
            let _ = queue.delete(&answer.finished).await;
            true
        };
        self.effects.alive(process).await.unwrap_or(true)
    }

    async fn is_at_work(&self) -> bool {
        let Stores { user_jobs, message_jobs, dead_user_jobs, dead_message_jobs, .. } =
            &self.backend.stores;
        let mut held = 0;
        for queue in [user_jobs, message_jobs, dead_user_jobs, dead_message_jobs] {
            held += queue.depth().await.unwrap().total();
        }
        held > 0
    }
}

/// A small message between two people.
pub(crate) fn mail(subject: &str) -> String {
    format!(
        "From: Bob <bob@example.org>\r\nTo: ada@example.com\r\nSubject: {subject}\r\n\
         Date: Fri, 1 May 2026 12:00:00 +0000\r\nMessage-ID: <{}@example.org>\r\n\r\n\
         Dear Ada, shall we have lunch on Monday? Bob\r\n",
        subject.replace(' ', "-")
    )
}
