//! The bank's desk: its inbox, one notice with the two things to do about it, and its own addresses.

use super::seat::{self, Fields, OwnForm};
use super::words::{Said, say};
use super::{Desk, document, list, measures, show, words};
use crate::actions::acknowledge::{self, Confirmation};
use crate::actions::open_notice::open_notice;
use crate::actions::{prove, read_register, send_test};
use crate::domain::access::{BankScope, Role};
use crate::domain::digest::Digest;
use crate::domain::incident::OperatorContact;
use crate::domain::level::{AckClass, Level};
use crate::domain::proof::notice::FILE_NAME;
use crate::domain::vocabulary::{Language, Phase, ResponseCode, Sharing};
use crate::storage::delivery::OutcomeRow;
use crate::storage::{
    Lane, Tx, bank, delivery, delivery_log, evidence, incident, log, notice, payload, reading,
};
use crate::web::api::deliveries::Names;
use crate::web::api::inbox::InboxLine;
use crate::web::api::{
    challenges, channels, contacts, endpoints, keys, notices, reachability, responses, signing_keys,
};
use crate::web::body::{RawJson, Strict};
use crate::web::identity::BankWho;
use crate::web::once_key::OnceKey;
use crate::web::problem::{Answered, Problem};
use crate::web::{App, page};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Contacts and endpoints of one bank, at most.
const CHANNELS: i64 = 25;
/// Notices on one page of the inbox.
const LINES: i64 = 50;

/// The number after `name=` in the address, if any.
fn number(req: &HttpRequest, name: &str) -> Option<i64> {
    url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(known, _)| known == name)
        .and_then(|(_, value)| value.parse().ok())
        .filter(|number| *number >= 0)
}

/// The newest notices first, by number; `?to=n` goes back.
pub(in crate::web) async fn inbox(desk: Desk, who: BankWho) -> Answered {
    let (to, language) = (number(&desk.req, "to"), desk.seat.who.language.clone());
    let page = desk
        .app
        .store
        .read(move |tx| inbox_page(tx, who.scope, to, &language))
        .await?;
    show(&desk, StatusCode::OK, "desk/bank/inbox.html", page)
}

fn inbox_page(
    tx: &mut Tx<'_>,
    scope: BankScope,
    to: Option<i64>,
    language: &str,
) -> Result<Value, Problem> {
    let now = tx.now()?;
    let last_number = notice::last_number(tx, scope.bank())?;
    let to = to.unwrap_or(last_number).clamp(0, last_number);
    let after = (to - LINES).max(0);
    let rows = notice::inbox(tx, scope.bank(), after, to - after)?;
    let told = InboxLine::all(tx, rows.clone(), now)?;
    let mut lines = Vec::with_capacity(rows.len());
    for (row, told) in rows.into_iter().zip(told) {
        let revision = incident::revision(tx, row.revision_id)?;
        let body: Value = revision
            .and_then(|revision| serde_json::from_slice(&revision.body).ok())
            .unwrap_or_default();
        let mut line = serde_json::to_value(told).map_err(|fault| Problem::internal(&fault))?;
        let class = line["class"].take();
        let late = class.is_null() && row.acknowledge_by < now;
        // A template knows no absent field.
        line["class"] = class;
        line["title"] = json!(words(&body, "title", language));
        line["late"] = json!(late);
        lines.insert(0, line);
    }
    let waiting = evidence::waiting_of_bank(tx, scope.bank())?;
    Ok(json!({
        "notices": lines, "last_number": last_number, "waiting": waiting,
        "older": (after > 0).then(|| format!("/inbox?to={after}")),
        "newer": (to < last_number).then(|| format!("/inbox?to={}", (to + LINES).min(last_number))),
    }))
}

/// One notice. Opening it here is shown as *accessed*.
pub(in crate::web) async fn notice(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    let notice_id = page::id(&id)?;
    let (scope, session) = (who.scope, desk.seat.who.session);
    // Drawn first: what could not be shown was not opened.
    let shown = notice_page(
        &desk,
        who,
        id,
        StatusCode::OK,
        &Fields::default(),
        json!([]),
    )
    .await?;
    desk.app
        .store
        .write(Lane::Front, move |tx| {
            open_notice(tx, scope, notice_id, session)
        })
        .await?;
    Ok(shown)
}

async fn notice_page(
    desk: &Desk,
    who: BankWho,
    id: Path<String>,
    status: StatusCode,
    form: &Fields,
    faults: Value,
) -> Answered {
    let notice_id = page::id(&id)?;
    let view = notices::notice(desk.app.clone(), who.clone(), Path::from(id.clone())).await;
    let mut page = document(view).await?;
    let peers =
        responses::for_bank(desk.app.clone(), who.clone(), Path::from(id.into_inner())).await;
    let peers = document(peers).await?;
    let scope = who.scope;
    let around = desk
        .app
        .store
        .read(move |tx| around_notice(tx, scope, notice_id))
        .await?;
    // Whoever reads it has it on screen.
    let level = page["level"].as_str().and_then(Level::parse);
    page["level"] = json!(level.unwrap_or(Level::Listed).max(Level::Accessed).code());
    let body = page["body"].take();
    let language = desk.seat.who.language.as_str();
    let is_withdrawal = page["phase"] == "withdrawal";
    let counts: Vec<Value> = peers["counts"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(code, banks)| json!({ "code": code, "banks": banks }))
        .collect();
    let suspended: Vec<Value> = peers["suspended"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(service, banks)| json!({ "service": service.replace('_', "-"), "banks": banks }))
        .collect();
    let own: Vec<Value> = peers["own"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            json!({ "codes": one["codes"], "share": one["share"], "note": one["content"]["note"],
                "found_accounts": one["content"]["found_accounts"], "found_amount": one["content"]["found_amount"],
                "effective_from": one.get("effective_from"), "answer": one.get("answer"), "recorded_at": one["recorded_at"] })
        })
        .collect();
    let more: Value = json!({
        "withdrawn": is_withdrawal.then(|| json!({ "reason": body["reason"], "text": words(&body, "text", language), "replaces": body["replaces"] })),
        "responses_own": own,
        "peers": { "banks": peers["banks"], "suspended": suspended, "counts": counts, "named": peers["named"] },
        "response_codes": ResponseCode::ALL.iter().map(|code| code.code()).collect::<Vec<_>>(), "sharing": Sharing::ALL.iter().map(|share| share.code()).collect::<Vec<_>>(),
        "typed": typed(form, &desk.seat.who.name), "faults": faults,
    });
    let related = related(desk, scope, &body, &page["incident"]).await?;
    page["related"] = related;
    merge(&mut page, around);
    merge(&mut page, told(&body, language));
    merge(&mut page, more);
    show(desk, status, "desk/bank/notice.html", page)
}

/// Related incidents, named by this one or naming it, each with the bank's own newest notice of it; of what the
/// bank was never told, only what this notice names.
async fn related(
    desk: &Desk,
    scope: BankScope,
    body: &Value,
    own: &Value,
) -> Result<Value, Problem> {
    let named: Vec<String> = serde_json::from_value(list(&body["related_incidents"]))
        .map_err(|fault| Problem::internal(&fault))?;
    let own = own.as_str().unwrap_or_default().to_owned();
    desk.app
        .store
        .read(move |tx| -> Result<Value, Problem> {
            let mut lines = Vec::new();
            for reference in &named {
                let told = told_of(tx, scope, reference)?;
                lines.push(json!({ "incident": reference, "notice": told, "is_earlier": true }));
            }
            for (row, _) in reading::naming(tx, &own, page::MOST)? {
                if let Some(told) = told_of(tx, scope, &row.reference)? {
                    lines.push(
                        json!({ "incident": row.reference, "notice": told, "is_earlier": false }),
                    );
                }
            }
            Ok(Value::Array(lines))
        })
        .await
}

/// The newest notice that a bank got of an incident.
fn told_of(tx: &mut Tx<'_>, scope: BankScope, reference: &str) -> Result<Option<String>, Problem> {
    let Some(known) = incident::by_reference(tx, reference)? else {
        return Ok(None);
    };
    let told = notice::of_incident(tx, known.id, scope.bank())?;
    Ok(told.last().map(|row| row.id.to_string()))
}

/// What the two forms of a notice say: as typed, or as they begin.
fn typed(form: &Fields, name: &str) -> Value {
    let or = |field: &str, usual: &str| form.given(field).unwrap_or_else(|| usual.to_owned());
    json!({
        "name": or("name", name), "role": form.one("role"), "codes": form.all("codes"),
        "share": or("share", Sharing::PeersAnonymous.code()), "note": form.one("note"),
        "effective_from": form.one("effective_from"), "found_accounts": form.one("found_accounts"),
        "found_amount": form.one("found_amount"),
    })
}

/// What the shared body tells, in one language.
pub(super) fn told(body: &Value, language: &str) -> Value {
    json!({
        "title": words(body, "title", language), "description": words(body, "description", language),
        "change_summary": words(body, "change_summary", language), "advice": words(body, "advice", language),
        "source": body["source"], "unverified": body["unverified"] == true, "severity": body["severity"], "urgency": body["urgency"], "determination": body["determination"],
        "typology": list(&body["typology"]), "auth_exploited": list(&body["auth_exploited"]),
        "countermeasures": measures(&body["countermeasures"]),
    })
}

pub(super) fn merge(page: &mut Value, more: Value) {
    if let (Value::Object(page), Value::Object(more)) = (page, more) {
        page.extend(more);
    }
}

/// What stands around the notice: why, with whom, by when, and what was confirmed.
fn around_notice(
    tx: &mut Tx<'_>,
    scope: BankScope,
    id: crate::domain::id::Uid,
) -> Result<Value, Problem> {
    let row = notice::by_id(tx, id)?.filter(|row| row.bank_id == scope.bank());
    let row = row.ok_or_else(Problem::missing)?;
    let now = tx.now()?;
    let revision = incident::revision(tx, row.revision_id)?;
    let revision = revision.ok_or_else(|| Problem::internal(&"a notice without its revision"))?;
    let roster = notice::fanouts(tx, row.revision_id)?;
    let roster = roster.iter().find(|fanout| fanout.kind == "roster");
    let observers = crate::storage::bank::observers_told(tx, row.revision_id)?;
    let observers: Vec<Value> = observers
        .into_iter()
        .map(|(_, ja, en)| json!({ "ja": ja, "en": en }))
        .collect();
    let contacts: Vec<OperatorContact> = match revision.contacts_id {
        Some(sealed) => payload::open(tx, sealed)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default(),
        None => Vec::new(),
    };
    let stamped = evidence::acknowledgement_of(tx, id)?;
    let seal = log::seal(tx, row.fanout_id)?;
    let newer = notice::followed_by(tx, &row)?;
    Ok(json!({
        "newer": newer.map(|(newest, phase)| json!({ "notice": newest.id.to_string(), "number": newest.number,
            "withdrawn": phase == Phase::Withdrawal.code() })),
        "sealed": seal.map(|seal| json!({ "entry": seal.entry_index })),
        "reason": row.reason, "late": stamped.is_none() && row.acknowledge_by < now,
        "recipients": { "count": roster.map(|fanout| fanout.notice_count), "roster_version": roster.map(|fanout| fanout.roster_version),
            "observers": observers },
        "contacts": contacts,
        "acknowledgement": stamped.map(|done| json!({ "at": done.recorded_at.to_string(), "class": done.class, "name": null })),
    }))
}

/// The notice's proof as the file that a mail carries, for whoever checks it elsewhere.
pub(in crate::web) async fn proof(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let file = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let row = notices::own(tx, who.scope, id)?;
            let proof = prove::own_proof(tx, &row)?.to_tlog_proof(&row.object);
            proof.map_err(|fault| Problem::internal(&fault))
        })
        .await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{FILE_NAME}\""),
        ))
        .body(file))
}

/// *Confirm receipt*: received, not agreed.
pub(in crate::web) async fn acknowledge(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let notice_id = page::id(&id)?;
    let digest: Digest = form.0.one("digest").parse().map_err(|_| {
        Problem::bad_request(
            "digest_missing",
            "open the notice again; its digest is part of the form",
        )
    })?;
    let by = Confirmation {
        class: AckClass::Portal,
        person: who.caller.person(),
        api_key: None,
        delivery: None,
        name: form.0.one("name"),
        role: form.0.one("role"),
    };
    let scope = who.scope;
    let done = desk
        .app
        .store
        .write(Lane::Front, move |tx| {
            acknowledge::acknowledge(tx, scope, notice_id, digest, &by)
        })
        .await
        .map_err(Problem::from);
    match done {
        Ok(_) => Ok(seat::see(&format!("/inbox/{notice_id}?done=acknowledged"))),
        Err(problem) if !problem.faults.is_empty() => {
            let faults = json!(problem.faults);
            notice_page(&desk, who, id, problem.status, &form.0, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// *What we did.*
pub(in crate::web) async fn respond(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let fields = form.0;
    let mut filing = json!({ "codes": fields.all("codes"), "share": fields.one("share") });
    if let Some(note) = fields.given("note") {
        filing["note"] = json!(note);
    }
    let digits = |name: &str| {
        fields
            .given(name)
            .map(|text| text.replace([',', '，', ' '], ""))
    };
    if let Some(accounts) = digits("found_accounts") {
        // What is no number goes to the judge as it was typed.
        filing["found"]["accounts"] = accounts
            .parse::<u64>()
            .map_or(json!(accounts), |n| json!(n));
    }
    if let Some(minor) = digits("found_amount") {
        filing["found"]["amount"] = json!({ "minor": minor, "currency": "JPY" });
    }
    if let Some(local) = fields.given("effective_from") {
        match super::entered("/effective_from", &local, &desk.seat.who.zone) {
            Ok(instant) => filing["effective_from"] = json!(instant),
            Err(problem) => {
                let faults = super::faults_of(&problem);
                return notice_page(&desk, who, id, problem.status, &fields, faults).await;
            }
        }
    }
    let body = RawJson(page::bytes(&filing).into());
    let key = OnceKey(fields.given("idempotency_key").unwrap_or_else(|| {
        // The same words of the same person about the same notice are one response.
        Digest::of(filing.to_string().as_bytes()).to_string()
    }));
    let done = responses::respond(
        desk.app.clone(),
        who.clone(),
        key,
        Path::from(id.clone()),
        body,
    )
    .await;
    match done {
        Ok(_) => Ok(seat::see(&format!("/inbox/{id}?done=responded"))),
        Err(problem) if !problem.faults.is_empty() => {
            let faults = faults_of_response(&problem);
            notice_page(&desk, who, id, problem.status, &fields, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// What was wrong, at the fields that the form has.
fn faults_of_response(problem: &Problem) -> Value {
    let mut problem = problem.clone();
    for fault in &mut problem.faults {
        for (place, field) in [
            ("/found/accounts", "/found_accounts"),
            ("/found/amount", "/found_amount"),
        ] {
            if fault.pointer.starts_with(place) {
                fault.pointer = field.to_owned();
            }
        }
    }
    json!(problem.faults)
}

/// Contacts, endpoints and keys of the bank.
pub(in crate::web) async fn channels(desk: Desk, who: BankWho) -> Answered {
    channels_page(&desk, who, StatusCode::OK, Value::Null, Refused::default()).await
}

async fn channels_page(
    desk: &Desk,
    who: BankWho,
    status: StatusCode,
    secret: Value,
    refused: Refused,
) -> Answered {
    let Refused { faults, typed } = refused;
    let may_change = who.caller.roles().contains(Role::BankAdministrator);
    let own_contacts = document(contacts::list_own(desk.app.clone(), who.clone()).await).await?;
    let own_endpoints = document(endpoints::list_own(desk.app.clone(), who.clone()).await).await?;
    let scope = who.scope;
    let test = desk
        .app
        .store
        .read(move |tx| latest_test(tx, scope))
        .await?;
    let own_keys = document(keys::list_own(desk.app.clone(), who.clone()).await).await?;
    let signing = document(signing_keys::list_own(desk.app.clone(), who.clone()).await).await?;
    let reached = document(reachability::own(desk.app.clone(), who.clone()).await).await?;
    let health = document(channels::own(desk.app.clone(), who.clone()).await).await?;
    let (bank, host) = (who.scope.bank(), desk.app.rules.public_host.clone());
    let own = desk.app.store.read(move |tx| bank::by_id(tx, bank)).await;
    let code = own?.ok_or_else(Problem::missing)?.code;
    let page = json!({
        "contacts": own_contacts["contacts"], "endpoints": own_endpoints["endpoints"], "keys": own_keys["keys"],
        "signing_keys": signing["signing_keys"], "signing_name": format!("{code}.{host}/ack"), "signing_code": code, "signing_host": host,
        "signing": typed["signing"], "may_change": may_change, "secret": secret, "contact": typed["contact"], "endpoint": typed["endpoint"], "key": typed["key"],
        "test": test, "reached": reached, "faults": faults,
        "channels": super::with_addresses(&health["channels"], &own_contacts["contacts"], &own_endpoints["endpoints"]),
    });
    show(desk, status, "desk/bank/channels.html", page)
}

/// What was refused of a form, and what it said, under its name.
struct Refused {
    faults: Value,
    typed: Value,
}

impl Default for Refused {
    fn default() -> Self {
        Self {
            faults: json!([]),
            typed: json!({}),
        }
    }
}

/// What came of the latest test notice, channel by channel; null if there was none.
fn latest_test(tx: &mut Tx<'_>, scope: BankScope) -> Result<Value, Problem> {
    let deliveries = delivery::of_latest_test(tx, scope.bank(), CHANNELS)?;
    let Some(sent_at) = deliveries.first().map(|row| row.created_at) else {
        return Ok(Value::Null);
    };
    let newest = delivery_log::newest_attempts(tx, scope.bank(), None, 2 * CHANNELS)?;
    let mut ways = Vec::with_capacity(deliveries.len());
    for row in deliveries {
        let outcome = newest.iter().find(|one| one.delivery_id == row.id);
        ways.push(json!({
            "channel": row.channel, "address": read_register::address(tx, &row.channel, row.target_id)?,
            "outcome": outcome.map(|one| &one.outcome), "status": outcome.and_then(|one| one.status),
        }));
    }
    Ok(json!({ "sent_at": sent_at.to_string(), "ways": ways }))
}

/// What a form of the page is about; the faults of its fields stand under its name.
#[derive(Clone, Copy)]
enum What {
    Contact,
    EndedContact,
    NewEndpoint,
    Secret,
    Endpoint,
    NewKey,
    Key,
    NewSigningKey,
    SigningKey,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Contact | Self::EndedContact => "contact",
            Self::NewEndpoint | Self::Secret | Self::Endpoint => "endpoint",
            Self::NewKey | Self::Key => "key",
            Self::NewSigningKey | Self::SigningKey => "signing",
        }
    }

    /// What its form said.
    fn typed(self, fields: &Fields) -> Value {
        match self {
            Self::Contact => json!({ "contact": super::contact_values(fields) }),
            Self::NewEndpoint => json!({ "endpoint": super::endpoint_values(fields) }),
            Self::NewKey => json!({ "key": super::key_values(fields) }),
            Self::NewSigningKey => json!({ "signing": super::signing_values(fields) }),
            Self::EndedContact | Self::Secret | Self::Endpoint | Self::Key | Self::SigningKey => {
                json!({})
            }
        }
    }

    /// What is made is shown once: what it is, and where the API's answer has it.
    fn shown_once(self) -> Option<(Said, &'static str)> {
        match self {
            Self::NewEndpoint | Self::Secret => Some((Said::EndpointSecret, "secret")),
            Self::NewKey => Some((Said::MachineKey, "key")),
            _ => None,
        }
    }
}

/// The page with the secret of a new endpoint, shown this once.
pub(super) async fn endpoint_made(desk: &Desk, who: BankWho, answer: HttpResponse) -> Answered {
    changed(desk, who, Ok(answer), What::NewEndpoint, &Fields::default()).await
}

/// After a change: back to the page, or the page with what was wrong.
async fn changed(
    desk: &Desk,
    who: BankWho,
    answer: Answered,
    what: What,
    fields: &Fields,
) -> Answered {
    let shown_once = what.shown_once();
    match (answer, shown_once) {
        (Ok(answer), Some((said, field))) => {
            let made = document(Ok(answer)).await?;
            let language = Language::parse(&desk.seat.who.language).unwrap_or(Language::En);
            let secret = json!({ "label": say(said, language), "value": made[field] });
            channels_page(desk, who, StatusCode::OK, secret, Refused::default()).await
        }
        (Ok(_), None) => Ok(seat::see("/own?done=saved")),
        (Err(problem), _) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            let refused = Refused {
                faults: super::faults_under(what.name(), &problem),
                typed: what.typed(fields),
            };
            channels_page(desk, who, problem.status, Value::Null, refused).await
        }
        (Err(problem), _) => Err(problem),
    }
}

pub(in crate::web) async fn add_contact(desk: Desk, who: BankWho, form: OwnForm) -> Answered {
    let answer = match super::contact_input(&form.0) {
        Ok(input) => contacts::create_own(desk.app.clone(), who.clone(), Strict(input)).await,
        Err(problem) => Err(problem),
    };
    changed(&desk, who, answer, What::Contact, &form.0).await
}

pub(in crate::web) async fn end_contact(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = contacts::end_own(desk.app.clone(), who.clone(), id).await;
    changed(&desk, who, answer, What::EndedContact, &form.0).await
}

pub(in crate::web) async fn add_endpoint(desk: Desk, who: BankWho, form: OwnForm) -> Answered {
    let answer = match super::endpoint_input(&form.0) {
        Ok(input) => endpoints::create_own(desk.app.clone(), who.clone(), Strict(input)).await,
        Err(problem) => Err(problem),
    };
    changed(&desk, who, answer, What::NewEndpoint, &form.0).await
}

pub(in crate::web) async fn rotate_secret(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = endpoints::rotate_own(desk.app.clone(), who.clone(), id).await;
    changed(&desk, who, answer, What::Secret, &form.0).await
}

/// A new challenge to an endpoint.
pub(in crate::web) async fn challenge_endpoint(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    match challenges::send_own(desk.app.clone(), who.clone(), id).await {
        Ok(_) => Ok(seat::see("/own?done=sent")),
        refused => changed(&desk, who, refused, What::Endpoint, &form.0).await,
    }
}

pub(in crate::web) async fn end_endpoint(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = endpoints::end_own(desk.app.clone(), who.clone(), id).await;
    changed(&desk, who, answer, What::Endpoint, &form.0).await
}

pub(in crate::web) async fn make_key(desk: Desk, who: BankWho, form: OwnForm) -> Answered {
    let answer = match super::key_input(&form.0) {
        Ok(input) => keys::create_own(desk.app.clone(), who.clone(), Strict(input)).await,
        Err(problem) => Err(problem),
    };
    changed(&desk, who, answer, What::NewKey, &form.0).await
}

pub(in crate::web) async fn revoke_key(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = keys::revoke_own(desk.app.clone(), who.clone(), id).await;
    changed(&desk, who, answer, What::Key, &form.0).await
}

/// The bank's own key for acknowledgements, shown by a signed note.
pub(in crate::web) async fn enrol_signing_key(desk: Desk, who: BankWho, form: OwnForm) -> Answered {
    let answer = match super::signing_input(&form.0) {
        Ok(input) => signing_keys::enrol_own(desk.app.clone(), who.clone(), Strict(input)).await,
        Err(problem) => Err(problem),
    };
    changed(&desk, who, answer, What::NewSigningKey, &form.0).await
}

pub(in crate::web) async fn end_signing_key(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = signing_keys::end_own(desk.app.clone(), who.clone(), id).await;
    changed(&desk, who, answer, What::SigningKey, &form.0).await
}

/// A test notice to every channel of the own bank.
pub(in crate::web) async fn send_test(app: Data<App>, who: BankWho, _form: OwnForm) -> Answered {
    app.store
        .write(Lane::Front, move |tx| -> Result<_, Problem> {
            let own = bank::by_id(tx, who.scope.bank())?.ok_or_else(Problem::missing)?;
            Ok(send_test::send_test(tx, &own.code)?)
        })
        .await?;
    Ok(seat::see("/own?done=sent"))
}

/// The bank's own delivery log, newest first; `?before=` an attempt goes back.
pub(in crate::web) async fn deliveries(desk: Desk, who: BankWho) -> Answered {
    let before = url::form_urlencoded::parse(desk.req.query_string().as_bytes())
        .find(|(name, _)| name == "before")
        .map(|(_, id)| page::id(&id))
        .transpose()?;
    let page = desk.app
        .store
        .read(move |tx| -> Result<Value, Problem> {
            let mut rows = delivery_log::newest_attempts(tx, who.scope.bank(), before, LINES + 1)?;
            let more = page::cut(&mut rows, LINES);
            let last = rows.last().filter(|_| more).map(|row| row.attempt_id);
            let numbers = numbers_of(tx, &rows)?;
            let mut attempts = json!(Names::of(tx, &rows)?.lines(rows));
            for line in attempts.as_array_mut().into_iter().flatten() {
                line["notice_number"] = json!(line["notice"].as_str().and_then(|id| numbers.get(id)));
            }
            Ok(json!({ "attempts": attempts, "newer": null, "older": last.map(|id| format!("/own/deliveries?before={id}")) }))
        })
        .await?;
    show(&desk, StatusCode::OK, "desk/bank/deliveries.html", page)
}

/// The numbers of the notices that these attempts were for.
fn numbers_of(tx: &mut Tx<'_>, rows: &[OutcomeRow]) -> Result<HashMap<String, i64>, Problem> {
    let mut numbers = HashMap::new();
    for id in rows.iter().filter_map(|row| row.notice_id) {
        if !numbers.contains_key(&id.to_string())
            && let Some(row) = notice::by_id(tx, id)?
        {
            numbers.insert(id.to_string(), row.number);
        }
    }
    Ok(numbers)
}
