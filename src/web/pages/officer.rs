//! The officer's desk: what is late, the stamp board, and one incident with what may be done about it.

use super::auditor::query_of;
use super::seat::{self, OwnForm};
use super::{
    Desk, bank_names, deferrals, document, drafts, exercises, questions, reports, said, show, words,
};
use crate::actions::withdraw::waiting;
use crate::actions::{Rules, read_channels, read_register};
use crate::domain::id::Uid;
use crate::domain::instant::Entered;
use crate::domain::vocabulary::{Kind, Language, WithdrawalReason};
use crate::storage::approval::{self, ApprovalRow, RequestRow};
use crate::storage::incident::revisions;
use crate::storage::reading::Flags;
use crate::storage::{Tx, bank, reading};
use crate::web::api::{
    board, calls, channels, chases, contacts, incidents, reachability, resend, responses, tasks,
};
use crate::web::body::{RawJson, Strict};
use crate::web::identity::Who;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Asked};
use crate::web::{App, page};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Incidents on the home page's board, and late notices listed there.
const NEWEST: &str = "limit=10";
const LATE: i64 = 100;

/// A title in the reader's language, or in the other.
pub(super) fn title(title: &Value, language: &str) -> Value {
    let other = if language == "ja" { "en" } else { "ja" };
    let text = |language: &str| title[language].as_str().filter(|text| !text.is_empty());
    json!(text(language).or_else(|| text(other)))
}

/// What is late first, then the newest incidents with every bank's stamp.
pub(in crate::web) async fn home(desk: Desk) -> Answered {
    let who = || desk.who();
    let names = names_in(&desk.app, desk.language()).await?;
    let mut late = desk.app.store.read(late).await?;
    named(&mut late.rows, &names);
    let oldest = tasks::list(desk.app.clone(), who(), Asked(query::read("")?)).await;
    let mut oldest = document(oldest).await?;
    named(&mut oldest["tasks"], &names);
    let open_tasks = whole_tasks(&oldest["tasks"]);
    let clocks = document(chases::clocks(desk.app.clone()).await).await?;
    let waiting = desk.app.store.read(waiting_requests).await?;
    let reached = document(reachability::list(desk.app.clone()).await).await?;
    let mut unproven = unproven(&reached["banks"]);
    named(&mut unproven, &names);
    let failing = desk.app.store.read(read_channels::failing).await?;
    let mut failing = failing_rows(failing);
    named(&mut failing, &names);
    let page = json!({
        "late": late.rows, "late_count": late.count, "late_more": late.more, "clocks": whole_clocks(&clocks["clocks"]), "calls": kinds(&open_tasks, true), "calls_more": oldest["more"].as_i64().unwrap_or(0),
        "reports": reports::waiting(&desk).await?, "questions": questions::waiting(&desk).await?,
        "deferrals": deferrals::in_force(&desk, None).await?, "exercise": exercises::next(&desk).await?,
        "broken": kinds(&open_tasks, false), "approvals": waiting, "unproven": unproven, "failing": failing,
        "drafts": drafts::open(&desk).await?, "incidents": strips(&desk.app, who(), desk.language()).await?,
        "faults": [],
    });
    show(&desk, StatusCode::OK, "desk/officer/home.html", page)
}

/// Channels that nothing has proven to reach their bank for too long.
fn unproven(banks: &Value) -> Value {
    let mut found = Vec::new();
    for bank in banks.as_array().into_iter().flatten() {
        for channel in ["webhook", "email"] {
            let way = &bank[channel];
            if way["standing"] == "unproven" {
                found.push(json!({ "bank": bank["bank"], "channel": channel, "proven_at": way["proven_at"] }));
            }
        }
    }
    Value::Array(found)
}

/// Addresses that fail, as the API shows them, with their bank's code.
fn failing_rows(failing: Vec<(String, read_channels::Channel)>) -> Value {
    let rows = failing.into_iter().map(|(bank, one)| {
        let mut row = json!(channels::views(vec![one])[0]);
        row["bank"] = json!(bank);
        row
    });
    Value::Array(rows.collect())
}

/// Tasks with every field there, because a template knows no absent one.
fn whole_tasks(tasks: &Value) -> Value {
    let mut tasks = super::list(tasks);
    for task in tasks.as_array_mut().into_iter().flatten() {
        for field in [
            "notice",
            "incident",
            "incident_kind",
            "number",
            "state",
            "claimed_by",
        ] {
            task[field] = task[field].take();
        }
    }
    Value::Array(one_call_a_bank(tasks.as_array().into_iter().flatten()))
}

/// Of the calls to a bank about one incident the one that somebody has taken, or else that of the newest notice, with
/// the numbers of the others as `more`. Nobody telephones a bank twice in a row, and no two at once.
fn one_call_a_bank<'t>(tasks: impl Iterator<Item = &'t Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    let rank = |task: &Value| (task["state"] == "claimed", task["number"].as_i64());
    for task in tasks {
        let mut task = task.clone();
        task["more"] = json!([]);
        let same = |one: &&mut Value| {
            let about = ["kind", "bank", "incident"];
            task["kind"] == "phone" && about.iter().all(|field| one[*field] == task[*field])
        };
        let Some(known) = kept.iter_mut().find(same) else {
            kept.push(task);
            continue;
        };
        let mut more = known["more"].as_array().cloned().unwrap_or_default();
        if rank(&task) > rank(known) {
            std::mem::swap(known, &mut task);
        }
        more.push(task["number"].take());
        more.sort_by_key(Value::as_i64);
        known["more"] = more.into();
    }
    kept
}

/// Calls, or else all other tasks.
fn kinds(tasks: &Value, calls: bool) -> Vec<&Value> {
    let all = tasks.as_array().into_iter().flatten();
    all.filter(|task| (task["kind"] == "phone") == calls)
        .collect()
}

fn whole_clocks(clocks: &Value) -> Value {
    let mut clocks = super::list(clocks);
    for clock in clocks.as_array_mut().into_iter().flatten() {
        for field in ["incident", "draft", "ceiling_at"] {
            clock[field] = clock[field].take();
        }
    }
    clocks
}

/// How many requests wait for a second person; none is opened for it.
fn waiting_requests(tx: &mut Tx<'_>) -> Result<usize, Problem> {
    let now = tx.now()?;
    let rows = approval::all(tx, page::MOST)?;
    let waits = |(row, decision): &(RequestRow, Option<ApprovalRow>)| {
        decision.is_none() && row.expires_at > now
    };
    Ok(rows.iter().filter(|one| waits(one)).count())
}

/// The newest incidents, each with every bank's stamp.
pub(super) async fn strips(app: &Data<App>, who: Who, language: &str) -> Result<Value, Problem> {
    let names = names_in(app, language).await?;
    let newest = Asked(query::read(NEWEST)?);
    let found = document(incidents::search(app.clone(), who, newest).await).await?;
    let mut rows = Vec::new();
    for line in found["incidents"].as_array().into_iter().flatten() {
        let reference = line["reference"].as_str().unwrap_or_default().to_owned();
        let stamps = board::board(app.clone(), Path::from(reference), Asked(query::read("")?));
        let stamps = document(stamps.await).await?;
        rows.push(json!({
            "reference": line["reference"], "title": title(&line["title"], language),
            "phase": line["phase"], "kind": line["kind"], "severity": line["severity"],
            "urgency": line["urgency"], "accepted_at": line["accepted_at"], "revision": line["revision"],
            "status": line["status"], "notices": stamps["notices"], "delivered": stamps["delivered"],
            "acknowledged": stamps["acknowledged"], "bounced": line["stamps"]["bounced"], "cells": super::stamps(&stamps["cells"], &names),
        }));
    }
    Ok(Value::Array(rows))
}

/// One incident's board as it stands now.
pub(super) async fn stamp_board(
    app: &Data<App>,
    reference: &str,
    language: &str,
) -> Result<Value, Problem> {
    let now = Asked(query::read("")?);
    let stamps = board::board(app.clone(), Path::from(reference.to_owned()), now).await;
    let mut stamps = document(stamps).await?;
    let names = names_in(app, language).await?;
    stamps["cells"] = super::stamps(&stamps["cells"], &names);
    Ok(stamps)
}

async fn names_in(app: &App, language: &str) -> Result<HashMap<String, String>, Problem> {
    let language = language.to_owned();
    app.store.read(move |tx| bank_names(tx, &language)).await
}

/// Rows that name a bank by its code get its name too.
fn named(rows: &mut Value, names: &HashMap<String, String>) {
    for row in rows.as_array_mut().into_iter().flatten() {
        row["name"] = json!(row["bank"].as_str().and_then(|code| names.get(code)));
    }
}

/// The notices that are longest overdue, and how many there are in all and beyond them.
struct Late {
    rows: Value,
    count: i64,
    more: i64,
}

fn late(tx: &mut Tx<'_>) -> Result<Late, Problem> {
    let now = tx.now()?;
    let mut rows = reading::late(tx, now, LATE + 1)?;
    let is_cut = page::cut(&mut rows, LATE);
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    // Counted only where the list does not tell: it is a walk over all notices.
    let count = if is_cut {
        reading::late_count(tx, now)?
    } else {
        shown
    };
    let rows = rows
        .into_iter()
        .map(|row| {
            let Flags { bounced, endpoint_down, told_out_of_band, .. } = row.flags.unwrap_or_default();
            json!({ "incident": row.reference, "kind": row.kind, "revision": row.revision, "bank": row.bank, "number": row.number,
                "notice": row.notice.to_string(), "acknowledge_by": row.acknowledge_by.to_string(),
                "exposed": row.exposed, "concerns_you": row.concerns_you, "bounced": bounced,
                "endpoint_down": endpoint_down, "told_out_of_band": told_out_of_band })
        })
        .collect();
    Ok(Late {
        rows,
        count,
        more: count - shown,
    })
}

/// One incident: its board, its revisions with what changed, what the banks did, and its open tasks.
pub(in crate::web) async fn incident(desk: Desk, reference: Path<String>) -> Answered {
    incident_page(&desk, &reference, StatusCode::OK, Value::Null, json!([])).await
}

async fn incident_page(
    desk: &Desk,
    reference: &str,
    status: StatusCode,
    typed: Value,
    faults: Value,
) -> Answered {
    let path = || Path::from(reference.to_owned());
    let language = desk.seat.who.language.as_str();
    let latest = document(incidents::latest(desk.app.clone(), path()).await).await?;
    let listed = document(incidents::revisions(desk.app.clone(), path()).await).await?;
    let stamps = stamp_board(&desk.app, reference, language).await?;
    let names = names_in(&desk.app, language).await?;
    let answered = document(responses::of_incident(desk.app.clone(), path()).await).await?;
    let mapped = document(responses::map(desk.app.clone(), path()).await).await?;
    let mut mapped = mapped_banks(&mapped);
    named(&mut mapped, &names);
    let open_tasks = tasks_of(desk, reference).await?;
    let (chased, aside) = chased(&desk.app, reference, &names).await?;
    let (asked, wanted) = (reference.to_owned(), language.to_owned());
    let people = desk
        .app
        .store
        .read(move |tx| people(tx, &asked, &wanted))
        .await?;
    let mut revisions = Vec::new();
    let mut before: Option<Value> = None;
    let mut suspicion = Value::Null;
    for line in listed["revisions"].as_array().into_iter().flatten() {
        let number = line["revision"].as_i64().unwrap_or_default();
        let at = Path::from((reference.to_owned(), number.to_string()));
        let view = document(incidents::revision(desk.app.clone(), at).await).await?;
        let body = view["body"].clone();
        if number == 1 {
            suspicion = suspected(&desk.app.rules, &view);
        }
        let changes = before
            .as_ref()
            .map_or_else(Vec::new, |old| said::changes(old, &body));
        revisions.push(json!({ "number": number, "phase": line["phase"], "accepted_at": line["accepted_at"],
            "by": people.filers.get(&number), "changes": changes, "change_summary": words(&body, "change_summary", language),
            "late_reason": body["late_reason"] }));
        before = Some(body);
    }
    let mut own_tasks = Vec::new();
    for task in open_tasks.as_array().into_iter().flatten() {
        let code = task["bank"].as_str().unwrap_or_default().to_owned();
        let known = document(contacts::list(desk.app.clone(), Path::from(code)).await).await?;
        let mut task = task.clone();
        task["contacts"] = known["contacts"].clone();
        own_tasks.push(task);
    }
    let mut own_tasks = Value::Array(own_tasks);
    named(&mut own_tasks, &names);
    let mut answers = Value::Array(responses_of(&answered));
    named(&mut answers, &names);
    revisions.reverse();
    let body = &latest["body"];
    let related = super::list(&body["related_incidents"]);
    let (unsettled, closed) = standings(&stamps["cells"]);
    let open = latest["status"] != "closed" && latest["phase"] != "withdrawal";
    let is_officer = desk
        .seat
        .who
        .caller
        .roles()
        .contains(crate::domain::access::Role::Officer);
    let mut page = json!({
        "reference": reference, "title": title(&latest["title"], language),
        "description": words(body, "description", language), "advice": words(body, "advice", language),
        "text": words(body, "text", language), "board": stamps, "revisions": revisions,
        "responses": answers, "response_counts": counts(&answered), "private": answered["private"],
        "change_summary": words(body, "change_summary", language), "countermeasures": super::measures(&body["countermeasures"]),
        "tasks": own_tasks, "chases": chased, "aside": aside, "open": open && is_officer, "withdrawal": people.waiting, "withdrawal_values": if typed.get("reason").is_some() { typed.clone() } else { Value::Null }, "q_warnings": people.warnings, "faults": faults,
        "withdrawal_reasons": WithdrawalReason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>(),
        "typology": super::list(&body["typology"]), "auth_exploited": super::list(&body["auth_exploited"]),
        "incident_digest": latest["incident_digest"], "map": mapped, "suspicion": suspicion, "related": related, "related_from": latest["related_from"], "closing": latest.get("closing"),
        "unsettled": unsettled, "closed": closed, "closing_values": closing_typed(&typed), "resend_bank": typed["resend_bank"], "remedial_actions": super::list(&body["remedial_actions"]), "deferrals": deferrals::in_force(desk, Some(reference)).await?, "source": body["source"], "unverified": body["unverified"] == true,
    });
    for field in [
        "phase",
        "kind",
        "severity",
        "urgency",
        "determination",
        "tlp",
        "status",
        "revision",
        "opened_at",
        "accepted_at",
    ] {
        page[field] = latest[field].clone();
    }
    show(desk, status, "desk/officer/incident.html", page)
}

/// Every open task of an incident, page by page: nobody finds a call that its own page leaves out.
async fn tasks_of(desk: &Desk, reference: &str) -> Result<Value, Problem> {
    let mut all = Vec::new();
    let mut from = Some(String::new());
    while let Some(cursor) = from {
        let asked = query_of(&[("incident", reference), ("cursor", &cursor)]);
        let asked = Asked(query::read(&asked)?);
        let listed = tasks::list(desk.app.clone(), desk.who(), asked).await;
        let listed = document(listed).await?;
        all.extend(listed["tasks"].as_array().into_iter().flatten().cloned());
        from = listed["next_cursor"].as_str().map(str::to_owned);
    }
    Ok(whole_tasks(&Value::Array(all)))
}

/// How the banks are chased that have not acknowledged, and contacts beside the channels.
async fn chased(
    app: &Data<App>,
    reference: &str,
    names: &HashMap<String, String>,
) -> Result<(Value, Value), Problem> {
    let path = || Path::from(reference.to_owned());
    let listed = document(chases::of_incident(app.clone(), path()).await).await?;
    let mut open: Vec<Value> = Vec::new();
    for one in listed["chases"].as_array().into_iter().flatten() {
        if one["state"] != "ended" {
            let mut one = one.clone();
            one["call"] = one["call"].take();
            one["last"] = one["steps"]
                .as_array()
                .and_then(|steps| steps.last())
                .cloned()
                .into();
            open.push(one);
        }
    }
    // The longest overdue first.
    open.sort_by_key(|one| one["acknowledge_by"].as_str().map(str::to_owned));
    let mut open = Value::Array(open);
    named(&mut open, names);
    let said = document(calls::contacts(app.clone(), path()).await).await?;
    let mut aside = super::list(&said["contacts"]);
    named(&mut aside, names);
    let ids: Vec<Uid> = aside
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| [&one["caller"], &one["approver"]])
        .filter_map(|id| id.as_str()?.parse().ok())
        .collect();
    let people = app
        .store
        .read(move |tx| read_register::names(tx, &ids))
        .await?;
    for one in aside.as_array_mut().into_iter().flatten() {
        for field in ["told", "approver", "decided_at"] {
            one[field] = one[field].take();
        }
        for field in ["caller", "approver"] {
            let name = one[field].as_str().and_then(|id| people.get(id)).cloned();
            one[format!("{field}_name")] = json!(name);
        }
    }
    Ok((open, aside))
}

/// Banks whose notice is neither stamped nor closed, and those whose notice two people closed.
fn standings(cells: &Value) -> (Vec<Value>, Vec<Value>) {
    let cells = || cells.as_array().into_iter().flatten();
    let one = |cell: &Value| json!({ "bank": cell["bank"], "name": cell["name"], "closed_at": cell["closed_at"] });
    let open = |cell: &&Value| cell["acknowledged_at"].is_null() && cell["closed_at"].is_null();
    let closed = |cell: &&Value| !cell["closed_at"].is_null();
    (
        cells().filter(open).map(one).collect(),
        cells().filter(closed).map(one).collect(),
    )
}

/// What the form that asks for a closing said; the two forms of the page share their faults.
fn closing_typed(typed: &Value) -> Value {
    match typed.get("bank") {
        Some(bank) => json!({ "bank": bank, "reason": typed["closing_reason"] }),
        None => Value::Null,
    }
}

/// How long a first revision was on record before it was issued, and whether that was past the ceiling.
fn suspected(rules: &Rules, first: &Value) -> Value {
    let at = |text: &Value| Some(Entered::parse(text.as_str()?).ok()?.at);
    let (recorded, issued) = (at(&first["first_recorded_at"]), at(&first["accepted_at"]));
    let Some((recorded, issued)) = recorded.zip(issued) else {
        return Value::Null;
    };
    let is_actual = first["kind"] == Kind::Actual.code();
    let aware = at(&first["body"]["aware_at"]).filter(|_| is_actual);
    json!({ "first_recorded_at": recorded.to_string(), "took_s": issued.since(recorded).as_secs(),
        "past_ceiling": aware.is_some_and(|aware| issued > rules.profiles.ceiling(aware, &rules.zone)) })
}

/// Who filed each revision, and the withdrawal that waits for a second person.
struct People {
    /// By the revision's number.
    filers: HashMap<i64, String>,
    waiting: Value,
    warnings: Value,
}

fn people(tx: &mut Tx<'_>, reference: &str, language: &str) -> Result<People, Problem> {
    let known = incidents::found(tx, reference)?;
    let rows = revisions(tx, known.id)?;
    let asked = waiting(tx, known.id)?;
    let mut ids: Vec<Uid> = rows.iter().filter_map(|row| row.accepted_by).collect();
    ids.extend(asked.iter().map(|(request, _)| request.requester));
    let names = read_register::names(tx, &ids)?;
    let language = Language::parse(language).unwrap_or(Language::En);
    let asked_for = asked.as_ref().map(|(request, filing)| {
        json!({ "request": request.id.to_string(), "requested_by": names.get(&request.requester.to_string()),
            "at": request.recorded_at.to_string(), "reason": filing.reason.code(), "text": filing.text.best(language),
            "replaces": filing.replaces.map(|other| other.to_string()) })
    });
    let filers = rows.iter().filter_map(|row| {
        let name = names.get(&row.accepted_by?.to_string())?;
        Some((row.number, name.clone()))
    });
    Ok(People {
        filers: filers.collect(),
        waiting: json!(asked_for),
        warnings: asked.map_or(json!([]), |(_, filing)| json!(filing.warnings())),
    })
}

fn responses_of(said: &Value) -> Vec<Value> {
    let all = said["responses"].as_array().into_iter().flatten();
    all.map(|one| {
        json!({ "bank": one["bank"], "codes": one["codes"], "share": one["share"],
            "note": one["content"]["note"], "found_accounts": one["content"]["found_accounts"],
            "found_amount": one["content"]["found_amount"], "effective_from": one.get("effective_from"),
            "answer": one.get("answer"), "recorded_at": one["recorded_at"] })
    })
    .collect()
}

/// The response map, with those first that have switched something off.
fn mapped_banks(map: &Value) -> Value {
    let mut banks = super::list(&map["banks"]);
    let rows = banks.as_array_mut();
    for row in rows.into_iter().flatten() {
        let off = ["new_links", "top_ups", "pay_outs"]
            .iter()
            .any(|service| row[*service] != "open");
        row["off"] = json!(off);
        row["since"] = json!(row.get("since"));
    }
    if let Some(rows) = banks.as_array_mut() {
        rows.sort_by_key(|row| row["off"] != true);
    }
    banks
}

/// How many banks said each code.
fn counts(said: &Value) -> Vec<Value> {
    let mut banks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in said["responses"].as_array().into_iter().flatten() {
        let bank = one["bank"].as_str().unwrap_or_default();
        for code in one["codes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let known = banks.entry(code).or_default();
            if !known.contains(&bank) {
                known.push(bank);
            }
        }
    }
    banks
        .into_iter()
        .map(|(code, banks)| json!({ "code": code, "banks": banks.len() }))
        .collect()
}

/// Asks for a withdrawal; a second officer decides.
pub(in crate::web) async fn withdraw(
    desk: Desk,
    reference: Path<String>,
    form: OwnForm,
) -> Answered {
    let fields = form.0;
    let mut text = serde_json::Map::new();
    for language in ["ja", "en"] {
        if let Some(given) = fields.given(&format!("text_{language}")) {
            text.insert(language.to_owned(), json!(given));
        }
    }
    let typed = json!({ "reason": fields.one("reason"), "text_ja": fields.one("text_ja"),
        "text_en": fields.one("text_en"), "replaces": fields.one("replaces") });
    let mut body = json!({ "reason": fields.one("reason"), "text": text });
    if let Some(other) = fields.given("replaces") {
        body["replaces"] = json!(other);
    }
    let body = RawJson(page::bytes(&body).into());
    let who = desk.who();
    let asked =
        incidents::withdraw(desk.app.clone(), who, Path::from(reference.clone()), body).await;
    match asked {
        Ok(_) => Ok(seat::see(&format!("/incidents/{reference}?done=asked"))),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_of(&problem);
            incident_page(&desk, &reference, problem.status, typed, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// Asks to close a bank's notice; a second officer decides.
pub(in crate::web) async fn close_notice(
    desk: Desk,
    reference: Path<String>,
    form: OwnForm,
) -> Answered {
    let fields = form.0;
    let typed = json!({ "bank": fields.one("bank"), "closing_reason": fields.one("reason") });
    let input = Strict(incidents::NoticeClosingInput {
        bank: fields.one("bank"),
        reason: fields.one("reason"),
    });
    let path = Path::from(reference.clone());
    match incidents::close_notice(desk.app.clone(), desk.who(), path, input).await {
        Ok(_) => Ok(seat::see(&format!("/incidents/{reference}?done=asked"))),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_under("closing", &problem);
            incident_page(&desk, &reference, problem.status, typed, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// Sends a bank once more what it was told last of this incident.
pub(in crate::web) async fn resend(desk: Desk, reference: Path<String>, form: OwnForm) -> Answered {
    let bank = form.0.one("bank");
    let input = Strict(resend::ResendInput { bank: bank.clone() });
    let path = Path::from(reference.clone());
    match resend::to_bank(desk.app.clone(), path, input).await {
        Ok(_) => Ok(seat::see(&format!("/incidents/{reference}?done=sent"))),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_under("resend", &problem);
            let typed = json!({ "resend_bank": bank });
            incident_page(&desk, &reference, problem.status, typed, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// The banks that a filing would go to now.
pub(super) fn recipients(tx: &mut Tx<'_>, language: &str) -> Result<Value, Problem> {
    let Some(version) = crate::storage::roster::latest(tx)? else {
        return Ok(json!({ "count": 0, "observers": 0, "roster_version": 0, "banks": [] }));
    };
    let mut banks = Vec::new();
    for member in crate::storage::roster::members(tx, &version)?.iter() {
        let profile = bank::profile(tx, member.bank_id)?;
        let name = profile.map(|profile| {
            if language == "ja" {
                profile.name_ja
            } else {
                profile.name_en
            }
        });
        banks.push(json!({ "code": member.code, "name": name, "observer": member.observer }));
    }
    // A roster is in the order of its tree; people look a bank up by its code.
    banks.sort_by_key(|bank: &Value| bank["code"].as_str().map(str::to_owned));
    let observers = banks.iter().filter(|bank| bank["observer"] == true).count();
    Ok(
        json!({ "count": version.bank_count, "observers": observers, "roster_version": version.version, "banks": banks }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_is_called_once_about_an_incident_by_whoever_has_taken_it_or_for_its_newest_notice() {
        let call = |bank: &str, incident: &str, number: i64, state: &str| json!({ "id": format!("{bank}-{number}"), "kind": "phone", "bank": bank, "incident": incident, "number": number, "state": state });
        let broken = json!({ "id": "x", "kind": "channel_broken", "bank": "B001", "incident": "INC-1", "number": null });
        let tasks = [
            broken.clone(),
            call("B001", "INC-1", 4, "claimed"),
            call("B002", "INC-1", 2, "open"),
            call("B001", "INC-1", 6, "open"),
            call("B001", "INC-1", 5, "open"),
            call("B002", "INC-1", 3, "open"),
            call("B003", "INC-1", 8, "claimed"),
            call("B003", "INC-1", 9, "claimed"),
            call("B001", "INC-2", 7, "open"),
            broken,
        ];
        let kept = one_call_a_bank(tasks.iter());
        let shown: Vec<Value> = kept
            .iter()
            .map(|one| json!([one["id"], one["more"], one["state"]]))
            .collect();
        assert_eq!(
            shown,
            [
                json!(["x", [], null]),
                json!(["B001-4", [5, 6], "claimed"]),
                json!(["B002-3", [2], "open"]),
                json!(["B003-9", [8], "claimed"]),
                json!(["B001-7", [], "open"]),
                json!(["x", [], null]),
            ]
        );
    }
}
