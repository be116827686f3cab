//! `fanmail audit`: whether anything is missing, and what brings it back.

mod deep;
mod told;

use std::collections::BTreeMap;

use anyhow::anyhow;
use desk::audit::again::{Again, Sent};
use desk::audit::judge::{Finding, Remedy};
use desk::audit::{Audit, MailboxAudit, Scope};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::mailbox::Mailbox;
use shared::mark::MarkCounts;

use self::told::{DayRow, Mended, Summary, tell_findings, tell_gap, tell_left_out};
use crate::End;
use crate::args::{AuditArgs, Place};
use crate::backend::{Backend, bad_use};
use crate::print::{Out, progress};

/// Looks for what is missing, in all mailboxes or deeply in one.
pub(crate) async fn run(asked: AuditArgs, place: &Place, out: Out) -> anyhow::Result<End> {
    let backend = Backend::open(place, &asked.data).await?;
    let now = backend.clock.now();
    let since = asked.since.map(|since| since.moment(now));
    if let Some(since) = since.filter(|since| *since > now) {
        return Err(bad_use(&format!("--since {since} is yet to come; it is {now}")));
    }
    match &asked.deep {
        Some(user) => deep::run(&backend, user, since, (&asked, place), out).await,
        None => through_marks(&backend, since, &asked, out).await,
    }
}

/// What reads the marks of these stores.
pub(super) fn audit_of(backend: &Backend) -> Audit {
    Audit {
        mailboxes: backend.mailboxes.clone(),
        marks: backend.marks.clone(),
        letters: backend.letters.clone(),
        clock: backend.clock.clone(),
    }
}

async fn through_marks(
    backend: &Backend,
    since: Option<Timestamp>,
    asked: &AuditArgs,
    out: Out,
) -> anyhow::Result<End> {
    if let Some(user) = &asked.user {
        find(backend, user).await?;
    }
    let scope = Scope { user: asked.user.clone(), since, stale_after: asked.stale_after };
    let mut audits: Vec<MailboxAudit> = Vec::new();
    audit_of(backend).run(&scope, |audit| audits.push(audit)).await?;
    out.rows(&rows(&audits), "No message is known yet.")?;
    for audit in &audits {
        if let Some(gap) = &audit.gap {
            tell_gap(&audit.user_id, gap, out)?;
        }
    }
    let mut counts = MarkCounts::default();
    audits.iter().flat_map(|audit| audit.days.values()).for_each(|day| counts += day.counts);
    let mailboxes = audits.len();
    let findings: Vec<Finding> = audits.into_iter().flat_map(|audit| audit.findings).collect();
    tell_findings(&findings, out)?;
    let sent = mend(backend, &findings, asked.fix, out).await?;
    let mended = sent.map(|sent| Mended { sent, announced: 0 });
    let summary = Summary { mailboxes, counts, stale_after: asked.stale_after, findings, mended };
    out.said(&summary.in_words(), &summary.object())?;
    Ok(if summary.is_good() { End::Good } else { End::Bad })
}

fn rows(audits: &[MailboxAudit]) -> Vec<DayRow> {
    let of_one = |audit: &MailboxAudit| {
        let user_id = audit.user_id.clone();
        let day = move |(day, tally): (&_, &_)| DayRow::of(&user_id, *day, tally);
        audit.days.iter().map(day).collect::<Vec<_>>()
    };
    audits.iter().flat_map(of_one).collect()
}

/// Sends round again what that helps, if it is asked for.
async fn mend(
    backend: &Backend,
    findings: &[Finding],
    fix: bool,
    out: Out,
) -> anyhow::Result<Option<Sent>> {
    if !fix {
        return Ok(None);
    }
    let again = Again {
        mailboxes: backend.mailboxes.clone(),
        marks: backend.marks.clone(),
        message_jobs: backend.replay.message_jobs.clone(),
        pacing: backend.replay.pacing,
        clock: backend.clock.clone(),
        chance: backend.chance.clone(),
    };
    let wait = |messages, turn| {
        progress(&format!(
            "{messages} messages wait for room in their mailboxes' quota until {turn}"
        ));
    };
    let sent = again.send(findings, wait).await?;
    tell_left_out(&sent.left_out, out)?;
    Ok(Some(sent))
}

async fn find(backend: &Backend, user: &UserId) -> anyhow::Result<Mailbox> {
    let found = backend.mailboxes.get(user).await?;
    found.ok_or_else(|| {
        anyhow!("no mailbox with the userId {user}; `fanmail accounts list` shows those there are")
    })
}

/// How many findings each remedy is for.
fn by_remedy(findings: &[Finding]) -> BTreeMap<Remedy, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.remedy).or_default() += 1;
    }
    counts
}
