//! A pack: results of one mailbox in one object, as lines of JSON, gzipped.
//!
//! A pack is written once and never changed. What counts is said by the mark of each message, which names one pack:
//! another pack may hold a line about the same message, because a run died before it had named its own, or because the
//! message was judged anew since.

mod key;
mod reading;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

pub use self::key::{BadPackKey, Day, PACKS, PackKey};
pub use self::reading::{Group, Groups, Standing, days, standing};
use crate::clock::Timestamp;
use crate::ids::{MessageId, UserId};
use crate::result::MessageResult;
use crate::store::StoreError;

/// What a pack is, for whoever fetches it: not JSON that happens to be compressed, which clients would unpack unasked.
pub const CONTENT_TYPE: &str = "application/gzip";

/// No pack of ours is a tenth of this: 25 results of some hundred kilobytes at the very most.
const MAX_UNPACKED: u64 = 256 << 20;

/// One result, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it says.
    pub result: MessageResult,
    /// Its bytes, without the line's end.
    pub bytes: Vec<u8>,
    /// Its place in the pack, from 0.
    pub number: usize,
}

/// Results of one mailbox, in the order of their messages' ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack(Vec<Line>);

impl Pack {
    /// A pack of these results, one for each message; what is about no message is left out.
    pub fn of(results: impl IntoIterator<Item = MessageResult>) -> Result<Self, StoreError> {
        let named = results.into_iter().filter_map(|it| Some((it.message_id.clone()?, it)));
        let results: BTreeMap<MessageId, MessageResult> = named.collect();
        let line = |(number, result)| {
            let bytes = serde_json::to_vec(&result).map_err(broken)?;
            Ok(Line { result, bytes, number })
        };
        results.into_values().enumerate().map(line).collect::<Result<_, _>>().map(Self)
    }

    /// The day of its earliest message: where it is kept, whoever writes it.
    pub fn day(&self) -> Day {
        let dates = self.0.iter().filter_map(|line| line.result.internal_date);
        Day::of(dates.min().unwrap_or(Timestamp::from_millis(0)))
    }

    /// Where it is kept on that day: a function of its messages and their generations, so that every attempt at the
    /// same ones finds the same place.
    pub fn key(&self, user: &UserId, day: &Day) -> PackKey {
        let named = |line: &Line| {
            let id = line.result.message_id.as_ref()?;
            Some(match line.result.generation.0 {
                0 => id.to_string(),
                generation => format!("{id} {generation}"),
            })
        };
        let named: Vec<String> = self.0.iter().filter_map(named).collect();
        let hash = hex::encode(digest(&SHA256, named.join("\n").as_bytes()));
        PackKey::new(user, day, &hash)
    }

    /// Its bytes: equal packs have equal ones, for nothing in them says when or where they were made.
    pub fn write(&self) -> Result<Vec<u8>, StoreError> {
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let written = self.0.iter().try_for_each(|line| {
            gzip.write_all(&line.bytes)?;
            gzip.write_all(b"\n")
        });
        written.and_then(|()| gzip.finish()).map_err(broken)
    }

    /// Reads a pack back.
    pub fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut text = Vec::new();
        let limit = MultiGzDecoder::new(bytes).take(MAX_UNPACKED).read_to_end(&mut text);
        let length = limit.map_err(broken)?;
        if length as u64 == MAX_UNPACKED {
            return Err(broken(io::Error::other("it unpacks to more than a pack holds")));
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let line = |(number, bytes): (usize, &[u8])| {
            let result = serde_json::from_slice(bytes).map_err(broken)?;
            Ok(Line { result, bytes: bytes.to_vec(), number })
        };
        lines.enumerate().map(line).collect::<Result<_, _>>().map(Self)
    }

    /// Its lines, in order.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// The line about a message.
    pub fn line_of(&self, id: &MessageId) -> Option<&Line> {
        self.0.iter().find(|line| line.result.message_id.as_ref() == Some(id))
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Broken { doing: "reading or writing a pack", source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Generation;
    use crate::result::tests::empty;

    fn result(id: &str, day: &str, generation: u32) -> MessageResult {
        MessageResult {
            message_id: Some(id.parse().unwrap()),
            internal_date: Some(format!("{day}T12:00:00Z").parse().unwrap()),
            generation: Generation(generation),
            ..empty()
        }
    }

    fn pack(of: &[(&str, &str, u32)]) -> Pack {
        Pack::of(of.iter().map(|(id, day, generation)| result(id, day, *generation))).unwrap()
    }

    fn key(pack: &Pack) -> String {
        pack.key(&"42".parse().unwrap(), &pack.day()).to_string()
    }

    #[test]
    fn a_pack_reads_back_line_by_line() {
        let pack = pack(&[("m2", "2026-05-02", 0), ("m1", "2026-05-01", 1)]);
        let read = Pack::read(&pack.write().unwrap()).unwrap();
        assert_eq!(read, pack);
        let line = read.line_of(&"m2".parse().unwrap()).unwrap();
        assert_eq!(line.number, 1);
        assert_eq!(line.bytes, serde_json::to_vec(&result("m2", "2026-05-02", 0)).unwrap());
        assert!(read.line_of(&"m3".parse().unwrap()).is_none());
    }

    #[test]
    fn a_packs_key_is_its_messages_in_whatever_order_and_the_day_of_the_earliest() {
        let one = pack(&[("m2", "2026-05-02", 0), ("m1", "2026-05-01", 0)]);
        let other = pack(&[("m1", "2026-05-01", 0), ("m2", "2026-05-02", 0)]);
        // The first 16 digits of: printf 'm1\nm2' | sha256sum
        assert_eq!(key(&one), "packed/dt=2026-05-01/42-b82a5b7a3e0f601f.ndjson.gz");
        assert_eq!((key(&one), one.write().unwrap()), (key(&other), other.write().unwrap()));
        let generations = [0, 1, 2].map(|it| key(&pack(&[("m1", "2026-05-01", it)])));
        assert!(generations[0] != generations[1] && generations[1] != generations[2]);
    }

    #[test]
    fn the_bytes_say_nothing_of_when_they_were_written() {
        let bytes = pack(&[("m1", "2026-05-01", 0)]).write().unwrap();
        // No name, no comment, no time (RFC 1952, section 2.3).
        assert_eq!(bytes[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_pack_is_broken() {
        let whole = pack(&[("m1", "2026-05-01", 0)]).write().unwrap();
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
        gzip.write_all(b"no JSON\n").unwrap();
        for bytes in [&b""[..], b"{}", &whole[..whole.len() - 9], &gzip.finish().unwrap()] {
            let read = Pack::read(bytes);
            assert!(matches!(read, Err(StoreError::Broken { .. })), "{bytes:?}");
        }
    }
}
