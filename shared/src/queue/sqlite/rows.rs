//! The statements of a queue, each within the transaction of whoever calls.

use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use crate::clock::Timestamp;
use crate::queue::lease::Lease;
use crate::queue::{Depth, MAX_RECEIVES, Outgoing, Record, VISIBILITY};

/// The most records that one receive makes ready: a bound on one transaction, well above what one receive takes, so
/// that what is due stands in fair order before it is taken.
const PROMOTED: usize = 1000;

const ADD: &str = "
    INSERT INTO queue_records (queue_id, group_name, body, attributes, receives, sent_at, visible_at, tag)
    VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)";

/// One after the queue's virtual time or the group's last tag, whichever is later. Tags of records that are gone are
/// never later than the virtual time, hence need no memory.
const NEXT_TAG: &str = "
    SELECT max(virtual_time, coalesce((
        SELECT max(tag) FROM queue_records INDEXED BY queue_groups
        WHERE queue_id = ?1 AND group_name = ?2 AND tag IS NOT NULL
    ), 0)) + 1 FROM queues WHERE id = ?1";

const ANY: &str = "
    SELECT EXISTS (
        SELECT 1 FROM queue_records INDEXED BY queue_ready WHERE queue_id = ?1 AND tag IS NOT NULL
    ) OR EXISTS (
        SELECT 1 FROM queue_records INDEXED BY queue_waiting
        WHERE queue_id = ?1 AND tag IS NULL AND visible_at <= ?2
    )";

const DUE: &str = "
    SELECT id, group_name FROM queue_records INDEXED BY queue_waiting
    WHERE queue_id = ?1 AND tag IS NULL AND visible_at <= ?2 ORDER BY visible_at LIMIT ?3";

const PROMOTE: &str = "UPDATE queue_records SET tag = ?2 WHERE id = ?1";

const FIRST: &str = "
    SELECT id, body, attributes, receives, sent_at, tag, group_name FROM queue_records INDEXED BY queue_ready
    WHERE queue_id = ?1 AND tag IS NOT NULL ORDER BY tag LIMIT ?2";

const LEND: &str =
    "UPDATE queue_records SET tag = NULL, receives = ?2, visible_at = ?3 WHERE id = ?1";

const BURY: &str =
    "UPDATE queue_records SET queue_id = ?2, receives = 0, visible_at = ?3, tag = ?4 WHERE id = ?1";

const PASS: &str = "UPDATE queues SET virtual_time = max(virtual_time, ?2) WHERE id = ?1";

const DELETE: &str = "
    DELETE FROM queue_records
    WHERE id = ?2 AND queue_id = ?1 AND receives = ?3 AND tag IS NULL AND visible_at > ?4";

const HIDE: &str = "
    UPDATE queue_records SET visible_at = ?5
    WHERE id = ?2 AND queue_id = ?1 AND receives = ?3 AND tag IS NULL AND visible_at > ?4";

const RECLAIM: &str = "
    UPDATE queue_records SET visible_at = ?2
    WHERE queue_id = ?1 AND tag IS NULL AND receives > 0 AND visible_at > ?2";

const DEPTH: &str = "
    SELECT (SELECT count(*) FROM queue_records INDEXED BY queue_ready WHERE queue_id = ?1 AND tag IS NOT NULL)
             + count(*) FILTER (WHERE visible_at <= ?2),
           count(*) FILTER (WHERE visible_at > ?2 AND receives > 0),
           count(*) FILTER (WHERE visible_at > ?2 AND receives = 0)
    FROM queue_records INDEXED BY queue_waiting WHERE queue_id = ?1 AND tag IS NULL";

/// A queue's rows, by the numbers of the queue and of the one it gives up to.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    queue: i64,
    dead_letters: Option<i64>,
}

/// A record that is ready.
struct Ready {
    id: i64,
    receives: u32,
    tag: i64,
    group: String,
    record: Record,
}

impl Rows {
    pub(super) fn open(
        connection: &Connection,
        name: &str,
        dead_letters: Option<&str>,
    ) -> rusqlite::Result<Self> {
        let queue = number(connection, name)?;
        let dead_letters = dead_letters.map(|name| number(connection, name)).transpose()?;
        Ok(Self { queue, dead_letters })
    }

    pub(super) fn add(
        self,
        connection: &Connection,
        out: &Outgoing,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let group = out.group.as_ref().map_or("", |group| group.as_str());
        let tag =
            if out.delay.is_zero() { Some(next_tag(connection, self.queue, group)?) } else { None };
        let attributes = serde_json::to_string(&out.attributes)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let visible_at = whole_second(now, out.delay);
        let row = params![self.queue, group, out.body, attributes, now, visible_at, tag];
        connection.prepare_cached(ADD)?.execute(row).map(drop)
    }

    /// Whether there is anything to take.
    pub(super) fn any(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
        connection.prepare_cached(ANY)?.query_row((self.queue, now), |row| row.get(0))
    }

    /// Lends up to `max` records, and gives up those that have been lent too often.
    pub(super) fn take(
        self,
        connection: &Connection,
        max: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Record>> {
        self.promote(connection, now)?;
        let mut records = Vec::new();
        while records.len() < max {
            let found = self.first(connection, max - records.len())?;
            let Some(last) = found.last() else { break };
            connection.prepare_cached(PASS)?.execute((self.queue, last.tag))?;
            for ready in found {
                match self.dead_letters {
                    Some(dead) if ready.receives >= MAX_RECEIVES => {
                        bury(connection, dead, &ready, now)?;
                    }
                    _ => records.push(lend(connection, ready, now)?),
                }
            }
        }
        Ok(records)
    }

    /// Gives what is due its tag. A record is tagged when it becomes ready, not when it is sent: a thousand of one
    /// group that were delayed to the same moment must not all stand before others then.
    fn promote(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        let mut due = connection.prepare_cached(DUE)?;
        let due = due.query_map(params![self.queue, now, PROMOTED], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        for (id, group) in due.collect::<Result<Vec<_>, _>>()? {
            let tag = next_tag(connection, self.queue, &group)?;
            connection.prepare_cached(PROMOTE)?.execute((id, tag))?;
        }
        Ok(())
    }

    fn first(self, connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Ready>> {
        connection.prepare_cached(FIRST)?.query_map(params![self.queue, limit], ready)?.collect()
    }

    pub(super) fn delete(
        self,
        connection: &Connection,
        lease: Lease,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let row = (self.queue, lease.id, lease.receives, now);
        connection.prepare_cached(DELETE)?.execute(row).map(drop)
    }

    pub(super) fn hide(
        self,
        connection: &Connection,
        lease: Lease,
        now: Timestamp,
        after: Duration,
    ) -> rusqlite::Result<()> {
        let row = (self.queue, lease.id, lease.receives, now, whole_second(now, after));
        connection.prepare_cached(HIDE)?.execute(row).map(drop)
    }

    pub(super) fn reclaim(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        connection.prepare_cached(RECLAIM)?.execute((self.queue, now)).map(drop)
    }

    pub(super) fn depth(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<Depth> {
        connection.prepare_cached(DEPTH)?.query_row((self.queue, now), |row| {
            Ok(Depth { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
        })
    }
}

fn number(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.execute("INSERT INTO queues (name) VALUES (?1) ON CONFLICT DO NOTHING", [name])?;
    connection.query_row("SELECT id FROM queues WHERE name = ?1", [name], |row| row.get(0))
}

/// When a delay is over, up to a second late. A million records that are delayed to a few hundred seconds stand at a few
/// hundred places of the index and not at a million, so that a batch changes few of its pages. (SQS keeps whole seconds
/// too.) No delay at all is over at once.
fn whole_second(now: Timestamp, delay: Duration) -> Timestamp {
    if delay.is_zero() {
        return now;
    }
    let over = now + delay + Duration::from_millis(999);
    Timestamp::from_millis(over.seconds() * 1000)
}

fn next_tag(connection: &Connection, queue: i64, group: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(NEXT_TAG)?.query_row((queue, group), |row| row.get(0))
}

fn lend(connection: &Connection, ready: Ready, now: Timestamp) -> rusqlite::Result<Record> {
    let record = ready.record;
    let visible_at = whole_second(now, VISIBILITY);
    connection.prepare_cached(LEND)?.execute((ready.id, record.receive_count, visible_at))?;
    Ok(record)
}

fn bury(connection: &Connection, dead: i64, ready: &Ready, now: Timestamp) -> rusqlite::Result<()> {
    let tag = next_tag(connection, dead, &ready.group)?;
    connection.prepare_cached(BURY)?.execute((ready.id, dead, now, tag)).map(drop)
}

fn ready(row: &Row<'_>) -> rusqlite::Result<Ready> {
    let (id, receives): (i64, u32) = (row.get(0)?, row.get(3)?);
    let lease = Lease { id, receives: receives + 1 };
    let attributes = serde_json::from_str(row.get_ref(2)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into()))?;
    let record = Record {
        id: id.to_string(),
        receipt: lease.receipt(),
        body: row.get(1)?,
        attributes,
        receive_count: lease.receives,
        sent_at: row.get(4)?,
    };
    Ok(Ready { id, receives, tag: row.get(5)?, group: row.get(6)?, record })
}
