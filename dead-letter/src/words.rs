//! What a person is told whose mailbox must be connected again. Plain ASCII, short lines, and the link on one of its own.

use shared::clock::Timestamp;
use shared::reason::Reason;
use url::Url;

/// The subject of the mail.
pub(crate) const SUBJECT: &str = "Please connect your mailbox again";

/// The body of the mail: why, what to do, until when, and that nothing is lost.
pub(crate) fn body(reason: Reason, link: &Url, until: Timestamp) -> String {
    let why = if reason == Reason::ScopeMissing {
        "we can no longer read the mail of this mailbox: Google says that reading it\n\
         is not among what you allowed, or not any more."
    } else {
        "we can no longer read the mail of this mailbox: Google says that our access\n\
         to it has ended. Most often that is because its password was changed."
    };
    let until = minute(until);
    format!(
        "Hello,\n\n{why}\n\n\
         To let us go on, please open this link and agree once more:\n\n{link}\n\n\
         It is for this mailbox only, and works until {until}.\n\n\
         Nothing is lost: your mail is in your mailbox, and once you have agreed we\n\
         go on from where we stopped. If you do not want that, do nothing.\n"
    )
}

/// Such as `2026-05-08 12:00 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", time.get(..5).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_why_what_to_do_and_until_when() {
        let link: Url = "https://fanmail.example.org/oauth2/start?link=abc".parse().unwrap();
        let until = "2026-05-08T12:00:30Z".parse().unwrap();
        for (reason, why) in
            [(Reason::GrantDead, "password was changed"), (Reason::ScopeMissing, "allowed")]
        {
            let body = body(reason, &link, until);
            assert!(body.contains(why) && body.contains("until 2026-05-08 12:00 UTC"), "{body}");
            assert!(body.lines().any(|line| line == link.as_str()), "{body}");
            let short = |line: &str| line.len() <= 78 || line == link.as_str();
            assert!(body.is_ascii() && body.lines().all(short), "{body}");
        }
    }
}
