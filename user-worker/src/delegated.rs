//! The access token of a mailbox that is read by delegation: made out to our service account in the mailbox's name, under
//! the same lease as a refresh, and kept as what a refresh gives is kept.
//!
//! The breaker for the OAuth client is not asked: Google may have shut that client out and take the service account, or the
//! other way round. What Google holds against the service account opens a breaker of its own, so that a fleet does not ask
//! in vain at every poll.

use shared::breaker::{Breaker, Permit, Shown};
use shared::disposition::{Attempt, GoogleFailure, chain, delegation_failure};
use shared::google::delegation::mint_widest;
use shared::google::{DelegationError, TokenAnswer};
use shared::mailbox::Mailbox;

use crate::UserWorker;
use crate::failure::SyncError;
use crate::token::Access;

impl UserWorker {
    /// A new access token by delegation, for the scopes that the mailbox was connected with. Where the domain has taken one
    /// of a feature back, the mailbox is read on without it.
    pub(crate) async fn mint(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Access, SyncError> {
        let Some(delegation) = &self.delegation else { return Err(DelegationError::NoKey.into()) };
        let breaker = self.breaker.of_service_account();
        let permit = breaker.ask(false, attempt.now).await?;
        if let Permit::Held(until) = permit {
            return Err(SyncError::Held(until));
        }
        self.lease(mailbox, attempt).await?;
        let minted = mint_widest(&**delegation, &mailbox.email, &mailbox.scopes).await;
        let minted = minted.map(|(token, _)| token);
        tell(&breaker, permit, &minted, attempt).await;
        self.conclude(mailbox, minted.map_err(SyncError::from), attempt).await
    }
}

/// What Google's answer says of our service account. Where it cannot be noted the next answer says it again.
async fn tell(
    breaker: &Breaker,
    permit: Permit,
    minted: &Result<TokenAnswer, DelegationError>,
    attempt: &Attempt,
) {
    let failure = minted.as_ref().err().map(delegation_failure);
    let told = match (permit, failure) {
        (_, Some(GoogleFailure::OurServiceAccount)) => breaker.client_fault(attempt.now).await,
        (Permit::Probe, None) => breaker.probed(Shown::Life, attempt.now).await,
        // Whoever is told of a domain's or an account's doing was taken for a service account.
        (Permit::Probe, Some(GoogleFailure::Pause(_))) => {
            breaker.probed(Shown::Death, attempt.now).await
        }
        (Permit::Granted | Permit::Probe | Permit::Held(_), _) => Ok(()),
    };
    if let Err(error) = told {
        tracing::warn!(error = chain(&error), "The fleet breaker could not be told");
    }
}
