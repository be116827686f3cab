//! When the secret is read, and when it is not.

use std::time::Duration;

use super::*;
use crate::aws::kept::REST;
use crate::aws::scripted::{Scripted, refused, said};
use crate::clock::Timestamp;

fn client(scripted: &Scripted, clock: &Clock) -> SecretClient {
    SecretClient::new(Secrets::new(&scripted.config), "gmail/oauth".to_owned(), clock.clone())
}

/// A secret whose password is another one from its `changed`-th reading on.
async fn changing(changed: usize) -> Scripted {
    Scripted::answering(move |number, _| {
        let word = if number < changed { "old" } else { "new" };
        let text = format!(r#"{{"GOOGLE_CLIENT_ID":"id","GOOGLE_CLIENT_SECRET":"{word}"}}"#);
        said(200, &serde_json::json!({ "Name": "gmail/oauth", "SecretString": text }))
    })
    .await
}

#[tokio::test]
async fn the_secret_is_read_once_however_many_ask() {
    let (scripted, clock) = (changing(1).await, Clock::manual(Timestamp::from_millis(0)));
    let client = client(&scripted, &clock);
    assert_eq!(scripted.asked().len(), 0, "nothing is read before it is needed");
    let (one, other) = futures::join!(client.credentials(), client.credentials());
    assert_eq!(one.unwrap().secret.for_google(), other.unwrap().secret.for_google());
    clock.advance(Duration::from_hours(9));
    client.credentials().await.unwrap();
    assert_eq!(scripted.asked().len(), 1);
}

#[tokio::test]
async fn a_refused_client_is_read_again_but_not_at_every_refusal() {
    let (scripted, clock) = (changing(2).await, Clock::manual(Timestamp::from_millis(0)));
    let client = client(&scripted, &clock);
    let old = client.credentials().await.unwrap();
    assert!(client.newer(&old).await.unwrap().is_none(), "it was read just now");
    assert_eq!(scripted.asked().len(), 1);
    clock.advance(REST);
    assert!(client.newer(&old).await.unwrap().is_none(), "nobody has changed it");
    let current = client.credentials().await.unwrap();
    clock.advance(REST);
    let new = client.newer(&current).await.unwrap().unwrap();
    assert_eq!(new.secret.for_google(), "new");
    // Whoever was refused by the old one and comes later gets what is there, without another reading.
    assert!(Arc::ptr_eq(&client.newer(&current).await.unwrap().unwrap(), &new));
    assert_eq!(scripted.asked().len(), 3);
}

#[tokio::test]
async fn a_secret_that_is_missing_is_looked_for_again_at_the_next_use() {
    let scripted = Scripted::answering(|number, _| {
        if number == 0 {
            return refused("ResourceNotFoundException");
        }
        let text = r#"{"GOOGLE_CLIENT_ID":"id","GOOGLE_CLIENT_SECRET":"s"}"#;
        said(200, &serde_json::json!({ "Name": "gmail/oauth", "SecretString": text }))
    })
    .await;
    let client = client(&scripted, &Clock::manual(Timestamp::from_millis(0)));
    assert!(matches!(client.credentials().await, Err(StoreError::Broken { .. })));
    assert_eq!(client.credentials().await.unwrap().id, "id");
}
