//! Texts and bytes that are nearly right: each is refused, and says what is wrong with it.

use super::*;
use crate::merkle::checkpoint::{Checkpoint, NotACheckpoint, NotOpened};
use crate::merkle::tile::{Bundle, NotABundle, Tile, decode_bundle, decode_hashes, encode_bundle};
use crate::merkle::tlog_proof::{NotAProof, TlogProof};

#[test]
fn a_path_has_no_second_spelling() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile//000",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/+01",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000 ",
        "tile/0/x1/000",
        "tile/0/X001/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/data/000",
        "tile/0/xx001/000",
        "tile/0/000.p/5/",
        "tile/0/000.p/5.p/5",
        "tile/8/0/000",
    ] {
        assert_eq!(Tile::parse(path), None, "{path}");
        assert_eq!(
            Bundle::parse(&path.replacen('0', "entries", 1)),
            None,
            "{path}"
        );
    }
    let most = "tile/63/x018/x446/x744/x073/x709/x551/615.p/255";
    let most = Tile::parse(most).expect("the longest there is");
    assert_eq!((most.level, most.number, most.width), (63, u64::MAX, 255));
}

#[test]
fn tiles_and_bundles_of_no_or_too_many_things_are_refused() {
    for (count, fits) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(decode_hashes(&vec![7; count * 32]).is_some(), fits);
        assert_eq!(decode_bundle(&vec![0; count * 2]).is_ok(), fits);
        assert_eq!(encode_bundle(vec![[]; count]).is_ok(), fits);
    }
    assert_eq!(decode_hashes(&[7; 31]), None);
    assert_eq!(decode_hashes(&[7; 33]), None);
    assert_eq!(decode_bundle(&[0]), Err(NotABundle::Cut));
    assert_eq!(decode_bundle(&[0, 2, 7]), Err(NotABundle::Cut));
    assert_eq!(decode_bundle(&[]), Err(NotABundle::Count));
    let longest = vec![7; 65_535];
    let content = encode_bundle([&longest]).expect("the longest there may be");
    assert_eq!(decode_bundle(&content), Ok(vec![longest.as_slice()]));
    assert_eq!(encode_bundle([vec![7; 65_536]]), Err(NotABundle::Entry));
}

#[test]
fn a_checkpoint_says_what_is_wrong_with_it() {
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let other = "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=";
    for (text, fault) in [
        (String::new(), NotACheckpoint::Lines),
        ("o\n0\n".into(), NotACheckpoint::Lines),
        (format!("o\n0\n{root}"), NotACheckpoint::Lines),
        (format!("o\n0\n{root}\nextension\n"), NotACheckpoint::Lines),
        (format!("o\n0\n{root}\n\n"), NotACheckpoint::Lines),
        (format!("\n0\n{root}\n"), NotACheckpoint::Origin),
        (format!("o\r\n0\n{root}\n"), NotACheckpoint::Origin),
        (format!("o\n00\n{root}\n"), NotACheckpoint::Size),
        (format!("o\n05\n{root}\n"), NotACheckpoint::Size),
        (format!("o\n+5\n{root}\n"), NotACheckpoint::Size),
        (format!("o\n-5\n{root}\n"), NotACheckpoint::Size),
        (format!("o\n\n{root}\n"), NotACheckpoint::Size),
        (
            format!("o\n18446744073709551616\n{root}\n"),
            NotACheckpoint::Size,
        ),
        (format!("o\n5\n{}\n", &root[..43]), NotACheckpoint::Root),
        ("o\n5\nAAAA\n".into(), NotACheckpoint::Root),
        (format!("o\n5\n{} \n", root), NotACheckpoint::Root),
        (format!("o\n0\n{other}\n"), NotACheckpoint::EmptyRoot),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(fault), "{text:?}");
    }
    assert!(Checkpoint::parse(&format!("o\n0\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n18446744073709551615\n{other}\n")).is_ok());
}

#[test]
fn a_checkpoint_of_another_log_is_not_opened_though_the_key_signed_it() {
    let signer = signer("hub.example/log/1", KeyKind::Ed25519);
    let open = |origin: &str| {
        let (origin, root) = (origin.to_owned(), leaf(0));
        let text = Checkpoint {
            origin,
            size: 1,
            root,
        }
        .to_text();
        Checkpoint::open(&signer.sign(&text).expect("a text"), signer.verifier())
    };
    assert!(open("hub.example/log/1").is_ok());
    assert_eq!(
        open("hub.example/log/2"),
        Err(NotOpened::Origin("hub.example/log/2".into()))
    );
    let no_checkpoint = signer.sign("hello\n").expect("a text");
    assert_eq!(
        Checkpoint::open(&no_checkpoint, signer.verifier()),
        Err(NotOpened::NotACheckpoint(NotACheckpoint::Lines))
    );
}

#[test]
fn a_portable_proof_says_what_is_wrong_with_it() {
    let head = "c2sp.org/tlog-proof@v1";
    for (text, fault) in [
        (String::new(), NotAProof::Header),
        (head.into(), NotAProof::Header),
        (
            "c2sp.org/tlog-proof@v2\nindex 0\n\no\n".into(),
            NotAProof::Header,
        ),
        (format!(" {head}\nindex 0\n\no\n"), NotAProof::Header),
        (format!("{head}\n"), NotAProof::Index),
        (format!("{head}\n\n\no\n"), NotAProof::Index),
        (format!("{head}\nindex\n\no\n"), NotAProof::Index),
        (format!("{head}\nindex 00\n\no\n"), NotAProof::Index),
        (format!("{head}\nindex -1\n\no\n"), NotAProof::Index),
        (
            format!("{head}\nindex 18446744073709551616\n\no\n"),
            NotAProof::Index,
        ),
        (format!("{head}\nextra AAAA\n\no\n"), NotAProof::Index),
        (
            format!("{head}\nindex 0\nextra AAAA\n\no\n"),
            NotAProof::Path,
        ),
        (format!("{head}\nextra *\nindex 0\n\no\n"), NotAProof::Extra),
        (
            format!("{head}\nextra AAAA\nextra AAAA\nindex 0\n\no\n"),
            NotAProof::Index,
        ),
        (format!("{head}\nindex 0"), NotAProof::Index),
        (format!("{head}\nindex 0\nAAAA\n\no\n"), NotAProof::Path),
        (format!("{head}\nindex 0\n"), NotAProof::Path),
        (format!("{head}\nindex 0\n\n"), NotAProof::Checkpoint),
        (
            format!("{head}\nindex 0\n\n{}", "o".repeat(1_100_000)),
            NotAProof::Size,
        ),
    ] {
        assert_eq!(TlogProof::parse(&text), Err(fault), "{text:.80}");
    }
    assert!(TlogProof::parse(&format!("{head}\nindex 0\n\no\n")).is_ok());
}
