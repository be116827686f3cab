//! `fanmail serve`: the real thing, on one machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use message_processor::Book;
use shared::google::Delegation;
use shared::google::client::FixedAccount;
use shared::google::http::{GoogleAddresses, HttpClient, HttpDelegation, HttpGmail, HttpOAuth};
use shared::google::service_account::ServiceAccount;
use shared::mailer::Mailer;
use shared::settings::{Env, OAuthClient, Settings};
use shared::webhook::http::HttpWebhooks;
use shared::webhook::signature::NoKeys;
use shared::webhook::{FixedKeys, SigningKeys, Webhooks};
use shared::worker::shutdown;

use crate::args::Serve;
use crate::backend::workspace_key;
use crate::machine::folder::Folder;
use crate::machine::lost_keys;
use crate::machine::notices::{mailer, notices};
use crate::machine::pipeline::Pipeline;
use crate::machine::stopping::until_stopped;
use crate::machine::web::{listen, serve};
use crate::print::line;
use crate::{BadUse, End, log};

/// The dispatcher's tick is a fraction of the shortest interval, so that phases spread mailboxes finely.
const TICKS_PER_INTERVAL: u32 = 10;

/// Runs every stage and the pages for connecting, until told to stop.
pub(crate) async fn run(args: Serve) -> anyhow::Result<End> {
    log::in_json();
    let redirect = redirect_uri(args.listen);
    let Read { settings, mut client, addresses, account, mailer, rules, keys } = read(&redirect)?;
    let (folder, _lock) = Folder::lock(&args.data.data).await?;
    let (listener, addr) = listen(args.listen).await?;
    if client.redirect_uri == redirect {
        // The port may have been left to the system.
        client.redirect_uri = redirect_uri(addr);
    }
    folder.recover().await?;
    let http = HttpClient::new(folder.clock.clone())?;
    let oauth = Arc::new(HttpOAuth::new(
        http.clone(),
        addresses.clone(),
        client.id.clone(),
        client.secret,
        client.redirect_uri.clone(),
    ));
    let delegation = account.map(|account| -> Arc<dyn Delegation> {
        let source = Arc::new(FixedAccount::new(account));
        Arc::new(HttpDelegation::new(http.clone(), addresses.clone(), source))
    });
    let gmail = Arc::new(HttpGmail::new(http, &addresses.gmail_api_url));
    let webhooks = webhooks(keys, &settings)?;
    lost_keys::refuse(&folder, &args.without_key).await?;
    let sealing = Arc::new(folder.sealing()?);
    let notices = notices(&folder, client.redirect_uri.clone(), mailer)?;
    let pipeline = Pipeline {
        folder,
        oauth,
        delegation,
        changes: gmail.clone(),
        gmail,
        webhooks,
        sealing,
        rules,
        settings,
        notices,
    };
    let pages = pipeline.pages(&addresses, client.id, client.redirect_uri)?;
    let clock = pipeline.folder.clock.clone();
    let (stop, told) = shutdown();
    let tick =
        (pipeline.settings.poll_interval_min / TICKS_PER_INTERVAL).max(Duration::from_secs(1));
    // Whoever has mail looked for more often than that has set it short for everything.
    let looked_at = pipeline.settings.poll_interval_min.min(Book::LOOKED_AT);
    let mut stages = pipeline.start(&told);
    stages.spawn(pipeline.rules.clone().watch(looked_at, clock.clone(), told.clone()));
    stages.spawn(pipeline.clone().rounds(tick, told.clone()));
    stages.spawn(serve(listener, pages, told));
    line(&format!("Connect a mailbox at http://{addr}/oauth2/start"))?;
    until_stopped(stop, &mut stages, &clock).await?;
    Ok(End::Good)
}

/// Where Google sends people back to, unless the settings say otherwise.
fn redirect_uri(listen: SocketAddr) -> String {
    format!("http://{listen}/oauth2callback")
}

/// What the environment says.
struct Read {
    settings: Settings,
    client: OAuthClient,
    addresses: GoogleAddresses,
    account: Option<ServiceAccount>,
    mailer: Option<Arc<dyn Mailer>>,
    rules: Book,
    keys: Option<SigningKeys>,
}

fn read(redirect: &str) -> anyhow::Result<Read> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment of `serve`"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let mut env = Env::new(&lookup);
    let settings = Settings::read(&mut env);
    let rules = rules(&settings, &mut env);
    let client = OAuthClient::read(&mut env, redirect);
    let addresses = GoogleAddresses::read(&mut env);
    let account = workspace_key(&mut env);
    let mailer = mailer(&mut env);
    let keys = env.parsed("WEBHOOK_SECRET", None, |text| {
        text.parse().map(Some).map_err(|error: NoKeys| error.to_string())
    });
    let read = env.finish(Read { settings, client, addresses, account, mailer, rules, keys });
    read.map_err(|bad| BadUse(bad.to_string()).into())
}

/// What tells programs, where its webhooks can be signed.
fn webhooks(
    keys: Option<SigningKeys>,
    settings: &Settings,
) -> anyhow::Result<Option<Arc<dyn Webhooks>>> {
    let Some(keys) = keys else { return Ok(None) };
    let networks = settings.webhook_networks.clone();
    Ok(Some(Arc::new(HttpWebhooks::new(Arc::new(FixedKeys::new(keys)), networks)?)))
}

/// The rules to begin with; what is wrong with them is left in `env`.
fn rules(settings: &Settings, env: &mut Env<'_>) -> Book {
    let Some(file) = &settings.rules_file else { return Book::default() };
    let opened = file.on_this_machine();
    let opened = opened.and_then(|path| Book::open(path).map_err(|error| error.to_string()));
    opened.unwrap_or_else(|error| {
        // One problem to a line, all of them below the setting's name.
        env.wrong("RULES_FILE", error.replace('\n', "\n    "));
        Book::default()
    })
}
