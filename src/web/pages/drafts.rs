//! Filings in preparation: how old each is, what it says, and its end. Officers go on with them in the form of
//! a filing; auditors read.

use super::filing::age_s;
use super::officer::title;
use super::seat::{self, Fields, OwnForm};
use super::{Desk, document, said, show};
use crate::actions::{draft, read_register};
use crate::domain::access::Role;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::storage::Lane;
use crate::storage::draft::{DraftRow, by_id};
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

/// Every draft: the open ones first, the oldest at the top.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    let (open, ended): (Vec<Value>, Vec<Value>) = lines(&desk, |_| true)
        .await?
        .into_iter()
        .partition(|line| line["state"] == "open");
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
                found.push((names.get(&row.author.to_string()).cloned(), row, body));
            }
            Ok(found)
        })
        .await?;
    let lines = found.into_iter().map(|(author, row, body)| {
        let filing = body.and_then(|body| serde_json::from_str(&body).ok());
        line(desk, &row, author, &filing.unwrap_or_default())
    });
    Ok(lines.collect())
}

fn line(desk: &Desk, row: &DraftRow, author: Option<String>, filing: &Value) -> Value {
    let state = match (row.revision_id, row.discarded_at) {
        (Some(_), _) => "issued",
        (None, Some(_)) => "discarded",
        (None, None) => "open",
    };
    json!({
        "id": row.id.to_string(), "title": title(&filing["title"], desk.language()), "author": author,
        "state": state, "version": row.version, "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(), "age_s": age_s(desk, row.created_at),
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
    let (draft, author) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let draft = draft::get(tx, id)?;
            let author = draft.row.author;
            Ok((draft, read_register::names(tx, &[author])?))
        })
        .await?;
    let filing: Value =
        serde_json::from_str(&draft.body).map_err(|fault| Problem::internal(&fault))?;
    let author = author.get(&draft.row.author.to_string()).cloned();
    let page = json!({
        "draft": line(desk, &draft.row, author, &filing), "fields": said::all(&filing),
        "may_write": may_write(desk) && draft.row.is_open(), "reason": reason, "faults": faults,
    });
    show(desk, status, "desk/officer/draft.html", page)
}

/// Ends a draft with a reason; it stays in sight.
pub(in crate::web) async fn discard(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let id = page::id(&id)?;
    let reason = form.0.one("reason");
    let given = reason.clone();
    let done = desk
        .app
        .store
        .write(Lane::Front, move |tx| draft::discard(tx, id, &given))
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

/// What a draft says that the form does not ask stays in it.
pub(super) async fn keep_unasked(
    desk: &Desk,
    fields: &Fields,
    filing: &mut Value,
) -> Result<(), Problem> {
    const UNASKED: [&str; 4] = [
        "attack_stage",
        "amount_recovered",
        "amount_compensated",
        "services",
    ];
    let Ok(id) = fields.one("draft").parse::<Uid>() else {
        return Ok(());
    };
    let kept = desk.app.store.read(move |tx| draft::get(tx, id)).await?;
    let kept: Value =
        serde_json::from_str(&kept.body).map_err(|fault| Problem::internal(&fault))?;
    for name in UNASKED {
        if let Some(value) = kept.get(name) {
            filing[name] = value.clone();
        }
    }
    Ok(())
}
