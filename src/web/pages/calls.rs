//! One call that an officer has to make: whom, by which number, with which words; who has taken it; and the form in
//! which the officer writes down that the bank was told.

use super::seat::{self, Fields, OwnForm};
use super::{Desk, bank_names, document, entered, input, show};
use crate::actions::overtake::overtaken;
use crate::actions::tell_out_of_band::CHANNELS;
use crate::web::api::{calls, contacts, tasks};
use crate::web::body::Strict;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// Incident and task of an address.
type Place = Path<(String, String)>;

/// The call, and the form.
pub(in crate::web) async fn form(desk: Desk, place: Place) -> Answered {
    call_page(&desk, &place, StatusCode::OK, &Fields::default(), json!([])).await
}

async fn call_page(
    desk: &Desk,
    place: &(String, String),
    status: StatusCode,
    typed: &Fields,
    faults: Value,
) -> Answered {
    let (reference, id) = place;
    let id = page::id(id)?;
    let waiting = desk.app.store.read(move |tx| tasks::waiting_call(tx, id));
    let mut task = json!(waiting.await?);
    if task["incident"] != reference.as_str() {
        return Err(Problem::missing());
    }
    let code = task["bank"].as_str().unwrap_or_default().to_owned();
    let language = desk.language().to_owned();
    let notice_id = page::id(task["notice"].as_str().unwrap_or_default())?;
    let (names, overtaken) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let names = bank_names(tx, &language)?;
            Ok((names, overtaken(tx, notice_id)?))
        })
        .await?;
    task["name"] = json!(names.get(&code));
    let own = task["claimed_by"] == desk.seat.who.caller.id().to_string().as_str();
    let known = document(contacts::list(desk.app.clone(), Path::from(code)).await).await?;
    let value = |name: &str| typed.one(name);
    let told_at = match typed.given("told_at") {
        Some(typed) => typed,
        None => super::filing::local(&desk.seat, desk.app.store.clock().now())?,
    };
    let page = json!({
        "incident": reference, "task": task, "overtaken": overtaken, "own": own, "contacts": known["contacts"], "channels": CHANNELS,
        "values": { "channel": typed.given("channel").unwrap_or_else(|| "phone".into()), "contact": value("contact"),
            "person": value("person"), "role": value("role"), "told_at": told_at,
            "read_back": value("read_back"), "note": value("note") },
        "faults": faults,
    });
    show(desk, status, "desk/officer/call.html", page)
}

fn here((reference, id): &(String, String)) -> String {
    format!("/incidents/{reference}/calls/{id}")
}

pub(in crate::web) async fn claim(desk: Desk, place: Place, _form: OwnForm) -> Answered {
    let who = desk.who();
    calls::claim(desk.app.clone(), who, Path::from(place.1.clone())).await?;
    Ok(seat::see(&here(&place)))
}

pub(in crate::web) async fn release(desk: Desk, place: Place, _form: OwnForm) -> Answered {
    let who = desk.who();
    calls::release(desk.app.clone(), who, Path::from(place.1.clone())).await?;
    Ok(seat::see(&format!("/incidents/{}#tasks", place.0)))
}

/// The bank was reached; a second officer signs it off.
pub(in crate::web) async fn complete(desk: Desk, place: Place, form: OwnForm) -> Answered {
    let fields = form.0;
    let told = async {
        let told_at = entered("/told_at", &fields.one("told_at"), &desk.seat.who.zone)?;
        let filing = json!({ "channel": fields.one("channel"), "contact": fields.one("contact"),
            "person": fields.one("person"), "role": fields.one("role"), "told_at": told_at,
            "read_back": fields.one("read_back"), "note": fields.one("note") });
        let filing = Strict(input(&filing)?);
        let who = desk.who();
        calls::complete(desk.app.clone(), who, Path::from(place.1.clone()), filing).await
    };
    match told.await {
        Ok(_) => Ok(seat::see(&format!("/incidents/{}?done=asked", place.0))),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_of(&problem);
            call_page(&desk, &place, problem.status, &fields, faults).await
        }
        Err(problem) => Err(problem),
    }
}
