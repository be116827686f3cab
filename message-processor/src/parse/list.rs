//! How a message names its list, and how to leave it (RFC 2369, RFC 2919, RFC 8058).

use shared::result::ListInfo;

use super::fields::{Fields, as_text};
use super::headers::words;
use super::limits;

/// The list, if the message names one or offers to leave one.
pub(super) fn read(fields: &Fields<'_>) -> Option<ListInfo> {
    let id = fields.get("List-Id").and_then(|value| id(&as_text(value)));
    let unsubscribe: Vec<String> =
        fields.get("List-Unsubscribe").map(|value| targets(&as_text(value))).unwrap_or_default();
    let post = fields
        .text("List-Unsubscribe-Post")
        .is_some_and(|value| value.eq_ignore_ascii_case(ONE_CLICK));
    let https = unsubscribe.iter().any(|target| has_scheme(target, "https:"));
    let info = ListInfo { id, unsubscribe, one_click: post && https };
    (info.id.is_some() || !info.unsubscribe.is_empty()).then_some(info)
}

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// What stands within the angle brackets, or the whole value of a sender who forgot them.
fn id(value: &str) -> Option<String> {
    let inner =
        value.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    words(inner.unwrap_or(value), limits::WORDS_CHARS)
}

/// The addresses within angle brackets that a program may follow.
fn targets(value: &str) -> Vec<String> {
    let bracketed =
        value.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(inner, _)| inner));
    let bare = value.split(',').filter(|_| !value.contains('<'));
    let joined = bracketed.chain(bare).map(|target| target.split_whitespace().collect::<String>());
    let followed = |target: &String| {
        target.len() <= limits::FIELD_BYTES
            && ["https:", "http:", "mailto:"].iter().any(|scheme| has_scheme(target, scheme))
    };
    joined.filter(followed).take(limits::UNSUBSCRIBE).collect()
}

fn has_scheme(target: &str, scheme: &str) -> bool {
    target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> Option<ListInfo> {
        read(&Fields::read(header.as_bytes()).0)
    }

    #[test]
    fn one_click_needs_a_web_address_to_post_to() {
        let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n";
        let web = of(&format!(
            "List-Unsubscribe: <https://example.com/u?\n a=1>, <mailto:u@example.com>\n{post}"
        ))
        .unwrap();
        assert!(web.one_click);
        assert_eq!(web.unsubscribe, ["https://example.com/u?a=1", "mailto:u@example.com"]);
        assert!(!of("List-Unsubscribe: <https://example.com/u>\n").unwrap().one_click);
        let other = "List-Unsubscribe: <https://example.com/u>\nList-Unsubscribe-Post: yes\n";
        assert!(!of(other).unwrap().one_click);
        assert!(
            !of(&format!("List-Unsubscribe: <mailto:u@example.com>\n{post}")).unwrap().one_click
        );
    }

    #[test]
    fn a_list_is_known_by_its_id() {
        assert_eq!(
            of("List-Id: \"Talk\" <talk.example.org>\n").unwrap().id.as_deref(),
            Some("talk.example.org")
        );
        assert_eq!(of("List-Unsubscribe: <javascript:alert(1)>\n"), None);
        assert_eq!(of("Subject: x\n"), None);
    }
}
