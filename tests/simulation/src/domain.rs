//! A Workspace domain, whose mailboxes are read because its administrator allows it: what he does, what the operator does,
//! and what Google says to our service account.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use google_sim::Google;
use google_sim::delegated::Delegated;
use google_sim::domains::ServiceAccountKey;
use google_sim::scopes::Scopes;
use oauth_callback::domain::{DomainDoor, scopes};
use shared::google::delegation::READING;
use shared::google::service_account::ServiceAccount;
use shared::google::{Account, Delegation, DelegationError, TokenAnswer};
use shared::mailbox::Mailbox;
use shared::scope::Feature;
use shared::secret::AccessToken;

use crate::processes::Kind;
use crate::witness::Witness;
use crate::world::World;

/// What its addresses end in.
pub const DOMAIN: &str = "example.net";

/// One key for every world, and who signs with it: to make the one and to read the other takes longer than to live through a
/// seed.
static KEY: LazyLock<Option<(ServiceAccountKey, Arc<ServiceAccount>)>> = LazyLock::new(|| {
    let key = ServiceAccountKey::generate("fan").ok()?;
    let account = ServiceAccount::parse(&key.json).ok()?;
    Some((key, Arc::new(account)))
});

/// What speaks as the service account, once it is one of Google's.
pub(crate) fn service_account(google: &Google) -> Option<Delegated> {
    let (key, account) = KEY.as_ref()?;
    google.add_service_account(key);
    Some(Delegated { google: google.clone(), account: account.clone() })
}

/// Delegation, with the witness standing behind it.
pub(crate) struct WitnessedDelegation {
    pub(crate) google: Delegated,
    pub(crate) witness: Arc<Witness>,
}

#[async_trait]
impl Delegation for WitnessedDelegation {
    async fn mint(&self, email: &str, scopes: &[String]) -> Result<TokenAnswer, DelegationError> {
        let answer = self.google.mint(email, scopes).await;
        self.witness.fate.count("delegation", word(answer.as_ref().err()));
        answer
    }

    async fn account(&self, token: &AccessToken) -> Result<Account, DelegationError> {
        self.google.account(token).await
    }
}

fn word(error: Option<&DelegationError>) -> &'static str {
    match error {
        None => "a token",
        Some(DelegationError::NotAuthorized { .. }) => "not authorized",
        Some(DelegationError::NoSuchAccount) => "no such account",
        Some(DelegationError::NoKey) => "no key",
        Some(DelegationError::Assertion { .. }) => "bad assertion",
        Some(DelegationError::ServiceAccount { .. }) => "service account not taken",
        Some(DelegationError::Unheard { .. }) => "unheard of",
        Some(DelegationError::RateLimited { .. }) => "rate limited",
        Some(DelegationError::Backend { .. }) => "5xx",
        Some(DelegationError::Unreachable { .. }) => "no answer",
        Some(DelegationError::Malformed { .. }) => "malformed",
        Some(DelegationError::Credentials(_)) => "credentials",
    }
}

impl World {
    /// The administrator lets the service account read, and put labels where `labels` says so.
    pub(crate) fn authorize(&self, labels: bool) {
        let features = labels.then_some(Feature::Labels).into_iter().collect();
        let allowed = Scopes::parse(&scopes(&features).join(" "));
        if let (Some((key, _)), Ok(allowed)) = (KEY.as_ref(), allowed) {
            self.google.authorize(DOMAIN, &key.client_id, allowed);
        }
    }

    /// The administrator takes that back.
    pub(crate) fn withdraw(&self) {
        if let Some((key, _)) = KEY.as_ref() {
            self.google.withdraw(DOMAIN, &key.client_id);
        }
    }

    /// Whether Google takes the service account from now on.
    pub(crate) fn take_service_account(&self, taken: bool) {
        if let Some((key, _)) = KEY.as_ref() {
            // There is none where there is no domain.
            let _ = self.google.disable_service_account(&key.email, !taken);
        }
    }

    /// The administrator gives an account another address: the one that we know is nobody's from now on.
    pub(crate) fn rename(&mut self, person: usize) {
        let email = &mut self.people[person].0;
        let new = format!("new.{email}");
        if self.google.rename(email, &new).is_ok() {
            *email = new;
        }
    }

    /// The operator connects a mailbox by the address that it has now, as `connect-workspace` does.
    pub(crate) fn delegate(&mut self, person: usize) {
        let Some(delegation) = self.stages.delegation.clone() else { return };
        let (email, stages) = (self.people[person].0.clone(), self.stages.clone());
        let door = DomainDoor {
            delegation,
            mailboxes: stages.stores.mailboxes,
            user_jobs: stages.stores.user_jobs,
            backfill: stages.settings.backfill,
            features: stages.settings.features,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        };
        let fate = self.fate.clone();
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                match door.connect(&email, None).await {
                    Ok(connected) => fate.note("delegated", format!("{:?}", connected.stored)),
                    Err(error) => fate.note("not delegated", error.to_string()),
                }
            }),
        );
    }

    /// Whether a mailbox's domain would let it be read by the address that we know, asked behind everybody's back.
    pub(crate) fn is_let_in(&self, row: &Mailbox) -> bool {
        let (google, reading) = (self.google.clone(), READING.map(str::to_owned));
        let face = KEY.as_ref().map(|(_, account)| Delegated { google, account: account.clone() });
        face.is_some_and(|face| {
            crate::at_once(face.mint(&row.email, &reading)).is_some_and(|token| token.is_ok())
        })
    }
}
