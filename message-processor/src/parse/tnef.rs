//! The files within a `winmail.dat`: what Outlook makes of a message in its own format, TNEF (MS-OXTNEF).
//!
//! A stream of attributes, read in order and borrowed from; nothing in it points backwards, so that what is read is
//! bounded by its length. Whatever is cut short ends the reading, and what came before is kept.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

use super::fields::as_text;
use super::limits;

/// A file, as far as its stream says what it is.
#[derive(Debug, Default)]
pub(super) struct File<'t> {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    /// Whether the text within refers to it.
    pub(super) has_id: bool,
    pub(super) bytes: &'t [u8],
}

const SIGNATURE: u32 = 0x223E_9F78;

/// Attributes, by section 2.1.3.2: the code page of the 8-bit texts, and what an attachment consists of.
const CODE_PAGE: u32 = 0x0006_9007;
const BEGINS: u32 = 0x0006_9002;
const TITLE: u32 = 0x0001_8010;
const DATA: u32 = 0x0006_800F;
const PROPERTIES: u32 = 0x0006_9005;

/// Properties of an attachment (MS-OXCMSG, section 2.2.2).
const LONG_NAME: u16 = 0x3707;
const SHORT_NAME: u16 = 0x3704;
const MIME_TYPE: u16 = 0x370E;
const CONTENT_ID: u16 = 0x3712;
const OBJECT: u16 = 0x3701;

/// The files in their order; none where the bytes are no TNEF.
pub(super) fn files(bytes: &[u8]) -> Option<Vec<File<'_>>> {
    let mut stream = Stream(bytes);
    if stream.u32()? != SIGNATURE {
        return None;
    }
    let _key = stream.u16()?;
    let mut files: Vec<File<'_>> = Vec::new();
    let mut code_page = String::new();
    while let Some((id, value)) = stream.attribute() {
        if id == BEGINS && files.len() >= limits::WITHIN {
            break;
        }
        match (id, files.last_mut()) {
            (CODE_PAGE, _) => {
                let page = Stream(value).u32().unwrap_or_default();
                code_page = format!("windows-{page}");
            }
            (BEGINS, _) => files.push(File::default()),
            (TITLE, Some(file)) => {
                let title = narrow(value, &code_page);
                file.name.get_or_insert(title);
            }
            (DATA, Some(file)) => file.bytes = value,
            (PROPERTIES, Some(file)) => {
                let _cut = properties(value, &code_page, file);
            }
            _ => {}
        }
    }
    Some(files)
}

/// Takes what an attachment's properties say; none where they are cut short.
fn properties<'t>(bytes: &'t [u8], code_page: &str, file: &mut File<'t>) -> Option<()> {
    let mut stream = Stream(bytes);
    for _ in 0..stream.u32()? {
        let (kind, id) = (stream.u16()?, stream.u16()?);
        // Named ones have a name of their own before their value.
        if id >= 0x8000 {
            stream.name()?;
        }
        let value = stream.value(kind)?;
        let text = || match kind & 0xFFF {
            0x1F => wide(value),
            _ => narrow(value, code_page),
        };
        match id {
            LONG_NAME => file.name = Some(text()),
            SHORT_NAME => file.name = file.name.take().or_else(|| Some(text())),
            MIME_TYPE => file.kind = Some(text().to_ascii_lowercase()),
            CONTENT_ID => file.has_id = !value.is_empty(),
            // An attached message or document: its first 16 bytes name the interface that reads it.
            OBJECT if file.bytes.is_empty() => {
                file.bytes = if kind == 0xD { value.get(16..).unwrap_or(value) } else { value };
            }
            _ => {}
        }
    }
    Some(())
}

/// As much of a text as is kept of a name, and more.
fn start(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(4 * limits::FILENAME_CHARS)]
}

fn narrow(bytes: &[u8], code_page: &str) -> String {
    let bytes = start(bytes);
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    match (std::str::from_utf8(text), charset_decoder(code_page.as_bytes())) {
        (Err(_), Some(decode)) => decode(text),
        _ => Cow::into_owned(as_text(text)),
    }
}

fn wide(bytes: &[u8]) -> String {
    let units = start(bytes).as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit));
    let units = units.take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Little-endian values, one after the other; none where they end too early.
struct Stream<'t>(&'t [u8]);

impl<'t> Stream<'t> {
    fn take(&mut self, length: usize) -> Option<&'t [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.u32()?.try_into().ok()
    }

    /// An attribute's number and value. A checksum that is wrong is borne, as by whoever else reads these.
    fn attribute(&mut self) -> Option<(u32, &'t [u8])> {
        let _level = self.take(1)?;
        let id = self.u32()?;
        let length = self.length()?;
        let value = self.take(length)?;
        let _checksum = self.u16()?;
        Some((id, value))
    }

    /// Passes over the name of a named property: a set, then a number or a text.
    fn name(&mut self) -> Option<()> {
        let _set = self.take(16)?;
        if self.u32()? == 0 {
            self.u32()?;
        } else {
            self.padded()?;
        }
        Some(())
    }

    /// Some bytes that their length stands before and that are filled up to a multiple of four.
    fn padded(&mut self) -> Option<&'t [u8]> {
        let length = self.length()?;
        let value = self.take(length)?;
        let filling = value.len().wrapping_neg() % 4;
        // The last one may lack its filling.
        self.take(filling.min(self.0.len()))?;
        Some(value)
    }

    /// A property's first value; empty where it has none.
    fn value(&mut self, kind: u16) -> Option<&'t [u8]> {
        let size: usize = match kind & 0xFFF {
            0x1E | 0x1F | 0x102 | 0xD => {
                let mut first = None;
                for _ in 0..self.u32()? {
                    let value = self.padded()?;
                    first.get_or_insert(value);
                }
                return Some(first.unwrap_or_default());
            }
            0x5 | 0x6 | 0x7 | 0x14 | 0x40 => 8,
            0x48 => 16,
            _ => 4,
        };
        let count = if kind & 0x1000 == 0 { 1 } else { self.length()? };
        self.take(size.checked_mul(count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
        let length = u32::try_from(value.len()).unwrap();
        [&[2][..], &id.to_le_bytes(), &length.to_le_bytes(), value, &[0, 0]].concat()
    }

    fn wide_property(id: u16, text: &str) -> Vec<u8> {
        let text: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let filling = vec![0; text.len().wrapping_neg() % 4];
        let length = u32::try_from(text.len()).unwrap();
        let head = [&[0x1F, 0][..], &id.to_le_bytes(), &1_u32.to_le_bytes(), &length.to_le_bytes()];
        [&head.concat()[..], &text, &filling].concat()
    }

    fn stream(attributes: &[Vec<u8>]) -> Vec<u8> {
        [&SIGNATURE.to_le_bytes()[..], &[1, 0], &attributes.concat()].concat()
    }

    #[test]
    fn each_file_has_its_long_name_and_its_bytes() {
        let number = [&[3, 0, 5, 0x37][..], &1_u32.to_le_bytes()].concat();
        let named = [&[0xB, 0, 0, 0x80][..], &[7; 16], &[0; 8], &[1, 0, 0, 0]].concat();
        let properties = [
            &4_u32.to_le_bytes()[..],
            &number,
            &named,
            &wide_property(LONG_NAME, "Gipfel ⛰.png"),
            &wide_property(MIME_TYPE, "image/PNG"),
        ];
        let bytes = stream(&[
            attribute(CODE_PAGE, &1251_u32.to_le_bytes()),
            attribute(BEGINS, &[0; 14]),
            attribute(TITLE, b"GIPFEL~1.PNG\0"),
            attribute(DATA, b"abc"),
            attribute(PROPERTIES, &properties.concat()),
            attribute(BEGINS, &[0; 14]),
            attribute(TITLE, b"\xf2\xe5\xf1\xf2.txt\0"),
            attribute(DATA, b""),
        ]);
        let files = files(&bytes).unwrap();
        let told: Vec<_> = files.iter().filter_map(|file| file.name.as_deref()).collect();
        assert_eq!(told, ["Gipfel ⛰.png", "тест.txt"]);
        assert_eq!((files[0].bytes, files[0].kind.as_deref()), (&b"abc"[..], Some("image/png")));
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_gives_what_came_before() {
        let properties = [&1_u32.to_le_bytes()[..], &wide_property(LONG_NAME, "a.png")].concat();
        let bytes = stream(&[
            attribute(BEGINS, &[0; 14]),
            attribute(DATA, b"abc"),
            attribute(PROPERTIES, &properties),
        ]);
        let found: Vec<_> = (0..bytes.len())
            .map(|end| files(&bytes[..end]).map_or(0, |files| files.len()))
            .collect();
        assert!(found.is_sorted() && found.last() == Some(&1), "{found:?}");
        assert!(files(b"PK\x03\x04 no such thing").is_none());
    }
}
