//! What banks did: for the operator's side by name, for peers as counts first and names only where a bank
//! agreed to it. What is private is the bank's own.

use crate::actions::share_responses::{self, codes};
use crate::actions::{once, respond};
use crate::domain::access::BankScope;
use crate::domain::id::Uid;
use crate::domain::incident::ResponseFiling;
use crate::domain::response_map::Services;
use crate::domain::vocabulary::{ResponseCode, ServiceState, Sharing};
use crate::storage::evidence::{self, ResponseRow};
use crate::storage::{Lane, Tx, bank, incident, notice, payload};
use crate::web::App;
use crate::web::body::RawJson;
use crate::web::identity::BankWho;
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, FaultDocument, Problem};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
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
    /// What the operator answered, where the response asked or objected.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerView>,
}

#[derive(Serialize, ToSchema)]
pub struct AnswerView {
    /// Absent once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    at: String,
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
    /// At how many of them each service is suspended.
    suspended: BTreeMap<String, usize>,
    named: Vec<NamedPeer>,
    own: Vec<ResponseView>,
}

/// How the three services of one bank stand, as its responses say.
#[derive(Serialize, ToSchema)]
pub struct MappedBank {
    bank: String,
    /// Codes of the vocabulary `service_state`.
    new_links: String,
    top_ups: String,
    pay_outs: String,
    /// From when what it said last takes effect; absent where it said nothing, and the register speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// The response map: every bank that was told.
#[derive(Serialize, ToSchema)]
pub struct ResponseMap {
    /// `actual`, `exercise` or `test`: what banks did in an exercise they did not do.
    kind: String,
    banks: Vec<MappedBank>,
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

pub(super) fn view(
    tx: &mut Tx<'_>,
    row: &ResponseRow,
    bank: String,
) -> Result<ResponseView, Problem> {
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
        answer: answer_of(tx, row.id)?,
    })
}

fn answer_of(tx: &mut Tx<'_>, response: Uid) -> Result<Option<AnswerView>, Problem> {
    let Some(row) = evidence::answer_of(tx, response)? else {
        return Ok(None);
    };
    let text = payload::open(tx, row.payload_id)?;
    Ok(Some(AnswerView {
        text: text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        at: row.recorded_at.to_string(),
    }))
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
    let rows = evidence::responses(tx, found.incident_id)?;
    let peers = share_responses::seen_by(scope.bank(), &rows, &banks);
    let mut own = Vec::new();
    for row in rows.iter().filter(|row| row.bank_id == scope.bank()) {
        let code = banks.get(&row.bank_id).cloned().unwrap_or_default();
        own.push(view(tx, row, code)?);
    }
    let named = peers.named.into_iter().map(|peer| NamedPeer {
        bank: peer.bank,
        codes: peer.codes,
        recorded_at: peer.recorded_at.at.to_string(),
    });
    Ok(PeerResponses {
        banks: peers.banks,
        counts: peers.counts,
        suspended: peers.suspended,
        named: named.collect(),
        own,
    })
}

/// How the services of every bank that was told stand: by the register, and then by its responses in their order.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/response-map", tag = "responses",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = ResponseMap)))]
pub async fn map(app: Data<App>, reference: Path<String>) -> Answered {
    let map = app
        .store
        .read(move |tx| -> Result<ResponseMap, Problem> {
            let incident = found(tx, &reference)?;
            let rows = evidence::responses(tx, incident.id)?;
            let codes = bank_codes(tx)?;
            let observers = bank::observers(tx)?;
            let mut banks = Vec::new();
            for bank in notice::banks_told(tx, incident.id)? {
                if observers.contains(&bank) {
                    continue;
                }
                let code = codes.get(&bank).cloned().unwrap_or_default();
                banks.push(mapped(tx, bank, code, &rows)?);
            }
            banks.sort_by(|one, other| one.bank.cmp(&other.bank));
            let kind = incident::kind_of(tx, incident.id)?.unwrap_or_default();
            Ok(ResponseMap { kind, banks })
        })
        .await?;
    Ok(page::ok(&map))
}

fn mapped(
    tx: &mut Tx<'_>,
    bank: Uid,
    code: String,
    rows: &[ResponseRow],
) -> Result<MappedBank, Problem> {
    let profile = bank::profile(tx, bank)?;
    let state = |text: &str| ServiceState::parse(text).unwrap_or(ServiceState::Open);
    let mut services = match profile {
        Some(known) => Services {
            new_links: state(&known.new_links),
            top_ups: state(&known.top_ups),
            pay_outs: state(&known.pay_outs),
        },
        None => Services::all(ServiceState::Open),
    };
    let mut since = None;
    let shared = rows
        .iter()
        .filter(|row| row.bank_id == bank && row.share != Sharing::Private.code());
    for row in shared {
        let said: Vec<ResponseCode> = codes(row)
            .iter()
            .filter_map(|code| ResponseCode::parse(code))
            .collect();
        let after = services.after(&said);
        let speaks = said.iter().any(|code| code.is_of_services());
        if speaks {
            since = Some(row.effective_from.unwrap_or(row.recorded_at));
        }
        services = after;
    }
    Ok(MappedBank {
        bank: code,
        new_links: services.new_links.code().to_owned(),
        top_ups: services.top_ups.code().to_owned(),
        pay_outs: services.pay_outs.code().to_owned(),
        since: since.map(|at| at.to_string()),
    })
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
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the API keys of a bank share theirs")),
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
            once::once(tx, who.caller.once_owner(), &key.0, &request, |tx| {
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
