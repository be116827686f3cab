//! What a local bucket cannot show: the answers that are rare.

use super::*;
use crate::aws::scripted::{Scripted, refused_by_s3, said};
use crate::disposition::chain;

const JSON: &str = "application/json";

fn bucket(scripted: &Scripted) -> S3Archive {
    S3Archive::new(&scripted.config, "results".into())
}

async fn put_new(scripted: &Scripted) -> Result<Put, StoreError> {
    bucket(scripted).put_new("raw/42/m1.eml", b"x".to_vec(), JSON).await
}

#[tokio::test]
async fn a_first_write_is_conditional_and_a_replacement_is_not() {
    let scripted = Scripted::answering(|_, _| said(200, "")).await;
    assert_eq!(put_new(&scripted).await.unwrap(), Put::Stored);
    bucket(&scripted).put("raw/42/m1.eml", b"x".to_vec(), JSON).await.unwrap();
    let asked = scripted.asked();
    assert_eq!(
        asked.iter().map(|it| it.header("if-none-match")).collect::<Vec<_>>(),
        [Some("*"), None]
    );
    for put in asked {
        assert_eq!(put.header("content-type"), Some(JSON));
        assert_eq!(put.path.split('?').next(), Some("/results/raw/42/m1.eml"));
        assert_eq!(put.header("x-amz-server-side-encryption"), None, "the bucket says so");
    }
}

#[tokio::test]
async fn a_key_that_is_taken_is_told_from_one_that_is_being_written() {
    let taken = Scripted::answering(|_, _| refused_by_s3(412, "PreconditionFailed")).await;
    assert_eq!(put_new(&taken).await.unwrap(), Put::Exists);
    assert_eq!(taken.asked().len(), 1);
    for (then, expected) in [(200, Put::Stored), (412, Put::Exists)] {
        let answer = move |number, _: &_| match (number, then) {
            (0 | 1, _) => refused_by_s3(409, "ConditionalRequestConflict"),
            (_, 200) => said(200, ""),
            _ => refused_by_s3(then, "PreconditionFailed"),
        };
        let scripted = Scripted::answering(answer).await;
        assert_eq!(put_new(&scripted).await.unwrap(), expected);
        assert_eq!(scripted.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_key_that_is_always_being_written_may_pass() {
    let busy = Scripted::answering(|_, _| refused_by_s3(409, "ConditionalRequestConflict")).await;
    let error = put_new(&busy).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
    assert_eq!(busy.asked().len(), CONFLICTS);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_finds_its_own_object() {
    let answer = |number, _: &_| match number {
        0 => refused_by_s3(503, "SlowDown"),
        _ => refused_by_s3(412, "PreconditionFailed"),
    };
    let scripted = Scripted::answering(answer).await;
    assert_eq!(put_new(&scripted).await.unwrap(), Put::Exists);
}

#[tokio::test]
async fn a_bucket_that_is_slow_may_pass_and_one_that_forbids_is_named() {
    let slow = Scripted::answering(|_, _| refused_by_s3(503, "SlowDown")).await;
    let error = put_new(&slow).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
    for code in ["AccessDenied", "NoSuchBucket"] {
        let scripted = Scripted::answering(move |_, _| refused_by_s3(403, code)).await;
        let archive = bucket(&scripted);
        let put = archive.put("a", Vec::new(), JSON).await.err().unwrap();
        let get = archive.get("a").await.err().unwrap();
        let keys = archive.keys("a", None, 9).await.err().unwrap();
        for (error, place) in [
            (put, "s3:PutObject on results"),
            (get, "s3:ListBucket, without which a key that is not there is forbidden) on results"),
            (keys, "s3:ListBucket on results"),
        ] {
            assert!(matches!(error, StoreError::Broken { .. }));
            assert!(chain(&error).contains(place), "{}", chain(&error));
        }
    }
}

#[tokio::test]
async fn keys_are_listed_until_there_are_enough_or_no_more() {
    let page = |keys: [&str; 2], more: bool| {
        let keys = keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>")).concat();
        let truncated = format!("<IsTruncated>{more}</IsTruncated>");
        said(200, &format!("<ListBucketResult>{truncated}{keys}</ListBucketResult>"))
    };
    let answer = move |number, _: &_| match number {
        0 => page(["a/1", "a/2"], true),
        _ => page(["a/3", "a/4"], false),
    };
    let scripted = Scripted::answering(answer).await;
    let keys = bucket(&scripted).keys("a/", Some("a/0"), 2500).await.unwrap();
    assert_eq!(keys, ["a/1", "a/2", "a/3", "a/4"]);
    let paths: Vec<_> = scripted.asked().into_iter().map(|asked| asked.path).collect();
    assert!(paths[0].contains("start-after=a%2F0") && paths[0].contains("max-keys=1000"));
    assert!(paths[1].contains("start-after=a%2F2"), "{}", paths[1]);
}
