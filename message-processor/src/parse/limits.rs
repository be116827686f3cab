//! How much of a message is looked at.
//!
//! Mail comes from strangers. Each limit bounds one thing that a sender chooses, so that no message costs more than a
//! known amount of time and memory; each lies far above what honest mail does. Passing one is never a reason to fail:
//! what is not read because of it is a defect of the result (of a text, that it is `truncated`), and what is merely
//! longer than is kept is cut.

/// Fields of one header that are kept. Honest mail has 20 to 100; relays in a loop write a few hundred.
pub(super) const FIELDS: usize = 1_000;

/// Bytes of one header within which fields may begin. Gmail itself refuses headers above 500 KB.
pub(super) const HEADER_BYTES: usize = 512 * 1024;

/// Bytes of one field that are decoded: a `To` of a thousand recipients fits.
pub(super) const FIELD_BYTES: usize = 64 * 1024;

/// Bytes of a field of parameters that are decoded, a part's type or disposition: the longest file name takes half of
/// it, every byte of it escaped. An open quote has the rest read once for each.
pub(super) const PARAMETER_BYTES: usize = 4 * 1024;

/// Characters of `type/subtype`: RFC 6838 allows 127 on either side.
pub(super) const TYPE_CHARS: usize = 255;

/// Characters of a charset's name; the longest registered one has 45.
pub(super) const CHARSET_CHARS: usize = 100;

/// How deep multiparts may lie within each other. Honest mail reaches 5 or 6.
pub(super) const DEPTH: usize = 20;

/// MIME parts, containers included.
pub(super) const PARTS: usize = 500;

/// Encoded bytes of a text part that are read to show and classify it; the rest can only repeat the impression.
pub(super) const TEXT_BYTES: usize = 128 * 1024;

/// Encoded bytes of a machine-readable part (a delivery status, an invitation) that are read.
pub(super) const MACHINE_BYTES: usize = 256 * 1024;

/// Different hosts that are kept of a page's links. A newsletter leads to a dozen.
pub(super) const HOSTS: usize = 30;

/// Characters of the preview; the result's contract.
pub(super) const PREVIEW_CHARS: usize = 2_000;

/// Characters of a subject, a name, a list's id and other single texts. RFC 5322 lines have at most 998.
pub(super) const WORDS_CHARS: usize = 1_000;

/// Bytes of an address: RFC 5321 allows 254, some senders more.
pub(super) const ADDRESS_CHARS: usize = 320;

/// Addresses kept of one field.
pub(super) const ADDRESSES: usize = 500;

/// Message ids kept of `References`: the newest ones, which threads are found by.
pub(super) const REFERENCES: usize = 100;

/// Characters of a message id.
pub(super) const ID_CHARS: usize = 500;

/// Characters of a file name: 255 bytes is what file systems take.
pub(super) const FILENAME_CHARS: usize = 200;

/// Addresses that `List-Unsubscribe` may offer.
pub(super) const UNSUBSCRIBE: usize = 10;

/// Recipients of a delivery status, attendees of an invitation.
pub(super) const NAMED: usize = 200;

/// Defects told of one message.
pub(super) const DEFECTS: usize = 50;

/// Elements of a page that are open within each other; browsers stop at 512, honest pages at 50.
pub(super) const ELEMENTS: usize = 128;

/// Files told of one `winmail.dat`.
pub(super) const WITHIN: usize = 100;

/// Stretches of the preview that are marked.
pub(super) const MARKS: usize = 100;

/// Bytes of a report once it is unpacked: some two thousand rows.
pub(super) const REPORT_BYTES: usize = 1024 * 1024;

/// Encoded bytes of a report's attachment that are read; packed XML is a twentieth of itself.
pub(super) const PACKED_BYTES: usize = 512 * 1024;

/// Links whose target is compared with the text over them.
pub(super) const LINKS: usize = 200;

#[cfg(test)]
mod tests;
