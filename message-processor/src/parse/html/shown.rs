//! What a browser would show: a stack of the elements that are open, each with what it hides and whom it quotes.
//!
//! Senders hide text from people that filters and previews shall read: not displayed, of no size, or in the colour of
//! its ground. Of the looks of a page just as much is followed as tells that. Classes are not: what a style sheet says
//! is not known here, and where it could say something else, text counts as shown.

use super::super::limits;
use super::tag::Tag;

/// How the text within an element comes out.
#[derive(Clone, Copy, Default)]
pub(super) struct Looks {
    /// Not displayed, which nothing within can undo.
    gone: bool,
    /// Invisible or without size, which something within may undo.
    invisible: bool,
    sizeless: bool,
    colour: Option<Colour>,
    ground: Ground,
    /// How many quotes this is within.
    pub(super) quotes: u8,
}

type Colour = [u8; 3];

/// What lies behind a text.
#[derive(Clone, Copy, Default)]
enum Ground {
    /// The page's own: white, unless a style sheet says otherwise.
    #[default]
    Page,
    Plain(Colour),
    /// A picture, or a colour whose name is not read here.
    Unknown,
}

/// An element that is open.
struct Open<'t> {
    name: &'t str,
    looks: Looks,
}

/// The elements that are open, outermost first.
pub(super) struct Shown<'t> {
    open: Vec<Open<'t>>,
    /// Whether a style sheet may give a ground to what has none.
    styled: bool,
}

/// Elements without an end.
const VOID: [&str; 13] = [
    "br", "img", "hr", "input", "meta", "link", "area", "base", "col", "embed", "source", "track",
    "wbr",
];

/// Elements whose end may be left out, each with those whose beginning ends it.
const IMPLIED: [(&str, &[&str]); 6] = [
    ("p", &["p", "div", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "pre", "hr"]),
    ("li", &["li"]),
    ("td", &["td", "th", "tr"]),
    ("th", &["td", "th", "tr"]),
    ("tr", &["tr"]),
    ("option", &["option"]),
];

impl<'t> Shown<'t> {
    pub(super) fn new(html: &str) -> Self {
        let sheet = |name: &[u8]| memchr::memmem::find(html.as_bytes(), name).is_some();
        Self { open: Vec::new(), styled: sheet(b"<style") || sheet(b"<STYLE") || sheet(b"class=") }
    }

    /// How text comes out here.
    pub(super) fn looks(&self) -> Looks {
        self.open.last().map(|open| open.looks).unwrap_or_default()
    }

    /// Whether text here is seen.
    pub(super) fn is_seen(&self) -> bool {
        self.looks().are_seen(self.styled)
    }

    /// Whether what is here has a place on the page, seen or not.
    pub(super) fn is_displayed(&self) -> bool {
        !self.looks().gone
    }

    /// Whether the image of this tag is seen: an image of a pixel only tells the sender that the message was opened.
    pub(super) fn shows_image(&self, tag: &Tag<'_>) -> bool {
        let mut looks = Looks { sizeless: false, ..self.looks() };
        looks.take(tag);
        let pixel = |name| {
            let size = tag
                .attribute(name)
                .and_then(|size| size.trim().trim_end_matches("px").parse().ok());
            size.is_some_and(|size: u32| size <= 1)
        };
        looks.are_seen(true) && !pixel("width") && !pixel("height")
    }

    /// Follows a tag.
    pub(super) fn enter(&mut self, tag: &Tag<'t>) {
        if tag.closes {
            if let Some(at) = self.open.iter().rposition(|open| tag.is(open.name)) {
                self.open.truncate(at);
            }
            return;
        }
        while let Some(top) = self.open.last() {
            let ends = |(name, by): &(&str, &[&str])| {
                top.name.eq_ignore_ascii_case(name) && by.iter().any(|name| tag.is(name))
            };
            if !IMPLIED.iter().any(ends) {
                break;
            }
            self.open.pop();
        }
        // Below a depth that no honest page has, elements come out as the one around them.
        if self.open.len() < limits::ELEMENTS && !VOID.iter().any(|name| tag.is(name)) {
            let mut looks = self.looks();
            looks.take(tag);
            self.open.push(Open { name: tag.name, looks });
        }
    }
}

impl Looks {
    fn are_seen(self, styled: bool) -> bool {
        let ground = match self.ground {
            Ground::Plain(colour) => Some(colour),
            Ground::Page if !styled => Some([0xff; 3]),
            Ground::Page | Ground::Unknown => None,
        };
        let lost = self.colour.is_some() && self.colour == ground;
        !self.gone && !self.invisible && !self.sizeless && !lost
    }

    /// Takes what the tag says of itself.
    fn take(&mut self, tag: &Tag<'_>) {
        for (name, value) in tag.attributes() {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("style") {
                self.take_style(value);
            } else if is("hidden") {
                self.gone = true;
            } else if is("bgcolor") {
                self.ground = ground(value);
            } else if is("background") {
                self.ground = Ground::Unknown;
            } else if is("color") && tag.is("font") {
                self.colour = colour(value);
            }
        }
        self.quotes = self.quotes.saturating_add(u8::from(is_quote(tag)));
    }

    fn take_style(&mut self, style: &str) {
        let (mut clipped, mut flat) = (false, false);
        for (name, value) in style.split(';').filter_map(|rule| rule.split_once(':')) {
            let Some(known) = RULES.iter().find(|known| name.trim().eq_ignore_ascii_case(known))
            else {
                continue;
            };
            let lower = value.to_ascii_lowercase();
            let value = lower.trim().trim_end_matches("!important").trim_end();
            match *known {
                "display" => self.gone |= value == "none",
                "visibility" => self.invisible = matches!(value, "hidden" | "collapse"),
                "opacity" => self.gone |= is_zero(value),
                "font-size" => self.sizeless = is_zero(value) || matches!(value, "1px" | "1pt"),
                "overflow" => clipped = value == "hidden",
                "color" => self.colour = colour(value),
                "background" | "background-color" => self.ground = ground(value),
                "background-image" => self.ground = Ground::Unknown,
                _ => flat |= is_zero(value),
            }
        }
        self.gone |= clipped && flat;
    }
}

/// The properties that can hide a text; the last three together with `overflow`.
const RULES: [&str; 12] = [
    "display",
    "visibility",
    "opacity",
    "font-size",
    "overflow",
    "color",
    "background",
    "background-color",
    "background-image",
    "height",
    "max-height",
    "max-width",
];

fn ground(value: &str) -> Ground {
    colour(value).map_or(Ground::Unknown, Ground::Plain)
}

/// Whether a number with any unit is zero, or hardly more.
fn is_zero(value: &str) -> bool {
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    value[..end].parse::<f32>().is_ok_and(|number| number < 0.05)
}

/// `#fff`, `#ffffff`, `rgb(255, 255, 255)` and the two names that are hidden with.
fn colour(value: &str) -> Option<Colour> {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix('#') {
        let digit =
            |at: usize| u8::try_from(char::from(*digits.as_bytes().get(at)?).to_digit(16)?).ok();
        return match digits.len() {
            3 => Some([digit(0)? * 17, digit(1)? * 17, digit(2)? * 17]),
            6 => Some([
                digit(0)? << 4 | digit(1)?,
                digit(2)? << 4 | digit(3)?,
                digit(4)? << 4 | digit(5)?,
            ]),
            _ => None,
        };
    }
    if let Some(inner) = value.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
        let mut parts = inner.split(',').map(|part| part.trim().parse().ok());
        return Some([parts.next()??, parts.next()??, parts.next()??]);
    }
    match value {
        value if value.eq_ignore_ascii_case("white") => Some([0xff; 3]),
        value if value.eq_ignore_ascii_case("black") => Some([0; 3]),
        _ => None,
    }
}

/// Whether the element is another message that this one answers: a blockquote that mail programs make, not one that
/// indents.
fn is_quote(tag: &Tag<'_>) -> bool {
    let cites = |name: &str, words: &[&str]| {
        tag.attribute(name).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            words.iter().any(|word| value.contains(word))
        })
    };
    tag.is("blockquote")
        && (cites("type", &["cite"])
            || cites("class", &["quote", "cite"])
            || cites("style", &["border-left"]))
}

/// Whether the element is the sender's signature, as mail programs name it.
pub(super) fn is_signature(tag: &Tag<'_>) -> bool {
    ["class", "id", "data-smartmail"].iter().filter_map(|name| tag.attribute(name)).any(|value| {
        ["gmail_signature", "moz-signature", "Signature", "protonmail_signature_block"]
            .iter()
            .any(|name| value.split_ascii_whitespace().any(|word| word == *name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Page;

    fn text(html: &str) -> String {
        Page::read(html).text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_browser_would_not_show_is_not_text() {
        for hidden in [
            "<div style='display:none'>no</div>",
            "<span style=\"color:red; Display: NONE !important\">no <b>no</b></span>",
            "<div hidden>no</div>",
            "<p style='visibility:hidden'>no</p>",
            "<p style='font-size:0px'>no</p>",
            "<p style='font-size:1px'>no</p>",
            "<p style='opacity:0'>no</p>",
            "<p style='max-height:0;overflow:hidden'>no</p>",
            "<font color=#FFFFFF>no</font>",
            "<table bgcolor=black><tr><td style='color: rgb(0, 0, 0)'>no</table>",
            "<div style='background:#123456'><i style='color:#123456'>no</i></div>",
        ] {
            assert_eq!(text(&format!("yes {hidden} yes")), "yes yes", "{hidden}");
        }
    }

    #[test]
    fn what_may_be_seen_is_text() {
        for shown in [
            "<td style='font-size:0'><div style='font-size:14px'>yes</div></td>",
            "<p style='visibility:hidden'><b style='visibility:visible'>yes</b></p>",
            "<table bgcolor='#000'><tr><td><font color='white'>yes</font></table>",
            "<div style='background-color:navy'><p style='color:#fff'>yes</p></div>",
            "<td background=a.png><p style='color:#fff'>yes</p></td>",
            "<style>td{background:#000}</style><td style='color:#fff'>yes</td>",
            "<p style='display:none'>no<p>yes",
            "<table><tr><td style='display:none'>no<td>yes</table>",
            "<div><span style='display:none'>no</div>yes",
            "<br style='display:none'>yes",
            "</div></p>yes",
        ] {
            assert_eq!(text(shown), "yes", "{shown}");
        }
    }

    #[test]
    fn an_image_of_a_pixel_is_none() {
        let page = Page::read(
            "<img src=a width=1 height=1><img src=b style='display:none'><img src=c height='0px'>\
             <div style='font-size:0'><img src=d width=600></div>",
        );
        assert_eq!(page.images, 1);
    }

    #[test]
    fn elements_within_elements_without_end_cost_no_more_than_their_number() {
        let deep = "<div style='color:#fff'>".repeat(10_000) + &"</b></div>".repeat(10_000) + "x";
        assert_eq!(text(&deep), "x");
    }
}
