//! What a bank gets that became a partner after incidents were registered: a notice of each of them, with a number, a
//! clock and a chase like every other. That it is owed stands in the transaction that puts it on the roster; the
//! notices follow a few at a time, so that nobody who has to file waits behind a long past.

use super::alert::{OperatorAlert, alert};
use super::fan_out::{self, Concern, Issue};
use super::issue::damaged;
use super::{Error, Rules, cut_roster};
use crate::domain::chase::{LATE, chased_as};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::vocabulary::Authentication;
use crate::storage::incident::{self, IncidentRow, RevisionRow};
use crate::storage::roster::{self, Member};
use crate::storage::{Tx, bank, lapse, late_joiner, notice};
use serde::Deserialize;
use std::collections::HashSet;
use std::time::Duration;

/// Incidents that one transaction tells of, and banks that it tells.
const AT_ONCE: i64 = 20;
const BANKS_AT_ONCE: i64 = 50;
/// A bank without any channel is given so long to enter one, and looked at so often.
const TO_SETTLE_IN: Duration = Duration::from_secs(60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Notes that these banks, which have just come onto the roster, are owed what was registered before.
pub(super) fn begin(tx: &mut Tx<'_>, banks: &[Uid], now: Instant) -> Result<(), Error> {
    if !incident::after(tx, None, 1)?.is_empty() {
        late_joiner::begin(tx, banks, now)?;
    }
    Ok(())
}

/// Tells of the next incidents whoever has come least far; returns how many notices that made, and whether there is
/// more to do.
pub fn tell_late_joiners(tx: &mut Tx<'_>, rules: &Rules) -> Result<(usize, bool), Error> {
    let now = tx.now()?;
    if !late_joiner::any_due(tx, now)? {
        return Ok((0, false));
    }
    let mut gate = roster::enter_gate(tx)?;
    let version = cut_roster::roster_in_force(tx, &mut gate)?;
    let joiners = late_joiner::next(tx, now, BANKS_AT_ONCE)?;
    let (Some(version), Some(first)) = (version, joiners.first()) else {
        return Ok((0, false));
    };
    let members = roster::members(tx, &version)?;
    let (mut settling, mut banks, mut joined) = (Vec::new(), Vec::new(), Vec::new());
    for joiner in &joiners {
        let member = members.iter().find(|one| one.bank_id == joiner.bank_id);
        let is_mute = member.is_some_and(|member| member.channels.is_empty());
        if is_mute && now.since(joiner.joined_at) < TO_SETTLE_IN {
            settling.push(joiner.bank_id);
            continue;
        }
        banks.push(joiner.bank_id);
        // Whoever left meanwhile is no partner, and is owed nothing new.
        joined.extend(member.cloned());
    }
    late_joiner::put_off(tx, &settling, now + LOOK_AGAIN)?;
    let incidents = incident::after(tx, Some(first.after_incident), AT_ONCE)?;
    let mut told = 0;
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

/// Tells the operator's people, once, that somebody who joined late cannot be told.
pub fn tell_stuck(tx: &mut Tx<'_>) -> Result<(), Error> {
    let now = tx.now()?;
    let Some(first) = late_joiner::next(tx, now, 1)?.pop() else {
        return Ok(());
    };
    if lapse::warn_once(tx, first.bank_id, "joiner-untold", now)? {
        let inputs = OperatorAlert {
            alert: "joiner-untold".into(),
            bank_code: bank::by_id(tx, first.bank_id)?.map(|row| row.code),
            ..OperatorAlert::default()
        };
        alert(tx, &["auditor", "officer"], &inputs)?;
    }
    Ok(())
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
    let told: HashSet<Uid> = notice::banks_with(tx, revision.id)?.into_iter().collect();
    let lacking: Vec<Member> = joined
        .iter()
        .filter(|member| !told.contains(&member.bank_id))
        .cloned()
        .collect();
    if lacking.is_empty() {
        return Ok(0);
    }
    let urgency = chased_as(&revision.urgency, &revision.status, LATE);
    let concern = Concern::Judged {
        exploited: exploited(&revision)?,
        // Whoever was hit and is in the register had the incident when it was registered.
        affected: HashSet::new(),
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
