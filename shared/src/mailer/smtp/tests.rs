//! A mail server on the loopback that answers as it is told to, and what is then made of it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::disposition::chain;

/// A mail server: what it answers to lines that begin so, if not the usual, and everything that it was sent.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

type Script = &'static [(&'static str, &'static str)];

impl Server {
    async fn answering(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _gone: std::io::Result<()> = talk(stream, script, &log).await;
            }
        });
        Self { port, heard }
    }

    fn mailer(&self, login: &str) -> SmtpMailer {
        let server = format!("smtp://{login}127.0.0.1:{}", self.port).parse().unwrap();
        SmtpMailer::new(server, "Fan Mail <fanmail@example.org>".parse().unwrap())
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

async fn talk(
    mut stream: TcpStream,
    script: Script,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let answer = |line: &str, usual: &'static str| {
        let told = script.iter().find(|(command, _)| line.starts_with(command));
        format!("{}\r\n", told.map_or(usual, |(_, answer)| answer))
    };
    write.write_all(answer("hello", "220 here").as_bytes()).await?;
    let mut in_data = false;
    while let Some(line) = lines.next_line().await? {
        log.lock().unwrap().push(line.clone());
        let usual = match &*line {
            "." => "250 taken",
            _ if in_data => continue,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            line if line.starts_with("EHLO") => "250-here\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            line if line.starts_with("AUTH") => "235 welcome",
            _ => "250 fine",
        };
        let said = answer(&line, usual);
        in_data = said.starts_with("354");
        write.write_all(said.as_bytes()).await?;
    }
    Ok(())
}

fn mail() -> Mail {
    Mail {
        id: "0123abcd".to_owned(),
        at: "2026-05-01T12:00:00Z".parse().unwrap(),
        to: "ada@example.com".to_owned(),
        subject: "Please connect your mailbox again".to_owned(),
        body: format!("Hello,\n\n.{}\n", "x".repeat(300)),
    }
}

#[tokio::test]
async fn a_mail_is_taken_with_the_name_that_it_always_has() {
    let server = Server::answering(&[]).await;
    assert_eq!(server.mailer("").send(&mail()).await.unwrap(), Delivery::Taken);
    let heard = server.heard();
    for line in [
        "EHLO example.org",
        "MAIL FROM:<fanmail@example.org>",
        "RCPT TO:<ada@example.com>",
        "From: \"Fan Mail\" <fanmail@example.org>",
        "To: ada@example.com",
        "Subject: Please connect your mailbox again",
        "Date: Fri, 01 May 2026 12:00:00 +0000",
        "Message-ID: <0123abcd@example.org>",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(heard.lines().any(|heard| heard == line), "{line} is missing in:\n{heard}");
    }
}

#[tokio::test]
async fn who_has_a_login_says_who_it_is() {
    let server = Server::answering(&[]).await;
    assert_eq!(server.mailer("u:p@").send(&mail()).await.unwrap(), Delivery::Taken);
    assert!(server.heard().contains("AUTH PLAIN AHUAcA=="), "{}", server.heard());
}

#[tokio::test]
async fn what_is_refused_for_good_once_the_person_is_named_is_refused() {
    for script in [
        &[("RCPT", "550 5.1.1 <ada@example.com> is not here")],
        &[("DATA", "554 no")],
        &[(".", "554 5.7.1 not this")],
    ] as [Script; 3]
    {
        let delivery = Server::answering(script).await.mailer("").send(&mail()).await.unwrap();
        let code = script[0].1[..3].to_owned();
        assert_eq!(delivery, Delivery::Refused { code });
    }
    let nobody = Mail { to: "nobody".to_owned(), ..mail() };
    let delivery = Server::answering(&[]).await.mailer("").send(&nobody).await.unwrap();
    assert!(matches!(delivery, Delivery::Refused { .. }));
}

#[tokio::test]
async fn what_is_refused_before_is_ours_to_mend() {
    for (login, script) in [
        ("u:p@", &[("AUTH", "535 5.7.8 ada@example.com: wrong")]),
        ("", &[("MAIL", "550 5.7.1 fanmail@example.org is not yours")]),
        ("", &[("RCPT", "530 5.7.0 <ada@example.com>: who are you?")]),
        ("u:p@", &[("EHLO", "250 here")]),
    ] as [(&str, Script); 4]
    {
        let error = Server::answering(script).await.mailer(login).send(&mail()).await.unwrap_err();
        assert!(matches!(error, StoreError::Broken { .. }), "{script:?}: {error:?}");
        assert!(!chain(&error).contains('@'), "{}", chain(&error));
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for script in [
        &[("hello", "421 busy")],
        &[("MAIL", "451 later")],
        &[("RCPT", "450 <ada@example.com> later")],
        &[(".", "452 full")],
        &[("RCPT", "ada@example.com what?")],
    ] as [Script; 5]
    {
        let error = Server::answering(script).await.mailer("").send(&mail()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{script:?}: {error:?}");
        assert!(!chain(&error).contains('@'), "{}", chain(&error));
    }
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = Server { port, heard: Arc::default() };
    let error = gone.mailer("").send(&mail()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_should_speak_starttls_and_does_not() {
    let server = Server::answering(&[]).await;
    let url = format!("smtp://u:p@127.0.0.1:{}?tls=required", server.port);
    let mailer = SmtpMailer::new(url.parse().unwrap(), "f@example.org".parse().unwrap());
    let error = mailer.send(&mail()).await.unwrap_err();
    assert!(matches!(error, StoreError::Broken { .. }), "{error:?}");
    let heard = server.heard();
    assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
}
