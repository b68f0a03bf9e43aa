//! Recording what came of attempts: outcomes, the fenced advance of each delivery, evidence levels and
//! entries, in one transaction. A result whose lease was lost is stored as a further outcome of its attempt.

use super::claim::Claimed;
use super::{Error, break_channel, prove_endpoint};
use crate::domain::backoff;
use crate::domain::challenge;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::level::Level;
use crate::domain::outcome::{ErrorClass, Outcome};
use crate::storage::delivery::{
    self, Advance, AttemptRow, DeliveryRow, DueRow, Leases, OutcomeRow,
};
use crate::storage::evidence::{self, Flag, Reached};
use crate::storage::{Tx, facts, log, mail_report, notice, payload, reachability};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// After so many attempts, whatever came of them, one of unknown outcome is no longer followed at once.
const UNKNOWN_AT_ONCE: i64 = 3;

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    pub claimed: Claimed,
    pub outcome: Outcome,
    /// SHA-256 of what was sent: the same on every retry.
    pub body_hash: Option<[u8; 32]>,
}

/// Records ended attempts.
pub fn record(tx: &mut Tx<'_>, finished: &[Finished]) -> Result<(), Error> {
    if finished.is_empty() {
        return Ok(());
    }
    let now = tx.now()?;
    let advances: Vec<Advance> = finished.iter().map(|one| advance_of(one, now)).collect();
    let held = delivery::advance(tx, &advances)?;
    end_moot(tx, &advances)?;
    let told = told_before(tx, finished, &held)?;
    let finished = finished.iter();
    let finished: Vec<&Finished> = finished
        .filter(|one| !told.contains(&one.claimed.attempt))
        .collect();
    let answers = seal_answers(tx, &finished)?;
    let mut outcomes = Vec::with_capacity(finished.len());
    for one in &finished {
        let attempt = one.claimed.attempt;
        let answer = answers.get(&attempt).copied();
        outcomes.push(outcome_row(tx, one, held.contains(&attempt), answer)?);
    }
    delivery::insert_outcomes(tx, &outcomes)?;
    raise_levels(tx, &finished)?;
    let attempts: Vec<AttemptRow> = finished
        .iter()
        .map(|one| attempt_row(&one.claimed))
        .collect();
    stage(tx, &attempts, &outcomes)?;
    prove_endpoint::prove(tx, &finished)?;
    let accepted: Vec<Uid> = finished
        .iter()
        .filter(|one| one.outcome.accepted())
        .map(|one| one.claimed.due.target_id)
        .collect();
    let mut known = Known {
        broken: evidence::targets_with_open_task(tx, &accepted)?,
        failing: HashMap::new(),
    };
    for (one, row) in finished.iter().zip(&outcomes) {
        let late = !held.contains(&one.claimed.attempt);
        if late && one.outcome.accepted() {
            delivery::accept_late(tx, one.claimed.due.id)?;
        }
        judge_channel(tx, one, row, &mut known)?;
    }
    Ok(())
}

/// Attempts of which nothing more can be told. Their outcome is on record: a commit that was thought to have failed had not.
/// Or they are not: the database has lost what it confirmed, and their deliveries are as they were before.
fn told_before(
    tx: &mut Tx<'_>,
    finished: &[Finished],
    held: &HashSet<Uid>,
) -> Result<HashSet<Uid>, Error> {
    let mut told = HashSet::new();
    for one in finished {
        let attempt = one.claimed.attempt;
        if held.contains(&attempt) {
            continue;
        }
        let known = delivery::outcomes_of(tx, attempt)?;
        let is_told = |row: &OutcomeRow| row.outcome != ErrorClass::Unknown.code();
        let is_lost = known.is_empty() && delivery::attempt(tx, attempt)?.is_none();
        if is_lost {
            tracing::error!(%attempt, "the database knows nothing of an attempt that it confirmed");
        }
        if is_lost || known.iter().any(is_told) {
            told.insert(attempt);
        }
    }
    Ok(told)
}

fn advance_of(one: &Finished, now: crate::domain::instant::Instant) -> Advance {
    let due = &one.claimed.due;
    let released = one.outcome.error == Some(ErrorClass::Released);
    let (state, due_at, failures) = match one.outcome.error {
        None => ("accepted", now, 0),
        // Back to where it was, as if it had not been claimed.
        Some(ErrorClass::Released) => (
            if one.claimed.number == 1 {
                "due"
            } else {
                "waiting"
            },
            now + one.outcome.retry_after.unwrap_or_default(),
            due.failures,
        ),
        Some(_) => {
            let wait = backoff::delay_after(due.id, one.claimed.number, one.outcome.retry_after);
            ("waiting", now + wait, due.failures + 1)
        }
    };
    Advance {
        delivery: due.id,
        token: one.claimed.attempt,
        state,
        due_at,
        failures,
        counts: !released,
    }
}

/// What was acknowledged or redirected while it was under way is not tried again.
fn end_moot(tx: &mut Tx<'_>, advances: &[Advance]) -> Result<(), Error> {
    let open: Vec<Uid> = advances
        .iter()
        .filter(|to| to.state != "accepted")
        .map(|to| to.delivery)
        .collect();
    Ok(delivery::end_moot(tx, &open)?)
}

/// Seals the heads of what was answered; by attempt, where anything was.
fn seal_answers(tx: &mut Tx<'_>, finished: &[&Finished]) -> Result<HashMap<Uid, Uid>, Error> {
    let mut heads = Vec::new();
    let mut attempts = Vec::new();
    for one in finished {
        let due = &one.claimed.due;
        if !one.outcome.answer_head.is_empty() {
            attempts.push(one.claimed.attempt);
            heads.push((
                due.bank_id.unwrap_or(due.id),
                one.outcome.answer_head.as_slice(),
            ));
        }
    }
    if heads.is_empty() {
        return Ok(HashMap::new());
    }
    let sealed = payload::seal_all(tx, &heads)?;
    let kept = attempts.into_iter().zip(sealed);
    Ok(kept
        .filter_map(|(attempt, id)| Some((attempt, id?)))
        .collect())
}

fn outcome_row(
    tx: &mut Tx<'_>,
    one: &Finished,
    held: bool,
    answer_id: Option<Uid>,
) -> Result<OutcomeRow, Error> {
    let Finished {
        claimed,
        outcome,
        body_hash,
    } = one;
    let due = &claimed.due;
    let now = tx.now()?;
    let seq = if held {
        1
    } else {
        i64::try_from(delivery::outcomes_of(tx, claimed.attempt)?.len()).unwrap_or(0) + 1
    };
    Ok(OutcomeRow {
        attempt_id: claimed.attempt,
        seq,
        delivery_id: due.id,
        notice_id: due.notice.as_ref().map(|notice| notice.id),
        incident_id: due.notice.as_ref().map(|notice| notice.incident_id),
        bank_id: due.bank_id,
        target_id: due.target_id,
        channel: due.channel.clone(),
        number: claimed.number,
        outcome: outcome.error.map_or("accepted", ErrorClass::code).into(),
        status: outcome.status.map(i64::from),
        duration_ms: i64::try_from(outcome.duration.as_millis()).unwrap_or(i64::MAX),
        body_hash: body_hash.map(|hash| hash.to_vec()),
        tls_fingerprint: outcome.tls_fingerprint.map(|print| print.to_vec()),
        answer_id,
        started_at: claimed.started_at,
        recorded_at: now,
    })
}

/// A webhook's 2xx shows delivery; a relay's acceptance shows only dispatch.
fn raise_levels(tx: &mut Tx<'_>, finished: &[&Finished]) -> Result<(), Error> {
    let now = tx.now()?;
    let mut seen = HashSet::new();
    let mut reached: Vec<Reached> = finished
        .iter()
        .filter(|one| one.outcome.accepted())
        .filter_map(|one| {
            let notice = one.claimed.due.notice.as_ref()?.id;
            let level = if one.claimed.due.channel == "webhook" {
                Level::Delivered
            } else {
                Level::Dispatched
            };
            // A bank with two endpoints may answer on both within one batch.
            seen.insert((notice, level)).then_some(Reached {
                notice,
                level,
                at: now,
                evidence: one.claimed.attempt,
            })
        })
        .collect();
    // In one order: two nodes that record the same notices do not wait for each other in a circle.
    reached.sort_by_key(|one| (one.notice, one.level));
    Ok(evidence::raise(tx, &reached)?)
}

/// The attempt as it was written when the delivery was claimed.
fn attempt_row(claimed: &Claimed) -> AttemptRow {
    AttemptRow {
        id: claimed.attempt,
        delivery_id: claimed.due.id,
        number: claimed.number,
        node_id: claimed.node,
        started_at: claimed.started_at,
    }
}

/// Stages an entry for each outcome, with the attempt that it is of.
fn stage(tx: &mut Tx<'_>, attempts: &[AttemptRow], outcomes: &[OutcomeRow]) -> Result<(), Error> {
    let entries: Vec<(Uid, Entry<'_>)> = attempts
        .iter()
        .zip(outcomes)
        .map(|(attempt, row)| {
            let entry = entry::Attempt {
                at: row.started_at,
                attempt: row.attempt_id,
                bank: row.bank_id,
                channel: &row.channel,
                facts: facts::bind(tx, &[attempt, row]),
                n: row.number,
                notice: row.notice_id,
                outcome: &row.outcome,
                seq: row.seq,
                status: row.status,
                t: "notice.attempt",
                v: 1,
            };
            (row.attempt_id, Entry::Attempt(entry))
        })
        .collect();
    log::stage(tx, &entries)?;
    Ok(())
}

/// What is read of addresses once for a batch.
struct Known {
    /// Of those that accepted something: whose task is open.
    broken: HashSet<Uid>,
    /// Whether a failing endpoint has failed for too long.
    failing: HashMap<Uid, bool>,
}

/// Notes on the board what a failure means for the channel, and opens or closes its task.
fn judge_channel(
    tx: &mut Tx<'_>,
    one: &Finished,
    row: &OutcomeRow,
    known: &mut Known,
) -> Result<(), Error> {
    let due = &one.claimed.due;
    if one.outcome.accepted() {
        // A relay that takes a mail proves nothing of a mailbox from which the last one came back.
        let is_mended =
            known.broken.contains(&due.target_id) && !mail_report::is_bouncing(tx, due.target_id)?;
        return if is_mended {
            break_channel::mended(tx, due.target_id)
        } else {
            Ok(())
        };
    }
    if matches!(
        one.outcome.error,
        Some(ErrorClass::Released | ErrorClass::Unknown | ErrorClass::WrongAnswer)
    ) {
        return Ok(());
    }
    let bounced = row.outcome == ErrorClass::MailRejected.code();
    // A challenge is tried again after answers that were no failures.
    let is_counted = due.kind != challenge::KIND;
    // TLS of the relay is nobody's channel.
    let breaks = one.outcome.breaks_channel() && (row.channel == "webhook" || bounced);
    let is_plain = breaks || is_counted && one.claimed.number >= backoff::FAILURES_THAT_BREAK;
    if !is_plain && !keeps_failing(tx, due, known)? {
        return Ok(());
    }
    // What is amiss with a notice follows from its own attempts alone.
    if let Some(notice) = row.notice_id.filter(|_| is_plain) {
        if bounced {
            evidence::flag(tx, notice, Flag::Bounced)?;
        }
        if row.channel == "webhook" {
            evidence::flag(tx, notice, Flag::EndpointDown)?;
        }
    }
    match due.bank_id {
        Some(bank) => {
            // A success later in this batch mends it.
            known.broken.insert(due.target_id);
            break_channel::broken(tx, bank, row.notice_id, due.message_id, due.target_id, None)
        }
        None => {
            tracing::warn!(person = %due.target_id, outcome = row.outcome, "mails to one of the people fail; see to the address");
            Ok(())
        }
    }
}

/// Whether an endpoint has failed ten times in a row, whatever messages these were of. Not asked of mail, where all
/// addresses fail together while the relay does.
fn keeps_failing(tx: &mut Tx<'_>, due: &DueRow, known: &mut Known) -> Result<bool, Error> {
    let Some(bank) = due.bank_id.filter(|_| due.channel == "webhook") else {
        return Ok(false);
    };
    if let Some(verdict) = known.failing.get(&due.target_id) {
        return Ok(*verdict);
    }
    let most = backoff::FAILURES_THAT_BREAK;
    let failures = reachability::failures(tx, due.target_id, most)?;
    let verdict = match failures.last() {
        Some((oldest, _)) if i64::try_from(failures.len()).unwrap_or(most) >= most => {
            !reachability::accepted_since(tx, bank, due.target_id, *oldest)?
        }
        _ => false,
    };
    known.failing.insert(due.target_id, verdict);
    Ok(verdict)
}

/// Due again at once; but later and later where it was tried often: of some nobody ever knows what came of it.
fn unknown_again(delivery: Uid, number: i64) -> Duration {
    match number - UNKNOWN_AT_ONCE {
        late @ 1.. => backoff::delay_after(delivery, late, None),
        _ => Duration::ZERO,
    }
}

/// Leases that hold no longer: their attempts are *unknown*, their deliveries due again. Returns these, as they were.
pub fn expire(
    tx: &mut Tx<'_>,
    channel: &str,
    which: Leases,
    limit: i64,
) -> Result<Vec<DeliveryRow>, Error> {
    let rows = delivery::expired(tx, channel, which, limit)?;
    expire_these(tx, rows)
}

/// The same of these.
pub fn expire_these(
    tx: &mut Tx<'_>,
    mut rows: Vec<DeliveryRow>,
) -> Result<Vec<DeliveryRow>, Error> {
    let now = tx.now()?;
    let mut advances = Vec::with_capacity(rows.len());
    let mut attempts = Vec::with_capacity(rows.len());
    let mut outcomes = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(attempt_id) = row.lease_token else {
            continue;
        };
        let Some(attempt) = delivery::attempt(tx, attempt_id)? else {
            continue;
        };
        let incident_id = match row.notice_id {
            Some(id) => notice::by_id(tx, id)?.map(|notice| notice.incident_id),
            None => None,
        };
        advances.push(Advance {
            delivery: row.id,
            token: attempt_id,
            state: "waiting",
            due_at: now + unknown_again(row.id, attempt.number),
            failures: row.failures,
            counts: true,
        });
        outcomes.push(OutcomeRow {
            attempt_id,
            seq: 1,
            delivery_id: row.id,
            notice_id: row.notice_id,
            incident_id,
            bank_id: row.bank_id,
            target_id: row.target_id,
            channel: row.channel.clone(),
            number: attempt.number,
            outcome: ErrorClass::Unknown.code().into(),
            status: None,
            duration_ms: i64::try_from(now.since(attempt.started_at).as_millis())
                .unwrap_or(i64::MAX),
            body_hash: None,
            tls_fingerprint: None,
            answer_id: None,
            started_at: attempt.started_at,
            recorded_at: now,
        });
        attempts.push(attempt);
    }
    // Several nodes may see the same lease run out; the fence lets one of them record it.
    let held = delivery::advance(tx, &advances)?;
    end_moot(tx, &advances)?;
    attempts.retain(|row| held.contains(&row.id));
    outcomes.retain(|row| held.contains(&row.attempt_id));
    rows.retain(|row| row.lease_token.is_some_and(|token| held.contains(&token)));
    delivery::insert_outcomes(tx, &outcomes)?;
    stage(tx, &attempts, &outcomes)?;
    Ok(rows)
}
