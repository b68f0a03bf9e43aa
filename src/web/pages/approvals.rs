//! The one inbox for what waits for a second person, on every desk of the operator.

use super::seat::{self, OwnForm};
use super::{Desk, document, input, show};
use crate::actions::read_register;
use crate::domain::access::{Role, Roles};
use crate::web::api::approvals;
use crate::web::body::Strict;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// Everything that waits for a second person, and what was decided.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    list_page(&desk, Value::Null).await
}

async fn list_page(desk: &Desk, recovery: Value) -> Answered {
    let who = desk.who();
    let own_id = desk.seat.who.caller.id().to_string();
    let may = desk.seat.who.caller.roles();
    let listed = document(approvals::list(desk.app.clone(), who).await).await?;
    let all = listed["approvals"].as_array().cloned().unwrap_or_default();
    let named = all
        .iter()
        .flat_map(|one| [&one["requester"], &one["approver"]]);
    let ids: Vec<_> = named
        .filter_map(Value::as_str)
        .filter_map(|id| id.parse().ok())
        .collect();
    let names = desk
        .app
        .store
        .read(move |tx| read_register::names(tx, &ids))
        .await?;
    let name = |id: &Value| json!(id.as_str().and_then(|id| names.get(id)));
    let mut waiting = Vec::new();
    let mut decided = Vec::new();
    for mut one in all {
        let own = one["requester"] == own_id.as_str();
        let of_content = one["act"]
            .as_str()
            .is_some_and(|act| act.starts_with("incident."));
        let decider = if of_content {
            Role::Officer
        } else {
            Role::Administrator
        };
        one["own"] = json!(own);
        one["may_decide"] = json!(!own && may.contains(decider));
        one["requester_name"] = name(&one["requester"]);
        one["approver_name"] = name(&one["approver"]);
        let (subject_name, subject_href) = subject(&one["about"], desk.language(), may);
        one["subject_name"] = json!(subject_name);
        one["subject_href"] = json!(subject_href);
        one["incident_kind"] = one["about"]["incident_kind"].take();
        // The API leaves out what is not there; a template knows no absent field.
        for field in ["approver", "decided_at"] {
            one[field] = one[field].take();
        }
        for field in [
            "roles",
            "from",
            "to",
            "withdrawal_reason",
            "contact",
            "deferral_basis",
            "until",
            "bank",
            "number",
            "text",
            "advice",
            "replaces",
        ] {
            one["change"][field] = one["change"][field].take();
        }
        let list = if one["state"] == "waiting" {
            &mut waiting
        } else {
            &mut decided
        };
        list.push(one);
    }
    let page =
        json!({ "waiting": waiting, "decided": decided, "recovery": recovery, "faults": [] });
    show(
        desk,
        StatusCode::OK,
        "desk/administrator/approvals.html",
        page,
    )
}

/// What a request is about, in words, and the page of it that this reader may see.
fn subject(about: &Value, language: &str, may: Roles) -> (Option<String>, Option<String>) {
    let key = about["key"].as_str().unwrap_or_default();
    let ours = if language == "ja" {
        "name_ja"
    } else {
        "name_en"
    };
    let name = about[ours]
        .as_str()
        .or(about["name_ja"].as_str())
        .or(about["name_en"].as_str());
    let keeps = may.contains(Role::Administrator);
    let reads = may.shares(Roles::of(&[Role::Officer, Role::Auditor]));
    let (named, href) = match about["kind"].as_str() {
        Some("incident") => (true, reads.then(|| format!("/incidents/{key}"))),
        Some("bank") => (true, keeps.then(|| format!("/register/{key}"))),
        Some("filing") => (false, None),
        Some("person") => (false, keeps.then(|| format!("/people#p-{key}"))),
        _ => return (None, None),
    };
    match (named, name) {
        (true, Some(name)) => (Some(format!("{key} {name}")), href),
        (true, None) => (Some(key.to_owned()), href),
        (false, name) => (name.map(str::to_owned), href),
    }
}

pub(in crate::web) async fn decide(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let approve = match form.0.one("approve").as_str() {
        "yes" => true,
        "no" => false,
        _ => {
            return Err(Problem::bad_request(
                "decision_missing",
                "choose one of the two buttons",
            ));
        }
    };
    let filing = Strict(input(&json!({ "approve": approve }))?);
    let who = desk.who();
    let done = document(approvals::decide_at_desk(desk.app.clone(), who, id, filing).await).await?;
    match done.get("recovery") {
        // A link is shown this once, to whoever approved.
        Some(recovery) => list_page(&desk, recovery.clone()).await,
        None => Ok(seat::see("/approvals?done=saved")),
    }
}
