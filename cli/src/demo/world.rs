//! The simulated Google of a demo, and who got how much mail in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use google_sim::grants::Cause;
use google_sim::{Google, GoogleConfig, http};
use tokio::net::TcpListener;

use super::mail::{Mail, Spread};
use crate::args::Switch;
use crate::commands::google_sim::address;
use crate::machine::folder::Folder;

/// A Google of our own.
pub(crate) struct World {
    pub(crate) google: Google,
    pub(crate) people: Vec<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    delivered: Mutex<BTreeMap<String, u64>>,
}

impl World {
    /// A Google with so many people, in the folder's time.
    pub(crate) fn new(folder: &Folder, people: usize, quota: Switch) -> Self {
        let mut config = GoogleConfig::new(folder.clock.clone(), folder.chance.clone());
        if quota == Switch::Off {
            config.quota = None;
        }
        let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
        let google = Google::new(config);
        let people: Vec<String> = (1..=people).map(address).collect();
        for email in &people {
            google.add_mailbox(email, "A person");
        }
        Self { google, people, client_id, client_secret, delivered: Mutex::default() }
    }

    /// Answers over HTTP on a port of its own; the address to reach it at.
    pub(crate) async fn serve(&self) -> anyhow::Result<String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let google = self.google.clone();
        tokio::spawn(async move {
            if let Err(error) = http::serve(google, listener).await {
                tracing::error!(%error, "The simulated Google is gone");
            }
        });
        Ok(format!("http://{addr}"))
    }

    /// Delivers mail to everybody.
    pub(crate) fn deliver_all(&self, mail: &Mail, spread: Spread) -> anyhow::Result<()> {
        mail.spread(self.people.len(), spread)
            .try_for_each(|(person, body)| self.deliver(person, body))
    }

    /// Delivers one message.
    pub(crate) fn deliver(&self, person: usize, body: Bytes) -> anyhow::Result<()> {
        let email = &self.people[person];
        self.google.deliver(email, body)?;
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        *delivered.entry(email.clone()).or_default() += 1;
        Ok(())
    }

    /// How many messages `email` got.
    pub(crate) fn delivered_to(&self, email: &str) -> u64 {
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.get(email).copied().unwrap_or_default()
    }

    /// The last `count` people take their consent back.
    pub(crate) fn revoke(&self, count: usize) -> anyhow::Result<()> {
        for email in self.people.iter().rev().take(count) {
            self.google.revoke(email, Cause::UserRevoked)?;
        }
        Ok(())
    }
}
