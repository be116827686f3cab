//! Telling a person that their mailbox must be connected again. This is the one place that does.
//!
//! Two debts stand in the row, the event's and the mail's, and each is cleared once it is paid: a mail server that is
//! down for hours holds no event back, and does not have it published again. Until both are paid the dead letter stays
//! in its queue and comes back. A crash before a debt is cleared pays it twice, under the same id.

use std::sync::Arc;
use std::time::Duration;

use shared::announce::publish_notice;
use shared::clock::Timestamp;
use shared::events::data::Words;
use shared::mailbox::{Mailbox, Notice, Owed};
use shared::mailer::{Delivery, Mail, Mailer};
use shared::store::StoreError;

use crate::DeadLetterStage;
use crate::links::Links;
use crate::words::{SUBJECT, body};

/// How long the link in a notice can be used: a person may be away for some days.
const LINK_LASTS: Duration = Duration::from_hours(7 * 24);

/// How people are told.
#[derive(Clone)]
pub struct Notices {
    /// Makes the link that they are told.
    pub links: Links,
    /// Takes the mail to them. Where there is none, the event carries the words, for somebody else to send.
    pub mailer: Option<Arc<dyn Mailer>>,
}

impl DeadLetterStage {
    /// Pays what is owed to the owner of this mailbox: the event, then the mail.
    pub(crate) async fn tell(&self, mailbox: &Mailbox, now: Timestamp) -> Result<(), StoreError> {
        if let Some(owed) = &mailbox.owed.notice {
            self.announce(mailbox, owed, now).await?;
        }
        match (&mailbox.owed.mail, &self.notices.mailer) {
            (Some(owed), Some(mailer)) => self.write(&**mailer, mailbox, owed, now).await,
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// The event. Where no mail is sent it carries the words, and stands for the mail too.
    async fn announce(
        &self,
        mailbox: &Mailbox,
        owed: &Notice,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut paid = Owed { notice: Some(owed.clone()), ..Owed::default() };
        let mut text = None;
        if self.notices.mailer.is_none() {
            paid.mail.clone_from(&mailbox.owed.mail);
            if must_consent(mailbox) {
                text = Some(self.text(mailbox, owed, now).await?);
            }
        }
        publish_notice(&*self.events, &self.stack, mailbox, owed, text.as_ref()).await?;
        self.mailboxes.settle(&mailbox.user_id, paid).await
    }

    /// The mail, unless there is nothing to ask for any more.
    async fn write(
        &self,
        mailer: &dyn Mailer,
        mailbox: &Mailbox,
        owed: &Notice,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if must_consent(mailbox) {
            let mail = Mail {
                id: owed.id.clone(),
                at: now,
                to: mailbox.email.clone(),
                subject: SUBJECT.to_owned(),
                body: self.body(mailbox, owed, now).await?,
            };
            match mailer.send(&mail).await? {
                Delivery::Taken => tracing::info!("A person was asked by mail to connect again"),
                Delivery::Refused { code } => {
                    tracing::warn!(
                        code,
                        "A person cannot be told by mail; the event was published"
                    );
                }
            }
        }
        let paid = Owed { mail: Some(owed.clone()), ..Owed::default() };
        self.mailboxes.settle(&mailbox.user_id, paid).await
    }

    async fn text(
        &self,
        mailbox: &Mailbox,
        owed: &Notice,
        now: Timestamp,
    ) -> Result<Words, StoreError> {
        let body = self.body(mailbox, owed, now).await?;
        Ok(Words { subject: SUBJECT.to_owned(), body })
    }

    async fn body(
        &self,
        mailbox: &Mailbox,
        owed: &Notice,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        // A link tells whole seconds.
        let until = Timestamp::from_millis((now + LINK_LASTS).seconds() * 1000);
        let link = self.notices.links.reconnect(mailbox, until).await?;
        Ok(body(owed.reason, &link, until))
    }
}

/// Whether the person has neither consented again since, nor gone.
fn must_consent(mailbox: &Mailbox) -> bool {
    mailbox.needs_reauth.is_some() && mailbox.disconnected_at.is_none()
}
