//! Where a mail server is and how it is spoken to, as `SMTP_URL` says it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::secret::MailPassword;

/// How what is said is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// From the first byte on (`smtps:`).
    Tls,
    /// By STARTTLS, or not at all (`smtp:…?tls=required`).
    StartTls,
    /// Not: the server is on this machine.
    None,
}

/// A mail server.
#[derive(Debug)]
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, MailPassword)>,
}

/// What is wrong with an `SMTP_URL`. None of it is quoted: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServer {
    /// It is no address, or has parts that mean nothing here.
    #[error(
        "is none of smtps://user:password@host, smtp://user:password@host?tls=required, smtp://127.0.0.1:25"
    )]
    NoServer,
    /// A user without a password, or the other way round.
    #[error("has a user without a password, or a password without a user")]
    HalfALogin,
    /// What is secret would be sent in clear over a network.
    #[error(
        "would send the mail, and a password, in clear; use smtps:, or add ?tls=required for STARTTLS"
    )]
    InClear,
}

impl SmtpServer {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn security(&self) -> Security {
        self.security
    }
}

/// Who we are to the server, where it asks.
pub(super) fn credentials(server: &SmtpServer) -> Option<Credentials> {
    let (user, password) = server.login.as_ref()?;
    Some(Credentials::new(user.clone(), password.for_the_mail_server().to_owned()))
}

impl FromStr for SmtpServer {
    type Err = BadServer;

    fn from_str(text: &str) -> Result<Self, BadServer> {
        let url = Url::parse(text).map_err(|_| BadServer::NoServer)?;
        let (security, usual_port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Security::Tls, SUBMISSIONS_PORT),
            ("smtp", Some("tls=required")) => (Security::StartTls, SUBMISSION_PORT),
            ("smtp", None) => (Security::None, SMTP_PORT),
            _ => return Err(BadServer::NoServer),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(BadServer::NoServer);
        }
        let (host, is_here) = host(&url).ok_or(BadServer::NoServer)?;
        if security == Security::None && !is_here {
            return Err(BadServer::InClear);
        }
        let port = url.port().unwrap_or(usual_port);
        Ok(Self { host, port, security, login: login(&url)? })
    }
}

/// The server's name, and whether it is this machine. What is no scheme of a browser's is read as a name, numbers too.
fn host(url: &Url) -> Option<(String, bool)> {
    let name = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let is_here = match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost",
    };
    (!name.is_empty()).then_some((name, is_here))
}

fn login(url: &Url) -> Result<Option<(String, MailPassword)>, BadServer> {
    let decoded = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(BadServer::HalfALogin),
        (user, Some(password)) => {
            let user = decoded(user).map_err(|_| BadServer::NoServer)?;
            let password = decoded(password).map_err(|_| BadServer::NoServer)?;
            Ok(Some((user, MailPassword::new(password))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, u16, Security), BadServer> {
        let server: SmtpServer = text.parse()?;
        Ok((server.host, server.port, server.security))
    }

    #[test]
    fn a_server_is_named_with_how_it_is_spoken_to() {
        let named = |host: &str, port, security| Ok((host.to_owned(), port, security));
        for (text, server) in [
            ("smtps://u:p@mail.example.com", named("mail.example.com", 465, Security::Tls)),
            ("smtps://mail.example.com:8465/", named("mail.example.com", 8465, Security::Tls)),
            (
                "smtp://u:p@mail.example.com?tls=required",
                named("mail.example.com", 587, Security::StartTls),
            ),
            ("smtp://127.0.0.1", named("127.0.0.1", 25, Security::None)),
            ("smtp://localhost:1025", named("localhost", 1025, Security::None)),
            ("smtp://[::1]:1025", named("::1", 1025, Security::None)),
        ] {
            assert_eq!(read(text), server, "{text}");
        }
    }

    #[test]
    fn nothing_is_sent_in_clear_over_a_network() {
        for text in [
            "smtp://mail.example.com",
            "smtp://u:p@mail.example.com:587",
            "smtp://localhost.example.com",
            "smtp://127.0.0.1.example.com",
            "smtp://10.0.0.1",
            "smtp://localhost@mail.example.com",
        ] {
            assert_eq!(read(text), Err(BadServer::InClear), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_told_without_being_quoted() {
        for text in [
            "mail.example.com",
            "https://mail.example.com",
            "smtp://",
            "smtps://mail.example.com?tls=none",
            "smtp://mail.example.com?tls=opportunistic",
            "smtps://mail.example.com/inbox",
        ] {
            assert_eq!(read(text), Err(BadServer::NoServer), "{text}");
        }
        assert_eq!(read("smtps://user@mail.example.com"), Err(BadServer::HalfALogin));
        assert_eq!(read("smtps://:p@mail.example.com"), Err(BadServer::HalfALogin));
    }

    #[test]
    fn a_password_is_decoded_and_not_printed() {
        let server: SmtpServer = "smtps://u%40example.com:p%3Aw@mail.example.com".parse().unwrap();
        let (user, password) = server.login.as_ref().unwrap();
        assert_eq!((&**user, password.for_the_mail_server()), ("u@example.com", "p:w"));
        assert!(!format!("{server:?}").contains("p:w"));
    }
}
