//! The archive's folder.

use std::fs;
use std::path::Path;

use shared::archive::folder::FolderArchive;
use shared::archive::{Archive, Put};

const JSON: &str = "application/json";

/// Every file below `folder`, but for the locks that stay.
pub(super) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("door") && !path.ends_with("owner") {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_key_is_a_path_below_the_folder_and_no_draft_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let archive = FolderArchive::open(folder.path()).unwrap();
    for key in ["raw/42/m1.eml", "raw/42/m1.eml", "raw/42/m2.eml"] {
        let _: Put = archive.put_new(key, b"bytes".to_vec(), JSON).await.unwrap();
        archive.put(key, b"again".to_vec(), JSON).await.unwrap();
    }
    let mut files = files(folder.path());
    files.sort();
    let expected = ["raw/42/m1.eml", "raw/42/m2.eml"].map(|key| folder.path().join(key));
    assert_eq!(files, expected.map(|path| path.to_string_lossy().into_owned()));
    assert_eq!(fs::read(folder.path().join("raw/42/m1.eml")).unwrap(), b"again");
}

#[tokio::test]
async fn drafts_of_the_dead_are_cleared_and_those_of_the_living_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let living = FolderArchive::open(folder.path()).unwrap();
    let draft = folder.path().join(".drafts/0/draft");
    fs::write(&draft, "half").unwrap();
    let dead = folder.path().join(".drafts/7");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("owner"), "").unwrap();
    fs::write(dead.join("3"), "half").unwrap();
    let _other = FolderArchive::open(folder.path()).unwrap();
    assert!(draft.exists() && !dead.exists());
    drop(living);
    assert!(!draft.exists(), "whoever goes in peace clears up");
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    let archive = FolderArchive::open(folder.path()).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    assert!(archive.keys("", None, 10).await.unwrap().is_empty());
}
