//! What banks did: for the operator's side by name, for peers as counts first and names only where a bank
//! agreed to it. What is private is the bank's own.

use crate::actions::{once, respond};
use crate::domain::access::BankScope;
use crate::domain::id::Uid;
use crate::domain::incident::ResponseFiling;
use crate::domain::vocabulary::Sharing;
use crate::storage::evidence::{self, ResponseRow};
use crate::storage::{Lane, Tx, bank, notice, payload};
use crate::web::App;
use crate::web::body::RawJson;
use crate::web::identity::BankWho;
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, FaultDocument, Problem};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use utoipa::ToSchema;

use super::incidents::{found, status};

/// A response as the operator's side, or the bank itself, reads it.
#[derive(Serialize, ToSchema)]
pub struct ResponseView {
    id: String,
    notice: String,
    bank: String,
    codes: Vec<String>,
    share: String,
    recorded_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
    /// Note, counts and amounts; absent where they were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    content: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct ResponseList {
    responses: Vec<ResponseView>,
    /// Banks that answered for themselves alone.
    private: usize,
}

/// A peer that agreed to be named.
#[derive(Serialize, ToSchema)]
pub struct NamedPeer {
    bank: String,
    codes: Vec<String>,
    recorded_at: String,
}

/// What peers did: counts first.
#[derive(Serialize, ToSchema)]
pub struct PeerResponses {
    /// How many other banks share what they did.
    banks: usize,
    /// How many other banks said each code, among those that share.
    counts: BTreeMap<String, usize>,
    named: Vec<NamedPeer>,
    own: Vec<ResponseView>,
}

#[derive(Serialize, ToSchema)]
pub struct RespondedAnswer {
    id: String,
    notice: String,
    at: String,
    warnings: Vec<FaultDocument>,
}

#[derive(Deserialize)]
struct Sealed {
    response: Value,
}

fn codes(row: &ResponseRow) -> Vec<String> {
    row.codes
        .split(' ')
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

fn view(tx: &mut Tx<'_>, row: &ResponseRow, bank: String) -> Result<ResponseView, Problem> {
    let content = match payload::open(tx, row.payload_id)? {
        None => None,
        Some(bytes) => {
            let sealed: Sealed = serde_json::from_slice(&bytes)
                .map_err(|_| Problem::internal(&"a sealed response"))?;
            Some(sealed.response)
        }
    };
    Ok(ResponseView {
        id: row.id.to_string(),
        notice: row.notice_id.to_string(),
        bank,
        codes: codes(row),
        share: row.share.clone(),
        recorded_at: row.recorded_at.to_string(),
        effective_from: row.effective_from.map(|at| at.to_string()),
        content,
    })
}

/// The code of every bank by its id.
pub(super) fn bank_codes(tx: &mut Tx<'_>) -> Result<HashMap<Uid, String>, Problem> {
    Ok(bank::all(tx)?
        .into_iter()
        .map(|row| (row.id, row.code))
        .collect())
}

/// What banks did about an incident, oldest first.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/responses", tag = "responses",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = ResponseList)))]
pub async fn of_incident(app: Data<App>, reference: Path<String>) -> Answered {
    let list = app
        .store
        .read(move |tx| -> Result<ResponseList, Problem> {
            let incident = found(tx, &reference)?;
            let banks = bank_codes(tx)?;
            let rows = evidence::responses(tx, incident.id)?;
            let is_private = |row: &&ResponseRow| row.share == Sharing::Private.code();
            let private = rows.iter().filter(is_private).count();
            let mut responses = Vec::with_capacity(rows.len() - private);
            for row in rows.iter().filter(|row| !is_private(row)) {
                let code = banks.get(&row.bank_id).cloned().unwrap_or_default();
                responses.push(view(tx, row, code)?);
            }
            Ok(ResponseList { responses, private })
        })
        .await?;
    Ok(page::ok(&list))
}

fn of_peers(tx: &mut Tx<'_>, scope: BankScope, notice_id: Uid) -> Result<PeerResponses, Problem> {
    let found = notice::by_id(tx, notice_id)?.filter(|row| row.bank_id == scope.bank());
    let found = found.ok_or_else(Problem::missing)?;
    let banks = bank_codes(tx)?;
    let code = |bank: Uid| banks.get(&bank).cloned().unwrap_or_default();
    let rows = evidence::responses(tx, found.incident_id)?;
    let mut answer = PeerResponses {
        banks: 0,
        counts: BTreeMap::new(),
        named: Vec::new(),
        own: Vec::new(),
    };
    let mut told: BTreeMap<(Uid, String), ()> = BTreeMap::new();
    for row in &rows {
        if row.bank_id == scope.bank() {
            answer.own.push(view(tx, row, code(row.bank_id))?);
            continue;
        }
        let share = Sharing::parse(&row.share).filter(|share| share.reaches_peers());
        let Some(share) = share else { continue };
        // A bank that says the same thing twice counts once.
        told.extend(codes(row).into_iter().map(|code| ((row.bank_id, code), ())));
        if share == Sharing::PeersNamed {
            answer.named.push(NamedPeer {
                bank: code(row.bank_id),
                codes: codes(row),
                recorded_at: row.recorded_at.to_string(),
            });
        }
    }
    let sharing: HashSet<Uid> = told.keys().map(|(bank, _)| *bank).collect();
    answer.banks = sharing.len();
    for (_, code) in told.into_keys() {
        *answer.counts.entry(code).or_default() += 1;
    }
    Ok(answer)
}

/// What other banks did about the incident of this notice, and what this bank said itself.
#[utoipa::path(get, path = "/api/v1/notices/{id}/responses", tag = "responses",
    params(("id" = String, Path, description = "the notice")),
    responses((status = 200, body = PeerResponses)))]
pub async fn for_bank(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let notice_id = page::id(&id)?;
    let answer = app
        .store
        .read(move |tx| of_peers(tx, who.scope, notice_id))
        .await?;
    Ok(page::ok(&answer))
}

/// Say what the bank did. Its share decides who reads it.
#[utoipa::path(post, path = "/api/v1/notices/{id}/responses", tag = "responses",
    params(("id" = String, Path, description = "the notice"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    request_body(content = Object, description = "codes, found, effective_from, share, note"),
    responses((status = 201, body = RespondedAnswer)))]
pub async fn respond(
    app: Data<App>,
    who: BankWho,
    key: OnceKey,
    id: Path<String>,
    RawJson(body): RawJson,
) -> Answered {
    let notice_id = page::id(&id)?;
    let filing = ResponseFiling::from_json(&body)?;
    let checked = filing.check()?;
    let warnings = filing.warnings();
    let request = OnceKey::request(&format!("POST responses of {notice_id}"), &body);
    let answer = app
        .store
        .write(Lane::Front, move |tx| {
            once::once(tx, who.caller.id(), &key.0, &request, |tx| {
                let done = respond::respond(tx, who.scope, notice_id, &who.caller, &checked)?;
                let answer = RespondedAnswer {
                    id: done.id.to_string(),
                    notice: notice_id.to_string(),
                    at: done.at.to_string(),
                    warnings: warnings.iter().map(FaultDocument::from).collect(),
                };
                Ok((201, page::bytes(&answer)))
            })
        })
        .await?;
    Ok(page::exact(status(&answer)?, answer.body))
}
