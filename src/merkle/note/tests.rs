//! The rules of C2SP signed-note and tlog-cosignature, one by one.

use super::*;
use proptest::prelude::*;

const TEXT: &str = "hub.example/log/1\n1\nAAAA\n";

fn name(text: &str) -> KeyName {
    KeyName::parse(text).expect("a name")
}

fn signer(named: &str, kind: KeyKind, seed: u8) -> Signer {
    Signer::new(name(named), kind, &[seed; 32])
}

fn hub() -> Signer {
    signer("hub.example/log/1", KeyKind::Ed25519, 1)
}

fn bank() -> Signer {
    signer("0117.hub.example/witness", KeyKind::Cosignature, 2)
}

fn note_of(text: &str, lines: &[String]) -> Note {
    Note::parse(format!("{text}\n{}", lines.concat()).as_bytes()).expect("a note")
}

fn line(signer: &Signer) -> String {
    signer.line(TEXT).expect("a text")
}

fn cosigned(signer: &Signer, seconds: u64) -> String {
    signer.cosign(TEXT, seconds).expect("a text")
}

fn keys(signers: &[&Signer]) -> Vec<VerifierKey> {
    signers.iter().map(|one| one.verifier().clone()).collect()
}

#[test]
fn a_name_holds_no_space_of_any_script_no_plus_and_no_control_character() {
    for good in [
        "a",
        "hub.example/log/1",
        "東京.example/口座",
        "0117.hub/ack",
        "-",
    ] {
        assert_eq!(
            KeyName::parse(good).map(|name| name.to_string()),
            Ok(good.into())
        );
    }
    let bad = [
        "",
        " ",
        "a b",
        "a+b",
        "a\nb",
        "a\tb",
        "a\u{a0}b",
        "a\u{3000}b",
        "a\u{2028}",
        "\u{1}",
    ];
    for bad in bad {
        assert_eq!(KeyName::parse(bad), Err(NotAKey::Name), "{bad:?}");
    }
}

#[test]
fn a_verifier_key_says_what_is_wrong_with_it() {
    let good = hub().verifier().to_string();
    let parts: Vec<&str> = good.splitn(3, '+').collect();
    let (id, encoded) = (parts[1], parts[2]);
    assert!(good.parse::<VerifierKey>().is_ok());
    let with = |payload: &[u8]| format!("a+00000000+{}", STANDARD.encode(payload));
    let weak = [[1].as_slice(), &[1], &[0; 31]].concat();
    let no_point = [[1].as_slice(), &[2], &[0; 31]].concat();
    for (text, fault) in [
        (String::new(), NotAKey::Form),
        ("hub.example".into(), NotAKey::Form),
        ("hub.example+00000000".into(), NotAKey::Form),
        (format!("a+00000000+{encoded} "), NotAKey::Form),
        (format!("+00000000+{encoded}"), NotAKey::Name),
        (format!("a b+00000000+{encoded}"), NotAKey::Name),
        (with(&[]), NotAKey::Form),
        (with(&[2; 33]), NotAKey::Kind),
        (with(&[6; 1313]), NotAKey::Kind),
        (with(&[1; 32]), NotAKey::Key),
        (with(&[1; 34]), NotAKey::Key),
        (with(&weak), NotAKey::Key),
        (with(&no_point), NotAKey::Key),
        (format!("a+00000000+{encoded}"), NotAKey::Id),
        (good.replacen(id, &id.to_uppercase(), 1), NotAKey::Id),
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(fault), "{text}");
    }
}

#[test]
fn a_note_says_what_is_wrong_with_it() {
    let line = line(&hub());
    for (note, fault) in [
        (String::new(), NotANote::Parts),
        (TEXT.into(), NotANote::Parts),
        (format!("{TEXT}{line}"), NotANote::Parts),
        (format!("{TEXT}\n"), NotANote::Line),
        (format!("{TEXT}\n\n"), NotANote::Line),
        (format!("{TEXT}\n{}", line.trim_end()), NotANote::Line),
        (format!("{TEXT}\n{line}more\n"), NotANote::Line),
        (
            format!("{TEXT}\n{}", line.replace('—', "-")),
            NotANote::Line,
        ),
        (
            format!("{TEXT}\n{}", line.replace("— ", "—  ")),
            NotANote::Line,
        ),
        (
            format!("{TEXT}\n{}", line.replace('\n', " \n")),
            NotANote::Line,
        ),
        (format!("{TEXT}\n— a+b AAAAAAA=\n"), NotANote::Line),
        // No more than the key's id; base64 without padding, and with bits left over.
        (format!("{TEXT}\n— a AAAAAA==\n"), NotANote::Line),
        (format!("{TEXT}\n— a AAAAAAA\n"), NotANote::Line),
        (format!("{TEXT}\n— a AAAAAAB=\n"), NotANote::Line),
        (format!("{TEXT}\r\n\n{line}"), NotANote::Characters),
        (format!("\0{TEXT}\n{line}"), NotANote::Characters),
    ] {
        assert_eq!(Note::parse(note.as_bytes()), Err(fault), "{note:?}");
    }
    let latin = [b"caf\xe9\n\n", line.as_bytes()].concat();
    assert_eq!(Note::parse(&latin), Err(NotANote::Characters));
}

#[test]
fn the_text_of_a_note_may_hold_empty_lines_and_what_looks_like_signatures() {
    let inner = hub().sign(TEXT).expect("a text");
    for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n\n", inner.as_str()] {
        let note = hub().sign(text).expect("a text");
        let parsed = Note::parse(note.as_bytes()).expect("a note");
        assert_eq!((parsed.text.as_str(), parsed.signatures.len()), (text, 1));
        assert!(parsed.verify(&keys(&[&hub()])).is_ok());
    }
}

#[test]
fn a_note_of_a_million_bytes_and_a_hundred_signatures_is_the_most_that_is_read() {
    let stranger = "— a AAAAAAA=\n";
    for (count, read) in [(1, true), (16, true), (100, true), (101, false)] {
        let note = format!("{TEXT}\n{}", stranger.repeat(count));
        let expected = if read {
            Ok(count)
        } else {
            Err(NotANote::Signatures)
        };
        let parsed = Note::parse(note.as_bytes());
        assert_eq!(parsed.map(|note| note.signatures.len()), expected);
    }
    let of = |bytes: usize| {
        let text = "x".repeat(bytes - stranger.len() - 2);
        let note = format!("{text}\n\n{stranger}");
        assert_eq!(note.len(), bytes);
        Note::parse(note.as_bytes()).map(drop)
    };
    assert_eq!(
        (of(1_000_000), of(1_000_001)),
        (Ok(()), Err(NotANote::Size))
    );
}

#[test]
fn strangers_are_passed_over_and_a_note_by_strangers_alone_is_not_believed() {
    let other_key = signer("hub.example/log/1", KeyKind::Ed25519, 9);
    let other_name = signer("elsewhere.example/log", KeyKind::Ed25519, 1);
    let known = keys(&[&hub()]);
    let strangers = [line(&other_key), line(&other_name)];
    assert_eq!(
        note_of(TEXT, &strangers).verify(&known),
        Err(BadNote::Unknown)
    );
    let [first, second] = strangers;
    let verified = note_of(TEXT, &[first, line(&hub()), second]).verify(&known);
    assert_eq!(verified.expect("one is known").len(), 1);
    assert_eq!(
        note_of(TEXT, &[line(&hub())]).verify(&[]),
        Err(BadNote::Unknown)
    );
}

#[test]
fn one_known_key_whose_signature_does_not_hold_spoils_the_note() {
    let forged = hub().line("another text\n").expect("a text");
    let known = keys(&[&hub(), &bank()]);
    let spoiled = |signer: &Signer| {
        let (name, id) = (signer.verifier().name().clone(), signer.verifier().id());
        Err(BadNote::Spoiled { name, id })
    };
    let good = cosigned(&bank(), 7);
    let note = note_of(TEXT, &[good.clone(), forged.clone()]);
    assert_eq!(note.verify(&known), spoiled(&hub()));
    // Also where the same key has signed well before.
    let note = note_of(TEXT, &[line(&hub()), good, forged]);
    assert_eq!(note.verify(&known), spoiled(&hub()));
    // A signature cut short, and one that goes on.
    for signature in [&line(&hub()), &cosigned(&bank(), 7)] {
        let mut note = note_of(TEXT, std::slice::from_ref(signature));
        assert!(note.verify(&known).is_ok());
        note.signatures[0].bytes.push(0);
        assert!(note.verify(&known).is_err());
        note.signatures[0].bytes.truncate(63);
        assert!(note.verify(&known).is_err());
        note.signatures[0].bytes.truncate(7);
        assert!(note.verify(&known).is_err());
    }
}

#[test]
fn a_key_that_signed_twice_is_one_signer() {
    let note = note_of(
        TEXT,
        &[cosigned(&bank(), 7), cosigned(&bank(), 9), line(&hub())],
    );
    let verified = note
        .verify(&keys(&[&hub(), &bank(), &hub()]))
        .expect("signed");
    let times: Vec<Option<u64>> = verified.iter().map(|one| one.time).collect();
    assert_eq!(times, [Some(7), None]);
}

#[test]
fn a_cosignature_holds_for_its_time_its_text_and_its_kind_of_key_alone() {
    let known = keys(&[&bank()]);
    let verify = |note: &Note| note.verify(&known).is_ok();
    for seconds in [0, 1_700_000_000, i64::MAX as u64] {
        let mut note = note_of(TEXT, &[cosigned(&bank(), seconds)]);
        assert!(verify(&note));
        note.signatures[0].bytes[7] ^= 1;
        assert!(!verify(&note));
    }
    assert!(!verify(&note_of("another\n", &[cosigned(&bank(), 7)])));
    // The same private key as a plain signer over what a cosigner signs: another id, another kind.
    let plain = signer("0117.hub.example/witness", KeyKind::Ed25519, 2);
    let signed = format!("cosignature/v1\ntime 7\n{TEXT}");
    let mut note = note_of(TEXT, &[plain.line(&signed).expect("a text")]);
    assert!(!verify(&note));
    let bare = note.signatures[0].bytes.clone();
    note.signatures[0].id = bank().verifier().id();
    assert!(!verify(&note));
    note.signatures[0].bytes = [&7_u64.to_be_bytes(), bare.as_slice()].concat();
    assert!(verify(&note), "as it would be put together by hand");
}

#[test]
fn a_signer_refuses_what_no_verifier_would_take() {
    let late = i64::MAX as u64 + 1;
    assert_eq!(bank().cosign(TEXT, late), Err(Unsignable::Time));
    assert_eq!(bank().cosign(TEXT, u64::MAX), Err(Unsignable::Time));
    assert_eq!(bank().sign(TEXT), Err(Unsignable::Kind));
    assert_eq!(bank().line(TEXT), Err(Unsignable::Kind));
    assert_eq!(hub().cosign(TEXT, 7), Err(Unsignable::Kind));
    for text in ["", "no newline", "tab\t\n", "\u{1}\n", "\r\n"] {
        assert_eq!(hub().sign(text), Err(Unsignable::Text), "{text:?}");
        assert_eq!(hub().line(text), Err(Unsignable::Text), "{text:?}");
        assert_eq!(bank().cosign(text, 7), Err(Unsignable::Text), "{text:?}");
    }
}

#[test]
fn a_time_that_no_cosigner_may_tell_is_not_believed_even_if_signed() {
    let late = i64::MAX as u64 + 1;
    let plain = signer("0117.hub.example/witness", KeyKind::Ed25519, 2);
    let by_hand = |seconds: u64| {
        let signed = format!("cosignature/v1\ntime {seconds}\n{TEXT}");
        let mut note = note_of(TEXT, &[plain.line(&signed).expect("a text")]);
        let signature = &mut note.signatures[0];
        signature.id = bank().verifier().id();
        signature.bytes = [&seconds.to_be_bytes(), signature.bytes.as_slice()].concat();
        note.verify(&keys(&[&bank()])).is_ok()
    };
    assert!(by_hand(late - 1) && !by_hand(late));
}

/// The order of the group: adding it to the scalar of a signature gives another spelling of the same.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn a_signature_has_no_second_spelling() {
    let mut note = note_of(TEXT, &[line(&hub())]);
    let mut carry = 0;
    for (byte, added) in note.signatures[0].bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(note.verify(&keys(&[&hub()])).is_err());
}

/// Made with the private key of [`hub`] over [`TEXT`], with the neutral point where a random one belongs:
/// the equation of RFC 8032 holds, and a lax verifier takes it.
const LAX: &str =
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADy4+5+PyHfBCecBMxagtDRnNnxIT2jWLM+gVW05r+SDw==";

#[test]
fn a_signature_that_only_lax_verifiers_take_is_refused() {
    let mut note = note_of(TEXT, &[line(&hub())]);
    note.signatures[0].bytes = STANDARD.decode(LAX).expect("base64");
    assert!(note.verify(&keys(&[&hub()])).is_err());
    let lax = ed25519_dalek::VerifyingKey::from_bytes(hub().verifier().as_bytes()).expect("a key");
    let signature = note.signatures[0]
        .bytes
        .as_slice()
        .try_into()
        .expect("64 bytes");
    assert!(ed25519_dalek::Verifier::verify(&lax, TEXT.as_bytes(), &signature).is_ok());
}

#[test]
fn a_private_key_is_never_printed() {
    let signer = signer("a", KeyKind::Ed25519, 0xab);
    let printed = format!("{signer:?}");
    assert_eq!(printed, format!("Signer({}, redacted)", signer.verifier()));
    assert!(!printed.contains("abab") && !printed.contains("171"));
}

proptest! {
    #[test]
    fn whatever_is_signed_is_read_verified_and_printed_as_it_was(
        text in "([ -~é—\n]{0,40}\n){1,4}",
        named in "[a-z0-9./é]{1,20}",
        seed: [u8; 32],
        seconds in 0..=i64::MAX as u64,
    ) {
        let plain = Signer::new(name(&named), KeyKind::Ed25519, &seed);
        let cosigner = Signer::new(name(&named), KeyKind::Cosignature, &seed);
        let signed = plain.sign(&text).expect("a text") + &cosigner.cosign(&text, seconds).expect("a text");
        let note = Note::parse(signed.as_bytes()).expect("a note");
        prop_assert_eq!(&note.text, &text);
        prop_assert_eq!(note.to_string(), signed);
        let verified = note.verify(&keys(&[&cosigner, &plain])).expect("signed");
        prop_assert_eq!(verified[0].time, None);
        prop_assert_eq!(verified[1].time, Some(seconds));
        let vkey = cosigner.verifier().to_string();
        prop_assert_eq!(vkey.parse::<VerifierKey>(), Ok(cosigner.verifier().clone()));
    }

    #[test]
    fn bytes_that_pass_for_a_note_are_printed_as_they_were(
        bytes in "[ab \n—+=]{0,60}(\n\n|\n)(— [ab+ ]{1,3} [A-D]{4,12}={0,2}\n?){0,3}",
    ) {
        if let Ok(note) = Note::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_string(), bytes);
        }
    }
}
