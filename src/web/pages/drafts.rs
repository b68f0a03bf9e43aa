//! Filings in preparation: how old each is, what it says, and its end. Officers go on with them in the form of
//! a filing; auditors read.

use super::filing::{Begun, age_s};
use super::officer::title;
use super::seat::{self, Fields, OwnForm};
use super::{Desk, document, said, show};
use crate::actions::suspicion::{self, Age};
use crate::actions::{Rules, draft, read_register};
use crate::domain::access::Role;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::draft::{DraftRow, by_id};
use crate::storage::{Lane, Tx, incident};
use crate::web::api::drafts;
use crate::web::body::RawJson;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// The draft that `?draft=` names.
pub(super) fn asked(req: &HttpRequest) -> Result<Option<Uid>, Problem> {
    url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "draft")
        .map(|(_, id)| page::id(&id))
        .transpose()
}

/// Every draft: the open ones first, the oldest suspicion at the top.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    let (mut open, ended): (Vec<Value>, Vec<Value>) = lines(&desk, |_| true)
        .await?
        .into_iter()
        .partition(|line| line["state"] == "open");
    open.sort_by_key(|line| std::cmp::Reverse(line["age_s"].as_i64()));
    let page = json!({ "open": open, "ended": ended, "may_write": may_write(&desk) });
    show(&desk, StatusCode::OK, "desk/officer/drafts.html", page)
}

/// The open ones, for the officer's home.
pub(super) async fn open(desk: &Desk) -> Result<Value, Problem> {
    Ok(Value::Array(lines(desk, DraftRow::is_open).await?))
}

fn may_write(desk: &Desk) -> bool {
    desk.seat.who.caller.roles().contains(Role::Officer)
}

/// Those that are wanted, each opened for its title.
async fn lines(desk: &Desk, wanted: fn(&DraftRow) -> bool) -> Result<Vec<Value>, Problem> {
    let rules = std::sync::Arc::clone(&desk.app.rules);
    let found = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let mut rows = draft::list(tx)?;
            rows.retain(wanted);
            let authors: Vec<Uid> = rows.iter().map(|row| row.author).collect();
            let names = read_register::names(tx, &authors)?;
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                let body = draft::get(tx, row.id).map(|draft| draft.body).ok();
                let filing: Value = body
                    .and_then(|body| serde_json::from_str(&body).ok())
                    .unwrap_or_default();
                let ages = Ages::of(tx, &rules, &row, &filing)?;
                found.push((
                    names.get(&row.author.to_string()).cloned(),
                    row,
                    filing,
                    ages,
                ));
            }
            Ok(found)
        })
        .await?;
    let lines = found
        .into_iter()
        .map(|(author, row, filing, ages)| line(desk, &row, author, &filing, ages));
    Ok(lines.collect())
}

/// How old a draft's suspicion is, and how long it took until it was issued.
#[derive(Clone, Copy)]
struct Ages {
    age: Age,
    issued_at: Option<Instant>,
}

impl Ages {
    fn of(tx: &mut Tx<'_>, rules: &Rules, row: &DraftRow, filing: &Value) -> Result<Self, Problem> {
        let issued = match row.revision_id {
            Some(id) => incident::revision(tx, id)?,
            None => None,
        };
        Ok(Self {
            age: suspicion::of_draft(tx, rules, row, filing)?,
            issued_at: issued.map(|row| row.accepted_at),
        })
    }
}

fn line(
    desk: &Desk,
    row: &DraftRow,
    author: Option<String>,
    filing: &Value,
    Ages { age, issued_at }: Ages,
) -> Value {
    let took = issued_at.map(|at| at.since(age.first_recorded_at).as_secs());
    let past = row.is_open() && age.ceiling_at.is_some_and(|at| age_s(desk, at) > 0);
    let state = match (row.revision_id, row.discarded_at) {
        (Some(_), _) => "issued",
        (None, Some(_)) => "discarded",
        (None, None) => "open",
    };
    json!({
        "id": row.id.to_string(), "title": title(&filing["title"], desk.language()), "author": author,
        "state": state, "version": row.version, "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(), "age_s": age_s(desk, age.first_recorded_at),
        "first_recorded_at": age.first_recorded_at.to_string(), "ceiling_at": age.ceiling_at.map(|at| at.to_string()), "kind": filing["kind"].as_str().unwrap_or("actual"),
        "past_ceiling": past, "took_s": took, "report": row.report_id.map(|id| id.to_string()),
        "discarded_at": row.discarded_at.map(|at| at.to_string()), "discard_reason": row.discard_reason,
    })
}

/// One draft as it stands.
pub(in crate::web) async fn read(desk: Desk, id: Path<String>) -> Answered {
    draft_page(&desk, page::id(&id)?, StatusCode::OK, "", json!([])).await
}

async fn draft_page(
    desk: &Desk,
    id: Uid,
    status: StatusCode,
    reason: &str,
    faults: Value,
) -> Answered {
    let rules = std::sync::Arc::clone(&desk.app.rules);
    let (draft, author, filing, ages) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let draft = draft::get(tx, id)?;
            let author = draft.row.author;
            let filing: Value =
                serde_json::from_str(&draft.body).map_err(|fault| Problem::internal(&fault))?;
            let ages = Ages::of(tx, &rules, &draft.row, &filing)?;
            Ok((draft, read_register::names(tx, &[author])?, filing, ages))
        })
        .await?;
    let author = author.get(&draft.row.author.to_string()).cloned();
    let page = json!({
        "draft": line(desk, &draft.row, author, &filing, ages), "fields": said::all(&filing),
        "may_write": may_write(desk) && draft.row.is_open(), "reason": reason, "faults": faults,
    });
    show(desk, status, "desk/officer/draft.html", page)
}

/// Ends a draft with a reason; it stays in sight.
pub(in crate::web) async fn discard(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let id = page::id(&id)?;
    let reason = form.0.one("reason");
    let (given, by) = (reason.clone(), desk.seat.who.caller.id());
    let done = desk
        .app
        .store
        .write(Lane::Front, move |tx| draft::discard(tx, by, id, &given))
        .await
        .map_err(Problem::from);
    match done {
        Ok(()) => Ok(seat::see("/drafts?done=saved")),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_of(&problem);
            draft_page(&desk, id, problem.status, &reason, faults).await
        }
        Err(problem) => Err(problem),
    }
}

/// Keeps what the form says: a new draft, or the next version of the one that was opened.
pub(super) async fn keep(desk: &Desk, fields: &Fields, body: Vec<u8>) -> Result<String, Problem> {
    let Some(id) = fields.given("draft") else {
        let made = drafts::create(desk.app.clone(), desk.who(), RawJson(body.into())).await;
        let made = document(made).await?;
        return Ok(made["id"].as_str().unwrap_or_default().to_owned());
    };
    let (known, version) = (page::id(&id)?, version(fields));
    let rules = std::sync::Arc::clone(&desk.app.rules);
    desk.app
        .store
        .write(Lane::Front, move |tx| {
            draft::replace(tx, &rules, known, version, &body)
        })
        .await?;
    Ok(id)
}

fn version(fields: &Fields) -> i64 {
    fields.one("draft_version").parse().unwrap_or(0)
}

async fn row(desk: &Desk, id: &str) -> Result<Option<DraftRow>, Problem> {
    let Ok(id) = id.parse() else {
        return Ok(None);
    };
    desk.app
        .store
        .read(move |tx| by_id(tx, id).map_err(Problem::from))
        .await
}

/// When the draft behind a form was begun.
pub(super) async fn begun_of(desk: &Desk, id: &str) -> Result<Option<Instant>, Problem> {
    Ok(row(desk, id).await?.map(|row| row.created_at))
}

/// What goes out is what was read: nobody may have changed the draft since this form opened it.
pub(super) async fn unchanged(desk: &Desk, fields: &Fields) -> Result<(), Problem> {
    match row(desk, &fields.one("draft")).await? {
        Some(row) if row.is_open() && row.version != version(fields) => {
            Err(Refusal::VersionConflict.into())
        }
        _ => Ok(()),
    }
}

/// What the form of a draft was begun with; nothing where there is no draft.
pub(super) async fn begun_with(desk: &Desk, fields: &Fields) -> Result<Option<Begun>, Problem> {
    let Ok(id) = fields.one("draft").parse::<Uid>() else {
        return Ok(None);
    };
    let kept = desk.app.store.read(move |tx| draft::get(tx, id)).await?;
    let said = serde_json::from_str(&kept.body).map_err(|fault| Problem::internal(&fault))?;
    Ok(Some(Begun::with(said, &desk.seat.who.zone)))
}
