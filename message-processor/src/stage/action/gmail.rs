//! Labels of Gmail's: each may be put on and taken off as often as one likes.

use shared::google::{GmailError, GmailLabel};
use shared::jobs::ActionJob;
use shared::secret::AccessToken;

use super::super::{MessageProcessor, Run};
use super::Task;

/// What is new in the inbox.
pub(super) const INBOX: &str = "INBOX";

/// What nobody has read.
pub(super) const UNREAD: &str = "UNREAD";

/// The status of a label's name that is taken.
const CONFLICT: u16 = 409;

impl MessageProcessor {
    /// Takes a label of Gmail's own off the message.
    pub(super) async fn take_off(
        &self,
        run: &Run<'_, ActionJob>,
        label: &str,
    ) -> Result<(), GmailError> {
        self.changes.modify(&run.access.token, &run.job.message_id, &[], &[label]).await
    }

    /// Puts the label on the message that the action names.
    pub(super) async fn put_on(
        &self,
        run: &Run<'_, ActionJob>,
        task: &Task,
    ) -> Result<(), GmailError> {
        let (token, name) = (&run.access.token, task.action.target.as_deref().unwrap_or_default());
        let label = self.label(token, name).await?;
        self.changes.modify(token, &run.job.message_id, &[&label.id], &[]).await
    }

    /// The label of this name, made where there is none.
    async fn label(&self, token: &AccessToken, name: &str) -> Result<GmailLabel, GmailError> {
        if let Some(label) = self.find_label(token, name).await? {
            return Ok(label);
        }
        match self.changes.create_label(token, name).await {
            // Another job was faster.
            Err(conflict @ GmailError::Refused { status: CONFLICT, .. }) => {
                self.find_label(token, name).await?.ok_or(conflict)
            }
            made => made,
        }
    }

    /// Gmail takes a name for another's whatever its case.
    async fn find_label(
        &self,
        token: &AccessToken,
        name: &str,
    ) -> Result<Option<GmailLabel>, GmailError> {
        let wanted = name.to_lowercase();
        let labels = self.changes.labels(token).await?;
        Ok(labels.into_iter().find(|label| label.name.to_lowercase() == wanted))
    }
}
