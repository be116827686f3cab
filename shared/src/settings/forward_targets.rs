//! Whom rules may forward to.

use std::str::FromStr;

/// Addresses, and domains whose every address will do. Nobody, where none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardTargets(Vec<String>);

impl FromStr for ForwardTargets {
    type Err = String;

    /// Reads `books@example.com, @example.org`.
    fn from_str(text: &str) -> Result<Self, String> {
        let target = |word: &str| {
            let word = word.trim();
            let (_, domain) = word.rsplit_once('@').unwrap_or_default();
            let plain = word.is_ascii() && !word.contains(char::is_whitespace);
            if domain.is_empty() || !plain {
                return Err(format!(
                    "'{word}' is neither an address nor a domain such as @example.com"
                ));
            }
            Ok(word.to_ascii_lowercase())
        };
        text.split(',').map(target).collect::<Result<_, _>>().map(Self)
    }
}

impl ForwardTargets {
    /// Whether this address is among them, in whatever case.
    pub fn allow(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        let domain = address.rfind('@').map(|at| &address[at..]);
        self.0.iter().any(|known| *known == address || Some(known.as_str()) == domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_allowed_by_itself_or_by_its_domain() {
        let targets: ForwardTargets = "Books@example.com, @example.org".parse().unwrap();
        for (address, allowed) in [
            ("books@example.com", true),
            ("BOOKS@EXAMPLE.COM", true),
            ("cook@example.com", false),
            ("anybody@example.org", true),
            ("anybody@sub.example.org", false),
            ("a@evil.com@example.org", true),
            ("@example.org", true),
            ("example.org", false),
        ] {
            assert_eq!(targets.allow(address), allowed, "{address}");
        }
        assert!(!ForwardTargets::default().allow("a@example.com"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for bad in ["example.com", "a@", "a b@example.com", "a@example.com,,", "ä@example.com"] {
            let error = bad.parse::<ForwardTargets>().unwrap_err();
            assert!(error.contains("is neither an address nor a domain"), "{bad}: {error}");
        }
    }
}
