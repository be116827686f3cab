//! A census: Gmail is asked what it has in a time window, for a person who compares that with what we know.
//!
//! Somebody waits for the answer. So nothing is tried twice: what goes wrong is told at once, in words, and whoever asked
//! may ask again. The job is done either way.

use shared::census::{self, PAGE_IDS, Page};
use shared::clock::Timestamp;
use shared::disposition::{Attempt, Disposition};
use shared::google::{GmailError, Search};
use shared::ids::MessageId;
use shared::jobs::UserJob;
use shared::mailbox::Mailbox;
use shared::pacing::patience;

use crate::failure::SyncError;
use crate::{Next, UserWorker};

/// The most pages that Gmail is asked for, at 5 units each: what pacing leaves to listing in a minute, and less than a run.
const MAX_PAGES: usize = 80;

/// Start and end of a window; the end is excluded.
type Window = (Timestamp, Timestamp);

/// Why there is no answer, or not all of it.
enum Cut {
    /// It can be said before Gmail is asked, or without its error.
    Because(String),
    /// Something failed.
    Failed(SyncError),
}

impl From<SyncError> for Cut {
    fn from(error: SyncError) -> Self {
        Self::Failed(error)
    }
}

impl From<GmailError> for Cut {
    fn from(error: GmailError) -> Self {
        Self::Failed(error.into())
    }
}

impl UserWorker {
    /// Answers, or says why not.
    pub(crate) async fn census(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        window: Window,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        let mut written = 0;
        let error = match self.count(job, mailbox, window, &mut written, attempt).await {
            Ok(()) => return Ok(Next::Done),
            // Another worker is at the token for a moment: the answer comes a little later.
            Err(Cut::Failed(error @ SyncError::NotYet(_))) => return Err(error),
            Err(Cut::Because(why)) => why,
            Err(Cut::Failed(error)) => self.in_words(job, mailbox, attempt, error).await,
        };
        self.tell(job, written, &Page::Failed { error }, attempt).await?;
        Ok(Next::Done)
    }

    /// Asks page by page, and writes each down before the next. `written` counts them.
    async fn count(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        (from, to): Window,
        written: &mut usize,
        attempt: &Attempt,
    ) -> Result<(), Cut> {
        if let Some(why) = cannot_be_asked(job, mailbox, attempt.now) {
            return Err(Cut::Because(why));
        }
        let search = search(self.settings.fetch_query.as_deref(), (from, to));
        let (access, mut pages) = self.first_page(mailbox, &search, attempt).await?;
        for _ in 0..MAX_PAGES {
            let ids: Vec<MessageId> = pages.page.drain(..).map(|found| found.id).collect();
            let next = pages.next.take();
            let mut parts = ids.chunks(PAGE_IDS).peekable();
            while let Some(part) = parts.next() {
                let last = next.is_none() && parts.peek().is_none();
                self.tell(job, *written, &Page::Ids { ids: part.to_vec(), last }, attempt).await?;
                *written += 1;
            }
            let Some(next) = next else {
                if ids.is_empty() {
                    let nothing = Page::Ids { ids, last: true };
                    self.tell(job, *written, &nothing, attempt).await?;
                }
                tracing::info!(units = pages.units, "Counted");
                return Ok(());
            };
            self.turn(&access.token, &mut pages, &next).await?;
        }
        Err(Cut::Because(format!(
            "Gmail has more than {} messages in the window; ask for a shorter one",
            MAX_PAGES * PAGE_IDS
        )))
    }

    async fn tell(
        &self,
        job: &UserJob,
        number: usize,
        page: &Page,
        attempt: &Attempt,
    ) -> Result<(), SyncError> {
        let id = &job.header.job_id;
        Ok(census::write(&*self.control, id, number, page, attempt.now).await?)
    }

    /// What a failure means is decided where it is for any job; what that comes to is told. A grant that is dead the next
    /// poll finds dead, too.
    async fn in_words(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
        error: SyncError,
    ) -> String {
        match self.settle(job.clone(), mailbox, attempt, error).await {
            Disposition::Retry { error, .. } => error,
            Disposition::DeadLetter(verdict) => format!("{}: {}", verdict.reason, verdict.error),
            Disposition::Postpone { until, .. } => {
                format!("Gmail or the store asks for patience until {until}")
            }
            Disposition::Done => "Google may not be asked at present".to_owned(),
        }
    }
}

/// What stands in the way without Gmail having been asked.
fn cannot_be_asked(job: &UserJob, mailbox: &Mailbox, now: Timestamp) -> Option<String> {
    if job.header.epoch != mailbox.epoch {
        return Some("the mailbox was disconnected meanwhile".to_owned());
    }
    if !mailbox.is_readable() {
        return Some("the mailbox is paused, disconnected or needs its owner's consent".to_owned());
    }
    let patience = patience(mailbox.pace, now)?;
    Some(format!("Gmail asks for patience until {patience}"))
}

/// As a gap is listed: with spam and trash, for what lies there has a mark that says so. With `FETCH_QUERY` what it does
/// not find is nobody's to have.
fn search(fetch_query: Option<&str>, (from, to): Window) -> Search {
    let window = format!("after:{} before:{}", from.seconds(), to.seconds());
    match fetch_query {
        None => Search { query: Some(window), include_spam_trash: true },
        Some(query) => {
            Search { query: Some(format!("{query} {window}")), include_spam_trash: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_second_is_left_to_the_next_poll() {
        let window = (Timestamp::from_millis(1_900), Timestamp::from_millis(9_900));
        let all = search(None, window);
        assert_eq!(
            (all.query.as_deref(), all.include_spam_trash),
            (Some("after:1 before:9"), true)
        );
        let some = search(Some("is:unread"), window);
        assert_eq!(some.query.as_deref(), Some("is:unread after:1 before:9"));
        assert!(!some.include_spam_trash);
    }
}
