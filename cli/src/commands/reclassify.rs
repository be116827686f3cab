//! `fanmail reclassify`: what was stored is judged anew, from the archive.

use std::sync::Arc;

use message_processor::Rules;
use message_processor::reclassify::{Change, Reclassification, Scope, Standing, Stopped, Tally};
use serde::Serialize;
use shared::settings::{Env, RulesFile, Settings};

use crate::args::{Place, Reclassify};
use crate::backend::{Backend, stack};
use crate::print::{Out, line};
use crate::{BadUse, End};

/// Judges anew what the options name.
pub(crate) async fn run(asked: Reclassify, place: &Place, out: Out) -> anyhow::Result<End> {
    let settings = settings()?;
    let rules = match place.stack()? {
        None => settings.rules_file.as_ref().map(local).transpose()?,
        Some(name) => stack::rules(name).await?,
    };
    let stack = place.stack()?.map_or(settings.stack, str::to_owned);
    let backend = Backend::open(place, &asked.data).await?;
    let since = asked.since.map(|since| since.moment(backend.clock.now()));
    let scope = Scope { user: asked.user, since, changed_only: asked.changed_only };
    let reclassification = Reclassification {
        mailboxes: backend.mailboxes,
        marks: backend.marks,
        archive: backend.archive,
        // Whether `serve` notes results or not: what it has noted must not stay behind.
        index: backend.index,
        events: backend.events,
        control: backend.control,
        rules: rules.map(Arc::new),
        stack,
        event_data: settings.event_data,
        clock: backend.clock,
    };
    let mut lost = Ok(());
    let tell = |change: &Change| {
        if lost.is_ok() {
            lost = show(change, out);
        }
    };
    let tally = if asked.dry_run {
        reclassification.plan(&scope, tell).await
    } else {
        reclassification.apply(&scope, tell).await
    };
    lost?;
    sum(&tally.map_err(stopped)?, asked.dry_run, out)?;
    Ok(End::Good)
}

/// The rules of this machine.
fn local(file: &RulesFile) -> anyhow::Result<Rules> {
    let path = file.on_this_machine().map_err(|what| BadUse(format!("RULES_FILE: {what}")))?;
    Rules::open(path).map_err(|bad| BadUse(bad.to_string()).into())
}

/// That somebody else is at it is for the caller to wait for.
fn stopped(error: Stopped) -> anyhow::Error {
    match error {
        Stopped::Busy { .. } => BadUse(error.to_string()).into(),
        Stopped::Overtaken | Stopped::Store(_) => error.into(),
    }
}

fn settings() -> anyhow::Result<Settings> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads what `reclassify` is told"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let mut env = Env::new(&lookup);
    let settings = Settings::read(&mut env);
    env.finish(settings).map_err(|bad| BadUse(bad.to_string()).into())
}

fn show(change: &Change, out: Out) -> anyhow::Result<()> {
    if out.json {
        return out.object(change);
    }
    let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
    let user = id(change.user_id.as_ref().map(ToString::to_string));
    let message = id(change.message_id.as_ref().map(ToString::to_string));
    let content = if change.content { ", read otherwise" } else { "" };
    line(&format!("{user} {message}: {} -> {}{content}", words(&change.from), words(&change.to)))
}

/// Such as `personal [finance, urgent]`.
fn words(standing: &Standing) -> String {
    if standing.labels.is_empty() {
        return standing.category.to_string();
    }
    format!("{} [{}]", standing.category, standing.labels.join(", "))
}

/// The last line.
#[derive(Serialize)]
struct Summary<'a> {
    summary: &'a Tally,
}

fn sum(tally: &Tally, dry_run: bool, out: Out) -> anyhow::Result<()> {
    let Tally { looked, changed, announced, without_original, unreadable, ended } = tally;
    let done = if dry_run {
        "nothing was written".to_owned()
    } else {
        format!("{announced} announced again")
    };
    let told =
        format!("{looked} results looked at, {changed} of them judged or read otherwise; {done}");
    let rest = [
        (without_original, "without an original, which stay as they are"),
        (unreadable, "cannot be read"),
        (ended, "of mailboxes that are not connected, which stay as they are"),
    ];
    let rest = rest.into_iter().filter(|(count, _)| **count > 0);
    let rest = rest.map(|(count, what)| format!("{count} {what}"));
    let told = std::iter::once(told).chain(rest).collect::<Vec<_>>().join("; ");
    out.said(&told, &Summary { summary: tally })
}
