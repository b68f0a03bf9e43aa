//! What a confirmation in a bundle is worth: the hub's record of it, or a note under the bank's own key.

use super::ProvenAcknowledgement;
use super::check::{BankCovered, prove};
use crate::domain::instant::Instant;
use crate::domain::level::AckClass;
use crate::domain::proof::acknowledgement::AckNote;
use crate::domain::proof::entries::{Acknowledged, Entry};
use crate::domain::proof::leaves::RosterLeaf;
use crate::domain::proof::{Finding, hold};
use crate::merkle;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::note::{KeyKind, KeyName, Note, Signature, VerifierKey};

/// The label under which a signed note is committed to.
pub const COMMITMENT: &str = "kairan-ack/v1";

/// A confirmation that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub at: Instant,
    /// The class of evidence, as the log says.
    pub class: AckClass,
    pub proof: StampProof,
}

/// What stands behind a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StampProof {
    /// The hub's record alone.
    Recorded,
    /// A note under a key in the bank's roster leaf, by this key's name.
    Signed {
        key: String,
        person: String,
        role: String,
    },
    /// A note under a key that is not in the leaf: enrolled later, or none of the bank's. Not verified.
    KeyUnknown { key: String },
    /// The log commits to a note, and the bundle does not bring it.
    NoteMissing,
}

/// Judges one confirmation. Codes: `inclusion`, `entry_form`, `entry_kind`, `stamp_other`, `stamp_class`,
/// `stamp_note`, `stamp_signature`.
pub(super) fn judge(
    given: &ProvenAcknowledgement,
    checkpoint: &Checkpoint,
    bank: &BankCovered,
    member: Option<&RosterLeaf>,
    superseded: bool,
) -> Result<Stamp, Finding> {
    let what = format!("the confirmation of notice {}", given.notice);
    let proven = (given.entry.as_slice(), given.index, given.path.as_slice());
    let (Entry::Acknowledged(entry), _) = prove(&what, proven, checkpoint)? else {
        let told = format!("{what} is not of the kind notice.acknowledged");
        return Err(Finding::new("entry_kind", told));
    };
    hold(
        entry.notice == bank.notice && entry.bank == bank.bank,
        "stamp_other",
        || format!("{what} is in truth that of another notice or bank"),
    )?;
    // A later signed note covers earlier notices of the incident: those have none of their own.
    let own = entry.class == AckClass::Signed && entry.covered_by.is_none();
    hold(entry.note.is_some() == own, "stamp_class", || {
        format!(
            "{what}: its class {} and its note do not go together",
            entry.class.code()
        )
    })?;
    let proof = match (&given.note, given.opening) {
        (None, None) if entry.note.is_some() => StampProof::NoteMissing,
        (None, None) => StampProof::Recorded,
        (Some(note), Some(salt)) => {
            let commitment = merkle::commit(COMMITMENT, &salt, note.as_bytes());
            hold(entry.note == Some(commitment), "stamp_note", || {
                format!("{what}: the note is not the one that the log committed to")
            })?;
            verify(note, &what, bank, member, checkpoint, superseded)?
        }
        _ => {
            let told = format!("{what}: of the note and its opening only one is there");
            return Err(Finding::new("stamp_note", told));
        }
    };
    let Acknowledged { at, class, .. } = entry;
    Ok(Stamp { at, class, proof })
}

/// The keys in the bank's leaf are tried under every name that a bank of this hub could sign with: what a
/// key's signature holds for is fixed by the key.
fn verify(
    note: &str,
    what: &str,
    bank: &BankCovered,
    member: Option<&RosterLeaf>,
    checkpoint: &Checkpoint,
    superseded: bool,
) -> Result<StampProof, Finding> {
    let broken = |why: String| Finding::new("stamp_signature", format!("{what}: {why}"));
    let parsed = Note::parse(note.as_bytes()).map_err(|why| broken(why.to_string()))?;
    let host = checkpoint.origin.split('/').next().unwrap_or_default();
    let suffix = format!(".{host}/ack");
    let names = parsed.signatures.iter().map(|signature| &signature.name);
    let names: Vec<_> = names
        .filter(|name| name.as_str().ends_with(&suffix))
        .collect();
    let Some(first) = names.first() else {
        return Err(broken(format!("no bank's key at {host} has signed it")));
    };
    let bytes = member.map_or(&[][..], |member| &member.keys);
    let under = |name: &KeyName| {
        let name = name.clone();
        bytes
            .iter()
            .filter_map(move |key| VerifierKey::new(name.clone(), KeyKind::Ed25519, key).ok())
    };
    let keys: Vec<VerifierKey> = names.iter().flat_map(|name| under(name)).collect();
    let is_of = |one: &Signature, key: &VerifierKey| key.id() == one.id && *key.name() == one.name;
    let known = |one: &&Signature| keys.iter().any(|key| is_of(one, key));
    let Some(signature) = parsed.signatures.iter().find(known) else {
        // Of a roster that is still in force no key was enrolled later; of a bank that left none is shown.
        return if superseded || member.is_none() {
            Ok(StampProof::KeyUnknown {
                key: first.to_string(),
            })
        } else {
            Err(broken(format!(
                "{first} is not a key in the bank's roster leaf"
            )))
        };
    };
    let said = AckNote::open(note, &keys).map_err(|why| broken(why.to_string()))?;
    hold(
        said.notice == bank.notice && said.number == bank.number,
        "stamp_note",
        || {
            format!(
                "{what}: the note confirms notice {} with number {}",
                said.notice, said.number
            )
        },
    )?;
    let key = signature.name.to_string();
    Ok(StampProof::Signed {
        key,
        person: said.person,
        role: said.role,
    })
}
