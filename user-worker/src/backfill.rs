//! Mail from before the connection, in time windows.
//!
//! A job carries a window, never a page token, which does not live long. A window that holds more than one listing
//! page can hand on at once is halved; one that fits is handed on whole, in one run, so that a crash repeats it whole.
//! It waits for room in the mailbox's pace, so that live mail waits for one block at most.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::disposition::Attempt;
use shared::google::{GmailError, Search};
use shared::intake::send;
use shared::jobs::{Cause, Lane, UserJob, UserJobKind};
use shared::mailbox::{Mailbox, Owed};
use shared::reservation::{Room, reserve_now};
use shared::settings::Backfill;

use crate::failure::SyncError;
use crate::hand_on::Pace;
use crate::listing::Pages;
use crate::token::Access;
use crate::{Next, UserWorker};

/// The most messages that one window hands on: one block of pacing.
const WINDOW_MESSAGES: usize = 275;

/// Windows shorter than this are not halved: Gmail's search is exact to the second.
const SHORTEST: Duration = Duration::from_secs(2);

/// Start and end of a window; the end is excluded.
type Window = (Timestamp, Timestamp);

impl UserWorker {
    /// Pays the backfill debt: the whole window becomes one job, which halves itself as needed.
    pub(crate) async fn begin_backfill(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<(), SyncError> {
        let Some(debt) = mailbox.owed.backfill.clone() else { return Ok(()) };
        send(&*self.user_jobs, &[window_job(job, (debt.from, debt.to), attempt)], attempt.now)
            .await?;
        let paid = Owed { backfill: Some(debt), ..Owed::default() };
        Ok(self.mailboxes.settle(&mailbox.user_id, paid).await?)
    }

    /// Hands one window on, or halves it.
    pub(crate) async fn backfill(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        window: Window,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        if self.settings.pacing.room_now(mailbox.pace, attempt.now) == 0 {
            return Ok(Next::Turn(mailbox.pace.until));
        }
        let search = search(&self.settings.backfill, window);
        let (access, pages) = self.first_page(mailbox, &search, attempt).await?;
        let fits = pages.next.is_none() && pages.page.len() <= WINDOW_MESSAGES;
        let pace = match halves(window) {
            _ if fits => {
                match self.room_for_window(mailbox, pages.page.len(), attempt.now).await? {
                    Room::Taken => Pace::Reserved,
                    Room::From(turn) => return Ok(Next::Turn(turn)),
                }
            }
            Some(halves) => {
                let jobs = halves.map(|half| window_job(job, half, attempt));
                send(&*self.user_jobs, &jobs, attempt.now).await?;
                return Ok(Next::Done);
            }
            None => Pace::InTurn,
        };
        let how = (Lane::Backfill, pace);
        self.hand_all_on(job, mailbox, &access, pages, how, attempt).await?;
        Ok(Next::Done)
    }

    /// Reserves room in the present block. Windows that are listed at the same time do not each take a block of the
    /// future.
    async fn room_for_window(
        &self,
        mailbox: &Mailbox,
        messages: usize,
        now: Timestamp,
    ) -> Result<Room, SyncError> {
        if messages == 0 {
            return Ok(Room::Taken);
        }
        let size = u32::try_from(messages).unwrap_or(u32::MAX);
        let (user, pacing) = (&mailbox.user_id, self.settings.pacing);
        Ok(reserve_now(&*self.mailboxes, pacing, user, size, now).await?)
    }

    /// The first page, with the token at hand or, when Gmail refuses it, with a newer one.
    pub(crate) async fn first_page(
        &self,
        mailbox: &Mailbox,
        search: &Search,
        attempt: &Attempt,
    ) -> Result<(Access, Pages), SyncError> {
        let access = self.access(mailbox, None, attempt).await?;
        match self.search(&access.token, search.clone()).await {
            Err(GmailError::Unauthorized) => {}
            pages => return Ok((access, pages?)),
        }
        let newer = self.newer(mailbox, &access, attempt).await?;
        match self.search(&newer.token, search.clone()).await {
            Err(GmailError::Unauthorized) => Err(SyncError::FreshTokenRefused),
            pages => Ok((newer, pages?)),
        }
    }
}

fn window_job(job: &UserJob, (from, to): Window, attempt: &Attempt) -> UserJob {
    let header = job.header.child(attempt.now, &attempt.chance);
    UserJob { header, kind: UserJobKind::Backfill { from, to }, cause: Cause::Connect }
}

/// What is asked of Gmail for a window. `after:` and `before:` take seconds; a message of the last second may be found
/// twice, never missed.
fn search(backfill: &Backfill, (from, to): Window) -> Search {
    let unread = match backfill {
        Backfill::Unread => "is:unread ",
        Backfill::None | Backfill::All | Backfill::Since(_) => "",
    };
    let before = to.seconds() + 1;
    Search {
        query: Some(format!("{unread}after:{} before:{before}", from.seconds())),
        include_spam_trash: false,
    }
}

/// The newer half first: people look at recent mail first.
fn halves((from, to): Window) -> Option<[Window; 2]> {
    let middle = from + to.since(from) / 2;
    (to.since(from) > SHORTEST).then_some([(middle, to), (from, middle)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_whole_window() {
        let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(10_000));
        let [newer, older] = halves((from, to)).unwrap();
        assert_eq!((older.0, older.1, newer.1), (from, newer.0, to));
        assert_eq!(halves((from, from + SHORTEST)), None);
    }

    #[test]
    fn the_first_fetch_is_what_is_unread() {
        let window = (Timestamp::from_millis(0), Timestamp::from_millis(10_500));
        assert_eq!(
            search(&Backfill::Unread, window).query.as_deref(),
            Some("is:unread after:0 before:11")
        );
        assert_eq!(search(&Backfill::All, window).query.as_deref(), Some("after:0 before:11"));
    }
}
