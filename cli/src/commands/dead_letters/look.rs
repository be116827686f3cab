//! Looking at dead letters.

use std::time::Duration;

use anyhow::{Context, anyhow};
use desk::explain::{Explanation, explain as meaning};
use desk::groups::{self, Group};
use desk::letters::named;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::disposition::chain;
use shared::ids::{Generation, JobId, MessageId, UserId};
use shared::ledger::{DeadLetter, LetterFilter, LetterKey, LetterState};
use shared::reason::Reason;
use shared::replay::LetterJob;

use crate::args::{By, Groups, List};
use crate::backend::{Backend, bad_use};
use crate::commands::accounts::state;
use crate::print::{Out, Row, line, progress};

/// Who owns what could not be read.
const NOBODY: &str = "-";

pub(super) async fn list(backend: &Backend, asked: List, out: Out) -> anyhow::Result<()> {
    let filter = LetterFilter { state: asked.state, ..asked.filter.at(backend) };
    let after = asked.after.as_deref().map(key).transpose()?;
    let reading = "reading the dead letters";
    let page = backend.letters.list(&filter, after.as_ref(), asked.limit).await.context(reading)?;
    let now = backend.clock.now();
    let is_full = page.len() == asked.limit;
    let letters: Vec<Letter> = page.into_iter().map(|letter| Letter::of(letter, now)).collect();
    out.rows(&letters, "No dead letter.")?;
    if let Some(last) = letters.last().filter(|_| is_full) {
        let user = last.kept.user_id.as_ref().map_or(NOBODY, UserId::as_str);
        progress(&format!(
            "There may be more: the next page is --after {user}/{}",
            last.kept.job_id
        ));
    }
    if letters.is_empty() && after.is_none() {
        progress(&there_is(backend).await?);
    }
    Ok(())
}

pub(super) async fn groups(backend: &Backend, asked: &Groups, out: Out) -> anyhow::Result<()> {
    let by: Vec<groups::By> = asked.by.iter().map(|by| (*by).into()).collect();
    let filter = LetterFilter { state: Some(asked.state), ..asked.filter.at(backend) };
    let groups = groups::groups(&*backend.letters, &filter, &by).await?;
    let none = format!("No {} dead letter.", asked.state);
    let rows: Vec<GroupRow> = groups.into_iter().map(GroupRow).collect();
    out.rows(&rows, &none)?;
    if rows.is_empty() {
        progress(&there_is(backend).await?);
    }
    Ok(())
}

pub(super) async fn show(
    backend: &Backend,
    job: &JobId,
    user: Option<UserId>,
    out: Out,
) -> anyhow::Result<()> {
    let now = backend.clock.now();
    for letter in find(backend, job, user).await? {
        out.object(&Letter::of(letter, now))?;
    }
    Ok(())
}

async fn find(
    backend: &Backend,
    job: &JobId,
    user_id: Option<UserId>,
) -> anyhow::Result<Vec<DeadLetter>> {
    let filter = LetterFilter { user_id, ..LetterFilter::default() };
    let letters = named(&*backend.letters, std::slice::from_ref(job), &filter).await?;
    if letters.is_empty() {
        let there = there_is(backend).await?;
        return Err(anyhow!("no dead letter has the jobId {job}. {there}"));
    }
    Ok(letters)
}

pub(super) async fn explain(backend: &Backend, what: &str, out: Out) -> anyhow::Result<()> {
    if let Ok(reason) = what.parse::<Reason>() {
        return tell(reason, None, out);
    }
    let job: JobId = what.parse().map_err(|_| {
        let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        bad_use(&format!(
            "{what:?} is neither a jobId nor a reason; reasons are: {}",
            reasons.join(", ")
        ))
    })?;
    for letter in find(backend, &job, None).await? {
        let mailbox = match &letter.user_id {
            Some(user) => backend.mailboxes.get(user).await?,
            None => None,
        };
        let mailbox = mailbox.as_ref().map_or_else(|| "not known".to_owned(), state);
        let reason = letter.reason;
        tell(reason, Some((Letter::of(letter, backend.clock.now()), mailbox)), out)?;
    }
    Ok(())
}

fn tell(reason: Reason, about: Option<(Letter, String)>, out: Out) -> anyhow::Result<()> {
    let explanation = meaning(reason);
    if out.json {
        let (letter, mailbox) = about.unzip();
        return out.object(&Explained { reason, explanation, letter, mailbox });
    }
    let Explanation { means, fix, by_itself, command } = explanation;
    line(&format!(
        "{reason}\n  What it means:   {means}\n  What helps:      {fix}\n  By itself:       {by_itself}\n  \
         Command:         {command}"
    ))?;
    let Some((Letter { kept: letter, age, messages, unreadable, .. }, mailbox)) = about else {
        return Ok(());
    };
    let user = letter.user_id.as_ref().map_or(NOBODY, UserId::as_str);
    line(&format!(
        "\n{}\n  State:           {}, after {} tries; {age} old\n  Mailbox:         {user}, {mailbox}\n  Messages:        {}\n  \
         Last error:      {}",
        letter.job_id,
        letter.state,
        letter.tries,
        messages.len(),
        letter.error
    ))?;
    if let Some(at) = letter.retry_at {
        line(&format!("  Goes round:      by itself from {at} on"))?;
    }
    if let Some(cause) = unreadable {
        line(&format!("  Its payload:     cannot be read as a job: {cause}"))?;
    }
    Ok(())
}

/// What dead letters there are, for whoever asked for others.
pub(super) async fn there_is(backend: &Backend) -> anyhow::Result<String> {
    let mut parts = Vec::new();
    for state in [LetterState::Parked, LetterState::Replaying] {
        let filter = LetterFilter { state: Some(state), ..LetterFilter::default() };
        let by = [groups::By::Reason, groups::By::Stage];
        for group in groups::groups(&*backend.letters, &filter, &by).await? {
            let common = &group.common;
            let reason = common.reason.map_or("", Reason::as_str);
            let stage = common.stage.map_or("", |stage| stage.as_str());
            let (letters, last) = (group.letters, group.last_seen_at);
            parts.push(format!("{letters} {state} of {reason} in the {stage}, the last at {last}"));
        }
    }
    Ok(match parts.as_slice() {
        [] => "No dead letter is open.".to_owned(),
        parts => format!("Open are: {}.", parts.join("; ")),
    })
}

fn key(text: &str) -> anyhow::Result<LetterKey> {
    let bad = || bad_use(&format!("--after {text:?}: give what the last page named, USER/JOB"));
    let (user, job) = text.split_once('/').ok_or_else(bad)?;
    let user = if user == NOBODY { None } else { Some(user.parse().map_err(|_| bad())?) };
    Ok((user, job.parse().map_err(|_| bad())?))
}

/// A letter with what its payload says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    #[serde(flatten)]
    kept: DeadLetter,
    /// Since it was first sent.
    age: String,
    /// The messages that it takes in, or the one that an action is for.
    messages: Vec<MessageId>,
    /// Which judgement of them; null where the job is about none.
    generation: Option<Generation>,
    /// The version of jobs that it was written in.
    version: Option<u32>,
    /// Why the payload cannot be read as a job; null where it can, or where an older version was read as this one.
    unreadable: Option<String>,
}

impl Letter {
    fn of(letter: DeadLetter, now: Timestamp) -> Self {
        let seconds = Duration::from_secs(now.since(letter.first_seen_at).as_secs());
        let age = humantime::format_duration(seconds).to_string();
        let job = LetterJob::read(letter.stage, &letter.payload);
        let unreadable = job.as_ref().err().map(|bad| chain(bad));
        let (messages, generation, version) = match &job {
            Ok(job) => (job.about(), job.generation(), Some(job.header().v)),
            Err(_) => (vec![], None, None),
        };
        Self { kept: letter, age, messages, generation, version, unreadable }
    }
}

impl Row for Letter {
    const HEAD: &'static [&'static str] = &[
        "JOB",
        "USER",
        "STAGE",
        "REASON",
        "STATE",
        "TRIES",
        "MESSAGES",
        "AGE",
        "LAST SEEN",
        "ERROR",
    ];

    fn cells(&self) -> Vec<String> {
        let letter = &self.kept;
        let age: Vec<&str> = self.age.split(' ').take(2).collect();
        vec![
            letter.job_id.to_string(),
            letter.user_id.as_ref().map_or(NOBODY, UserId::as_str).to_owned(),
            letter.stage.to_string(),
            letter.reason.to_string(),
            letter.state.to_string(),
            letter.tries.to_string(),
            self.messages.len().to_string(),
            age.join(" "),
            letter.last_seen_at.to_string(),
            letter.error.chars().take(60).collect(),
        ]
    }
}

#[derive(Serialize)]
struct Explained {
    reason: Reason,
    #[serde(flatten)]
    explanation: Explanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<Letter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<String>,
}

#[derive(Serialize)]
struct GroupRow(Group);

impl Row for GroupRow {
    const HEAD: &'static [&'static str] =
        &["LETTERS", "WHAT", "BY THEMSELVES", "FIRST SEEN", "LAST SEEN", "SAMPLE", "ERROR"];

    fn cells(&self) -> Vec<String> {
        let group = &self.0;
        let common = &group.common;
        let mut what: Vec<String> = Vec::new();
        what.extend(common.reason.map(|reason| reason.to_string()));
        what.extend(common.stage.map(|stage| stage.to_string()));
        let user = common.user_id.as_ref();
        what.extend(user.map(|user| user.as_ref().map_or(NOBODY, UserId::as_str).to_owned()));
        what.extend(common.hour.map(|hour| hour.to_string()));
        vec![
            group.letters.to_string(),
            what.join(" "),
            group.retried.to_string(),
            group.first_seen_at.to_string(),
            group.last_seen_at.to_string(),
            group.sample.to_string(),
            group.error.chars().take(60).collect(),
        ]
    }
}

impl From<By> for groups::By {
    fn from(by: By) -> Self {
        match by {
            By::Reason => Self::Reason,
            By::Stage => Self::Stage,
            By::Mailbox => Self::Mailbox,
            By::Hour => Self::Hour,
        }
    }
}
