//! Who sits at a desk: the session cookie, the token that every form carries, and where a form may come from.

use super::{again, confirm};
use crate::actions::log_refuses;
use crate::actions::read_channels::{self, MailsWait};
use crate::actions::self_check::{self, Standing};
use crate::actions::sign_in::{self, Seated};
use crate::domain::access::Role;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::storage::Lane;
use crate::storage::log::LogEventRow;
use crate::web::App;
use crate::web::body::Form;
use crate::web::problem::Problem;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use subtle::ConstantTimeEq;

/// Somebody signed in, as the handlers see it.
#[derive(Debug, Clone)]
pub(in crate::web) struct Seat {
    pub who: Seated,
    /// How the record stands, for an auditor.
    pub standing: Option<Standing>,
    /// Since when and why the log refuses, if it does, for the operator's people.
    pub log_refuses: Option<LogEventRow>,
    /// Since when no mail goes out, if none does, for the same.
    pub mails_wait: Option<MailsWait>,
    /// What every form of this session carries.
    pub csrf: String,
}

/// A form of the one who is signed in: fields without the token, which was right, and without the confirmation,
/// where one was due.
pub(in crate::web) struct OwnForm(pub Fields);

/// Names and values as sent; a name may come more than once.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of a name, without the space around it; absent is empty.
    pub fn one(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    }

    /// Whether it was sent at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The value, or nothing where it is empty.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.one(name)).filter(|value| !value.is_empty())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.trim().to_owned()).collect()
    }
}

/// Behind TLS the browser itself holds the cookie to this host alone.
fn is_secure(app: &App) -> bool {
    app.rules.public_url.starts_with("https://")
}

fn cookie_name(app: &App) -> &'static str {
    if is_secure(app) {
        "__Host-kairan"
    } else {
        "kairan"
    }
}

/// The cookie of a new session (RFC 6265 §4.1); an empty token ends it. Tokens are base64url.
pub(super) fn cookie(app: &App, token: &str) -> String {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let gone = if token.is_empty() { "; Max-Age=0" } else { "" };
    let name = cookie_name(app);
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{gone}")
}

fn token<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = cookie_name(app);
    headers
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .filter(|value| value.len() <= 64)
}

/// Whoever holds the session of this request's cookie; a use of it puts off its end.
pub(in crate::web) async fn find(
    app: &App,
    headers: &HeaderMap,
    is_use: bool,
) -> Result<Option<Seat>, Problem> {
    match token(app, headers) {
        Some(token) => of_token(app, token, is_use).await,
        None => Ok(None),
    }
}

/// The same for the session of a token.
pub(super) async fn of_token(
    app: &App,
    token: &str,
    is_use: bool,
) -> Result<Option<Seat>, Problem> {
    let csrf = Digest::of(format!("kairan-csrf|{token}").as_bytes()).to_string();
    let presented = token.to_owned();
    let zone = app.rules.zone.iana_name().unwrap_or("UTC").to_owned();
    let seated = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let Some(who) = sign_in::seated(tx, &presented, &zone)? else {
                return Ok(None);
            };
            let audits = who.caller.roles().contains(Role::Auditor);
            let standing = if audits {
                self_check::standing(tx)?
            } else {
                None
            };
            let (refuses, mails_wait) = if who.caller.bank().is_none() {
                (log_refuses::refusing(tx)?, read_channels::mails_wait(tx)?)
            } else {
                (None, None)
            };
            Ok(Some((who, standing, refuses, mails_wait)))
        })
        .await?;
    if let Some((who, ..)) = seated.as_ref().filter(|(who, ..)| is_use && who.touch) {
        let session = who.session;
        app.store
            .write(Lane::Front, move |tx| {
                sign_in::touch(tx, session).map_err(Problem::from)
            })
            .await?;
    }
    Ok(seated.map(|(who, standing, log_refuses, mails_wait)| Seat {
        who,
        standing,
        log_refuses,
        mails_wait,
        csrf,
    }))
}

/// Whose session this request's cookie was, even if that has ended.
pub(super) async fn holder_before(app: &App, headers: &HeaderMap) -> Result<Option<Uid>, Problem> {
    let Some(token) = token(app, headers).map(str::to_owned) else {
        return Ok(None);
    };
    app.store
        .read(move |tx| sign_in::holder(tx, &token).map_err(Problem::from))
        .await
}

/// Fetch metadata where the browser sends it, else the Origin. A form without either is not from a browser
/// of this decade; its token decides.
pub(in crate::web) fn is_same_origin(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == app.rules.public_url,
        (None, None) => true,
    }
}

/// The same where the browser says so itself: what another site made up is never shown as if it had been typed here.
pub(super) fn is_surely_same_origin(app: &App, headers: &HeaderMap) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    says && is_same_origin(app, headers)
}

/// 303 to where one signs in, and back again afterwards.
pub(in crate::web) fn to_sign_in(req: &HttpRequest) -> HttpResponse {
    let wanted = req.uri().path_and_query().map_or("/", |path| path.as_str());
    let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    see(&format!("/sign-in?next={next}"))
}

/// 303: what was asked for is done; look there.
pub(in crate::web) fn see(href: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((header::LOCATION, href))
        .finish()
}

/// A path of this hub; whatever else was asked for becomes the start page.
pub(super) fn own_path(wanted: &str) -> &str {
    let plain = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && !wanted.contains('\\')
        && wanted.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { wanted } else { "/" }
}

impl FromRequest for Seat {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = req.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(Problem::unauthenticated))
    }
}

impl FromRequest for OwnForm {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let seat = req.extensions().get::<Seat>().cloned();
        let form = Form::from_request(req, payload);
        let req = req.clone();
        Box::pin(async move {
            let seat = seat.ok_or_else(Problem::unauthenticated)?;
            let mut fields = form.await?.0;
            let right = fields.iter().any(|(name, value)| {
                name == "csrf" && bool::from(value.as_bytes().ct_eq(seat.csrf.as_bytes()))
            });
            fields.retain(|(name, _)| name != "csrf");
            if !right {
                req.extensions_mut().insert(again::Earlier(Fields(fields)));
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "form_token",
                    "this form is not of your session any more; open the page again and repeat it",
                ));
            }
            Ok(Self(confirm::pass(&req, &seat, Fields(fields)).await?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_back_only_within_this_hub() {
        assert_eq!(own_path("/inbox?after=3"), "/inbox?after=3");
        for bad in [
            "",
            "inbox",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a b",
            "/a\r\nSet-Cookie:x",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn a_field_that_was_left_empty_was_not_given() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = Fields(vec![
            pair("a", " x "),
            pair("b", " "),
            pair("c", "1"),
            pair("c", "2"),
        ]);
        assert_eq!(
            (fields.one("a"), fields.given("b"), fields.given("d")),
            ("x".into(), None, None)
        );
        assert_eq!(fields.all("c"), ["1", "2"]);
    }
}
