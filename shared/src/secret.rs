//! Secrets that cannot be printed.
//!
//! Each type hides its text, zeroes it on drop, is neither cloned nor serialised, and gives it out through one method
//! that is named for its one use.

use std::fmt;

use zeroize::Zeroizing;

/// Defines a secret text.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $(#[$use_doc:meta])* $use:ident) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes the text over; nothing else keeps it.
            pub fn new(text: String) -> Self {
                Self(Zeroizing::new(text))
            }

            $(#[$use_doc])*
            pub fn $use(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret! {
    /// What a person's consent leaves us with: opens the mailbox until it is revoked.
    RefreshToken,
    /// For the form of a refresh or revoke request, and for sealing.
    for_google
}

secret! {
    /// Opens one mailbox for about an hour.
    AccessToken,
    /// For the `Authorization` header, and for sealing.
    bearer
}

secret! {
    /// The password of our own OAuth client.
    ClientSecret,
    /// For the form of a request to Google's token endpoint.
    for_google
}

secret! {
    /// The password under which a mail server takes our mail.
    MailPassword,
    /// For the server's `AUTH`.
    for_the_mail_server
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", RefreshToken::new("1//marker".into())), "RefreshToken(…)");
    }
}
