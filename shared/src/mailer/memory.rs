//! Mail that goes nowhere and is remembered.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Delivery, Mail, Mailer};
use crate::store::StoreError;

/// Takes every mail, but to whom it refuses.
#[derive(Default)]
pub struct MemoryMailer(Mutex<State>);

#[derive(Default)]
struct State {
    sent: Vec<Mail>,
    refused: BTreeSet<String>,
}

impl MemoryMailer {
    /// Nothing was sent yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was taken, in order, repetitions included.
    pub fn sent(&self) -> Vec<Mail> {
        self.state().sent.clone()
    }

    /// Takes nothing to this address any more.
    pub fn refuse(&self, address: &str) {
        self.state().refused.insert(address.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<Delivery, StoreError> {
        let mut state = self.state();
        if state.refused.contains(&mail.to) {
            return Ok(Delivery::Refused { code: "550".to_owned() });
        }
        state.sent.push(mail.clone());
        Ok(Delivery::Taken)
    }
}
