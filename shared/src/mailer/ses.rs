//! Mail through SES (API v2), which signs it for our domain.
//!
//! SES names each mail itself: a mail that was handed over twice is not known as one by its Message-ID
//! (<https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>).

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};

use super::{BY_A_MACHINE, Delivery, Mail, Mailer, Sender};
use crate::disposition::chain;
use crate::store::StoreError;

const DOING: &str = "sending a mail";

const ACTION: &str = "ses:SendEmail";

/// SES, and who mail comes from: an identity that it has verified.
pub struct SesMailer {
    client: Client,
    sender: Sender,
}

impl SesMailer {
    /// Sends from `sender`.
    pub fn new(config: &SdkConfig, sender: Sender) -> Self {
        Self { client: Client::new(config), sender }
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<Delivery, StoreError> {
        let broken = |error: BuildError| StoreError::Broken { doing: DOING, source: error.into() };
        let sent = self
            .client
            .send_email()
            .from_email_address(self.sender.to_string())
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(EmailContent::builder().simple(message(mail).map_err(broken)?).build())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Delivery::Taken),
            Err(error) => judged(&error),
        }
    }
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let (name, value) = BY_A_MACHINE;
    let header = MessageHeader::builder().name(name).value(value).build()?;
    let body = Content::builder().data(&mail.body).charset("UTF-8").build()?;
    let subject = Content::builder().data(&mail.subject).charset("UTF-8").build()?;
    let body = Body::builder().text(body).build();
    Ok(Message::builder().subject(subject).body(body).headers(header).build())
}

/// What is refused for this mail alone: an address that is none, or content that is not taken. The same code also says
/// that a sender is not verified, and only its text tells them apart
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>).
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn judged<R>(error: &SdkError<SendEmailError, R>) -> Result<Delivery, StoreError>
where
    SdkError<SendEmailError, R>: std::error::Error,
{
    use SendEmailError as Said;
    let SdkError::ServiceError(context) = error else {
        return Err(StoreError::Unavailable { doing: DOING, source: chain(error).into() });
    };
    let said = context.err();
    let code = said.code().unwrap_or("no code").to_owned();
    // An AccessDenied names the identity that it is about, which may be an address.
    let source = format!("{ACTION}: {code}").into();
    let is_about_us = said.message().is_some_and(|text| text.contains("not verified"));
    match said {
        Said::MessageRejected(_) | Said::BadRequestException(_) if !is_about_us => {
            Ok(Delivery::Refused { code })
        }
        Said::TooManyRequestsException(_) | Said::LimitExceededException(_) => {
            Err(StoreError::Unavailable { doing: DOING, source })
        }
        Said::MessageRejected(_)
        | Said::BadRequestException(_)
        | Said::AccountSuspendedException(_)
        | Said::MailFromDomainNotVerifiedException(_)
        | Said::NotFoundException(_)
        | Said::SendingPausedException(_) => Err(StoreError::Broken { doing: DOING, source }),
        _ if is_denied(&code) => Err(StoreError::Broken { doing: DOING, source }),
        _ => Err(StoreError::Unavailable { doing: DOING, source }),
    }
}

/// What every service of AWS's says of credentials and rights.
fn is_denied(code: &str) -> bool {
    let denials = ["AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "Signature"];
    denials.iter().any(|denial| code.contains(denial))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Scripted, said};

    fn mail() -> Mail {
        Mail {
            id: "e1".to_owned(),
            at: "2026-05-01T12:00:00Z".parse().unwrap(),
            to: "ada@example.com".to_owned(),
            subject: "Connect again".to_owned(),
            body: "Hello\n".to_owned(),
        }
    }

    async fn sent(
        status: u16,
        code: &str,
        message: &str,
    ) -> (Scripted, Result<Delivery, StoreError>) {
        let body = match status {
            200 => json!({ "MessageId": "m1" }),
            _ => json!({ "__type": code, "message": message }),
        };
        let scripted = Scripted::answering(move |_, _| said(status, &body)).await;
        let sender = "Fan Mail <fanmail@example.org>".parse().unwrap();
        let delivery = SesMailer::new(&scripted.config, sender).send(&mail()).await;
        (scripted, delivery)
    }

    #[tokio::test]
    async fn a_mail_is_handed_over_as_it_is() {
        let (scripted, delivery) = sent(200, "", "").await;
        assert_eq!(delivery.unwrap(), Delivery::Taken);
        let asked = &scripted.bodies()[0];
        assert_eq!(asked["FromEmailAddress"], "\"Fan Mail\" <fanmail@example.org>");
        assert_eq!(asked["Destination"]["ToAddresses"], json!(["ada@example.com"]));
        let simple = &asked["Content"]["Simple"];
        assert_eq!(simple["Subject"]["Data"], "Connect again");
        assert_eq!(simple["Body"]["Text"]["Data"], "Hello\n");
        assert_eq!(
            simple["Headers"],
            json!([{ "Name": "Auto-Submitted", "Value": "auto-generated" }])
        );
    }

    #[tokio::test]
    async fn what_ses_says_is_about_the_mail_about_us_or_passes() {
        let about_the_mail = [
            ("MessageRejected", "Address blacklisted"),
            ("BadRequestException", "Illegal address ada@example.com"),
        ];
        for (code, message) in about_the_mail {
            let (_, delivery) = sent(400, code, message).await;
            assert_eq!(delivery.unwrap(), Delivery::Refused { code: code.to_owned() });
        }
        let about_us = [
            ("MessageRejected", "Email address is not verified: fanmail@example.org"),
            ("MailFromDomainNotVerifiedException", "not verified"),
            ("AccountSuspendedException", "suspended"),
            ("SendingPausedException", "paused"),
            ("AccessDeniedException", "not authorized on identity/ada@example.com"),
        ];
        for (code, message) in about_us {
            let error = sent(400, code, message).await.1.unwrap_err();
            assert!(matches!(error, StoreError::Broken { .. }), "{code}: {error:?}");
            assert!(!chain(&error).contains('@'), "{}", chain(&error));
        }
        for (status, code) in [(429, "TooManyRequestsException"), (500, "InternalFailure")] {
            let error = sent(status, code, "ada@example.com").await.1.unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { .. }), "{code}: {error:?}");
            assert!(!chain(&error).contains('@'), "{}", chain(&error));
        }
    }
}
