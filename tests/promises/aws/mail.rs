//! Mail through a SES that is there.

use aws_sdk_sesv2::Client;
use serde_json::Value;
use shared::disposition::chain;
use shared::mailer::ses::SesMailer;
use shared::mailer::{Delivery, Mail, Mailer};

use super::super::world::start;
use super::{config, local};

const SENDER: &str = "fanmail@ses.example.org";

#[tokio::test]
async fn ses_takes_a_mail_and_what_it_says_is_what_was_sent() {
    let config = config().await;
    let verify = Client::new(&config).create_email_identity().email_identity(SENDER);
    verify.send().await.unwrap();
    let mail = Mail {
        id: "0123abcd".to_owned(),
        at: start(),
        to: "ada@ses.example.com".to_owned(),
        subject: "Please connect your mailbox again".to_owned(),
        body: "Hello,\n\nplease open https://fanmail.example.org/oauth2/start?link=abc\n"
            .to_owned(),
    };
    let mailer = SesMailer::new(&config, format!("Fan Mail <{SENDER}>").parse().unwrap());
    let delivery = mailer.send(&mail).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(delivery, Delivery::Taken);
    let address = format!("{}/_ministack/ses/messages", local::address());
    let outbox = reqwest::get(address).await.unwrap().text().await.unwrap();
    let outbox: Value = serde_json::from_str(&outbox).unwrap();
    let ours = outbox.to_string();
    for part in ["ada@ses.example.com", SENDER, "Please connect", "oauth2/start?link=abc"] {
        assert!(ours.contains(part), "{part} is missing in {ours}");
    }
}
