//! What an audit says: a line for each day, each gap and each finding, and a last one that says what follows.

use std::collections::BTreeMap;
use std::time::Duration;

use desk::audit::again::{LeftOut, Sent};
use desk::audit::gap::ClosedGap;
use desk::audit::judge::{Day, Finding, Remedy, Tally};
use serde::Serialize;
use serde_json::{Value, json};
use shared::ids::UserId;
use shared::mark::MarkCounts;

use super::by_remedy;
use crate::print::{Out, Row, line};

/// So many findings of a mailbox are shown to people; programs get all.
const SHOWN: usize = 20;

/// The marks of one mailbox and one day.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DayRow {
    user_id: UserId,
    day: Day,
    #[serde(flatten)]
    tally: Tally,
}

impl DayRow {
    pub(super) fn of(user: &UserId, day: Day, tally: &Tally) -> Self {
        Self { user_id: user.clone(), day, tally: tally.clone() }
    }
}

impl Row for DayRow {
    const HEAD: &'static [&'static str] =
        &["USER", "DAY", "LISTED", "DONE", "SKIPPED", "PARKED", "SKIPPED FOR"];

    fn cells(&self) -> Vec<String> {
        let MarkCounts { listed, done, skipped, parked } = self.tally.counts;
        let reason = |(reason, count): (&_, &u64)| format!("{count} {reason}");
        let reasons: Vec<String> = self.tally.skipped_for.iter().map(reason).collect();
        vec![
            self.user_id.to_string(),
            self.day.to_string(),
            listed.to_string(),
            done.to_string(),
            skipped.to_string(),
            parked.to_string(),
            reasons.join(", "),
        ]
    }
}

pub(super) fn tell_gap(user: &UserId, gap: &ClosedGap, out: Out) -> anyhow::Result<()> {
    let told = format!("{user}: {}.", gap.in_words());
    out.said(&told, &json!({ "userId": user, "gap": gap }))
}

/// One line each; to people no more than some of each mailbox.
pub(super) fn tell_findings(findings: &[Finding], out: Out) -> anyhow::Result<()> {
    if out.json {
        let mut all = findings.iter();
        return all.try_for_each(|finding| out.object(&json!({ "finding": finding })));
    }
    let mut by_mailbox: BTreeMap<&UserId, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_mailbox.entry(&finding.user_id).or_default().push(finding);
    }
    for (user, findings) in by_mailbox {
        for finding in findings.iter().take(SHOWN) {
            line(&sentence(finding))?;
        }
        let more = findings.len().saturating_sub(SHOWN);
        if more > 0 {
            line(&format!("{user}: {more} more; with --json all are shown"))?;
        }
    }
    Ok(())
}

fn sentence(finding: &Finding) -> String {
    let (user, message, wrong) = (&finding.user_id, &finding.message_id, finding.flaw.in_words());
    let listed = finding.listed_at.map(|at| format!("listed {at}"));
    let job = finding.job_id.as_ref().map(|job| format!("job {job}"));
    let known: Vec<String> = listed.into_iter().chain(job).collect();
    if known.is_empty() {
        return format!("{user} {message} {wrong}");
    }
    format!("{user} {message} {wrong} ({})", known.join(", "))
}

/// Whose messages were not sent, and why.
pub(super) fn tell_left_out(left_out: &[LeftOut], out: Out) -> anyhow::Result<()> {
    if out.json {
        return Ok(());
    }
    for LeftOut { user_id, messages, why } in left_out {
        line(&format!("{user_id}: {messages} messages are left out: {why}"))?;
    }
    Ok(())
}

/// What the last line of an audit rests on.
pub(super) struct Summary {
    pub(super) mailboxes: usize,
    pub(super) counts: MarkCounts,
    pub(super) stale_after: Duration,
    pub(super) findings: Vec<Finding>,
    /// What was done about them, with `--fix`.
    pub(super) mended: Option<Mended>,
}

/// What was done about findings.
#[derive(Default)]
pub(super) struct Mended {
    /// What was sent round again.
    pub(super) sent: Sent,
    /// How many messages were announced again.
    pub(super) announced: usize,
}

impl Summary {
    /// Whether nothing is missing that was not sent round again.
    pub(super) fn is_good(&self) -> bool {
        is_mended(&self.findings, self.mended.as_ref())
    }

    pub(super) fn object(&self) -> Value {
        let Self { mailboxes, counts, findings, mended, .. } = self;
        let sent = mended.as_ref().map(|mended| &mended.sent);
        json!({ "summary": {
            "mailboxes": mailboxes,
            "messages": counts,
            "missing": findings.len(),
            "sent": sent,
        } })
    }

    /// Whether anything is left listed or missing, and which command comes next.
    pub(super) fn in_words(&self) -> String {
        let MarkCounts { listed, done, skipped, parked } = self.counts;
        let all = listed + done + skipped + parked;
        let length = humantime::format_duration(self.stale_after);
        let listed = match listed {
            0 => "nothing is left listed".to_owned(),
            1 => "1 is listed".to_owned(),
            listed => format!("{listed} are listed"),
        };
        let parked = match parked {
            0 => String::new(),
            _ => format!(", {parked} are parked (`fanmail dead-letters list` says why)"),
        };
        let messages = format!("{all} messages of {} mailboxes: {listed}{parked}", self.mailboxes);
        if self.findings.is_empty() {
            return format!(
                "{messages}. Nothing is missing: none is listed for longer than {length}."
            );
        }
        format!("{messages}. {}", missing(&self.findings, self.mended.as_ref(), "fanmail audit"))
    }
}

/// Whether everything that was found was sent round or announced again.
pub(super) fn is_mended(findings: &[Finding], mended: Option<&Mended>) -> bool {
    findings.len() == mended.map_or(0, |mended| mended.sent.messages + mended.announced)
}

/// What is missing, what was done about it, and what is to be done; `command` is the audit that found it.
pub(super) fn missing(findings: &[Finding], mended: Option<&Mended>, command: &str) -> String {
    let by_remedy = by_remedy(findings);
    let count = |remedy| by_remedy.get(&remedy).copied().unwrap_or_default();
    let mut told = vec![format!("{} are missing", findings.len())];
    match (mended, count(Remedy::SendAgain)) {
        (_, 0) => {}
        (None, to_send) => {
            told.push(format!("`{command} --fix` sends {to_send} round again"));
        }
        (Some(mended), _) => {
            let Sent { messages, jobs, left_out } = &mended.sent;
            told.push(format!(
                "{messages} were sent round again in {jobs} jobs, and `{command}` says when they have come to their end"
            ));
            let left: usize = left_out.iter().map(|left| left.messages).sum();
            if left > 0 {
                told.push(format!("{left} were left out, and wait for their mailbox"));
            }
        }
    }
    let unannounced: Vec<&Finding> =
        findings.iter().filter(|it| it.remedy == Remedy::AnnounceAgain).collect();
    let first = unannounced.iter().filter_map(|it| it.done_at).min();
    let announced = mended.map_or(0, |mended| mended.announced);
    if announced > 0 {
        told.push(format!("{announced} were announced again"));
    }
    if let (Some(finding), Some(first)) = (unannounced.first(), first)
        && announced < unannounced.len()
    {
        let (number, user) = (unannounced.len(), &finding.user_id);
        told.push(format!(
            "`{command} --fix`, or `fanmail events replay --user {user} --announced-since {first}`, announces {number} again"
        ));
    }
    match count(Remedy::Nothing) {
        0 => {}
        hopeless => told
            .push(format!("{hopeless} stay as they are: what is in a pack is not fetched again")),
    }
    format!("{}.", told.join("; "))
}

#[cfg(test)]
mod tests {
    use desk::audit::judge::Flaw;

    use super::*;

    fn finding(flaw: Flaw, remedy: Remedy) -> Finding {
        let user: UserId = "ada".parse().unwrap();
        let done_at = Some("2026-05-01T12:00:00Z".parse().unwrap());
        Finding { flaw, remedy, done_at, ..Finding::unmarked(&user, "m1".parse().unwrap()) }
    }

    fn summary(findings: Vec<Finding>, sent: Option<Sent>) -> Summary {
        let mended = sent.map(|sent| Mended { sent, announced: 0 });
        let counts = MarkCounts { listed: 0, done: 3, skipped: 1, parked: 0 };
        let stale_after = Duration::from_hours(25);
        Summary { mailboxes: 2, counts, stale_after, findings, mended }
    }

    #[test]
    fn where_nothing_is_missing_the_last_line_says_so_and_is_good() {
        let summary = summary(vec![], None);
        assert!(summary.is_good());
        assert_eq!(
            summary.in_words(),
            "4 messages of 2 mailboxes: nothing is left listed. Nothing is missing: none is listed for longer than 1day 1h."
        );
    }

    #[test]
    fn what_is_missing_is_bad_until_it_is_sent_and_names_the_next_command() {
        let stale = || vec![finding(Flaw::Stale, Remedy::SendAgain)];
        let found = summary(stale(), None);
        assert!(!found.is_good());
        assert!(
            found.in_words().ends_with("1 are missing; `fanmail audit --fix` sends 1 round again.")
        );
        let sent = Sent { messages: 1, jobs: 1, left_out: vec![] };
        assert!(summary(stale(), Some(sent)).is_good());
        let why = "it is paused".to_owned();
        let left_out = vec![LeftOut { user_id: "ada".parse().unwrap(), messages: 1, why }];
        let barred = summary(stale(), Some(Sent { left_out, ..Sent::default() }));
        assert!(!barred.is_good());
        assert!(barred.in_words().contains("1 were left out"), "{}", barred.in_words());
    }

    #[test]
    fn an_event_that_is_missing_is_announced_again_and_no_message_sent() {
        let unannounced = vec![finding(Flaw::Unannounced, Remedy::AnnounceAgain)];
        let told = missing(&unannounced, None, "fanmail audit --deep ada");
        let command = "fanmail events replay --user ada --announced-since 2026-05-01T12:00:00.000Z";
        assert!(told.contains(command) && told.contains("--deep ada --fix"), "{told}");
        assert!(!is_mended(&unannounced, Some(&Mended::default())));
        let mended = Mended { announced: 1, ..Mended::default() };
        assert!(is_mended(&unannounced, Some(&mended)));
        let told = missing(&unannounced, Some(&mended), "fanmail audit --deep ada");
        assert!(told.contains("1 were announced again") && !told.contains(command), "{told}");
    }
}
