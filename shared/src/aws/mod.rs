//! What all the AWS adapters share: one configuration, one HTTP client, one reading of errors.

mod fault;
pub mod google_client;
mod kept;
pub mod s3_file;
#[cfg(test)]
pub(crate) mod scripted;
pub mod secrets;
pub mod stack;
pub mod webhook_keys;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub(crate) use self::fault::{Place, fault};

/// How long one request may take. Every request of ours is small; the SDK itself sets no limit but for connecting
/// (source of `aws-smithy-runtime` 1.16).
pub(crate) const ATTEMPT: Duration = Duration::from_secs(5);

/// How long one call may take with its repetitions.
const OPERATION: Duration = Duration::from_secs(12);

/// The configuration of every client: endpoint, region and credentials from the environment.
pub async fn config() -> SdkConfig {
    defaults().load().await
}

/// What every client's configuration begins with: one shared HTTP client, limits on time, and the behaviour of one SDK
/// version.
pub fn defaults() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).timeout_config(timeouts)
}

/// The client of every bucket.
pub(crate) fn s3(config: &SdkConfig) -> S3 {
    // An endpoint of one's own seldom has a name for each bucket.
    let own_endpoint = config.endpoint_url().is_some();
    S3::from_conf(S3Config::from(config).force_path_style(own_endpoint).build())
}
