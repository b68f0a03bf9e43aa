//! What a bank gets that became a partner after incidents were registered: a notice of each of them, with a number, a
//! clock and a chase like every other. That it is owed stands in the transaction that puts it on the roster; the
//! notices follow a few at a time, so that nobody who has to file waits behind a long past.

use super::fan_out::{self, Concern, Issue};
use super::issue::damaged;
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::domain::vocabulary::{Authentication, Urgency};
use crate::storage::incident::{self, IncidentRow, RevisionRow};
use crate::storage::roster::{self, Member};
use crate::storage::{Tx, late_joiner, notice};
use serde::Deserialize;
use std::collections::HashSet;

/// Incidents that one transaction tells of.
const AT_ONCE: i64 = 20;

/// Notes that these banks, which have just come onto the roster, are owed what was registered before.
pub(super) fn begin(tx: &mut Tx<'_>, banks: &[Uid]) -> Result<(), Error> {
    if !incident::after(tx, None, 1)?.is_empty() {
        late_joiner::begin(tx, banks)?;
    }
    Ok(())
}

/// Tells of the next incidents whoever has come least far; returns how many notices that made, and whether there is
/// more to do.
pub fn tell_late_joiners(tx: &mut Tx<'_>, rules: &Rules) -> Result<(usize, bool), Error> {
    if !late_joiner::any(tx)? {
        return Ok((0, false));
    }
    let mut gate = roster::enter_gate(tx)?;
    let version = cut_roster::roster_in_force(tx, &mut gate)?;
    let (Some(version), Some((after, banks))) = (version, late_joiner::next(tx)?) else {
        return Ok((0, false));
    };
    let members = roster::members(tx, &version)?;
    let joined: HashSet<Uid> = banks.iter().copied().collect();
    let joined: Vec<Member> = members
        .iter()
        .filter(|member| joined.contains(&member.bank_id))
        .cloned()
        .collect();
    let incidents = incident::after(tx, Some(after), AT_ONCE)?;
    let mut told = 0;
    // Whoever left meanwhile is no partner, and is owed nothing new.
    for known in incidents.iter().filter(|_| !joined.is_empty()) {
        let revision = incident::latest_revision(tx, known.id)?.ok_or(Error::NotFound)?;
        if is_worth_telling(&revision) {
            told += tell(tx, rules, (&gate, &version), known, revision, &joined)?;
        }
    }
    match incidents.last() {
        Some(last) => late_joiner::advance(tx, &banks, last.id)?,
        None => late_joiner::end(tx, &banks)?,
    }
    Ok((told, true))
}

/// A false alarm that nobody holds to be true any more, an exercise and a test are not the past of a new partner.
fn is_worth_telling(revision: &RevisionRow) -> bool {
    revision.phase != "withdrawal" && revision.kind == "actual"
}

/// One incident, as its newest revision tells it, to those who do not have that.
fn tell(
    tx: &mut Tx<'_>,
    rules: &Rules,
    (gate, version): (&roster::Gate, &roster::RosterVersionRow),
    known: &IncidentRow,
    revision: RevisionRow,
    joined: &[Member],
) -> Result<usize, Error> {
    let mut lacking = Vec::new();
    let mut concerned = HashSet::new();
    for member in joined {
        let had = notice::of_incident(tx, known.id, member.bank_id)?;
        if had.iter().any(|row| row.concerns_you) {
            concerned.insert(member.bank_id);
        }
        if !had.iter().any(|row| row.revision_id == revision.id) {
            lacking.push(member.clone());
        }
    }
    if lacking.is_empty() {
        return Ok(0);
    }
    // What is over is confirmed like what is past, whatever it was once.
    let urgency = match revision.status.as_str() {
        "closed" => Urgency::Past,
        _ => Urgency::parse(&revision.urgency).ok_or_else(|| damaged("urgency"))?,
    };
    let concern = Concern::Judged {
        exploited: exploited(&revision)?,
        affected: concerned,
    };
    let issue = Issue {
        reference: &known.reference,
        revision,
        urgency,
        concern,
    };
    fan_out::tell_late(tx, gate, rules, version, &issue, &lacking)?;
    Ok(lacking.len())
}

#[derive(Deserialize)]
struct Exploited {
    #[serde(default)]
    auth_exploited: Vec<Authentication>,
}

/// What was exploited, as the stored body says.
fn exploited(revision: &RevisionRow) -> Result<Vec<Authentication>, Error> {
    let read: Result<Exploited, _> = serde_json::from_slice(&revision.body);
    Ok(read.map_err(|_| damaged("body"))?.auth_exploited)
}
