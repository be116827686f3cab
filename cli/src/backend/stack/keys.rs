//! `fanmail keys` on a stack: what is sealed there, and sealing it anew, with the credentials of whoever types it.

use anyhow::{Context, anyhow};
use serde_json::json;
use shared::aws;
use shared::aws::stack::Stack;
use shared::rotation::{Rotation, census};
use shared::sealing::TokenKind;
use shared::sealing::kms::born;
use shared::settings::Env;

use super::names::Names;
use crate::args::KeysCommand;
use crate::backend::bad_use;
use crate::commands::keys::{KeyRow, count};
use crate::print::{Out, progress};
use crate::{BadUse, End};

/// Carries out one command on the keys of the stack of this name.
pub(crate) async fn keys(command: KeysCommand, name: &str, out: Out) -> anyhow::Result<End> {
    let config = aws::config().await;
    let names = Names::of_stack(&config, name).await?;
    let lookup = |name: &str| names.get(name);
    let mut env = Env::new(&lookup);
    let mut stack = Stack::new(&mut env, &config);
    let (mailboxes, sealing) = (stack.ledger(), stack.refresh_sealing());
    let now = stack.clock.now();
    let opened = env.finish((mailboxes, sealing)).map_err(|bad| BadUse(bad.to_string()));
    let (mailboxes, sealing) =
        opened.with_context(|| format!("the stack {name} is not one of ours"))?;
    match command {
        KeysCommand::List => {
            let mut rows = Vec::new();
            let counted = census(&*mailboxes, |tokens| {
                count(&mut rows, tokens, |sealed| {
                    let born = born(sealed);
                    let state = if born.is_some() { "data key" } else { "spoilt" };
                    KeyRow::new(sealed.key_name(), born, state, now)
                });
            });
            counted.await?;
            rows.sort_by_key(|row: &KeyRow| row.made);
            out.rows(&rows, "No token is stored.")?;
        }
        KeysCommand::Rotate { since } => {
            let since = since.unwrap_or(now);
            if since > now {
                return Err(bad_use(
                    "--since lies in the future: everything would be sealed anew, for ever",
                ));
            }
            progress(&format!("Should this be interrupted, go on with --since {since}"));
            let is_old: Box<shared::rotation::IsOld> = Box::new(move |kind, sealed| {
                kind == TokenKind::Refresh && born(sealed).is_none_or(|born| born < since)
            });
            rotate(Rotation { mailboxes, sealing, is_old }, &since.to_string(), out).await?;
        }
        KeysCommand::Retire => {
            return Err(bad_use(
                "on AWS there is nothing to drop: data keys are stored nowhere but with their tokens, and KMS keeps \
                 its own",
            ));
        }
    }
    Ok(End::Good)
}

async fn rotate(rotation: Rotation, since: &str, out: Out) -> anyhow::Result<()> {
    let (pass, resealed) = rotation.run().await?;
    for user in &pass.unopened {
        progress(&format!(
            "The refresh token of {user} does not open: it was changed or moved. Its owner must connect it again."
        ));
    }
    for user in &pass.unread {
        progress(&format!("The row of {user} cannot be read; its tokens stay as they are."));
    }
    if !pass.found_nothing() {
        return Err(anyhow!(
            "tokens are still being sealed under data keys from before {since}; run it again"
        ));
    }
    let said = format!(
        "Done: {resealed} mailboxes were sealed anew. No refresh token needs a data key from before {since} any more."
    );
    let (mailboxes, unopened, unread) = (pass.mailboxes, pass.unopened, pass.unread);
    out.said(
        &said,
        &json!({
            "since": since, "mailboxes": mailboxes, "resealed": resealed, "unopened": unopened, "unread": unread
        }),
    )
}
