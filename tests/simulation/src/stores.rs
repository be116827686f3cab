//! Every store that the stages share.

use std::sync::Arc;

use shared::archive::Archive;
use shared::clock::Clock;
use shared::events::Events;
use shared::index::Index;
use shared::ledger::{Control, DeadLetters, Mailboxes, Marks};
use shared::mailer::Mailer;
use shared::queue::Queue;
use shared::sealing::Sealing;

use crate::hand::Hand;
use crate::watched::{QUEUES, Timetable, Watched, WatchedQueue};

/// Every store that the stages share.
#[derive(Clone)]
pub struct Stores {
    pub mailboxes: Arc<dyn Mailboxes>,
    pub marks: Arc<dyn Marks>,
    pub letters: Arc<dyn DeadLetters>,
    pub control: Arc<dyn Control>,
    pub index: Arc<dyn Index>,
    pub user_jobs: Arc<dyn Queue>,
    pub dead_user_jobs: Arc<dyn Queue>,
    pub message_jobs: Arc<dyn Queue>,
    pub dead_message_jobs: Arc<dyn Queue>,
    pub archive: Arc<dyn Archive>,
    pub events: Arc<dyn Events>,
    pub mailer: Arc<dyn Mailer>,
    pub sealing: Arc<dyn Sealing>,
}

impl Stores {
    /// The same stores, with every call in the hand of `hand`, and every delay noted in `timetable`.
    #[must_use]
    pub fn watched(&self, hand: &Arc<dyn Hand>, clock: &Clock, timetable: &Timetable) -> Self {
        macro_rules! watch {
            ($field:ident) => {
                Arc::new(Watched { inner: self.$field.clone(), hand: hand.clone() })
            };
        }
        let queue = |inner: &Arc<dyn Queue>, names| {
            let (hand, clock, timetable) = (hand.clone(), clock.clone(), timetable.clone());
            Arc::new(WatchedQueue { inner: inner.clone(), names, hand, clock, timetable })
        };
        let [user_jobs, message_jobs, dead_user_jobs, dead_message_jobs] = QUEUES;
        Self {
            mailboxes: watch!(mailboxes),
            marks: watch!(marks),
            letters: watch!(letters),
            control: watch!(control),
            index: watch!(index),
            archive: watch!(archive),
            events: watch!(events),
            mailer: watch!(mailer),
            user_jobs: queue(&self.user_jobs, user_jobs),
            message_jobs: queue(&self.message_jobs, message_jobs),
            dead_user_jobs: queue(&self.dead_user_jobs, dead_user_jobs),
            dead_message_jobs: queue(&self.dead_message_jobs, dead_message_jobs),
            sealing: self.sealing.clone(),
        }
    }
}
