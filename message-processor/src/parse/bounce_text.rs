//! What a mail system that knows no delivery status notification says in words: whom it did not reach, and why.
//!
//! Such mail has no form but habits, which qmail's was the first to write down (QSBMF): a line that begins with the
//! recipient's address, the reasons below it, and the message it is about at the end. Sendmail of old repeats the
//! server's answer instead, with the address in it. Only what a mail system wrote is read so.

use shared::result::BouncedRecipient;

use super::date;
use super::headers::words;
use super::limits;

/// Words that what is no longer the report begins with, in lower case.
const COPY_BEGINS: [&str; 10] = [
    "received:",
    "return-path:",
    "below this line",
    "below is a copy",
    "original message",
    "copy of the original",
    "copy of your message",
    "header of the original",
    "unsent message",
    "message header",
];

/// Lines of one reason: the answer of a server in full.
const REASON_LINES: usize = 8;

/// The recipients that the text of a report names.
pub(super) fn recipients(text: &str, subject: &str) -> Vec<BouncedRecipient> {
    let report = || text.lines().take_while(|line| !begins_copy(line));
    let delayed = is_delay(subject) || report().any(is_delay);
    let action = if delayed { "delayed" } else { "failed" };
    let mut found: Vec<BouncedRecipient> = Vec::new();
    // Whose reason the next lines may be, and how many there have been.
    let mut telling: Option<(usize, usize)> = None;
    for line in report() {
        let line = line.trim();
        if let Some((address, rest)) =
            addressed(line).or_else(|| answered(line)).or_else(|| labelled(line))
        {
            let known = found.iter().position(|one| one.address.as_deref() == Some(address));
            let at = known.unwrap_or(found.len());
            if at == found.len() {
                if at >= limits::NAMED {
                    break;
                }
                found.push(BouncedRecipient {
                    address: Some(address.to_owned()),
                    action: Some(action.to_owned()),
                    ..BouncedRecipient::default()
                });
            }
            add(&mut found[at], rest);
            telling = Some((at, 0));
        } else if line.is_empty() {
            // An empty line may lie between an address and its reason, and ends a reason.
            telling = telling.filter(|(at, _)| found[*at].diagnostic.is_none());
        } else if let Some((at, lines)) = telling.filter(|(_, lines)| *lines < REASON_LINES) {
            add(&mut found[at], line);
            telling = Some((at, lines + 1));
        }
    }
    for one in &mut found {
        one.status = one.diagnostic.as_deref().and_then(status).map(str::to_owned);
    }
    found
}

/// Adds a line to a recipient's reason.
fn add(one: &mut BouncedRecipient, line: &str) {
    let before = one.diagnostic.take().unwrap_or_default();
    one.diagnostic = words(&format!("{before} {line}"), limits::WORDS_CHARS);
}

fn is_delay(text: &str) -> bool {
    let lower = text.to_lowercase();
    [
        "still being retried",
        "delayed",
        "(delay)",
        "could not send mail for past",
        "will be retried",
        "no need to resend",
    ]
    .iter()
    .any(|phrase| lower.contains(phrase))
}

fn begins_copy(line: &str) -> bool {
    let start: String =
        line.trim_start_matches(['-', ' ', '\t', '>', '=', '|']).chars().take(80).collect();
    let start = start.to_lowercase();
    COPY_BEGINS
        .iter()
        .any(|words| start.starts_with(words) || words.contains(' ') && start.contains(words))
}

/// A line that begins with an address and goes on with a colon, a space or not at all.
fn addressed(line: &str) -> Option<(&str, &str)> {
    let inner = line.trim_start_matches(['<', '"', '*', '\'', '(']);
    let (address, rest) = address(inner)?;
    let marked = inner.len() < line.len();
    let rest = rest.trim_start_matches(['>', '"', '\'', ')']);
    match rest.chars().next() {
        None => Some((address, "")),
        Some(':') => Some((address, rest[1..].trim())),
        // Without a mark of its own such a line may be a sentence: it has to say what a server says.
        Some(c) if c.is_whitespace() && (marked || has_code(rest) || is_dated(rest)) => {
            Some((address, rest.trim()))
        }
        _ => None,
    }
}

/// A server's answer, `550 5.1.1 <a@example.com>... User unknown`, with the address that it refuses.
fn answered(line: &str) -> Option<(&str, &str)> {
    let answer = line.trim_start_matches(['<', '>', ' ']);
    let code = answer.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()))?;
    if !code.starts_with(['4', '5']) || !answer[3..].starts_with([' ', '-']) {
        return None;
    }
    let start = answer.find('<').map_or(4, |at| at + 1);
    let (address, rest) = address(answer.get(start..)?)?;
    rest.trim_start_matches('>').starts_with("...").then_some((address, answer))
}

/// `kim@example.org on Fri, 1 May 2026 14:00:00 +0200`, as Exchange has it.
fn is_dated(rest: &str) -> bool {
    rest.strip_prefix(" on ").is_some_and(|date| date::read(date).is_some())
}

/// `Unknown user: kim@example.org`.
fn labelled(line: &str) -> Option<(&str, &str)> {
    let (label, last) = line.rsplit_once(": ")?;
    let (address, rest) = address(last.trim_start_matches('<'))?;
    let lower = label.to_ascii_lowercase();
    let about = ["user", "recipient", "mailbox"].iter().any(|word| lower.contains(word));
    (about && rest.trim_start_matches('>').is_empty()).then_some((address, label))
}

/// The address at the start of a text.
fn address(text: &str) -> Option<(&str, &str)> {
    let belongs = |c: char| c.is_alphanumeric() || "@.!#$%&*+-/=?^_`{|}~".contains(c);
    let end = text.find(|c: char| !belongs(c)).unwrap_or(text.len());
    let address = text[..end].trim_end_matches('.');
    let (local, domain) = address.rsplit_once('@')?;
    let whole = !local.is_empty() && domain.contains('.') && !local.contains('@');
    (whole && address.len() <= limits::ADDRESS_CHARS).then_some((address, &text[address.len()..]))
}

/// Whether a code of a server is said: `550`, `5.1.1`.
fn has_code(text: &str) -> bool {
    let is_reply = |word: &str| word.len() == 3 && word.starts_with(['4', '5']);
    let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    status(text).is_some()
        || text.split(|c: char| !c.is_ascii_digit()).any(|word| is_reply(word) && digits(word))
}

/// The first enhanced status code (RFC 3463).
fn status(text: &str) -> Option<&str> {
    let words =
        text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    let is_status = |word: &&str| {
        let parts: Vec<_> = word.split('.').collect();
        let sizes = matches!(parts.as_slice(), [class, subject, detail]
            if class.len() == 1 && (1..=3).contains(&subject.len()) && (1..=3).contains(&detail.len()));
        sizes && word.starts_with(['2', '4', '5'])
    };
    words.into_iter().find(is_status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, Option<String>, Option<String>)> {
        let all = recipients(text, "failure notice").into_iter();
        all.map(|one| (one.address.unwrap(), one.status, one.diagnostic)).collect()
    }

    fn one(
        address: &str,
        status: Option<&str>,
        why: Option<&str>,
    ) -> (String, Option<String>, Option<String>) {
        (address.to_owned(), status.map(str::to_owned), why.map(str::to_owned))
    }

    #[test]
    fn whom_qmail_did_not_reach_and_why() {
        let text = "Hi. This is the qmail-send program at example.org.\nI'm afraid I wasn't able to deliver.\n\n\
            <a@example.com>:\n192.0.2.1 failed.\nRemote host said: 550 5.1.1 no such user\n\n<b@example.com>:\n\n\
            --- Below this line is a copy of the message.\n\nReturn-Path: <me@example.org>\n<c@example.com>:\n";
        assert_eq!(
            told(text),
            [
                one(
                    "a@example.com",
                    Some("5.1.1"),
                    Some("192.0.2.1 failed. Remote host said: 550 5.1.1 no such user")
                ),
                one("b@example.com", None, None)
            ]
        );
    }

    #[test]
    fn a_servers_answer_names_whom_it_refuses() {
        let text = "   ----- Transcript of session follows -----\n<<< 550 5.1.1 <a@example.com>... User unknown\n\
            550 <b@example.com>... Host unknown\n\nb@example.com: 554 5.4.4 Host unknown\n";
        assert_eq!(
            told(text),
            [
                one(
                    "a@example.com",
                    Some("5.1.1"),
                    Some("550 5.1.1 <a@example.com>... User unknown")
                ),
                one(
                    "b@example.com",
                    Some("5.4.4"),
                    Some("550 <b@example.com>... Host unknown 554 5.4.4 Host unknown")
                )
            ]
        );
    }

    #[test]
    fn other_systems_have_other_habits() {
        let exchange =
            "a@example.com on Thu, 29 Apr 2010 00:00:00 -0000\n    The name is not recognized\n";
        assert_eq!(told(exchange)[0].0, "a@example.com");
        let label = "User mailbox exceeds allowed size: a@example.com\n";
        assert_eq!(
            told(label),
            [one("a@example.com", None, Some("User mailbox exceeds allowed size"))]
        );
    }

    #[test]
    fn a_sentence_is_no_recipient() {
        for text in [
            "Write to postmaster@example.com for help.",
            "me@example.com wrote this",
            "550 people",
            "@",
            "a@b",
        ] {
            assert_eq!(told(text), [], "{text}");
        }
        let delayed =
            recipients("Your message is still being retried.\n\na@example.com\n", "Warning");
        assert_eq!(delayed[0].action.as_deref(), Some("delayed"));
    }

    #[test]
    fn what_the_returned_message_says_of_a_delay_delays_nothing() {
        let text = "<a@example.com>:\n550 no such user\n\n--- Below this line is a copy of the message.\n\n\
            My train is delayed.\n";
        let failed = recipients(text, "failure notice");
        assert_eq!(failed[0].action.as_deref(), Some("failed"));
    }
}
