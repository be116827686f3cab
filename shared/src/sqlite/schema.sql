-- The tables of one machine. Times are RFC 3339 text, always with milliseconds, so that texts sort as times do.

CREATE TABLE mailboxes (
    user_id              TEXT    NOT NULL PRIMARY KEY,
    email                TEXT    NOT NULL,
    refresh_token        TEXT,
    access_token         TEXT,
    access_token_version INTEGER NOT NULL,
    expiry               TEXT,
    scopes               TEXT    NOT NULL,
    history_id           TEXT,
    last_fetched_at      TEXT    NOT NULL,
    last_mail_at         TEXT,
    connected_at         TEXT    NOT NULL,
    epoch                INTEGER NOT NULL,
    grant_number         INTEGER NOT NULL,
    disconnected_at      TEXT,
    needs_reauth         INTEGER NOT NULL,
    reauth_reason        TEXT,
    paused               INTEGER NOT NULL,
    paused_reason        TEXT,
    paced_until          TEXT    NOT NULL,
    paced_used           INTEGER NOT NULL,
    refresh_lease        TEXT,
    owed                 TEXT    NOT NULL,
    ref                  TEXT,
    -- JSON: what is remembered of the last purge.
    purged               TEXT,
    access               TEXT    NOT NULL DEFAULT 'consent',
    -- JSON: how the last gap was closed.
    last_gap             TEXT,
    -- What a scan needs beside the columns above, computed at each write.
    slot                 INTEGER NOT NULL,
    readable             INTEGER NOT NULL,
    owes                 INTEGER NOT NULL
) STRICT;

-- A scan reads this index alone: a million mailboxes without a token or an address in the cache.
CREATE INDEX roster ON mailboxes (slot, user_id, epoch, connected_at, last_fetched_at, last_mail_at, readable, owes);

CREATE TABLE marks (
    user_id       TEXT    NOT NULL,
    message_id    TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    generation    INTEGER NOT NULL,
    internal_date TEXT,
    job_id        TEXT    NOT NULL,
    listed_at     TEXT    NOT NULL,
    done_at       TEXT,
    expires_at    TEXT,
    -- JSON: the forwards that were begun.
    forwards      TEXT,
    pack          TEXT,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;

-- user_id is '-' where the body could not be read.
CREATE TABLE dead_letters (
    user_id       TEXT    NOT NULL,
    job_id        TEXT    NOT NULL,
    stage         TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    error         TEXT    NOT NULL,
    tries         INTEGER NOT NULL,
    first_seen_at TEXT    NOT NULL,
    last_seen_at  TEXT    NOT NULL,
    payload       TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    retries       INTEGER NOT NULL DEFAULT 0,
    retry_at      TEXT,
    -- JSON: what became of it.
    history       TEXT    NOT NULL DEFAULT '[]',
    PRIMARY KEY (user_id, job_id)
) STRICT;

-- labels: JSON.
CREATE TABLE results_index (
    user_id         TEXT    NOT NULL,
    message_id      TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    line            INTEGER,
    generation      INTEGER NOT NULL,
    internal_date   TEXT,
    category        TEXT    NOT NULL,
    labels          TEXT    NOT NULL,
    has_attachments INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE control (
    name       TEXT    NOT NULL PRIMARY KEY,
    value      TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    expires_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE queues (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    virtual_time INTEGER NOT NULL DEFAULT 0
) STRICT;

-- AUTOINCREMENT: an id is never used again, so that an old receipt is no right to a new record.
CREATE TABLE queue_records (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id   INTEGER NOT NULL,
    group_name TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    attributes TEXT    NOT NULL,
    receives   INTEGER NOT NULL,
    sent_at    TEXT    NOT NULL,
    visible_at TEXT    NOT NULL,
    -- Set while the record is ready, NULL while it waits for visible_at.
    tag        INTEGER
) STRICT;

CREATE INDEX queue_ready ON queue_records (queue_id, tag) WHERE tag IS NOT NULL;
CREATE INDEX queue_groups ON queue_records (queue_id, group_name, tag) WHERE tag IS NOT NULL;
CREATE INDEX queue_waiting ON queue_records (queue_id, visible_at, receives) WHERE tag IS NULL;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    event      TEXT    NOT NULL,
    attributes TEXT    NOT NULL
) STRICT;

PRAGMA user_version = 5;
