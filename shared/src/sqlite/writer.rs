//! The one thread that writes, and how writes share a transaction.
//!
//! Whatever is waiting when the thread comes round goes into one transaction, each task in a savepoint of its own: a
//! task that fails takes back its own changes and nobody else's. Nobody is answered before the commit. Under load this
//! makes a commit cheap for each; at rest a task waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::fault;
use crate::store::StoreError;

/// Tasks that may wait before their senders do.
const WAITING: usize = 1024;

/// The most tasks in one transaction: a bound on how long the first of them waits for its answer.
const TOGETHER: usize = 256;

/// SQLite's error, for every task that it concerns.
type Shared<T> = Result<T, Arc<rusqlite::Error>>;

/// Hands tasks to the thread. It ends when the last handle is dropped.
pub(super) struct Writer(mpsc::Sender<Box<dyn Task>>);

trait Task: Send {
    fn run(&mut self, connection: &Connection) -> Shared<()>;
    fn answer(self: Box<Self>, committed: Shared<()>);
}

struct Job<F, T> {
    doing: &'static str,
    work: Option<F>,
    outcome: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || run(&connection, inbox))?;
        Ok(Self(tasks))
    }

    pub(super) async fn write<F, T>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let gone = || StoreError::Unavailable { doing, source: "the writer has stopped".into() };
        let (answer, answered) = oneshot::channel();
        let job = Job { doing, work: Some(work), outcome: None, answer };
        self.0.send(Box::new(job)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl<F, T> Task for Job<F, T>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Shared<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = Some(in_savepoint(connection, work)?);
        Ok(())
    }

    /// A sender that has given up waiting is no reason to do anything else.
    fn answer(self: Box<Self>, committed: Shared<()>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => Ok(outcome),
            (Ok(()), None) => Err(Arc::new(rusqlite::Error::InvalidQuery)),
            (Err(error), _) => Err(error),
        };
        let _ = self.answer.send(answer.map_err(|error| fault(self.doing, error)));
    }
}

fn run(connection: &Connection, mut inbox: mpsc::Receiver<Box<dyn Task>>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while inbox.blocking_recv_many(&mut waiting, TOGETHER) > 0 {
        let (outcomes, committed) = transact(connection, &mut waiting);
        for (task, own) in waiting.drain(..).zip(outcomes) {
            // A task's own error says more than that of the transaction it brought down.
            task.answer(own.and(committed.clone()));
        }
    }
}

/// Runs the tasks in one transaction: how each ended, and how the transaction did.
fn transact(connection: &Connection, tasks: &mut [Box<dyn Task>]) -> (Vec<Shared<()>>, Shared<()>) {
    let mut outcomes = vec![Ok(()); tasks.len()];
    let committed = (|| {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for (task, outcome) in tasks.iter_mut().zip(&mut outcomes) {
            *outcome = task.run(connection);
            // SQLite gives a whole transaction up where it has no room or cannot write.
            if let Err(error) = outcome
                && connection.is_autocommit()
            {
                return Err(Arc::clone(error));
            }
        }
        connection.execute_batch("COMMIT").map_err(Arc::new)
    })();
    if !connection.is_autocommit() {
        // Nothing is left to report a failed rollback to: the next BEGIN will fail and say so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    (outcomes, committed)
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Shared<T> {
    connection.prepare_cached("SAVEPOINT task")?.execute([])?;
    // A panic is one task's, not the writer's: the thread must go on for all the others.
    let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or(Err(rusqlite::Error::UnwindingPanic));
    if outcome.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO task")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE task")?.execute([])?;
    }
    outcome.map_err(Arc::new)
}

#[cfg(test)]
mod tests {
    use rusqlite::Result;

    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        connection
    }

    fn insert(connection: &Connection, n: i64) -> Result<()> {
        connection.execute("INSERT INTO t VALUES (?1)", [n]).map(drop)
    }

    fn rows(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    type Answered = oneshot::Receiver<Result<(), StoreError>>;

    fn task(work: fn(&Connection) -> Result<()>) -> (Box<dyn Task>, Answered) {
        let (answer, answered) = oneshot::channel();
        (Box::new(Job { doing: "testing", work: Some(work), outcome: None, answer }), answered)
    }

    #[test]
    fn a_task_that_fails_or_panics_takes_back_its_own_changes_alone() {
        let connection = table();
        let (mut tasks, _answers): (Vec<_>, Vec<_>) = [
            task(|connection| insert(connection, 1)),
            task(|connection| insert(connection, 2).and(insert(connection, 1))),
            task(|connection| insert(connection, 3).map(|()| panic!("one task's own"))),
            task(|connection| insert(connection, 4)),
        ]
        .into_iter()
        .unzip();
        let (outcomes, committed) = transact(&connection, &mut tasks);
        assert!(committed.is_ok());
        assert_eq!(
            outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, false, false, true]
        );
        assert_eq!(rows(&connection), 2);
    }

    #[test]
    fn a_transaction_that_is_given_up_fails_all_of_its_tasks_and_none_after() {
        let connection = table();
        let giving_up = |connection: &Connection| {
            connection.execute("INSERT OR ROLLBACK INTO t VALUES (1)", []).map(drop)
        };
        let (mut tasks, answers): (Vec<_>, Vec<_>) =
            [task(|connection| insert(connection, 1)), task(giving_up), task(giving_up)]
                .into_iter()
                .unzip();
        let (outcomes, committed) = transact(&connection, &mut tasks);
        for (task, own) in tasks.into_iter().zip(outcomes) {
            task.answer(own.and(committed.clone()));
        }
        assert!(answers.into_iter().all(|mut answer| answer.try_recv().unwrap().is_err()));
        assert_eq!(rows(&connection), 0);
        let (mut tasks, _answers): (Vec<_>, Vec<_>) =
            [task(|connection| insert(connection, 1))].into_iter().unzip();
        assert!(transact(&connection, &mut tasks).1.is_ok());
        assert_eq!(rows(&connection), 1);
    }
}
