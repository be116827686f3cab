//! Mail that goes to many: lists, newsletters, promotions.

use shared::category::Category::{List, Newsletter, Promotion};

use super::machines::written_by_a_machine;
use super::{Evidence, Rule, rule};
use crate::classify::lexicon::Topic;

pub(super) const RULES: &[Rule] = &[
    rule(List, 25, "List-Post: everyone may write to it (RFC 2369)", |e| {
        e.has("List-Post") && !e.field("List-Post").starts_with("no")
    }),
    rule(List, 15, "A list server's own field", |e| {
        [
            "X-Mailman-Version",
            "X-BeenThere",
            "Mailing-List",
            "X-Mailing-List",
            "X-Loop-List",
            "X-ML-Name",
            "X-Sympa-Id",
        ]
        .iter()
        .any(|name| e.has(name))
    }),
    rule(List, 6, "List-Id (RFC 2919)", |e| e.has("List-Id") && !e.has("Feedback-ID")),
    rule(List, 12, "Precedence: list", |e| e.field("Precedence").starts_with("list")),
    rule(List, 15, "It goes to a list's address", goes_to_a_list),
    rule(List, 15, "The sender is a list's own address", sent_by_a_list),
    rule(List, 10, "The subject names a list, and it is a contribution", |e| {
        e.subject.contains('[')
            && e.subject.contains(']')
            && (e.is_list() || e.field("Precedence").starts_with("bulk"))
    }),
    rule(List, 30, "The subject begins with a list's name, and a person wrote it", |e| {
        begins_with_a_name(&e.subject) && e.page().is_none() && !written_by_a_machine(e)
    }),
    rule(List, 8, "An answer, sent in bulk", |e| {
        e.has("In-Reply-To")
            && (e.has("Precedence") || e.has("List-Id") || e.has("List-Unsubscribe"))
    }),
    rule(List, 10, "Gmail counts it among forums", |e| e.labelled("CATEGORY_FORUMS")),
    rule(Newsletter, 18, "List-Unsubscribe without a list to write to", |e| {
        e.has("List-Unsubscribe") && !e.is_list()
    }),
    rule(Newsletter, 6, "List-Unsubscribe-Post present (RFC 8058)", |e| {
        e.has("List-Unsubscribe-Post")
    }),
    rule(Newsletter, 6, "Feedback-ID: sent by a bulk mail service", |e| {
        e.has("Feedback-ID") || e.has("X-CSA-Complaints")
    }),
    rule(Newsletter, 8, "Precedence: bulk", |e| {
        e.field("Precedence").starts_with("bulk") && !e.is_list()
    }),
    rule(Newsletter, 14, "The subject names an issue", |e| {
        e.in_subject(Topic::Issue) > 0 && e.is_bulk()
    }),
    rule(Newsletter, 26, "The author calls it a newsletter", |e| {
        ["newsletter", "subscriptions", "dispatch", "digest"]
            .iter()
            .any(|word| e.name.contains(word) || e.local.contains(word))
            || e.subject.contains("newsletter")
    }),
    rule(Newsletter, 12, "It comes from an address for news", sent_by_news),
    rule(Newsletter, 12, "The text says how to leave", |e| {
        e.in_text(Topic::Leaving) > 0 && !e.is_list()
    }),
    rule(Newsletter, 6, "The text says so more than once", |e| {
        e.in_text(Topic::Leaving) > 1 && !e.is_list()
    }),
    rule(Newsletter, 8, "The text is that of an issue", |e| {
        e.in_text(Topic::Issue) > 2 && e.in_text(Topic::Leaving) > 0
    }),
    rule(Newsletter, 5, "Gmail counts it among promotions", |e| e.labelled("CATEGORY_PROMOTIONS")),
    rule(Promotion, 18, "Gmail counts it among promotions", |e| e.labelled("CATEGORY_PROMOTIONS")),
    rule(Promotion, 30, "The subject sells, and it goes to many", |e| {
        e.in_subject(Topic::Sale) > 0 && e.is_bulk()
    }),
    rule(Promotion, 18, "The subject sells with a number", |e| {
        let priced = e.subject.contains(['$', '€', '£', '%'])
            && e.subject.contains(|c: char| c.is_ascii_digit());
        priced && e.is_bulk()
    }),
    rule(Promotion, 15, "The author sells", |e| {
        [
            "shopper",
            "auction",
            "deals",
            "offers",
            "buyer",
            "sales",
            "promo",
            "marketing",
            "announcements",
            "delivers",
        ]
        .iter()
        .any(|word| (e.name.contains(word) || e.local.contains(word)) && e.is_bulk())
    }),
    rule(Promotion, 10, "The text sells", |e| e.in_text(Topic::Sale) > 1 && e.is_bulk()),
    rule(Promotion, 12, "The text does little else", |e| e.in_text(Topic::Sale) > 4 && e.is_bulk()),
    rule(Promotion, 18, "The text sells more than it tells", |e| {
        e.in_text(Topic::Sale) > 3
            && e.in_text(Topic::Sale) > e.in_text(Topic::Issue)
            && e.is_bulk()
    }),
    rule(Promotion, 8, "List-Unsubscribe without a list to write to", |e| {
        e.has("List-Unsubscribe") && !e.is_list()
    }),
];

fn sent_by_news(e: &Evidence<'_>) -> bool {
    let domain = e.domain.split('.').next().unwrap_or_default();
    let news = [
        "news",
        "newsletter",
        "newsletters",
        "list",
        "update",
        "e",
        "email",
        "mailing",
        "mail",
        "em",
    ];
    let local = ["news", "editor", "tips", "bulletin", "update", "list"];
    (news.contains(&domain) && e.domain.matches('.').count() > 1) || local.contains(&&*e.local)
}

/// A recipient that is named as lists are.
fn goes_to_a_list(e: &Evidence<'_>) -> bool {
    let headers = &e.content().headers;
    let addresses = headers.to.iter().chain(&headers.cc).filter_map(|one| one.address.as_deref());
    addresses.map(str::to_ascii_lowercase).any(|address| {
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        let named = ["-list", "-users", "-devel", "-dev", "-talk", "-discuss", "-announce", "-l"];
        domain.starts_with("lists.")
            || domain.starts_with("groups.")
            || domain.starts_with("vger.")
            || domain.contains("yahoogroups.")
            || domain.contains("googlegroups.")
            || named.iter().any(|end| local.ends_with(end))
    })
}

/// `[name] …`: a list puts its name first, and an answer sent directly puts `Re:` before it.
fn begins_with_a_name(subject: &str) -> bool {
    let name =
        subject.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
    name.is_some_and(|name| (2..=30).contains(&name.len()) && !name.contains(char::is_whitespace))
}

fn sent_by_a_list(e: &Evidence<'_>) -> bool {
    let envelope = format!("{} {}", e.field("Return-Path"), e.field("Sender"));
    let named = [
        "-admin@",
        "-bounces@",
        "-bounces+",
        "-owner@",
        "-errors@",
        "owner-",
        "-return-",
        "sentto-",
        "bounce-",
    ];
    named.iter().any(|part| envelope.contains(part))
        && !e.has("Feedback-ID")
        && (e.is_list() || e.has("Precedence") || e.has("Sender") || e.has("Errors-To"))
}

#[cfg(test)]
mod tests {
    use crate::classify::tests::category;

    #[test]
    fn a_list_to_write_to_is_a_list_and_one_to_leave_a_newsletter() {
        let to_all =
            "From: Ann <ann@example.com>\nTo: talk@lists.example.org\nSubject: [talk] Tabs\n";
        let post =
            "List-Id: <talk.lists.example.org>\nList-Post: <mailto:talk@lists.example.org>\n";
        assert_eq!(category(&format!("{to_all}{post}\nHello"), &[]), "list");
        let issue = "From: Example News <news@example.com>\nTo: a@example.org\nSubject: What we read in May\n";
        let leave = "List-Unsubscribe: <https://example.com/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n";
        assert_eq!(category(&format!("{issue}{leave}\nHello"), &[]), "newsletter");
    }

    #[test]
    fn gmails_own_tab_tips_the_scale() {
        let message = "From: Example <hello@example.com>\nSubject: Spring\nList-Unsubscribe: <https://example.com/u>\n\nNew.";
        assert_eq!(category(message, &[]), "newsletter");
        assert_eq!(category(message, &["CATEGORY_PROMOTIONS"]), "promotion");
    }
}
