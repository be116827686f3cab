//! Mail through a mail server that takes it on, over SMTP (RFC 5321).
//!
//! A connection a mail: there are few. The steps are made one by one, because the same code means one thing before the
//! person is named and another after.

mod server;

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};

pub use self::server::{BadServer, SmtpServer};
use self::server::{Security, credentials};
use super::{BY_A_MACHINE, Delivery, Mail, Mailer, Sender};
use crate::store::StoreError;

const DOING: &str = "sending a mail";

/// How long a whole delivery may take. A stage has a minute for everything that it does in one run.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// One mail server, and who mail comes from.
pub struct SmtpMailer {
    server: SmtpServer,
    sender: Sender,
}

/// A delivery that came to nothing: refused for this person, or none of this person's doing.
enum Failure {
    Refused(String),
    Ours(StoreError),
}

impl SmtpMailer {
    /// Sends through `server`, from `sender`.
    pub fn new(server: SmtpServer, sender: Sender) -> Self {
        Self { server, sender }
    }

    /// Hands a mail over; the connection on which it was taken.
    async fn deliver(
        &self,
        to: Address,
        message: &[u8],
        from: Address,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let mut connection = self.connect().await.map_err(|error| ours(&error))?;
        connection
            .command(From::new(Some(from), Vec::new()))
            .await
            .map_err(|error| ours(&error))?;
        connection.command(Rcpt::new(to, Vec::new())).await.map_err(|error| theirs(&error))?;
        connection.command(Data).await.map_err(|error| theirs(&error))?;
        connection.message(message).await.map_err(|error| theirs(&error))?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let server = &self.server;
        let place = (server.host(), server.port());
        let hello = ClientId::Domain(self.sender.domain().to_owned());
        let tls = || TlsParameters::new(server.host().to_owned());
        let wrapped = (server.security() == Security::Tls).then(tls).transpose()?;
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, Some(PATIENCE), &hello, wrapped, None)
                .await?;
        if server.security() == Security::StartTls {
            connection.starttls(tls()?, &hello).await?;
        }
        if let Some(credentials) = credentials(server) {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<Delivery, StoreError> {
        let Ok(to) = mail.to.parse::<Address>() else {
            return Ok(Delivery::Refused { code: "no address".to_owned() });
        };
        let from = address(&self.sender).map_err(|error| broken(error.into()))?;
        let message = message(mail, &self.sender, from.clone(), to.clone()).map_err(broken)?;
        let delivered = tokio::time::timeout(PATIENCE, self.deliver(to, &message, from)).await;
        match delivered {
            Ok(Ok(mut connection)) => {
                // It is taken, whether and how ever the server says goodbye.
                let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
                Ok(Delivery::Taken)
            }
            Ok(Err(Failure::Refused(code))) => Ok(Delivery::Refused { code }),
            Ok(Err(Failure::Ours(error))) => Err(error),
            Err(elapsed) => Err(StoreError::Unavailable { doing: DOING, source: elapsed.into() }),
        }
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

fn address(sender: &Sender) -> Result<Address, lettre::address::AddressError> {
    Address::new(&sender.local, &sender.domain)
}

fn message(mail: &Mail, sender: &Sender, from: Address, to: Address) -> Result<Vec<u8>, Fault> {
    let (name, value) = BY_A_MACHINE;
    let by_a_machine = HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
    let builder: MessageBuilder = Message::builder()
        .from(Mailbox::new(sender.name.clone(), from))
        .to(Mailbox::new(None, to))
        .subject(mail.subject.clone())
        .date(std::time::UNIX_EPOCH + mail.at.since_1970())
        .message_id(Some(format!("<{}@{}>", mail.id, sender.domain())))
        .raw_header(by_a_machine);
    Ok(builder.body(mail.body.replace('\n', "\r\n"))?.formatted())
}

fn broken(source: Fault) -> StoreError {
    StoreError::Broken { doing: DOING, source }
}

/// Before the person is named, what a server refuses for good is ours to mend: a password, a sender, a missing
/// STARTTLS.
fn ours(error: &Error) -> Failure {
    Failure::Ours(if error.is_permanent() || error.is_client() {
        broken(said(error))
    } else {
        StoreError::Unavailable { doing: DOING, source: said(error) }
    })
}

/// From then on it is the server's word on this person or this mail, unless it asks who we are (530, 535: RFC 4954).
fn theirs(error: &Error) -> Failure {
    let code = error.status().map(u16::from);
    match code {
        Some(code) if error.is_permanent() && !matches!(code, 530 | 535) => {
            Failure::Refused(code.to_string())
        }
        _ => ours(error),
    }
}

/// The code that a server answered, without its words, or how the connection failed.
fn said(error: &Error) -> Fault {
    match error.status() {
        Some(code) => format!("the mail server answered {code}").into(),
        // It would quote what it could not read.
        None if error.is_response() => "the mail server's answer could not be read".into(),
        None => error.to_string().into(),
    }
}

#[cfg(test)]
mod tests;
