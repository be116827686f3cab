//! Signs of the body: of the page, of the text's shape, and of what it speaks of.

use super::{Evidence, Sign, sign};
use crate::classify::lexicon::Topic;
use crate::parse::registered;

pub(super) const SIGNS: &[Sign] = &[
    sign("html-alone", "It is HTML alone", |e| e.is_kind("text/html")),
    sign("html", "It has a page", |e| e.page().is_some()),
    sign("plain-alone", "It is plain text alone", |e| e.is_kind("text/plain")),
    sign("alternative", "It has a text and a page", |e| e.is_kind("multipart/alternative")),
    sign("empty", "It has no text", |e| e.shape.bytes == 0),
    sign("brief", "It has few words", |e| (1..200).contains(&e.shape.bytes)),
    sign("short", "Its text is short", |e| e.shape.bytes < 800),
    sign("long", "Its text is long", |e| e.shape.bytes > 4_000),
    sign("links-none", "It has no link", |e| {
        e.shape.addresses == 0 && e.page().is_none_or(|page| page.links == 0)
    }),
    sign("links-one", "It has a link or two", |e| {
        e.page().is_some_and(|page| (1..3).contains(&page.links))
    }),
    sign("links-many", "It has more than ten links", |e| {
        e.shape.addresses > 10 || e.page().is_some_and(|page| page.links > 10)
    }),
    sign("images", "It shows images", |e| e.page().is_some_and(|page| page.images > 0)),
    sign("images-many", "It shows more than five images", |e| {
        e.page().is_some_and(|page| page.images > 5)
    }),
    sign("images-for-words", "It shows images in the place of words", |e| {
        e.page().is_some_and(|page| page.images > 0 && page.text.len() < 250)
    }),
    sign("links-elsewhere", "No link leads to the author's own domain", |e| {
        e.hosts().next().is_some() && !leads_home(e)
    }),
    sign("links-home", "A link leads to the author's own domain", leads_home),
    sign("text-shouts", "The text shouts", |e| e.shape.shouts()),
    sign("text-exclaims", "The text exclaims", |e| e.shape.exclamations > 2),
    sign("text-exclaims-much", "The text exclaims all the time", |e| e.shape.exclamations > 7),
    sign("money", "The text names money", |e| e.shape.money > 0),
    sign("money-much", "The text names money all the time", |e| e.shape.money > 4),
    sign("quotes", "It quotes a message", |e| e.shape.quoted_lines > 0),
    sign("signed-off", "It ends in a signature", |e| e.shape.signed),
    sign("attributes", "It says who wrote what", |e| e.shape.attributes),
    sign("addresses-written", "Addresses are written out", |e| e.shape.addresses > 0),
    sign("file", "It has a file", |e| !e.content().attachments.is_empty()),
    sign("leaving-unheadered", "The text says how to leave, the header does not", |e| {
        e.in_text(Topic::Leaving) > 0 && !e.has("List-Unsubscribe") && !e.is_list()
    }),
    sign("subject-undelivered", "The subject speaks of mail not delivered", |e| {
        e.in_subject(Topic::Undelivered) > 0
    }),
    sign("subject-order", "The subject is about an order or a bill", |e| {
        e.in_subject(Topic::Order) > 0
    }),
    sign("subject-code", "The subject is about a code", |e| e.in_subject(Topic::Code) > 0),
    sign("subject-access", "The subject is about access", |e| e.in_subject(Topic::Access) > 0),
    sign("subject-sale", "The subject sells", |e| e.in_subject(Topic::Sale) > 0),
    sign("subject-issue", "The subject names an issue", |e| e.in_subject(Topic::Issue) > 0),
    sign("subject-lure", "The subject presses to act", |e| e.in_subject(Topic::Lure) > 0),
    sign("subject-scam", "The subject has phrases of spam", |e| e.in_subject(Topic::Scam) > 0),
    sign("subject-windfall", "The subject promises a fortune", |e| {
        e.in_subject(Topic::Windfall) > 0
    }),
    sign("order", "The text is about an order or a bill", |e| e.in_text(Topic::Order) > 0),
    sign("orders", "The text is about little but an order or a bill", |e| {
        e.in_text(Topic::Order) > 2
    }),
    sign("code", "The text is about a code", |e| e.in_text(Topic::Code) > 0),
    sign("access", "The text is about access", |e| e.in_text(Topic::Access) > 0),
    sign("sale", "The text sells", |e| e.in_text(Topic::Sale) > 0),
    sign("sales", "The text sells a lot", |e| e.in_text(Topic::Sale) > 2),
    sign("issue", "The text is that of an issue", |e| e.in_text(Topic::Issue) > 0),
    sign("issues", "The text is very much that of an issue", |e| e.in_text(Topic::Issue) > 2),
    sign("leaving", "The text says how to leave", |e| e.in_text(Topic::Leaving) > 0),
    sign("lure", "The text presses to act", |e| e.in_text(Topic::Lure) > 0),
    sign("lures", "The text presses to act more than once", |e| e.in_text(Topic::Lure) > 1),
    sign("lures-much", "The text does little but press to act", |e| e.in_text(Topic::Lure) > 3),
    sign("scam", "The text has a phrase of spam", |e| e.in_text(Topic::Scam) > 0),
    sign("scams", "The text has phrases of spam", |e| e.in_text(Topic::Scam) > 2),
    sign("scams-much", "The text is full of phrases of spam", |e| e.in_text(Topic::Scam) > 5),
    sign("windfall", "The text has phrases of a promised fortune", |e| {
        e.in_text(Topic::Windfall) > 1
    }),
    sign("windfalls", "The text promises a fortune", |e| e.in_text(Topic::Windfall) > 3),
];

fn leads_home(e: &Evidence<'_>) -> bool {
    e.hosts().any(|host| registered(host) == registered(&e.domain))
}
