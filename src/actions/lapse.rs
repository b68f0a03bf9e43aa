//! What the hub does by itself when a clock of the operator runs out. Whatever is done is done once, because the gate
//! orders it and the database takes one answer.

use super::alert::{self, OperatorAlert, alert};
use super::{
    Error, Rules, answer_report, challenge_endpoint, defer, exercises, redirect, share_responses,
    suspicion,
};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::{Tx, bank, deferral, draft, lapse, report};

/// Things that are looked at in one go; the rest follows in the next.
const AT_ONCE: i64 = 200;

/// What the operator's people are warned of, once each.
const TRIAGE: &str = "triage";
const CEILING: &str = "ceiling";
const STUCK: &str = "stuck";

/// The alert about what should have gone out by itself.
const ISSUE_STUCK: &str = "issue-stuck";

/// A clock that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapsed {
    /// Nobody has said whether a bank's report is an incident.
    Triage(Uid),
    /// A draft is older than the ceiling, and neither issued nor discarded.
    Ceiling(Uid),
    /// Nobody has answered a bank's report: it goes out.
    Silence(Uid),
    /// Peers have not heard of responses for long enough.
    Responses(Uid),
    /// A deferral is over: what it held back goes out.
    Deferral(Uid),
    /// Nobody has answered the challenge of an endpoint for too long.
    Unproven(Uid),
    /// What takes the place of an endpoint is proven, and was beside it for long enough.
    Replaced(Uid),
    /// The next exercise comes near, or is overdue.
    Exercise,
}

/// What has run out by now, the oldest deadline first; of what is only to be told, what was not told yet.
pub fn lapsed(tx: &mut Tx<'_>, rules: &Rules) -> Result<Vec<Lapsed>, Error> {
    let now = tx.now()?;
    let mut found: Vec<(Instant, Lapsed)> = Vec::new();
    let reports = report::open(tx, AT_ONCE)?;
    let silent = reports.iter().filter(|row| row.issue_by <= now);
    found.extend(silent.map(|row| (row.issue_by, Lapsed::Silence(row.id))));
    let unanswered = report::unwarned(tx, TRIAGE, now, AT_ONCE)?;
    let late = unanswered.iter().filter(|row| now < row.issue_by);
    found.extend(late.map(|row| (row.triage_by, Lapsed::Triage(row.id))));
    let held = deferral::in_force(tx, AT_ONCE)?;
    let over = held.iter().filter(|row| row.expires_at <= now);
    found.extend(over.map(|row| (row.expires_at, Lapsed::Deferral(row.id))));
    for row in draft::unwarned(tx, CEILING, AT_ONCE)? {
        // What two people hold back is not to be issued now.
        if deferral::of_draft(tx, row.id)?.is_some() {
            continue;
        }
        let age = suspicion::of_sealed(tx, rules, &row)?;
        let ceiling = age.and_then(|age| age.ceiling_at);
        let past = ceiling.filter(|at| *at <= now);
        found.extend(past.map(|at| (at, Lapsed::Ceiling(row.id))));
    }
    let unheard = share_responses::due(tx, rules, now, AT_ONCE)?;
    found.extend(
        unheard
            .into_iter()
            .map(|(id, at)| (at, Lapsed::Responses(id))),
    );
    let silent = challenge_endpoint::unanswered(tx, now, AT_ONCE)?;
    found.extend(
        silent
            .into_iter()
            .map(|(id, at)| (at, Lapsed::Unproven(id))),
    );
    let replaced = redirect::settled(tx, now, AT_ONCE)?;
    found.extend(replaced.into_iter().map(|id| (now, Lapsed::Replaced(id))));
    let near = exercises::unsaid(tx, rules)?;
    found.extend(near.map(|at| (at, Lapsed::Exercise)));
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, one)| one).collect())
}

/// Does what follows; true = something was done.
pub fn run_out(tx: &mut Tx<'_>, rules: &Rules, lapsed: Lapsed) -> Result<bool, Error> {
    match lapsed {
        Lapsed::Triage(id) => warn_of_report(tx, id),
        Lapsed::Responses(id) => share_responses::share(tx, id),
        Lapsed::Exercise => exercises::tell(tx, rules),
        Lapsed::Unproven(id) => challenge_endpoint::warn(tx, id),
        Lapsed::Replaced(id) => redirect::settle(tx, id),
        Lapsed::Ceiling(id) => warn_of_draft(tx, id),
        Lapsed::Deferral(id) => Ok(defer::issue_by_expiry(tx, rules, id)?.is_some()),
        Lapsed::Silence(id) => Ok(answer_report::issue_by_silence(tx, rules, id)?.is_some()),
    }
}

/// Tells the operator's people, once, that what should have gone out by itself did not: a person has to send it.
pub fn tell_stuck(tx: &mut Tx<'_>, lapsed: Lapsed) -> Result<(), Error> {
    let (Lapsed::Deferral(id) | Lapsed::Silence(id)) = lapsed else {
        return Ok(());
    };
    let now = tx.now()?;
    if !lapse::warn_once(tx, id, STUCK, now)? {
        return Ok(());
    }
    let inputs = match lapsed {
        Lapsed::Deferral(_) => {
            let (row, _) = deferral::by_id(tx, id)?.ok_or(Error::NotFound)?;
            defer::alert_of(tx, ISSUE_STUCK, &row)?
        }
        _ => of_report(tx, ISSUE_STUCK, id)?,
    };
    alert(tx, &["auditor", "officer"], &inputs)
}

/// What is told about a bank's report.
fn of_report(tx: &mut Tx<'_>, code: &str, id: Uid) -> Result<OperatorAlert, Error> {
    let (row, _) = report::by_id(tx, id)?.ok_or(Error::NotFound)?;
    Ok(OperatorAlert {
        alert: code.to_owned(),
        bank_code: bank::by_id(tx, row.bank_id)?.map(|row| row.code),
        report: Some(id),
        due_at: Some(alert::time(row.issue_by)),
        ..OperatorAlert::default()
    })
}

fn warn_of_report(tx: &mut Tx<'_>, id: Uid) -> Result<bool, Error> {
    let now = tx.now()?;
    if !lapse::warn_once(tx, id, TRIAGE, now)? {
        return Ok(false);
    }
    let inputs = of_report(tx, "clock-running-out", id)?;
    alert(tx, &["officer"], &inputs)?;
    Ok(true)
}

fn warn_of_draft(tx: &mut Tx<'_>, id: Uid) -> Result<bool, Error> {
    let now = tx.now()?;
    let open = draft::by_id(tx, id)?.is_some_and(|row| row.is_open());
    if !open || !lapse::warn_once(tx, id, CEILING, now)? {
        return Ok(false);
    }
    let inputs = OperatorAlert {
        alert: "draft-ageing".into(),
        draft: Some(id),
        ..OperatorAlert::default()
    };
    alert(tx, &["auditor", "officer"], &inputs)?;
    Ok(true)
}
