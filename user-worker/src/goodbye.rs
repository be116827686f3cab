//! The end of a mailbox's life: one write, so that nothing new is begun; then revoke, purge, announce, and only then is
//! the debt cleared. What a crash leaves is found in the row by the next job, and gone on with from there.

use futures::{StreamExt, TryStreamExt, stream};
use shared::announce::publish_disconnect;
use shared::clock::Timestamp;
use shared::disposition::{Attempt, GoogleFailure, MAX_TRIES, chain, oauth_failure};
use shared::events::{EventKind, mailbox_event_id};
use shared::goodbye::{DisconnectDebt, Revoked, SETTLING};
use shared::ids::{Epoch, Grant, UserId};
use shared::jobs::{UserJob, UserJobKind};
use shared::ledger::LetterFilter;
use shared::mailbox::{AccessBy, Mailbox, Owed};
use shared::pack::{Day, days};
use shared::replay::LetterJob;
use shared::result::{originals_of, results_of};
use shared::sealing::{SealedFor, SealingError, TokenKind};
use shared::secret::RefreshToken;
use shared::store::StoreError;

use crate::failure::SyncError;
use crate::{Next, UserWorker};

/// How many letters, marks or versions of objects are deleted at once.
const PAGE: usize = 500;

/// How many pages of each one job deletes before it takes another turn. On AWS such a round takes a second or two: all of
/// them are well within a run.
const PAGES: usize = 10;

/// Days that are looked into for packs at the same time: those of twenty years take a quarter of a minute.
const DAYS: usize = 16;

/// What is to be done next for a life that has ended.
enum Step {
    /// Nothing, or nothing yet.
    Rest,
    /// Revoke, and forget the tokens.
    Revoke,
    /// Delete everything, for the first time.
    Purge,
    /// Delete everything, for the second time, and the row with it.
    PurgeAgain,
    /// Announce the end.
    Announce,
}

/// Decides by the row alone.
fn next_step(mailbox: &Mailbox, debt: &DisconnectDebt, now: Timestamp) -> Step {
    if mailbox.disconnected_at.is_none() {
        // A next life has begun: its tokens are none of this debt's.
        return Step::Announce;
    }
    match (&debt.purge, debt.revoked) {
        (Some(_), _) if mailbox.has_forgotten(debt.epoch) => Step::Announce,
        (_, None) => Step::Revoke,
        (None, Some(_)) => Step::Announce,
        (Some(purge), Some(_)) => match purge.again_at {
            None => Step::Purge,
            Some(at) if at <= now => Step::PurgeAgain,
            Some(_) => Step::Rest,
        },
    }
}

/// Whether a job asks for the purge of the life that it found over: somebody else ended it while the job travelled.
pub(crate) fn is_late_purge(job: &UserJob, mailbox: &Mailbox) -> bool {
    let is_void = mailbox.disconnected_at.is_some() && job.header.epoch.next() == mailbox.epoch;
    is_void && job.kind == UserJobKind::Disconnect { purge: true }
}

/// What is owed from the end of the mailbox's life on; `None` when there is nothing to end.
fn debt(mailbox: &Mailbox, purge: bool, now: Timestamp) -> Option<DisconnectDebt> {
    let user = &mailbox.user_id;
    let id = |epoch, grant, cursor| {
        mailbox_event_id(EventKind::Disconnected, user, epoch, grant, cursor)
    };
    if mailbox.disconnected_at.is_none() {
        let (epoch, grant) = (mailbox.epoch, mailbox.grant);
        let debt = DisconnectDebt::new(id(epoch, grant, mailbox.history_id), epoch, grant, now);
        return Some(if purge { debt.with_purge() } else { debt });
    }
    let ended = Epoch(mailbox.epoch.0.saturating_sub(1));
    // No consent has the number 0: the plain disconnect of this life was announced under another id.
    let late = || DisconnectDebt::new(id(ended, Grant(0), None), ended, mailbox.grant, now);
    (purge && !mailbox.has_forgotten(ended)).then(|| late().with_purge())
}

/// What a revocation comes to that has no token: whoever gave us none has nothing to take back.
fn nothing_held(access: AccessBy) -> Revoked {
    match access {
        AccessBy::Consent => Revoked::No,
        AccessBy::Delegation => Revoked::Nothing,
    }
}

impl UserWorker {
    /// Ends the mailbox's life. First one write, so that nothing new is begun; then the rest, which a crash repeats.
    pub(crate) async fn disconnect(
        &self,
        mailbox: &Mailbox,
        purge: bool,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        let Some(debt) = debt(mailbox, purge, attempt.now) else { return Ok(Next::Done) };
        // Stale means that somebody else ended it: what is owed is in the row, and read again here.
        let _ = self.mailboxes.disconnect(&mailbox.user_id, debt).await?;
        match self.mailboxes.get(&mailbox.user_id).await? {
            Some(ended) => self.clear_away(&ended, attempt).await,
            None => Ok(Next::Done),
        }
    }

    /// Clears an ended life away, as far as it can be now. Each step is noted in the row before the next is begun, but
    /// for the pages of a purge: what is left to delete is all there is to know of it.
    pub(crate) async fn clear_away(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        let (user, now) = (&mailbox.user_id, attempt.now);
        let mut mailbox = mailbox.clone();
        while let Some(debt) = mailbox.owed.disconnect.clone() {
            // Stale, below, means that somebody else was faster: the row says how far they have come.
            let _ = match next_step(&mailbox, &debt, now) {
                Step::Rest => return Ok(Next::Done),
                Step::Revoke => {
                    let revoked = self.revoke(&mailbox, &debt, attempt).await?;
                    self.mailboxes.forget_tokens(user, debt.epoch, revoked).await?
                }
                Step::Purge => {
                    if let Next::Turn(turn) = self.delete_all(user, now).await? {
                        return Ok(Next::Turn(turn));
                    }
                    let again_at = now + SETTLING;
                    let _ = self.mailboxes.purge_again(user, debt.epoch, again_at).await?;
                    return Ok(Next::Turn(again_at));
                }
                Step::PurgeAgain => {
                    if let Next::Turn(turn) = self.delete_all(user, now).await? {
                        return Ok(Next::Turn(turn));
                    }
                    self.mailboxes.bury(user, debt.epoch, now).await?
                }
                Step::Announce => {
                    if mailbox.has_forgotten(debt.epoch) {
                        self.sweep(user, debt.epoch).await?;
                    }
                    return self.announce_end(&mailbox, debt).await;
                }
            };
            let Some(next) = self.mailboxes.get(user).await? else { return Ok(Next::Done) };
            mailbox = next;
        }
        Ok(Next::Done)
    }

    /// Deletes the letters that were being parked while the life was buried. Whoever parks one looks at the row
    /// afterwards: either they see the burial, or it is here already. Those of a next life stay.
    async fn sweep(&self, user: &UserId, buried: Epoch) -> Result<(), SyncError> {
        let theirs = LetterFilter { user_id: Some(user.clone()), ..LetterFilter::default() };
        let mut after = None;
        loop {
            let page = self.letters.list(&theirs, after.as_ref(), PAGE).await?;
            for letter in &page {
                let job = LetterJob::read(letter.stage, &letter.payload);
                if job.is_ok_and(|job| job.header().epoch <= buried) {
                    self.letters.withdraw(letter).await?;
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(()) };
            after = Some((last.user_id.clone(), last.job_id.clone()));
        }
    }

    async fn announce_end(
        &self,
        mailbox: &Mailbox,
        debt: DisconnectDebt,
    ) -> Result<Next, SyncError> {
        publish_disconnect(&*self.events, &self.settings.stack, mailbox, &debt).await?;
        let paid = Owed { disconnect: Some(debt), ..Owed::default() };
        self.mailboxes.settle(&mailbox.user_id, paid).await?;
        Ok(Next::Done)
    }

    /// Deletes page by page whatever there is of a mailbox but its row. Results first: they hold the most.
    async fn delete_all(&self, user: &UserId, now: Timestamp) -> Result<Next, SyncError> {
        let (results, originals) = (results_of(user), originals_of(user));
        for _ in 0..PAGES {
            let deleted = self.archive.remove(&results, PAGE).await?
                + self.archive.remove(&originals, PAGE).await?
                + self.forget_index(user).await?
                + self.letters.forget(user, PAGE).await?
                + self.marks.forget(user, PAGE).await?;
            if deleted == 0 {
                self.delete_packs(user).await?;
                self.events.forget(user).await?;
                return Ok(Next::Done);
            }
        }
        Ok(Next::Turn(now))
    }

    async fn forget_index(&self, user: &UserId) -> Result<usize, StoreError> {
        match &self.index {
            Some(index) => index.forget(user, PAGE).await,
            None => Ok(0),
        }
    }

    /// Deletes the packs of a mailbox, whichever the marks named. They are in the folders of days, so that each day for
    /// which anybody has a pack is looked into; once, and when nothing else is left.
    async fn delete_packs(&self, user: &UserId) -> Result<(), SyncError> {
        let of_a_day = async |day: Day| {
            let packs = day.packs_of(user);
            while self.archive.remove(&packs, PAGE).await? > 0 {}
            Ok::<(), StoreError>(())
        };
        let days = stream::iter(days(&*self.archive).await?);
        days.map(of_a_day).buffer_unordered(DAYS).try_collect::<()>().await?;
        Ok(())
    }

    /// Asks Google to take the grant back, with the token of the life that ended. A grant that is dead already is as
    /// good; a Google that does not answer is asked again, but does not keep us from forgetting the tokens for ever.
    async fn revoke(
        &self,
        mailbox: &Mailbox,
        debt: &DisconnectDebt,
        attempt: &Attempt,
    ) -> Result<Revoked, SyncError> {
        let Some(sealed) = &mailbox.refresh_token else { return Ok(nothing_held(mailbox.access)) };
        let life =
            SealedFor { user: &mailbox.user_id, epoch: debt.epoch, kind: TokenKind::Refresh };
        let token = match self.sealing.open(life, sealed).await {
            Ok(token) => RefreshToken::new(token),
            // A key that is out of reach or forbidden is ours to mend, and the grant is revoked then.
            Err(SealingError::Keys(error)) => return Err(error.into()),
            Err(error @ SealingError::DoesNotOpen { .. }) => {
                tracing::error!(error = chain(&error), "Cannot be revoked at Google");
                return Ok(Revoked::No);
            }
        };
        let Err(error) = self.oauth.revoke(&token).await else { return Ok(Revoked::Yes) };
        match oauth_failure(&error) {
            GoogleFailure::Dead(_) | GoogleFailure::Gone | GoogleFailure::TokenRefused => {
                Ok(Revoked::Yes)
            }
            GoogleFailure::Passing | GoogleFailure::Patience(_) if attempt.tries < MAX_TRIES => {
                Err(SyncError::OAuth(error))
            }
            GoogleFailure::Passing
            | GoogleFailure::Patience(_)
            | GoogleFailure::Pause(_)
            | GoogleFailure::OurClient
            | GoogleFailure::OurServiceAccount
            | GoogleFailure::Final(_) => {
                tracing::error!(error = chain(&error), "Could not be revoked at Google");
                Ok(Revoked::No)
            }
        }
    }
}
