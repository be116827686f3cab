//! `classify` and the demo over mail of all kinds: the shipped set, or as much as there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::command::run;

/// `FANMAIL_CORPUS`, or the shipped mail.
fn mail() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "more mail to try is a setting of the tests")]
    let corpus = std::env::var("FANMAIL_CORPUS");
    corpus.map_or_else(|_| shipped(), PathBuf::from)
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mail").canonicalize().unwrap()
}

/// Every `*.eml` below `folder`, in the order of their paths.
fn messages(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            messages(&path, found);
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml")) {
            found.insert(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn the_demo_accounts_for_all_mail_there_is() {
    let mut files = BTreeSet::new();
    messages(&mail(), &mut files);
    let mail = mail();
    let args = ["demo", "--once", "--json", "--quota", "off", "--mail", mail.to_str().unwrap()];
    let summary = run(&args).good().objects().remove(0);
    println!("{} messages went through the demo", files.len());
    assert_eq!(summary["messages"].as_u64().unwrap(), files.len() as u64);
    assert_eq!(summary["done"], summary["messages"], "{summary}");
}

#[test]
fn classify_says_one_line_of_every_file_there_is() {
    let mut files = BTreeSet::new();
    messages(&mail(), &mut files);
    let ran = run(&["classify", "--json", mail().to_str().unwrap()]).good();
    println!("{} messages were classified", files.len());
    let objects = ran.objects();
    let paths: BTreeSet<_> =
        objects.iter().map(|result| result["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(objects.len(), files.len());
    assert_eq!(paths, files);
    assert!(objects.iter().all(|result| result["category"].is_string()));
}

#[test]
fn classify_takes_a_file_as_named_and_a_folder_as_given() {
    let room = TempDir::new().unwrap();
    fs::create_dir_all(room.path().join("mail/deep")).unwrap();
    for (name, content) in
        [("mail/deep/noise.eml", b"\xff\xfe\x00".as_slice()), ("letter", b"Subject: x\n\ny")]
    {
        fs::write(room.path().join(name), content).unwrap();
    }
    let mut command = crate::command::fanmail();
    command.current_dir(room.path()).args(["classify", "letter", "./mail", "--json"]);
    let ran = crate::command::Ran::of(&command.output().unwrap()).good();
    let shown: Vec<_> = ran.objects().iter().map(|result| result["path"].clone()).collect();
    assert_eq!(shown, ["letter", "./mail/deep/noise.eml"]);
    assert_eq!(ran.objects()[1]["category"], "unreadable");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_gets_its_line_too() {
    let room = TempDir::new().unwrap();
    fs::write(room.path().join("a.eml"), "Subject: a\n\na").unwrap();
    std::os::unix::fs::symlink("nowhere", room.path().join("b.eml")).unwrap();
    fs::write(room.path().join("c.eml"), "Subject: c\n\nc").unwrap();
    let ran = run(&["classify", "--json", room.path().to_str().unwrap()]);
    let names: Vec<_> = ran.objects().iter().map(|result| result["path"].clone()).collect();
    let expected = ["a.eml", "b.eml", "c.eml"].map(|name| room.path().join(name));
    assert_eq!(names, expected.map(|path| path.to_str().unwrap().to_owned()));
    assert_eq!(ran.code, Some(1), "what could not be opened is a failure");
    assert!(ran.err.contains("b.eml"), "{}", ran.err);
}

#[test]
fn a_path_that_is_not_there_is_bad_use() {
    run(&["classify", "--json", "no/such/mail"])
        .bad_use(&["no/such/mail", "no such file or folder"]);
}
