//! A file of rules that may change, and the rules of it that are in force.

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shared::clock::{Clock, Timestamp};
use shared::store::StoreError;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::Book;
use super::last_good::LastGood;
use super::source::{Content, RulesSource};
use super::told::Told;
use crate::rules::Rules;

/// How soon a file is looked at again while there are no rules at all: jobs wait for them.
const MISSED: Duration = Duration::from_secs(10);

/// A job waits with the look that it has begun.
const PATIENCE: Duration = Duration::from_secs(4);

/// The rules in force; otherwise why there are none.
type InForce = Result<Arc<Rules>, String>;

pub(super) struct Watched {
    file: Arc<dyn RulesSource>,
    in_force: RwLock<InForce>,
    /// Whoever holds it looks.
    look: Mutex<Look>,
    /// Where it is looked at when its rules are used.
    on_use: Option<OnUse>,
    /// How long a look may wait for the file, and as long again for the last good rules.
    pub(super) patience: Duration,
}

struct OnUse {
    last_good: LastGood,
    clock: Clock,
}

/// What was found when the file was looked at.
#[derive(Default)]
struct Look {
    at: Option<Timestamp>,
    seen: Option<Seen>,
    told: Told,
    told_of_keeping: Told,
}

/// What stands in the file, as far as is known.
struct Seen {
    version: String,
    rules: Seeing,
}

enum Seeing {
    /// They may not run, and why.
    Bad(String),
    /// They are in force, and their text is not yet kept as the last good one.
    Good(Vec<u8>),
    /// They are in force, and nothing is left to do.
    Kept,
}

impl Watched {
    /// The rules of a file that is looked at when somebody says so.
    pub(super) fn holding(rules: Rules, file: Arc<dyn RulesSource>) -> Self {
        let seen = Seen { version: rules.hash.clone(), rules: Seeing::Kept };
        let look = Mutex::new(Look { seen: Some(seen), ..Look::default() });
        Self {
            file,
            in_force: RwLock::new(Ok(Arc::new(rules))),
            look,
            on_use: None,
            patience: PATIENCE,
        }
    }

    /// The rules of a file that is looked at when they are used.
    pub(super) fn on_use(file: Arc<dyn RulesSource>, last_good: LastGood, clock: Clock) -> Self {
        let in_force = RwLock::new(Err("they were not read yet".to_owned()));
        let on_use = Some(OnUse { last_good, clock });
        Self { file, in_force, look: Mutex::default(), on_use, patience: PATIENCE }
    }

    /// The rules in force, after a look if it is time for one.
    pub(super) async fn rules(&self) -> Result<Arc<Rules>, StoreError> {
        if let Some(on_use) = &self.on_use {
            self.look_if_due(&on_use.clock).await;
        }
        let broken =
            |why: String| StoreError::Broken { doing: "reading the rules", source: why.into() };
        self.in_force().map_err(broken)
    }

    /// One looks, and the others go on with the rules that they have. Without any they wait.
    async fn look_if_due(&self, clock: &Clock) {
        let look = match self.in_force() {
            Ok(_) => self.look.try_lock().ok().map(|look| (look, Book::LOOKED_AT)),
            Err(_) => Some((self.look.lock().await, MISSED)),
        };
        let Some((mut look, rest)) = look else { return };
        let now = clock.now();
        if look.at.is_none_or(|at| now.since(at) >= rest) {
            look.at = Some(now);
            self.look_with(look).await;
        }
    }

    /// Takes what stands in the file now, if it may. What may not leaves the rules as they are.
    pub(super) async fn look(&self) {
        self.look_with(self.look.lock().await).await;
    }

    async fn look_with(&self, mut look: MutexGuard<'_, Look>) {
        let trouble = self.find(&mut look).await;
        if let Some(trouble) = &trouble
            && self.in_force().is_err()
            && let Err(why) = self.fall_back().await
        {
            // Each job that cannot go on tells it.
            let _nothing = self.set(Err(format!("{trouble}; {why}")));
            return;
        }
        if look.told.is_news(trouble.as_deref()) {
            if let Some(error) = trouble {
                tracing::error!(error, "The rules cannot be used; those from before stay");
            } else {
                tracing::info!("The rules can be used again");
            }
        }
        self.keep(&mut look).await;
    }

    /// Reads the file if it is another than before, and puts good rules into force. Answers what is wrong with it.
    async fn find(&self, look: &mut Look) -> Option<String> {
        let known = look.seen.as_ref().map(|seen| seen.version.as_str());
        let read = self.within(&self.file.name(), self.file.read(known)).await;
        match read {
            Err(error) => return Some(error),
            Ok(None) => {}
            Ok(Some(Content { bytes, version })) => {
                let rules = match self.parse(bytes.clone()).await {
                    Err(error) => Seeing::Bad(error),
                    Ok(rules) => {
                        self.put(rules);
                        Seeing::Good(bytes)
                    }
                };
                look.seen = Some(Seen { version, rules });
            }
        }
        match look.seen.as_ref().map(|seen| &seen.rules) {
            Some(Seeing::Bad(error)) => Some(error.clone()),
            Some(Seeing::Good(_) | Seeing::Kept) | None => None,
        }
    }

    /// Keeps good rules for whoever begins while the file is bad. What is not kept now is at the next look.
    async fn keep(&self, look: &mut Look) {
        let Look { seen: Some(Seen { version, rules }), told_of_keeping: told, .. } = look else {
            return;
        };
        let Seeing::Good(text) = rules else { return };
        let kept = match &self.on_use {
            None => Ok(true),
            Some(on_use) => {
                let still_stands = async { Ok(self.file.read(Some(version)).await?.is_none()) };
                self.within("keeping them", on_use.last_good.keep(text, still_stands)).await
            }
        };
        if told.is_news(kept.as_ref().err().map(String::as_str))
            && let Err(error) = &kept
        {
            tracing::error!(error, "The last good rules cannot be kept");
        }
        if kept == Ok(true) {
            *rules = Seeing::Kept;
        }
    }

    /// Puts the last good rules into force.
    async fn fall_back(&self) -> Result<(), String> {
        let Some(on_use) = &self.on_use else { return Err("there are no others".to_owned()) };
        self.put(self.within("the last good ones", on_use.last_good.rules()).await?);
        Ok(())
    }

    /// Large files take a while, and a panic is as good as a bad file.
    async fn parse(&self, bytes: Vec<u8>) -> Result<Rules, String> {
        let parsed = tokio::task::spawn_blocking(move || Rules::parse(&bytes)).await;
        let name = self.file.name();
        parsed.map_err(|panic| format!("{name}: {panic}"))?.map_err(|bad| bad.in_file(&name))
    }

    fn put(&self, rules: Rules) {
        let (count, hash) = (rules.list.len(), rules.hash.clone());
        let before = self.set(Ok(Arc::new(rules)));
        match before {
            Ok(before) if before.hash == hash => {}
            Ok(_) => tracing::info!(rules = count, hash, "The rules have changed"),
            Err(_) => tracing::info!(rules = count, hash, "The rules have been read"),
        }
    }

    fn in_force(&self) -> InForce {
        // Only whole rules are ever put there.
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, in_force: InForce) -> InForce {
        let mut held = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut held, in_force)
    }

    /// What `reading` comes to, if it does so in time.
    async fn within<T>(
        &self,
        what: &str,
        reading: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let late = |_| format!("{what}: no answer within {:?}", self.patience);
        timeout(self.patience, reading).await.map_err(late)?
    }
}
