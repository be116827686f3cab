//! The archive in S3. Objects are encrypted as the bucket says; nothing here names a key.

mod removal;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder as Config;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::key::{check, check_folder, check_place, check_prefix};
use super::{Archive, Object, Put, Version};
use crate::aws::{ATTEMPT, Place, fault, s3};
use crate::clock::{Chance, Clock};
use crate::store::{StoreError, Write};

/// How often a first write is tried while others write the same key. Each time one of them gets on.
const CONFLICTS: usize = 5;

/// How long to wait before the next of these tries, at most.
const PAUSE: Duration = Duration::from_millis(200);

/// The slowest that an object may travel, in bytes a second: beyond it the network is at fault.
const SLOWEST: u64 = 1024 * 1024;

/// The most keys of one page (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
const PAGE: usize = 1000;

/// Without `s3:ListBucket` S3 does not say that a key is absent: it answers 403
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
const GET: &str =
    "s3:GetObject (or s3:ListBucket, without which a key that is not there is forbidden)";

/// One bucket.
pub struct S3Archive {
    client: Client,
    bucket: String,
    chance: Chance,
}

impl S3Archive {
    /// The archive in `bucket`, which must be there.
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        // Chance spreads tries in time, nothing else.
        Self { client: s3(config), bucket, chance: Chance::system() }
    }

    fn place(&self, doing: &'static str, action: &'static str) -> Place<'_> {
        Place { doing, action, resource: &self.bucket }
    }

    /// One write, on a condition if there is one.
    async fn write(
        &self,
        key: &str,
        bytes: Bytes,
        content_type: &'static str,
        condition: Condition<'_>,
    ) -> Result<(), PutFailure> {
        let patience = patience(bytes.len());
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let request = request.content_type(content_type).body(ByteStream::from(bytes));
        let request = match condition {
            Condition::None => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Is(version) => request.if_match(&version.0),
        };
        let Err(error) = request.customize().config_override(patience).send().await else {
            return Ok(());
        };
        let at = self.place("storing an object", "s3:PutObject");
        Err(match error.as_service_error().and_then(PutObjectError::code) {
            // An object that is gone is none that is still there.
            Some("PreconditionFailed" | "NoSuchKey") => PutFailure::Otherwise,
            Some("ConditionalRequestConflict") => PutFailure::Conflict(fault(at, error)),
            _ => PutFailure::Other(fault(at, error)),
        })
    }
}

impl S3Archive {
    /// A write on a condition, tried again while others write the same key; `false` where the condition does not hold.
    async fn decide(
        &self,
        key: &str,
        bytes: Bytes,
        content_type: &'static str,
        condition: Condition<'_>,
    ) -> Result<bool, StoreError> {
        let mut tries = 1;
        loop {
            match self.write(key, bytes.clone(), content_type, condition).await {
                Ok(()) => return Ok(true),
                Err(PutFailure::Otherwise) => return Ok(false),
                Err(PutFailure::Conflict(_)) if tries < CONFLICTS => {
                    Clock::System.sleep(self.chance.jitter(PAUSE)).await;
                    tries += 1;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}

/// What must be there for a write to be done.
#[derive(Clone, Copy)]
enum Condition<'a> {
    /// Whatever is there.
    None,
    /// Nothing.
    Absent,
    /// This, by its `ETag`.
    Is(&'a Version),
}

/// How a write fails.
enum PutFailure {
    /// 412, or 404: what is there is not what was asked for.
    Otherwise,
    /// 409: another write of the key is under way, and which of them wins is not decided.
    Conflict(StoreError),
    /// Anything else.
    Other(StoreError),
}

impl From<PutFailure> for StoreError {
    fn from(failure: PutFailure) -> Self {
        match failure {
            PutFailure::Conflict(error) | PutFailure::Other(error) => error,
            PutFailure::Otherwise => Self::Unavailable {
                doing: "storing an object",
                source: "S3 answered a condition that was not asked".into(),
            },
        }
    }
}

#[async_trait]
impl Archive for S3Archive {
    /// A write that was done, but whose answer was lost, is repeated by the SDK and finds its own object: `Exists`,
    /// and what the caller then reads is what it wrote.
    async fn put_new(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<Put, StoreError> {
        check(key)?;
        let written = self.decide(key, bytes.into(), content_type, Condition::Absent).await?;
        Ok(if written { Put::Stored } else { Put::Exists })
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<(), StoreError> {
        check(key)?;
        Ok(self.write(key, bytes.into(), content_type, Condition::None).await?)
    }

    /// Conditional on the `ETag` (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
        version: &Version,
    ) -> Result<Write, StoreError> {
        check(key)?;
        let condition = Condition::Is(version);
        let written = self.decide(key, bytes.into(), content_type, condition).await?;
        Ok(if written { Write::Applied } else { Write::Stale })
    }

    async fn read(&self, key: &str) -> Result<Option<Object>, StoreError> {
        check(key)?;
        let doing = "reading an object";
        let found = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => found,
            Err(error) => {
                let absent = error.as_service_error().is_some_and(GetObjectError::is_no_such_key);
                let failed = || Err(fault(self.place(doing, GET), error));
                return if absent { Ok(None) } else { failed() };
            }
        };
        let version = Version(found.e_tag.unwrap_or_default());
        let read = found.body.collect().await;
        let bytes =
            read.map_err(|error| StoreError::Unavailable { doing, source: error.into() })?.to_vec();
        Ok(Some(Object { bytes, version }))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(key).await?.map(|object| object.bytes))
    }

    async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        let (mut keys, mut after) = (Vec::new(), after.map(str::to_owned));
        while keys.len() < limit {
            let asked = PAGE.min(limit - keys.len());
            let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let request = request.max_keys(i32::try_from(asked).unwrap_or(1));
            let listed = request.set_start_after(after.filter(|key| !key.is_empty())).send().await;
            let at = self.place("listing objects", "s3:ListBucket");
            let page = listed.map_err(|error| fault(at, error))?;
            let more = page.is_truncated().unwrap_or_default();
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|it| it.key));
            after = keys.last().cloned();
            if !more || after.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        check_folder(folder)?;
        self.folders_of_versions(folder).await
    }

    async fn remove(&self, place: &str, limit: usize) -> Result<usize, StoreError> {
        check_place(place)?;
        let doomed = self.versions(place, limit).await?;
        if doomed.is_empty() {
            return Ok(0);
        }
        self.delete_versions(doomed).await
    }
}

/// A large object gets the time that it needs.
fn patience(bytes: usize) -> Config {
    let attempt = ATTEMPT + Duration::from_secs(bytes as u64 / SLOWEST);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt);
    Config::new().timeout_config(timeouts.operation_timeout(2 * attempt + ATTEMPT).build())
}

#[cfg(test)]
mod tests;
