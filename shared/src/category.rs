//! What kind of message a message is.

use crate::words::words;

words! {
    /// The one kind that a message is put into.
    Category, "category" {
        /// From a person, to the reader.
        Personal = "personal",
        /// Through a discussion list.
        List = "list",
        /// Sent regularly to its subscribers, to be read.
        Newsletter = "newsletter",
        /// Sent to sell.
        Promotion = "promotion",
        /// A service or a machine says that something happened.
        Notification = "notification",
        /// An order, a delivery, a bill, a booking: one step of a deal that the reader made.
        Transactional = "transactional",
        /// A code, a sign-in, a changed password: about access to an account.
        Security = "security",
        /// An invitation, or a change or answer to one.
        Calendar = "calendar",
        /// Mail that the reader sent was not delivered, or not yet.
        Bounce = "bounce",
        /// A machine answers for a person who is away.
        AutoReply = "auto-reply",
        /// A machine-readable report on mail: a complaint, DMARC, TLS.
        Report = "report",
        /// Unwanted.
        Spam = "spam",
        /// Made to steal: credentials, money, or a click.
        Phishing = "phishing",
        /// No message could be read from the bytes.
        Unreadable = "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_one_name_everywhere() {
        for category in Category::ALL {
            assert_eq!(category.as_str().parse(), Ok(*category));
            assert_eq!(serde_json::to_string(category).unwrap(), format!("\"{category}\""));
        }
        assert!("Personal".parse::<Category>().is_err());
    }
}
