//! `fanmail accounts connect-link`: an address for one person.

use anyhow::anyhow;
use oauth_callback::link::{Link, address};
use oauth_callback::scope::GmailScope;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::Reference;

use crate::args::ConnectLink;
use crate::backend::Backend;
use crate::print::Out;

/// A link as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    url: String,
    #[serde(rename = "ref")]
    reference: Reference,
    scopes: Vec<&'static str>,
    expires_at: Timestamp,
}

/// Prints a signed link: the address alone for people, so that it can be piped, and all of it for programs.
pub(crate) async fn run(asked: ConnectLink, backend: &Backend, out: Out) -> anyhow::Result<()> {
    let redirect_uri = backend.door.redirect_uri()?;
    let signing = backend.door.signing().await?;
    // A link tells whole seconds.
    let seconds = (backend.clock.now() + asked.expires).seconds();
    let link = Link {
        reference: asked.reference,
        scopes: asked.scopes.into_iter().chain([GmailScope::Readonly]).collect(),
        expires_at: Timestamp::from_millis(seconds * 1000),
    };
    let url = address(&redirect_uri, &signing.sign(&link))
        .ok_or_else(|| anyhow!("{redirect_uri} is no address that a link could begin with"))?;
    let shown = Shown {
        url: url.into(),
        reference: link.reference,
        scopes: link.scopes.iter().map(|scope| scope.name()).collect(),
        expires_at: link.expires_at,
    };
    out.said(&shown.url, &shown)
}
