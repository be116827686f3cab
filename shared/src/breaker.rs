//! The fleet breaker: when Google refuses many at once, it is not the people who have changed their minds.
//!
//! It opens when Google no longer takes our own client, or when many grants are called dead within minutes. While it is
//! open nobody is marked and nobody's token is refreshed, but for one probe a minute, whose answer may close it. A job
//! whose grant was called dead meanwhile goes round *in doubt*: it is asked once more when the breaker is closed, and
//! that answer counts and opens nothing.
//!
//! What is decided here is decided on one stored item, by writes on condition of what was read. A mailbox whose access
//! token is still good is read all the while.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ledger::Control;
use crate::store::{StoreError, Write};

/// The breaker's name in `Control`.
pub const BREAKER: &str = "breaker";

/// That of the breaker for our service account.
const SERVICE_ACCOUNT_BREAKER: &str = "service-account-breaker";

/// The dispatcher's round in `Control`; it says how many mailboxes there are.
pub const ROUND: &str = "round";

/// How long a death counts.
const WINDOW_MINUTES: i64 = 10;

/// How long after one probe comes the next.
const PROBE_EVERY: Duration = Duration::from_mins(1);

/// How often the item is read again after somebody else wrote first.
const RACES: usize = 20;

/// How many deaths within ten minutes are too many to be believed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At least so many.
    pub deaths: u64,
    /// And at least one in so many mailboxes.
    pub one_in: u64,
    /// How long they are doubted while no probe succeeds. Then they are believed: Google is of this opinion to stay, and
    /// people should be told.
    pub longest_doubt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deaths: 20, one_in: 100, longest_doubt: Duration::from_hours(1) }
    }
}

/// Why the breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Google does not take our client: the OAuth client, or the service account.
    ClientFault,
    /// Many grants were called dead at once.
    ManyDeaths,
}

/// Whether Google may be asked for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Granted,
    /// It may, and the answer is told to [`Breaker::probed`].
    Probe,
    /// Not before this moment.
    Held(Timestamp),
}

/// What a probe has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A grant that lives.
    Life,
    /// A grant that does not; but our client was taken.
    Death,
    /// Nothing either way.
    Nothing,
}

/// Whether a dead grant is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The mailbox is marked.
    Believed,
    /// It is asked once more, not before this moment.
    Doubted(Timestamp),
}

/// The stored state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// Deaths by minute since 1970, the last ten minutes.
    deaths: Vec<(i64, u64)>,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    since: Timestamp,
    cause: Cause,
    next_probe: Timestamp,
}

impl State {
    /// As it counts now: an old doubt has ended.
    fn at(mut self, now: Timestamp, limits: Limits) -> Self {
        let doubted_enough = |open: &Open| {
            open.cause == Cause::ManyDeaths && now.since(open.since) >= limits.longest_doubt
        };
        if self.open.as_ref().is_some_and(doubted_enough) {
            self = Self::default();
        }
        self
    }

    fn open(&mut self, cause: Cause, now: Timestamp) {
        let open = Open { since: now, cause, next_probe: now + PROBE_EVERY };
        self.open = Some(open);
    }

    fn ask(&mut self, in_doubt: bool, now: Timestamp) -> Permit {
        match &mut self.open {
            None => Permit::Granted,
            // It has been asked before, and its next answer counts: not while nobody's is believed.
            Some(open) if in_doubt || open.next_probe > now => {
                Permit::Held(open.next_probe.max(now + PROBE_EVERY / 2))
            }
            Some(open) => {
                open.next_probe = now + PROBE_EVERY;
                Permit::Probe
            }
        }
    }

    /// Whether the breaker is closed by what a probe has shown.
    fn probed(&mut self, shown: Shown) -> bool {
        let settles = |open: &Open| match (open.cause, shown) {
            (_, Shown::Life) | (Cause::ClientFault, Shown::Death) => true,
            (Cause::ManyDeaths, Shown::Death) | (_, Shown::Nothing) => false,
        };
        let closed = self.open.as_ref().is_some_and(settles);
        if closed {
            *self = Self::default();
        }
        closed
    }

    fn died(&mut self, mailboxes: u64, limits: Limits, now: Timestamp) -> Word {
        if let Some(open) = &self.open {
            return Word::Doubted(open.next_probe.max(now));
        }
        let minute = now.millis().div_euclid(60_000);
        self.deaths.retain(|(then, _)| minute - then < WINDOW_MINUTES);
        match self.deaths.iter_mut().find(|(then, _)| *then == minute) {
            Some((_, count)) => *count += 1,
            None => self.deaths.push((minute, 1)),
        }
        let deaths: u64 = self.deaths.iter().map(|(_, count)| count).sum();
        if deaths >= limits.deaths && deaths * limits.one_in >= mailboxes {
            self.open(Cause::ManyDeaths, now);
            return Word::Doubted(now + PROBE_EVERY);
        }
        Word::Believed
    }
}

/// Whom Google takes or does not take. The two fail apart: a service account that was deleted is no reason to doubt
/// anybody's consent, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    OAuth,
    ServiceAccount,
}

impl Client {
    fn item(self) -> &'static str {
        match self {
            Self::OAuth => BREAKER,
            Self::ServiceAccount => SERVICE_ACCOUNT_BREAKER,
        }
    }
}

/// The breaker of a fleet.
#[derive(Clone)]
pub struct Breaker {
    client: Client,
    /// Where its state is kept.
    pub control: Arc<dyn Control>,
    /// When it opens.
    pub limits: Limits,
}

impl Breaker {
    /// A breaker with the usual limits.
    pub fn new(control: Arc<dyn Control>) -> Self {
        Self::with_limits(control, Limits::default())
    }

    /// A breaker with limits of its own.
    pub fn with_limits(control: Arc<dyn Control>, limits: Limits) -> Self {
        Self { client: Client::OAuth, control, limits }
    }

    /// The breaker for the mailboxes that are read by delegation. It opens only when Google does not take our service
    /// account, and says nothing of the OAuth client.
    #[must_use]
    pub fn of_service_account(&self) -> Self {
        Self { client: Client::ServiceAccount, ..self.clone() }
    }

    /// What it means that it is open for this cause, in words.
    pub fn in_words(&self, cause: Cause) -> &'static str {
        in_words(self.client, cause)
    }

    /// Why it is open, and since when; `None` when it is closed.
    pub async fn standing(&self, now: Timestamp) -> Result<Option<(Cause, Timestamp)>, StoreError> {
        let (state, _) = self.read(now).await?;
        Ok(state.open.map(|open| (open.cause, open.since)))
    }

    /// Before a token is asked for; `in_doubt` for a job that goes round in doubt.
    pub async fn ask(&self, in_doubt: bool, now: Timestamp) -> Result<Permit, StoreError> {
        let asked = self.change(now, |state| (state.ask(in_doubt, now), state.open));
        let (permit, open) = asked.await?;
        if let (Permit::Probe, Some(open)) = (permit, open) {
            tell_open(self.client, open.cause);
        }
        Ok(permit)
    }

    /// After a probe.
    pub async fn probed(&self, shown: Shown, now: Timestamp) -> Result<(), StoreError> {
        if self.change(now, |state| state.probed(shown)).await? {
            tracing::warn!("The fleet breaker is closed: a probe was answered");
        }
        Ok(())
    }

    /// Google did not take our client.
    pub async fn client_fault(&self, now: Timestamp) -> Result<(), StoreError> {
        let opened = self.change(now, |state| {
            let known = state.open.is_some_and(|open| open.cause == Cause::ClientFault);
            if !known {
                state.open(Cause::ClientFault, now);
            }
            !known
        });
        if opened.await? {
            tell_open(self.client, Cause::ClientFault);
        }
        Ok(())
    }

    /// A grant was called dead, by a job that was not in doubt.
    pub async fn died(&self, now: Timestamp) -> Result<Word, StoreError> {
        let mailboxes = self.mailboxes(now).await?;
        let limits = self.limits;
        let (word, opened) = self
            .change(now, |state| {
                let was_open = state.open.is_some();
                let word = state.died(mailboxes, limits, now);
                (word, state.open.is_some() && !was_open)
            })
            .await?;
        if opened {
            tell_open(self.client, Cause::ManyDeaths);
        }
        Ok(word)
    }

    /// How many mailboxes the dispatcher found, in its last whole round; 0 before there was one.
    async fn mailboxes(&self, now: Timestamp) -> Result<u64, StoreError> {
        #[derive(Deserialize)]
        struct Round {
            #[serde(default)]
            mailboxes: u64,
        }
        let round = self.control.read(ROUND, now).await?;
        let round = round.and_then(|item| serde_json::from_str::<Round>(&item.value).ok());
        Ok(round.map_or(0, |round| round.mailboxes))
    }

    async fn read(&self, now: Timestamp) -> Result<(State, Option<u64>), StoreError> {
        let Some(item) = self.control.read(self.client.item(), now).await? else {
            return Ok((State::default(), None));
        };
        let unreadable = |error: serde_json::Error| StoreError::Broken {
            doing: "reading the fleet breaker",
            source: error.into(),
        };
        let state: State = serde_json::from_str(&item.value).map_err(unreadable)?;
        Ok((state.at(now, self.limits), Some(item.version)))
    }

    /// Changes the state in one conditional write, and writes nothing where nothing changes.
    async fn change<T>(
        &self,
        now: Timestamp,
        mut change: impl FnMut(&mut State) -> T,
    ) -> Result<T, StoreError> {
        let item = self.client.item();
        for _ in 0..RACES {
            let (read, version) = self.read(now).await?;
            let mut state = read.clone();
            let answer = change(&mut state);
            if state == read {
                return Ok(answer);
            }
            let value = serde_json::to_string(&state)
                .unwrap_or_else(|_| unreachable!("numbers and words are JSON"));
            if self.control.write(item, version, value, None, now).await? == Write::Applied {
                return Ok(answer);
            }
        }
        let source = "others always wrote first".into();
        Err(StoreError::Unavailable { doing: "changing the fleet breaker", source })
    }
}

/// The one line that the alarm listens for: when the breaker opens, and at each probe.
fn tell_open(client: Client, cause: Cause) {
    let cause = in_words(client, cause);
    tracing::error!(cause, "The fleet breaker is open: nobody is marked, and tokens wait");
}

fn in_words(client: Client, cause: Cause) -> &'static str {
    match (client, cause) {
        (Client::OAuth, Cause::ClientFault) => "Google does not take our OAuth client",
        (Client::ServiceAccount, Cause::ClientFault) => "Google does not take our service account",
        (_, Cause::ManyDeaths) => "many grants were called dead within ten minutes",
    }
}

#[cfg(test)]
mod tests;
