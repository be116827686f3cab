//! What a story does to Google, and asks it behind the stages' back.

use std::time::Duration;

use google_sim::Google;
use google_sim::faults::{Fault, FaultKind};
use google_sim::in_process::InProcess;
use google_sim::methods::Method;
use shared::google::Gmail;
use shared::ids::HistoryId;
use shared::secret::AccessToken;

use super::world::World;
use simulation::hand::Strike;

impl World {
    /// The next `count` calls of a method end so.
    pub(crate) fn fault_times(&self, method: Method, kind: FaultKind, count: u32) {
        self.set_fault(method, kind, Some(count), Duration::ZERO);
    }

    /// Every call of a method ends so, until Google is healed.
    pub(crate) fn fault(&self, method: Method, kind: FaultKind) {
        self.set_fault(method, kind, None, Duration::ZERO);
    }

    /// The next call of a method takes so long.
    pub(crate) fn slow(&self, method: Method, latency: Duration) {
        self.set_fault(method, FaultKind::Latency, Some(1), latency);
    }

    fn set_fault(&self, method: Method, kind: FaultKind, count: Option<u32>, latency: Duration) {
        let (email, method) = (None, Some(method));
        self.google.set_fault(Fault { email, method, kind, rate: 1.0, count, latency });
    }

    pub(crate) fn heal(&self) {
        self.google.clear_faults();
    }

    /// This happens at Google when the next call of this name has been answered there and not yet been heard of here.
    pub(crate) fn meanwhile(
        &self,
        call: &'static str,
        event: impl FnOnce(&Google) + Send + 'static,
    ) {
        let google = self.google.clone();
        self.effects.next(call, Strike::Meanwhile(Box::new(move || event(&google))));
    }

    /// Where a mailbox's history stands.
    pub(crate) async fn history_id(&self, email: &str) -> HistoryId {
        let google = self.google.clone();
        let token = AccessToken::new(google.issue_token(email).unwrap());
        let face = InProcess { google, redirect_uri: String::new() };
        face.profile(&token).await.unwrap().history_id
    }
}
