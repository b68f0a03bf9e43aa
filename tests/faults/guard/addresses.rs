//! Every address, against the registries of special-purpose addresses (RFC 6890 as amended), written here as they
//! are printed: first and last. Whatever has an entry is denied, also where the registry calls it reachable.

use kairan::domain::address::AddressPolicy;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// In ascending order. The address of a cloud's own services stands in no registry.
const SPECIAL_V4: [(&str, &str); 19] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

/// What is not global unicast, and within it what is not another party's host.
const SPECIAL_V6: [(&str, &str); 7] = [
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// What the guard says of these addresses and the table does not; the first few.
fn quarrels(special: &[(u32, u32)], addresses: impl Iterator<Item = u32>) -> Vec<String> {
    let policy = AddressPolicy::default();
    let mut range = 0;
    let mut found = Vec::new();
    for address in addresses {
        // Addresses come in ascending order, or one at a time.
        if special.get(range).is_none_or(|(first, _)| *first > address) {
            range = 0;
        }
        while special.get(range).is_some_and(|(_, last)| *last < address) {
            range += 1;
        }
        let denied = special
            .get(range)
            .is_some_and(|(first, _)| *first <= address);
        let known = Ipv4Addr::from_bits(address);
        if policy.check_ip(IpAddr::V4(known)).is_err() != denied {
            found.push(format!("{known}: the table says denied = {denied}"));
            if found.len() == 5 {
                break;
            }
        }
    }
    found
}

fn table_v4() -> Vec<(u32, u32)> {
    let bits = |text: &str| text.parse::<Ipv4Addr>().expect("an address").to_bits();
    SPECIAL_V4
        .iter()
        .map(|(first, last)| (bits(first), bits(last)))
        .collect()
}

/// SplitMix64, for an address that nobody chose.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn every_ipv4_address_is_judged_as_the_registries_have_it() {
    let special = table_v4();
    // All of each block of 256 that a range begins or ends in or beside, which holds every edge there is.
    let edges = special.iter().flat_map(|(first, last)| {
        let block = |bits: u32| (bits & !0xff)..=(bits | 0xff);
        [
            first.saturating_sub(1),
            *first,
            *last,
            last.saturating_add(1),
        ]
        .into_iter()
        .flat_map(block)
    });
    assert_eq!(quarrels(&special, edges), [""; 0]);
    // Of every block some address, or all of them.
    let all = std::env::var_os("KAIRAN_FAULTS_LONG").is_some();
    let in_block = move |block: u32| {
        let some = block << 8 | (mixed(block.into()) & 0xff) as u32;
        let (first, last) = if all {
            (block << 8, block << 8 | 0xff)
        } else {
            (some, some)
        };
        first..=last
    };
    let halves = [0..0x80_0000, 0x80_0000..0x100_0000_u32];
    let found: Vec<String> = std::thread::scope(|scope| {
        let tried = halves.map(|blocks| {
            let special = &special;
            scope.spawn(move || quarrels(special, blocks.flat_map(in_block)))
        });
        tried
            .into_iter()
            .flat_map(|one| one.join().expect("no panic"))
            .collect()
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_table_with_a_wrong_edge_is_found_out() {
    for (n, (first, last)) in table_v4().into_iter().enumerate() {
        for wrong in [
            (first.saturating_add(1), last),
            (first, last.saturating_sub(1)),
        ] {
            let mut doctored = table_v4();
            doctored[n] = wrong;
            let edges = [first, last].into_iter();
            assert!(!quarrels(&doctored, edges).is_empty(), "range {n}");
        }
    }
}

#[test]
fn ipv6_is_judged_as_the_registries_have_it() {
    let bits = |text: &str| text.parse::<Ipv6Addr>().expect("an address").to_bits();
    let special = SPECIAL_V6.map(|(first, last)| (bits(first), bits(last)));
    let edges = special
        .iter()
        .flat_map(|(first, last)| [first.wrapping_sub(1), *first, *last, last.wrapping_add(1)]);
    let anywhere = (0..200_000_u64).map(|n| {
        let random = u128::from(mixed(2 * n)) << 64 | u128::from(mixed(2 * n + 1));
        // Most of them where something is allowed.
        if n % 4 == 0 {
            random
        } else {
            random >> 3 | 1 << 125
        }
    });
    let near = special.iter().flat_map(|(first, last)| {
        (0..500_u64).flat_map(move |n| {
            let step = u128::from(mixed(n)) << 32;
            [
                first.wrapping_add(step),
                first.wrapping_sub(step),
                last.wrapping_add(step),
            ]
        })
    });
    let policy = AddressPolicy::default();
    for address in edges.chain(near).chain(anywhere) {
        let known = Ipv6Addr::from_bits(address);
        // Mapped addresses are IPv4, and judged as such below; ISATAP ids are denied anywhere.
        let isatap = matches!(known.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _]);
        if known.to_ipv4_mapped().is_some() || isatap {
            continue;
        }
        let denied = special
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&address));
        let refused = policy.check_ip(IpAddr::V6(known)).is_err();
        assert_eq!(refused, denied, "{known}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_one_never_opens_what_it_would_not_open_itself() {
    let policy = AddressPolicy {
        nat64: vec!["2a00:64::/96".parse().expect("a prefix")],
        ..AddressPolicy::default()
    };
    let special = table_v4();
    let inner = special
        .iter()
        .flat_map(|(first, last)| [*first, *last])
        .chain((0..2_000).map(|n| (mixed(n) >> 32) as u32));
    for v4 in inner {
        let embedded = u128::from(v4);
        let at = |text: &str, shift: u32| {
            let prefix: Ipv6Addr = text.parse().expect("a prefix");
            IpAddr::V6(Ipv6Addr::from_bits(prefix.to_bits() | embedded << shift))
        };
        let own = policy.check_ip(IpAddr::V4(Ipv4Addr::from_bits(v4)));
        assert_eq!(policy.check_ip(at("::ffff:0:0", 0)), own, "mapped");
        for (form, hidden) in [
            ("compatible", at("::", 0)),
            ("translated", at("::ffff:0:0:0", 0)),
            ("NAT64", at("64:ff9b::", 0)),
            ("local NAT64", at("64:ff9b:1::", 0)),
            ("this network's NAT64", at("2a00:64::", 0)),
            ("6to4", at("2002::", 80)),
            ("Teredo", at("2001::", 64)),
            ("ISATAP", at("2a00:1::5efe:0:0", 0)),
            ("ISATAP, universal", at("2a00:1::200:5efe:0:0", 0)),
        ] {
            assert!(policy.check_ip(hidden).is_err(), "{form}: {hidden}");
        }
    }
}
