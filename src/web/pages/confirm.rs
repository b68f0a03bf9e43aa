//! Showing again who sits at a desk. What could do harm in other hands asks for password and code, unless they
//! were given in this session a short while ago. A form that comes too late is kept inside the question, with
//! all that was typed, and done when the answer is right. Which forms those are is in the route table.

use super::seat::{self, Fields, OwnForm, Seat};
use super::{Desk, account, show};
use crate::actions::sign_in;
use crate::storage::Lane;
use crate::web::App;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde_json::json;
use zeroize::Zeroizing;

/// In the extensions of a request that is not done without password and code.
#[derive(Clone)]
struct Due;

/// A form that waits for them.
#[derive(Clone)]
struct Held {
    fields: Fields,
    was_refused: bool,
}

/// Where one confirms before something is fetched.
const ADDRESS: &str = "/account/confirm";
const PASSWORD: &str = "confirm_password";
const CODE: &str = "confirm_code";

/// Were password and code given a short while ago?
pub(in crate::web) fn is_fresh(app: &App, seat: &Seat) -> bool {
    seat.who.confirmed_for < app.rules.confirmation_window
}

pub(in crate::web) fn mark_due(req: &HttpRequest) {
    req.extensions_mut().insert(Due);
}

pub(in crate::web) fn is_due(req: &HttpRequest) -> bool {
    req.extensions().get::<Due>().is_some()
}

/// 303 to the question, and back again afterwards.
pub(in crate::web) fn ask(req: &HttpRequest) -> HttpResponse {
    let wanted = req.uri().path_and_query().map_or("/", |path| path.as_str());
    let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    seat::see(&format!("{ADDRESS}?next={next}"))
}

/// Lets a form through to its handler, without password and code; or holds it back.
pub(super) async fn pass(
    req: &HttpRequest,
    seat: &Seat,
    mut fields: Fields,
) -> Result<Fields, Problem> {
    if !is_due(req) {
        return Ok(fields);
    }
    let is_answer = fields.given(PASSWORD).is_some();
    let was_given = is_answer && prove(req, seat, &fields).await?;
    fields
        .0
        .retain(|(name, _)| name != PASSWORD && name != CODE);
    if was_given {
        return Ok(fields);
    }
    req.extensions_mut().insert(Held {
        fields,
        was_refused: is_answer,
    });
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "confirmation_needed",
        "give your password and a code again",
    ))
}

/// Whether password and code of the form are right; failures are counted for the session.
async fn prove(req: &HttpRequest, seat: &Seat, fields: &Fields) -> Result<bool, Problem> {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal(&"the application has no App"))?;
    let given = Zeroizing::new(account::password_of(fields, PASSWORD));
    let (known, holds) = account::check_seated(app, seat, given).await?;
    let (code, session) = (fields.one(CODE), seat.who.session);
    app.store
        .write(Lane::Front, move |tx| {
            sign_in::confirm(tx, &known, holds, &code, session).map_err(Problem::from)
        })
        .await
}

/// The question, where a form of this request was held back.
pub(super) fn page(req: &HttpRequest, app: &Data<App>) -> Option<Answered> {
    let held = req.extensions().get::<Held>().cloned()?;
    let seat = req.extensions().get::<Seat>().cloned()?;
    let (app, req) = (app.clone(), req.clone());
    let action = req.path().to_owned();
    Some(question(&Desk { app, req, seat }, &action, &held))
}

fn question(desk: &Desk, action: &str, held: &Held) -> Answered {
    let status = match (held.was_refused, action) {
        (true, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, ADDRESS) => StatusCode::OK,
        (false, _) => StatusCode::FORBIDDEN,
    };
    let page = json!({
        "action": action, "fields": held.fields.0, "refused": held.was_refused, "email": desk.seat.who.email,
        "minutes": desk.app.rules.confirmation_window.as_secs() / 60, "faults": [],
    });
    show(desk, status, "desk/account/confirm.html", page)
}

/// The question by itself, before something is fetched.
pub(in crate::web) async fn form(desk: Desk) -> Answered {
    let next = url::form_urlencoded::parse(desk.req.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let held = Held {
        fields: leading(&next),
        was_refused: false,
    };
    question(&desk, ADDRESS, &held)
}

fn leading(next: &str) -> Fields {
    Fields(vec![("next".to_owned(), seat::own_path(next).to_owned())])
}

pub(in crate::web) async fn confirm(desk: Desk, form: OwnForm) -> Answered {
    let next = form.0.one("next");
    if prove(&desk.req, &desk.seat, &form.0).await? {
        return Ok(seat::see(seat::own_path(&next)));
    }
    let held = Held {
        fields: leading(&next),
        was_refused: true,
    };
    question(&desk, ADDRESS, &held)
}
