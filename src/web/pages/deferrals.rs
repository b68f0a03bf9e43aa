//! What two people hold back: in sight of officers and auditors alike, with the time that is left. An officer lifts
//! or asks for longer; nobody ends one in silence.

use super::seat::{self, Fields, OwnForm};
use super::{Desk, document, entered, show};
use crate::actions::read_register;
use crate::domain::access::Role;
use crate::domain::id::Uid;
use crate::domain::vocabulary::DeferralBasis;
use crate::web::api::deferrals;
use crate::web::body::RawJson;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// Those in force first.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    list_page(&desk, StatusCode::OK, Value::Null, json!([])).await
}

async fn list_page(desk: &Desk, status: StatusCode, typed: Value, faults: Value) -> Answered {
    let (in_force, ended): (Vec<Value>, Vec<Value>) = lines(desk)
        .await?
        .into_iter()
        .partition(|line| line["state"] == "in_force");
    let is_officer = desk.seat.who.caller.roles().contains(Role::Officer);
    let page = json!({
        "longest_h": longest_h(desk), "in_force": in_force, "ended": ended, "may_act": is_officer, "bases": bases(), "typed": typed, "faults": faults,
    });
    show(desk, status, "desk/officer/deferrals.html", page)
}

/// How many hours one deferral may hold, as the profiles in force say.
pub(super) fn longest_h(desk: &Desk) -> u64 {
    desk.app.rules.profiles.longest_deferral().as_secs() / 3_600
}

/// The codes of the legal bases.
pub(super) fn bases() -> Vec<&'static str> {
    DeferralBasis::ALL
        .iter()
        .map(|basis| basis.code())
        .collect()
}

/// All of them, with names and what is left. A template knows no absent field.
async fn lines(desk: &Desk) -> Result<Vec<Value>, Problem> {
    let listed = document(deferrals::list(desk.app.clone()).await).await?;
    let all = listed["deferrals"].as_array().cloned().unwrap_or_default();
    let people: Vec<Uid> = all
        .iter()
        .flat_map(|one| [&one["requester"], &one["approver"]])
        .filter_map(|id| id.as_str()?.parse().ok())
        .collect();
    let names = desk
        .app
        .store
        .read(move |tx| read_register::names(tx, &people))
        .await?;
    let name = |id: &Value| id.as_str().and_then(|id| names.get(id)).cloned();
    let now = desk.app.store.clock().now().seconds();
    let ours = format!("title_{}", desk.language());
    let lines = all.iter().map(|one| {
        let expires = one["expires_at"]
            .as_str()
            .and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let left_s = expires.map_or(0, |at| (at.as_second() - now).max(0));
        let title = [&ours, "title_ja", "title_en"].iter().find_map(|field| one[*field].as_str());
        json!({
            "id": one["id"], "state": one["state"], "basis": one["basis"], "reason": one["reason"], "title": title, "kind": one["kind"],
            "requester_name": name(&one["requester"]), "approver_name": name(&one["approver"]), "since": one["since"],
            "expires_at": one["expires_at"], "left_s": left_s, "incident": one.get("incident"),
            "ended_at": one.get("ended_at"), "issued": one.get("issued"), "is_renewal": one.get("renews").is_some(),
        })
    });
    Ok(lines.collect())
}

/// Those in force, for the officer's home; of one incident, for its page.
pub(super) async fn in_force(desk: &Desk, incident: Option<&str>) -> Result<Value, Problem> {
    let mut lines = lines(desk).await?;
    lines.retain(|line| {
        line["state"] == "in_force" && incident.is_none_or(|own| line["incident"] == own)
    });
    Ok(Value::Array(lines))
}

/// Sends out what is held back, now.
pub(in crate::web) async fn lift(desk: Desk, id: Path<String>, _form: OwnForm) -> Answered {
    match deferrals::lift(desk.app.clone(), desk.who(), id).await {
        Ok(answer) => {
            let made = document(Ok(answer)).await?;
            let reference = made["reference"].as_str().unwrap_or_default();
            Ok(seat::see(&format!("/incidents/{reference}?done=issued")))
        }
        Err(problem) => refused(&desk, problem, Value::Null).await,
    }
}

/// Asks to hold it longer.
pub(in crate::web) async fn renew(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let fields = form.0;
    let typed = json!({ "id": id.as_str(), "basis": fields.one("basis"), "until": fields.one("until"), "reason": fields.one("reason") });
    let asked = match terms(&fields, "", &desk.seat.who.zone) {
        Ok(terms) => {
            let body = RawJson(page::bytes(&terms).into());
            deferrals::renew(desk.app.clone(), desk.who(), id, body).await
        }
        Err(problem) => Err(problem),
    };
    match asked {
        Ok(_) => Ok(seat::see("/deferrals?done=asked")),
        Err(problem) => refused(&desk, problem, typed).await,
    }
}

/// Basis, reason and end as a form says them, under names that begin so.
pub(super) fn terms(fields: &Fields, prefix: &str, zone: &str) -> Result<Value, Problem> {
    let field = |name: &str| fields.one(&format!("{prefix}{name}"));
    let mut terms = json!({ "basis": field("basis"), "reason": field("reason") });
    if !field("until").is_empty() {
        terms["until"] = json!(entered("/until", &field("until"), zone)?);
    }
    Ok(terms)
}

async fn refused(desk: &Desk, problem: Problem, typed: Value) -> Answered {
    if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND {
        let faults = super::faults_of(&problem);
        return list_page(desk, problem.status, typed, faults).await;
    }
    Err(problem)
}
