//! What an auditor carries away, and what it proves: the completeness of an incident's revisions, judged on screen
//! by the rules of the offline verifier, and the downloads. Reads, and changes nothing.

use super::{Desk, bank_names, show};
use crate::actions::{Error, log_keys, prove_completeness};
use crate::domain::access::Role;
use crate::domain::proof::completeness::{BankCovered, Completeness, Covered, StampProof};
use crate::storage::evidence::acknowledgements_of;
use crate::storage::incident::{self, RevisionRow};
use crate::storage::{Tx, log};
use crate::web::api::evidence;
use crate::web::api::incidents::found;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Number};
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::Path;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// One revision; the newest, unless it is named.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    revision: Option<Number>,
}

/// Whether a revision was addressed to every bank, and who has confirmed.
pub(in crate::web) async fn completeness(desk: Desk, reference: Path<String>) -> Answered {
    let which: Which = query::read(desk.req.query_string())?;
    let language = desk.seat.who.language.clone();
    let carries = desk.seat.who.caller.roles().contains(Role::Auditor);
    let mut page = desk
        .app
        .store
        .read(move |tx| read(tx, &reference, which, &language))
        .await?;
    page["carries"] = json!(carries);
    show(
        &desk,
        StatusCode::OK,
        "desk/auditor/completeness.html",
        page,
    )
}

fn chosen(
    tx: &mut Tx<'_>,
    reference: &str,
    which: Which,
) -> Result<(RevisionRow, Vec<RevisionRow>), Problem> {
    let known = found(tx, reference)?;
    let all = incident::revisions(tx, known.id)?;
    let row = match which.revision {
        Some(Number(number)) => all.iter().find(|row| row.number == number),
        None => all.last(),
    };
    Ok((row.cloned().ok_or_else(Problem::missing)?, all))
}

fn read(tx: &mut Tx<'_>, reference: &str, which: Which, language: &str) -> Result<Value, Problem> {
    let (row, all) = chosen(tx, reference, which)?;
    let names = bank_names(tx, language)?;
    let revisions = all.iter().rev().map(|one| {
        json!({ "number": one.number, "phase": one.phase, "accepted_at": one.accepted_at.to_string() })
    });
    Ok(json!({
        "reference": reference, "revision": row.number, "phase": row.phase, "kind": row.kind,
        "accepted_at": row.accepted_at.to_string(), "revisions": revisions.collect::<Vec<_>>(),
        "result": judged(tx, &row, &names)?,
    }))
}

/// The bundle as the verifier would judge it; or why there is none.
fn judged(
    tx: &mut Tx<'_>,
    row: &RevisionRow,
    names: &HashMap<String, String>,
) -> Result<Value, Problem> {
    let (head, bundle) = match prove_completeness::completeness(tx, row) {
        Ok(found) => found,
        Err(Error::Refused(refusal)) => {
            return Ok(
                json!({ "state": "refused", "code": refusal.code(), "detail": refusal.to_string() }),
            );
        }
        Err(fault) => return Err(fault.into()),
    };
    let keys = log_keys::keys_of(tx, head.log)?;
    let covered = match bundle.check(&keys) {
        Ok(covered) => covered,
        Err(finding) => {
            return Ok(
                json!({ "state": "broken", "code": finding.code, "detail": finding.detail }),
            );
        }
    };
    let notices = prove_completeness::notices_of(&bundle);
    let given = acknowledgements_of(tx, &notices)?.len();
    let waiting = given.saturating_sub(bundle.acknowledgements.len());
    let published = log::checkpoint(tx, head.log, head.size)?;
    let published = published.map(|row| row.recorded_at.to_string());
    let mut told = told(&bundle, &covered, published, names);
    told["waiting"] = json!(waiting);
    Ok(told)
}

fn told(
    bundle: &Completeness,
    covered: &Covered,
    published: Option<String>,
    names: &HashMap<String, String>,
) -> Value {
    let former = (!covered.former.is_empty()).then(|| counted(bundle, &covered.former, names));
    json!({
        "state": "sound", "roster": counted(bundle, &covered.banks, names), "former": former,
        "roster_version": covered.roster_version, "superseded": covered.superseded,
        "origin": covered.checkpoint.origin, "size": covered.checkpoint.size, "published_at": published,
    })
}

/// How many banks were told, how many have confirmed and by what, and who has not.
fn counted(bundle: &Completeness, banks: &[BankCovered], names: &HashMap<String, String>) -> Value {
    let of = |kind: fn(&StampProof) -> bool| {
        let stamps = banks.iter().filter_map(|bank| bank.stamp.as_ref());
        stamps.filter(|stamp| kind(&stamp.proof)).count()
    };
    let mut open: Vec<Value> = banks
        .iter()
        .filter(|bank| bank.stamp.is_none())
        .map(|bank| {
            let code = bundle.labels.get(&bank.bank);
            json!({ "code": code, "name": code.and_then(|code| names.get(code)), "number": bank.number,
                "notice": bank.notice.to_string() })
        })
        .collect();
    open.sort_by_key(|bank| bank["code"].as_str().map(str::to_owned));
    json!({
        "banks": banks.len(), "acknowledged": banks.len() - open.len(), "open": open,
        "signed": of(|proof| matches!(proof, StampProof::Signed { .. })),
        "key_unknown": of(|proof| matches!(proof, StampProof::KeyUnknown { .. })),
        "note_missing": of(|proof| matches!(proof, StampProof::NoteMissing)),
    })
}

/// The bundle itself, as `kairan verify incident` takes it.
pub(in crate::web) async fn bundle(desk: Desk, reference: Path<String>) -> Answered {
    let which: Which = query::read(desk.req.query_string())?;
    let asked = reference.clone();
    let (number, bytes) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let (row, _) = chosen(tx, &asked, which)?;
            let (_, bundle) = prove_completeness::completeness(tx, &row)?;
            Ok((row.number, bundle.to_bytes()))
        })
        .await?;
    let name = format!("attachment; filename=\"completeness-{reference}-r{number}.json\"");
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(bytes))
}

/// An incident's evidence pack: the API's own, under a session.
pub(in crate::web) async fn incident_pack(desk: Desk, reference: Path<String>) -> Answered {
    evidence::of_incident(desk.app, reference).await
}

/// A bank's.
pub(in crate::web) async fn bank_pack(desk: Desk, code: Path<String>) -> Answered {
    evidence::of_bank(desk.app, code).await
}
