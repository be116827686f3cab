//! `fanmail accounts connect-workspace`: mailboxes of a domain that has delegated them, address by address.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use oauth_callback::after_consent::NotYet;
use oauth_callback::domain::{Connected, DomainDoor, NotConnected, Stored, scopes};
use serde::Serialize;
use shared::disposition::chain;
use shared::google::DelegationError;
use shared::ids::UserId;
use shared::scope::Feature;

use crate::args::ConnectWorkspace;
use crate::backend::{Backend, bad_use};
use crate::print::{Out, Row};
use crate::{BadUse, End};

/// What became of one address.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    address: String,
    /// `connected`, `already` or `refused`.
    outcome: &'static str,
    user_id: Option<UserId>,
    /// The switched-on features that it was connected without.
    without: Vec<Feature>,
    /// Why it was refused or goes without a feature, and what to do.
    reason: Option<String>,
}

/// Connects each address on its own: one that is refused does not hold the others, and makes the command end badly.
pub(crate) async fn run(
    asked: ConnectWorkspace,
    backend: &Backend,
    out: Out,
) -> anyhow::Result<End> {
    let addresses = addresses(&asked.addresses, asked.file.as_deref())?;
    let opened = backend.domain.open(&backend.clock).await?;
    let door = DomainDoor {
        delegation: Arc::new(opened.delegation),
        mailboxes: backend.mailboxes.clone(),
        user_jobs: backend.user_jobs.clone(),
        backfill: opened.backfill,
        features: opened.features,
        clock: backend.clock.clone(),
        chance: backend.chance.clone(),
    };
    let authorize = authorize(&opened.client_id, &scopes(&door.features));
    let mut outcomes = Vec::new();
    for address in addresses {
        let answer = door.connect(&address, asked.reference.as_ref()).await;
        outcomes.push(Line::of(address, answer, &authorize));
    }
    out.rows(&outcomes, "No address was named.")?;
    let refused = outcomes.iter().any(|outcome| outcome.user_id.is_none());
    Ok(if refused { End::Bad } else { End::Good })
}

/// Those that were typed and those of the file, each once, in order.
fn addresses(typed: &[String], file: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let listed = match file {
        None => String::new(),
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| BadUse(format!("cannot read {}: {}", file.display(), error.kind())))?,
    };
    let lines = listed.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for address in typed.iter().map(|typed| typed.trim()).chain(lines) {
        let halves = address.split_once('@').filter(|(name, domain)| {
            !name.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
        if halves.is_none() || address.contains(char::is_whitespace) {
            return Err(bad_use(&format!("'{address}' is no address; nothing was connected")));
        }
        if seen.insert(address.to_lowercase()) {
            all.push(address.to_owned());
        }
    }
    if all.is_empty() {
        return Err(bad_use("name an address, or a --file with one on each line"));
    }
    Ok(all)
}

impl Line {
    fn of(address: String, answer: Result<Connected, NotConnected>, authorize: &str) -> Self {
        match answer {
            Ok(Connected { user, stored, without }) => {
                let names: Vec<_> = without.iter().map(|feature| feature.as_str()).collect();
                let lacks = format!("without {}; {authorize}", names.join(" and "));
                Self {
                    address,
                    outcome: match stored {
                        Stored::Now => "connected",
                        Stored::Already => "already",
                    },
                    user_id: Some(user),
                    reason: (!without.is_empty()).then_some(lacks),
                    without,
                }
            }
            Err(error) => {
                let reason = match remedy(&error, authorize) {
                    Some(remedy) => format!("{}; {remedy}", chain(&error)),
                    None => chain(&error),
                };
                let (without, reason) = (Vec::new(), Some(reason));
                Self { address, outcome: "refused", user_id: None, without, reason }
            }
        }
    }
}

/// What the administrator of a domain has to do.
fn authorize(client_id: &str, scopes: &[&str]) -> String {
    format!(
        "a super administrator of the domain authorizes client id {client_id} for {} under Security > API controls > \
         Domain-wide delegation, which may take up to 24 hours to spread",
        scopes.join(","),
    )
}

/// What to do about a refusal, where anything can be done but to try again.
fn remedy(error: &NotConnected, authorize: &str) -> Option<String> {
    Some(match error {
        NotConnected::Google(DelegationError::NotAuthorized { .. }) => authorize.to_owned(),
        NotConnected::Google(DelegationError::NoSuchAccount) => {
            "look in the domain's directory how the account is called now".to_owned()
        }
        NotConnected::Google(DelegationError::Assertion { .. }) => {
            "set the clock, or make a new key for the service account".to_owned()
        }
        NotConnected::Google(DelegationError::ServiceAccount { .. }) => {
            "look at the service account in the Google Cloud console".to_owned()
        }
        NotConnected::Alias(_) => "name that one".to_owned(),
        NotConnected::NotYet(NotYet::StillDisconnecting(_)) => {
            "try again in some minutes".to_owned()
        }
        NotConnected::NotYet(NotYet::OtherReference) => {
            "disconnect it first, or leave --ref out".to_owned()
        }
        NotConnected::Google(
            DelegationError::NoKey
            | DelegationError::Unheard { .. }
            | DelegationError::RateLimited { .. }
            | DelegationError::Backend { .. }
            | DelegationError::Unreachable { .. }
            | DelegationError::Credentials(_)
            | DelegationError::Malformed { .. },
        )
        | NotConnected::NotYet(NotYet::NoRefreshToken)
        | NotConnected::Store(_)
        | NotConnected::Contended => return None,
    })
}

impl Row for Line {
    const HEAD: &'static [&'static str] = &["ADDRESS", "OUTCOME", "USER", "WHY"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            self.outcome.to_owned(),
            self.user_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}
