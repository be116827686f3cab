//! Unwanted mail. Gmail judges it with more knowledge than we have, so its own verdict outweighs all; the rest is for
//! what it lets pass. A letter lost to a spam folder costs more than a spam read: no single word is enough.

use shared::category::Category::{Phishing, Spam};
use shared::result::AuthResult;

use super::{Evidence, Rule, rule};
use crate::classify::identity::{
    answers_go_elsewhere, borrows_a_brand, is_disguised, proven, unproven,
};
use crate::classify::lexicon::Topic;
use crate::classify::signs::is_free;

pub(super) const RULES: &[Rule] = &[
    rule(Spam, 1_000, "Gmail holds it for spam", |e| e.labelled("SPAM") && !lures(e)),
    rule(Phishing, 1_000, "Gmail holds it for spam, and it asks for credentials or money", |e| {
        e.labelled("SPAM") && lures(e)
    }),
    rule(Spam, 1_000, "It carries GTUBE, the string that tests spam filters", |e| {
        e.text().contains(GTUBE)
    }),
    rule(Spam, 60, "A spam filter on its way marked it", |e| {
        e.field("X-Spam-Flag").starts_with("yes") || e.field("X-Spam-Status").starts_with("yes")
    }),
    rule(Spam, 60, "The subject says that it is advertising", |e| {
        e.subject.starts_with("adv:") || e.subject.starts_with("adv ")
    }),
    rule(Spam, 40, "The subject ends in a token that only filters read", has_padded_subject),
    rule(Spam, 25, "The text has phrases of spam", |e| e.mentions(Topic::Scam) > 2 && !trusted(e)),
    rule(Spam, 35, "The text is full of phrases of spam", |e| {
        e.mentions(Topic::Scam) > 5 && !trusted(e)
    }),
    rule(Spam, 30, "The subject has phrases of spam", |e| {
        e.in_subject(Topic::Scam) > 0 && e.in_text(Topic::Scam) > 1 && !trusted(e)
    }),
    rule(Spam, 30, "It promises a fortune to a stranger", |e| {
        e.mentions(Topic::Windfall) > 2 && !trusted(e)
    }),
    rule(Spam, 40, "It does little else", |e| e.mentions(Topic::Windfall) > 4 && !trusted(e)),
    rule(Spam, 20, "A free mail address with a number in it sells", |e| {
        is_numbered(&e.local)
            && is_free(&e.domain)
            && e.mentions(Topic::Scam) + e.mentions(Topic::Sale) > 0
            && !trusted(e)
    }),
    rule(Spam, 14, "It is HTML alone, with phrases of spam", |e| {
        e.is_kind("text/html") && e.mentions(Topic::Scam) > 0 && !trusted(e)
    }),
    rule(
        Spam,
        20,
        "The text has phrases of spam and says how to leave, the header does not",
        |e| e.in_text(Topic::Leaving) > 0 && e.mentions(Topic::Scam) > 1 && !trusted(e),
    ),
    rule(Spam, 12, "The subject shouts", |e| shouts(e) && !trusted(e)),
    rule(Spam, 10, "It names no recipient", |e| {
        e.content().headers.to.is_empty() && e.page().is_some() && !trusted(e)
    }),
    rule(
        Spam,
        25,
        "The text says how to leave, the header does not, and the sender is not proven",
        |e| e.in_text(Topic::Leaving) > 0 && unproven(e) && !trusted(e),
    ),
    rule(Phishing, 55, "The author's name is that of a brand, the address is not", |e| {
        borrows_a_brand(e) && e.mentions(Topic::Lure) > 0
    }),
    rule(Phishing, 40, "A borrowed brand asks for credentials or money", |e| {
        borrows_a_brand(e) && lures(e)
    }),
    rule(Phishing, 30, "It failed DMARC, and asks for credentials or money", |e| {
        lures(e) && e.content().authentication.dmarc == Some(AuthResult::Fail)
    }),
    rule(
        Phishing,
        25,
        "A link shows another site than it leads to, and the text presses to follow it",
        |e| lures(e) && !proven(e) && e.page().is_some_and(|page| page.deceptive_links > 0),
    ),
    rule(Phishing, 30, "A link leads to a bare address, and the text presses to follow it", |e| {
        lures(e) && e.page().is_some_and(|page| page.numeric_links > 0)
    }),
    rule(Phishing, 30, "It has a form that asks for credentials", |e| {
        lures(e) && e.page().is_some_and(|page| page.forms > 0)
    }),
    rule(
        Phishing,
        60,
        "Letters of several alphabets, or invisible ones, disguise a name",
        is_disguised,
    ),
    rule(Phishing, 35, "The author's address can receive no answer", |e| {
        !e.domain.is_empty()
            && !e.domain.contains('.')
            && unproven(e)
            && e.page().is_some()
            && lures(e)
    }),
    rule(Phishing, 40, "It comes from a free host for web pages", |e| {
        [".firebaseapp.com", ".onmicrosoft.com", ".web.app"]
            .iter()
            .any(|end| e.domain.ends_with(end))
            && e.page().is_some()
    }),
    rule(Phishing, 22, "Answers go elsewhere, to a free mail service", |e| {
        answers_go_elsewhere(e) && presses(e)
    }),
    rule(Phishing, 30, "The text presses to act, and the sender is not proven", |e| {
        e.mentions(Topic::Lure) > 3 && unproven(e)
    }),
    rule(Phishing, 25, "The subject presses to act, and the sender is not proven", |e| {
        e.in_subject(Topic::Lure) > 0 && e.in_text(Topic::Lure) > 0 && unproven(e)
    }),
];

/// What every filter takes for spam, so that filters can be tried without any.
const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// Whether the text asks to follow a link, to verify, to claim.
fn lures(e: &Evidence<'_>) -> bool {
    e.mentions(Topic::Lure) > 1
}

fn presses(e: &Evidence<'_>) -> bool {
    e.mentions(Topic::Lure) + e.mentions(Topic::Windfall) > 2
}

/// Whether it answers, or comes through a list or a proven sender that can be left: spammers' mail seldom does.
fn trusted(e: &Evidence<'_>) -> bool {
    let answers = e.content().headers.in_reply_to.is_some();
    let leaves = e.has("List-Unsubscribe") || e.has("List-Id") || e.has("Precedence");
    answers || leaves || proven(e)
}

/// A local part with digits among its letters, as machines make them up.
fn is_numbered(local: &str) -> bool {
    local.bytes().filter(u8::is_ascii_digit).count() > 2
        && local.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Capitals for the most part, or several exclamation marks.
fn shouts(e: &Evidence<'_>) -> bool {
    let subject = e.content().headers.subject.as_deref().unwrap_or_default();
    let capitals = subject.chars().filter(|c| c.is_uppercase()).count();
    let small = subject.chars().filter(|c| c.is_lowercase()).count();
    (capitals > 8 && capitals > 2 * small) || subject.matches('!').count() > 1
}

/// Whether the subject is padded with spaces before its last word, as no one types.
fn has_padded_subject(e: &Evidence<'_>) -> bool {
    let subject = e.field("Subject");
    subject.lines().next().unwrap_or_default().contains("      ")
}

#[cfg(test)]
mod tests {
    use crate::classify::tests::category;

    #[test]
    fn gmails_verdict_outweighs_a_proper_newsletter() {
        let message = "From: Example <news@example.com>\nSubject: Newsletter\nList-Unsubscribe: <https://example.com/u>\n\nHello";
        assert_eq!(category(message, &["SPAM"]), "spam");
    }

    #[test]
    fn a_borrowed_brand_is_phishing_and_the_brand_itself_is_not() {
        let text = "Subject: Action required: verify your account\n\nClick here to restore access within 24 hours.";
        let borrowed = format!("From: PayPal Service <help@example.net>\n{text}");
        assert_eq!(category(&borrowed, &[]), "phishing");
        let own = format!(
            "Authentication-Results: mx.google.com; dmarc=pass; dkim=pass\nFrom: PayPal <service@paypal.com>\n{text}"
        );
        assert_ne!(category(&own, &[]), "phishing");
    }

    #[test]
    fn letters_of_two_alphabets_in_one_word_are_a_disguise_and_side_by_side_are_not() {
        let from =
            |subject: &str| format!("From: Ann <ann@example.com>\nSubject: {subject}\n\nHello");
        assert_eq!(category(&from("P\u{430}yp\u{430}l"), &[]), "phishing");
        assert_eq!(category(&from("iPhone-чехол и QR-код"), &[]), "personal");
    }

    #[test]
    fn a_page_behind_a_few_plain_words_is_read_too() {
        let message = "From: a1234@example.net\nSubject: Hello\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nSee HTML.\n\
            --a\nContent-Type: text/html\n\nMake money, risk free, no obligation, act now, extra income, free trial\n--a--";
        assert_eq!(category(message, &[]), "spam");
    }

    #[test]
    fn filters_can_be_tried_without_spam() {
        assert_eq!(
            category(
                &format!("From: Ann <ann@example.com>\nSubject: x\n\n{}\n", super::GTUBE),
                &[]
            ),
            "spam"
        );
    }

    #[test]
    fn a_letter_about_a_mortgage_is_a_letter() {
        let letter = "From: Ann <ann@example.com>\nTo: bob@example.org\nSubject: Mortgage\n\nThe bank called about the loan.";
        assert_eq!(category(letter, &[]), "personal");
    }
}
