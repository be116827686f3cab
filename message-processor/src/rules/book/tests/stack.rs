//! Functions of a stack, the operator's bucket, and the log.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::archive::memory::MemoryArchive;
use shared::clock::{Chance, Clock, Timestamp};
use tokio::sync::Notify;

use super::label;
use crate::rules::book::last_good::LastGood;
use crate::rules::book::watched::Watched;
use crate::rules::book::{Book, Content, Holding, RulesSource};

/// A file out of the house, and how it was asked.
pub(super) struct Bucket {
    holds: Mutex<Result<String, String>>,
    known: Mutex<Vec<Option<String>>>,
    /// What happens before each of the next answers.
    meanwhile: Mutex<VecDeque<BoxFuture<'static, ()>>>,
}

impl Bucket {
    pub(super) fn holding(text: &str) -> Arc<Self> {
        let holds = Mutex::new(Ok(text.to_owned()));
        Arc::new(Self { holds, known: Mutex::default(), meanwhile: Mutex::default() })
    }

    pub(super) fn put(&self, text: &str) {
        *self.holds.lock().unwrap() = Ok(text.to_owned());
    }

    pub(super) fn fail(&self, error: &str) {
        *self.holds.lock().unwrap() = Err(error.to_owned());
    }

    /// What readers said that they know, since this was asked last.
    pub(super) fn known(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.known.lock().unwrap())
    }

    /// Before the next answer to which nothing else has been said yet, this happens.
    pub(super) fn meanwhile(&self, deed: impl Future<Output = ()> + Send + 'static) {
        self.meanwhile.lock().unwrap().push_back(deed.boxed());
    }

    /// The next answer waits until it is let go.
    pub(super) fn hold(&self) -> Arc<Held> {
        let held = Arc::new(Held::default());
        let its = held.clone();
        self.meanwhile(async move {
            its.reached.notify_one();
            its.let_go.notified().await;
        });
        held
    }
}

/// An answer that waits.
#[derive(Default)]
pub(super) struct Held {
    pub(super) reached: Notify,
    pub(super) let_go: Notify,
}

#[async_trait]
impl RulesSource for Bucket {
    fn name(&self) -> String {
        "s3://ours/rules.toml".to_owned()
    }

    async fn read(&self, known: Option<&str>) -> Result<Option<Content>, String> {
        self.known.lock().unwrap().push(known.map(str::to_owned));
        let meanwhile = self.meanwhile.lock().unwrap().pop_front();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let text = self.holds.lock().unwrap().clone()?;
        let version = crate::rules::hash(text.as_bytes());
        let content = Content { bytes: text.into_bytes(), version };
        Ok((known != Some(content.version.as_str())).then_some(content))
    }
}

/// Functions over one archive, which know nothing of each other.
pub(super) struct Stack {
    pub(super) bucket: Arc<Bucket>,
    pub(super) archive: Arc<MemoryArchive>,
    pub(super) clock: Clock,
}

impl Stack {
    pub(super) fn over(bucket: Arc<Bucket>) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(0));
        Self { bucket, archive: Arc::default(), clock }
    }

    /// A function that has just begun.
    pub(super) fn function(&self) -> Book {
        Book::on_use(
            self.bucket.clone(),
            self.archive.clone(),
            self.clock.clone(),
            Chance::system(),
        )
    }

    /// One that waits less than a second for anybody.
    pub(super) fn impatient_function(&self) -> Book {
        let (file, clock) = (self.bucket.clone(), self.clock.clone());
        let mut watched = Watched::on_use(file, self.last_good(), clock);
        watched.patience = Duration::from_millis(100);
        Book(Holding::Watched(Arc::new(watched)))
    }

    pub(super) fn last_good(&self) -> LastGood {
        LastGood::new(self.archive.clone(), self.bucket.name(), Chance::system())
    }

    /// The label of the rules that are kept as the last good ones.
    pub(super) async fn kept(&self) -> Result<String, String> {
        self.last_good().rules().await.map(|rules| rules.list()[0].labels.concat())
    }

    /// Has what stands in the bucket now read and kept.
    pub(super) async fn pass(&self, function: &Book, text: &str) {
        self.bucket.put(text);
        self.clock.advance(Book::LOOKED_AT);
        label(function).await;
    }
}

/// What is logged by this thread.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(super) fn follow(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let writer = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        tracing::subscriber::set_default(writer.finish())
    }

    /// What was said since this was asked last.
    pub(super) fn said(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}
