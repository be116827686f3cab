//! Mail between people, and between a person and those they deal with.

use shared::category::Category::{Personal, Security, Transactional};

use super::machines::written_by_a_machine;
use super::{Evidence, Rule, rule};
use crate::classify::lexicon::Topic;

pub(super) const RULES: &[Rule] = &[
    rule(Security, 65, "The subject is about a code to sign in with", |e| {
        e.in_subject(Topic::Code) > 0
    }),
    rule(Security, 65, "The subject is about access to an account", |e| {
        e.in_subject(Topic::Access) > 0
    }),
    rule(Security, 15, "The text is about a code to sign in with", |e| {
        e.in_text(Topic::Code) > 0 && !e.is_list()
    }),
    rule(Security, 10, "The text is about access to an account", |e| {
        e.in_text(Topic::Access) > 0 && !e.is_list()
    }),
    rule(Security, 5, "A machine wrote it", |e| {
        e.mentions(Topic::Code) + e.mentions(Topic::Access) > 0 && written_by_a_machine(e)
    }),
    rule(
        Transactional,
        40,
        "The subject is about an order, a delivery, a booking or a bill",
        |e| e.in_subject(Topic::Order) > 0 && !e.is_list(),
    ),
    rule(Transactional, 12, "The text is about an order, a delivery, a booking or a bill", |e| {
        e.in_text(Topic::Order) > 1 && !e.is_list()
    }),
    rule(Transactional, 15, "The text is about little else", |e| {
        e.in_text(Topic::Order) > 3 && !e.is_list()
    }),
    rule(Transactional, 15, "The author handles orders, bookings or bills", |e| {
        let locals = [
            "order",
            "shipment",
            "shipping",
            "tracking",
            "booking",
            "billing",
            "invoice",
            "receipt",
            "delivery",
            "reservation",
            "spedizione",
        ];
        e.author_is(&locals)
    }),
    rule(Transactional, 15, "The text gives the price of an order", |e| {
        e.mentions(Topic::Order) > 0
            && ["Total", "Subtotal", "TOTAL", "Summe", "Totale"]
                .iter()
                .any(|word| e.text().contains(word))
    }),
    rule(Personal, 14, "Nothing says that it is anything but a letter", |e| {
        !e.is_bulk() && !e.is_list()
    }),
    rule(Personal, 12, "It answers a message, and goes through no list", |e| {
        e.content().headers.in_reply_to.is_some()
            && !e.is_list()
            && !e.has("Precedence")
            && !written_by_a_machine(e)
    }),
    rule(Personal, 8, "The subject is that of an answer", |e| {
        ["re:", "aw:", "sv:", "fwd:", "fw:", "wg:", "antw:", "rif:"]
            .iter()
            .any(|start| e.subject.starts_with(start))
            && !e.is_list()
    }),
    rule(Personal, 6, "It was written in a mail program", |e| {
        (e.has("User-Agent") || written_in_a_mail_program(e)) && !e.is_bulk() && !e.is_list()
    }),
    rule(Personal, 6, "Gmail counts it among personal mail", |e| {
        e.labelled("CATEGORY_PERSONAL") && !e.is_bulk()
    }),
    rule(Personal, 4, "Gmail holds it important, or the reader starred it", |e| {
        (e.labelled("IMPORTANT") || e.labelled("STARRED")) && !e.is_bulk()
    }),
];

fn written_in_a_mail_program(e: &Evidence<'_>) -> bool {
    let mailer = e.field("X-Mailer");
    let programs = [
        "outlook",
        "apple mail",
        "iphone",
        "ipad",
        "evolution",
        "kmail",
        "eudora",
        "mutt",
        "pine",
        "becky",
        "ximian",
    ];
    programs.iter().any(|program| mailer.contains(program))
}

#[cfg(test)]
mod tests {
    use crate::classify::tests::category;

    #[test]
    fn a_code_an_order_and_a_letter_are_told_apart() {
        let from = "From: Example <no-reply@example.com>\nTo: a@example.org\n";
        assert_eq!(
            category(
                &format!("{from}Subject: 123456 is your verification code\n\nIt expires."),
                &[]
            ),
            "security"
        );
        assert_eq!(
            category(
                &format!("{from}Subject: Your order #12 has shipped\n\nTracking number 1"),
                &[]
            ),
            "transactional"
        );
        let letter =
            "From: Ann <ann@example.com>\nTo: bob@example.org\nSubject: Lunch?\n\nAt one? Ann";
        assert_eq!(category(letter, &[]), "personal");
    }
}
