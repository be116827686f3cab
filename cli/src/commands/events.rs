//! `fanmail events`: what was announced, as a subscriber would see it.

use std::time::Duration;

use shared::events::Event;

use crate::End;
use crate::args::Events;
use crate::machine::folder::Folder;
use crate::print::{Out, line};

/// How many events are read at once.
const PAGE: usize = 500;

/// How often a follower looks for more.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Prints the log of events; with `--follow` what is announced from now on.
pub(crate) async fn run(args: Events, out: Out) -> anyhow::Result<End> {
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
