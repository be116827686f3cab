//! Every store and Google, with each call remembered and in the hand of a [`Hand`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shared::archive::{Archive, Object, Put, Version};
use shared::clock::{Clock, Timestamp};
use shared::events::{Event, Events};
use shared::goodbye::{DisconnectDebt, Revoked};
use shared::google::{
    Account, Delegation, DelegationError, Gmail, GmailChanges, GmailError, GmailLabel, HistoryPage,
    ListPage, OAuth, OAuthError, PageToken, Profile, RawMessage, RiscConfiguration, Search,
    SigningKeys, TokenAnswer,
};
use shared::ids::{Epoch, HistoryId, JobId, MessageId, UserId};
use shared::index::{Entry, Index};
use shared::ledger::{
    Advance, Consent, Control, ControlItem, DeadLetter, DeadLetters, Happening, LetterFilter,
    LetterKey, LetterState, Life, Mailboxes, Marks, NewAccess, ScanPage, Segment,
};
use shared::mailbox::{Mailbox, Notice, Owed, Pace, RetryDebt, Standing, Tokens};
use shared::mailer::{Delivery, Mail, Mailer};
use shared::mark::{Ending, ForwardStep, Listing, Mark, MarkCounts, MarkState, Naming};
use shared::pack::PackKey;
use shared::queue::{Depth, Outgoing, Queue, Receipt, Record, SendFailure, VISIBILITY};
use shared::reason::PauseReason;
use shared::secret::{AccessToken, RefreshToken};
use shared::store::{StoreError, Write};
use shared::webhook::{Webhook, WebhookError, Webhooks};

use crate::hand::{Hand, Strike};

/// Something whose calls are watched.
pub struct Watched<T: ?Sized> {
    pub inner: Arc<T>,
    pub hand: Arc<dyn Hand>,
}

macro_rules! watch {
    ($trait:ident as $name:literal { $(fn $method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)+ }) => {
        impl Watched<dyn $trait> {
            const CALLS: &[&str] = &[$(concat!($name, ".", stringify!($method))),+];
        }

        #[async_trait]
        impl $trait for Watched<dyn $trait> {
            $(async fn $method(&self, $($arg: $ty),*) -> $out {
                let call = self.inner.$method($($arg),*);
                self.hand.pass(concat!($name, ".", stringify!($method)), call).await
            })+
        }
    };
}

watch!(Mailboxes as "mailboxes" {
    fn get(user: &UserId) -> Result<Option<Mailbox>, StoreError>;
    fn scan(segment: Segment, after: Option<&UserId>, limit: usize) -> Result<ScanPage, StoreError>;
    fn connect(consent: Consent) -> Result<Write, StoreError>;
    fn lease_refresh(at: Life<'_>, version: u64, now: Timestamp, until: Timestamp) -> Result<Write, StoreError>;
    fn release_refresh(user: &UserId) -> Result<(), StoreError>;
    fn store_access(at: Life<'_>, access: NewAccess) -> Result<Write, StoreError>;
    fn reseal(at: Life<'_>, read: Tokens, new: Tokens) -> Result<Write, StoreError>;
    fn advance(from: Standing, moved: Advance) -> Result<Write, StoreError>;
    fn reserve(user: &UserId, read: Pace, new: Pace) -> Result<Write, StoreError>;
    fn need_reauth(at: Life<'_>, notice: Notice) -> Result<Write, StoreError>;
    fn pause(user: &UserId, epoch: Epoch, reason: PauseReason) -> Result<Write, StoreError>;
    fn resume(user: &UserId, epoch: Epoch, reason: PauseReason, at: Timestamp) -> Result<Write, StoreError>;
    fn owe_retry(user: &UserId, epoch: Epoch, read: Option<RetryDebt>, new: Option<RetryDebt>) -> Result<Write, StoreError>;
    fn disconnect(user: &UserId, debt: DisconnectDebt) -> Result<Write, StoreError>;
    fn forget_tokens(user: &UserId, epoch: Epoch, revoked: Revoked) -> Result<Write, StoreError>;
    fn purge_again(user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError>;
    fn bury(user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError>;
    fn settle(user: &UserId, paid: Owed) -> Result<(), StoreError>;
});

watch!(Marks as "marks" {
    fn list(user: &UserId, epoch: Epoch, listings: &[Listing], now: Timestamp) -> Result<Vec<MarkState>, StoreError>;
    fn get(user: &UserId, ids: &[MessageId]) -> Result<Vec<Option<Mark>>, StoreError>;
    fn finish(user: &UserId, epoch: Epoch, endings: &[Ending], now: Timestamp) -> Result<(), StoreError>;
    fn name(user: &UserId, namings: &[Naming]) -> Result<Vec<Option<PackKey>>, StoreError>;
    fn park(user: &UserId, epoch: Epoch, ids: &[MessageId], job: &JobId) -> Result<(), StoreError>;
    fn unpark(user: &UserId, epoch: Epoch, ids: &[MessageId], job: &JobId) -> Result<(), StoreError>;
    fn relist(user: &UserId, epoch: Epoch, ids: &[MessageId], job: &JobId) -> Result<(), StoreError>;
    fn page(user: &UserId, after: Option<&MessageId>, limit: usize) -> Result<Vec<Mark>, StoreError>;
    fn forward(user: &UserId, epoch: Epoch, message: &MessageId, action: &JobId, step: ForwardStep) -> Result<Write, StoreError>;
    fn count(user: &UserId, epoch: Epoch, now: Timestamp) -> Result<MarkCounts, StoreError>;
    fn forget(user: &UserId, limit: usize) -> Result<usize, StoreError>;
});

watch!(DeadLetters as "letters" {
    fn park(letter: DeadLetter) -> Result<DeadLetter, StoreError>;
    fn get(key: &LetterKey) -> Result<Option<DeadLetter>, StoreError>;
    fn list(filter: &LetterFilter, after: Option<&LetterKey>, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;
    fn turn(key: &LetterKey, from: &[LetterState], turn: Happening) -> Result<Write, StoreError>;
    fn withdraw(letter: &DeadLetter) -> Result<(), StoreError>;
    fn forget(user: &UserId, limit: usize) -> Result<usize, StoreError>;
});

watch!(Index as "index" {
    fn note(user: &UserId, entries: &[Entry]) -> Result<(), StoreError>;
    fn entries(user: &UserId, after: Option<&MessageId>, limit: usize) -> Result<Vec<Entry>, StoreError>;
    fn forget(user: &UserId, limit: usize) -> Result<usize, StoreError>;
});

watch!(Control as "control" {
    fn read(name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError>;
    fn write(name: &str, read: Option<u64>, value: String, expires_at: Option<Timestamp>, now: Timestamp) -> Result<Write, StoreError>;
});

watch!(Archive as "archive" {
    fn put_new(key: &str, bytes: Vec<u8>, content_type: &'static str) -> Result<Put, StoreError>;
    fn put(key: &str, bytes: Vec<u8>, content_type: &'static str) -> Result<(), StoreError>;
    fn replace(key: &str, bytes: Vec<u8>, content_type: &'static str, version: &Version) -> Result<Write, StoreError>;
    fn read(key: &str) -> Result<Option<Object>, StoreError>;
    fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    fn keys(prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;
    fn folders(folder: &str) -> Result<Vec<String>, StoreError>;
    fn remove(place: &str, limit: usize) -> Result<usize, StoreError>;
});

watch!(Gmail as "gmail" {
    fn profile(token: &AccessToken) -> Result<Profile, GmailError>;
    fn history(token: &AccessToken, since: HistoryId, page: Option<&PageToken>) -> Result<HistoryPage, GmailError>;
    fn list(token: &AccessToken, search: &Search, page: Option<&PageToken>) -> Result<ListPage, GmailError>;
    fn message(token: &AccessToken, id: &MessageId, limit: usize) -> Result<RawMessage, GmailError>;
});

watch!(GmailChanges as "changes" {
    fn labels(token: &AccessToken) -> Result<Vec<GmailLabel>, GmailError>;
    fn create_label(token: &AccessToken, name: &str) -> Result<GmailLabel, GmailError>;
    fn modify(token: &AccessToken, message: &MessageId, add: &[&str], remove: &[&str]) -> Result<(), GmailError>;
    fn send(token: &AccessToken, raw: Vec<u8>) -> Result<MessageId, GmailError>;
});

watch!(Webhooks as "webhooks" {
    fn post(address: &str, webhook: &Webhook) -> Result<(), WebhookError>;
});

watch!(OAuth as "oauth" {
    fn exchange(code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError>;
    fn refresh(token: &RefreshToken) -> Result<TokenAnswer, OAuthError>;
    fn revoke(token: &RefreshToken) -> Result<(), OAuthError>;
    fn signing_keys() -> Result<SigningKeys, OAuthError>;
    fn risc_configuration() -> Result<RiscConfiguration, OAuthError>;
    fn risc_keys(jwks_uri: &str) -> Result<SigningKeys, OAuthError>;
});

watch!(Mailer as "mailer" {
    fn send(mail: &Mail) -> Result<Delivery, StoreError>;
});

watch!(Delegation as "delegation" {
    fn mint(email: &str, scopes: &[String]) -> Result<TokenAnswer, DelegationError>;
    fn account(token: &AccessToken) -> Result<Account, DelegationError>;
});

#[async_trait]
impl Events for Watched<dyn Events> {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        let call = async |batch: &[Event]| self.inner.publish(batch).await;
        let name = "events.publish";
        match self.hand.reach(name).await {
            Some(Strike::Refuses(mut refused)) => {
                refused.retain(|place| *place < batch.len());
                let kept = |(place, event): (usize, &Event)| {
                    (!refused.contains(&place)).then(|| event.clone())
                };
                let taken: Vec<Event> = batch.iter().enumerate().filter_map(kept).collect();
                self.hand.carry(name, None, call(&taken)).await.map(|_| refused)
            }
            strike => self.hand.carry(name, strike, call(batch)).await,
        }
    }

    async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        self.hand.pass("events.forget", self.inner.forget(user)).await
    }
}

/// Every call that passes a hand. A method that is added to a trait is not compiled without standing here.
pub fn every_call() -> Vec<&'static str> {
    let mut all = vec!["events.publish", "events.forget"];
    all.extend(Watched::<dyn Mailboxes>::CALLS);
    all.extend(Watched::<dyn Marks>::CALLS);
    all.extend(Watched::<dyn DeadLetters>::CALLS);
    all.extend(Watched::<dyn Index>::CALLS);
    all.extend(Watched::<dyn Control>::CALLS);
    all.extend(Watched::<dyn Archive>::CALLS);
    all.extend(Watched::<dyn Gmail>::CALLS);
    all.extend(Watched::<dyn GmailChanges>::CALLS);
    all.extend(Watched::<dyn Webhooks>::CALLS);
    all.extend(Watched::<dyn OAuth>::CALLS);
    all.extend(Watched::<dyn Mailer>::CALLS);
    all.extend(Watched::<dyn Delegation>::CALLS);
    for queue in QUEUES {
        all.extend(queue);
    }
    all
}

/// The names of `send`, `receive`, `delete` and `hide`, by queue.
pub type QueueCalls = [&'static str; 4];

macro_rules! queue_calls {
    ($($name:literal),+) => {
        [$([
            concat!($name, ".send"),
            concat!($name, ".receive"),
            concat!($name, ".delete"),
            concat!($name, ".hide"),
        ]),+]
    };
}

/// Of the four queues: user jobs, message jobs, and the dead ones of each.
pub const QUEUES: [QueueCalls; 4] =
    queue_calls!("user_jobs", "message_jobs", "dead_user_jobs", "dead_message_jobs");

/// The moments at which something that is hidden in a queue shows again.
#[derive(Clone, Default)]
pub struct Timetable(Arc<Mutex<BTreeSet<Timestamp>>>);

impl Timetable {
    fn note(&self, at: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(at);
    }

    /// The first moment after `now`; earlier ones are forgotten.
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.retain(|at| *at > now);
        times.first().copied()
    }
}

/// A queue whose calls are watched under a name of its own, and whose delays are noted.
pub struct WatchedQueue {
    pub inner: Arc<dyn Queue>,
    pub names: QueueCalls,
    pub hand: Arc<dyn Hand>,
    pub clock: Clock,
    pub timetable: Timetable,
}

impl WatchedQueue {
    /// A queue may show what is hidden up to a second late: on the next whole second it is there in any.
    fn note(&self, after: Duration) {
        let over = self.clock.now() + after + Duration::from_millis(999);
        self.timetable.note(Timestamp::from_millis(over.seconds() * 1000));
    }
}

#[async_trait]
impl Queue for WatchedQueue {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        for out in &batch {
            self.note(out.delay);
        }
        match self.hand.reach(self.names[0]).await {
            Some(Strike::Refuses(mut refused)) => {
                refused.retain(|place| *place < batch.len());
                let entries = batch.into_iter().enumerate();
                let taken = entries.filter(|(place, _)| !refused.contains(place));
                let send = self.inner.send(taken.map(|(_, out)| out).collect());
                self.hand.carry(self.names[0], None, send).await?;
                let failure = |index| SendFailure { index, cause: "refused".to_owned() };
                Ok(refused.into_iter().map(failure).collect())
            }
            strike => self.hand.carry(self.names[0], strike, self.inner.send(batch)).await,
        }
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        let call = async {
            let records = self.inner.receive(max, wait).await;
            if records.as_ref().is_ok_and(|records| !records.is_empty()) {
                self.note(VISIBILITY);
            }
            records
        };
        self.hand.pass(self.names[1], call).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        self.hand.pass(self.names[2], self.inner.delete(receipts)).await
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        self.note(after);
        self.hand.pass(self.names[3], self.inner.hide(receipt, after)).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.inner.depth().await
    }
}
