//! A stack on AWS: its resources by their names, which CloudFormation tells.

mod consumer;
mod keys;
mod names;
mod rules;
mod work;

use anyhow::Context;
use shared::aws;
use shared::aws::stack::Stack;
use shared::breaker::Breaker;
use shared::settings::Env;

use self::names::Names;
use super::{Backend, Domain, Door};
use crate::BadUse;

pub(crate) use self::consumer::{consumer, webhook_keys};
pub(crate) use self::keys::keys;
pub(crate) use self::rules::rules;
pub(crate) use self::work::work;

/// Opens the stack of this name, in the account and region that the environment names.
pub(crate) async fn open(name: &str) -> anyhow::Result<Backend> {
    let config = aws::config().await;
    let names = Names::of_stack(&config, name).await?;
    let lookup = |name: &str| names.get(name);
    let mut env = Env::new(&lookup);
    let backend = backend(&mut Stack::new(&mut env, &config));
    env.finish(backend)
        .map_err(|bad| BadUse(bad.to_string()))
        .with_context(|| format!("the stack {name} is not one of ours"))
}

fn backend(stack: &mut Stack<'_, '_>) -> Backend {
    let ledger = stack.ledger();
    // The output is there where the table is.
    let has_index = stack.env.text("RESULTS_INDEX_TABLE").is_some();
    Backend {
        index: has_index.then(|| ledger.clone() as _),
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        breaker: Breaker::new(ledger),
        archive: stack.archive(),
        events: stack.events(),
        event_log: None,
        user_jobs: stack.user_jobs(),
        replay: stack.replay(),
        door: Door::Stack {
            secrets: stack.secrets(),
            web_secret_id: stack.env.required("WEB_SECRET_ID"),
            redirect_uri: stack.env.required("REDIRECT_URI"),
        },
        domain: Domain::Stack {
            secrets: stack.secrets(),
            secret_id: stack.env.text("WORKSPACE_KEY"),
            features: stack.env.text("FEATURES"),
        },
        poll_interval_max: Some(stack.settings.poll_interval_max),
        clock: stack.clock.clone(),
        chance: stack.chance.clone(),
        worker: "the stack's user-worker",
    }
}
