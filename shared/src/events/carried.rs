//! An event as AWS carries it, on a topic or in a queue: its text, and the attributes beside it; and batches of these.

use aws_sdk_sns::error::BuildError;

use crate::events::Event;

/// The most entries of one request, to SNS as to SQS.
pub(super) const ENTRIES: usize = 10;

/// What an attribute is for SNS. In a queue behind a topic the same words stand there.
const TEXT: &str = "String";
const LIST: &str = "String.Array";

/// An attribute that subscribers filter on.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) value: String,
}

/// What stands on the wire of one event.
pub(super) struct Carried {
    pub(super) text: String,
    pub(super) attributes: Vec<Attribute>,
}

impl Carried {
    fn of(event: &Event) -> serde_json::Result<Self> {
        Ok(Self { text: text(event)?, attributes: attributes(event) })
    }

    /// As both services count: the text, and of each attribute its name, its type and its value.
    fn bytes(&self) -> usize {
        let size = |it: &Attribute| it.name.len() + it.kind.len() + it.value.len();
        self.text.len() + self.attributes.iter().map(size).sum::<usize>()
    }
}

/// The requests that carry `batch`, each of [`ENTRIES`] entries and `payload` bytes at most, and the positions of the
/// events that no request can carry. `entry` makes an entry under its event's position.
pub(super) fn requests<E>(
    batch: &[Event],
    payload: usize,
    entry: impl Fn(usize, Carried) -> Result<E, BuildError>,
) -> (Vec<Vec<E>>, Vec<usize>) {
    let (mut requests, mut refused, mut room) = (Vec::<Vec<E>>::new(), Vec::new(), 0);
    for (index, event) in batch.iter().enumerate() {
        let (bytes, entry) = match sized(event, payload, |carried| entry(index, carried)) {
            Ok(sized) => sized,
            Err(cause) => {
                tracing::error!(event = event.id, cause, "An event cannot be published");
                refused.push(index);
                continue;
            }
        };
        match requests.last_mut() {
            Some(last) if last.len() < ENTRIES && bytes <= room => last.push(entry),
            _ => {
                requests.push(vec![entry]);
                room = payload;
            }
        }
        room -= bytes;
    }
    (requests, refused)
}

/// The entry and its size, or why there is none.
fn sized<E>(
    event: &Event,
    payload: usize,
    entry: impl FnOnce(Carried) -> Result<E, BuildError>,
) -> Result<(usize, E), String> {
    let carried = Carried::of(event).map_err(|error| error.to_string())?;
    let bytes = carried.bytes();
    if bytes > payload {
        return Err(format!("{bytes} bytes are more than AWS takes"));
    }
    Ok((bytes, entry(carried).map_err(|error| error.to_string())?))
}

/// As JSON in which no character stands that SQS, where most subscribers are, does not take: JSON itself escapes
/// control characters, and these two only ever stand within texts.
fn text(event: &Event) -> serde_json::Result<String> {
    let text = serde_json::to_string(event)?;
    Ok(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
}

/// Those that there are. An empty one is none for AWS.
fn attributes(event: &Event) -> Vec<Attribute> {
    let had = &event.attributes;
    let labels = (!had.labels.is_empty()).then(|| serde_json::json!(had.labels).to_string());
    let has_attachments = had.has_attachments.map(|has| has.to_string());
    let all = [
        ("type", TEXT, Some(event.kind.to_string())),
        ("userId", TEXT, had.user_id.as_ref().map(ToString::to_string)),
        ("ref", TEXT, had.reference.clone()),
        ("category", TEXT, had.category.map(str::to_owned)),
        ("labels", LIST, labels),
        ("hasAttachments", TEXT, has_attachments),
        ("lane", TEXT, had.lane.map(str::to_owned)),
    ];
    let clean = |mut value: String| {
        value.retain(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'));
        (!value.is_empty()).then_some(value)
    };
    let those = all.into_iter().filter_map(|(name, kind, value)| {
        Some(Attribute { name, kind, value: value.and_then(clean)? })
    });
    those.collect()
}
