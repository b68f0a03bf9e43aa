//! The second person: approves or refuses what the first one asked for. The database holds that they are two.

use super::issue::Issued;
use super::recover::{self, Recovery};
use super::{
    Error, Rules, change_roles, close_notice, defer, end_partnership, set_endpoint,
    tell_out_of_band, withdraw,
};
use crate::domain::access::Role;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::approval::{self, ApprovalRow, RequestRow};
use crate::storage::{Tx, facts, log, people, roster};

/// A request that waits for its second person.
#[derive(Debug, Clone)]
pub struct Requested {
    pub id: Uid,
    pub expires_at: Instant,
}

/// What was decided, and what it set going.
#[derive(Debug, Clone)]
pub struct Decided {
    pub request: Uid,
    pub decision: &'static str,
    pub act: String,
    /// The withdrawal that was issued, if the act was one.
    pub issued: Option<Issued>,
    /// The link to hand over, if the act was a recovery; it is shown this once.
    pub recovery: Option<Recovery>,
}

/// What came of an approved act.
#[derive(Default)]
struct Outcome {
    issued: Option<Issued>,
    recovery: Option<Recovery>,
}

/// Who may decide an act.
fn decider(act: &str) -> Role {
    match act {
        withdraw::ACT | defer::ACT | close_notice::ACT | tell_out_of_band::ACT => Role::Officer,
        _ => Role::Administrator,
    }
}

/// Decides a waiting request. An approval does the act in the same transaction.
pub fn decide(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    request: Uid,
    approve: bool,
) -> Result<Decided, Error> {
    // First of all rows, because most acts issue something or change the register.
    roster::enter_gate(tx)?;
    let (row, decision) = approval::find(tx, request)?.ok_or(Error::NotFound)?;
    if !people::roles_of(tx, by)?
        .iter()
        .any(|role| role == decider(&row.act).code())
    {
        return Err(Error::Forbidden(
            "an officer decides what concerns incidents, an administrator everything else",
        ));
    }
    let now = tx.now()?;
    if decision.is_some() || row.expires_at <= now {
        return Err(Refusal::ApprovalEnded.into());
    }
    if row.requester == by {
        return Err(Refusal::SamePerson.into());
    }
    let decision = if approve { "approved" } else { "refused" };
    let decided = ApprovalRow {
        request_id: row.id,
        requester: row.requester,
        approver: by,
        decision: decision.into(),
        recorded_at: now,
    };
    approval::insert(tx, &decided)?;
    let entry = entry::Approval {
        act: &row.act,
        at: now,
        decision,
        facts: facts::bind(tx, &[&decided]),
        request: row.id,
        t: "approval",
        v: 1,
    };
    log::stage(tx, &[(row.id, Entry::Approval(entry))])?;
    let done = if approve {
        act(tx, rules, &row, by)?
    } else {
        Outcome::default()
    };
    Ok(Decided {
        request: row.id,
        decision,
        act: row.act,
        issued: done.issued,
        recovery: done.recovery,
    })
}

fn act(tx: &mut Tx<'_>, rules: &Rules, row: &RequestRow, approver: Uid) -> Result<Outcome, Error> {
    let mut done = Outcome::default();
    match row.act.as_str() {
        withdraw::ACT => done.issued = Some(withdraw::approved(tx, rules, row)?),
        defer::ACT => defer::approved(tx, rules, row, approver)?,
        close_notice::ACT => close_notice::approved(tx, row, approver)?,
        recover::ACT => done.recovery = Some(recover::approved(tx, rules, row)?),
        end_partnership::ACT => end_partnership::approved(tx, rules, row)?,
        change_roles::ACT => change_roles::approved(tx, rules, row)?,
        set_endpoint::ACT => set_endpoint::approved(tx, rules, row)?,
        tell_out_of_band::ACT => tell_out_of_band::approved(tx, row)?,
        _ => return Err(super::issue::damaged("act")),
    }
    Ok(done)
}
