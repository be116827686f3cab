//! Asking Gmail what there is: history from the cursor, or a search where there is none or Gmail has forgotten it.

use shared::clock::Timestamp;
use shared::google::{
    Added, GmailError, HISTORY_UNITS, LIST_UNITS, PROFILE_UNITS, PageToken, Search,
};
use shared::ids::{HistoryId, MessageId};
use shared::labels::skip_reason;
use shared::mailbox::{GapReport, Mailbox};
use shared::mark::MarkState;
use shared::secret::AccessToken;
use shared::settings::Settings;

use crate::UserWorker;

/// A message that a listing named, and what its labels say at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: MessageId,
    pub(crate) state: MarkState,
}

/// A listing that has begun, and what follows from it for the cursor.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What there is.
    pub(crate) pages: Pages,
    /// Where the cursor may move once all pages are accounted for.
    pub(crate) cursor: HistoryId,
    /// The window that is searched because there was no usable cursor.
    pub(crate) gap: Option<(Timestamp, Timestamp)>,
}

/// The present page, and how it goes on. Memory is bounded by a page, whatever there is to list.
#[derive(Debug)]
pub(crate) struct Pages {
    /// What the present page names.
    pub(crate) page: Vec<Found>,
    /// Where it goes on; `None` on the last page.
    pub(crate) next: Option<PageToken>,
    /// What asking has cost so far, in units of Google's quota.
    pub(crate) units: u32,
    source: Source,
}

/// What is asked of Gmail, page by page.
#[derive(Debug)]
enum Source {
    History(HistoryId),
    Search(Search),
}

/// How a mailbox is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// What was added since the cursor.
    History(HistoryId),
    /// `FETCH_QUERY`, from here on; the cursor stays.
    Query(HistoryId, Search),
    /// No cursor yet: take one, then search from here on.
    Window(Timestamp),
}

/// Decides how to ask. No clock, no network.
pub(crate) fn plan(mailbox: &Mailbox, settings: &Settings) -> Plan {
    let since = mailbox.last_fetched_at - settings.gap_overlap;
    match (mailbox.history_id, &settings.fetch_query) {
        (None, _) => Plan::Window(since),
        (Some(cursor), None) => Plan::History(cursor),
        (Some(cursor), Some(query)) => {
            let query = Some(format!("{query} after:{}", since.seconds()));
            Plan::Query(cursor, Search { query, include_spam_trash: false })
        }
    }
}

/// How a gap was closed, for the event that says so.
pub(crate) fn gap_report(
    (from, to): (Timestamp, Timestamp),
    found: usize,
    already_had: usize,
) -> GapReport {
    let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
    GapReport { from, to, found: count(found), already_had: count(already_had) }
}

impl UserWorker {
    /// Asks Gmail for the first page, as planned. A forgotten cursor turns into a search from before the last listing.
    pub(crate) async fn list(
        &self,
        token: &AccessToken,
        mailbox: &Mailbox,
        now: Timestamp,
    ) -> Result<Listing, GmailError> {
        match plan(mailbox, &self.settings) {
            Plan::Window(since) => self.window(token, since, now).await,
            Plan::Query(cursor, search) => {
                Ok(Listing { pages: self.search(token, search).await?, cursor, gap: None })
            }
            Plan::History(cursor) => match self.history(token, cursor).await {
                Err(GmailError::NotFound) => {
                    self.window(token, mailbox.last_fetched_at - self.settings.gap_overlap, now)
                        .await
                }
                other => other,
            },
        }
    }

    /// The cursor is the *first* page's: what arrives while paging comes again.
    async fn history(&self, token: &AccessToken, since: HistoryId) -> Result<Listing, GmailError> {
        let page = self.gmail.history(token, since, None).await?;
        let (cursor, next, source) = (page.history_id, page.next, Source::History(since));
        let page = page.added.into_iter().map(judge).collect();
        let pages = Pages { page, next, units: HISTORY_UNITS, source };
        Ok(Listing { pages, cursor, gap: None })
    }

    /// The gap: the new cursor first, then everything since; the overlap is harmless, a hole would not be.
    async fn window(
        &self,
        token: &AccessToken,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Listing, GmailError> {
        let cursor = self.gmail.profile(token).await?.history_id;
        let query = Some(format!("after:{}", since.seconds()));
        let mut pages = self.search(token, Search { query, include_spam_trash: true }).await?;
        pages.units += PROFILE_UNITS;
        Ok(Listing { pages, cursor, gap: Some((since, now)) })
    }

    /// The first page of a search.
    pub(crate) async fn search(
        &self,
        token: &AccessToken,
        search: Search,
    ) -> Result<Pages, GmailError> {
        let page = self.gmail.list(token, &search, None).await?;
        let (next, source) = (page.next, Source::Search(search));
        let page = page.ids.into_iter().map(listed).collect();
        Ok(Pages { page, next, units: LIST_UNITS, source })
    }

    /// Turns to the page at `next`.
    pub(crate) async fn turn(
        &self,
        token: &AccessToken,
        pages: &mut Pages,
        next: &PageToken,
    ) -> Result<(), GmailError> {
        match &pages.source {
            Source::History(since) => {
                let page = self.gmail.history(token, *since, Some(next)).await?;
                pages.page = page.added.into_iter().map(judge).collect();
                pages.next = page.next;
                pages.units += HISTORY_UNITS;
            }
            Source::Search(search) => {
                let page = self.gmail.list(token, search, Some(next)).await?;
                pages.page = page.ids.into_iter().map(listed).collect();
                pages.next = page.next;
                pages.units += LIST_UNITS;
            }
        }
        Ok(())
    }
}

/// What history's labels already decide; where it names none, the processor decides.
fn judge(added: Added) -> Found {
    let skipped = added.label_ids.as_deref().and_then(skip_reason);
    Found { id: added.id, state: skipped.map_or(MarkState::Listed, MarkState::Skipped) }
}

fn listed(id: MessageId) -> Found {
    Found { id, state: MarkState::Listed }
}
