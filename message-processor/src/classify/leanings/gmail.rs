//! What Gmail itself thinks. Its word on spam decides alone, as a rule does; its tabs are a leaning, for they know no
//! lists that are not forums and no difference between a newsletter and a promotion.

use shared::category::Category::{
    List, Newsletter, Notification, Personal, Promotion, Security, Spam, Transactional,
};

use super::{Leaning, leaning};

pub(super) const LEANINGS: &[Leaning] = &[
    leaning(Spam, -100, "Gmail let it pass", |e| !e.labels().is_empty() && !e.labelled("SPAM")),
    leaning(Spam, -150, "Gmail holds it important", |e| e.labelled("IMPORTANT")),
    leaning(Promotion, 300, "Gmail counts it among promotions", |e| {
        e.labelled("CATEGORY_PROMOTIONS")
    }),
    leaning(Newsletter, 100, "Gmail counts it among promotions", |e| {
        e.labelled("CATEGORY_PROMOTIONS")
    }),
    leaning(List, 250, "Gmail counts it among forums", |e| e.labelled("CATEGORY_FORUMS")),
    leaning(Notification, 200, "Gmail counts it among updates", |e| e.labelled("CATEGORY_UPDATES")),
    leaning(Transactional, 200, "Gmail counts it among updates", |e| {
        e.labelled("CATEGORY_UPDATES")
    }),
    leaning(Security, 200, "Gmail counts it among updates", |e| e.labelled("CATEGORY_UPDATES")),
    leaning(Notification, 250, "Gmail counts it among social mail", |e| {
        e.labelled("CATEGORY_SOCIAL")
    }),
    leaning(Personal, 200, "Gmail counts it among personal mail", |e| {
        e.labelled("CATEGORY_PERSONAL")
    }),
];
