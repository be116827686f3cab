//! `fanmail audit --deep`: one mailbox, compared with all that is known of it.

use std::collections::BTreeSet;
use std::time::Duration;

use desk::audit::Scope;
use desk::audit::census::{Asker, Unanswered};
use desk::audit::deep::{Deep, DeepAudit, window};
use desk::audit::judge::{Day, Finding, Remedy};
use serde_json::json;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::mailbox::Mailbox;

use super::told::{Mended, is_mended, missing, tell_findings, tell_gap};
use super::{audit_of, find, mend};
use crate::End;
use crate::args::{AuditArgs, Place};
use crate::backend::Backend;
use crate::commands::events::announcer;
use crate::print::{Out, progress};

/// How far back is looked unless it is said.
const SINCE: Duration = Duration::from_hours(7 * 24);

/// Compares, tells, and sends round again what is missing if that is asked for.
pub(super) async fn run(
    backend: &Backend,
    user: &UserId,
    since: Option<Timestamp>,
    (asked, place): (&AuditArgs, &Place),
    out: Out,
) -> anyhow::Result<End> {
    let mailbox = find(backend, user).await?;
    let now = backend.clock.now();
    let since = since.unwrap_or_else(|| Day::of(now - SINCE).start());
    let window = window(&mailbox, since, now);
    let audit = audit_of(backend);
    if let Some(gap) = audit.gap(&mailbox).await? {
        tell_gap(user, &gap, out)?;
    }
    let (in_gmail, unasked) = ask(backend, &mailbox, window).await?;
    let deep = Deep { audit, archive: backend.archive.clone(), log: backend.event_log.clone() };
    let scope =
        Scope { user: Some(user.clone()), since: Some(window.0), stale_after: asked.stale_after };
    let found = deep.compare(&mailbox, &scope, in_gmail.as_ref()).await?;
    tell_findings(&found.findings, out)?;
    let mended = match mend(backend, &found.findings, asked.fix, out).await? {
        Some(sent) => {
            let announced = announce(backend, place, user, &found.findings).await?;
            Some(Mended { sent, announced })
        }
        None => None,
    };
    let told = Told { found: &found, window, unasked, mended };
    out.said(&told.in_words(), &told.object())?;
    Ok(if told.is_good() { End::Good } else { End::Bad })
}

/// Announces again what the log of events lacks, under the ids that it had, and answers how many.
async fn announce(
    backend: &Backend,
    place: &Place,
    user: &UserId,
    findings: &[Finding],
) -> anyhow::Result<usize> {
    let lacking = findings.iter().filter(|it| it.remedy == Remedy::AnnounceAgain);
    let ids: Vec<MessageId> = lacking.map(|finding| finding.message_id.clone()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let left = announcer(backend, place)?.these(user, &ids, &*backend.events).await?;
    Ok(ids.len() - left.len())
}

/// What Gmail has; or why nobody says so, and the rest is compared all the same.
async fn ask(
    backend: &Backend,
    mailbox: &Mailbox,
    window: (Timestamp, Timestamp),
) -> anyhow::Result<(Option<BTreeSet<MessageId>>, Option<String>)> {
    let asker = Asker {
        control: backend.control.clone(),
        user_jobs: backend.user_jobs.clone(),
        clock: backend.clock.clone(),
        chance: backend.chance.clone(),
    };
    progress(&format!("Gmail is asked by {} what it has", backend.worker));
    let count = |messages| progress(&format!("{messages} messages so far"));
    let question = asker.ask(mailbox, window).await?;
    match asker.answer(&question, count).await {
        Ok(ids) => Ok((Some(ids), None)),
        Err(Unanswered::Store(error)) => Err(error.into()),
        Err(refused @ Unanswered::Refused(_)) => Ok((None, Some(refused.to_string()))),
        Err(nobody @ Unanswered::Nobody) => {
            Ok((None, Some(format!("{nobody}; is there {} to take the job?", backend.worker))))
        }
    }
}

/// What the last line rests on.
struct Told<'a> {
    found: &'a DeepAudit,
    window: (Timestamp, Timestamp),
    /// Why Gmail was not asked.
    unasked: Option<String>,
    mended: Option<Mended>,
}

impl Told<'_> {
    fn is_good(&self) -> bool {
        self.unasked.is_none() && is_mended(&self.found.findings, self.mended.as_ref())
    }

    fn object(&self) -> serde_json::Value {
        let Self { found, window: (from, to), unasked, mended } = self;
        json!({ "summary": {
            "from": from,
            "to": to,
            "compared": found,
            "gmailNotAsked": unasked,
            "missing": found.findings.len(),
            "sent": mended.as_ref().map(|mended| &mended.sent),
            "announced": mended.as_ref().map(|mended| mended.announced),
        } })
    }

    fn in_words(&self) -> String {
        let DeepAudit { user_id, in_gmail, marked, done, announced, findings } = self.found;
        let (from, to) = self.window;
        let gmail = match (in_gmail, &self.unasked) {
            (Some(count), _) => format!("Gmail has {count} messages"),
            (None, why) => {
                let why = why.as_deref().unwrap_or_default();
                format!("Gmail could not be asked ({why})")
            }
        };
        let log = match announced {
            Some(count) => format!("{count} of these in the log of events"),
            None => "events are not kept on a stack, and were not compared".to_owned(),
        };
        let compared = format!(
            "{user_id} from {from} to {to}: {gmail}, {marked} are marked, {done} of them done; {log}."
        );
        if findings.is_empty() {
            return match &self.unasked {
                None => format!("{compared} Nothing is missing."),
                Some(_) => {
                    format!(
                        "{compared} Nothing else is missing; `fanmail accounts show {user_id}` shows its state."
                    )
                }
            };
        }
        let command = format!("fanmail audit --deep {user_id}");
        format!("{compared} {}", missing(findings, self.mended.as_ref(), &command))
    }
}
