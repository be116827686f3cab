//! One object in S3 that somebody else writes, read again when it is another.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder as Config;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use futures::FutureExt;

use super::{Place, fault, s3};
use crate::settings::S3Address;
use crate::store::StoreError;

const DOING: &str = "reading a file in S3";

/// Who may not list a bucket is not told that an object is absent
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
const GET: &str = "s3:GetObject (or there is no such object, which S3 calls forbidden)";

/// How long S3 may take to begin its answer, and with repetitions. Somebody waits, and has what was read before.
const BEGINNING: Duration = Duration::from_millis(1500);
const REPETITIONS: Duration = Duration::from_secs(3);

/// 304 (<https://datatracker.ietf.org/doc/html/rfc9110#name-304-not-modified>): not an error, but for the SDK.
const NOT_MODIFIED: u16 = 304;

/// The object at one address.
pub struct S3File {
    client: Client,
    address: S3Address,
}

/// What stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its bytes; of too many, more than were asked for.
    pub bytes: Vec<u8>,
    /// Tells it from what stood there before.
    pub etag: String,
}

impl S3File {
    /// Reads nothing yet.
    pub fn new(config: &SdkConfig, address: S3Address) -> Self {
        Self { client: s3(config), address }
    }

    /// Where it is.
    pub fn address(&self) -> &S3Address {
        &self.address
    }

    /// What stands there, unless that has the `ETag` `known`. Of what is larger than `most` bytes only so much is read
    /// that this shows.
    pub async fn changed(
        &self,
        known: Option<&str>,
        most: usize,
    ) -> Result<Option<Content>, StoreError> {
        let request = self.client.get_object().bucket(self.address.bucket());
        let request = request.key(self.address.key()).set_if_none_match(known.map(str::to_owned));
        // On the heap: the SDK's future is so deep that compilers give up on what is built around it.
        let sent = request.customize().config_override(patience()).send().boxed().await;
        let found = match sent {
            Ok(found) => found,
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                if status == Some(NOT_MODIFIED) {
                    return Ok(None);
                }
                let address = self.address.to_string();
                if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) {
                    let source = format!("there is no {address}").into();
                    return Err(StoreError::Broken { doing: DOING, source });
                }
                return Err(fault(Place { doing: DOING, action: GET, resource: &address }, error));
            }
        };
        let bytes = self.collect(found.body, most).await?;
        Ok(Some(Content { bytes, etag: found.e_tag.unwrap_or_default() }))
    }

    async fn collect(&self, mut body: ByteStream, most: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        while bytes.len() <= most {
            let chunk = body.try_next().await.map_err(|error| {
                let source = format!("{}: {error}", self.address).into();
                StoreError::Unavailable { doing: DOING, source }
            })?;
            let Some(chunk) = chunk else { break };
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn patience() -> Config {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(BEGINNING);
    Config::new().timeout_config(timeouts.operation_timeout(REPETITIONS).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Asked, Said, Scripted, refused_by_s3, said};
    use crate::disposition::chain;

    const FIRST: &str = "\"first\"";
    const SECOND: &str = "\"second\"";

    fn file(scripted: &Scripted) -> S3File {
        S3File::new(&scripted.config, "s3://our-rules/fanmail/rules.toml".parse().unwrap())
    }

    fn holding(asked: &Asked, etag: &'static str, body: &str) -> Said {
        match asked.header("if-none-match") {
            Some(known) if known == etag => Said { etag: Some(etag), ..said(304, "") },
            _ => Said { etag: Some(etag), ..said(200, body) },
        }
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_sent_again() {
        let scripted = Scripted::answering(|number, asked| match number {
            0 | 1 => holding(asked, FIRST, "one"),
            _ => holding(asked, SECOND, "two"),
        })
        .await;
        let file = file(&scripted);
        let one = Content { bytes: b"one".to_vec(), etag: FIRST.into() };
        assert_eq!(file.changed(None, 9).await.unwrap(), Some(one));
        assert_eq!(file.changed(Some(FIRST), 9).await.unwrap(), None);
        let two = Content { bytes: b"two".to_vec(), etag: SECOND.into() };
        assert_eq!(file.changed(Some(FIRST), 9).await.unwrap(), Some(two));
        let asked = scripted.asked();
        let paths: Vec<_> = asked.iter().map(|it| it.path.split('?').next().unwrap()).collect();
        assert_eq!(paths, ["/our-rules/fanmail/rules.toml"; 3]);
        let known: Vec<_> = asked.iter().map(|it| it.header("if-none-match")).collect();
        assert_eq!(known, [None, Some(FIRST), Some(FIRST)]);
    }

    #[tokio::test]
    async fn of_what_is_too_large_only_so_much_is_read_that_this_shows() {
        let large = "x".repeat(8 << 20);
        let scripted = Scripted::answering(move |_, asked| holding(asked, FIRST, &large)).await;
        let read = file(&scripted).changed(None, 1000).await.unwrap().unwrap().bytes.len();
        assert!((1001..1 << 20).contains(&read), "{read}");
    }

    #[tokio::test]
    async fn what_is_gone_or_forbidden_is_named_and_a_slow_bucket_may_pass() {
        for (status, code, words) in [
            (404, "NoSuchKey", "there is no s3://our-rules/fanmail/rules.toml"),
            (403, "AccessDenied", "forbidden) on s3://our-rules/fanmail/rules.toml"),
            (404, "NoSuchBucket", "on s3://our-rules/fanmail/rules.toml: NoSuchBucket"),
        ] {
            let scripted = Scripted::answering(move |_, _| refused_by_s3(status, code)).await;
            let error = file(&scripted).changed(Some(FIRST), 9).await.unwrap_err();
            assert!(matches!(error, StoreError::Broken { .. }), "{}", chain(&error));
            assert!(chain(&error).contains(words), "{}", chain(&error));
        }
        let slow = Scripted::answering(|_, _| refused_by_s3(503, "SlowDown")).await;
        let error = file(&slow).changed(None, 9).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
        assert_eq!(slow.asked().len(), 3, "it was tried again");
    }
}
