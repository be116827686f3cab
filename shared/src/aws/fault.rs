//! What an error of AWS's means: one place for every service.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use std::error::Error;
use std::fmt;

use aws_sdk_sqs::error::ProvideErrorMetadata;

use crate::store::StoreError;

/// Where a call went, for whoever has to mend it: the IAM action and the resource's name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// What we were doing, in words.
    pub(crate) doing: &'static str,
    /// The IAM action, such as `dynamodb:UpdateItem`.
    pub(crate) action: &'static str,
    /// The table, queue, topic, bucket, key or secret.
    pub(crate) resource: &'a str,
}

/// What AWS said, with the action and the resource that it said it about.
#[derive(Debug)]
struct Fault {
    action: &'static str,
    resource: String,
    said: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.action, self.resource, self.said)
    }
}

impl Error for Fault {}

/// The codes that no repetition mends: something is missing, forbidden or switched off. From the services' API models.
const BROKEN: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KMS.AccessDeniedException",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "ResourceNotFoundException",
    "NotFound",
    "NotFoundException",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "InvalidAddress",
    "AllAccessDisabled",
    "KMS.NotFoundException",
    "KMSNotFound",
    "KMSNotFoundException",
    "DisabledException",
    "KMS.DisabledException",
    "KMSDisabled",
    "KMSDisabledException",
    "KMS.InvalidStateException",
    "KMSInvalidState",
    "KMSInvalidStateException",
    "KMS.InvalidKeyUsageException",
    "InvalidKeyUsageException",
    "KMS.OptInRequired",
    "KMSOptInRequired",
    "DecryptionFailure",
    "InvalidRequestException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ValidationException",
    "InvalidSignatureException",
];

/// Reads an error of the SDK's. Throttles, timeouts and faults of AWS's own may pass; the rest is ours to mend.
#[expect(clippy::needless_pass_by_value, reason = "it ends here: what it said is all that is kept")]
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
pub(crate) fn fault<E>(at: Place<'_>, error: SdkError<E, Response>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let broken = match &error {
        SdkError::ServiceError(context) => {
            context.err().code().is_some_and(|code| BROKEN.contains(&code))
        }
        // A request that cannot be built, by a missing region for instance, was never sent.
        SdkError::ConstructionFailure(_) => true,
        _ => false,
    };
    let said = match &error {
        SdkError::ServiceError(context) => {
            let (code, message) = (context.err().code(), context.err().message());
            format!("{}: {}", code.unwrap_or("no code"), message.unwrap_or("no message"))
        }
        _ => crate::disposition::chain(&error),
    };
    let source = Box::new(Fault { action: at.action, resource: at.resource.to_owned(), said });
    if broken {
        StoreError::Broken { doing: at.doing, source }
    } else {
        StoreError::Unavailable { doing: at.doing, source }
    }
}
