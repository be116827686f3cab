//! What a person trusts us with is where it belongs and nowhere else: not in a log line of whatever level, a job, an event
//! and what it is filtered by, a dead letter, a mark, a page.

use std::fmt::Write as _;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tests::google::Google;

use crate::service::Stage;

/// How Google's tokens begin.
const TOKENS: [&str; 2] = ["ya29.", "1//0"];

const SUBJECT: &str = "SUBJECT-4f1c";
const BODY: &str = "BODY-9d2e";
const SENDER: &str = "sender-77ab@example.org";

/// A message that is too large where nothing above 4 KiB is read.
const LARGE: usize = 8 << 10;

fn marked(padding: usize) -> Vec<u8> {
    format!(
        "From: Sender <{SENDER}>\r\nTo: you@example.com\r\nSubject: {SUBJECT}\r\n\
         Message-ID: <{padding}@example.org>\r\n\r\n{BODY} {}\r\n",
        "x".repeat(padding)
    )
    .into_bytes()
}

/// Every value of every table, one a line, after `table.column`.
fn rows(stage: &Stage) -> String {
    let file = stage.data.join("fanmail.db");
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables =
        database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut text = String::new();
    for table in tables {
        let mut all = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let names: Vec<String> = all.column_names().map(str::to_owned).collect();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (place, name) in names.iter().enumerate() {
                if let ValueRef::Text(value) | ValueRef::Blob(value) = row.get_ref(place).unwrap() {
                    let value = String::from_utf8_lossy(value);
                    writeln!(text, "{table}.{name} {value}").unwrap();
                }
            }
        }
    }
    text
}

/// The lines in which one of `words` stands.
fn lines_with<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

#[tokio::test]
async fn what_a_person_trusts_us_with_is_kept_in_its_place_and_nowhere_else() {
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("RUST_LOG", "trace");
    stage.setting("MAX_MESSAGE_BYTES", "4KiB");
    let person = Google::person(1);
    let service = stage.serve().await;
    let mut pages = service.tries_to_connect(&person).await;
    for padding in [0, LARGE] {
        stage.google.deliver(&person, &marked(padding)).await;
    }
    stage.done(1).await;
    stage.google.revoke(&person).await;
    stage.state(&person, "needs re-auth").await;
    stage.announced("mailbox.needs_reauth", 1).await;
    pages += &service.tries_to_connect(&person).await;
    stage.announced("mailbox.resumed", 1).await;
    let log = service.process.err() + &service.process.out();
    service.stop().await;
    let (rows, mail) = (rows(&stage), stage.files("results").len());
    assert_eq!(mail, 1, "one message is stored, the other is parked");
    assert!(lines_with(&log, &["DEBUG", "TRACE"]).len() > 10, "the log tells everything:\n{log}");
    assert!(rows.lines().count() > 20 && rows.contains("dead_letters.reason too_large"), "{rows}");

    let of_a_message: Vec<&str> = TOKENS.into_iter().chain([SUBJECT, BODY, SENDER]).collect();
    let everything = [&person[..]].into_iter().chain(of_a_message).collect::<Vec<_>>();
    for (place, text) in [("the log", &log), ("a page", &pages)] {
        assert_eq!(lines_with(text, &everything), [""; 0], "in {place}");
    }
    let address = format!("mailboxes.email {person}");
    let elsewhere: Vec<_> =
        lines_with(&rows, &everything).into_iter().filter(|line| *line != address).collect();
    assert_eq!(elsewhere, [""; 0], "in the database");
    assert!(rows.contains(&address), "what was looked for can be found");
}
