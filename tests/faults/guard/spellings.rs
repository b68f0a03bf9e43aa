//! Spellings of addresses that parsers, resolvers and IDNA take, each as a whole URL. None may be saved, and none may
//! be sent to if it stands in the database all the same.

use kairan::domain::address::{AddressPolicy, Reach};

/// A denied range as nftables knows it, hosts inside it as they may be written, and whether TCP can go there at all.
pub struct Denied {
    pub range: &'static str,
    pub hosts: &'static [&'static str],
    pub reachable: bool,
}

const fn denied(range: &'static str, hosts: &'static [&'static str]) -> Denied {
    Denied {
        range,
        hosts,
        reachable: true,
    }
}

/// To these no connection can be opened, whatever the guard says.
const fn unreachable(range: &'static str, hosts: &'static [&'static str]) -> Denied {
    Denied {
        range,
        hosts,
        reachable: false,
    }
}

pub const DENIED: [Denied; 34] = [
    // The first of them the kernel takes as this host.
    denied(
        "0.0.0.0/8",
        &["0.0.0.0", "0", "0x0", "00000", "0.0", "0.0.0.1", "0.1"],
    ),
    denied(
        "10.0.0.0/8",
        &["10.0.0.1", "012.0.0.1", "0xa000001", "167772161", "10.1"],
    ),
    denied("100.64.0.0/10", &["100.64.0.1", "1681915905", "0x64400001"]),
    denied(
        "127.0.0.0/8",
        &[
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
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "127．0．0．1",
            "127｡0｡0｡1",
            "①②⑦.⓪.⓪.①",
            "0x7f。1",
            "127.255.255.254",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
        ],
    ),
    denied("168.63.129.16", &["168.63.129.16", "0xa83f8110"]),
    denied(
        "169.254.0.0/16",
        &[
            "169.254.169.254",
            "2852039166",
            "0xA9.0xFE.0xA9.0xFE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "[::ffff:a9fe:a9fe]",
        ],
    ),
    denied("172.16.0.0/12", &["172.16.0.1", "172.1048577", "0254.16.1"]),
    denied("192.0.0.0/24", &["192.0.0.192", "192.192"]),
    denied("192.0.2.0/24", &["192.0.2.1", "192.0.513"]),
    denied("192.31.196.0/24", &["192.31.196.1"]),
    denied("192.52.193.0/24", &["192.52.193.1"]),
    denied("192.88.99.0/24", &["192.88.99.1"]),
    denied(
        "192.168.0.0/16",
        &["192.168.1.1", "192.168.257", "0300.0250.1.1"],
    ),
    denied("192.175.48.0/24", &["192.175.48.1"]),
    denied("198.18.0.0/15", &["198.18.0.1", "198.19.255.255"]),
    denied("198.51.100.0/24", &["198.51.100.1"]),
    denied("203.0.113.0/24", &["203.0.113.1"]),
    unreachable("224.0.0.0/4", &["224.0.0.1", "239.255.255.250"]),
    denied("240.0.0.0/4", &["240.0.0.1", "0xf0000001"]),
    denied("::1", &["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"]),
    denied("::7f00:1", &["[::127.0.0.1]"]),
    denied("64:ff9b::/96", &["[64:ff9b::127.0.0.1]"]),
    denied("64:ff9b:1::/48", &["[64:ff9b:1::1]"]),
    denied("100::/64", &["[100::1]"]),
    denied("2001::/23", &["[2001:0:4136:e378::1]", "[2001:20::1]"]),
    denied("2001:db8::/32", &["[2001:db8::1]"]),
    denied("2002::/16", &["[2002:7f00:1::1]"]),
    denied("2620:4f:8000::/48", &["[2620:4f:8000::1]"]),
    denied("3fff::/20", &["[3fff::1]"]),
    denied("5f00::/16", &["[5f00::1]"]),
    denied("fc00::/7", &["[fd00:ec2::254]", "[fd20:ce::254]"]),
    // Without a zone they lead nowhere, and a zone is refused.
    unreachable("fe80::/10", &["[fe80::1]", "[fe80::5efe:10.0.0.1]"]),
    denied("fec0::/10", &["[fec0::1]"]),
    unreachable("ff00::/8", &["[ff02::1]"]),
];

/// What leads to a denied address by a way round, or to none.
pub const TRICKS: [&str; 39] = [
    "http://127.0.0.1/",
    "HTTPS://127.0.0.1",
    "https:/127.0.0.1/",
    "https:127.0.0.1/",
    "https:///127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "//127.0.0.1/",
    " https://127.0.0.1/",
    "https://127.0.0.1/\n",
    "https://127.0.0.1\t/",
    "ht\ntps://127.0.0.1/",
    "https://127.0.0.1:443/",
    "https://127.0.0.1:8443/",
    "https://127.0.0.1:00443/",
    "https://127.0.0.1:80/",
    "https://user@127.0.0.1/",
    "https://@127.0.0.1/",
    "https://hooks.bank.example@127.0.0.1/",
    "https://hooks.bank.example:443@127.0.0.1:443/",
    "https://127.0.0.1\\@hooks.bank.example/",
    "https://hooks.bank.example\\@127.0.0.1/",
    "https://127.0.0.1#@hooks.bank.example/",
    "https://127.0.0.1?@hooks.bank.example/",
    "https://127.0.0.1%00.bank.example/",
    "https://127.0.0.1%2f.bank.example/",
    "https://127.0.0.1%09/",
    "https://[fe80::1%25far]/",
    "https://[fe80::1%far]/",
    "https://[::1%25lo]/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://ｌｏｃａｌｈｏｓｔ/",
    "https://%6c%6f%63%61%6c%68%6f%73%74/",
    "https://hooks.localhost/",
    "https://metadata.google.internal/",
    "https://1.0.0.127.in-addr.arpa/",
    "gopher://127.0.0.1:443/",
    "file:///etc/passwd",
];

/// All of them as URLs.
pub fn every() -> Vec<String> {
    let hosts = DENIED.iter().flat_map(|one| one.hosts);
    let literal = hosts.map(|host| format!("https://{host}/hook"));
    literal.chain(TRICKS.map(str::to_owned)).collect()
}

#[test]
fn no_spelling_of_a_denied_address_can_be_saved() {
    let other: Vec<_> = ["192.168.7.0/24", "2a00:7::/32"]
        .iter()
        .map(|network| network.parse().expect("a network"))
        .collect();
    let opened = AddressPolicy {
        allowed: other,
        ..AddressPolicy::default()
    };
    for url in every() {
        assert!(AddressPolicy::default().check_url(&url).is_err(), "{url:?}");
        // Where other networks are opened, a bare name may be saved, to be judged by what it leads to.
        let taken = opened.judge(&url).ok();
        let strict = taken.filter(|target| target.reach == Reach::Public);
        assert_eq!(strict, None, "{url:?}");
    }
    for good in [
        "https://hooks.bank.example/x",
        "https://hooks.bank.example:8443/x",
        "https://回覧.example/受付",
        "https://hooks.bank.example./x",
    ] {
        assert!(AddressPolicy::default().check_url(good).is_ok(), "{good}");
    }
}
