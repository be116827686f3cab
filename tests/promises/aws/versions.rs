//! A bucket that keeps old versions, as the deployed one does: what is deleted for good is gone in all of them.

use aws_sdk_s3::Client as S3;
use shared::archive::Archive;
use shared::archive::s3::S3Archive;
use shared::clock::Chance;

use super::{bucket, config, s3};

/// The versions of a bucket and the markers of what was deleted, by key.
async fn kept(s3: &S3, bucket: &str) -> Vec<String> {
    let listed = s3.list_object_versions().bucket(bucket).send().await.unwrap();
    let versions = listed.versions().iter().filter_map(|it| it.key());
    let markers = listed.delete_markers().iter().filter_map(|it| it.key());
    let mut keys: Vec<String> = versions.chain(markers).map(str::to_owned).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn what_is_purged_is_gone_in_every_version() {
    let config = config().await;
    let name = bucket(&config, &hex::encode(Chance::system().bytes::<6>())).await;
    let (s3, archive) = (s3(&config), S3Archive::new(&config, name.clone()));
    for text in ["first", "second", "third"] {
        for key in ["raw/4/a.eml", "raw/4/b.eml", "raw/42/a.eml"] {
            archive.put(key, text.into(), "message/rfc822").await.unwrap();
        }
    }
    // Somebody has deleted one as people do: its versions stay, under a marker.
    s3.delete_object().bucket(&name).key("raw/4/b.eml").send().await.unwrap();
    let before = kept(&s3, &name).await;
    assert_eq!(before.len(), 3 * 3 + 1, "the bucket keeps versions: {before:?}");
    let mut pages = 0;
    while archive.remove("raw/4/", 2).await.unwrap() > 0 {
        pages += 1;
    }
    assert_eq!(pages, 4, "seven, two at a time");
    assert_eq!(kept(&s3, &name).await, ["raw/42/a.eml"; 3]);
    assert_eq!(archive.folders("raw/").await.unwrap(), ["raw/42/"]);
    assert_eq!(archive.get("raw/4/a.eml").await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_of_which_only_old_versions_are_left_is_found_and_emptied() {
    let config = config().await;
    let name = bucket(&config, &hex::encode(Chance::system().bytes::<6>())).await;
    let (s3, archive) = (s3(&config), S3Archive::new(&config, name.clone()));
    let (day, pack) = ("packed/dt=2026-05-01/", "packed/dt=2026-05-01/4-0a.ndjson.gz");
    archive.put(pack, b"x".to_vec(), "application/gzip").await.unwrap();
    s3.delete_object().bucket(&name).key(pack).send().await.unwrap();
    assert_eq!(archive.keys("", None, 9).await.unwrap(), [""; 0]);
    assert_eq!(archive.folders("packed/").await.unwrap(), [day]);
    // More of somebody else's than a page holds come first.
    for text in ["first", "second", "third"] {
        archive.put(&format!("{day}4-0-0a.gz"), text.into(), "application/gzip").await.unwrap();
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(archive.remove(&format!("{day}4-"), 2).await.unwrap());
    }
    assert_eq!(deleted.iter().sum::<usize>(), 2, "its version, and the marker");
    assert_eq!(kept(&s3, &name).await.len(), 3);
}
