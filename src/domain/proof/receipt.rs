//! The receipt of a bank's report: a signed promise that its entry is in the log by a time (C2SP signed-note,
//! Ed25519). With a head published after that time and no such leaf under it, the note proves that the hub lied.

use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::merkle::Hash;
use crate::merkle::note::{KeyName, NotAKey, Note, Signer, Unsignable, VerifierKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const FORMAT: &str = "kairan-receipt/v1";

/// `<public host>/receipt`.
pub fn key_name(host: &str) -> Result<KeyName, NotAKey> {
    KeyName::parse(&format!("{host}/receipt"))
}

/// Which report of which bank, the leaf that its entry will be, and by when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The bank's code.
    pub bank: String,
    pub report: Uid,
    /// RFC 6962 leaf hash of the entry.
    pub leaf: Hash,
    /// Written in whole milliseconds, as both times.
    pub reported_at: Instant,
    pub included_by: Instant,
}

/// Why a note is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReceipt {
    #[error("not a signed note (C2SP signed-note)")]
    Form,
    #[error("not signed with this key, or changed afterwards")]
    Signature,
    #[error("the text is not that of a receipt")]
    Text,
}

impl Receipt {
    /// The one spelling, each line with its newline.
    pub fn to_text(&self) -> String {
        let (at, by) = (
            self.reported_at.to_millis_string(),
            self.included_by.to_millis_string(),
        );
        let leaf = STANDARD.encode(self.leaf);
        format!(
            "{FORMAT}\n{}\n{}\n{leaf}\n{at}\n{by}\n",
            self.bank, self.report
        )
    }

    /// Takes exactly what `to_text` prints.
    pub fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [FORMAT, bank, report, leaf, at, by, ""] = lines.as_slice() else {
            return None;
        };
        let found = Self {
            bank: (*bank).to_owned(),
            report: report.parse().ok()?,
            leaf: STANDARD.decode(leaf).ok()?.try_into().ok()?,
            reported_at: Entered::parse(at).ok()?.at,
            included_by: Entered::parse(by).ok()?.at,
        };
        (found.to_text() == text).then_some(found)
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> Result<String, Unsignable> {
        signer.sign(&self.to_text())
    }

    /// What a note says, if this key signed it.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NotAReceipt> {
        let note = Note::parse(note.as_bytes()).map_err(|_| NotAReceipt::Form)?;
        note.verify(std::slice::from_ref(key))
            .map_err(|_| NotAReceipt::Signature)?;
        Self::parse(&note.text).ok_or(NotAReceipt::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::note::KeyKind;

    fn receipt() -> Receipt {
        Receipt {
            bank: "0117".into(),
            report: Uid::from_bytes([7; 16]),
            leaf: [5; 32],
            reported_at: Instant::from_micros(1_558_059_069_120_000),
            included_by: Instant::from_micros(1_558_145_469_120_000),
        }
    }

    fn signer(seed: u8) -> Signer {
        let name = key_name("kairan.operator.example").expect("a name");
        Signer::new(name, KeyKind::Ed25519, &[seed; 32])
    }

    #[test]
    fn a_receipt_has_one_spelling() {
        let text = "kairan-receipt/v1\n0117\n07070707-0707-0707-0707-070707070707\n\
            BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n2019-05-17T02:11:09.120Z\n2019-05-18T02:11:09.120Z\n";
        assert_eq!(receipt().to_text(), text);
        assert_eq!(Receipt::parse(text), Some(receipt()));
        for bad in [
            text.trim_end(),
            &format!("{text}\n"),
            &text.replace("v1", "v2"),
            &text.replace("U=\n", "U\n"),
        ] {
            assert_eq!(Receipt::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_bank_holds_the_hub_to_its_receipt_and_to_no_other() {
        let note = receipt().sign(&signer(1)).expect("signed");
        assert_eq!(Receipt::open(&note, signer(1).verifier()), Ok(receipt()));
        let other = Receipt::open(&note, signer(2).verifier());
        assert_eq!(other, Err(NotAReceipt::Signature));
        let later = note.replace("2019-05-18", "2019-05-19");
        let changed = Receipt::open(&later, signer(1).verifier());
        assert_eq!(changed, Err(NotAReceipt::Signature));
    }
}
