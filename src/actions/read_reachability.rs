//! When each channel of a bank was last proven to reach it: over its live addresses alone, since what reached an
//! address that was replaced says nothing of the one that is there now. What an endpoint took counts once it is proven
//! whose it is.

use super::Error;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::reachability::{How, Proof, Standing};
use crate::storage::{Tx, bank, endpoint_proof, reachability};

/// One channel with live addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub proof: Option<Proof>,
    pub standing: Standing,
}

/// A bank's channels; `None` = it has no live address there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reachability {
    pub webhook: Option<Way>,
    pub email: Option<Way>,
}

/// How one bank can be reached.
pub fn of_bank(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Reachability, Error> {
    let now = tx.now()?;
    let endpoints = bank::endpoints_of(tx, bank_id)?;
    let contacts = bank::contacts_of(tx, bank_id)?;
    let hooks: Vec<Uid> = endpoints.iter().map(|row| row.id).collect();
    let people: Vec<Uid> = contacts.iter().map(|row| row.id).collect();
    let webhook = match endpoints.iter().map(|row| row.recorded_at).min() {
        None => None,
        Some(since) => {
            let proven = endpoint_proof::proven_since(tx, &hooks)?;
            let proven: Vec<Uid> = proven.into_keys().collect();
            let at = match proven.as_slice() {
                [] => None,
                proven => reachability::accepted(tx, bank_id, proven)?,
            };
            Some(way(proof(at, How::Accepted), since, now))
        }
    };
    let email = match contacts.iter().map(|row| row.recorded_at).min() {
        None => None,
        Some(since) => {
            let reported = reachability::reported(tx, &people)?;
            let linked = reachability::confirmed_by_link(tx, bank_id, &people)?;
            let proofs = [
                proof(reported, How::DeliveryReport),
                proof(linked, How::MailLink),
            ];
            let newest = proofs.into_iter().flatten().max_by_key(|proof| proof.at);
            Some(way(newest, since, now))
        }
    };
    Ok(Reachability { webhook, email })
}

/// How every partner bank can be reached, by code.
pub fn of_partners(tx: &mut Tx<'_>) -> Result<Vec<(String, Reachability)>, Error> {
    let now = tx.now()?;
    let mut partners = Vec::new();
    for row in bank::partnerships(tx)? {
        if row.holds_at(now) && !partners.contains(&row.bank_id) {
            partners.push(row.bank_id);
        }
    }
    let mut found = Vec::with_capacity(partners.len());
    for row in bank::all(tx)? {
        if partners.contains(&row.id) {
            found.push((row.code, of_bank(tx, row.id)?));
        }
    }
    Ok(found)
}

fn proof(at: Option<Instant>, how: How) -> Option<Proof> {
    at.map(|at| Proof { at, how })
}

fn way(proof: Option<Proof>, since: Instant, now: Instant) -> Way {
    Way {
        proof,
        standing: Standing::of(proof, since, now),
    }
}
