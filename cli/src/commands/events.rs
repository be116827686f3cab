//! `fanmail events`: what was announced, as a subscriber would see it; and announced again.

mod destination;
mod replay;

pub(crate) use self::replay::announcer;

use std::time::Duration;

use shared::events::Event;

use crate::End;
use crate::args::{Events, EventsCommand, Place};
use crate::backend::bad_use;
use crate::machine::folder::Folder;
use crate::print::{Out, line};

/// How many events are read at once.
const PAGE: usize = 500;

/// How often a follower looks for more.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

pub(crate) use self::destination::QueueName;

/// Prints the log of events, or announces some of them again.
pub(crate) async fn run(args: Events, place: &Place, out: Out) -> anyhow::Result<End> {
    match args.command {
        Some(EventsCommand::Replay(_)) if args.follow => {
            Err(bad_use("--follow reads what is announced, and goes without replay"))
        }
        Some(EventsCommand::Replay(asked)) => replay::run(asked, &args.data, place, out).await,
        None => print(&args, out).await,
    }
}

/// Prints the log; with `--follow` what is announced from now on.
async fn print(args: &Events, out: Out) -> anyhow::Result<End> {
    let folder = Folder::open(&args.data.data).await?;
    let mut seq = if args.follow { folder.events.last().await? } else { 0 };
    loop {
        let page = folder.events.read_after(seq, PAGE).await?;
        for logged in &page {
            if out.json {
                out.object(&logged.event)?;
            } else {
                line(&sentence(&logged.event))?;
            }
            seq = logged.seq;
        }
        match (page.is_empty(), args.follow) {
            (true, false) => return Ok(End::Good),
            (true, true) => folder.clock.sleep(LOOK_AGAIN).await,
            (false, _) => {}
        }
    }
}

fn sentence(event: &Event) -> String {
    let text = |name: &str| event.data[name].as_str().unwrap_or_default().to_owned();
    let (user, category) = (text("userId"), text("category"));
    format!("{}  {:<34} {user}  {}  {category}", event.time, event.kind.as_str(), event.subject)
}
