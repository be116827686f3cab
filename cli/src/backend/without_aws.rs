//! A build without AWS: it compiles in a minute, and says what it lacks.

use std::future::{Ready, ready};
use std::sync::Arc;

use message_processor::Rules;
use shared::events::Events;
use shared::webhook::WebhookKeys;

use super::{Backend, bad_use};
use crate::End;
use crate::args::{KeysCommand, Place, Worker};
use crate::commands::events::QueueName;
use crate::print::Out;

const BUILD: &str =
    "this fanmail was built without AWS; build it with `cargo build --release --features aws`";

pub(crate) fn open(_stack: &str) -> Ready<anyhow::Result<Backend>> {
    ready(Err(bad_use(BUILD)))
}

pub(crate) fn consumer(_: &QueueName) -> Ready<anyhow::Result<Arc<dyn Events>>> {
    ready(Err(bad_use(BUILD)))
}

pub(crate) fn webhook_keys(_stack: &str) -> Ready<anyhow::Result<Arc<dyn WebhookKeys>>> {
    ready(Err(bad_use(BUILD)))
}

pub(crate) fn keys(_: KeysCommand, _stack: &str, _: Out) -> Ready<anyhow::Result<End>> {
    ready(Err(bad_use(BUILD)))
}

pub(crate) fn rules(_stack: &str) -> Ready<anyhow::Result<Option<Rules>>> {
    ready(Err(bad_use(BUILD)))
}

pub(crate) fn work(_worker: Worker, _place: &Place) -> Ready<anyhow::Result<End>> {
    ready(Err(bad_use(BUILD)))
}
