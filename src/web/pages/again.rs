//! What was typed outlives the session in which it was typed. A form that comes after its session has ended is carried
//! inside the sign-in page, and shown again to whoever signs in there; one of an earlier session is shown again at once.
//! Neither is done before somebody has looked at it and sent it in the session of now. Only forms that take a while to
//! write, and only what this site itself sent: the hub keeps nothing of them.

use super::seat::{self, Fields, Seat};
use super::{BANK, Desk, account, filing, problem_page, reports};
use crate::actions::sign_in::Opened;
use crate::domain::access::{Role, Roles};
use crate::web::App;
use crate::web::body::Form;
use crate::web::problem::{Answered, Problem};
use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};

/// What a field of the form begins with inside the sign-in page, so that none is taken for one of its own.
const CARRIED: &str = "typed.";

/// In the extensions of a request whose form was of an earlier session.
pub(super) struct Earlier(pub Fields);

/// In the extensions of a request whose answer shows a form again.
struct Shown;

/// A form whose page can show what was typed.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Filing,
    Revision(String),
    Report,
}

impl Place {
    fn parse(path: &str) -> Option<Self> {
        match path {
            "/incidents/new" => return Some(Self::Filing),
            "/reports" => return Some(Self::Report),
            _ => {}
        }
        let reference = path.strip_prefix("/incidents/")?.strip_suffix("/revise")?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!reference.is_empty() && reference.bytes().all(is_plain))
            .then(|| Self::Revision(reference.to_owned()))
    }

    /// Whether somebody with these roles writes such a form.
    fn is_of(&self, roles: Roles) -> bool {
        let may = match self {
            Self::Filing | Self::Revision(_) => &[Role::Officer],
            Self::Report => BANK,
        };
        Roles::of(may).shares(roles)
    }

    async fn show(self, desk: &Desk, fields: Fields) -> Answered {
        desk.req.extensions_mut().insert(Shown);
        match self {
            Self::Filing => filing::again(desk, fields, None).await,
            Self::Revision(reference) => filing::again(desk, fields, Some(reference)).await,
            Self::Report => reports::again(desk, &fields).await,
        }
    }
}

/// Whether the answer to this request shows a form again; every page of it says so.
pub(super) fn is_shown(req: &HttpRequest) -> bool {
    req.extensions().get::<Shown>().is_some()
}

/// Whether the form of a request that comes without a session is carried along.
pub(in crate::web) fn is_carried(req: &HttpRequest) -> bool {
    req.method() == Method::POST && is_from_here(req) && Place::parse(req.path()).is_some()
}

fn is_from_here(req: &HttpRequest) -> bool {
    let app = req.app_data::<Data<App>>();
    app.is_some_and(|app| seat::is_surely_same_origin(app, req.headers()))
}

/// The sign-in page with the form inside.
pub(in crate::web) async fn ask(req: &HttpRequest, payload: &mut Payload) -> HttpResponse {
    let asked = carried_page(req, payload).await;
    asked.unwrap_or_else(|problem| problem_page(req, &problem))
}

async fn carried_page(req: &HttpRequest, payload: &mut Payload) -> Answered {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Problem::internal(&"the application has no App"))?;
    let mut typed = Fields(Form::from_request(req, payload).await?.0);
    typed.0.retain(|(name, _)| name != "csrf");
    account::sign_in_page(
        app,
        req,
        StatusCode::FORBIDDEN,
        ("", req.path()),
        &typed,
        &[],
    )
}

/// The fields of a form as the sign-in page names them.
pub(super) fn carry(typed: &Fields) -> Vec<(String, &str)> {
    let named = typed.0.iter();
    named
        .map(|(name, value)| (format!("{CARRIED}{name}"), value.as_str()))
        .collect()
}

/// The form that the sign-in page carried.
pub(super) fn carried(fields: &Fields) -> Fields {
    let named = fields.0.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(CARRIED)?;
        Some((name.to_owned(), value.clone()))
    });
    Fields(named.collect())
}

/// The form that the sign-in page carried, for whoever signed in; `None` = there was none, whoever signed in has no such
/// form, or another person typed it, as far as the cookie still tells.
pub(super) async fn after_sign_in(
    app: &Data<App>,
    req: &HttpRequest,
    next: &str,
    opened: &Opened,
    typed: Fields,
) -> Result<Option<HttpResponse>, Problem> {
    let place = Place::parse(next).filter(|_| !typed.0.is_empty() && is_from_here(req));
    let Some(place) = place else {
        return Ok(None);
    };
    let before = seat::holder_before(app, req.headers()).await?;
    if before.is_some_and(|person| person != opened.person) {
        return Ok(None);
    }
    let seated = seat::of_token(app, &opened.token, false).await?;
    let seated = seated.filter(|seat| place.is_of(seat.who.caller.roles()));
    let Some(seat) = seated else {
        return Ok(None);
    };
    let (app, req) = (app.clone(), req.clone());
    Ok(Some(page_of(place, &Desk { app, req, seat }, typed).await))
}

async fn page_of(place: Place, desk: &Desk, typed: Fields) -> HttpResponse {
    let shown = place.show(desk, typed).await;
    shown.unwrap_or_else(|problem| problem_page(&desk.req, &problem))
}

/// The page of a form that was refused because it was of an earlier session, with what was typed.
pub(in crate::web) async fn page(req: &HttpRequest) -> Option<HttpResponse> {
    let Earlier(typed) = req.extensions_mut().remove::<Earlier>()?;
    let place = Place::parse(req.path()).filter(|_| is_from_here(req))?;
    let seat = req.extensions().get::<Seat>().cloned()?;
    let app = req.app_data::<Data<App>>()?.clone();
    let req = req.clone();
    let mut page = page_of(place, &Desk { app, req, seat }, typed).await;
    if page.status().is_success() {
        // What was sent was not done.
        *page.status_mut() = StatusCode::FORBIDDEN;
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_that_take_a_while_to_write_are_shown_again() {
        assert_eq!(Place::parse("/incidents/new"), Some(Place::Filing));
        assert_eq!(Place::parse("/reports"), Some(Place::Report));
        let revision = Place::Revision("INC-2019-0003".into());
        assert_eq!(
            Place::parse("/incidents/INC-2019-0003/revise"),
            Some(revision)
        );
        for other in [
            "/",
            "/incidents/new/",
            "/incidents//revise",
            "/incidents/a/b/revise",
            "/incidents/%2e%2e/revise",
            "/approvals/1",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_carried_comes_out_as_it_went_in() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let typed = Fields(vec![
            pair("email", "x"),
            pair("typology", "a"),
            pair("typology", "b"),
        ]);
        let inside: Vec<_> = carry(&typed)
            .iter()
            .map(|(name, value)| pair(name, value))
            .collect();
        let sent = Fields([vec![pair("email", "who signs in")], inside].concat());
        assert_eq!(carried(&sent).0, typed.0);
        assert_eq!(sent.one("email"), "who signs in");
    }
}
