//! From Google's answer to a connected mailbox.
//!
//! The order: the browser is recognised, the attempt is used up, only then is Google asked; who consented to what is
//! certain before anything is written; and what is written is one row, which owes everything that follows. A crash
//! before the write leaves the person to begin again, a crash after it loses nothing.

use std::collections::BTreeSet;

use shared::clock::{Chance, Timestamp};
use shared::connect_link::Link;
use shared::disposition::chain;
use shared::google::TokenAnswer;
use shared::google::id_token::Identity;
use shared::ids::{Epoch, Reference, UserId};
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::Consent;
use shared::mailbox::AccessBy;
use shared::queue::Queue;
use shared::scope::GmailScope;
use shared::sealing::{Sealed, SealedFor, TokenKind};
use shared::secret::RefreshToken;
use shared::store::Write;

use crate::after_consent::{Found, Given, Next, after_consent};
use crate::attempt::{ATTEMPT_LIFE, Attempt};
use crate::failure::Failure;
use crate::page::Page;
use crate::{Callback, addresses};

/// How often the row is read and the token sealed again after somebody else wrote first.
pub(crate) const RACES: usize = 10;

/// What Google said, verified.
struct Consented {
    identity: Identity,
    scopes: Vec<String>,
    /// Whether that is all that was asked for.
    whole: bool,
    refresh_token: Option<RefreshToken>,
    /// That of the link which the person came with.
    reference: Option<Reference>,
}

impl Callback {
    /// Connects the mailbox of whoever consented.
    pub(crate) async fn complete(
        &self,
        code: &str,
        state: &str,
        attempt: Option<Attempt>,
    ) -> Result<Page, Failure> {
        let now = self.clock.now();
        let attempt = attempt.filter(|attempt| attempt.is_answered_by(state, now));
        let attempt = attempt.ok_or(Failure::NoAttempt)?;
        let link = attempt.link.as_deref().map(|link| self.links.open(link));
        // What stands in a sealed attempt is signed; a `ref` that cannot be read is never left out.
        let link = link.map(|link| link.ok_or(Failure::NoAttempt)).transpose()?;
        self.use_up(&attempt, now).await?;
        let consented = self.ask_google(code, &attempt, link, now).await?;
        let (epoch, found) = self.store(&consented, now).await?;
        let user = &consented.identity.user_id;
        begin_sync(&*self.user_jobs, user, epoch, now, &self.chance).await;
        Ok(match found {
            Found::Stopped | Found::Well if !consented.whole => Page::ConnectedWithout,
            Found::Stopped => Page::Success,
            Found::Well => Page::AlreadyConnected,
        })
    }

    /// Remembers that the attempt was used, before its code is: of two answers to one attempt, only one reaches Google.
    /// The mark outlives the cookie, for it begins later and lasts as long.
    async fn use_up(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Failure> {
        let (mark, expires_at) = (attempt.mark(), Some(now + ATTEMPT_LIFE));
        let put = self.control.write(&mark, None, "{}".to_owned(), expires_at, now);
        match put.await.map_err(Failure::Store)? {
            Write::Applied => Ok(()),
            Write::Stale => Err(Failure::Used),
        }
    }

    /// Exchanges the code, and believes nothing of the answer that is not verified.
    async fn ask_google(
        &self,
        code: &str,
        attempt: &Attempt,
        link: Option<Link>,
        now: Timestamp,
    ) -> Result<Consented, Failure> {
        let answer = self.oauth.exchange(code, &attempt.verifier).await;
        let answer = answer.map_err(Failure::Exchange)?;
        let id_token = answer.id_token.as_deref().ok_or(Failure::NoIdToken)?;
        let identity = self.id_tokens.verify(id_token, &attempt.nonce, now).await;
        let identity = identity.map_err(Failure::IdToken)?;
        if link.iter().any(|link| link.user.as_ref().is_some_and(|user| *user != identity.user_id))
        {
            return Err(Failure::OtherAccount);
        }
        let asked = self.asked_for(link.as_ref());
        let scopes = granted(&answer, &asked);
        if !GmailScope::Readonly.is_in(&scopes) {
            // Not revoked: at Google that would end every other consent of this person for our project too.
            return Err(Failure::Partial);
        }
        let reference = link.and_then(|link| link.reference);
        let whole = asked.iter().all(|scope| scope.is_in(&scopes));
        Ok(Consented { identity, scopes, whole, refresh_token: answer.refresh_token, reference })
    }

    /// Stores the consent in one write, for the row as it was read. If the row has changed, so may the life that the
    /// token must be sealed for: both are done again.
    async fn store(
        &self,
        consented: &Consented,
        now: Timestamp,
    ) -> Result<(Epoch, Found), Failure> {
        let given = match consented.refresh_token {
            Some(_) => Given::RefreshToken,
            None => Given::Nothing,
        };
        let user = &consented.identity.user_id;
        for _ in 0..RACES {
            let row = self.mailboxes.get(user).await.map_err(Failure::Store)?;
            let (reference, backfill) = (consented.reference.as_ref(), &self.settings.backfill);
            let next = after_consent(row.as_ref(), user, reference, given, backfill, now);
            let next = next.map_err(Failure::NotYet)?;
            let (epoch, grant, found) = (next.epoch, next.grant, next.found);
            let sealed = self.seal(consented, epoch).await?;
            let consent = consent(consented, next, sealed, now);
            if self.mailboxes.connect(consent).await.map_err(Failure::Store)? == Write::Applied {
                tracing::info!(mailbox = %user, %epoch, %grant, "A mailbox was connected");
                return Ok((epoch, found));
            }
        }
        Err(Failure::Contended)
    }

    async fn seal(&self, consented: &Consented, epoch: Epoch) -> Result<Option<Sealed>, Failure> {
        let Some(token) = &consented.refresh_token else { return Ok(None) };
        let at = SealedFor { user: &consented.identity.user_id, epoch, kind: TokenKind::Refresh };
        self.sealing.seal(at, token.for_google()).await.map(Some).map_err(Failure::Sealing)
    }
}

/// Asks for the first sync at once. Nothing depends on it: the row owes what follows, and the dispatcher sends it.
pub(crate) async fn begin_sync(
    user_jobs: &dyn Queue,
    mailbox: &UserId,
    epoch: Epoch,
    now: Timestamp,
    chance: &Chance,
) {
    let header = JobHeader::new(mailbox.clone(), epoch, now, chance);
    let job = UserJob { header, kind: UserJobKind::Sync, cause: Cause::Connect };
    if let Err(error) = intake::send(user_jobs, &[job], now).await {
        tracing::warn!(%mailbox, error = chain(&error), "The first sync waits for the dispatcher");
    }
}

/// What was granted; where Google does not say, exactly what was asked for (RFC 6749, 5.1).
fn granted(answer: &TokenAnswer, asked: &BTreeSet<GmailScope>) -> Vec<String> {
    if answer.scopes.is_empty() {
        return addresses(asked).into_iter().map(str::to_owned).collect();
    }
    answer.scopes.clone()
}

fn consent(
    consented: &Consented,
    next: Next,
    refresh_token: Option<Sealed>,
    at: Timestamp,
) -> Consent {
    Consent {
        user_id: consented.identity.user_id.clone(),
        read: next.read,
        epoch: next.epoch,
        grant: next.grant,
        new_life: next.new_life,
        email: consented.identity.email.clone(),
        access: AccessBy::Consent,
        refresh_token,
        scopes: consented.scopes.clone(),
        at,
        reference: consented.reference.as_ref().map(ToString::to_string),
        owed: next.owed,
    }
}
