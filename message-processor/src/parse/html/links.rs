//! Where a link leads, and where its text says that it leads.

/// A link that is open, from its place in the text on.
pub(super) struct Anchor {
    pub(super) host: String,
    pub(super) from: usize,
}

impl Anchor {
    /// Whether the text over the link names another site than it leads to.
    pub(super) fn deceives(&self, text: &str) -> bool {
        let shown = text.get(self.from..).unwrap_or_default().trim_matches(['>', ' ', '\n']);
        let looks_like_a_site = !shown.contains(char::is_whitespace) && shown.len() < 200;
        let shown =
            looks_like_a_site.then(|| shown.to_ascii_lowercase()).and_then(|text| site_of(&text));
        shown.is_some_and(|shown| registered(&shown) != registered(&self.host))
    }
}

/// The host of a web address, in lower case.
pub(crate) fn host_of(address: &str) -> Option<String> {
    let lower = address
        .trim()
        .get(..address.trim().len().min(300))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#', ':', ' ', '>', '"', ')', ',']).next()?;
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
pub(crate) fn registered(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let cut =
        if last - second <= 4 { dots.next().map_or(0, |third| third + 1) } else { second + 1 };
    &host[cut..]
}
