//! The log of events, as `fanmail events` follows it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::events::sqlite::SqliteEvents;
use shared::events::{Attributes, Event, EventKind, EventLog, Events};
use shared::sqlite::Database;

fn event(id: &str) -> Event {
    let at = "2026-05-01T12:00:00Z".parse().unwrap();
    Event::new("local", id.into(), EventKind::Connected, "42".into(), at, json!({ "n": 1 }))
}

#[tokio::test]
async fn who_reads_on_from_a_number_misses_nothing_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("fanmail.db")).unwrap();
    let log = SqliteEvents::new(database);
    assert_eq!(log.last().await.unwrap(), 0);
    let (mut read, mut seen) = (0, Vec::new());
    for round in 0..5 {
        let batch: Vec<_> = (0..3).map(|n| event(&format!("{round}-{n}"))).collect();
        assert!(log.publish(&batch).await.unwrap().is_empty());
        for logged in log.read_after(read, 2).await.unwrap() {
            assert!(logged.seq > read);
            read = logged.seq;
            seen.push(logged.event.id);
        }
    }
    let rest = log.read_after(read, 100).await.unwrap();
    assert_eq!(rest.last().unwrap().seq, log.last().await.unwrap());
    seen.extend(rest.into_iter().map(|logged| logged.event.id));
    let all: Vec<_> = (0..15).map(|n| format!("{}-{}", n / 3, n % 3)).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn attributes_travel_beside_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let log = SqliteEvents::new(Database::open(&folder.path().join("fanmail.db")).unwrap());
    let mut said = event("e1");
    said.attributes = Attributes {
        user_id: Some("42".parse().unwrap()),
        reference: None,
        category: Some("newsletter"),
        labels: vec!["finance".into()],
        has_attachments: Some(false),
        lane: Some("live"),
    };
    assert!(log.publish(&[said]).await.unwrap().is_empty());
    let logged = log.read_after(0, 10).await.unwrap().remove(0);
    let expected = json!({
        "type": "fanmail.mailbox.connected.v1", "userId": "42", "category": "newsletter",
        "labels": ["finance"], "hasAttachments": "false", "lane": "live"
    });
    assert_eq!(Value::Object(logged.attributes), expected);
    assert_eq!(logged.event.data, json!({ "n": 1 }));
}

#[tokio::test]
async fn an_event_is_found_by_its_id_among_those_of_its_mailbox_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = SqliteEvents::new(Database::open(&folder.path().join("fanmail.db")).unwrap());
    let about = |user: &str, id: &str| {
        let user_id = Some(user.parse().unwrap());
        Event { attributes: Attributes { user_id, ..Attributes::default() }, ..event(id) }
    };
    // More than are looked through at once.
    let noise: Vec<Event> = (0..6000).map(|number| about("4", &format!("n{number}"))).collect();
    assert!(log.publish(&[about("42", "e1"), about("4", "e2")]).await.unwrap().is_empty());
    assert!(log.publish(&noise).await.unwrap().is_empty());
    assert!(log.publish(&[about("42", "e3"), about("42", "e3")]).await.unwrap().is_empty());
    let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let wanted = ids(&["e1", "e2", "e3", "e4"]);
    let found = log.announced(&"42".parse().unwrap(), wanted).await.unwrap();
    assert_eq!(found, ids(&["e1", "e3"]));
}
