//! `fanmail accounts connect-link`: an address for one person.

use anyhow::anyhow;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::connect_link::{Link, address};
use shared::ids::{Reference, UserId};
use shared::mailbox::{AccessBy, Mailbox};
use shared::scope::GmailScope;

use crate::args::ConnectLink;
use crate::backend::{Backend, bad_use};
use crate::print::Out;

/// A link as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    url: String,
    #[serde(rename = "ref")]
    reference: Option<Reference>,
    user_id: Option<UserId>,
    scopes: Vec<&'static str>,
    expires_at: Timestamp,
}

/// Prints a signed link: the address alone for people, so that it can be piped, and all of it for programs.
pub(crate) async fn run(asked: ConnectLink, backend: &Backend, out: Out) -> anyhow::Result<()> {
    if let Some(user) = &asked.user {
        consents(user, backend).await?;
    }
    let redirect_uri = backend.door.redirect_uri()?;
    let signing = backend.door.signing().await?;
    // A link tells whole seconds.
    let seconds = (backend.clock.now() + asked.expires).seconds();
    let link = Link {
        reference: asked.reference,
        user: asked.user,
        scopes: asked.scopes.into_iter().chain([GmailScope::Readonly]).collect(),
        expires_at: Timestamp::from_millis(seconds * 1000),
    };
    let url = address(&redirect_uri, &signing.sign(&link))
        .ok_or_else(|| anyhow!("{redirect_uri} is no address that a link could begin with"))?;
    let shown = Shown {
        url: url.into(),
        reference: link.reference,
        user_id: link.user,
        scopes: link.scopes.iter().map(|scope| scope.name()).collect(),
        expires_at: link.expires_at,
    };
    out.said(&shown.url, &shown)
}

/// Refuses a link for whom nothing is asked of: their consent would take the place of their administrator's word, and is
/// theirs to revoke.
async fn consents(user: &UserId, backend: &Backend) -> anyhow::Result<()> {
    let row = backend.mailboxes.get(user).await?;
    let is_delegated =
        |row: &Mailbox| row.access == AccessBy::Delegation && row.disconnected_at.is_none();
    if row.is_some_and(|row| is_delegated(&row)) {
        return Err(bad_use(&format!(
            "{user} is read by delegation, and its owner is asked for nothing; what is lacking is authorized by an \
             administrator of its domain, and then `accounts connect-workspace` with its address takes it up"
        )));
    }
    Ok(())
}
