//! A bank's own key for acknowledgements: what it is called, and the signed note in which it shows itself at
//! enrolment (C2SP signed-note, Ed25519). Knows no register, and not who may enrol.

use crate::domain::instant::{Entered, Instant};
use crate::merkle::note::{KeyName, NotAKey, Note, Signer, Unsignable, VerifierKey};

const FORMAT: &str = "kairan-key/v1";

/// No enrolment and no acknowledgement is longer, in bytes.
pub const MAX_NOTE_BYTES: usize = 4_096;

/// `<bank code>.<public host>/ack`.
pub fn key_name(code: &str, host: &str) -> Result<KeyName, NotAKey> {
    KeyName::parse(&format!("{code}.{host}/ack"))
}

/// Says, under the new key: this key is that bank's, at this hub, and was in its hands at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProof {
    /// The bank's code.
    pub code: String,
    /// The hub's public host.
    pub host: String,
    /// Written in whole milliseconds.
    pub at: Instant,
}

/// Why a note shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    #[error("not a signed note of at most 4096 bytes (C2SP signed-note)")]
    Form,
    #[error("not signed with this key, or changed afterwards")]
    Signature,
    #[error(
        "the text is four lines: kairan-key/v1, the bank's code, the hub's host, the time in UTC with milliseconds"
    )]
    Text,
}

impl KeyProof {
    /// The one spelling, each line with its newline.
    pub fn to_text(&self) -> String {
        let at = self.at.to_millis_string();
        format!("{FORMAT}\n{}\n{}\n{at}\n", self.code, self.host)
    }

    /// Takes exactly what `to_text` prints.
    pub fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [FORMAT, code, host, at, ""] = lines.as_slice() else {
            return None;
        };
        let found = Self {
            code: (*code).to_owned(),
            host: (*host).to_owned(),
            at: Entered::parse(at).ok()?.at,
        };
        (found.to_text() == text).then_some(found)
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> Result<String, Unsignable> {
        signer.sign(&self.to_text())
    }

    /// What a note says, if this key signed it.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, BadProof> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(BadProof::Form);
        }
        let note = Note::parse(note.as_bytes()).map_err(|_| BadProof::Form)?;
        note.verify(std::slice::from_ref(key))
            .map_err(|_| BadProof::Signature)?;
        Self::parse(&note.text).ok_or(BadProof::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::note::KeyKind;

    fn proof() -> KeyProof {
        KeyProof {
            code: "0117".into(),
            host: "kairan.operator.example".into(),
            at: Instant::from_micros(1_558_059_069_120_000),
        }
    }

    fn signer(seed: u8) -> Signer {
        let name = key_name("0117", "kairan.operator.example").expect("a name");
        Signer::new(name, KeyKind::Ed25519, &[seed; 32])
    }

    #[test]
    fn a_key_shows_itself_in_four_lines_with_one_spelling() {
        let text = "kairan-key/v1\n0117\nkairan.operator.example\n2019-05-17T02:11:09.120Z\n";
        assert_eq!(proof().to_text(), text);
        assert_eq!(KeyProof::parse(text), Some(proof()));
        for bad in [
            text.trim_end(),
            &format!("{text}\n"),
            &text.replace("v1", "v2"),
            &text.replace(".120Z", "Z"),
            &text.replace('\n', "\r\n"),
            &text.replace("Z\n", "+00:00\n"),
        ] {
            assert_eq!(KeyProof::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_the_key_itself_can_show_itself() {
        let note = proof().sign(&signer(1)).expect("signed");
        assert_eq!(KeyProof::open(&note, signer(1).verifier()), Ok(proof()));
        let other = KeyProof::open(&note, signer(2).verifier());
        assert_eq!(other, Err(BadProof::Signature));
        let other_text = signer(1).sign("kairan-ack/v1\n").expect("signed");
        let refused = KeyProof::open(&other_text, signer(1).verifier());
        assert_eq!(refused, Err(BadProof::Text));
        let long = "x".repeat(MAX_NOTE_BYTES + 1);
        assert_eq!(
            KeyProof::open(&long, signer(1).verifier()),
            Err(BadProof::Form)
        );
    }
}
