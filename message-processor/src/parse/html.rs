//! HTML turned into text, and what its links say about it.
//!
//! One pass over the bytes, no tree. Nothing of the markup reaches a result, and what a browser would not show
//! (scripts, styles, comments) is not text. The looks of the page do not matter here, only its words and its links.

use mail_parser::decoders::html::add_html_token;
use memchr::{memchr, memmem};

use super::limits;

/// What is read from a page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) links: usize,
    pub(crate) images: usize,
    pub(crate) forms: usize,
    /// Links whose text names another site than they lead to.
    pub(crate) deceptive_links: usize,
    /// Links to a bare IP address.
    pub(crate) numeric_links: usize,
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
        let mut page = Self { text: String::with_capacity(html.len() / 4), ..Self::default() };
        let mut anchor: Option<Anchor> = None;
        // An end that was not found once is not looked for again, or a page of open tags would be read over and over.
        let mut endless = [false; HIDDEN.len()];
        let mut rest = html;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            page.add_text(&rest[..at]);
            rest = &rest[at..];
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = after(comment, "-->");
                continue;
            }
            let Some(tag) = Tag::read(rest) else {
                page.add_text("<");
                rest = &rest[1..];
                continue;
            };
            rest = &rest[tag.length..];
            page.enter(&tag, &mut anchor);
            let hidden = HIDDEN.iter().position(|name| !tag.closes && tag.is(name));
            if let Some(which) = hidden.filter(|&which| !endless[which]) {
                match after_element(rest, tag.name) {
                    Some(after) => rest = after,
                    None => endless[which] = true,
                }
            }
        }
        page.add_text(rest);
        page
    }

    fn enter(&mut self, tag: &Tag<'_>, anchor: &mut Option<Anchor>) {
        if tag.is("a") {
            self.leave(anchor.take());
            if let Some(host) = tag.attribute("href").and_then(host_of) {
                self.links += 1;
                self.numeric_links +=
                    usize::from(host.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
                *anchor =
                    (self.links <= limits::LINKS).then_some(Anchor { host, from: self.text.len() });
            }
        } else if tag.is("img") {
            self.images += 1;
        } else if tag.is("form") && !tag.closes {
            self.forms += 1;
        } else if BLOCKS.iter().any(|name| tag.is(name)) {
            self.new_line();
        } else if tag.is("td") || tag.is("th") {
            self.space();
        }
    }

    /// Compares the text over a link with where it leads.
    fn leave(&mut self, anchor: Option<Anchor>) {
        let Some(anchor) = anchor else { return };
        let shown = self.text.get(anchor.from..).unwrap_or_default().trim();
        let looks_like_a_site = !shown.contains(char::is_whitespace) && shown.len() < 200;
        let shown =
            looks_like_a_site.then(|| shown.to_ascii_lowercase()).and_then(|text| site_of(&text));
        if shown.is_some_and(|shown| registered(&shown) != registered(&anchor.host)) {
            self.deceptive_links += 1;
        }
    }

    fn add_text(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some(first) = rest.find(|c: char| c == '&' || c.is_whitespace()) {
            self.text.push_str(&rest[..first]);
            rest = &rest[first..];
            if rest.starts_with('&') {
                rest = self.add_entity(rest);
            } else {
                self.space();
                rest = rest.trim_start();
            }
        }
        self.text.push_str(rest);
    }

    /// Adds the character that an entity at the start of `rest` stands for; gives what follows.
    fn add_entity<'t>(&mut self, rest: &'t str) -> &'t str {
        // 32: no entity's name is longer.
        let end = rest.bytes().take(32).position(|b| b == b';');
        match end {
            Some(end) if rest[1..end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#') => {
                add_html_token(&mut self.text, &rest.as_bytes()[..=end], false);
                &rest[end + 1..]
            }
            _ => {
                self.text.push('&');
                &rest[1..]
            }
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
    }

    fn new_line(&mut self) {
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }
}

struct Anchor {
    host: String,
    from: usize,
}

struct Tag<'t> {
    name: &'t str,
    attributes: &'t str,
    closes: bool,
    length: usize,
}

impl<'t> Tag<'t> {
    /// The tag at the start of `rest`, if one is there.
    fn read(rest: &'t str) -> Option<Self> {
        let inner = &rest[1..];
        let closes = inner.starts_with('/');
        let inner = inner.strip_prefix('/').unwrap_or(inner);
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
            return None;
        }
        let end = memchr(b'>', inner.as_bytes()).unwrap_or(inner.len());
        let (inside, length) =
            (&inner[..end], rest.len() - inner.len() + (end + 1).min(inner.len()));
        let name_end =
            inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
        Some(Self { name: &inside[..name_end], attributes: &inside[name_end..], closes, length })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn attribute(&self, name: &str) -> Option<&'t str> {
        let lower = self.attributes.to_ascii_lowercase();
        let at = memmem::find(lower.as_bytes(), name.as_bytes())?;
        let value = self.attributes[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next(),
            _ => value.split_ascii_whitespace().next(),
        }
    }
}

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

/// The host of a web address, in lower case.
fn host_of(address: &str) -> Option<String> {
    let lower = address
        .trim()
        .get(..address.trim().len().min(300))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#', ':']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// The host that a link's text shows: an address, or a bare `www.` name.
fn site_of(text: &str) -> Option<String> {
    host_of(text)
        .or_else(|| text.starts_with("www.").then(|| host_of(&format!("http://{text}"))).flatten())
}

/// The part of a host that is registered, near enough: the last two labels, three below a short second label
/// (`co.uk`).
fn registered(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let cut =
        if last - second <= 4 { dots.next().map_or(0, |third| third + 1) } else { second + 1 };
    &host[cut..]
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
    fn an_element_without_end_hides_nothing() {
        assert_eq!(Page::read("<head>Hello").text, "Hello");
        assert_eq!(Page::read("<!-- Hello").text, "");
    }
}
