//! Where the hub may send a webhook: the judgement of a URL and of an address, made when an
//! endpoint is saved, tested and used. Deny by default; operators may open single networks.
//! Knows nothing of resolvers and connections: names are judged as text, answers one by one.

use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The longest URL that is taken, in bytes, as given and as normalised.
pub const LENGTH_LIMIT: usize = 2048;

/// Why an address was refused. The sentences tell the bank what would be taken and nothing of the
/// hub's network: an own address and a private one are the same refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AddressRefusal {
    #[error("not a web address: give one like https://hooks.bank.example/kairan")]
    Form,
    #[error("longer than 2048 characters: give a shorter address")]
    Length,
    #[error("not https: give an address that starts with https://")]
    Scheme,
    #[error("holds a user name or password: leave out everything up to the @")]
    UserInfo,
    #[error("holds a fragment: leave out the # and what follows")]
    Fragment,
    #[error("names a host by number: give its name in the DNS")]
    Literal,
    #[error("not a public host name: give the full name, like hooks.bank.example")]
    Name,
    #[error("not on port 443 or 8443: serve it on one of these")]
    Port,
    #[error("does not lead to a public address that this hub may send to")]
    Range,
}

impl AddressRefusal {
    pub const ALL: [AddressRefusal; 9] = [
        Self::Form,
        Self::Length,
        Self::Scheme,
        Self::UserInfo,
        Self::Fragment,
        Self::Literal,
        Self::Name,
        Self::Port,
        Self::Range,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "address_form",
            Self::Length => "address_length",
            Self::Scheme => "address_scheme",
            Self::UserInfo => "address_userinfo",
            Self::Fragment => "address_fragment",
            Self::Literal => "address_literal",
            Self::Name => "address_name",
            Self::Port => "address_port",
            Self::Range => "address_range",
        }
    }
}

/// Which answers of the resolver a URL may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// A URL within the strict rules: public addresses, and the networks opened by the operator.
    Public,
    /// A URL taken only because the operator opened networks: nothing outside these.
    OpenedOnly,
}

/// A URL that was taken, in its normal form, with the answers it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub url: Url,
    pub reach: Reach,
}

/// The operator's policy. The default opens nothing.
#[derive(Debug, Clone)]
pub struct AddressPolicy {
    /// Networks opened by the operator (tests, demo, intranet): in them http, literals and any port are taken.
    pub allowed: Vec<IpNet>,
    /// Addresses of the hub itself, its peers, database, mail server and proxy: refused even where
    /// opened. Loopback ones are ignored here, because every machine has them; only `allowed` opens them.
    pub own: Vec<IpAddr>,
    /// The hub's own public host names.
    pub own_names: Vec<String>,
    /// Translation prefixes in use on the hub's network (RFC 6052 §2.2), beside the well-known one.
    pub nat64: Vec<Ipv6Net>,
    /// Ports of strict URLs.
    pub ports: Vec<u16>,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            own: Vec::new(),
            own_names: Vec::new(),
            nat64: Vec::new(),
            ports: vec![443, 8443],
        }
    }
}

impl AddressPolicy {
    /// The normal form of a URL that may be saved and sent to.
    pub fn check_url(&self, text: &str) -> Result<Url, AddressRefusal> {
        self.judge(text).map(|target| target.url)
    }

    /// Like `check_url`, with the answers that the URL may use. A name is judged again by its answers.
    pub fn judge(&self, text: &str) -> Result<Target, AddressRefusal> {
        let url = normalise(text)?;
        let Err(refusal) = self.check_strict(&url) else {
            return Ok(Target {
                url,
                reach: Reach::Public,
            });
        };
        if self.is_opened(&url) {
            Ok(Target {
                url,
                reach: Reach::OpenedOnly,
            })
        } else {
            Err(refusal)
        }
    }

    /// Whether a strict URL may lead to this address.
    pub fn check_ip(&self, address: IpAddr) -> Result<(), AddressRefusal> {
        self.check_answer(address, Reach::Public)
    }

    /// Whether a URL of this reach may lead to this address.
    pub fn check_answer(&self, address: IpAddr, reach: Reach) -> Result<(), AddressRefusal> {
        // Mapped IPv6 (RFC 4291 §2.5.5.2) is IPv4 on the wire, and is judged as such.
        let address = address.to_canonical();
        let own =
            !address.is_loopback() && self.own.iter().any(|own| own.to_canonical() == address);
        let opened = || {
            self.allowed
                .iter()
                .any(|network| network.contains(&address))
        };
        let open = match reach {
            Reach::Public => opened() || self.is_public(address),
            Reach::OpenedOnly => opened(),
        };
        if open && !own {
            Ok(())
        } else {
            Err(AddressRefusal::Range)
        }
    }

    fn is_public(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => is_public_v4(v4),
            IpAddr::V6(v6) => {
                is_public_v6(v6) && !self.nat64.iter().any(|prefix| prefix.contains(&v6))
            }
        }
    }

    fn check_strict(&self, url: &Url) -> Result<(), AddressRefusal> {
        if url.scheme() != "https" {
            return Err(AddressRefusal::Scheme);
        }
        let Some(Host::Domain(name)) = url.host() else {
            return Err(AddressRefusal::Literal);
        };
        let own = self
            .own_names
            .iter()
            .any(|own| own.trim_end_matches('.').eq_ignore_ascii_case(name));
        if own {
            return Err(AddressRefusal::Range);
        }
        if !is_public_name(name) {
            return Err(AddressRefusal::Name);
        }
        match url.port_or_known_default() {
            Some(port) if self.ports.contains(&port) => Ok(()),
            _ => Err(AddressRefusal::Port),
        }
    }

    fn is_opened(&self, url: &Url) -> bool {
        if !matches!(url.scheme(), "http" | "https") {
            return false;
        }
        let inside = |address| self.check_answer(address, Reach::OpenedOnly).is_ok();
        match url.host() {
            Some(Host::Ipv4(v4)) => inside(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => inside(IpAddr::V6(v6)),
            Some(Host::Domain(name)) => !self.allowed.is_empty() && is_host_name(name),
            None => false,
        }
    }
}

/// Parses and normalises; refuses what no setting can open.
fn normalise(text: &str) -> Result<Url, AddressRefusal> {
    if text.len() > LENGTH_LIMIT {
        return Err(AddressRefusal::Length);
    }
    // The URL standard drops some of these and reads a backslash as a slash; a person would not see it.
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return Err(AddressRefusal::Form);
    }
    let mut url = Url::parse(text).map_err(|fault| match fault {
        url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address => {
            AddressRefusal::Literal
        }
        _ => AddressRefusal::Form,
    })?;
    if has_user_info(text) || !url.username().is_empty() || url.password().is_some() {
        return Err(AddressRefusal::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(AddressRefusal::Fragment);
    }
    if url.port() == Some(0) {
        return Err(AddressRefusal::Port);
    }
    let folded = match url.host() {
        Some(Host::Domain(name)) => name.strip_suffix('.').map(str::to_owned),
        _ => None,
    };
    if let Some(folded) = folded {
        url.set_host(Some(&folded))
            .map_err(|_| AddressRefusal::Form)?;
    }
    if url.as_str().len() > LENGTH_LIMIT {
        return Err(AddressRefusal::Length);
    }
    Ok(url)
}

/// An empty user part (`https://@host`) leaves no trace in the parsed URL, so the text is looked at.
fn has_user_info(text: &str) -> bool {
    let after = text.split_once("://").map_or(text, |(_, after)| after);
    after
        .split(['/', '?', '#'])
        .next()
        .is_some_and(|authority| authority.contains('@'))
}

/// RFC 1123 §2.1: letters, digits and inner hyphens (IDNs are in their ASCII form by now).
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Last labels that never lead to another party (RFC 6761, 6762, 7686, 9476 and common practice).
const LOCAL_ENDINGS: [&str; 8] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "arpa",
    "onion",
    "alt",
    "invalid",
];

fn is_public_name(name: &str) -> bool {
    is_host_name(name)
        && name
            .rsplit_once('.')
            .is_some_and(|(_, last)| !LOCAL_ENDINGS.contains(&last))
}

/// IANA special-purpose IPv4 ranges, multicast and reserved space, and the one public address that
/// a cloud answers on its hosts (168.63.129.16).
const DENIED_V4: [(Ipv4Addr, u32); 19] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Ranges inside 2000::/3 that are not other parties' hosts: protocol assignments with Teredo and
/// ORCHID, documentation, 6to4, direct delegation AS112.
const DENIED_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !DENIED_V4
        .iter()
        .any(|(base, length)| (address.to_bits() ^ base.to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let global = segments[0] & 0xe000 == 0x2000;
    // An ISATAP interface id (RFC 5214 §6.1) carries an IPv4 address into the site behind it.
    let isatap = matches!(segments[4], 0x0000 | 0x0200) && segments[5] == 0x5efe;
    let denied = DENIED_V6
        .iter()
        .any(|(base, length)| (address.to_bits() ^ base.to_bits()) >> (128 - length) == 0);
    global && !isatap && !denied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(networks: &[&str]) -> AddressPolicy {
        let allowed = networks
            .iter()
            .map(|n| n.parse().expect("a network"))
            .collect();
        AddressPolicy {
            allowed,
            ..AddressPolicy::default()
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse()
            .unwrap_or_else(|_| panic!("{text} is no address"))
    }

    fn refused(policy: &AddressPolicy, text: &str) -> Option<AddressRefusal> {
        policy.check_url(text).err()
    }

    #[test]
    fn a_banks_ordinary_endpoint_is_taken_in_its_normal_form() {
        let policy = AddressPolicy::default();
        for (given, kept) in [
            (
                "https://hooks.bank.example/x",
                "https://hooks.bank.example/x",
            ),
            ("https://hooks.bank.example", "https://hooks.bank.example/"),
            (
                "https://hooks.bank.example:8443/x?a=b",
                "https://hooks.bank.example:8443/x?a=b",
            ),
            (
                "https://hooks.bank.example:443/x",
                "https://hooks.bank.example/x",
            ),
            (
                "https://HOOKS.Bank.example./x",
                "https://hooks.bank.example/x",
            ),
            (
                "https://hooks.bank.example/x/../@y",
                "https://hooks.bank.example/@y",
            ),
            (
                "https://回覧.example/受付",
                "https://xn--zbsu59i.example/%E5%8F%97%E4%BB%98",
            ),
            (
                "https://ｈｏｏｋｓ．bank．example/",
                "https://hooks.bank.example/",
            ),
        ] {
            let target = policy
                .judge(given)
                .unwrap_or_else(|refusal| panic!("{given}: {refusal}"));
            assert_eq!((target.url.as_str(), target.reach), (kept, Reach::Public));
        }
    }

    #[test]
    fn every_rule_of_the_url_has_its_own_refusal() {
        use AddressRefusal::*;
        let long = format!("https://hooks.bank.example/{}", "x".repeat(2048));
        let swelling = format!("https://hooks.bank.example/{}", "受".repeat(400));
        let label = format!("https://{}.example/", "x".repeat(64));
        for (text, expected) in [
            ("", Form),
            ("hooks.bank.example", Form),
            ("//hooks.bank.example/", Form),
            ("https://", Form),
            (" https://hooks.bank.example/", Form),
            ("https://hooks.bank.example/\n", Form),
            ("ht\ttps://hooks.bank.example/", Form),
            ("https:\\\\hooks.bank.example/", Form),
            ("https://hooks.bank.example:65536/", Form),
            (&long, Length),
            (&swelling, Length),
            ("http://hooks.bank.example/", Scheme),
            ("ftp://hooks.bank.example/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("javascript:alert(1)", Scheme),
            ("wss://hooks.bank.example/", Scheme),
            ("https://user@hooks.bank.example/", UserInfo),
            ("https://user:word@hooks.bank.example/", UserInfo),
            ("https://@hooks.bank.example/", UserInfo),
            ("https://:@hooks.bank.example/", UserInfo),
            ("https://hooks.bank.example@127.0.0.1/", UserInfo),
            ("https://hooks.bank.example/#", Fragment),
            ("https://hooks.bank.example/#@evil", Fragment),
            ("https://localhost/", Name),
            ("https://bank/", Name),
            ("https://bank./", Name),
            ("https://a..example/", Name),
            ("https://.example/", Name),
            ("https://hooks.bank.example../", Name),
            ("https://hooks_a.bank.example/", Name),
            ("https://-a.example/", Name),
            ("https://a.localhost/", Name),
            ("https://printer.local/", Name),
            ("https://metadata.google.internal/", Name),
            ("https://1.0.0.127.in-addr.arpa/", Name),
            (&label, Name),
            ("https://hooks.bank.example:80/", Port),
            ("https://hooks.bank.example:444/", Port),
            ("https://hooks.bank.example:0/", Port),
            ("https://hooks.bank.example:25/", Port),
        ] {
            assert_eq!(
                refused(&AddressPolicy::default(), text),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn a_literal_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0x7F.0x0.0x0.0x1",
            "0177.0.0.1",
            "017700000001",
            "00000177.1",
            "0",
            "0.0.0.0",
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "127．0．0．1",
            "127｡0｡0｡1",
            "①②⑦.⓪.⓪.①",
            "0x7f。1",
            "8.8.8.8",
            "256.0.0.1",
            "127.0.0.1.5",
            "1.2.3.4.5",
            "a.0x1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[2001:0:4136:e378::]",
            "[fe80::5efe:10.0.0.1]",
            "[2606:4700:4700::1111]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[fd00:ec2::254]",
            "[0:0:0:0:0:ffff:7f00:0001]",
        ] {
            let refusal = refused(&AddressPolicy::default(), &format!("https://{host}/"));
            assert_eq!(refusal, Some(AddressRefusal::Literal), "{host}");
            // Opening another network changes nothing for it.
            let refusal = refused(&open(&["192.168.7.0/24"]), &format!("https://{host}/"));
            assert_eq!(refusal, Some(AddressRefusal::Literal), "{host}");
        }
    }

    #[test]
    fn addresses_at_the_edges_of_each_denied_range_are_refused_and_their_neighbours_taken() {
        let policy = AddressPolicy::default();
        for (first, last, before, after) in [
            ("0.0.0.0", "0.255.255.255", "", "1.0.0.0"),
            ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
            (
                "100.64.0.0",
                "100.127.255.255",
                "100.63.255.255",
                "100.128.0.0",
            ),
            (
                "127.0.0.0",
                "127.255.255.255",
                "126.255.255.255",
                "128.0.0.0",
            ),
            (
                "168.63.129.16",
                "168.63.129.16",
                "168.63.129.15",
                "168.63.129.17",
            ),
            (
                "169.254.0.0",
                "169.254.255.255",
                "169.253.255.255",
                "169.255.0.0",
            ),
            (
                "172.16.0.0",
                "172.31.255.255",
                "172.15.255.255",
                "172.32.0.0",
            ),
            ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
            ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
            (
                "192.31.196.0",
                "192.31.196.255",
                "192.31.195.255",
                "192.31.197.0",
            ),
            (
                "192.52.193.0",
                "192.52.193.255",
                "192.52.192.255",
                "192.52.194.0",
            ),
            (
                "192.88.99.0",
                "192.88.99.255",
                "192.88.98.255",
                "192.88.100.0",
            ),
            (
                "192.168.0.0",
                "192.168.255.255",
                "192.167.255.255",
                "192.169.0.0",
            ),
            (
                "192.175.48.0",
                "192.175.48.255",
                "192.175.47.255",
                "192.175.49.0",
            ),
            (
                "198.18.0.0",
                "198.19.255.255",
                "198.17.255.255",
                "198.20.0.0",
            ),
            (
                "198.51.100.0",
                "198.51.100.255",
                "198.51.99.255",
                "198.51.101.0",
            ),
            (
                "203.0.113.0",
                "203.0.113.255",
                "203.0.112.255",
                "203.0.114.0",
            ),
            ("224.0.0.0", "255.255.255.255", "223.255.255.255", ""),
            (
                "2001::",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                "",
                "2001:200::",
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "2001:db7:ffff::",
                "2001:db9::",
            ),
            (
                "2002::",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "2001:ffff::1",
                "2003::",
            ),
            (
                "2620:4f:8000::",
                "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
                "2620:4f:7fff:ffff::",
                "2620:4f:8001::",
            ),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                "3ffe:ffff::",
                "3fff:1000::",
            ),
            (
                "4000::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "3fff:ffff::",
                "",
            ),
            (
                "::",
                "1fff:ffff:ffff:ffff:ffff:ffff:fffe:ffff",
                "",
                "2000::",
            ),
        ] {
            for denied in [first, last] {
                assert_eq!(
                    policy.check_ip(ip(denied)),
                    Err(AddressRefusal::Range),
                    "{denied}"
                );
            }
            for neighbour in [before, after].into_iter().filter(|n| !n.is_empty()) {
                assert_eq!(policy.check_ip(ip(neighbour)), Ok(()), "{neighbour}");
            }
        }
        for good in [
            "8.8.8.8",
            "2606:4700:4700::1111",
            "::ffff:8.8.8.8",
            "2a00::5eff:0:1",
        ] {
            assert_eq!(policy.check_ip(ip(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn an_address_that_hides_another_is_refused() {
        for hidden in [
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:a9fe:a9fe",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:20::1",
            "2a00:1::5efe:a00:1",
            "2a00:1::200:5efe:a00:1",
            "fe80::1",
            "fe80::5efe:a00:1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
            "192.0.0.192",
            "169.254.169.254",
            "255.255.255.255",
        ] {
            let refusal = AddressPolicy::default().check_ip(ip(hidden));
            assert_eq!(refusal, Err(AddressRefusal::Range), "{hidden}");
        }
        let translated = AddressPolicy {
            nat64: vec!["2a00:64::/96".parse().expect("a prefix")],
            ..AddressPolicy::default()
        };
        assert!(translated.check_ip(ip("2a00:64::7f00:1")).is_err());
        assert!(translated.check_ip(ip("2a00:64::1:0:0")).is_ok());
    }

    #[test]
    fn ipv4_agrees_with_a_table_written_otherwise() {
        let independent = |a: u32| {
            let [b0, b1, b2, b3] = a.to_be_bytes();
            !match b0 {
                0 | 10 | 127 | 224..=255 => true,
                100 => (64..128).contains(&b1),
                168 => (b1, b2, b3) == (63, 129, 16),
                169 => b1 == 254,
                172 => (16..32).contains(&b1),
                192 => {
                    b1 == 168
                        || matches!(
                            (b1, b2),
                            (0, 0 | 2) | (31, 196) | (52, 193) | (88, 99) | (175, 48)
                        )
                }
                198 => matches!(b1, 18 | 19) || (b1, b2) == (51, 100),
                203 => (b1, b2) == (0, 113),
                _ => false,
            }
        };
        let cloud = u32::from(Ipv4Addr::new(168, 63, 129, 0));
        let sampled = (0..=u32::MAX).step_by(4_093).chain(cloud..cloud + 256);
        // Every /24 is either wholly denied or wholly taken, but for the single cloud address.
        for address in sampled.chain((0..=0x00ff_ffff).step_by(7).map(|block: u32| block << 8)) {
            assert_eq!(
                is_public_v4(address.into()),
                independent(address),
                "{}",
                Ipv4Addr::from(address)
            );
        }
    }

    #[test]
    fn an_opened_network_takes_http_literals_and_any_port_and_nothing_beside_it() {
        let policy = open(&["127.0.0.0/8", "fd12::/16"]);
        for text in [
            "http://127.0.0.1:4000/x",
            "https://127.0.0.1/x",
            "http://[fd12::1]:81/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost:4000/x",
            "http://receiver/",
            "https://hooks.bank.example:4443/",
        ] {
            let target = policy
                .judge(text)
                .unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
            assert_eq!(target.reach, Reach::OpenedOnly, "{text}");
        }
        for (text, expected) in [
            ("http://10.0.0.1/", AddressRefusal::Scheme),
            ("https://10.0.0.1/", AddressRefusal::Literal),
            ("https://8.8.8.8/", AddressRefusal::Literal),
            ("http://[::1]/", AddressRefusal::Scheme),
            ("http://[64:ff9b::7f00:1]/", AddressRefusal::Scheme),
            ("ftp://127.0.0.1/", AddressRefusal::Scheme),
            ("http://127.0.0.1:0/", AddressRefusal::Port),
            ("http://u@127.0.0.1/", AddressRefusal::UserInfo),
            ("http://127.0.0.1/#x", AddressRefusal::Fragment),
        ] {
            assert_eq!(refused(&policy, text), Some(expected), "{text}");
        }
        let target = policy.judge("https://hooks.bank.example/").expect("strict");
        assert_eq!(target.reach, Reach::Public);
        assert!(
            policy
                .check_answer(ip("8.8.8.8"), Reach::OpenedOnly)
                .is_err()
        );
        assert!(policy.check_answer(ip("8.8.8.8"), Reach::Public).is_ok());
        assert!(policy.check_answer(ip("127.0.0.1"), Reach::Public).is_ok());
    }

    #[test]
    fn the_hub_never_sends_to_itself() {
        let policy = AddressPolicy {
            own: vec![ip("198.20.0.7"), ip("10.1.0.5"), ip("127.0.0.1")],
            own_names: vec!["Kairan.operator.example.".to_owned()],
            ..open(&["10.0.0.0/8", "127.0.0.1/32"])
        };
        for own in ["198.20.0.7", "::ffff:198.20.0.7", "10.1.0.5"] {
            assert_eq!(
                policy.check_ip(ip(own)),
                Err(AddressRefusal::Range),
                "{own}"
            );
        }
        assert!(
            policy.check_ip(ip("127.0.0.1")).is_ok(),
            "loopback is opened by the networks alone"
        );
        let strict = AddressPolicy {
            allowed: Vec::new(),
            ..policy
        };
        let refusal = refused(&strict, "https://kairan.operator.example/x");
        assert_eq!(refusal, Some(AddressRefusal::Range));
    }

    #[test]
    fn refusals_have_distinct_codes_and_tell_no_address() {
        let mut codes: Vec<_> = AddressRefusal::ALL
            .iter()
            .map(|refusal| refusal.code())
            .collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), AddressRefusal::ALL.len());
        for refusal in AddressRefusal::ALL {
            assert!(!refusal.to_string().contains("10."), "{refusal}");
        }
    }
}
