//! Where Google is: its own addresses, or one base that stands in for all of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::settings::Env;

/// Where a part of Google answers: https, or plain http on this machine. No query, and nobody's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// A text that is no address we would send a token to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an https address (http only on the loopback) without user, query and fragment")]
pub struct BadAddress;

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let url = Url::parse(text).map_err(|_| BadAddress)?;
        let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if safe && bare { Ok(Self(url)) } else { Err(BadAddress) }
    }
}

impl Address {
    /// The address as a URL, to add a query to.
    pub fn url(&self) -> Url {
        self.0.clone()
    }

    /// The address of something below this one.
    #[must_use]
    pub fn below(&self, path: &[&str]) -> Self {
        let mut url = self.0.clone();
        // An http or https URL always has a path, so there is no other case.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Self(url)
    }

    /// Whether it is plain http, which never leaves this machine.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// As Google writes addresses: without a slash at the end.
    fn bare(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.bare())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Whether a token sent there in the clear stays on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

/// Everything of Google's that we talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleAddresses {
    /// The consent page.
    pub auth_url: Address,
    /// Exchanges codes and refresh tokens.
    pub token_url: Address,
    /// Ends a grant.
    pub revoke_url: Address,
    /// The keys that sign ID tokens.
    pub jwks_url: Address,
    /// Who signs ID tokens, as the `iss` claim says it.
    pub issuer: String,
    /// Who an access token speaks for.
    pub userinfo_url: Address,
    /// Who signs security events, and where the keys for them are.
    pub risc_url: Address,
    /// Gmail, without `/gmail/v1`.
    pub gmail_api_url: Address,
}

/// The issuer of Google's own ID tokens.
const GOOGLE_ISSUER: &str = "https://accounts.google.com";

/// Below its host (<https://developers.google.com/identity/protocols/risc>).
const RISC: [&str; 2] = [".well-known", "risc-configuration"];

impl Default for GoogleAddresses {
    /// Google's own (<https://accounts.google.com/.well-known/openid-configuration>).
    fn default() -> Self {
        Self {
            auth_url: google("accounts.google.com", &["o", "oauth2", "v2", "auth"]),
            token_url: google("oauth2.googleapis.com", &["token"]),
            revoke_url: google("oauth2.googleapis.com", &["revoke"]),
            jwks_url: google("www.googleapis.com", &["oauth2", "v3", "certs"]),
            issuer: GOOGLE_ISSUER.to_owned(),
            userinfo_url: google("openidconnect.googleapis.com", &["v1", "userinfo"]),
            risc_url: google("accounts.google.com", &RISC),
            gmail_api_url: google("gmail.googleapis.com", &[]),
        }
    }
}

impl GoogleAddresses {
    /// All of them below one base, for a Google that is simulated.
    pub fn under(base: &Address) -> Self {
        Self {
            auth_url: base.below(&["o", "oauth2", "v2", "auth"]),
            token_url: base.below(&["token"]),
            revoke_url: base.below(&["revoke"]),
            jwks_url: base.below(&["oauth2", "v3", "certs"]),
            issuer: base.bare().to_owned(),
            userinfo_url: base.below(&["v1", "userinfo"]),
            risc_url: base.below(&RISC),
            gmail_api_url: base.clone(),
        }
    }
}

impl GoogleAddresses {
    /// Reads them; problems are left in `env`. `GOOGLE_BASE_URL` moves all of them, each other setting one.
    pub fn read(env: &mut Env<'_>) -> Self {
        let base = env.parsed("GOOGLE_BASE_URL", None, |text| address(text).map(Some));
        let at = base.as_ref().map_or_else(Self::default, Self::under);
        Self {
            auth_url: env.parsed("GOOGLE_AUTH_URL", at.auth_url, address),
            token_url: env.parsed("GOOGLE_TOKEN_URL", at.token_url, address),
            revoke_url: env.parsed("GOOGLE_REVOKE_URL", at.revoke_url, address),
            jwks_url: env.parsed("GOOGLE_JWKS_URL", at.jwks_url, address),
            issuer: env.text("GOOGLE_ISSUER").unwrap_or(at.issuer),
            userinfo_url: env.parsed("GOOGLE_USERINFO_URL", at.userinfo_url, address),
            risc_url: env.parsed("GOOGLE_RISC_URL", at.risc_url, address),
            gmail_api_url: env.parsed("GMAIL_API_URL", at.gmail_api_url, address),
        }
    }
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|bad: BadAddress| format!("'{text}' is {bad}"))
}

#[expect(clippy::expect_used, reason = "hosts written in this file; a test reads each of them")]
fn google(host: &str, path: &[&str]) -> Address {
    format!("https://{host}").parse::<Address>().expect("a host of ours").below(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googles_own_addresses_are_the_documented_ones() {
        let google = GoogleAddresses::default();
        assert_eq!(google.auth_url.to_string(), "https://accounts.google.com/o/oauth2/v2/auth");
        assert_eq!(google.token_url.to_string(), "https://oauth2.googleapis.com/token");
        assert_eq!(google.revoke_url.to_string(), "https://oauth2.googleapis.com/revoke");
        assert_eq!(google.jwks_url.to_string(), "https://www.googleapis.com/oauth2/v3/certs");
        assert_eq!(
            google.userinfo_url.to_string(),
            "https://openidconnect.googleapis.com/v1/userinfo"
        );
        assert_eq!(
            google.risc_url.to_string(),
            "https://accounts.google.com/.well-known/risc-configuration"
        );
        assert_eq!(google.gmail_api_url.to_string(), "https://gmail.googleapis.com");
    }

    #[test]
    fn one_base_stands_in_for_all_of_google_with_or_without_a_slash() {
        for base in ["http://127.0.0.1:9000", "http://127.0.0.1:9000/"] {
            let sim = GoogleAddresses::under(&base.parse().unwrap());
            assert_eq!(sim.issuer, "http://127.0.0.1:9000");
            assert_eq!(sim.auth_url.to_string(), "http://127.0.0.1:9000/o/oauth2/v2/auth");
            assert_eq!(sim.jwks_url.to_string(), "http://127.0.0.1:9000/oauth2/v3/certs");
            let risc = "http://127.0.0.1:9000/.well-known/risc-configuration";
            assert_eq!(sim.risc_url.to_string(), risc);
            let profile = sim.gmail_api_url.below(&["gmail", "v1"]);
            assert_eq!(profile.to_string(), "http://127.0.0.1:9000/gmail/v1");
        }
    }

    #[test]
    fn a_token_never_leaves_this_machine_in_the_clear() {
        for bad in [
            "http://gmail.googleapis.com",
            "http://localhost.example.org",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:pass@example.org",
            "https://example.org?x=1",
            "https://example.org#x",
            "gmail.googleapis.com",
            "",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(BadAddress), "{bad}");
        }
        for good in ["http://localhost:1", "http://127.9.9.9", "http://[::1]:80", "https://e.org"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
    }

    #[test]
    fn a_path_below_an_address_cannot_climb() {
        let base: Address = "https://example.org/a".parse().unwrap();
        assert_eq!(base.below(&["..", "x/y?z"]).to_string(), "https://example.org/a/x%2Fy%3Fz");
    }
}
