//! The log: one JSON object per line, with everything that is known about the job in it.
//!
//! A line has `timestamp`, `level`, `message` and `target`, its own fields, and those of the spans around it: the
//! intake's (`stage`, `mailbox`, `jobId`, `trace`) and that of one message (`messageId`). A line's own field wins.

use std::fmt::{self, Debug};
use std::io;
use std::panic;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use crate::clock::Clock;

/// Writes everything from `info` on, or what `levels` says, to standard error. A panic is a line too.
pub fn in_json(levels: Option<&str>) {
    registry().with(lines(io::stderr)).with(asked(levels, LevelFilter::INFO)).init();
    panics_are_lines_too();
}

/// Levels by target, such as `info,dispatcher=debug`; what cannot be read counts as unset.
pub fn asked(levels: Option<&str>, default: LevelFilter) -> Targets {
    let asked = levels.and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_default(default))
}

/// A panic's message may quote what it choked on, and that may be mail: only the place is told.
fn panics_are_lines_too() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "A panic was caught; it cost its own job one try");
    }));
}

fn lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + 'static,
{
    let layer = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new());
    layer.event_format(Flat).with_writer(writer)
}

/// Spans' fields and the event's own, side by side.
struct Flat;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for Flat {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(Map::new());
        let about = event.metadata();
        line.put("timestamp", Clock::System.now().to_string());
        line.put("level", about.level().as_str());
        line.put("target", about.target());
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            // Written by `JsonFields` itself; a span without fields has an empty text.
            let fields = fields.and_then(|fields| serde_json::from_str::<Map<_, _>>(fields).ok());
            line.0.extend(fields.unwrap_or_default());
        }
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(what: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = registry().with(lines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, what);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_knows_the_job_and_the_message_it_is_about() {
        let lines = logged(|| {
            let _job = tracing::info_span!("job", stage = %"user-worker", trace = "t").entered();
            let _message = tracing::info_span!("message", messageId = "m\"1").entered();
            tracing::warn!(tries = 3, done = false, reason = ?Some(1), "Quotes \" and\nlines");
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "Quotes \" and\nlines");
        assert_eq!((&line["stage"], &line["trace"]), (&"user-worker".into(), &"t".into()));
        assert_eq!(line["messageId"], "m\"1");
        assert_eq!((&line["tries"], &line["done"]), (&3.into(), &false.into()));
        assert_eq!(line["reason"], "Some(1)");
    }

    #[test]
    fn a_lines_own_field_wins_over_that_of_its_job() {
        let lines = logged(|| {
            let _job = tracing::info_span!("job", jobId = "whole").entered();
            tracing::error!(jobId = "part", "Given up");
            tracing::error!("Failed");
        });
        assert_eq!((&lines[0]["jobId"], &lines[1]["jobId"]), (&"part".into(), &"whole".into()));
    }
}
