//! HTML turned into text, and what its links say about it.
//!
//! One pass over the bytes, no tree. Nothing of the markup reaches a result, and what a browser would not show
//! (scripts, styles, comments, hidden text) is not text. Quoted messages and the sender's signature come out as they do
//! in plain text: behind `>`, and below a line of two hyphens.

mod links;
mod shown;
mod tag;

use mail_parser::decoders::html::add_html_token;
use memchr::{memchr, memmem};

use self::links::Anchor;
pub(crate) use self::links::{host_of, registered};
use self::shown::{Shown, is_signature};
use self::tag::Tag;
use super::limits;

/// What is read from a page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) links: usize,
    /// Those that are seen: one of a pixel only tells the sender that the message was opened.
    pub(crate) images: usize,
    pub(crate) forms: usize,
    /// Links whose text names another site than they lead to.
    pub(crate) deceptive_links: usize,
    /// Links to a bare IP address.
    pub(crate) numeric_links: usize,
    /// The hosts that links lead to, each once.
    pub(crate) hosts: Vec<String>,
}

/// Elements whose content is not shown.
const HIDDEN: [&str; 5] = ["script", "style", "title", "template", "head"];

/// Elements that begin a new line.
const BLOCKS: [&str; 18] = [
    "p",
    "br",
    "div",
    "tr",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "ul",
    "ol",
    "blockquote",
    "hr",
    "pre",
    "section",
];

impl Page {
    /// Reads a page, or as much of it as there is.
    pub(crate) fn read(html: &str) -> Self {
        let mut reading = Reading {
            page: Self { text: String::with_capacity(html.len() / 4), ..Self::default() },
            shown: Shown::new(html),
            anchor: None,
            signs: false,
        };
        // An end that was not found once is not looked for again, or a page of open tags would be read over and over.
        let mut endless = [false; HIDDEN.len()];
        let mut rest = html;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            reading.add_text(&rest[..at]);
            rest = &rest[at..];
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = after(comment, "-->");
                continue;
            }
            let Some(tag) = Tag::read(rest) else {
                reading.add_text("<");
                rest = &rest[1..];
                continue;
            };
            rest = &rest[tag.length..];
            reading.enter(&tag);
            let hidden = HIDDEN.iter().position(|name| !tag.closes && tag.is(name));
            if let Some(which) = hidden.filter(|&which| !endless[which]) {
                match after_element(rest, tag.name) {
                    Some(after) => rest = after,
                    None => endless[which] = true,
                }
            }
        }
        reading.add_text(rest);
        reading.page
    }
}

/// A page while it is read.
struct Reading<'t> {
    page: Page,
    shown: Shown<'t>,
    anchor: Option<Anchor>,
    /// Whether what comes next is the sender's signature.
    signs: bool,
}

impl<'t> Reading<'t> {
    fn enter(&mut self, tag: &Tag<'t>) {
        let shows_image = tag.is("img") && self.shown.shows_image(tag);
        let before = self.shown.is_displayed();
        self.shown.enter(tag);
        let displayed = before && self.shown.is_displayed();
        if tag.is("a") {
            let anchor = self.anchor.take();
            let deceives = anchor.is_some_and(|anchor| anchor.deceives(&self.page.text));
            self.page.deceptive_links += usize::from(deceives);
            self.anchor = tag.attribute("href").and_then(host_of).and_then(|host| self.link(host));
        } else if shows_image {
            self.page.images += 1;
        } else if tag.is("form") && !tag.closes {
            self.page.forms += 1;
        } else if displayed && BLOCKS.iter().any(|name| tag.is(name)) {
            self.new_line();
        } else if displayed && (tag.is("td") || tag.is("th")) {
            self.space();
        }
        if !tag.closes && is_signature(tag) {
            if !self.page.text.ends_with('\n') {
                self.new_line();
            }
            self.signs = true;
        }
    }

    /// Counts a link; gives it back if its text is to be compared with where it leads.
    fn link(&mut self, host: String) -> Option<Anchor> {
        let page = &mut self.page;
        page.links += 1;
        page.numeric_links += usize::from(host.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        if page.hosts.len() < limits::HOSTS && !page.hosts.contains(&host) {
            page.hosts.push(host.clone());
        }
        (page.links <= limits::LINKS).then_some(Anchor { host, from: page.text.len() })
    }

    fn add_text(&mut self, raw: &str) {
        if !self.shown.is_seen() {
            return;
        }
        let mut rest = raw;
        while let Some(first) = rest.find(|c: char| c == '&' || c.is_whitespace()) {
            self.push(&rest[..first]);
            rest = &rest[first..];
            if rest.starts_with('&') {
                rest = self.add_entity(rest);
            } else {
                self.space();
                rest = rest.trim_start();
            }
        }
        self.push(rest);
    }

    /// Adds the character that an entity at the start of `rest` stands for; gives what follows.
    fn add_entity<'r>(&mut self, rest: &'r str) -> &'r str {
        // 32: no entity's name is longer.
        let end = rest.bytes().take(32).position(|b| b == b';');
        match end {
            Some(end) if rest[1..end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#') => {
                let mut character = String::new();
                add_html_token(&mut character, &rest.as_bytes()[..=end], false);
                self.push(&character);
                &rest[end + 1..]
            }
            _ => {
                self.push("&");
                &rest[1..]
            }
        }
    }

    /// Adds a piece of text without spaces, behind the marks of a quote or a signature where a line begins.
    fn push(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        let quotes = usize::from(self.shown.looks().quotes).min(QUOTES);
        let text = &mut self.page.text;
        if text.is_empty() || text.ends_with('\n') {
            let marks = "> ".repeat(quotes);
            // Some programs write the line of hyphens themselves.
            if std::mem::take(&mut self.signs) && piece != "--" && !text.ends_with("--\n") {
                text.extend([&*marks, "--\n"]);
            }
            text.push_str(&marks);
        }
        text.push_str(piece);
    }

    fn space(&mut self) {
        let text = &mut self.page.text;
        if !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }

    fn new_line(&mut self) {
        let text = &mut self.page.text;
        while text.ends_with(' ') {
            text.pop();
        }
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
    }
}

/// Quotes within quotes that are told apart.
const QUOTES: usize = 5;

/// What follows the first `end` in `text`; nothing when it is not there.
fn after<'t>(text: &'t str, end: &str) -> &'t str {
    memmem::find(text.as_bytes(), end.as_bytes()).map_or("", |at| &text[at + end.len()..])
}

/// The text from the end of the element `name` on. An element without end hides nothing: the sender forgot it.
fn after_element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    for at in memmem::find_iter(text.as_bytes(), b"</") {
        let rest = &text.as_bytes()[at + 2..];
        if rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
            return Some(&text[at..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shown_is_text() {
        let page = Page::read(
            "<html><head><title>t</title><style>p{}</style></head><body><!-- no --><p>Caf&eacute; &amp;\n  tea</p>\
             <script>alert('<p>')</script><table><tr><td>1<td>2</table>a < b &nope; <b",
        );
        assert_eq!(page.text, "Café & tea\n\n1 2\na < b &nope; ");
    }

    #[test]
    fn a_link_that_shows_one_site_and_leads_to_another_is_seen() {
        let page = Page::read(
            "<a href='https://mail.example.com/x'>www.example.com</a> <a href=\"http://evil.test\">https://bank.example\
             </a><A HREF=http://10.0.0.1/>here</A><img src=x><form>",
        );
        assert_eq!(
            (page.links, page.deceptive_links, page.numeric_links, page.images, page.forms),
            (3, 1, 1, 1, 1)
        );
    }

    #[test]
    fn quotes_and_signatures_come_out_as_in_plain_text() {
        let page = Page::read(
            "<div>Yes.</div><div class=gmail_signature data-smartmail=gmail_signature>Ann<br>Example Ltd</div>\
             <div class=gmail_quote><div class=gmail_attr>On Friday Kim wrote:<br></div>\
             <blockquote class='gmail_quote' style='margin:0'>Shall we?<blockquote type=cite>When?</blockquote></blockquote>\
             </div><blockquote>indented",
        );
        let lines: Vec<_> = page.text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            lines,
            [
                "Yes.",
                "--",
                "Ann",
                "Example Ltd",
                "On Friday Kim wrote:",
                "> Shall we?",
                "> > When?",
                "indented"
            ]
        );
        let thunderbird = Page::read("Yes.<pre class=\"moz-signature\">-- <br>Ann</pre>");
        assert_eq!(thunderbird.text, "Yes.\n--\nAnn\n");
    }

    #[test]
    fn an_element_without_end_hides_nothing() {
        assert_eq!(Page::read("<head>Hello").text, "Hello");
        assert_eq!(Page::read("<!-- Hello").text, "");
    }
}
