//! Who must consent again is written to by the real `serve`, over a real connection to a mail server, and the link in the
//! mail leads to the end of the trouble.

use std::sync::{Arc, Mutex};

use tests::browser;
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::service::{PATIENCE, Stage};

/// What a mail server was given.
#[derive(Clone, Default)]
struct PostOffice {
    letters: Arc<Mutex<Vec<Posted>>>,
}

#[derive(Clone, Default)]
struct Posted {
    to: Vec<String>,
    raw: String,
}

impl PostOffice {
    /// Opens on this port of the loopback.
    async fn open(self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let office = self.clone();
                tokio::spawn(async move { office.serve(stream).await });
            }
        });
        port
    }

    async fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 here\r\n").await?;
        let (mut posted, mut in_data) = (Posted::default(), false);
        while let Some(line) = lines.next_line().await? {
            let said = match &*line {
                "." if in_data => {
                    in_data = false;
                    self.letters.lock().unwrap().push(std::mem::take(&mut posted));
                    "250 taken"
                }
                _ if in_data => {
                    posted.raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    posted.raw.push_str("\r\n");
                    continue;
                }
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => {
                    posted.to.extend(line.strip_prefix("RCPT TO:").map(str::to_owned));
                    "250 fine"
                }
            };
            write.write_all(format!("{said}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    async fn first(&self) -> Posted {
        wait_for("a letter to a person", PATIENCE, async || {
            self.letters.lock().unwrap().first().cloned()
        })
        .await
    }
}

/// The link that a person would click on.
fn link(letter: &Posted) -> String {
    let read = message_processor::understand(letter.raw.as_bytes(), &[] as &[&str]);
    let text = read.content.text.unwrap().preview;
    let link = text.split_whitespace().find(|word| word.starts_with("http"));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}

#[tokio::test]
async fn who_revoked_the_grant_is_written_to_once_and_connects_again_on_the_link_in_the_mail() {
    let office = PostOffice::default();
    let port = office.clone().open().await;
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("NOTIFY", "smtp");
    stage.setting("SMTP_URL", &format!("smtp://127.0.0.1:{port}"));
    stage.setting("NOTIFY_FROM", "Fan Mail <fanmail@example.org>");
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.google.deliver(&ann, &letter(1)).await;
    stage.done(1).await;
    stage.google.revoke(&ann).await;
    let mail = office.first().await;
    assert_eq!(mail.to, [format!("<{ann}>")]);
    stage.state(&ann, "needs re-auth (grant_dead)").await;
    stage.announced("mailbox.needs_reauth", 1).await;
    stage.google.deliver(&ann, &letter(2)).await;
    let page = browser::connect(&link(&mail), &ann).await;
    assert!(page.contains("you may close this window"), "{page}");
    stage.done(2).await;
    stage.announced("mailbox.resumed", 1).await;
    assert_eq!(office.letters.lock().unwrap().len(), 1);
    service.stop().await;
}
