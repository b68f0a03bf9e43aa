//! Signing in and out, accepting an invitation, taking an account up again, and one's own sessions, choices and keys.

use super::seat::{self, Fields, OwnForm, Seat};
use super::words::{Said, say};
use super::{Desk, again, document, public_language, show, show_public, show_public_at};
use crate::actions::Error;
use crate::actions::accept_invitation::{self, Chosen};
use crate::actions::issue_key::KeyInput;
use crate::actions::{recover, sign_in};
use crate::domain::fault::Fault;
use crate::domain::id::Uid;
use crate::domain::vocabulary::Language;
use crate::storage::session::{self, Ending, PreferenceRow};
use crate::storage::{Lane, Tx, bank};
use crate::vault::{password, totp};
use crate::web::api::keys;
use crate::web::body::{Form, Strict};
use crate::web::doorkeeper::client;
use crate::web::identity::Who;
use crate::web::problem::{Answered, Problem};
use crate::web::{App, page};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Characters of a password, at least (NIST SP 800-63B §3.1.1.2) and at most.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=200;
/// Time zones that are offered; any other IANA name may be typed into the settings of the operator.
const ZONES: [&str; 6] = [
    "Asia/Tokyo",
    "UTC",
    "Asia/Singapore",
    "Europe/London",
    "America/New_York",
    "Australia/Sydney",
];

fn fault(pointer: &str, code: &'static str, message: &str) -> Fault {
    Fault {
        pointer: format!("/{pointer}"),
        code,
        message: message.into(),
    }
}

fn agent(req: &HttpRequest) -> String {
    let named = req.headers().get(header::USER_AGENT);
    let named = named.and_then(|value| value.to_str().ok());
    named.unwrap_or_default().to_owned()
}

/// The form; where it leads is kept across a failure.
pub(in crate::web) async fn sign_in_form(app: Data<App>, req: HttpRequest) -> Answered {
    let next = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let none = Fields::default();
    sign_in_page(&app, &req, StatusCode::OK, ("", &next), &none, &[])
}

/// The form, with another one inside that came without a session.
pub(super) fn sign_in_page(
    app: &App,
    req: &HttpRequest,
    status: StatusCode,
    (email, next): (&str, &str),
    typed: &Fields,
    faults: &[Fault],
) -> Answered {
    let page = json!({
        "email": email, "next": seat::own_path(next), "typed": again::carry(typed), "faults": faults,
    });
    let here = typed.0.is_empty().then(|| req.path());
    let template = "desk/account/sign_in.html";
    show_public_at(app, req, status, template, page, here)
}

/// One answer for whatever fails, after the same work.
pub(in crate::web) async fn sign_in(app: Data<App>, req: HttpRequest, form: Form) -> Answered {
    let fields = Fields(form.0);
    let (email, next) = (fields.one("email"), fields.one("next"));
    let typed = again::carried(&fields);
    let given = Zeroizing::new(password_of(&fields, "password"));
    let (known, holds) = check(&app, &req, &email, given).await?;
    let (code, agent) = (fields.one("code"), agent(&req));
    let opened = app
        .store
        .write(Lane::Front, move |tx| {
            sign_in::sign_in(tx, &known, holds, &code, &agent).map_err(Problem::from)
        })
        .await?;
    let Some(opened) = opened else {
        let refused = fault("password", "sign_in_refused", "");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return sign_in_page(&app, &req, status, (&email, &next), &typed, &[refused]);
    };
    let shown = again::after_sign_in(&app, &req, &next, &opened, typed).await?;
    let mut answer = shown.unwrap_or_else(|| seat::see(seat::own_path(&next)));
    carry(&app, &mut answer, &opened.token)?;
    Ok(answer)
}

/// The account, and whether this is its password; without one, the same work and no.
async fn check(
    app: &App,
    req: &HttpRequest,
    email: &str,
    password: Zeroizing<String>,
) -> Result<(sign_in::Known, bool), Problem> {
    let (address, asked) = (client(app, req), email.to_owned());
    let known = app
        .store
        .read(move |tx| sign_in::look_up(tx, &asked, address).map_err(Problem::from))
        .await?;
    verified(known, password).await
}

/// The same for whoever sits at a desk.
pub(super) async fn check_seated(
    app: &App,
    seat: &Seat,
    password: Zeroizing<String>,
) -> Result<(sign_in::Known, bool), Problem> {
    let (person, session) = (person_of(seat)?, seat.who.session);
    let known = app
        .store
        .read(move |tx| sign_in::look_up_seated(tx, person, session).map_err(Problem::from))
        .await?;
    verified(known, password).await
}

async fn verified(
    known: sign_in::Known,
    password: Zeroizing<String>,
) -> Result<(sign_in::Known, bool), Problem> {
    let holds = password::verify(password, known.password_hash.clone()).await;
    let holds = holds.map_err(|fault| Problem::internal(&fault))?;
    Ok((known, holds))
}

/// A password is taken as typed: no space of it is cut away.
pub(super) fn password_of(fields: &Fields, name: &str) -> String {
    let found = fields.0.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn carry(app: &App, answer: &mut HttpResponse, token: &str) -> Result<(), Problem> {
    let cookie = header::HeaderValue::from_str(&seat::cookie(app, token))
        .map_err(|fault| Problem::internal(&fault))?;
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(())
}

pub(in crate::web) async fn sign_out(desk: Desk, _form: OwnForm) -> Answered {
    end_sessions(&desk, Ending::One(desk.seat.who.session)).await?;
    let mut answer = seat::see("/sign-in");
    carry(&desk.app, &mut answer, "")?;
    Ok(answer)
}

async fn end_sessions(desk: &Desk, which: Ending) -> Result<(), Problem> {
    let person = person_of(&desk.seat)?;
    desk.app
        .store
        .write(Lane::Front, move |tx| {
            sign_in::sign_out(tx, person, which).map_err(Problem::from)
        })
        .await
}

fn person_of(seat: &Seat) -> Result<Uid, Problem> {
    seat.who.caller.person().ok_or_else(Problem::missing)
}

/// The secret that a page behind a link proposes: another each time the link is opened, so that whoever opened
/// it before does not know it. `pairing` travels in the form and says nothing without the hub's key.
fn proposed(tx: &Tx<'_>, token: &str, pairing: &str) -> [u8; totp::SECRET] {
    let vault = tx.vault();
    let text = format!("totp|{token}|{pairing}");
    let mac = crate::vault::mac(&vault.keys().email_tag, text.as_bytes());
    std::array::from_fn(|place| mac[place])
}

/// The pairing of a form that comes back, so that nobody pairs twice; a new one for everybody else.
fn pairing_of(fields: &Fields) -> Result<String, Problem> {
    let given = fields.one("pairing");
    if given.len() == 32 && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(given);
    }
    let fresh = crate::vault::random::<16>().map_err(|fault| Problem::internal(&fault))?;
    Ok(hex::encode(fresh))
}

/// The page behind an invitation.
pub(in crate::web) async fn invitation(
    app: Data<App>,
    req: HttpRequest,
    token: Path<String>,
) -> Answered {
    let pairing = pairing_of(&Fields::default())?;
    invitation_page(&app, &req, (&token, &pairing), StatusCode::OK, &[]).await
}

async fn invitation_page(
    app: &App,
    req: &HttpRequest,
    (token, pairing): (&str, &str),
    status: StatusCode,
    faults: &[Fault],
) -> Answered {
    let (language, asked, paired) = (public_language(req), token.to_owned(), pairing.to_owned());
    let (invitee, bank, secret) = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let invitee = accept_invitation::invitee(tx, &asked)?;
            let bank = match invitee.bank_id {
                Some(id) => bank::profile(tx, id)?.map(|profile| match language.code() {
                    "ja" => profile.name_ja,
                    _ => profile.name_en,
                }),
                None => None,
            };
            Ok((invitee, bank, proposed(tx, &asked, &paired)))
        })
        .await?;
    let page = json!({
        "token": token, "name": invitee.name, "email": invitee.email, "roles": invitee.roles, "bank": bank,
        "expires_at": invitee.expires_at.to_string(), "faults": faults,
        "totp": setup(app, &secret, &invitee.email, pairing)?,
    });
    show_public(app, req, status, "desk/account/invitation.html", page)
}

/// What an authenticator is set up with.
fn setup(
    app: &App,
    secret: &[u8; totp::SECRET],
    email: &str,
    pairing: &str,
) -> Result<Value, Problem> {
    let setup = totp::setup(secret, email, &app.rules.operator_name);
    let setup = setup.ok_or_else(|| Problem::internal(&"a second factor cannot be set up"))?;
    let (path, size) = qr_path(&setup.uri)?;
    Ok(
        json!({ "secret_groups": setup.groups, "uri": setup.uri, "qr_svg_path": path, "qr_size": size, "pairing": pairing }),
    )
}

/// A QR code as the path of an SVG, one unit for each module, without its quiet zone.
fn qr_path(text: &str) -> Result<(String, usize), Problem> {
    let code = qrcode::QrCode::new(text).map_err(|fault| Problem::internal(&fault))?;
    let size = code.width();
    let mut path = String::new();
    for (place, colour) in code.to_colors().into_iter().enumerate() {
        if colour == qrcode::Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", place % size, place / size));
        }
    }
    Ok((path, size))
}

/// Accepts: a password twice, and the first code of the authenticator.
pub(in crate::web) async fn accept(
    app: Data<App>,
    req: HttpRequest,
    token: Path<String>,
    form: Form,
) -> Answered {
    let (fields, is_live) = (Fields(form.0), |tx: &mut Tx<'_>, token: &str| {
        accept_invitation::invitee(tx, token).map(drop)
    });
    let pairing = pairing_of(&fields)?;
    match chosen_behind(&app, &token, &pairing, &fields, is_live).await? {
        Ok(chosen) => {
            let enter = accept_invitation::accept_in_browser;
            sit_down(&app, &req, token.into_inner(), chosen, enter, "/").await
        }
        Err(faults) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            invitation_page(&app, &req, (&token, &pairing), status, &faults).await
        }
    }
}

/// What was chosen on the page behind a link that is live, or what is wrong with it.
async fn chosen_behind(
    app: &App,
    token: &str,
    pairing: &str,
    fields: &Fields,
    is_live: fn(&mut Tx<'_>, &str) -> Result<(), Error>,
) -> Result<Result<Chosen, Vec<Fault>>, Problem> {
    let (token, pairing) = (token.to_owned(), pairing.to_owned());
    let (secret, seconds) = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            is_live(tx, &token)?;
            Ok((proposed(tx, &token, &pairing), tx.now()?.seconds()))
        })
        .await?;
    chosen(fields, secret, seconds).await
}

/// Uses the link up, and begins a session of whoever it was for.
async fn sit_down(
    app: &App,
    req: &HttpRequest,
    token: String,
    chosen: Chosen,
    enter: fn(&mut Tx<'_>, &str, &Chosen) -> Result<Uid, Error>,
    next: &str,
) -> Answered {
    let agent = agent(req);
    let opened = app
        .store
        .write(Lane::Front, move |tx| -> Result<_, Problem> {
            let person = enter(tx, &token, &chosen)?;
            Ok(sign_in::open(tx, person, &agent)?)
        })
        .await?;
    let mut answer = seat::see(next);
    carry(app, &mut answer, &opened.token)?;
    Ok(answer)
}

/// What was chosen, if the password is good and the authenticator shows the right code; else what is wrong.
async fn chosen(
    fields: &Fields,
    totp_secret: [u8; totp::SECRET],
    seconds: i64,
) -> Result<Result<Chosen, Vec<Fault>>, Problem> {
    let password = Zeroizing::new(password_of(fields, "password"));
    let mut faults = password_faults(&password, &password_of(fields, "password_again"));
    let step = totp::step_of(&totp_secret, &fields.one("code"), seconds);
    if step.is_none() {
        faults.push(fault(
            "code",
            "code_wrong",
            "the code does not hold; type the one shown now",
        ));
    }
    let (true, Some(totp_step)) = (faults.is_empty(), step) else {
        return Ok(Err(faults));
    };
    let hash = password::hash(password).await;
    Ok(Ok(Chosen {
        password_hash: hash.map_err(|fault| Problem::internal(&fault))?,
        totp_secret,
        totp_step,
    }))
}

/// The page behind a recovery link.
pub(in crate::web) async fn recovery(
    app: Data<App>,
    req: HttpRequest,
    token: Path<String>,
) -> Answered {
    let pairing = pairing_of(&Fields::default())?;
    recovery_page(&app, &req, (&token, &pairing), StatusCode::OK, &[]).await
}

async fn recovery_page(
    app: &App,
    req: &HttpRequest,
    (token, pairing): (&str, &str),
    status: StatusCode,
    faults: &[Fault],
) -> Answered {
    let (asked, paired) = (token.to_owned(), pairing.to_owned());
    let (owner, secret) = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            Ok((recover::owner(tx, &asked)?, proposed(tx, &asked, &paired)))
        })
        .await?;
    let page = json!({
        "token": token, "name": owner.name, "email": owner.email, "expires_at": owner.expires_at.to_string(),
        "faults": faults, "totp": setup(app, &secret, &owner.email, pairing)?,
    });
    show_public(app, req, status, "desk/account/recovery.html", page)
}

/// Takes the account up again: every session ends, and a new one begins.
pub(in crate::web) async fn recover(
    app: Data<App>,
    req: HttpRequest,
    token: Path<String>,
    form: Form,
) -> Answered {
    let (fields, is_live) = (Fields(form.0), |tx: &mut Tx<'_>, token: &str| {
        recover::owner(tx, token).map(drop)
    });
    let pairing = pairing_of(&fields)?;
    match chosen_behind(&app, &token, &pairing, &fields, is_live).await? {
        Ok(chosen) => {
            let next = "/account?done=saved";
            sit_down(
                &app,
                &req,
                token.into_inner(),
                chosen,
                recover::recover,
                next,
            )
            .await
        }
        Err(faults) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            recovery_page(&app, &req, (&token, &pairing), status, &faults).await
        }
    }
}

fn password_faults(password: &str, again: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        faults.push(fault("password", "password_length", "12 to 200 characters"));
    } else if password != again {
        faults.push(fault(
            "password_again",
            "password_differs",
            "the two are not the same",
        ));
    }
    faults
}

/// One's own account.
pub(in crate::web) async fn account(desk: Desk) -> Answered {
    account_page(&desk, StatusCode::OK, json!([]), Value::Null, "").await
}

async fn account_page(
    desk: &Desk,
    status: StatusCode,
    faults: Value,
    secret: Value,
    label: &str,
) -> Answered {
    let person = person_of(&desk.seat)?;
    let current = desk.seat.who.session;
    let sessions = desk.app
        .store
        .read(move |tx| -> Result<Vec<Value>, Problem> {
            let now = tx.now()?;
            let rows = session::open_of(tx, person)?;
            let live = rows.into_iter().filter(|row| sign_in::is_live(row, now));
            Ok(live
                .map(|row| {
                    json!({ "id": row.id.to_string(), "agent": row.agent, "created_at": row.created_at.to_string(),
                        "seen_at": row.seen_at.to_string(), "current": row.id == current })
                })
                .collect())
        })
        .await?;
    let own_keys = document(keys::list(desk.app.clone(), desk.who()).await).await?;
    let roles: Vec<&str> = desk
        .seat
        .who
        .caller
        .roles()
        .iter()
        .map(|role| role.code())
        .collect();
    let mut zones = ZONES.to_vec();
    if !zones.contains(&desk.seat.who.zone.as_str()) {
        zones.insert(0, &desk.seat.who.zone);
    }
    let page = json!({
        "name": desk.seat.who.name, "email": desk.seat.who.email, "roles": roles, "language": desk.seat.who.language,
        "zone": desk.seat.who.zone, "zones": zones, "sessions": sessions, "keys": own_keys["keys"],
        "secret": secret, "label": label, "faults": faults,
    });
    show(desk, status, "desk/account/me.html", page)
}

/// The language of all pages from now on.
pub(in crate::web) async fn language(desk: Desk, form: OwnForm) -> Answered {
    let wanted = form.0.one("language");
    if Language::parse(&wanted).is_none() {
        return Err(Problem::bad_request(
            "language_unknown",
            "there is ja, and there is en",
        ));
    }
    prefer(&desk, wanted, desk.seat.who.zone.clone()).await?;
    Ok(seat::see(seat::own_path(
        &form.0.given("next").unwrap_or("/account".into()),
    )))
}

/// The time zone in which times are shown.
pub(in crate::web) async fn zone(desk: Desk, form: OwnForm) -> Answered {
    let wanted = form.0.one("zone");
    if jiff::tz::TimeZone::get(&wanted).is_err() {
        return Err(Problem::bad_request(
            "zone_unknown",
            "there is no such time zone",
        ));
    }
    prefer(&desk, desk.seat.who.language.clone(), wanted).await?;
    Ok(seat::see("/account?done=saved"))
}

async fn prefer(desk: &Desk, language: String, zone: String) -> Result<(), Problem> {
    let person_id = person_of(&desk.seat)?;
    let row = PreferenceRow {
        person_id,
        language,
        zone,
    };
    desk.app
        .store
        .write(Lane::Front, move |tx| {
            sign_in::prefer(tx, &row).map_err(Problem::from)
        })
        .await
}

pub(in crate::web) async fn end_session(desk: Desk, id: Path<String>, _form: OwnForm) -> Answered {
    end_sessions(&desk, Ending::One(page::id(&id)?)).await?;
    Ok(seat::see("/account?done=saved"))
}

pub(in crate::web) async fn end_other_sessions(desk: Desk, _form: OwnForm) -> Answered {
    end_sessions(&desk, Ending::AllBut(desk.seat.who.session)).await?;
    Ok(seat::see("/account?done=saved"))
}

/// A new password, by the present one and a code; all other sessions end.
pub(in crate::web) async fn change_password(desk: Desk, form: OwnForm) -> Answered {
    let fields = form.0;
    let new = Zeroizing::new(password_of(&fields, "password"));
    let mut faults = password_faults(&new, &password_of(&fields, "password_again"));
    if faults.is_empty() {
        let now = Zeroizing::new(password_of(&fields, "password_now"));
        let (known, holds) = check_seated(&desk.app, &desk.seat, now).await?;
        let hash = password::hash(new).await;
        let hash = hash.map_err(|fault| Problem::internal(&fault))?;
        let (code, keep) = (fields.one("code"), desk.seat.who.session);
        let changed = desk
            .app
            .store
            .write(Lane::Front, move |tx| {
                sign_in::change_password(tx, &known, holds, &code, &hash, keep)
                    .map_err(Problem::from)
            })
            .await?;
        if changed {
            return Ok(seat::see("/account?done=saved"));
        }
        faults.push(fault("password_now", "sign_in_refused", ""));
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    account_page(&desk, status, json!(faults), Value::Null, "").await
}

/// A personal key; it is shown this once.
pub(in crate::web) async fn make_key(desk: Desk, who: Who, form: OwnForm) -> Answered {
    let input: KeyInput = serde_json::from_value(json!({ "label": form.0.one("label") }))
        .map_err(|fault| Problem::internal(&fault))?;
    let made = match keys::create(desk.app.clone(), who, Strict(input)).await {
        Ok(made) => document(Ok(made)).await?,
        Err(problem) if problem.status.is_client_error() => {
            let (faults, label) = (super::faults_of(&problem), form.0.one("label"));
            return account_page(&desk, problem.status, faults, Value::Null, &label).await;
        }
        Err(problem) => return Err(problem),
    };
    let language = Language::parse(&desk.seat.who.language).unwrap_or(Language::En);
    let secret = json!({ "label": say(Said::MachineKey, language), "value": made["key"] });
    account_page(&desk, StatusCode::OK, json!([]), secret, "").await
}

pub(in crate::web) async fn revoke_key(
    app: Data<App>,
    who: Who,
    id: Path<String>,
    _form: OwnForm,
) -> Answered {
    keys::revoke(app, who, id).await?;
    Ok(seat::see("/account?done=saved"))
}
