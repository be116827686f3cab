//! `fanmail keys`: what tokens are sealed under, and how that is changed while everything else goes on.

mod local;
mod row;

use crate::End;
use crate::args::{Keys, Place};
use crate::backend::stack;
use crate::machine::folder::Folder;
use crate::print::Out;

#[cfg(feature = "aws")]
pub(crate) use self::row::{KeyRow, count};

/// Carries out one command on keys.
pub(crate) async fn run(args: Keys, place: &Place, out: Out) -> anyhow::Result<End> {
    match place.stack()? {
        Some(name) => stack::keys(args.command, name, out).await,
        None => local::keys(args.command, &Folder::open(&args.data.data).await?, out).await,
    }
}
