//! `fanmail demo`: the whole pipeline at work, on a simulated Google, over HTTP, with nothing left out.

mod live;
pub(crate) mod mail;
mod once;
mod people;
mod tally;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use message_processor::Book;
use shared::google::http::{Address, GoogleAddresses, HttpClient, HttpGmail, HttpOAuth};
use shared::pacing::Pacing;
use shared::secret::ClientSecret;
use shared::settings::{Env, Settings};
use shared::worker::shutdown;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use self::mail::{Mail, Spread};
use self::people::Browser;
use self::world::World;
use crate::args::{Demo, Switch};
use crate::machine::folder::Folder;
use crate::machine::notices::notices;
use crate::machine::pipeline::Pipeline;
use crate::machine::web::{listen, serve};
use crate::print::{Out, progress};
use crate::{End, log};

/// Nobody who watches a demo waits five minutes for a poll.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Sets everything up, connects everybody, and lets mail flow.
pub(crate) async fn run(args: Demo, out: Out) -> anyhow::Result<End> {
    log::in_words();
    // From here on Ctrl-C ends the demo with its folder cleared away.
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let temporary = if args.data.is_some() {
        None
    } else {
        Some(TempDir::new().context("making a data folder")?)
    };
    let root = args
        .data
        .clone()
        .or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned()))
        .unwrap_or_default();
    let mail = Mail::read(args.mail.as_deref())?;
    let (folder, _lock) = Folder::lock_new(&root).await?;
    let world = World::new(&folder, args.mailboxes.get(), args.quota);
    let addresses = GoogleAddresses::under(&world.serve().await?.parse::<Address>()?);
    let (listener, addr) = listen(args.listen).await?;
    let origin = format!("http://{addr}");
    let pipeline = pipeline(folder, &world, &addresses, &origin, args.quota)?;
    let pages = pipeline.pages(&addresses, world.client_id.clone(), redirect_uri(&origin))?;
    let (stop, told) = shutdown();
    let mut stages = pipeline.start(&told);
    stages.spawn(serve(listener, pages, told.clone()));
    progress(&format!("Pages at {origin}/oauth2/start, data in {}", root.display()));
    connect(&world, &origin).await?;
    let spread = args.messages.map_or(Spread::Once, Spread::Each);
    let end = if args.once {
        let revoked = args.revoke.unwrap_or(0);
        tokio::select! {
            end = once::run(&pipeline, &world, &mail, spread, revoked, out) => end,
            _ = interrupt.recv() => Ok(interrupted()),
        }
    } else {
        live::run(&pipeline, &world, &mail, spread, args.revoke.unwrap_or(1), out, told).await
    };
    stop.stop();
    while stages.join_next().await.is_some() {}
    end
}

fn interrupted() -> End {
    progress("Stopped before everything was at rest.");
    End::Bad
}

fn redirect_uri(origin: &str) -> String {
    format!("{origin}/oauth2callback")
}

fn pipeline(
    folder: Folder,
    world: &World,
    addresses: &GoogleAddresses,
    origin: &str,
    quota: Switch,
) -> anyhow::Result<Pipeline> {
    let mut settings = Settings::read(&mut Env::new(&|_| None));
    settings.poll_interval_min = POLL_INTERVAL;
    settings.poll_interval_max = POLL_INTERVAL;
    settings.retry_base = Duration::from_secs(2);
    if quota == Switch::Off {
        settings.pacing = Pacing::OFF;
    }
    let http = HttpClient::new(folder.clock.clone())?;
    let secret = ClientSecret::new(world.client_secret.clone());
    let redirect = redirect_uri(origin);
    let notices = notices(&folder, redirect.clone(), None)?;
    let oauth =
        HttpOAuth::new(http.clone(), addresses.clone(), world.client_id.clone(), secret, redirect);
    let gmail = Arc::new(HttpGmail::new(http, &addresses.gmail_api_url));
    let sealing = Arc::new(folder.sealing()?);
    let oauth = Arc::new(oauth);
    Ok(Pipeline {
        folder,
        oauth,
        delegation: None,
        changes: gmail.clone(),
        gmail,
        webhooks: None,
        sealing,
        rules: Book::default(),
        settings,
        notices,
    })
}

async fn connect(world: &World, origin: &str) -> anyhow::Result<()> {
    let browser = Browser::new(origin)?;
    for email in &world.people {
        browser.connect(email).await.with_context(|| format!("connecting {email}"))?;
    }
    progress(&format!(
        "{} people connected their mailbox through the consent page",
        world.people.len()
    ));
    Ok(())
}
