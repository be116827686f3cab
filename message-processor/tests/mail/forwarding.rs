//! What holds for the forward of any bytes at all. The fuzzer and the tests of mutated mail keep the same promise.

use std::collections::BTreeMap;

use message_processor::{Circumstances, Forward, understand};
use shared::result::CarriedAs;

/// The fields that a forward has, and of these the ones that only some have.
const FIELDS: [&str; 10] = [
    "Auto-Submitted",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
    "X-Fanmail-Action",
    "X-Fanmail-Forwarded",
    "Content-Type",
];
const SOME: [&str; 4] =
    ["References", "Reply-To", "Content-Transfer-Encoding", "Content-Disposition"];

/// Panics where a message breaks the promise: whatever it is made of, the forward's header is ours, in lines as mail has
/// them, and it goes to its target alone. An attached message is whole.
pub(crate) fn is_kept_by(raw: &[u8]) {
    let result = understand::<&str>(raw, &[]).into_result(Circumstances::default());
    let action = "0123456789abcdef0123456789abcdef".parse().unwrap();
    for carried in [CarriedAs::Attached, CarriedAs::Inline] {
        let forward = Forward {
            action: &action,
            from: "ada@example.com",
            to: "books@example.net",
            carried,
            hop: "00112233aabbccdd",
            at: "2026-05-01T12:00:00Z".parse().unwrap(),
        };
        let written = forward.write(raw, &result).unwrap();
        has_our_header(&written);
        if carried == CarriedAs::Attached {
            let end = written.len() - "\r\n--fanmail---\r\n".len() - 32;
            assert!(written[..end].ends_with(raw), "it is not whole");
        }
    }
}

/// Reads the header without our own reader.
fn has_our_header(written: &[u8]) {
    let end = written.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let header = std::str::from_utf8(&written[..end]).unwrap();
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in header.split("\r\n") {
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        assert!(line.is_ascii() && !line.contains(['\r', '\n', '\0']), "{line:?}");
        if !line.starts_with([' ', '\t']) {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
            fields.entry(name).or_default().push(value.trim());
        }
    }
    for (name, values) in &fields {
        assert!(FIELDS.contains(name) || SOME.contains(name), "{name}: {values:?}");
        assert_eq!(values.len(), 1, "{name}: {values:?}");
    }
    for name in FIELDS.iter().filter(|name| **name != "Content-Type") {
        assert!(fields.contains_key(name), "{name} is not there");
    }
    assert_eq!(fields["To"], ["books@example.net"]);
    assert_eq!(fields["From"], ["ada@example.com"]);
}
