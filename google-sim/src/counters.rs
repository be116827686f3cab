//! The simulator's own count of what it was asked, to hold against what a client says it asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::methods::Method;

/// What has been counted since the world began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Calls by method, refused ones and the parts of batches included.
    pub calls: BTreeMap<&'static str, u64>,
    /// Units of quota spent.
    pub units: u64,
    /// Messages that came into mailboxes.
    pub messages: u64,
}

/// Counters that many threads may raise.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: [AtomicU64; Method::ALL.len()],
    units: AtomicU64,
    messages: AtomicU64,
}

impl Counters {
    pub(crate) fn call(&self, method: Method) {
        self.calls[method as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn spent(&self, units: u32) {
        self.units.fetch_add(u64::from(units), Ordering::Relaxed);
    }

    pub(crate) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let calls = Method::ALL.into_iter().zip(&self.calls).map(|(m, n)| (m.name(), count(n)));
        Counts {
            calls: calls.filter(|(_, count)| *count > 0).collect(),
            units: count(&self.units),
            messages: count(&self.messages),
        }
    }
}
