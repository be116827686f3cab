//! The contracts with consumers, as JSON Schemas (draft 2020-12): one for the result, one for each event. They are made
//! from the types that are written, so that they cannot say anything else.
//!
//! They describe what we write: a field that is always there is required, null included. A reader must allow for fields
//! that are added.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::events::data::{
    AboutMailbox, ActionFinished, Disconnected, MessageProcessed, NeedsReauth, Opened,
};
use crate::events::{Event, EventKind};
use crate::result::MessageResult;

/// Every contract, with its name, such as `fanmail.result.v1`.
pub fn all() -> Vec<(&'static str, Value)> {
    let events = EventKind::ALL.iter().map(|kind| (kind.as_str(), event(*kind)));
    let result = ("fanmail.result.v1", document::<MessageResult>("fanmail.result.v1"));
    std::iter::once(result).chain(events).collect()
}

/// The envelope with what this kind of event says in it.
fn event(kind: EventKind) -> Value {
    let name = kind.as_str();
    let mut schema = match kind {
        EventKind::MessageProcessed => document::<Event<MessageProcessed<'_>>>(name),
        EventKind::ActionFinished => document::<Event<ActionFinished<'_>>>(name),
        EventKind::Connected | EventKind::Resumed => {
            document::<Event<AboutMailbox<'_, Opened<'_>>>>(name)
        }
        EventKind::NeedsReauth => document::<Event<AboutMailbox<'_, NeedsReauth<'_>>>>(name),
        EventKind::Disconnected => document::<Event<AboutMailbox<'_, Disconnected>>>(name),
    };
    schema["properties"]["type"] = json!({ "const": name, "description": "What happened." });
    if let Some(shared) = schema["$defs"].as_object_mut() {
        shared.remove("EventKind");
    }
    schema
}

fn document<T: JsonSchema>(name: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    schema["title"] = json!(name);
    schema
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A moment in UTC, to the millisecond (RFC 3339)."
        })
    }
}
