use super::*;
use crate::domain::proof::sample::{ORIGIN, signer, uid};
use crate::merkle::note::Signer;

fn at(minute: i64) -> Instant {
    Instant::from_micros(1_558_059_069_120_000 + minute * 60_000_000)
}

fn certified(number: i64) -> CertifiedNotice {
    CertifiedNotice {
        number,
        incident: "INC-2019-0003".into(),
        kind: "actual".into(),
        revision: number,
        notice: uid(4, 1),
        digest: Digest::of(b"object"),
        issued: at(number),
        level: "acknowledged".into(),
        level_at: at(number + 1),
    }
}

fn certificate() -> Certificate {
    Certificate {
        bank_code: "0117".into(),
        bank: uid(1, 7),
        as_of: at(30),
        issued: at(40),
        log: Checkpoint {
            origin: ORIGIN.into(),
            size: 1_234,
            root: [9; 32],
        },
        notices: vec![certified(1), certified(2)],
    }
}

fn key() -> Signer {
    signer("hub.operator.example/certificate", 3)
}

fn open(certificate: &Certificate) -> Result<Certificate, Finding> {
    let note = key().sign(&certificate.to_text()).expect("signs");
    Certificate::open(&note, key().verifier())
}

#[test]
fn a_certificate_reads_as_lines_and_comes_back() {
    insta::assert_snapshot!(certificate().to_text(), @r"
    kairan-certificate/v1
    bank 0117 01010101-0101-0101-0101-010101010107
    as-of 2019-05-17T02:41:09.120Z
    issued 2019-05-17T02:51:09.120Z
    log hub.operator.example/log/1 1234 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=
    notices 2 last-number 2
    1 INC-2019-0003 r1 04040404-0404-0404-0404-040404040401 sha-256:2958d416d08aa5a472d7b509036cb7eafd542add84527e66a145ea64cb4cdc75 issued 2019-05-17T02:12:09.120Z level acknowledged at 2019-05-17T02:13:09.120Z
    2 INC-2019-0003 r2 04040404-0404-0404-0404-040404040401 sha-256:2958d416d08aa5a472d7b509036cb7eafd542add84527e66a145ea64cb4cdc75 issued 2019-05-17T02:13:09.120Z level acknowledged at 2019-05-17T02:14:09.120Z
    ");
    assert_eq!(open(&certificate()), Ok(certificate()));
    let none = Certificate {
        notices: vec![],
        ..certificate()
    };
    assert!(none.to_text().ends_with("notices 0 last-number 0\n"));
    assert_eq!(open(&none), Ok(none));
}

#[test]
fn every_bit_of_a_certificate_counts() {
    let note = key().sign(&certificate().to_text()).expect("signs");
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(
                Certificate::open(&changed, key().verifier()).is_err(),
                "bit {bit} of byte {at}"
            );
        }
    }
    let other = signer("hub.operator.example/certificate", 4);
    assert_eq!(
        Certificate::open(&note, other.verifier())
            .expect_err("refused")
            .code,
        "signature"
    );
}

#[test]
fn even_under_the_right_key_a_certificate_has_no_holes_and_no_later_times() {
    let with = |change: fn(&mut Certificate)| {
        let mut changed = certificate();
        change(&mut changed);
        open(&changed).expect_err("refused").code
    };
    assert_eq!(with(|one| drop(one.notices.remove(0))), "numbers");
    assert_eq!(with(|one| one.notices[1].number = 3), "numbers");
    assert_eq!(with(|one| one.notices.swap(0, 1)), "numbers");
    assert_eq!(with(|one| one.notices[1].level_at = at(31)), "times");
    assert_eq!(with(|one| one.notices[1].issued = at(31)), "times");
    assert_eq!(with(|one| one.issued = at(29)), "times");
}

#[test]
fn a_text_has_one_spelling() {
    let text = certificate().to_text();
    for (from, to) in [
        ("v1\n", "v2\n"),
        (
            "as-of 2019-05-17T02:41:09.120Z",
            "as-of 2019-05-17T02:41:09Z",
        ),
        ("bank 0117 ", "bank 0117  "),
        ("notices 2", "notices 02"),
        ("notices 2", "notices 3"),
        ("last-number 2", "last-number 3"),
        (" 1234 ", " 01234 "),
        ("\n1 INC", "\n+1 INC"),
        (" r1 ", " r01 "),
        (" r1 ", " 1 "),
        (" level ", " Level "),
        ("\n2 INC", "\n\n2 INC"),
        ("09.120Z\n", "09.120Z\r\n"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Certificate::parse(&changed).is_err(), "{from} as {to}");
    }
    assert!(Certificate::parse(text.trim_end()).is_err());
    assert!(Certificate::parse("").is_err());
}
