//! Proofs made from what is stored: for one bank its notice's place in the log, at the checkpoint with which it
//! went out.

use super::{Error, log_keys};
use crate::domain::id::Uid;
use crate::domain::proof::leaves::{NoticeLeaf, RosterLeaf};
use crate::domain::proof::notice::{NoticeProof, Place, SharedProof};
use crate::domain::refusal::Refusal;
use crate::merkle::Hash;
use crate::merkle::side::SideTree;
use crate::merkle::tlog_proof::TlogProof;
use crate::storage::notice::{FanoutRow, LeafRow};
use crate::storage::roster::RosterLeafRow;
use crate::storage::{Tx, log, notice, payload, tree};
use crate::vault;
use std::collections::HashMap;

/// A fan-out in the log: what the proofs of all its notices are made from.
pub struct SealedFanout {
    entry: Vec<u8>,
    handovers: Vec<String>,
    proof: String,
    /// The three above, encoded.
    shared: SharedProof,
    /// Where its entry stands.
    pub index: i64,
    leaves: SideTree,
    places: HashMap<Uid, (usize, NoticeLeaf)>,
    /// The seed of the salts; `None` once erased.
    seed: Option<Hash>,
}

/// What a fan-out's proofs are made from; `None` = no published checkpoint covers it yet.
pub fn sealed_fanout(tx: &mut Tx<'_>, fanout: &FanoutRow) -> Result<Option<SealedFanout>, Error> {
    let Some((seal, checkpoint)) = log::seal_and_note(tx, fanout.id)? else {
        return Ok(None);
    };
    let missing = || super::issue::damaged("the log");
    let entry = log::logged(tx, seal.log, seal.entry_index, seal.entry_index + 1)?
        .pop()
        .ok_or_else(missing)?;
    let path = tree::Reader::new(tx, seal.log, seal.size).inclusion(seal.entry_index)?;
    let proof = TlogProof {
        extra: None,
        index: seal.entry_index.unsigned_abs(),
        path,
        checkpoint: checkpoint.ok_or_else(missing)?,
    };
    let leaves = leaves_of(tx, fanout)?;
    let tree = SideTree::new(leaves.iter().map(NoticeLeaf::hash).collect());
    if tree.root()[..] != fanout.notices_root {
        return Err(super::issue::damaged("a fan-out's notices"));
    }
    let seed = payload::open(tx, fanout.salt_id)?.and_then(|seed| seed.as_slice().try_into().ok());
    let place = |(position, leaf): (usize, NoticeLeaf)| (leaf.notice, (position, leaf));
    let handovers = log_keys::carried(tx, seal.log, seal.size)?;
    let proof = proof.to_string();
    Ok(Some(SealedFanout {
        shared: SharedProof::new(&entry.body, &handovers, &proof),
        entry: entry.body,
        handovers,
        proof,
        index: seal.entry_index,
        places: leaves.into_iter().enumerate().map(place).collect(),
        leaves: tree,
        seed,
    }))
}

/// The leaves of a fan-out's own tree, in their order.
pub fn leaves_of(tx: &mut Tx<'_>, fanout: &FanoutRow) -> Result<Vec<NoticeLeaf>, Error> {
    let hash = |bytes: &[u8]| super::fan_out::hash_of(bytes);
    let leaf = |row: LeafRow| NoticeLeaf {
        bank: row.bank_id,
        channels: row.channels,
        commitment: hash(&row.commitment),
        facts: hash(&row.facts),
        notice: row.id,
        number: row.number,
    };
    let rows = notice::leaves(tx, fanout.revision_id, fanout.id)?;
    Ok(rows.into_iter().map(leaf).collect())
}

/// The leaf of a bank in its roster's own tree.
pub fn roster_leaf(row: RosterLeafRow) -> RosterLeaf {
    RosterLeaf {
        bank: row.bank_id,
        channels: super::fan_out::hash_of(&row.channels),
        keys: row.keys.as_chunks::<32>().0.to_vec(),
        linking: row.linking,
        member_since: row.member_since,
    }
}

impl SealedFanout {
    /// How many notices it has.
    pub fn notices(&self) -> usize {
        self.places.len()
    }

    /// The proof of one of its notices; `None` if the salt that opens it was erased.
    pub fn proof_of(&self, notice: Uid) -> Option<NoticeProof> {
        Some(NoticeProof {
            entry: self.entry.clone(),
            handovers: self.handovers.clone(),
            opening: self.opening_of(notice)?,
            place: self.place_of(notice)?,
            proof: self.proof.clone(),
        })
    }

    /// The same as JSON.
    pub fn json_of(&self, notice: Uid) -> Option<Vec<u8>> {
        let (opening, place) = (self.opening_of(notice)?, self.place_of(notice)?);
        Some(self.shared.to_json(&opening, &place))
    }

    fn opening_of(&self, notice: Uid) -> Option<Hash> {
        Some(vault::mac(self.seed.as_ref()?, notice.as_bytes()))
    }

    fn place_of(&self, notice: Uid) -> Option<Place> {
        let (position, leaf) = self.places.get(&notice)?;
        Some(Place {
            bank: leaf.bank,
            channels: leaf.channels.clone(),
            facts: leaf.facts,
            n: self.places.len() as u64,
            path: self.leaves.path(*position)?,
            position: *position as u64,
        })
    }
}

/// The proof of one notice for its own bank; refused while the log has not sealed it, and once its salt was
/// erased.
pub fn own_proof(tx: &mut Tx<'_>, row: &notice::NoticeRow) -> Result<NoticeProof, Error> {
    if log::seal(tx, row.fanout_id)?.is_none() {
        return Err(Refusal::NotSealed.into());
    }
    let proved = notice_proof(tx, row)?;
    let (_, proof) = proved.ok_or(Refusal::ProofErased)?;
    Ok(proof)
}

/// The proof of one notice; `None` while the log has not sealed it, or once its salt was erased.
pub fn notice_proof(
    tx: &mut Tx<'_>,
    row: &notice::NoticeRow,
) -> Result<Option<(i64, NoticeProof)>, Error> {
    let fanout = notice::fanouts(tx, row.revision_id)?
        .into_iter()
        .find(|fanout| fanout.id == row.fanout_id)
        .ok_or(Error::NotFound)?;
    let Some(sealed) = sealed_fanout(tx, &fanout)? else {
        return Ok(None);
    };
    Ok(sealed.proof_of(row.id).map(|proof| (sealed.index, proof)))
}
