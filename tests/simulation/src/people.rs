//! People and operators at work: each a process of its own, which may die like any other.

use std::time::Duration;

use desk::audit::Scope as Marks;
use desk::orders::{Desk, Held, Refused};
use desk::plan::{Kind as Fate, Scope as Letters};
use google_sim::in_process::InProcess;
use google_sim::scopes::Scopes;
use message_processor::announce_again::{Asked, Outlet, Window};
use message_processor::reclassify::Scope;
use oauth_callback::after_consent::{Given, after_consent};
use shared::google::OAuth as _;
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::{Consent, LetterFilter};
use shared::mailbox::{AccessBy, Mailbox};
use shared::reason::{PauseReason, Reason};
use shared::rotation::{Rotation, not_under};
use shared::sealing::{SealedFor, TokenKind};
use shared::secret::RefreshToken;
use shared::store::Write;

use crate::deeds::Deed;
use crate::processes::Kind;
use crate::world::World;

/// Reading is what the person consents to.
const SCOPES: &str = "email https://www.googleapis.com/auth/gmail.readonly";

/// Messages in a second that go round again.
const RATE: u32 = 100;

/// How long a person waits before trying again what did not work.
const PERSON_WAITS: Duration = Duration::from_mins(3);

/// How far back the operator has events announced again.
const HOURS: Duration = Duration::from_hours(6);

impl World {
    /// A person consents: Google gives tokens, and the callback stores them as it does. What does not work is tried
    /// again.
    pub(crate) fn consent(&mut self, person: usize) {
        let (email, user) = self.people[person].clone();
        if self.google.is_disabled(&email).unwrap_or(true) {
            return;
        }
        let account = self.google.add_mailbox(&email, "Somebody");
        let features = self.stages.settings.features.iter();
        let features = features.map(|feature| feature.scope().address());
        let wanted: Vec<&str> = std::iter::once(SCOPES).chain(features).collect();
        let Ok(scopes) = Scopes::parse(&wanted.join(" ")) else { return };
        let tokens = self.google.consent(&account, scopes);
        let Some(token) = tokens.refresh_token else { return };
        let (stages, clock, chance) =
            (self.stages.clone(), self.clock.clone(), self.chance.clone());
        let witness = self.witness.clone();
        let stores = stages.stores.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let now = clock.now();
                for _ in 0..10 {
                    let Ok(row) = stores.mailboxes.get(&user).await else { return };
                    let given = Given::RefreshToken;
                    let backfill = &stages.settings.backfill;
                    let next = after_consent(row.as_ref(), &user, None, given, backfill, now);
                    let Ok(next) = next else { return };
                    let of = (user.clone(), next.epoch, next.grant);
                    witness.seen().refresh.insert(token.clone(), of);
                    let life =
                        SealedFor { user: &user, epoch: next.epoch, kind: TokenKind::Refresh };
                    let Ok(sealed) = stores.sealing.seal(life, &token).await else { return };
                    let epoch = next.epoch;
                    let consent = Consent {
                        user_id: user.clone(),
                        read: next.read,
                        epoch,
                        grant: next.grant,
                        new_life: next.new_life,
                        email: email.clone(),
                        access: AccessBy::Consent,
                        refresh_token: Some(sealed),
                        scopes: scopes.names().map(str::to_owned).collect(),
                        at: now,
                        reference: None,
                        owed: next.owed,
                    };
                    match stores.mailboxes.connect(consent).await {
                        Ok(Write::Stale) => {}
                        Err(_) => return,
                        Ok(Write::Applied) => {
                            let header = JobHeader::new(user.clone(), epoch, now, &chance);
                            let (kind, cause) = (UserJobKind::Sync, Cause::Connect);
                            let job = UserJob { header, kind, cause };
                            // The row owes it: the dispatcher sends it too.
                            let _ = intake::send(&*stores.user_jobs, &[job], now).await;
                            return;
                        }
                    }
                }
            }),
        );
    }

    /// The operator orders something for a mailbox that is connected.
    pub(crate) fn ask(&mut self, person: usize, kind: UserJobKind) {
        let user = self.people[person].1.clone();
        let (stores, clock, chance) =
            (self.stages.stores.clone(), self.clock.clone(), self.chance.clone());
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let Ok(Some(row)) = stores.mailboxes.get(&user).await else { return };
                let header = JobHeader::new(user, row.epoch, clock.now(), &chance);
                let job = UserJob { header, kind, cause: Cause::Manual };
                let _ = intake::send(&*stores.user_jobs, &[job], clock.now()).await;
            }),
        );
    }

    pub(crate) fn pause(&mut self, person: usize) {
        let user = self.people[person].1.clone();
        let stores = self.stages.stores.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let Ok(Some(row)) = stores.mailboxes.get(&user).await else { return };
                let _ = stores.mailboxes.pause(&user, row.epoch, PauseReason::Operator).await;
            }),
        );
    }

    pub(crate) fn resume(&mut self, person: usize) {
        let user = self.people[person].1.clone();
        let (stores, clock) = (self.stages.stores.clone(), self.clock.clone());
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let Ok(Some(row)) = stores.mailboxes.get(&user).await else { return };
                let Some(reason) = row.paused else { return };
                let _ = stores.mailboxes.resume(&user, row.epoch, reason, clock.now()).await;
            }),
        );
    }

    /// The operator rotates keys: one pass, which may die on the way.
    pub(crate) fn rotate(&mut self) {
        let new = self.sealing.turn(&self.chance);
        let rotation = Rotation {
            mailboxes: self.stages.stores.mailboxes.clone(),
            sealing: self.stages.stores.sealing.clone(),
            is_old: not_under(new),
        };
        let fate = self.fate.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                if let Ok(pass) = rotation.pass().await {
                    fate.note("sealed anew", format!("{pass:?}"));
                }
            }),
        );
    }

    /// The operator has everything judged anew: one run, which may die on the way.
    pub(crate) fn reclassify(&mut self) {
        self.witness.seen().reclassifications += 1;
        let reclassification = self.stages.reclassification();
        let fate = self.fate.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let ended = reclassification.apply(&Scope::default(), |_| {}).await;
                fate.note("judged anew", format!("{ended:?}"));
            }),
        );
    }

    /// The operator has announced again what was announced in the last hours, to everybody; which may die on the way.
    pub(crate) fn announce_again(&mut self) {
        let (replay, events) = (self.stages.event_replay(), self.stages.stores.events.clone());
        let (now, fate) = (self.now(), self.fate.clone());
        let (Ok(window), Ok(rate)) = (Window::between(now - HOURS, None, now), "1000/s".parse())
        else {
            return;
        };
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let asked = Asked { window, user: None, category: None, after: None };
                let outlet = Outlet { to: &*events, rate };
                let ended = replay.run(&asked, outlet, |_| {}).await;
                fate.note("announced again", format!("{ended:?}"));
            }),
        );
    }

    /// The operator at the desk, who goes on with what somebody left, sends round what is open, and gives up what no
    /// program can read. One who is killed leaves it to the next.
    pub(crate) fn replay_all(&mut self) {
        let (desk, fate) = (self.stages.desk(), self.fate.clone());
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let ended = at_the_desk(&desk).await;
                fate.note("at the desk", format!("{ended:?}"));
            }),
        );
    }

    /// The operator looks through all marks, and sends round what nothing stands behind.
    pub(crate) fn audit(&mut self, stale_after: Duration) {
        let (audit, again) = (self.stages.audit(), self.stages.again());
        let fate = self.fate.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                let scope = Marks { user: None, since: None, stale_after };
                let mut findings = Vec::new();
                if audit.run(&scope, |found| findings.extend(found.findings)).await.is_ok() {
                    let sent = again.send(&findings, |_, _| {}).await;
                    fate.note("audit", format!("{} found, {sent:?}", findings.len()));
                }
            }),
        );
    }

    /// People try again what did not work, once the sky is clear; those who disconnected stay away.
    pub(crate) fn everyone_heals(&mut self) {
        let soon = self.now() + PERSON_WAITS;
        self.authorize(true);
        for (person, (_, user)) in self.people.clone().iter().enumerate() {
            let Some(row) = self.row(user) else { continue };
            if row.disconnected_at.is_none() && row.needs_reauth.is_some() {
                self.plan(soon, Deed::Consent(person));
            }
            match row.paused {
                // Whoever has another address now is connected by it.
                Some(PauseReason::AddressGone) if row.disconnected_at.is_none() => {
                    self.plan(soon, Deed::Delegate(person));
                }
                Some(_) => self.plan(soon, Deed::Resume(person)),
                None => {}
            }
        }
    }

    /// Whether Google would still refresh a mailbox's present consent, asked behind everybody's back.
    pub(crate) fn grant_lives(&self, row: &Mailbox) -> bool {
        let consent = (row.user_id.clone(), row.epoch, row.grant);
        let tokens: Vec<String> = {
            let seen = self.witness.seen();
            let theirs = seen.refresh.iter().filter(|(_, of)| **of == consent);
            theirs.map(|(token, _)| token.clone()).collect()
        };
        let (google, redirect_uri) = (self.google.clone(), String::new());
        let face = InProcess { google, redirect_uri };
        tokens.into_iter().any(|token| {
            let token = RefreshToken::new(token);
            crate::at_once(face.refresh(&token)).is_some_and(|answer| answer.is_ok())
        })
    }
}

async fn at_the_desk(desk: &Desk) -> Result<u64, Refused> {
    let mut done = 0;
    if desk.current().await?.is_some() {
        match desk.resume().await? {
            (_, Some(held)) => done += carry_out(desk, held).await?,
            // Somebody is at it.
            (_, None) => return Ok(done),
        }
    }
    let hopeless = [Reason::Undecodable, Reason::NewerSchema, Reason::TooLarge];
    for reason in hopeless {
        let filter = LetterFilter { reason: Some(reason), ..LetterFilter::default() };
        done += order(desk, Fate::Discard, (filter, false)).await?;
    }
    done += order(desk, Fate::Discard, (LetterFilter::default(), true)).await?;
    done += order(desk, Fate::Replay, (LetterFilter::default(), false)).await?;
    Ok(done)
}

async fn order(
    desk: &Desk,
    kind: Fate,
    (filter, ended_only): (LetterFilter, bool),
) -> Result<u64, Refused> {
    let scope = Letters { jobs: vec![], filter, ended_only };
    if desk.plan(kind, &scope, RATE).await?.letters == 0 {
        return Ok(0);
    }
    let held = desk.begin(kind, scope, "operator", RATE).await?;
    carry_out(desk, held).await
}

async fn carry_out(desk: &Desk, held: Held) -> Result<u64, Refused> {
    let rest = desk.rest(&held).await?;
    Ok(desk.carry_out(held, rest, |_| {}).await?.counts.letters)
}
