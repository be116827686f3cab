//! Orders: letters sent round again or given up, many at a time.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use desk::letters::each;
use desk::orders::{Desk, Ended, Held, How, Order, Refused};
use desk::plan::{Kind, Plan, Scope};
use serde::Serialize;
use shared::ledger::LetterFilter;

use super::look::there_is;
use crate::args::Which;
use crate::backend::{Backend, bad_use};
use crate::print::{Out, Row, line, progress};
use crate::{BadUse, End};

/// Giving up costs Gmail nothing: as fast as the tables take it.
const DISCARD_RATE: u32 = 1_000;

pub(super) async fn replay(
    backend: &Backend,
    which: Which,
    rate: u32,
    out: Out,
) -> anyhow::Result<End> {
    order(backend, (Kind::Replay, false), which, rate, out).await
}

pub(super) async fn give_up(
    backend: &Backend,
    which: Which,
    ended_only: bool,
    out: Out,
) -> anyhow::Result<End> {
    order(backend, (Kind::Discard, ended_only), which, DISCARD_RATE, out).await
}

async fn order(
    backend: &Backend,
    (kind, ended_only): (Kind, bool),
    which: Which,
    rate: u32,
    out: Out,
) -> anyhow::Result<End> {
    if which.jobs.is_empty() && which.filter.is_empty() && !which.all && !ended_only {
        return Err(bad_use(
            "say which letters are meant: their jobIds, a filter such as --reason or --since, or --all",
        ));
    }
    let desk = backend.desk();
    let scope = Scope { jobs: which.jobs, filter: which.filter.at(backend), ended_only };
    let plan = desk.plan(kind, &scope, rate).await?;
    if plan.letters == 0 && plan.left_out.is_empty() {
        let there = there_is(backend).await?;
        return Err(anyhow!("no dead letter is meant, and nothing was done. {there}"));
    }
    if which.dry_run {
        show_plan(&plan, kind, out)?;
        return Ok(End::Good);
    }
    if plan.letters == 0 {
        show_plan(&plan, kind, out)?;
        progress("Nothing was done: every letter that is meant is left alone.");
        return Ok(End::Bad);
    }
    let by = which.by.or_else(user).unwrap_or_else(|| "somebody".to_owned());
    let held = desk.begin(kind, scope, &by, rate).await.map_err(refused)?;
    carry_out(&desk, held, out).await
}

async fn carry_out(desk: &Desk, held: Held, out: Out) -> anyhow::Result<End> {
    let plan = desk.rest(&held).await?;
    if !out.json {
        show_plan(&plan, held.order().kind, out)?;
    }
    let tell = |order: &Order| {
        let (number, counts) = (order.number, &order.counts);
        progress(&format!(
            "order {number}: {} of {} letters, {} messages",
            counts.letters, counts.planned, counts.messages
        ));
    };
    let number = held.order().number;
    let order = desk.carry_out(held, plan, tell).await.map_err(refused).with_context(|| {
        format!(
            "order {number} stands still; in a minute `fanmail dead-letters resume` goes on with it"
        )
    })?;
    out.said(&ended(&order), &order)?;
    Ok(End::Good)
}

pub(super) async fn pause(backend: &Backend, out: Out) -> anyhow::Result<()> {
    let order = backend.desk().pause().await.map_err(refused)?;
    let said =
        format!("Order {} stands still; `fanmail dead-letters resume` has it go on.", order.number);
    out.said(&said, &order)
}

pub(super) async fn cancel(backend: &Backend, out: Out) -> anyhow::Result<()> {
    let order = backend.desk().cancel().await.map_err(refused)?;
    let said = match order.ended {
        Some(_) => ended(&order),
        None => {
            format!("Order {} ends within a second. What it has sent stays sent.", order.number)
        }
    };
    out.said(&said, &order)
}

pub(super) async fn resume(backend: &Backend, out: Out) -> anyhow::Result<End> {
    let desk = backend.desk();
    let (order, held) = desk.resume().await.map_err(refused)?;
    let number = order.number;
    let Some(held) = held else {
        let said = format!("Order {number} goes on, in the process that {} began it in.", order.by);
        out.said(&said, &order)?;
        return Ok(End::Good);
    };
    progress(&format!("Order {number}, which {} gave at {}, goes on here.", order.by, order.at));
    carry_out(&desk, held, out).await
}

pub(super) async fn log(backend: &Backend, limit: u64, out: Out) -> anyhow::Result<()> {
    let orders: Vec<OrderRow> =
        backend.desk().log(limit).await?.into_iter().map(OrderRow).collect();
    out.rows(&orders, "Nobody has replayed or discarded anything yet.")
}

/// One order, and what has become of its letters since.
pub(super) async fn outcome(backend: &Backend, number: u64, out: Out) -> anyhow::Result<()> {
    let orders = backend.desk().log(u64::MAX).await?;
    let last = orders.first().map_or(0, |order| order.number);
    let order = orders.into_iter().find(|order| order.number == number);
    let order = order.ok_or_else(|| anyhow!("there is no order {number}; the last is {last}"))?;
    let mut since: BTreeMap<String, u64> = BTreeMap::new();
    each(&*backend.letters, &LetterFilter::default(), |letter| {
        if letter.was_touched_by(number) {
            *since.entry(letter.state.to_string()).or_default() += 1;
        }
    })
    .await?;
    let parts: Vec<String> =
        since.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let said = format!("{} Its letters now: {}.", ended(&order), parts.join(", "));
    out.said(&said, &serde_json::json!({ "order": order, "letters": since }))
}

fn show_plan(plan: &Plan, kind: Kind, out: Out) -> anyhow::Result<()> {
    if out.json {
        return out.object(&plan);
    }
    let Plan { letters, messages, mailboxes, units, takes, left_out, .. } = plan;
    let takes = humantime::format_duration(*takes);
    let what = format!("{letters} letters with {messages} messages of {mailboxes} mailboxes");
    line(&match kind {
        Kind::Replay => format!("{what} go round again: {units} quota units, {takes} at least."),
        Kind::Discard => format!("{what} are given up."),
    })?;
    left_out.iter().try_for_each(|(why, left)| {
        let (count, sample) = (left.letters, &left.sample);
        line(&format!("{count} left alone, such as {sample}: {}.", why.in_words()))
    })
}

fn ended(order: &Order) -> String {
    let (number, counts) = (order.number, &order.counts);
    let done = match order.kind {
        Kind::Replay => "sent round again",
        Kind::Discard => "given up",
    };
    let how = match order.ended {
        Some(Ended { how: How::Finished, at }) => format!("finished at {at}"),
        Some(Ended { how: How::Cancelled, at }) => format!("was cancelled at {at}"),
        None => "is not over".to_owned(),
    };
    let said = format!(
        "Order {number} by {} {how}: {} of {} letters {done}, with {} messages",
        order.by, counts.letters, counts.planned, counts.messages
    );
    let rest = [(counts.moved_on, "were not parked any more"), (counts.left_out, "left alone")];
    let rest = rest.into_iter().filter(|(count, _)| *count > 0);
    let rest = rest.map(|(count, what)| format!("{count} {what}"));
    std::iter::once(said).chain(rest).collect::<Vec<_>>().join("; ") + "."
}

/// That somebody else is at it, or nobody, is the caller's to know.
fn refused(refused: Refused) -> anyhow::Error {
    match refused {
        Refused::Busy(_) | Refused::Idle => BadUse(refused.to_string()).into(),
        Refused::Overtaken(_) | Refused::Store(_) => refused.into(),
    }
}

fn user() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks who is at the keyboard")]
    let user = std::env::var("USER");
    user.ok().filter(|user| !user.is_empty())
}

#[derive(Serialize)]
struct OrderRow(Order);

impl Row for OrderRow {
    const HEAD: &'static [&'static str] =
        &["ORDER", "WHAT", "BY", "AT", "LETTERS", "MESSAGES", "LEFT ALONE", "ENDED", "WHICH"];

    fn cells(&self) -> Vec<String> {
        let order = &self.0;
        let counts = &order.counts;
        let kind = match order.kind {
            Kind::Replay => "replay",
            Kind::Discard => "discard",
        };
        let ended = match order.ended {
            Some(Ended { how: How::Finished, at }) => at.to_string(),
            Some(Ended { how: How::Cancelled, at }) => format!("cancelled {at}"),
            None => "at work".to_owned(),
        };
        vec![
            order.number.to_string(),
            kind.to_owned(),
            order.by.clone(),
            order.at.to_string(),
            format!("{} of {}", counts.letters, counts.planned),
            counts.messages.to_string(),
            counts.left_out.to_string(),
            ended,
            which(&order.scope),
        ]
    }
}

/// Which letters an order was about, as they were asked for.
fn which(scope: &Scope) -> String {
    if let [job] = scope.jobs.as_slice() {
        return job.to_string();
    }
    if !scope.jobs.is_empty() {
        return format!("{} by jobId", scope.jobs.len());
    }
    let LetterFilter { user_id, reason, stage, since, .. } = &scope.filter;
    let mut parts = Vec::new();
    parts.extend(reason.map(|reason| format!("--reason {reason}")));
    parts.extend(user_id.as_ref().map(|user| format!("--user {user}")));
    parts.extend(stage.map(|stage| format!("--stage {stage}")));
    parts.extend(since.map(|since| format!("--since {since}")));
    if parts.is_empty() { "--all".to_owned() } else { parts.join(" ") }
}
