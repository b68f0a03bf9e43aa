//! The signed acknowledgement: "received" under a bank's own key, bound to one notice and its digest, with the
//! head of the log that the bank had seen. A signed note (C2SP signed-note, Ed25519) of nine lines. Knows no
//! register and no clock: whose keys they are, and whether the time can be, is judged by the caller.

use super::signing_key::MAX_NOTE_BYTES;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::text;
use crate::merkle::note::{Note, Signer, Unsignable, VerifierKey};
use crate::merkle::{self, Hash};
use base64::prelude::*;

const FORMAT: &str = "kairan-ack/v1";

/// Characters of the person's name and of the role, at most.
const MAX_CHARS: usize = 120;

/// What a bank's key says of one notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckNote {
    pub notice: Uid,
    /// The notice's number in the bank's own row.
    pub number: i64,
    /// SHA-256 of the notice object's exact bytes.
    pub digest: Digest,
    /// Leaves of the tree at the checkpoint that came with the notice; 0 where it came unsealed.
    pub size: u64,
    /// That checkpoint's root; the root of the empty tree where it came unsealed.
    pub root: Hash,
    /// Who received it, one line.
    pub person: String,
    pub role: String,
    /// When it was signed, in whole milliseconds.
    pub at: Instant,
}

/// Why a text is not an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAcknowledgement {
    #[error("an acknowledgement is nine lines that begin with kairan-ack/v1 and end in a newline")]
    Lines,
    #[error("the line of the {0} is not in its one spelling")]
    Line(&'static str),
}

/// Why a note acknowledges nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAcknowledgement {
    #[error("not a signed note of at most 4096 bytes (C2SP signed-note)")]
    Form,
    #[error("not signed by a live acknowledgement key of the bank, or changed afterwards")]
    Signature,
    #[error(transparent)]
    Text(#[from] NotAnAcknowledgement),
}

/// The text, if it is one line in the spelling in which it would be kept.
fn one_line(text: &str) -> Option<String> {
    text::line(text, MAX_CHARS).ok().filter(|kept| kept == text)
}

impl AckNote {
    /// The one spelling, each line with its newline.
    pub fn to_text(&self) -> String {
        let lines = [
            FORMAT.to_owned(),
            self.notice.to_string(),
            self.number.to_string(),
            self.digest.to_string(),
            self.size.to_string(),
            BASE64_STANDARD.encode(self.root),
            self.person.clone(),
            self.role.clone(),
            self.at.to_millis_string(),
        ];
        lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect()
    }

    /// Takes exactly what `to_text` prints.
    pub fn parse(text: &str) -> Result<Self, NotAnAcknowledgement> {
        use NotAnAcknowledgement::{Line, Lines};
        let lines: Vec<&str> = text.split('\n').collect();
        let [
            FORMAT,
            notice,
            number,
            digest,
            size,
            root,
            person,
            role,
            at,
            "",
        ] = lines.as_slice()
        else {
            return Err(Lines);
        };
        let decoded = BASE64_STANDARD.decode(root).map_err(|_| Line("root"))?;
        let found = Self {
            notice: notice.parse().map_err(|_| Line("notice"))?,
            number: number.parse().map_err(|_| Line("number"))?,
            digest: digest.parse().map_err(|_| Line("digest"))?,
            size: size.parse().map_err(|_| Line("size"))?,
            root: decoded.try_into().map_err(|_| Line("root"))?,
            person: one_line(person).ok_or(Line("person"))?,
            role: one_line(role).ok_or(Line("role"))?,
            at: Entered::parse(at).map_err(|_| Line("time"))?.at,
        };
        // A checkpoint's size is below 2^63 (C2SP tlog-checkpoint).
        if i64::try_from(found.size).is_err() || found.size.to_string() != *size {
            return Err(Line("size"));
        }
        if found.number.to_string() != *number {
            return Err(Line("number"));
        }
        if found.at.to_millis_string() != *at {
            return Err(Line("time"));
        }
        // Whatever else could be written in two ways.
        if found.to_text() == text {
            Ok(found)
        } else {
            Err(Lines)
        }
    }

    /// The signed note; refuses a person or role that is not one line.
    pub fn sign(&self, signer: &Signer) -> Result<String, Unsignable> {
        let text = self.to_text();
        Self::parse(&text).map_err(|_| Unsignable::Text)?;
        signer.sign(&text)
    }

    /// What a note says, if at least one of these keys signed it. Signatures of other keys are passed over, as
    /// C2SP signed-note asks; one of these keys that does not hold spoils the note.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, BadAcknowledgement> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(BadAcknowledgement::Form);
        }
        let note = Note::parse(note.as_bytes()).map_err(|_| BadAcknowledgement::Form)?;
        note.verify(keys)
            .map_err(|_| BadAcknowledgement::Signature)?;
        Ok(Self::parse(&note.text)?)
    }

    /// The notice had come without a checkpoint.
    pub fn is_unsealed(&self) -> bool {
        self.size == 0 && self.root == merkle::empty_root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proof::signing_key::key_name;
    use crate::merkle::note::KeyKind;

    fn said() -> AckNote {
        AckNote {
            notice: Uid::from_bytes([7; 16]),
            number: 42,
            digest: Digest::of(b"the notice object"),
            size: 1_235,
            root: [9; 32],
            person: "高橋 健".into(),
            role: "当直".into(),
            at: Instant::from_micros(1_558_059_069_120_000),
        }
    }

    fn signer(code: &str, seed: u8) -> Signer {
        let name = key_name(code, "kairan.operator.example").expect("a name");
        Signer::new(name, KeyKind::Ed25519, &[seed; 32])
    }

    #[test]
    fn an_acknowledgement_reads_as_nine_lines() {
        insta::assert_snapshot!(said().to_text(), @r"
        kairan-ack/v1
        07070707-0707-0707-0707-070707070707
        42
        sha-256:89e915936ce73a895682c9d71b6e949b9bab67768e2c22cc29ce85af8e28f5e5
        1235
        CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=
        高橋 健
        当直
        2019-05-17T02:11:09.120Z
        ");
    }

    #[test]
    fn every_line_has_one_spelling() {
        let text = said().to_text();
        assert_eq!(AckNote::parse(&text), Ok(said()));
        let with = |from: &str, to: &str| text.replacen(from, to, 1);
        for (bad, why) in [
            (with("kairan-ack/v1", "kairan-ack/v2"), "nine lines"),
            (text.trim_end().to_owned(), "nine lines"),
            (format!("{text}\n"), "nine lines"),
            (with("\n42\n", "\n42\n\n"), "nine lines"),
            (with("07070707-", "07070707"), "notice"),
            (with("\n42\n", "\n042\n"), "number"),
            (with("\n42\n", "\n+42\n"), "number"),
            (with("sha-256:", "SHA-256:"), "digest"),
            (with("\n1235\n", "\n01235\n"), "size"),
            (with("\n1235\n", "\n9223372036854775808\n"), "size"),
            (with("\n1235\n", "\n-1\n"), "size"),
            (with("CQk=\n", "CQl=\n"), "root"),
            (with("CQk=\n", "CQk\n"), "root"),
            (with("高橋 健", " 高橋 健"), "person"),
            (with("高橋 健", ""), "person"),
            (with("高橋 健", "か\u{3099}"), "person"),
            (with("高橋 健", "高\u{202e}橋"), "person"),
            (with("当直", &"長".repeat(121)), "role"),
            (with(".120Z", "Z"), "time"),
            (with(".120Z", ".120+00:00"), "time"),
            (with("T02", "t02"), "time"),
        ] {
            let fault = AckNote::parse(&bad).expect_err(&bad);
            assert!(fault.to_string().contains(why), "{bad:?}: {fault}");
        }
    }

    #[test]
    fn a_name_that_is_no_line_is_never_signed() {
        let forged = AckNote {
            person: "高橋\n当直".into(),
            ..said()
        };
        assert_eq!(forged.sign(&signer("0117", 1)), Err(Unsignable::Text));
    }

    #[test]
    fn every_changed_byte_of_a_note_is_seen() {
        let keys = [signer("0117", 1).verifier().clone()];
        let note = said().sign(&signer("0117", 1)).expect("signed");
        assert_eq!(AckNote::open(&note, &keys), Ok(said()));
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(
                    AckNote::open(&changed, &keys).is_err(),
                    "bit {bit} of byte {at}"
                );
            }
        }
        for end in 0..note.len() {
            let cut = note.get(..end).unwrap_or_default();
            assert!(AckNote::open(cut, &keys).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_foreign_line_is_passed_over_and_an_own_one_that_does_not_hold_spoils_the_note() {
        let (own, text) = (signer("0117", 1), said().to_text());
        let note = own.sign(&text).expect("signed");
        let keys = [own.verifier().clone()];
        let spare = signer("0118", 2).line(&text).expect("signed");
        assert_eq!(AckNote::open(&format!("{note}{spare}"), &keys), Ok(said()));
        let foreign = signer("0118", 2).sign(&text).expect("signed");
        let refused = AckNote::open(&foreign, &keys);
        assert_eq!(refused, Err(BadAcknowledgement::Signature));
        let of_another_text = own.line("another text\n").expect("signed");
        let spoiled = AckNote::open(&format!("{note}{of_another_text}"), &keys);
        assert_eq!(spoiled, Err(BadAcknowledgement::Signature));
        // The same private key under another bank's name.
        let renamed = signer("0118", 1).sign(&text).expect("signed");
        assert!(AckNote::open(&renamed, &keys).is_err());
    }

    #[test]
    fn what_came_without_a_checkpoint_says_so() {
        let unsealed = AckNote {
            size: 0,
            root: merkle::empty_root(),
            ..said()
        };
        assert!(unsealed.is_unsealed() && !said().is_unsealed());
        assert!(!AckNote { size: 0, ..said() }.is_unsealed());
        assert_eq!(AckNote::parse(&unsealed.to_text()), Ok(unsealed));
    }
}
