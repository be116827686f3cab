//! Whether the sender is proven to be who it says, and other deceit that little mail of before was made with.

use shared::category::Category::{Newsletter, Personal, Promotion, Spam};
use shared::result::AuthResult;

use super::{Leaning, leaning};
use crate::classify::evidence::Evidence;
use crate::classify::identity::{
    answers_go_elsewhere, borrows_a_brand, is_an_office_without_house, is_disguised, is_made_up,
    is_refused, leads_to_a_free_host, names_another_host, proven, unproven,
};
use crate::classify::lexicon::Topic;
use crate::classify::rules::written_by_a_machine;
use crate::classify::signs::{is_answer, is_free};

const BRAND: &str = "The author's name is that of a brand, the address is not";
const HOST_IN_NAME: &str = "The author's name is an address of another domain";
const OFFICE: &str = "An office writes from a free mail service";

const DISGUISE: &str = "Letters of several alphabets, or invisible ones, disguise a name";

/// Leanings that tell phishing from spam.
pub(super) const DECEIT: [&str; 4] = [BRAND, HOST_IN_NAME, OFFICE, DISGUISE];

pub(super) const LEANINGS: &[Leaning] = &[
    leaning(Spam, 150, BRAND, borrows_a_brand),
    leaning(Spam, 150, "A borrowed brand presses to act", |e| {
        borrows_a_brand(e) && e.mentions(Topic::Lure) > 0
    }),
    leaning(Spam, 250, DISGUISE, is_disguised),
    leaning(Spam, 100, HOST_IN_NAME, names_another_host),
    leaning(Spam, 120, OFFICE, is_an_office_without_house),
    leaning(Spam, 130, "The receiver checked the sender and found no proof", unproven),
    leaning(Spam, 80, "The sender's domain disowns it", |e| {
        e.content().authentication.dmarc == Some(AuthResult::Fail) || is_refused(e)
    }),
    leaning(Spam, 80, "The text presses to act, and the sender is not proven", |e| {
        unproven(e) && e.mentions(Topic::Lure) > 1
    }),
    leaning(Spam, 80, "It leads to a free host for web pages", leads_to_a_free_host),
    leaning(Spam, 70, "Answers go elsewhere, to a free mail service", answers_go_elsewhere),
    leaning(Spam, 60, "The author's domain looks made up by a machine", |e| is_made_up(&e.domain)),
    leaning(Spam, 100, "A link leads to a bare address", |e| {
        e.page().is_some_and(|page| page.numeric_links > 0) && !proven(e)
    }),
    leaning(Spam, 60, "A link shows another site than it leads to", |e| {
        e.page().is_some_and(|page| page.deceptive_links > 0) && !proven(e) && !e.is_bulk()
    }),
    leaning(Spam, 60, "It has a form", |e| {
        e.page().is_some_and(|page| page.forms > 0) && !proven(e) && !e.is_bulk()
    }),
    leaning(Spam, 60, "The subject names the recipient's address", names_the_reader),
    leaning(Spam, 40, "It names no recipient, and shows a page", |e| {
        let nobody = e.content().headers.to.is_empty() || e.field_says("To", "undisclosed");
        nobody && e.page().is_some() && !e.is_list() && !proven(e)
    }),
    leaning(Spam, 70, "It has a page as a file", |e| {
        let names = e.content().attachments.iter().filter_map(|file| file.filename.as_deref());
        names.map(str::to_ascii_lowercase).any(|name| {
            [".htm", ".html", ".shtml", ".xhtml", ".svg"].iter().any(|end| name.ends_with(end))
        })
    }),
    leaning(Newsletter, 100, "It can be left, and no machine wrote it", can_be_left),
    leaning(Promotion, 100, "It can be left, and no machine wrote it", can_be_left),
    leaning(Personal, -350, "It can be left, as mail to many can", |e| e.has("List-Unsubscribe")),
    leaning(Spam, -150, "The sender is proven", |e| proven(e) && !is_free(&e.domain)),
    leaning(Spam, -60, "The sender is proven, and its mail can be left", |e| {
        proven(e) && e.has("List-Unsubscribe")
    }),
    leaning(Spam, -100, "It answers a message that it names", |e| {
        let headers = &e.content().headers;
        headers.in_reply_to.is_some() && !headers.references.is_empty() && is_answer(&e.subject)
    }),
];

fn can_be_left(e: &Evidence<'_>) -> bool {
    e.has("List-Unsubscribe") && !e.is_list() && !written_by_a_machine(e)
}

/// Whether the subject repeats what stands before the `@` of the recipient's address, as only machines do.
fn names_the_reader(e: &Evidence<'_>) -> bool {
    let to = e.content().headers.to.first().and_then(|one| one.address.as_deref());
    let address = to.unwrap_or_default().to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    let named = local.len() > 4 && e.subject.contains(local);
    (named || address.contains('@') && e.subject.contains(&address)) && !e.is_list() && !proven(e)
}
