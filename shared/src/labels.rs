//! What Gmail's own labels say about whether a message is mail that was received.

use crate::reason::SkipReason;

/// Why a message with these labels is skipped; `None` for mail that was received. Mail to oneself is SENT and INBOX,
/// and is kept.
pub fn skip_reason<T: AsRef<str>>(labels: &[T]) -> Option<SkipReason> {
    let has = |label: &str| labels.iter().any(|held| held.as_ref() == label);
    match () {
        () if has("DRAFT") => Some(SkipReason::Draft),
        () if has("TRASH") => Some(SkipReason::Trash),
        () if has("SPAM") => Some(SkipReason::Spam),
        () if has("CHAT") => Some(SkipReason::Chat),
        () if has("SENT") && !has("INBOX") => Some(SkipReason::SentOnly),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mail_that_was_received_is_kept() {
        assert_eq!(skip_reason(&["INBOX", "UNREAD"]), None);
        assert_eq!(skip_reason(&["SENT", "INBOX"]), None, "mail to oneself");
        assert_eq!(skip_reason::<&str>(&[]), None, "archived at once by a filter");
        assert_eq!(skip_reason(&["SENT"]), Some(SkipReason::SentOnly));
        assert_eq!(skip_reason(&["SPAM", "UNREAD"]), Some(SkipReason::Spam));
        assert_eq!(skip_reason(&["DRAFT", "INBOX"]), Some(SkipReason::Draft));
    }
}
