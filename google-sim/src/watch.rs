//! Push: a mailbox that is watched announces its changes.
//!
//! As with Gmail a watch lasts seven days, fires once at once, and announces at most one change a second; what comes
//! faster is dropped, not queued. The announcements wait here until somebody takes them.

use std::time::Duration;

use shared::clock::Timestamp;

use crate::errors::ApiError;
use crate::labels::LabelSet;
use crate::mailbox::State;

/// How long a watch lasts.
const LIFE: Duration = Duration::from_hours(7 * 24);

/// Announcements kept for whoever takes them; older ones are lost, as with a subscription nobody reads.
const KEPT: usize = 100;

/// What `watch` is asked.
#[derive(Debug, Clone, Default)]
pub struct WatchRequest {
    /// The Pub/Sub topic.
    pub topic: String,
    /// The labels the filter names; empty means every change.
    pub labels: Vec<String>,
    /// Whether the filter names what is left out, not what is announced.
    pub exclude: bool,
}

/// What `watch` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watching {
    /// Where the mailbox stands.
    pub history_id: u64,
    /// When the watch ends.
    pub until: Timestamp,
}

/// One announcement, as it would be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The topic it goes to.
    pub topic: String,
    /// Where the mailbox stood: a hint, and no cursor.
    pub history_id: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// A watch that was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    topic: String,
    labels: LabelSet,
    exclude: bool,
    until: Timestamp,
    last: Option<Timestamp>,
    announced: Vec<Announcement>,
}

impl State {
    /// Starts or renews a watch. A second topic is refused while another is being served.
    pub(crate) fn watch(
        &mut self,
        request: &WatchRequest,
        now: Timestamp,
    ) -> Result<Watching, ApiError> {
        if !is_topic(&request.topic) {
            let text = "Invalid topicName does not match projects/{project}/topics/*";
            return Err(ApiError::invalid(text));
        }
        if self.watch.as_ref().is_some_and(|old| old.until > now && old.topic != request.topic) {
            let only_one = "Only one user push notification client allowed per developer \
                            (call /stop then try again)";
            return Err(ApiError::invalid(only_one));
        }
        let labels =
            request.labels.iter().map(|id| self.labels.known(id)).collect::<Result<_, _>>()?;
        let announced = self.watch.take().map(|old| old.announced).unwrap_or_default();
        let (topic, exclude, until) = (request.topic.clone(), request.exclude, now + LIFE);
        self.watch = Some(Watch { topic, labels, exclude, until, last: None, announced });
        self.announce(now);
        Ok(Watching { history_id: self.history_id(), until })
    }

    /// Announces a change to a message with these labels, if somebody asked for it.
    pub(crate) fn notify(&mut self, now: Timestamp, labels: LabelSet) {
        let wanted = self.watch.as_ref().is_some_and(|watch| {
            watch.labels.is_empty() || watch.labels.any(labels) != watch.exclude
        });
        if wanted {
            self.announce(now);
        }
    }

    /// Takes what was announced since the last time.
    pub(crate) fn announcements(&mut self) -> Vec<Announcement> {
        self.watch.as_mut().map(|watch| std::mem::take(&mut watch.announced)).unwrap_or_default()
    }

    fn announce(&mut self, now: Timestamp) {
        let history_id = self.history_id();
        let Some(watch) = &mut self.watch else { return };
        let too_soon = watch.last.is_some_and(|last| now.since(last) < Duration::from_secs(1));
        if too_soon || watch.until <= now {
            return;
        }
        watch.last = Some(now);
        watch.announced.push(Announcement { topic: watch.topic.clone(), history_id, at: now });
        let extra = watch.announced.len().saturating_sub(KEPT);
        watch.announced.drain(..extra);
    }
}

fn is_topic(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    matches!(parts.as_slice(), ["projects", project, "topics", topic] if !project.is_empty() && !topic.is_empty())
}
