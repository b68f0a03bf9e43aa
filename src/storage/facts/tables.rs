//! The fact tables as the check walks over them: which entry binds their rows, how they are read a page at a
//! time, and what else must hold of rows that an entry binds only through others.

use super::check::{Bound, PAGE, Tally};
use super::{Fact, RECORDED, bind, commitment, levels, trees};
use crate::domain::id::Uid;
use crate::storage::approval::{ApprovalRow, RequestRow};
use crate::storage::bank::{
    BankRow, ContactEndRow, ContactRow, EndpointEndRow, EndpointRow, EndpointSecretRow,
    ObserverRow, PartnershipRow, ProfileRow,
};
use crate::storage::bank_key::{BankKeyEndRow, BankKeyRow};
use crate::storage::chase::StepRow;
use crate::storage::closing::{IncidentClosingRow, NoticeClosingRow};
use crate::storage::deferral::{DeferralEndRow, DeferralRow};
use crate::storage::delivery::{AttemptRow, MessageRow, OutcomeRow};
use crate::storage::endpoint_proof::{ChallengeRow, ProofRow, ReplacementRow};
use crate::storage::error::Error;
use crate::storage::evidence::{
    AcknowledgementRow, AnswerRow, HeadDisputeRow, LevelRow, ResponseRow, TaskEventRow,
};
use crate::storage::incident::{IncidentRow, RevisionRow};
use crate::storage::log::LogEventRow;
use crate::storage::mail_report::MailReportRow;
use crate::storage::notice::FanoutRow;
use crate::storage::operator_clock::ClockStepRow;
use crate::storage::out_of_band::OutOfBandRow;
use crate::storage::people::{PersonRow, RoleGrantRow};
use crate::storage::phone_task::PhoneEventRow;
use crate::storage::report::{ReportEndRow, ReportRow};
use crate::storage::schema::*;
use crate::storage::tx::{Tx, on_either};
use diesel::prelude::*;
use std::collections::HashMap;

/// From which subject on, and how many.
type NextSubjects = fn(&mut Tx<'_>, Option<Uid>, i64) -> Result<Vec<Uid>, Error>;

/// One table.
pub(super) struct Walk {
    pub table: &'static str,
    /// The entry that binds a row.
    pub kind: &'static str,
    /// Subjects of one page; few where each has many rows.
    pub at_once: i64,
    /// The next subjects, in order.
    pub subjects: NextSubjects,
    /// The rows about these subjects.
    pub rows: fn(&mut Tx<'_>, &[Uid]) -> Result<Vec<Bound>, Error>,
    /// What else must hold of them.
    pub more: fn(&mut Tx<'_>, &[Uid], &mut Tally) -> Result<(), Error>,
}

/// Reads the next values of a table's first key column.
macro_rules! next {
    ($table:ident.$key:ident) => {
        |tx, after, limit| {
            Ok(on_either!(tx, conn => {
                let all = $table::table.select($table::$key).distinct().order($table::$key).limit(limit);
                match after {
                    Some(after) => all.filter($table::$key.gt(after)).load(conn)?,
                    None => all.load(conn)?,
                }
            }))
        }
    };
}

/// Reads all rows that have one of these values in a column.
macro_rules! rows {
    ($tx:expr, $row:ty, $table:ident.$key:ident in $values:expr) => {{
        $tx.read_by_keys()?;
        let rows: Vec<$row> = on_either!($tx, conn => $table::table
            .filter($table::$key.eq_any($values))
            .select(<$row>::as_select())
            .load(conn)?);
        rows
    }};
}
pub(super) use rows;

/// A table each row of which has an entry to itself.
macro_rules! walk {
    ($table:ident.$key:ident $row:ty, $kind:expr) => {
        Walk {
            table: stringify!($table),
            kind: $kind,
            at_once: PAGE,
            subjects: next!($table.$key),
            rows: |tx, subjects| {
                let rows = rows!(tx, $row, $table.$key in subjects);
                Ok(rows.iter().map(|row| Bound::new(row, bind(tx, &[row]))).collect())
            },
            more: |_, _, _| Ok(()),
        }
    };
}

/// Every table of facts.
pub(super) const WALKS: &[Walk] = &[
    walk!(bank.id BankRow, RECORDED),
    walk!(observer.bank_id ObserverRow, RECORDED),
    walk!(bank_profile.bank_id ProfileRow, RECORDED),
    walk!(partnership.bank_id PartnershipRow, RECORDED),
    walk!(contact.id ContactRow, RECORDED),
    walk!(contact_end.contact_id ContactEndRow, RECORDED),
    walk!(endpoint.id EndpointRow, RECORDED),
    walk!(endpoint_end.endpoint_id EndpointEndRow, RECORDED),
    walk!(endpoint_secret.endpoint_id EndpointSecretRow, RECORDED),
    walk!(endpoint_challenge.message_id ChallengeRow, RECORDED),
    walk!(endpoint_proof.id ProofRow, "endpoint.proven"),
    walk!(endpoint_replacement.endpoint_id ReplacementRow, RECORDED),
    Walk {
        table: "roster_version",
        kind: "roster.version",
        at_once: 1,
        subjects: trees::next_versions,
        rows: trees::versions,
        more: trees::hashes_of_versions,
    },
    walk!(bank_key.id BankKeyRow, RECORDED),
    walk!(bank_key_end.key_id BankKeyEndRow, RECORDED),
    walk!(head_dispute.acknowledgement_id HeadDisputeRow, RECORDED),
    walk!(log_event.id LogEventRow, RECORDED),
    walk!(person.id PersonRow, RECORDED),
    walk!(role_grant.person_id RoleGrantRow, RECORDED),
    walk!(approval_request.id RequestRow, RECORDED),
    Walk {
        more: levels::of_approvals,
        ..walk!(approval.request_id ApprovalRow, "approval")
    },
    walk!(incident.id IncidentRow, RECORDED),
    walk!(revision.id RevisionRow, "incident.registered"),
    Walk {
        at_once: 1,
        more: trees::notices,
        ..walk!(fanout.id FanoutRow, "notice.fanout")
    },
    Walk {
        rows: messages,
        more: trees::messages_of_notices,
        ..walk!(message.id MessageRow, RECORDED)
    },
    Walk {
        rows: outcomes,
        more: levels::of_outcomes,
        ..walk!(attempt_outcome.attempt_id OutcomeRow, "notice.attempt")
    },
    Walk {
        rows: accesses,
        more: levels::of_notices,
        ..walk!(notice_level.notice_id LevelRow, "notice.accessed")
    },
    Walk {
        more: levels::of_acknowledgements,
        ..walk!(acknowledgement.id AcknowledgementRow, "notice.acknowledged")
    },
    Walk {
        more: levels::of_responses,
        ..walk!(response.id ResponseRow, "bank.response")
    },
    Walk {
        more: levels::of_mail_reports,
        ..walk!(mail_report.id MailReportRow, "mail.report")
    },
    walk!(response_answer.response_id AnswerRow, RECORDED),
    walk!(task_event.task_id TaskEventRow, RECORDED),
    walk!(chase_step.notice_id StepRow, "notice.chased"),
    walk!(phone_task_event.task_id PhoneEventRow, RECORDED),
    walk!(out_of_band_contact.id OutOfBandRow, RECORDED),
    walk!(clock_step.origin_id ClockStepRow, RECORDED),
    walk!(bank_report.id ReportRow, "bank.report"),
    walk!(bank_report_end.report_id ReportEndRow, RECORDED),
    walk!(deferral.id DeferralRow, "deferral"),
    walk!(deferral_end.deferral_id DeferralEndRow, RECORDED),
    walk!(notice_closing.notice_id NoticeClosingRow, "notice.closed"),
    walk!(incident_closing.incident_id IncidentClosingRow, "incident.closed"),
];

/// Messages that have an entry to themselves.
fn messages(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<Bound>, Error> {
    let mut rows = rows!(tx, MessageRow, message.id in ids);
    rows.retain(|row| !row.is_of_notice());
    Ok(rows
        .iter()
        .map(|row| Bound::new(row, bind(tx, &[row])))
        .collect())
}

/// Outcomes, each with its attempt.
fn outcomes(tx: &mut Tx<'_>, attempts: &[Uid]) -> Result<Vec<Bound>, Error> {
    let outcomes = rows!(tx, OutcomeRow, attempt_outcome.attempt_id in attempts);
    let attempts = rows!(tx, AttemptRow, attempt.id in attempts);
    let attempts: HashMap<Uid, AttemptRow> =
        attempts.into_iter().map(|row| (row.id, row)).collect();
    let vault = tx.vault();
    let bound = |row: &OutcomeRow| {
        let mut rows: Vec<&dyn Fact> = Vec::with_capacity(2);
        rows.extend(attempts.get(&row.attempt_id).map(|row| row as &dyn Fact));
        rows.push(row);
        Bound::new(row, commitment(&vault.keys().facts, &rows))
    };
    Ok(outcomes.iter().map(bound).collect())
}

/// The levels that have an entry; the others follow from their evidence.
fn accesses(tx: &mut Tx<'_>, notices: &[Uid]) -> Result<Vec<Bound>, Error> {
    let mut rows = rows!(tx, LevelRow, notice_level.notice_id in notices);
    rows.retain(levels::is_access);
    Ok(rows
        .iter()
        .map(|row| Bound::new(row, bind(tx, &[row])))
        .collect())
}
