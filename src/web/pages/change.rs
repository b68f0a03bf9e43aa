//! Replacing a contact or an endpoint, and whatever else of the register is changed on a page of its own, for
//! the bank itself and for the operator's administrator. What was typed stays in the form until it holds.

use super::seat::{self, OwnForm};
use super::{Desk, bank, document, input, show};
use crate::web::api::{banks, contacts, endpoints, keys};
use crate::web::body::Strict;
use crate::web::identity::BankWho;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// Whose contact or endpoint it is.
enum Whose {
    Own(BankWho),
    /// Of the bank with this code, on its behalf.
    Of(String),
}

impl Whose {
    /// The page that lists it, without a slash at its end.
    fn home(&self) -> String {
        match self {
            Self::Own(_) => "/own".to_owned(),
            Self::Of(code) => format!("/register/{code}"),
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Own(_) => None,
            Self::Of(code) => Some(code),
        }
    }
}

/// One of a list of the API's answer; 404 if it is not among them.
async fn one_of(answer: Answered, list: &str, id: &str) -> Result<Value, Problem> {
    let listed = document(answer).await?;
    let mut all = listed[list].as_array().into_iter().flatten();
    let found = all.find(|one| one["id"] == id && one["revoked_at"].is_null());
    found.cloned().ok_or_else(Problem::missing)
}

/// The form again, with what was wrong; a defect of the hub is no fault of the form.
fn faults(problem: &Problem, form: &str) -> Result<Value, Problem> {
    if problem.status == StatusCode::INTERNAL_SERVER_ERROR
        || problem.status == StatusCode::NOT_FOUND
    {
        return Err(problem.clone());
    }
    Ok(super::faults_under(form, problem))
}

// --- contacts

async fn contact_of(desk: &Desk, whose: &Whose, id: &str) -> Result<Value, Problem> {
    let listed = match whose {
        Whose::Own(who) => contacts::list_own(desk.app.clone(), who.clone()).await,
        Whose::Of(code) => contacts::list(desk.app.clone(), Path::from(code.clone())).await,
    };
    one_of(listed, "contacts", id).await
}

async fn contact_page(
    desk: &Desk,
    whose: &Whose,
    id: &str,
    refused: Option<(StatusCode, Value, Value)>,
) -> Answered {
    let present = contact_of(desk, whose, id).await?;
    let (status, values, faults) =
        refused.unwrap_or_else(|| (StatusCode::OK, present.clone(), json!([])));
    let home = whose.home();
    let page = json!({
        "home": home, "code": whose.code(), "action": format!("{home}/contacts/{id}"), "present": present,
        "contact": values, "faults": faults,
    });
    show(desk, status, "desk/change/contact.html", page)
}

async fn replace_contact(desk: &Desk, whose: &Whose, id: &str, form: OwnForm) -> Answered {
    let replaced = match (super::contact_input(&form.0), whose) {
        (Err(problem), _) => Err(problem),
        (Ok(contact), Whose::Own(who)) => {
            let id = Path::from(id.to_owned());
            contacts::replace_own(desk.app.clone(), who.clone(), id, Strict(contact)).await
        }
        (Ok(contact), Whose::Of(code)) => {
            let path = Path::from((code.clone(), id.to_owned()));
            contacts::replace(desk.app.clone(), path, Strict(contact)).await
        }
    };
    match replaced {
        Ok(_) => Ok(seat::see(&format!("{}?done=saved", whose.home()))),
        Err(problem) => {
            let again = (
                problem.status,
                super::contact_values(&form.0),
                faults(&problem, "contact")?,
            );
            contact_page(desk, whose, id, Some(again)).await
        }
    }
}

pub(in crate::web) async fn own_contact(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    contact_page(&desk, &Whose::Own(who), &id, None).await
}

pub(in crate::web) async fn replace_own_contact(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    replace_contact(&desk, &Whose::Own(who), &id, form).await
}

pub(in crate::web) async fn contact(desk: Desk, path: Path<(String, String)>) -> Answered {
    let (code, id) = path.into_inner();
    contact_page(&desk, &Whose::Of(code), &id, None).await
}

pub(in crate::web) async fn replace_contact_of(
    desk: Desk,
    path: Path<(String, String)>,
    form: OwnForm,
) -> Answered {
    let (code, id) = path.into_inner();
    replace_contact(&desk, &Whose::Of(code), &id, form).await
}

// --- endpoints

async fn endpoint_of(desk: &Desk, whose: &Whose, id: &str) -> Result<Value, Problem> {
    let listed = match whose {
        Whose::Own(who) => endpoints::list_own(desk.app.clone(), who.clone()).await,
        Whose::Of(code) => endpoints::list(desk.app.clone(), Path::from(code.clone())).await,
    };
    one_of(listed, "endpoints", id).await
}

async fn endpoint_page(
    desk: &Desk,
    whose: &Whose,
    id: &str,
    refused: Option<(StatusCode, &str, Value, Value)>,
) -> Answered {
    let present = endpoint_of(desk, whose, id).await?;
    let mut values = json!({ "url": "", "ed25519": present["ed25519"], "reason": "" });
    let mut ending = String::new();
    let (mut status, mut faults) = (StatusCode::OK, json!([]));
    if let Some((refused, form, typed, wrong)) = refused {
        (status, faults) = (refused, wrong);
        if form == "ending" {
            ending = typed["reason"].as_str().unwrap_or_default().to_owned();
        } else {
            values = typed;
        }
    }
    let home = whose.home();
    let page = json!({
        "home": home, "code": whose.code(), "action": format!("{home}/endpoints/{id}"), "present": present,
        "endpoint": values, "ending": ending, "faults": faults,
    });
    show(desk, status, "desk/change/endpoint.html", page)
}

pub(in crate::web) async fn own_endpoint(desk: Desk, who: BankWho, id: Path<String>) -> Answered {
    endpoint_page(&desk, &Whose::Own(who), &id, None).await
}

/// The new endpoint's secret is shown once, on the page of the bank's channels.
pub(in crate::web) async fn replace_own_endpoint(
    desk: Desk,
    who: BankWho,
    id: Path<String>,
    form: OwnForm,
) -> Answered {
    let answer = match super::endpoint_input(&form.0) {
        Ok(wanted) => {
            let (app, id) = (desk.app.clone(), Path::from(id.clone()));
            endpoints::replace_own(app, who.clone(), id, Strict(wanted)).await
        }
        Err(problem) => Err(problem),
    };
    match answer {
        Ok(answer) => bank::endpoint_made(&desk, who, answer).await,
        Err(problem) => {
            let wrong = faults(&problem, "endpoint")?;
            let again = (
                problem.status,
                "endpoint",
                super::endpoint_values(&form.0),
                wrong,
            );
            endpoint_page(&desk, &Whose::Own(who), &id, Some(again)).await
        }
    }
}

pub(in crate::web) async fn endpoint(desk: Desk, path: Path<(String, String)>) -> Answered {
    let (code, id) = path.into_inner();
    endpoint_page(&desk, &Whose::Of(code), &id, None).await
}

/// Asks to replace an endpoint on a bank's behalf; a second person decides.
pub(in crate::web) async fn ask_endpoint(
    desk: Desk,
    path: Path<(String, String)>,
    form: OwnForm,
) -> Answered {
    let typed = super::endpoint_values(&form.0);
    let wanted = json!({ "endpoint": { "url": typed["url"], "ed25519": typed["ed25519"] }, "reason": typed["reason"] });
    let (app, who, at) = (desk.app.clone(), desk.who(), Path::from(path.clone()));
    let asked = match input(&wanted) {
        Ok(wanted) => endpoints::replace(app, who, at, Strict(wanted)).await,
        Err(problem) => Err(problem),
    };
    let (code, id) = path.into_inner();
    match asked {
        Ok(_) => Ok(seat::see(&format!("/register/{code}?done=asked"))),
        Err(problem) => {
            let mut wrong = faults(&problem, "endpoint")?;
            for fault in wrong.as_array_mut().into_iter().flatten() {
                // The API's document holds the endpoint in a field of its own.
                let pointer = fault["pointer"].as_str().unwrap_or_default();
                fault["pointer"] = json!(pointer.replace("/endpoint/endpoint/", "/endpoint/"));
            }
            let again = (problem.status, "endpoint", typed, wrong);
            endpoint_page(&desk, &Whose::Of(code), &id, Some(again)).await
        }
    }
}

/// Asks to end an endpoint on a bank's behalf; a second person decides.
pub(in crate::web) async fn ask_endpoint_ending(
    desk: Desk,
    path: Path<(String, String)>,
    form: OwnForm,
) -> Answered {
    let typed = json!({ "reason": form.0.one("reason") });
    let (app, who, at) = (desk.app.clone(), desk.who(), Path::from(path.clone()));
    let asked = endpoints::end(app, who, at, Strict(input(&typed)?)).await;
    let (code, id) = path.into_inner();
    match asked {
        Ok(_) => Ok(seat::see(&format!("/register/{code}?done=asked"))),
        Err(problem) => {
            let again = (problem.status, "ending", typed, faults(&problem, "ending")?);
            endpoint_page(&desk, &Whose::Of(code), &id, Some(again)).await
        }
    }
}

// --- keys of a bank's machines

async fn key_page(
    desk: &Desk,
    (code, id): (&str, &str),
    status: StatusCode,
    reason: &str,
    faults: Value,
) -> Answered {
    let listed = keys::list_of_bank(desk.app.clone(), Path::from(code.to_owned())).await;
    let key = one_of(listed, "keys", id).await?;
    let page = json!({
        "home": format!("/register/{code}"), "code": code, "action": format!("/register/{code}/keys/{id}"),
        "label": key["label"], "reason": reason, "faults": faults,
    });
    show(desk, status, "desk/change/key.html", page)
}

pub(in crate::web) async fn key(desk: Desk, path: Path<(String, String)>) -> Answered {
    let (code, id) = path.into_inner();
    key_page(&desk, (&code, &id), StatusCode::OK, "", json!([])).await
}

/// Asks to revoke a key on a bank's behalf; a second person decides.
pub(in crate::web) async fn ask_revocation(
    desk: Desk,
    path: Path<(String, String)>,
    form: OwnForm,
) -> Answered {
    let reason = form.0.one("reason");
    let wanted = Strict(input(&json!({ "reason": reason }))?);
    let (app, who, at) = (desk.app.clone(), desk.who(), Path::from(path.clone()));
    let asked = keys::revoke_of_bank(app, who, at, wanted).await;
    let (code, id) = path.into_inner();
    match asked {
        Ok(_) => Ok(seat::see(&format!("/register/{code}?done=asked"))),
        Err(problem) => {
            let wrong = faults(&problem, "key")?;
            key_page(&desk, (&code, &id), problem.status, &reason, wrong).await
        }
    }
}

// --- the profile of a bank

async fn profile_page(
    desk: &Desk,
    code: &str,
    refused: Option<(StatusCode, Value, Value)>,
) -> Answered {
    let present =
        document(banks::read(desk.app.clone(), Path::from(code.to_owned())).await).await?;
    let (status, values, faults) = refused.unwrap_or_else(|| (StatusCode::OK, present, json!([])));
    let page = json!({
        "home": format!("/register/{code}"), "code": code, "action": format!("/register/{code}/profile"),
        "values": values, "faults": faults,
    });
    show(desk, status, "desk/change/profile.html", page)
}

pub(in crate::web) async fn profile(desk: Desk, code: Path<String>) -> Answered {
    profile_page(&desk, &code, None).await
}

/// The next revision of a profile, if the newest still is the one that the form was made from.
pub(in crate::web) async fn amend(desk: Desk, code: Path<String>, form: OwnForm) -> Answered {
    let fields = form.0;
    let mut typed = json!({
        "name_ja": fields.one("name_ja"), "name_en": fields.one("name_en"), "language": fields.one("language"),
        "linking": fields.all("linking"), "new_links": fields.one("new_links"), "top_ups": fields.one("top_ups"),
        "pay_outs": fields.one("pay_outs"),
    });
    let revision: i64 = fields.one("revision").parse().unwrap_or(0);
    let amended = match input(&typed) {
        Ok(profile) => banks::amended(&desk.app, (*code).clone(), revision, profile).await,
        Err(problem) => Err(problem),
    };
    match amended {
        Ok(_) => Ok(seat::see(&format!("/register/{code}?done=saved"))),
        Err(problem) => {
            typed["revision"] = json!(revision);
            let again = (problem.status, typed, faults(&problem, "profile")?);
            profile_page(&desk, &code, Some(again)).await
        }
    }
}
