//! Which lines of a text repeat another message, and which are the sender's signature.
//!
//! Both are told by what mail programs write: `>` before a quoted line (RFC 3676, section 4.5), two hyphens above a
//! signature (section 4.3), and a heading above a message that is repeated whole. Words alone tell neither.

use shared::result::{Mark, MarkKind};

use super::limits;

/// Headings of a repeated message, in lower case, as they stand between hyphens.
const HEADINGS: [&str; 7] = [
    "original message",
    "original appointment",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
];

/// What the header of a repeated message begins with in Outlook, and what it must have within a few lines, in lower case.
const AUTHORS: [&str; 6] = ["from:", "von:", "de:", "da:", "van:", "от:"];
const SUBJECTS: [&str; 8] =
    ["subject:", "betreff:", "objet:", "objet :", "oggetto:", "asunto:", "onderwerp:", "тема:"];

/// Lines of such a header: author, time, recipients, copies, importance, subject.
const HEADER_LINES: usize = 7;

/// Characters of a line above a quote that can name whose it is.
const ATTRIBUTION_CHARS: usize = 200;

/// Lines of a signature. Below two hyphens that more follows of, they are a rule across the page.
const SIGNATURE_LINES: usize = 20;

/// A line, by its place in the text, counted in characters.
struct Line<'t> {
    start: usize,
    end: usize,
    text: &'t str,
}

/// The stretches of `text` that are quoted or a signature, in their order. They do not overlap.
pub(super) fn of(text: &str) -> Vec<Mark> {
    let lines = lines(text);
    let mut marks: Vec<Mark> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let (kind, from, to) = if line.text.starts_with('>') {
            let last = last_quoted(&lines, at);
            (MarkKind::Quoted, attribution(&lines, at), last)
        } else if line.text.trim_end() == "--" && last_signed(&lines, at) - at <= SIGNATURE_LINES {
            (MarkKind::Signature, at, last_signed(&lines, at))
        } else if is_heading(line.text) || is_header(&lines, at) {
            (MarkKind::Quoted, at, lines.len() - 1)
        } else {
            at += 1;
            continue;
        };
        at = to + 1;
        let before = marks.last().map_or(0, |mark| mark.end);
        let (Some(first), Some(last)) = (lines.get(from), lines.get(to)) else { break };
        if marks.len() < limits::MARKS {
            marks.push(Mark { kind, start: first.start.max(before), end: last.end });
        }
    }
    marks
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let line = |text| {
        let end = start + str::chars(text).count();
        let line = Line { start, end, text };
        start = end + 1;
        line
    };
    text.split('\n').map(line).collect()
}

/// The last line of the quote that begins at `from`: empty ones between quoted ones belong to it.
fn last_quoted(lines: &[Line<'_>], from: usize) -> usize {
    let mut last = from;
    for (at, line) in lines.iter().enumerate().skip(from) {
        if line.text.starts_with('>') {
            last = at;
        } else if !line.text.trim().is_empty() {
            break;
        }
    }
    last
}

/// The last line of the signature that begins at `from`: it ends where somebody else is quoted.
fn last_signed(lines: &[Line<'_>], from: usize) -> usize {
    let ends = |at: &usize| {
        let begins = |line: &Line<'_>| line.text.starts_with('>') || is_heading(line.text);
        lines.get(*at).is_some_and(begins) || is_header(lines, *at)
    };
    // No further than a signature is long: every line of a text may begin one.
    let near = lines.len().min(from + SIGNATURE_LINES + 3);
    match (from + 1..near).find(ends) {
        Some(quote) => attribution(lines, quote).saturating_sub(1).max(from),
        None => lines.len() - 1,
    }
}

/// The line above a quote, or the two above it, that say whose it is; the quote's own where none does.
fn attribution(lines: &[Line<'_>], quote: usize) -> usize {
    let told = |at: usize| lines.get(at).filter(|line| !line.text.trim().is_empty());
    let mut above = quote;
    while above > 0 && told(above - 1).is_none() && quote - above < 2 {
        above -= 1;
    }
    let Some(line) = above.checked_sub(1).and_then(told) else { return quote };
    if !line.text.trim_end().ends_with(':') || line.end - line.start > ATTRIBUTION_CHARS {
        return quote;
    }
    let dated = |line: &Line<'_>| line.text.contains(|c: char| c.is_ascii_digit() || c == '@');
    // "On Friday, 1 May 2026, Kim <kim@example.org>", and "wrote:" on a line of its own.
    let first = above.checked_sub(2).filter(|_| line.text.split_whitespace().count() < 4);
    match first.and_then(told) {
        Some(first) if !dated(line) && dated(first) && !first.text.starts_with('>') => above - 2,
        _ => above - 1,
    }
}

fn is_heading(line: &str) -> bool {
    let inner = line.trim().trim_matches('-');
    let hyphens = line.trim().len() - inner.len();
    // 6: two or more on either side, and nobody writes three words so by chance.
    hyphens >= 6 && {
        let inner = inner.trim().to_lowercase();
        HEADINGS.iter().any(|heading| inner == *heading)
    }
}

/// Whether a repeated message's header begins at this line. The first line of a text begins the text itself.
fn is_header(lines: &[Line<'_>], at: usize) -> bool {
    let starts = |line: &Line<'_>, with: &[&str]| {
        let start: String = line.text.trim_start_matches(['*', ' ']).chars().take(12).collect();
        let start = start.to_lowercase();
        with.iter().any(|word| start.starts_with(word))
    };
    at > 0
        && lines.get(at).is_some_and(|line| starts(line, &AUTHORS))
        && lines.iter().skip(at + 1).take(HEADER_LINES).any(|line| starts(line, &SUBJECTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> Vec<(MarkKind, String)> {
        let cut = |mark: &Mark| text.chars().skip(mark.start).take(mark.end - mark.start).collect();
        of(text).iter().map(|mark| (mark.kind, cut(mark))).collect()
    }

    #[test]
    fn a_quote_has_its_attribution_and_a_signature_its_hyphens() {
        let text = "Schön, ja.\n\nOn Fri, 1 May 2026, Kim <kim@example.org>\nwrote:\n> Shall we?\n\n> When?\n\nAt noon.\n\n--\nAnn\nExample Ltd";
        assert_eq!(
            marked(text),
            [
                (
                    MarkKind::Quoted,
                    "On Fri, 1 May 2026, Kim <kim@example.org>\nwrote:\n> Shall we?\n\n> When?"
                        .to_owned()
                ),
                (MarkKind::Signature, "--\nAnn\nExample Ltd".to_owned()),
            ]
        );
    }

    #[test]
    fn a_signature_ends_where_somebody_else_begins() {
        let text = "Yes.\n--\nAnn\n\nKim wrote:\n> When?";
        assert_eq!(
            marked(text),
            [
                (MarkKind::Signature, "--\nAnn\n".to_owned()),
                (MarkKind::Quoted, "Kim wrote:\n> When?".to_owned())
            ]
        );
        let below = "Yes.\n\n-----Original Message-----\nFrom: Kim\n--\nKim";
        assert_eq!(marked(below).len(), 1);
        assert!(marked(below)[0].1.ends_with("--\nKim"));
    }

    #[test]
    fn a_message_that_outlook_repeats_is_quoted() {
        let header = "From: Kim <kim@example.org>\nSent: Friday\nTo: Ann\nSubject: Row 7\n\nWhen?";
        let answer = format!("At noon.\n--\nAnn\n\n{header}");
        assert_eq!(
            marked(&answer),
            [(MarkKind::Signature, "--\nAnn\n".to_owned()), (MarkKind::Quoted, header.to_owned())]
        );
        assert_eq!(marked(header), [], "the text itself is of this form");
        assert_eq!(marked("Trains:\nFrom: Bonn\nTo: Köln"), []);
    }

    #[test]
    fn no_text_is_longer_to_mark_than_to_read() {
        for line in ["--\n", ">\n--\n", ":\n", "a:\n>\n", "------original message------\n"] {
            assert!(of(&line.repeat(2_000 / line.len())).len() <= limits::MARKS, "{line}");
        }
    }

    #[test]
    fn ordinary_lines_are_neither() {
        assert_eq!(marked(&format!("Part one.\n--\n{}", "Part two.\n".repeat(25))), []);
        for text in ["", "Hello\n---\nyou", "a -- b", "See:\n\n1. one", "-----\nx", "1 > 0"] {
            assert_eq!(marked(text), [], "{text}");
        }
    }
}
