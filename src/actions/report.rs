//! A bank reports a suspicion: on record at once, with a clock on the operator and a receipt in the bank's hands.
//! Nobody else reads it before it is answered, or issues itself.

use super::alert::{self, OperatorAlert, alert};
use super::{Error, Rules};
use crate::domain::access::{BankScope, Caller};
use crate::domain::entry::{self, Entry};
use crate::domain::incident::ReportFiling;
use crate::domain::instant::Instant;
use crate::domain::proof::receipt::{Receipt, key_name};
use crate::merkle::note::{KeyKind, Signer, VerifierKey};
use crate::merkle::tlog_proof::TlogProof;
use crate::merkle::{self, Hash};
use crate::storage::report::{self, ReportRow};
use crate::storage::{Tx, bank, facts, log, payload, tree};
use crate::vault;
use serde::{Deserialize, Serialize};

/// A report on record, and what the bank holds of it.
#[derive(Debug, Clone)]
pub struct Reported {
    pub row: ReportRow,
    /// The signed promise that its entry will be in the log.
    pub receipt: String,
}

/// What lies in the erasable store.
#[derive(Serialize, Deserialize)]
struct Sealed {
    report: ReportFiling,
    salt: String,
    /// What the receipt promises, so that it stays the same where the profiles change.
    included_by: Option<i64>,
}

/// Records a bank's report, starts the operator's clock, and alerts the officers.
pub fn report(
    tx: &mut Tx<'_>,
    rules: &Rules,
    scope: BankScope,
    by: &Caller,
    filing: &ReportFiling,
) -> Result<Reported, Error> {
    let now = tx.now()?;
    let code = bank::by_id(tx, scope.bank())?.ok_or(Error::NotFound)?.code;
    filing.check(&code, now)?;
    if filing.own_accounts && bank::observers(tx)?.contains(&scope.bank()) {
        return Err(Error::invalid(
            "/own_accounts",
            "bank_observes",
            "an observer has no accounts of customers: leave it out",
        ));
    }
    let salt = vault::random().map_err(crate::storage::Error::from)?;
    let included_by = rules.profiles.included_by(now, &rules.zone);
    let sealed = Sealed {
        report: filing.clone(),
        salt: hex::encode(salt),
        included_by: Some(included_by.micros()),
    };
    let sealed = serde_json::to_vec(&sealed).map_err(|_| super::issue::damaged("report"))?;
    let (triage_by, issue_by) = rules.profiles.report(now, &rules.zone);
    let row = ReportRow {
        id: tx.new_id()?,
        bank_id: scope.bank(),
        person_id: by.person(),
        api_key_id: Some(by.key()).filter(|_| by.person().is_none()),
        payload_id: payload::seal(tx, scope.bank(), &sealed)?,
        triage_by,
        issue_by,
        reported_at: now,
    };
    report::insert(tx, &row)?;
    let entry = entry::Report {
        at: now,
        bank: row.bank_id,
        commitment: merkle::commit("kairan-report/v1", &salt, &said(filing)),
        facts: facts::bind(tx, &[&row]),
        issue_by: row.issue_by,
        report: row.id,
        t: "bank.report",
        triage_by: row.triage_by,
        v: 1,
    };
    let leaf = log::stage(tx, &[(row.id, Entry::Report(entry))])?.remove(0);
    let inputs = OperatorAlert {
        alert: "bank-report".into(),
        bank_code: Some(code.clone()),
        report: Some(row.id),
        due_at: Some(alert::time(row.issue_by)),
        ..OperatorAlert::default()
    };
    alert(tx, &["officer"], &inputs)?;
    let receipt = signed(tx, rules, &code, &row, (leaf, included_by))?;
    Ok(Reported { row, receipt })
}

fn said(filing: &ReportFiling) -> Vec<u8> {
    serde_json::to_vec(filing).expect("texts, codes and numbers always serialize")
}

/// What a report says; `None` once erased.
pub fn open(tx: &mut Tx<'_>, row: &ReportRow) -> Result<Option<ReportFiling>, Error> {
    Ok(opened(tx, row)?.map(|sealed| sealed.report))
}

fn opened(tx: &mut Tx<'_>, row: &ReportRow) -> Result<Option<Sealed>, Error> {
    let Some(sealed) = payload::open(tx, row.payload_id)? else {
        return Ok(None);
    };
    let sealed = serde_json::from_slice(&sealed).map_err(|_| super::issue::damaged("report"))?;
    Ok(Some(sealed))
}

/// The receipt as it was given: the same bytes again.
pub fn receipt(tx: &mut Tx<'_>, rules: &Rules, row: &ReportRow) -> Result<String, Error> {
    let code = bank::by_id(tx, row.bank_id)?.ok_or(Error::NotFound)?.code;
    let (_, leaf) = entry_of(tx, row)?;
    let promised = opened(tx, row)?.and_then(|sealed| sealed.included_by);
    let included_by = match promised {
        Some(micros) => Instant::from_micros(micros),
        None => rules.profiles.included_by(row.reported_at, &rules.zone),
    };
    signed(tx, rules, &code, row, (leaf, included_by))
}

fn signed(
    tx: &Tx<'_>,
    rules: &Rules,
    code: &str,
    row: &ReportRow,
    (leaf, included_by): (Hash, Instant),
) -> Result<String, Error> {
    let receipt = Receipt {
        bank: code.to_owned(),
        report: row.id,
        leaf,
        reported_at: row.reported_at,
        included_by,
    };
    let signed = receipt.sign(&signer(tx, rules));
    signed.map_err(|_| super::issue::damaged("text of a receipt"))
}

fn signer(tx: &Tx<'_>, rules: &Rules) -> Signer {
    let name = key_name(&rules.public_host)
        .expect("a host has neither space nor plus, which the settings see to");
    Signer::new(name, KeyKind::Ed25519, &tx.vault().keys().receipt)
}

/// The key by which anybody verifies receipts.
pub fn verifier(tx: &Tx<'_>, rules: &Rules) -> VerifierKey {
    signer(tx, rules).verifier().clone()
}

/// The number and the leaf hash of a report's own entry.
fn entry_of(tx: &mut Tx<'_>, row: &ReportRow) -> Result<(i64, Hash), Error> {
    let entries = log::entries_of(tx, &[row.id])?;
    let own = entries
        .into_iter()
        .find(|(_, kind, _)| kind == "bank.report");
    let (seq, _, leaf) = own.ok_or_else(|| super::issue::damaged("report"))?;
    Ok((seq, super::fan_out::hash_of(&leaf)))
}

/// Where a report stands in the log: the entry's index, and its proof under the newest head (C2SP tlog-proof);
/// `None` while no published head covers it.
pub fn proof(tx: &mut Tx<'_>, row: &ReportRow) -> Result<Option<(i64, String)>, Error> {
    let (seq, _) = entry_of(tx, row)?;
    let Some((number, index)) = log::index_of(tx, seq)? else {
        return Ok(None);
    };
    let newest = log::latest_checkpoint(tx, number)?;
    let Some(head) = newest.filter(|head| index < head.size) else {
        return Ok(None);
    };
    let proof = TlogProof {
        extra: None,
        index: index.unsigned_abs(),
        path: tree::Reader::new(tx, number, head.size).inclusion(index)?,
        checkpoint: head.note,
    };
    Ok(Some((index, proof.to_string())))
}
