//! What became of each recipient of mail that was returned: by its delivery status (RFC 3464), by the header, or else by
//! what the mail system says in words.

use shared::result::{Bounce, BouncedRecipient, Headers};

use super::bounce_text;
use super::fields::{Fields, as_text};
use super::headers::words;
use super::limits;
use super::mime::{Part, Tree};

/// The recipients that a message about a delivery names.
pub(super) fn read(
    fields: &Fields<'_>,
    headers: &Headers,
    tree: &Tree<'_>,
    text: &str,
) -> Option<Bounce> {
    let status = |part: &&Part<'_>| {
        matches!(&*part.kind, "message/delivery-status" | "message/global-delivery-status")
    };
    if let Some(part) = tree.parts.iter().find(status) {
        let (text, _) = part.text(limits::MACHINE_BYTES);
        return Some(Bounce { recipients: groups(&text).take(limits::NAMED).collect() });
    }
    // Gmail and Exim name the recipients in the header, whatever the body looks like.
    if let Some(failed) = fields.get("X-Failed-Recipients") {
        let failed = as_text(failed);
        let recipients = failed.split(',').filter_map(failed_recipient);
        return Some(Bounce { recipients: recipients.take(limits::NAMED).collect() });
    }
    if !by_a_mail_system(fields, headers) {
        return None;
    }
    // Some write the status where people read it.
    let status = text.find("\nFinal-Recipient:").map(|at| &text[at..]);
    let recipients: Vec<_> = match status {
        Some(status) => groups(status).take(limits::NAMED).collect(),
        None => bounce_text::recipients(text, headers.subject.as_deref().unwrap_or_default()),
    };
    (!recipients.is_empty()).then_some(Bounce { recipients })
}

fn failed_recipient(address: &str) -> Option<BouncedRecipient> {
    let address = words(address, limits::ADDRESS_CHARS)?;
    Some(BouncedRecipient {
        address: Some(address),
        action: Some("failed".to_owned()),
        ..BouncedRecipient::default()
    })
}

/// Whether the author is a mail system. Its mail goes out from the null address (RFC 5321, section 4.5.5), but so does
/// an answer that a person's absence gives: the author's name has to say it too, or the subject.
fn by_a_mail_system(fields: &Fields<'_>, headers: &Headers) -> bool {
    let author = headers.from.as_ref().and_then(|from| from.address.as_deref()).unwrap_or_default();
    let local = author.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let named = ["mailer-daemon", "postmaster", "mail.delivery.system", "mdaemon", "maildaemon"];
    let subject = headers.subject.as_deref().unwrap_or_default().to_lowercase();
    let about =
        ["deliver", "returned mail", "failure notice", "undeliver", "mail error", "mail failure"];
    let is_about = about.iter().any(|words| subject.contains(words));
    let null = fields.text("Return-Path").is_some_and(|path| path.trim() == "<>");
    named.contains(&&*local) || (null || author.is_empty()) && is_about
}

/// The groups of a delivery status that are about a recipient; the first is about the message.
fn groups(text: &str) -> impl Iterator<Item = BouncedRecipient> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let (group, after) = Fields::read(rest);
        let moved = after.len() < rest.len();
        rest = after;
        moved.then(|| recipient(&group))
    })
    .filter(|recipient| recipient.address.is_some() || recipient.action.is_some())
}

fn recipient(group: &Fields<'_>) -> BouncedRecipient {
    let typed = |name: &str| {
        let text = group.text(name)?;
        let value = text.split_once(';').map_or(&*text, |(_, value)| value);
        words(value, limits::WORDS_CHARS)
    };
    let address = typed("Final-Recipient").or_else(|| typed("Original-Recipient"));
    BouncedRecipient {
        address: address.map(|address| address.trim_matches(['<', '>']).to_owned()),
        status: group
            .text("Status")
            .and_then(|status| words(status.split_whitespace().next()?, limits::WORDS_CHARS)),
        action: group
            .text("Action")
            .and_then(|action| words(&action.to_ascii_lowercase(), limits::WORDS_CHARS)),
        diagnostic: typed("Diagnostic-Code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_of_a_delivery_status_is_told() {
        let message = b"Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n--a\n\
            Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n\
            Final-Recipient: rfc822; <a@example.com>\nAction: Failed\nStatus: 5.1.1 (bad)\n\
            Diagnostic-Code: smtp; 550 5.1.1 no\n such user\n\nOriginal-Recipient: rfc822;b@example.com\n--a--\n";
        let (fields, body) = Fields::read(message);
        let bounce = read(&fields, &Headers::default(), &Tree::walk(&fields, body), "").unwrap();
        assert_eq!(bounce.recipients.len(), 2);
        let first = &bounce.recipients[0];
        assert_eq!(first.address.as_deref(), Some("a@example.com"));
        assert_eq!(
            (first.status.as_deref(), first.action.as_deref()),
            (Some("5.1.1"), Some("failed"))
        );
        assert_eq!(first.diagnostic.as_deref(), Some("550 5.1.1 no such user"));
    }

    #[test]
    fn what_a_mail_system_says_in_words_is_read_and_what_a_person_says_is_not() {
        let text = "Sorry.\n\n<a@example.com>: 550 5.1.1 unknown";
        let of = |header: &str| {
            let message = format!("{header}\n\n{text}\n");
            super::super::parse(message.as_bytes()).ok().unwrap().content.bounce
        };
        let bounce = of("From: MAILER-DAEMON@example.org\nSubject: failure notice").unwrap();
        assert_eq!(bounce.recipients[0].status.as_deref(), Some("5.1.1"));
        assert!(of("Return-Path: <>\nFrom: sys@example.org\nSubject: Undeliverable: Hi").is_some());
        assert_eq!(of("Return-Path: <>\nFrom: kim@example.org\nSubject: Away"), None);
        assert_eq!(of("From: kim@example.org\nSubject: Undeliverable"), None);
    }
}
