//! A folder of `.eml` files with a `labels.tsv`: path, then labels, the class first; `-` where there is none.

use std::fs;
use std::path::{Path, PathBuf};

/// One message of a collection.
pub(crate) struct Mail {
    pub(crate) path: String,
    pub(crate) raw: Vec<u8>,
    /// Its class; none where nobody has said.
    pub(crate) label: Option<String>,
}

/// The messages that the repository ships.
pub(crate) fn shipped() -> Vec<Mail> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mail"))
}

/// Every message that the folder's `labels.tsv` names.
pub(crate) fn read(folder: &Path) -> Vec<Mail> {
    let table = fs::read_to_string(folder.join("labels.tsv")).unwrap();
    table.lines().skip(1).map(|line| mail(folder, line)).collect()
}

/// Every `.eml` file in a folder and those below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "eml") {
            found.push(path);
        }
    }
    found
}

fn mail(folder: &Path, line: &str) -> Mail {
    let mut columns = line.split('\t');
    let (path, labels) = (columns.next().unwrap().to_owned(), columns.next().unwrap());
    let label = labels.split(';').next().filter(|label| *label != "-");
    Mail { raw: fs::read(folder.join(&path)).unwrap(), label: label.map(str::to_owned), path }
}
