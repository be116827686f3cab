//! Rules in a bucket, and the last good ones in another.

use std::sync::Arc;

use aws_sdk_s3::Client as S3;
use message_processor::{Book, Rules};
use shared::archive::Archive;
use shared::archive::s3::S3Archive;
use shared::aws::s3_file::S3File;
use shared::clock::{Chance, Clock};
use shared::disposition::chain;
use shared::store::StoreError;

use super::super::world::start;
use super::{bucket, config, s3};

/// A bucket of the operator's with a file of rules, and one of ours.
struct Buckets {
    s3: S3,
    operators: String,
    ours: Arc<S3Archive>,
    config: aws_config::SdkConfig,
    clock: Clock,
}

fn labelling(label: &str) -> String {
    format!("[[rule]]\nname = 'a'\nwhen = 'true'\nlabels = ['{label}']\n")
}

impl Buckets {
    async fn made() -> Self {
        let config = config().await;
        let tag = hex::encode(Chance::system().bytes::<6>());
        let operators = bucket(&config, &format!("of-rules-{tag}")).await;
        let ours = Arc::new(S3Archive::new(&config, bucket(&config, &tag).await));
        Self { s3: s3(&config), operators, ours, config, clock: Clock::manual(start()) }
    }

    async fn put(&self, text: &str) {
        let put = self.s3.put_object().bucket(&self.operators).key("fanmail/rules.toml");
        put.body(text.as_bytes().to_vec().into()).send().await.unwrap();
    }

    async fn delete(&self) {
        let delete = self.s3.delete_object().bucket(&self.operators).key("fanmail/rules.toml");
        delete.send().await.unwrap();
    }

    fn file(&self) -> S3File {
        let address = format!("s3://{}/fanmail/rules.toml", self.operators);
        S3File::new(&self.config, address.parse().unwrap())
    }

    /// A function that has just begun.
    fn function(&self) -> Book {
        let (file, archive) = (Arc::new(self.file()), self.ours.clone());
        Book::on_use(file, archive, self.clock.clone(), Chance::system())
    }

    /// What messages are labelled with by this function, a minute later.
    async fn label(&self, function: &Book) -> String {
        self.clock.advance(Book::LOOKED_AT);
        let rules = function.rules().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        rules.unwrap().list()[0].labels.concat()
    }
}

#[tokio::test]
async fn rules_follow_their_object_and_the_last_good_ones_stay_while_it_is_bad_or_gone() {
    let buckets = Buckets::made().await;
    buckets.put(&labelling("one")).await;
    let function = buckets.function();
    assert_eq!(buckets.label(&function).await, "one");
    assert_eq!(buckets.label(&function).await, "one");
    buckets.put(&labelling("two")).await;
    assert_eq!(buckets.label(&function).await, "two");
    let misspelt = labelling("three").replace("'true'", "'tru'");
    let too_large = format!("{}# {}", labelling("four"), "x".repeat(300_000));
    for bad in [Some(misspelt), Some(too_large), None] {
        match bad {
            Some(text) => buckets.put(&text).await,
            None => buckets.delete().await,
        }
        assert_eq!(buckets.label(&function).await, "two");
        assert_eq!(buckets.label(&buckets.function()).await, "two", "of one that begins now");
    }
    buckets.put(&labelling("five")).await;
    assert_eq!(buckets.label(&function).await, "five");
    let kept = buckets.ours.keys("rules/", None, 9).await.unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
}

#[tokio::test]
async fn an_object_that_is_not_there_is_named_and_is_our_own_fault() {
    let buckets = Buckets::made().await;
    let error = buckets.function().rules().await.err().unwrap();
    assert!(matches!(error, StoreError::Broken { .. }));
    let address = buckets.file().address().to_string();
    assert!(chain(&error).contains(&format!("there is no {address}")), "{}", chain(&error));
    assert!(chain(&error).contains("none were ever kept"), "{}", chain(&error));
    let unread = Rules::read(&buckets.file()).await.err().unwrap();
    assert!(unread.to_string().contains(&address), "{unread}");
}
