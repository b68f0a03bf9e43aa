//! The administrator's desk: the register and the people.

use super::seat::{self, Fields, OwnForm};
use super::words::{Said, say};
use super::{Desk, document, input, show};
use crate::actions::register_bank::bank_by_code;
use crate::actions::{read_channels, read_reachability};
use crate::domain::vocabulary::Language;
use crate::storage::bank;
use crate::web::api::reachability::ReachabilityView;
use crate::web::api::{
    approvals, banks, challenges, channels, contacts, endpoints, import, invitations, keys,
    partnerships, people, test_notice,
};
use crate::web::body::{RawCsv, Strict};
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Asked};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// The register: every bank ever entered.
pub(in crate::web) async fn register(desk: Desk) -> Answered {
    let values = bank_values(&Fields::default());
    register_page(&desk, StatusCode::OK, json!([]), values).await
}

async fn register_page(desk: &Desk, status: StatusCode, faults: Value, values: Value) -> Answered {
    let listed = document(banks::list(desk.app.clone()).await).await?;
    let mut rows = listed["banks"].as_array().cloned().unwrap_or_default();
    // Counted, not read: each would have to be unsealed.
    let ways = desk
        .app
        .store
        .read(|tx| bank::ways(tx).map_err(Problem::from))
        .await?;
    for row in &mut rows {
        let code = row["code"].as_str().unwrap_or_default();
        let (contacts, endpoints) = ways.get(code).copied().unwrap_or_default();
        row["contacts"] = json!(contacts);
        row["endpoints"] = json!(endpoints);
        row["partner_since"] = row["valid_from"].clone();
        row["partner_until"] = row["valid_to"].clone();
    }
    let roster = match banks::roster(desk.app.clone()).await {
        Ok(answer) => {
            let known = document(Ok(answer)).await?;
            json!({ "version": known["version"], "bank_count": known["banks"], "effective_at": known["effective_at"] })
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Value::Null,
        Err(problem) => return Err(problem),
    };
    let page = json!({ "banks": rows, "roster": roster, "faults": faults, "values": values });
    show(desk, status, "desk/administrator/register.html", page)
}

/// A new bank as typed, or as the form begins.
fn bank_values(fields: &Fields) -> Value {
    let or = |name: &str, usual: &str| fields.given(name).unwrap_or_else(|| usual.to_owned());
    json!({
        "code": fields.one("code"), "name_ja": fields.one("name_ja"), "name_en": fields.one("name_en"),
        "language": or("language", "ja"), "linking": fields.all("linking"), "new_links": or("new_links", "open"),
        "top_ups": or("top_ups", "open"), "pay_outs": or("pay_outs", "open"), "valid_from": fields.one("valid_from"),
        "observer": fields.given("observer").is_some(),
    })
}

pub(in crate::web) async fn enter_bank(desk: Desk, form: OwnForm) -> Answered {
    let fields = form.0;
    let values = bank_values(&fields);
    let mut profile = values.clone();
    let mut wanted = json!({ "code": values["code"], "observer": values["observer"] });
    if let Some(profile) = profile.as_object_mut() {
        profile.remove("code");
        profile.remove("valid_from");
        profile.remove("observer");
    }
    wanted["profile"] = profile;
    let zone = &desk.seat.who.zone;
    let from = fields.given("valid_from");
    let from = from.map(|from| super::entered("/valid_from", &from, zone));
    let new_bank = from.transpose().and_then(|from| {
        if let Some(from) = from {
            wanted["valid_from"] = json!(from);
        }
        input(&wanted)
    });
    let entered = match new_bank {
        Ok(new_bank) => banks::create(desk.app.clone(), Strict(new_bank)).await,
        Err(problem) => Err(problem),
    };
    match entered {
        Ok(_) => Ok(seat::see(&format!(
            "/register/{}?done=saved",
            fields.one("code")
        ))),
        Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            let faults = super::faults_of(&problem);
            register_page(&desk, problem.status, faults, values).await
        }
        Err(problem) => Err(problem),
    }
}

/// One bank with everything that the register knows of it.
pub(in crate::web) async fn bank(desk: Desk, code: Path<String>) -> Answered {
    bank_page(
        &desk,
        &code,
        StatusCode::OK,
        Value::Null,
        json!([]),
        json!({}),
    )
    .await
}

async fn bank_page(
    desk: &Desk,
    code: &str,
    status: StatusCode,
    secret: Value,
    faults: Value,
    typed: Value,
) -> Answered {
    let path = || Path::from(code.to_owned());
    let known = document(banks::read(desk.app.clone(), path()).await).await?;
    let people = document(contacts::list(desk.app.clone(), path()).await).await?;
    let hooks = document(endpoints::list(desk.app.clone(), path()).await).await?;
    let machine_keys = document(keys::list_of_bank(desk.app.clone(), path()).await).await?;
    let wanted = code.to_owned();
    let (reached, health) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let bank = bank_by_code(tx, &wanted)?.id;
            let reached = read_reachability::of_bank(tx, bank)?;
            Ok((reached, read_channels::of_bank(tx, bank)?))
        })
        .await?;
    let health = json!(channels::views(health));
    let who = desk.who();
    let asked = document(approvals::list(desk.app.clone(), who).await).await?;
    let ending_waits = asked["approvals"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| {
            one["state"] == "waiting"
                && one["act"] == "partnership.end"
                && one["subject"] == known["id"]
        });
    let since = json!({ "valid_from": known["valid_from"], "valid_to": known["valid_to"], "recorded_at": known["valid_from"] });
    let partnerships: Vec<Value> = Some(since)
        .into_iter()
        .filter(|one| !one["valid_from"].is_null())
        .collect();
    let page = json!({
        "bank": known, "profile": known, "partnerships": partnerships, "contacts": people["contacts"],
        "endpoints": hooks["endpoints"], "keys": machine_keys["keys"], "ending_waits": ending_waits,
        "secret": secret, "contact": typed["contact"], "endpoint": typed["endpoint"], "key": typed["key"],
        "ending": typed["ending"], "faults": faults, "reached": ReachabilityView::from(reached),
        "channels": super::with_addresses(&health, &people["contacts"], &hooks["endpoints"]),
    });
    show(desk, status, "desk/administrator/bank.html", page)
}

/// `typed` is what the form said, for the page that shows what was wrong with it.
async fn changed(
    desk: &Desk,
    code: &str,
    answer: Answered,
    (about, typed): (&str, Value),
    shown_once: Option<(Said, &str)>,
) -> Answered {
    match (answer, shown_once) {
        (Ok(answer), Some((said, field))) if answer.status() == StatusCode::CREATED => {
            let made = document(Ok(answer)).await?;
            let language = Language::parse(&desk.seat.who.language).unwrap_or(Language::En);
            let secret = json!({ "label": say(said, language), "value": made[field] });
            bank_page(desk, code, StatusCode::OK, secret, json!([]), json!({})).await
        }
        (Ok(answer), _) if answer.status() == StatusCode::ACCEPTED => {
            Ok(seat::see(&format!("/register/{code}?done=asked")))
        }
        (Ok(_), _) => Ok(seat::see(&format!("/register/{code}?done=saved"))),
        (Err(problem), _) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            let faults = super::faults_under(about, &problem);
            let typed = json!({ about: typed });
            bank_page(desk, code, problem.status, Value::Null, faults, typed).await
        }
        (Err(problem), _) => Err(problem),
    }
}

pub(in crate::web) async fn join(desk: Desk, code: Path<String>, _form: OwnForm) -> Answered {
    let joining = Strict(input(&json!({ "bank": *code }))?);
    let answer = partnerships::join(desk.app.clone(), joining).await;
    changed(&desk, &code, answer, ("partnership", Value::Null), None).await
}

/// Asks for the end of a partnership; a second person decides.
pub(in crate::web) async fn end_partnership(
    desk: Desk,
    code: Path<String>,
    form: OwnForm,
) -> Answered {
    let typed = json!({ "reason": form.0.one("reason") });
    let who = desk.who();
    let answer = match input(&typed) {
        Ok(reason) => {
            let path = Path::from(code.clone());
            partnerships::end(desk.app.clone(), who, path, Strict(reason)).await
        }
        Err(problem) => Err(problem),
    };
    changed(&desk, &code, answer, ("ending", typed), None).await
}

/// Officers ask for it at home, where they see which addresses fail or were not proven for long.
pub(in crate::web) async fn send_test(desk: Desk, code: Path<String>, form: OwnForm) -> Answered {
    let back = match form.0.one("from").as_str() {
        "home" => "/home".to_owned(),
        _ => format!("/register/{code}"),
    };
    test_notice::send(desk.app.clone(), code).await?;
    Ok(seat::see(&format!("{back}?done=tested")))
}

pub(in crate::web) async fn add_contact(desk: Desk, code: Path<String>, form: OwnForm) -> Answered {
    let answer = match super::contact_input(&form.0) {
        Ok(contact) => {
            let path = Path::from(code.clone());
            contacts::create(desk.app.clone(), path, Strict(contact)).await
        }
        Err(problem) => Err(problem),
    };
    let typed = super::contact_values(&form.0);
    changed(&desk, &code, answer, ("contact", typed), None).await
}

pub(in crate::web) async fn end_contact(
    desk: Desk,
    path: Path<(String, String)>,
    _form: OwnForm,
) -> Answered {
    let (code, _) = path.clone();
    let answer = contacts::end(desk.app.clone(), path).await;
    changed(&desk, &code, answer, ("contact", Value::Null), None).await
}

pub(in crate::web) async fn add_endpoint(
    desk: Desk,
    code: Path<String>,
    form: OwnForm,
) -> Answered {
    let typed = super::endpoint_values(&form.0);
    let wanted = json!({ "endpoint": { "url": typed["url"], "ed25519": typed["ed25519"] }, "reason": typed["reason"] });
    let who = desk.who();
    let answer = match input(&wanted) {
        Ok(wanted) => {
            let path = Path::from(code.clone());
            endpoints::create(desk.app.clone(), who, path, Strict(wanted)).await
        }
        Err(problem) => Err(problem),
    };
    let once = Some((Said::EndpointSecret, "secret"));
    changed(&desk, &code, answer, ("endpoint", typed), once).await
}

/// A new challenge to an endpoint of a bank.
pub(in crate::web) async fn challenge_endpoint(
    desk: Desk,
    path: Path<(String, String)>,
    _form: OwnForm,
) -> Answered {
    let (code, _) = path.clone();
    match challenges::send(desk.app.clone(), path).await {
        Ok(_) => Ok(seat::see(&format!("/register/{code}?done=sent"))),
        refused => changed(&desk, &code, refused, ("endpoint", Value::Null), None).await,
    }
}

pub(in crate::web) async fn make_key(desk: Desk, code: Path<String>, form: OwnForm) -> Answered {
    let answer = match super::key_input(&form.0) {
        Ok(wanted) => {
            let path = Path::from(code.clone());
            keys::create_of_bank(desk.app.clone(), path, Strict(wanted)).await
        }
        Err(problem) => Err(problem),
    };
    let typed = super::key_values(&form.0);
    let once = Some((Said::MachineKey, "key"));
    changed(&desk, &code, answer, ("key", typed), once).await
}

/// Banks from a CSV text.
pub(in crate::web) async fn import_form(desk: Desk) -> Answered {
    let page = json!({ "csv": "", "result": null, "faults": [] });
    show(
        &desk,
        StatusCode::OK,
        "desk/administrator/import.html",
        page,
    )
}

pub(in crate::web) async fn import_banks(desk: Desk, form: OwnForm) -> Answered {
    let csv = form.0.one("csv");
    let dry_run = form.0.one("act") != "import";
    let asked = Asked(query::read(&format!("dry_run={dry_run}"))?);
    let done = import::import(
        desk.app.clone(),
        asked,
        RawCsv(csv.clone().into_bytes().into()),
    )
    .await;
    let (status, result, faults) = match done {
        Ok(answer) => {
            let mut told = document(Ok(answer)).await?;
            told["roster_version"] = told["roster_version"].take();
            for bank in told["banks"].as_array_mut().into_iter().flatten() {
                bank["secret"] = bank["secret"].take();
            }
            (StatusCode::OK, told, json!([]))
        }
        Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            (problem.status, Value::Null, super::faults_of(&problem))
        }
        Err(problem) => return Err(problem),
    };
    let page = json!({ "csv": csv, "result": result, "faults": faults });
    show(&desk, status, "desk/administrator/import.html", page)
}

/// Everybody, and who may be invited.
pub(in crate::web) async fn everybody(desk: Desk) -> Answered {
    people_page(&desk, StatusCode::OK, People::default()).await
}

/// What the page of the people shows beside them.
struct People {
    invitation: Value,
    /// An invitation as typed.
    values: Value,
    /// A change of roles as typed.
    change: Value,
    /// A recovery as typed.
    recovering: Value,
    faults: Value,
}

impl Default for People {
    fn default() -> Self {
        Self {
            invitation: Value::Null,
            values: invitee_values(&Fields::default()),
            change: Value::Null,
            recovering: Value::Null,
            faults: json!([]),
        }
    }
}

async fn people_page(desk: &Desk, status: StatusCode, shown: People) -> Answered {
    let listed = document(people::list(desk.app.clone()).await).await?;
    let mut rows = listed["people"].as_array().cloned().unwrap_or_default();
    for row in &mut rows {
        row["bank"] = row["bank"].take();
    }
    let known = document(banks::list(desk.app.clone()).await).await?;
    let codes: Vec<Value> = known["banks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|bank| json!({ "code": bank["code"], "name": bank[if desk.seat.who.language == "ja" { "name_ja" } else { "name_en" }] }))
        .collect();
    let page = json!({
        "people": rows, "invitation": shown.invitation, "banks": codes, "faults": shown.faults,
        "values": shown.values, "change": shown.change, "recovering": shown.recovering,
        "roles": ["officer", "auditor", "administrator", "bank_member", "bank_administrator"],
    });
    show(desk, status, "desk/administrator/people.html", page)
}

/// An invitation as typed, or as the form begins.
fn invitee_values(fields: &Fields) -> Value {
    json!({ "name": fields.one("name"), "email": fields.one("email"), "roles": fields.all("roles"),
        "bank": fields.one("bank"), "language": fields.given("language").unwrap_or_else(|| "ja".to_owned()) })
}

pub(in crate::web) async fn invite(desk: Desk, form: OwnForm) -> Answered {
    let fields = form.0;
    let wanted = json!({ "name": fields.one("name"), "email": fields.one("email"), "roles": fields.all("roles"),
        "bank": fields.given("bank"), "language": fields.one("language") });
    let who = desk.who();
    let invited = match input(&wanted) {
        Ok(wanted) => invitations::create(desk.app.clone(), who, Strict(wanted)).await,
        Err(problem) => Err(problem),
    };
    match invited {
        Ok(answer) => {
            let shown = People {
                invitation: document(Ok(answer)).await?,
                ..People::default()
            };
            people_page(&desk, StatusCode::OK, shown).await
        }
        Err(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => {
            let shown = People {
                faults: super::faults_of(&problem),
                values: invitee_values(&fields),
                ..People::default()
            };
            people_page(&desk, problem.status, shown).await
        }
        Err(problem) => Err(problem),
    }
}

/// Asks to change somebody's roles; another administrator decides.
pub(in crate::web) async fn change_roles(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let wanted = json!({ "roles": form.0.all("roles"), "reason": form.0.one("reason") });
    let who = desk.who();
    let asked = match input(&wanted) {
        Ok(change) => {
            people::change(desk.app.clone(), who, id.clone().into(), Strict(change)).await
        }
        Err(problem) => Err(problem),
    };
    match asked {
        Ok(_) => Ok(seat::see("/people?done=asked")),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let mut change = wanted;
            change["id"] = json!(*id);
            let shown = People {
                faults: super::faults_under("change", &problem),
                change,
                ..People::default()
            };
            people_page(&desk, problem.status, shown).await
        }
        Err(problem) => Err(problem),
    }
}

/// Asks for a link by which somebody takes up the account again; another administrator decides, and gets it.
pub(in crate::web) async fn recover(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let reason = form.0.one("reason");
    let wanted = Strict(input(&json!({ "reason": reason }))?);
    let who = desk.who();
    let asked = people::recover(desk.app.clone(), who, Path::from(id.clone()), wanted).await;
    match asked {
        Ok(_) => Ok(seat::see("/people?done=asked")),
        Err(problem) if !problem.faults.is_empty() => {
            let shown = People {
                faults: super::faults_under("recovery", &problem),
                recovering: json!({ "id": *id, "reason": reason }),
                ..People::default()
            };
            people_page(&desk, problem.status, shown).await
        }
        Err(problem) => Err(problem),
    }
}
