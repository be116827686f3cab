//! `fanmail results find`.

use clap::Args as Arguments;
use shared::category::Category;
use shared::ids::UserId;

use super::reclassify::{Since, since};

/// What is looked for; all of it must be so.
#[derive(Arguments)]
pub(crate) struct Find {
    /// The mailbox.
    #[arg(long)]
    pub(crate) user: UserId,
    /// Only of this category, such as bounce.
    #[arg(long)]
    pub(crate) category: Option<Category>,
    /// Only with this label of the rules.
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Only what Gmail received since: 2026-05-01, 2026-05-01T12:00:00Z, or the day so long ago, such as 30d.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// Only with something attached.
    #[arg(long)]
    pub(crate) attachments: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}
