//! Keys in order, from folders that know none.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// At most `limit` keys that begin with `prefix`, after `after`, in order; `below` is the folder that the prefix names.
/// One folder's names at a time are in memory, and a folder that cannot hold a wanted key is not opened.
pub(super) fn keys(
    root: &Path,
    below: Option<&str>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<String>> {
    let mut walk = Walk { root, prefix, after, limit, found: Vec::new() };
    walk.folder(&below.map_or_else(String::new, |below| format!("{below}/")))?;
    Ok(walk.found)
}

/// The folders in `folder`, in order.
pub(super) fn folders(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let names = names(&root.join(folder))?.into_iter();
    Ok(names.filter(|name| name.ends_with('/')).map(|name| format!("{folder}{name}")).collect())
}

struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &str) -> io::Result<()> {
        for name in names(&self.root.join(folder))? {
            if self.found.len() >= self.limit {
                break;
            }
            let key = format!("{folder}{name}");
            if key.ends_with('/') {
                if self.may_hold(&key) {
                    self.folder(&key)?;
                }
            } else if key.starts_with(self.prefix) && self.after.is_none_or(|after| *key > *after) {
                self.found.push(key);
            }
        }
        Ok(())
    }

    fn may_hold(&self, folder: &str) -> bool {
        let meant = folder.starts_with(self.prefix);
        let ahead = self.after.is_none_or(|after| *folder > *after || after.starts_with(folder));
        meant && ahead
    }
}

/// The names in a folder, those of folders with a `/` at the end: sorted so, they come in the order of their keys.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))
        else {
            continue;
        };
        // A link is neither: what lies elsewhere is not ours.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            names.push(format!("{name}/"));
        } else if kind.is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
