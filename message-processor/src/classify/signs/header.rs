//! Signs of the header: who writes to whom, with what, and how the subject is written.

use super::{Evidence, Sign, sign};
use crate::parse::registered;

pub(super) const SIGNS: &[Sign] = &[
    sign("answers", "It answers a message", |e| e.content().headers.in_reply_to.is_some()),
    sign("names-thread", "It names the messages before it", |e| {
        !e.content().headers.references.is_empty()
    }),
    sign("broken-header", "Its header is malformed", |e| {
        let told = ["malformed_header", "repeated_author", "bad_date", "no_author"];
        e.content().defects.iter().any(|defect| told.contains(&&*defect.code))
    }),
    sign("to-itself", "It is addressed to its own author", |e| {
        let to = e.content().headers.to.first().and_then(|one| one.address.as_deref());
        to.is_some_and(|to| {
            let mine = to.rsplit_once('@');
            mine.is_some_and(|(local, domain)| {
                local.eq_ignore_ascii_case(&e.local) && domain.eq_ignore_ascii_case(&e.domain)
            })
        })
    }),
    sign("to-many", "It is addressed to more than five", |e| e.content().headers.to.len() > 5),
    sign("to-two", "It is addressed to more than one", |e| e.content().headers.to.len() > 1),
    sign("copies", "It has copies", |e| !e.content().headers.cc.is_empty()),
    sign("recipient-named", "The recipient is named beside the address", |e| {
        e.content().headers.to.first().is_some_and(|one| one.name.is_some())
    }),
    sign("foreign-message-id", "Its Message-ID is of another domain than its author", |e| {
        let id = e.content().headers.message_id.as_deref().unwrap_or_default();
        let host = id.rsplit_once('@').map(|(_, host)| host.to_ascii_lowercase());
        host.is_some_and(|host| registered(&host) != registered(&e.domain))
    }),
    sign("no-date", "It has no date", |e| e.content().headers.date.is_none()),
    sign("answers-elsewhere", "Answers go to another domain than its author's", |e| {
        let to = e.content().headers.reply_to.first().and_then(|one| one.address.as_deref());
        let domain = to.and_then(|to| to.rsplit_once('@')).map(|(_, domain)| domain.to_lowercase());
        domain.is_some_and(|domain| registered(&domain) != registered(&e.domain))
    }),
    sign("answers-given", "It says where answers go", |e| !e.content().headers.reply_to.is_empty()),
    sign("author-free", "The author writes from a free mail service", |e| is_free(&e.domain)),
    sign("author-nameless", "The author has no name", |e| e.name.is_empty()),
    sign("author-named-by-address", "The author's name is an address", |e| e.name.contains('@')),
    sign("author-two-names", "The author has two names", |e| {
        e.name.split_whitespace().count() == 2
            && e.name.chars().all(|c| c.is_alphabetic() || c == ' ')
    }),
    sign("author-role", "The author's address is that of an office", |e| {
        let roles = ["info", "sales", "service", "support", "contact", "office", "admin", "team"];
        roles.iter().any(|role| e.local.starts_with(role))
    }),
    sign("named-after-domain", "The author is called as the domain is", is_named_after_domain),
    sign("returns-home", "What cannot be delivered goes back to the author's domain", |e| {
        returns_to(e).is_some_and(|domain| registered(&domain) == registered(&e.domain))
    }),
    sign("returns-elsewhere", "What cannot be delivered goes back to another domain", |e| {
        returns_to(e).is_some_and(|domain| registered(&domain) != registered(&e.domain))
    }),
    sign("mail-program", "It was written in a mail program", |e| {
        e.has("User-Agent") || e.has("X-Mailer")
    }),
    sign("many-headed", "It is sent in bulk", |e| e.field("Precedence").starts_with("bulk")),
    sign("listed", "It goes through a list", goes_through_a_list),
    sign("list-id", "It names a list", |e| e.has("List-Id")),
    sign("leavable", "Its header says how to leave", |e| e.has("List-Unsubscribe")),
    sign("sender", "It names a sender beside its author", |e| e.has("Sender")),
    sign("errors-to", "It says where errors go", |e| e.has("Errors-To")),
    sign("organized", "It names its author's organization", |e| e.has("Organization")),
    sign("subject-empty", "The subject is empty", |e| e.subject.trim().is_empty()),
    sign("subject-answer", "The subject is that of an answer", |e| is_answer(&e.subject)),
    sign("subject-answers-nothing", "The subject is that of an answer, and there is none", |e| {
        let headers = &e.content().headers;
        is_answer(&e.subject) && headers.in_reply_to.is_none() && headers.references.is_empty()
    }),
    sign("subject-shouts", "The subject shouts", |e| {
        let subject = e.content().headers.subject.as_deref().unwrap_or_default();
        let capitals = subject.chars().filter(|c| c.is_uppercase()).count();
        capitals > 6 && capitals > 2 * subject.chars().filter(|c| c.is_lowercase()).count()
    }),
    sign("subject-exclaims", "The subject exclaims", |e| e.subject.contains('!')),
    sign("subject-exclaims-twice", "The subject exclaims more than once", |e| {
        e.subject.matches('!').count() > 1
    }),
    sign("subject-asks", "The subject asks", |e| e.subject.contains('?')),
    sign("subject-money", "The subject names money", |e| e.subject.contains(['$', '€', '£'])),
    sign("subject-percent", "The subject names a percentage", |e| e.subject.contains('%')),
    sign("subject-brackets", "The subject names a list", |e| {
        e.subject.contains('[') && e.subject.contains(']')
    }),
    sign("subject-colon", "The subject has a title", |e| {
        e.subject.contains(": ") && !is_answer(&e.subject)
    }),
    sign("subject-padded", "The subject is padded with spaces", |e| e.subject.contains("    ")),
    sign("subject-long", "The subject is long", |e| e.subject.chars().count() > 60),
    sign("subject-short", "The subject is short", |e| e.subject.chars().count() < 12),
];

fn goes_through_a_list(e: &Evidence<'_>) -> bool {
    e.is_list()
}

/// Whether the author's name and the registered name of the domain share a word.
fn is_named_after_domain(e: &Evidence<'_>) -> bool {
    let domain = registered(&e.domain).split('.').next().unwrap_or_default();
    let joined: String = e.name.chars().filter(|c| c.is_alphanumeric()).collect();
    let words = e.name.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3);
    domain.len() > 2
        && !is_free(&e.domain)
        && (joined.contains(domain) || words.into_iter().any(|word| domain.contains(word)))
}

fn returns_to(e: &Evidence<'_>) -> Option<String> {
    let path = e.field("Return-Path");
    let (_, domain) = path.rsplit_once('@')?;
    Some(domain.trim_end_matches('>').to_owned())
}

/// Services where anyone has an address within a minute.
pub(crate) fn is_free(domain: &str) -> bool {
    const FREE: [&str; 24] = [
        "gmail.",
        "googlemail.",
        "yahoo.",
        "hotmail.",
        "outlook.",
        "live.",
        "msn.",
        "aol.",
        "mail.com",
        "email.com",
        "gmx.",
        "web.de",
        "proton.",
        "protonmail.",
        "yandex.",
        "mail.ru",
        "qq.com",
        "163.com",
        "126.com",
        "icloud.",
        "zoho",
        "excite.",
        "lycos.",
        "netscape.",
    ];
    FREE.iter().any(|free| domain.starts_with(free))
}

pub(crate) fn is_answer(subject: &str) -> bool {
    ["re:", "aw:", "sv:", "fwd:", "fw:", "wg:", "antw:", "rif:", "tr:", "res:", "回复", "答复"]
        .iter()
        .any(|start| subject.starts_with(start))
}
