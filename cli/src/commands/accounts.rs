//! `fanmail accounts`: mailboxes, seen and steered.

mod silent;

use anyhow::anyhow;
use desk::audit::gap::ClosedGap;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::goodbye::{REMAINS, Receipt, Remains, SETTLING};
use shared::ids::{Epoch, Grant, HistoryId, JobId, UserId};
use shared::intake::send;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::Segment;
use shared::mailbox::{AccessBy, Mailbox, Owed};
use shared::mark::MarkCounts;
use shared::reason::{PauseReason, Reason};
use shared::scope::Feature;
use shared::store::Write;

use crate::End;
use crate::args::{Accounts, AccountsCommand, Place};
use crate::backend::Backend;
use crate::commands::audit::audit_of;
use crate::commands::{connect_link, connect_workspace};
use crate::print::{Out, Row, progress};

/// How many mailboxes are read at once.
const PAGE: usize = 500;

/// Carries out one command on mailboxes.
pub(crate) async fn run(args: Accounts, place: &Place, out: Out) -> anyhow::Result<End> {
    let backend = Backend::open(place, &args.data).await?;
    match args.command {
        AccountsCommand::List => {
            list(&backend, out).await?;
            warn_of_breakers(&backend).await?;
        }
        AccountsCommand::Show { user } => {
            let mailbox = find(&backend, &user).await?;
            let account = Account::of(&backend, &mailbox).await?;
            let last_gap = audit_of(&backend).gap(&mailbox).await?;
            out.object(&Shown { account, last_gap })?;
            warn_of_breakers(&backend).await?;
        }
        AccountsCommand::Silent { without_mail } => {
            silent::show(&backend, without_mail, out).await?;
            warn_of_breakers(&backend).await?;
        }
        AccountsCommand::Pause { user } => pause(&backend, &user, out).await?,
        AccountsCommand::Resume { user } => resume(&backend, &user, out).await?,
        AccountsCommand::Sync { user } => order(&backend, &user, UserJobKind::Sync, out).await?,
        AccountsCommand::ConnectLink(asked) => connect_link::run(asked, &backend, out).await?,
        AccountsCommand::ConnectWorkspace(asked) => {
            return connect_workspace::run(asked, &backend, out).await;
        }
        AccountsCommand::Disconnect { user, purge: false } => {
            order(&backend, &user, UserJobKind::Disconnect { purge: false }, out).await?;
        }
        AccountsCommand::Disconnect { user, purge: true } => purge(&backend, &user, out).await?,
    }
    Ok(End::Good)
}

async fn list(backend: &Backend, out: Out) -> anyhow::Result<()> {
    let mut accounts = Vec::new();
    let mut after = None;
    loop {
        let page =
            backend.mailboxes.scan(Segment { index: 0, total: 1 }, after.as_ref(), PAGE).await?;
        for roster in &page.mailboxes {
            if let Some(mailbox) = backend.mailboxes.get(&roster.user_id).await? {
                accounts.push(Account::of(backend, &mailbox).await?);
            }
        }
        after = page.next;
        if after.is_none() {
            accounts.sort_by(|one, other| one.email.cmp(&other.email));
            return out.rows(&accounts, "No mailbox is connected yet.");
        }
    }
}

/// Says beside the list, where a breaker is open, why mailboxes that look well are not asked for mail.
async fn warn_of_breakers(backend: &Backend) -> anyhow::Result<()> {
    for breaker in [backend.breaker.clone(), backend.breaker.of_service_account()] {
        if let Some((cause, since)) = breaker.standing(backend.clock.now()).await? {
            let cause = breaker.in_words(cause);
            progress(&format!(
                "The fleet breaker is open since {since}: {cause}. Nobody is told to consent again for it, and jobs wait; \
                 a probe a minute closes it once Google answers."
            ));
        }
    }
    Ok(())
}

async fn find(backend: &Backend, user: &UserId) -> anyhow::Result<Mailbox> {
    let found = backend.mailboxes.get(user).await?;
    found.ok_or_else(|| {
        anyhow!("no mailbox with the userId {user}; `fanmail accounts list` shows those there are")
    })
}

async fn pause(backend: &Backend, user: &UserId, out: Out) -> anyhow::Result<()> {
    let mailbox = find(backend, user).await?;
    let said = match backend.mailboxes.pause(user, mailbox.epoch, PauseReason::Operator).await? {
        Write::Applied => {
            format!("{user} is paused; what arrives meanwhile is fetched after `accounts resume`.")
        }
        Write::Stale => {
            format!("{user} was not asked for mail before either: {}.", state(&mailbox))
        }
    };
    out.said(&said, &serde_json::json!({ "userId": user, "paused": true }))
}

async fn resume(backend: &Backend, user: &UserId, out: Out) -> anyhow::Result<()> {
    let mailbox = find(backend, user).await?;
    let (epoch, now) = (mailbox.epoch, backend.clock.now());
    let resumed = match mailbox.paused {
        Some(reason) => backend.mailboxes.resume(user, epoch, reason, now).await?,
        None => Write::Stale,
    };
    let said = match resumed {
        Write::Applied => format!("{user} goes on; what waited goes round again."),
        Write::Stale => format!("{user} was not paused."),
    };
    out.said(&said, &serde_json::json!({ "userId": user, "paused": false }))
}

/// What needs an opened token travels as a job: the person at the keyboard holds none.
async fn order(
    backend: &Backend,
    user: &UserId,
    kind: UserJobKind,
    out: Out,
) -> anyhow::Result<()> {
    let mailbox = find(backend, user).await?;
    refuse_in_vain(&mailbox, &kind)?;
    let job_id = sent(backend, &mailbox, kind).await?;
    let said = format!("Job {job_id} is in the queue; {} does it within seconds.", backend.worker);
    out.said(&said, &serde_json::json!({ "userId": user, "jobId": job_id }))
}

async fn sent(backend: &Backend, mailbox: &Mailbox, kind: UserJobKind) -> anyhow::Result<JobId> {
    let now = backend.clock.now();
    let header = JobHeader::new(mailbox.user_id.clone(), mailbox.epoch, now, &backend.chance);
    let job_id = header.job_id.clone();
    send(&*backend.user_jobs, &[UserJob { header, kind, cause: Cause::Manual }], now).await?;
    Ok(job_id)
}

/// Asks for a purge; of a mailbox that has been purged it shows the receipt.
async fn purge(backend: &Backend, user: &UserId, out: Out) -> anyhow::Result<()> {
    let mailbox = find(backend, user).await?;
    if let Some(receipt) = receipt(&mailbox) {
        let told = serde_json::json!({ "userId": user, "receipt": receipt });
        return out.said(&in_words(user, &receipt), &told);
    }
    let job_id = sent(backend, &mailbox, UserJobKind::Disconnect { purge: true }).await?;
    let places = REMAINS.map(|(place, days)| format!("{place} for {days} days")).join(", ");
    let said = format!(
        "Job {job_id} is in the queue; {} does it within seconds. What is kept of {user} is deleted at once, and again \
         {} later;\nthen `fanmail accounts show {user}` shows the receipt. Elsewhere remain, at most: {places}.",
        backend.worker,
        humantime::format_duration(SETTLING),
    );
    let remains = REMAINS.map(|(place, days)| serde_json::json!({ "place": place, "days": days }));
    let told =
        serde_json::json!({ "userId": user, "jobId": job_id, "purge": true, "remains": remains });
    out.said(&said, &told)
}

/// The receipt of a mailbox of which nothing else is kept.
fn receipt(mailbox: &Mailbox) -> Option<Receipt> {
    let is_void = mailbox.disconnected_at.is_some() && mailbox.has_forgotten(mailbox.epoch);
    mailbox.purged.filter(|_| is_void).map(|purged| purged.receipt())
}

fn in_words(user: &UserId, receipt: &Receipt) -> String {
    let place = |it: &Remains| format!("{} until {}", it.place, it.until);
    let places: Vec<String> = receipt.remains.iter().map(place).collect();
    let revoked = match receipt.revoked_at_google {
        Some(true) => "Google took the grant back",
        Some(false) => "Google could not be asked to take the grant back",
        None => "there was no grant left to take back",
    };
    let at = receipt.purged_at;
    format!(
        "{user} was purged at {at}; {revoked}. Elsewhere remain, at most: {}.",
        places.join(", ")
    )
}

/// Says what stands in the way of a job that would do nothing.
fn refuse_in_vain(mailbox: &Mailbox, kind: &UserJobKind) -> anyhow::Result<()> {
    let is_sync = matches!(kind, UserJobKind::Sync);
    let first = match (mailbox.disconnected_at, mailbox.needs_reauth, mailbox.paused) {
        (Some(_), _, _) => "its owner would have to connect it again",
        (None, Some(_), _) if is_sync => "its owner must consent again first",
        (None, None, Some(_)) if is_sync => "`fanmail accounts resume` it first",
        (None, ..) => return Ok(()),
    };
    let (user, state) = (&mailbox.user_id, state(mailbox));
    Err(anyhow!("nothing to be done for {user}, which is {state}: {first}"))
}

/// A mailbox as it is shown: no token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    user_id: UserId,
    email: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
    state: String,
    access: AccessBy,
    needs_reauth: Option<Reason>,
    paused: Option<PauseReason>,
    epoch: Epoch,
    grant: Grant,
    scopes: Vec<String>,
    /// What may be done beside reading.
    features: Vec<Feature>,
    history_id: Option<HistoryId>,
    connected_at: Timestamp,
    disconnected_at: Option<Timestamp>,
    last_fetched_at: Timestamp,
    last_mail_at: Option<Timestamp>,
    owed: Owed,
    messages: MarkCounts,
    /// Of the last purge.
    receipt: Option<Receipt>,
}

/// One mailbox, with what is counted for it alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    account: Account,
    /// How the last gap was closed, and what has become of what was missing.
    last_gap: Option<ClosedGap>,
}

impl Account {
    async fn of(backend: &Backend, mailbox: &Mailbox) -> anyhow::Result<Self> {
        let messages =
            backend.marks.count(&mailbox.user_id, mailbox.epoch, backend.clock.now()).await?;
        let mailbox = mailbox.clone();
        Ok(Self {
            state: state(&mailbox),
            access: mailbox.access,
            user_id: mailbox.user_id,
            email: mailbox.email,
            reference: mailbox.reference,
            needs_reauth: mailbox.needs_reauth,
            paused: mailbox.paused,
            epoch: mailbox.epoch,
            grant: mailbox.grant,
            features: Feature::granted(&mailbox.scopes),
            scopes: mailbox.scopes,
            history_id: mailbox.history_id,
            connected_at: mailbox.connected_at,
            disconnected_at: mailbox.disconnected_at,
            last_fetched_at: mailbox.last_fetched_at,
            last_mail_at: mailbox.last_mail_at,
            owed: mailbox.owed,
            messages,
            receipt: mailbox.purged.map(|purged| purged.receipt()),
        })
    }
}

/// The mailbox's state in one word or two.
pub(crate) fn state(mailbox: &Mailbox) -> String {
    match (mailbox.disconnected_at, mailbox.needs_reauth, mailbox.paused) {
        (Some(_), _, _) if receipt(mailbox).is_some() => "purged".to_owned(),
        (Some(_), _, _) => "disconnected".to_owned(),
        (None, Some(reason), _) => format!("needs re-auth ({reason})"),
        (None, None, Some(reason)) => format!("paused ({reason})"),
        (None, None, None) => "connected".to_owned(),
    }
}

impl Account {
    /// What its owner has allowed, in words.
    fn may(&self) -> String {
        let features = self.features.iter().map(|feature| feature.as_str());
        ["read"].into_iter().chain(features).collect::<Vec<_>>().join(", ")
    }
}

impl Row for Account {
    const HEAD: &'static [&'static str] =
        &["USER", "EMAIL", "STATE", "MAY", "DONE", "WAITING", "PARKED", "LAST MAIL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.user_id.to_string(),
            self.email.clone(),
            self.state.clone(),
            self.may(),
            self.messages.done.to_string(),
            self.messages.listed.to_string(),
            self.messages.parked.to_string(),
            self.last_mail_at.map(|at| at.to_string()).unwrap_or_default(),
        ]
    }
}
