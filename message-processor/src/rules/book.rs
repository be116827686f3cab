//! The rules that are in force, shared by all who process messages, and looked at again while they do.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use shared::clock::Clock;
use shared::worker::Shutdown;

use super::file::FILE_BYTES;
use super::{BadRules, Rules};

/// The rules of `RULES_FILE`, others that do not change, or none.
#[derive(Debug, Clone, Default)]
pub struct Book(Option<Arc<Source>>);

#[derive(Debug)]
struct Source {
    /// Where they come from, if from a file.
    path: Option<PathBuf>,
    rules: RwLock<Arc<Rules>>,
    /// What was found when the file was last looked at: each change is told once.
    found: Mutex<Found>,
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The hash of what stood in it, good or bad.
    Content(String),
    Nothing(io::ErrorKind),
}

/// Why there are no rules to begin with.
#[derive(Debug)]
pub enum NoBook {
    Unreadable(PathBuf, io::Error),
    Bad(PathBuf, BadRules),
}

impl std::fmt::Display for NoBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Bad(path, bad) => f.write_str(&bad.in_file(path)),
        }
    }
}

impl std::error::Error for NoBook {}

impl Rules {
    /// The rules of this file.
    pub fn open(path: &Path) -> Result<Self, NoBook> {
        let content = content(path).map_err(|error| NoBook::Unreadable(path.into(), error))?;
        Self::parse(&content).map_err(|bad| NoBook::Bad(path.into(), bad))
    }
}

impl Book {
    /// The rules of this file, which may change.
    pub fn open(path: &Path) -> Result<Self, NoBook> {
        Ok(Self::holding(Rules::open(path)?, Some(path.into())))
    }

    /// Rules that stay as they are.
    pub fn of(rules: Rules) -> Self {
        Self::holding(rules, None)
    }

    fn holding(rules: Rules, path: Option<PathBuf>) -> Self {
        let found = Mutex::new(Found::Content(rules.hash.clone()));
        let rules = RwLock::new(Arc::new(rules));
        Self(Some(Arc::new(Source { path, rules, found })))
    }

    /// The rules that are in force now. Whoever has them goes on with them.
    pub fn rules(&self) -> Option<Arc<Rules>> {
        let source = self.0.as_ref()?;
        // Only whole rules are ever put there.
        Some(source.rules.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Looks at the file every so often, until told to stop. Where there is none, nothing is done until then.
    pub async fn watch(self, every: Duration, clock: Clock, mut shutdown: Shutdown) {
        let Some(source) = self.0 else { return shutdown.told().await };
        while !shutdown.is_told() {
            tokio::select! {
                () = clock.sleep(every) => {}
                () = shutdown.told() => return,
            }
            let source = source.clone();
            // A panic is told by its hook, and the file is looked at again.
            let _ = tokio::task::spawn_blocking(move || source.look()).await;
        }
    }
}

impl Source {
    /// Takes what stands in the file now, if it may. What may not leaves the rules as they are.
    fn look(&self) {
        let Some(path) = &self.path else { return };
        let content = content(path);
        let found = match &content {
            Ok(content) => Found::Content(super::hash(content)),
            Err(error) => Found::Nothing(error.kind()),
        };
        let mut before = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == found {
            return;
        }
        *before = found;
        let rules = match content {
            Ok(content) => Rules::parse(&content).map_err(|bad| bad.in_file(path)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        };
        match rules {
            Ok(rules) => {
                let rules = Arc::new(rules);
                *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.clone();
                let (count, hash) = (rules.list().len(), rules.hash());
                tracing::info!(rules = count, hash, "The rules have changed");
            }
            Err(error) => {
                tracing::error!(error, "The rules cannot be used; those from before stay");
            }
        }
    }
}

/// What stands in the file, and of one that is too large only so much that this shows.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[rule]]\nname = 'a'\nwhen = 'true'\nlabels = ['a']\n";

    /// A folder that goes when the test ends.
    struct Room(PathBuf);

    impl Drop for Room {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn room(name: &str) -> Room {
        let path = std::env::temp_dir().join(format!("fanmail-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    #[test]
    fn rules_change_with_their_file_and_stay_where_it_is_bad() {
        let room = room("rules-change");
        let path = room.0.join("rules.toml");
        assert!(matches!(Book::open(&path), Err(NoBook::Unreadable(..))));
        std::fs::write(&path, GOOD).unwrap();
        let book = Book::open(&path).unwrap();
        let look = || book.0.as_ref().unwrap().look();
        let labels = || book.rules().unwrap().list()[0].labels.clone();
        let bad = GOOD.replace("true", "tru");
        for (content, label) in [
            (GOOD.replace("['a']", "['b']"), "b"),
            (bad, "b"),
            (String::new(), "b"),
            (GOOD.to_owned(), "a"),
        ] {
            std::fs::write(&path, content).unwrap();
            look();
            assert_eq!(labels(), [label]);
        }
        std::fs::remove_file(&path).unwrap();
        look();
        assert_eq!(labels(), ["a"]);
    }

    #[test]
    fn bad_rules_are_told_as_editors_take_them() {
        let room = room("rules-told");
        let path = room.0.join("rules.toml");
        std::fs::write(&path, GOOD.replace("true", "tru")).unwrap();
        let told = Book::open(&path).unwrap_err().to_string();
        let expected = "rules.toml:3:9: there is no field 'tru'; did you mean 'true'?";
        assert!(told.ends_with(expected), "{told}");
        assert!(Book::default().rules().is_none());
        assert_eq!(
            Book::of(Rules::parse(GOOD.as_bytes()).unwrap()).rules().unwrap().list().len(),
            1
        );
    }
}
