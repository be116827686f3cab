//! Where a webhook may lead. Whoever writes a rule must not reach by it what only this machine can reach: the metadata
//! service of a cloud, a database, a router's page.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use super::Forbidden;

/// What IANA keeps for special purposes, and is not everybody's
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>); broadcast and multicast are with it.
const SPECIAL_V4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Of IPv6 nothing but this is given out to everybody (<https://www.iana.org/assignments/ipv6-unicast-address-assignments>).
const GLOBAL_V6: &str = "2000::/3";

/// And within it, these are not: protocols' own, documentation, and addresses that stand for ones of IPv4.
const SPECIAL_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// Private networks that webhooks may lead into all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;

    /// Reads `10.1.0.0/16, fd00::/8`.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = |word: &str| {
            let word = word.trim();
            let network = word.parse::<IpNet>();
            network.map_err(|_| format!("'{word}' is not a network such as 10.1.0.0/16"))
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl Networks {
    /// Whether a webhook may lead there.
    pub fn allow(&self, ip: IpAddr) -> bool {
        // An address of IPv4 may come in the clothes of IPv6.
        let ip = ip.to_canonical();
        !is_special(ip) || self.0.iter().any(|network| network.contains(&ip))
    }

    /// The address of a webhook, if it may be called. A name is looked at again when it is known where it leads.
    pub fn checked(&self, address: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(address).map_err(|_| Forbidden::Unreadable)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::Credentials);
        }
        let ip = match url.host().ok_or(Forbidden::Unreadable)? {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            Host::Domain(_) => None,
        };
        if ip.is_some_and(|ip| !self.allow(ip)) {
            return Err(Forbidden::Private);
        }
        // Within a network that the operator has named, plain HTTP is theirs to allow.
        let named = |ip: IpAddr| self.0.iter().any(|network| network.contains(&ip.to_canonical()));
        match url.scheme() {
            "https" => Ok(url),
            "http" if ip.is_some_and(named) => Ok(url),
            _ => Err(Forbidden::Plain),
        }
    }
}

fn is_special(ip: IpAddr) -> bool {
    let within = |network: &str| network.parse::<IpNet>().is_ok_and(|known| known.contains(&ip));
    match ip {
        IpAddr::V4(_) => SPECIAL_V4.into_iter().any(within),
        IpAddr::V6(_) => !within(GLOBAL_V6) || SPECIAL_V6.into_iter().any(within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_of_the_tables_is_one() {
        for network in SPECIAL_V4.iter().chain(&SPECIAL_V6).chain([&GLOBAL_V6]) {
            assert!(network.parse::<IpNet>().is_ok(), "{network}");
        }
    }

    #[test]
    fn what_is_not_everybodys_is_not_called() {
        let none = Networks::default();
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "192.168.1.1",
            "172.31.255.255",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "ff02::1",
            "fec0::1",
        ] {
            assert!(!none.allow(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(none.allow(public.parse().unwrap()), "{public}");
        }
        let some: Networks = "127.0.0.0/8, fd00::/8".parse().unwrap();
        assert!(some.allow("127.0.0.1".parse().unwrap()) && some.allow("fd00::1".parse().unwrap()));
        assert!(some.allow("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!some.allow("10.0.0.1".parse().unwrap()));
        assert!("127.0.0.1".parse::<Networks>().unwrap_err().contains("'127.0.0.1' is not"));
    }

    #[test]
    fn an_address_is_https_without_a_password_and_leads_to_everybodys_network() {
        let none = Networks::default();
        for (address, why) in [
            ("nonsense", Forbidden::Unreadable),
            ("data:text/plain,x", Forbidden::Unreadable),
            ("http://example.com/", Forbidden::Plain),
            ("ftp://example.com/", Forbidden::Plain),
            ("https://a:b@example.com/", Forbidden::Credentials),
            ("https://127.0.0.1/", Forbidden::Private),
            ("https://2130706433/", Forbidden::Private),
            ("https://0x7f.1/", Forbidden::Private),
            ("https://017700000001/", Forbidden::Private),
            ("https://[::1]/", Forbidden::Private),
            ("https://[::ffff:169.254.169.254]/", Forbidden::Private),
            ("http://1.1.1.1/", Forbidden::Plain),
        ] {
            assert_eq!(none.checked(address), Err(why), "{address}");
        }
        assert!(none.checked("https://example.com/hook?key=1").is_ok());
        let some: Networks = "127.0.0.0/8".parse().unwrap();
        assert!(some.checked("http://127.0.0.1:8000/").is_ok());
        assert_eq!(some.checked("http://localhost:8000/"), Err(Forbidden::Plain));
    }
}
