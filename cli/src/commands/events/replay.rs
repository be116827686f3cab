//! `fanmail events replay`: what was announced is announced again, from marks and archive.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use message_processor::announce_again::{
    Asked, EventReplay, Outlet, Rate, Stopped, Tally, Told, Window, Without,
};
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::events::Events;
use shared::settings::{Env, Settings};

use super::destination::Destination;
use crate::args::{Data, Place, ReplayEvents};
use crate::backend::{Backend, bad_use};
use crate::print::{Out, progress};
use crate::{BadUse, End};

/// How often a person is told how far it is.
const TELL: Duration = Duration::from_secs(5);

/// Announces again what the options name.
pub(crate) async fn run(
    args: ReplayEvents,
    data: &Data,
    place: &Place,
    out: Out,
) -> anyhow::Result<End> {
    let (settings, endpoint) = read(place)?;
    let to = args.to.as_deref().map(|text| Destination::read(text, endpoint.as_deref()));
    let to = to.transpose().map_err(|bad| BadUse(bad.to_string()))?;
    let backend = Backend::open(place, data).await?;
    let asked = asked(&args, backend.clock.now())?;
    let to = match &to {
        Some(one) => one.open(place, &settings, &backend.clock).await?,
        None => backend.events.clone(),
    };
    if let Some(user) = &asked.user
        && backend.mailboxes.get(user).await?.is_none()
    {
        return Err(anyhow!(
            "no mailbox with the userId {user}; `fanmail accounts list` shows those there are"
        ));
    }
    let replay = announcer_of(&backend, place, settings)?;
    let outlet = (!args.dry_run).then_some((to, args.rate));
    let tally = announced(&replay, &asked, outlet, out).await?;
    if tally.events == 0 {
        return Err(anyhow!(nothing(&replay, &asked, &tally).await?));
    }
    let plan = args.dry_run.then(|| Plan::of(&tally, args.rate));
    let summary = Summary { summary: &tally, plan: plan.as_ref() };
    out.said(&in_words(&tally, plan.as_ref()), &summary)?;
    Ok(End::Good)
}

/// What announces again, as the settings say.
pub(crate) fn announcer(backend: &Backend, place: &Place) -> anyhow::Result<EventReplay> {
    announcer_of(backend, place, read(place)?.0)
}

fn announcer_of(
    backend: &Backend,
    place: &Place,
    settings: Settings,
) -> anyhow::Result<EventReplay> {
    Ok(EventReplay {
        mailboxes: backend.mailboxes.clone(),
        marks: backend.marks.clone(),
        archive: backend.archive.clone(),
        stack: place.stack()?.map_or(settings.stack, str::to_owned),
        event_data: settings.event_data,
        clock: backend.clock.clone(),
    })
}

/// The settings, and where AWS is if it is not AWS itself.
fn read(place: &Place) -> anyhow::Result<(Settings, Option<String>)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads what `events replay` is told"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let mut env = Env::new(&lookup);
    let settings = Settings::read(&mut env);
    let endpoint = env.text("AWS_ENDPOINT_URL_SQS").or_else(|| env.text("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.filter(|_| place.stack().is_ok_and(|stack| stack.is_some()));
    env.finish((settings, endpoint)).map_err(|bad| BadUse(bad.to_string()).into())
}

/// What is asked for, if it can have been announced.
fn asked(args: &ReplayEvents, now: Timestamp) -> anyhow::Result<Asked> {
    let (since, until) = (args.announced_since.exactly(now), args.until.map(|it| it.exactly(now)));
    let window = Window::between(since, until, now);
    let window = window.map_err(|bad| bad_use(&format!("--announced-since, --until: {bad}")))?;
    if let (Some(user), Some(after)) = (&args.user, &args.after)
        && after.user != *user
    {
        return Err(bad_use("--after names a message of another mailbox than --user"));
    }
    if let Some(known) = window.known_since(now) {
        progress(&format!(
            "Marks tell for 30 days when a message was announced: what was announced before {known} is left out."
        ));
    }
    let (user, after) = (args.user.clone(), args.after.clone());
    Ok(Asked { window, user, category: args.category, after })
}

/// Announces, or with nowhere to announce to counts, and tells meanwhile what is missing and how far it is.
async fn announced(
    replay: &EventReplay,
    asked: &Asked,
    outlet: Option<(Arc<dyn Events>, Rate)>,
    out: Out,
) -> anyhow::Result<Tally> {
    let (clock, mut printed) = (replay.clock.clone(), Ok(()));
    let mut told_at = clock.now();
    let tell = |told: &Told<'_>| match told {
        Told::Without { .. } if printed.is_ok() => printed = missing(told, out),
        Told::Without { .. } => {}
        Told::Reached(position, tally) => {
            if clock.now().since(told_at) >= TELL {
                told_at = clock.now();
                progress(&format!("{} so far, up to {position}", tally.events));
            }
        }
    };
    let tally = match &outlet {
        Some((to, rate)) => replay.run(asked, Outlet { to: &**to, rate: *rate }, tell).await,
        None => replay.plan(asked, tell).await,
    };
    printed?;
    tally.map_err(stopped)
}

/// A message whose result is not to be had.
fn missing(told: &Told<'_>, out: Out) -> anyhow::Result<()> {
    let Told::Without { user, message, why } = told else { return Ok(()) };
    let why = match why {
        Without::Result => "has no result any more",
        Without::Readable => "has a result that cannot be read",
    };
    let value = json!({ "userId": user, "messageId": message, "left": why });
    out.said(&format!("{user}/{message} {why}"), &value)
}

/// With what to do next.
fn stopped(stopped: Stopped) -> anyhow::Error {
    let next = match &stopped.reached {
        Some(reached) => format!("go on with --after {reached}, or run it again as it was"),
        None => "run it again as it was".to_owned(),
    };
    anyhow::Error::new(stopped).context(format!("not everything was announced again; {next}"))
}

/// Why there is nothing to announce, and what there would have been.
async fn nothing(replay: &EventReplay, asked: &Asked, tally: &Tally) -> anyhow::Result<String> {
    let (since, until) = (asked.window.since(), asked.window.until());
    let window = format!("between {since} and {until}");
    let left = tally.found - tally.purged - tally.without_result;
    if let (Some(category), true) = (asked.category, left > 0) {
        let there = tally.other_categories.iter().map(|(name, count)| format!("{count} {name}"));
        let there = there.collect::<Vec<_>>().join(", ");
        return Ok(format!(
            "of what was announced {window}, nothing is {category}; there is: {there}"
        ));
    }
    if tally.found > 0 {
        let (found, gone) = (tally.found, tally.without_result);
        return Ok(format!(
            "{found} messages were announced {window}, and none can be again: {gone} have no result any more, {} are of \
             mailboxes that are being purged",
            tally.purged
        ));
    }
    let whose = asked.user.as_ref().map(|user| format!(" of {user}")).unwrap_or_default();
    let behind = asked.after.as_ref().map(|after| format!(" behind {after}")).unwrap_or_default();
    let near = [
        ("before that, the last", tally.last_before),
        ("after that, the first", tally.first_after),
    ];
    let near = near.into_iter().filter_map(|(what, at)| Some(format!("{what} at {}", at?)));
    let mut told = vec![format!("nothing{whose} was announced {window}{behind}")];
    told.extend(near);
    if asked.user.is_some() {
        let (messages, mailboxes) = replay.announced_in(&asked.window).await.context("counting")?;
        told.push(format!("of all mailboxes together, {messages} messages of {mailboxes} were"));
    }
    Ok(told.join("; "))
}

/// What a run would take.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    rate: String,
    seconds: u64,
}

impl Plan {
    fn of(tally: &Tally, rate: Rate) -> Self {
        let events = usize::try_from(tally.events).unwrap_or(usize::MAX);
        // A second that has begun is one: nothing takes none.
        let whole = rate.time_of(events) + Duration::from_millis(999);
        Self { rate: rate.to_string(), seconds: whole.as_secs() }
    }
}

/// The last line.
#[derive(Serialize)]
struct Summary<'a> {
    summary: &'a Tally,
    /// Where nothing was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
}

fn in_words(tally: &Tally, plan: Option<&Plan>) -> String {
    let Tally { events, mailboxes, bytes, .. } = tally;
    let told = match plan {
        Some(Plan { rate, seconds }) => {
            let time = humantime::format_duration(Duration::from_secs(*seconds));
            format!(
                "{events} events of {mailboxes} mailboxes would be announced again, {bytes} bytes, in {time} at {rate}"
            )
        }
        None => {
            format!("{events} events of {mailboxes} mailboxes were announced again, {bytes} bytes")
        }
    };
    let other: u64 = tally.other_categories.values().sum();
    let rest = [
        (tally.without_result, "have no result any more"),
        (other, "are of other categories"),
        (tally.purged, "are of mailboxes that are being purged"),
    ];
    let rest = rest.into_iter().filter(|(count, _)| *count > 0);
    let rest = rest.map(|(count, what)| format!("{count} {what}"));
    std::iter::once(told).chain(rest).collect::<Vec<_>>().join("; ")
}
