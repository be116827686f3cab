//! `fanmail classify`: raw messages, understood without a mailbox.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use message_processor::{Circumstances, Rules, understand};
use shared::clock::{Clock, Timestamp};
use shared::result::MessageResult;

use super::rules::open;
use crate::args::Classify;
use crate::print::{Out, line, progress};
use crate::{BadUse, End};

/// Understands every message that `args` names, a line each, even when it cannot be read.
pub(crate) fn run(args: &Classify, out: Out) -> anyhow::Result<End> {
    let now = Clock::System.now();
    let rules = args.rules.as_deref().map(open).transpose()?;
    let mut end = End::Good;
    for path in messages(&args.paths)? {
        let path_shown = path.display().to_string();
        // A file that cannot be opened is as unreadable as one without mail in it, and gets its line like it.
        let raw = fs::read(&path).unwrap_or_else(|error| {
            progress(&format!("reading {path_shown}: {error}"));
            end = End::Bad;
            Vec::new()
        });
        let result = understood(&raw, path_shown, now, rules.as_ref());
        if out.json { out.object(&result)? } else { line(&sentence(&result))? }
    }
    Ok(end)
}

/// The result of a message that is in no mailbox.
pub(super) fn understood(
    raw: &[u8],
    path: String,
    now: Timestamp,
    rules: Option<&Rules>,
) -> MessageResult {
    let known = Circumstances { path: Some(path), processed_at: now, ..Circumstances::default() };
    let mut result = understand::<&str>(raw, &[]).into_result(known);
    if let Some(rules) = rules {
        rules.apply(&mut result);
    }
    result
}

/// The files meant: a file as named, every `*.eml` below a folder, in the order of their paths.
pub(crate) fn messages(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found)?;
        } else if path.exists() {
            found.push(path.clone());
        } else {
            return Err(BadUse(format!("{}: no such file or folder", path.display())).into());
        }
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let reading = || format!("reading the folder {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .with_context(reading)?
        .collect::<Result<Vec<_>, _>>()
        .with_context(reading)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // The type of the entry itself: a link to a folder above would never end.
        let (path, kind) = (entry.path(), entry.file_type().with_context(reading)?);
        if kind.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml")) {
            found.push(path);
        }
    }
    Ok(())
}

fn sentence(result: &MessageResult) -> String {
    let path = result.path.as_deref().unwrap_or_default();
    let reason = result.reasons.first().map(String::as_str).unwrap_or_default();
    let labels = match result.labels.as_slice() {
        [] => String::new(),
        labels => format!("  [{}]", labels.join(", ")),
    };
    format!(
        "{:<13} {:>3.0} %  {path}  {reason}{labels}",
        result.category.to_string(),
        result.confidence * 100.0
    )
}
