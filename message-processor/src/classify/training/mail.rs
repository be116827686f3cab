//! A folder of mail with a `labels.tsv`: a line for the columns' names, then path, labels, and further columns.

use std::fs;
use std::io;
use std::path::Path;

/// A labelled message.
#[derive(Debug, Clone)]
pub struct Mail {
    pub path: String,
    /// The first is its class; further ones are also true. Empty where nobody has said.
    pub labels: Vec<String>,
    pub collection: String,
    /// Whether weights may be learned from it.
    pub free: bool,
    pub raw: Vec<u8>,
}

/// Every message that the folder's `labels.tsv` names, sorted by its path.
pub fn read(folder: &Path) -> io::Result<Vec<Mail>> {
    let table = fs::read_to_string(folder.join("labels.tsv"))?;
    let mut lines = table.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let mut mail = Vec::new();
    for line in lines {
        let columns: Vec<_> = line.split('\t').collect();
        let column = |name: &str| {
            let at = names.iter().position(|known| *known == name);
            at.and_then(|at| columns.get(at)).copied().unwrap_or_default()
        };
        let path = columns.first().copied().unwrap_or_default();
        let labels = columns.get(1).copied().unwrap_or_default();
        mail.push(Mail {
            path: path.to_owned(),
            labels: labels.split(';').filter(|label| *label != "-").map(str::to_owned).collect(),
            collection: collection_of(path, column("origin")),
            free: is_free(column("licence")),
            raw: fs::read(folder.join(path))?,
        });
    }
    mail.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(mail)
}

/// Weights are shipped for whatever use: what is licensed for none that earns money is not learned from.
fn is_free(licence: &str) -> bool {
    !licence.is_empty() && !licence.to_ascii_uppercase().contains("NC")
}

/// The collection that a message is from: its folder, or what was written for this project.
pub fn collection_of(path: &str, origin: &str) -> String {
    if origin == OWN {
        return OWN.to_lowercase();
    }
    let mut folders = path.split('/');
    match (folders.next(), folders.next()) {
        (Some("odd"), Some(folder)) => format!("odd/{folder}"),
        (Some(folder), _) => folder.to_owned(),
        (None, _) => String::new(),
    }
}

/// The origin of the mail that was written for this project.
const OWN: &str = "Fanmail";
