//! The page behind the link of a mail. Opening it shows the notice and writes nothing; the form confirms
//! receipt with the code printed in the mail and a name. In the reader's language, never kept by a browser.

use crate::actions::Error;
use crate::actions::mail_link::{self, LinkOutcome, LinkView};
use crate::domain::incident::Words;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{Language, Phase};
use crate::storage::incident::{self, RevisionRow};
use crate::storage::{Lane, Tx, notice};
use crate::templates::mails::{When, restricted};
use crate::web::App;
use crate::web::body::Form;
use crate::web::page;
use crate::web::problem::Problem;
use crate::web::query;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::words::{Said, say};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    lang: Option<Language>,
}

/// What the form holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Typed {
    code: String,
    name: String,
    role: String,
}

/// A page's context and the language it is for.
struct Shown {
    view: LinkView,
    revision: RevisionRow,
    /// The number and the phase of the bank's newest notice of the incident, where this is an earlier one.
    newer: Option<(i64, String)>,
}

/// A reader's wish: `?lang`, or else what the browser says.
fn wish(req: &HttpRequest) -> Result<Option<Language>, Problem> {
    let asked: Asked = query::read(req.query_string())?;
    let accept = req.headers().get(header::ACCEPT_LANGUAGE);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(asked.lang.or_else(|| accepted(accept)))
}

/// The first language of the header that we have; browsers write them in order of preference.
pub(super) fn accepted(header: &str) -> Option<Language> {
    header.split(',').find_map(|part| {
        let tag = part.split([';', '-']).next().unwrap_or_default().trim();
        Language::parse(&tag.to_ascii_lowercase())
    })
}

fn read(tx: &mut Tx<'_>, rules: &crate::actions::Rules, token: &str) -> Result<Shown, Error> {
    let view = mail_link::view(tx, rules, token)?;
    let revision = incident::revision(tx, view.notice.revision_id)?.ok_or(Error::NotFound)?;
    let newer = notice::followed_by(tx, &view.notice)?;
    Ok(Shown {
        view,
        revision,
        newer: newer.map(|(newest, phase)| (newest.number, phase)),
    })
}

async fn open(app: &App, token: &str) -> Result<Shown, Error> {
    let rules = Arc::clone(&app.rules);
    let token = token.to_owned();
    app.store.read(move |tx| read(tx, &rules, &token)).await
}

/// GET: reads, and writes nothing (law 4).
pub(in crate::web) async fn show(
    app: Data<App>,
    token: Path<String>,
    req: HttpRequest,
) -> HttpResponse {
    let wish = match wish(&req) {
        Ok(wish) => wish,
        Err(problem) => return refused(&app, Language::Ja, &problem),
    };
    match open(&app, &token).await {
        Ok(shown) => {
            let language = language(wish, &shown.view);
            notice_page(&app, &shown, language, &token, None)
        }
        Err(error) => refused(&app, wish.unwrap_or(Language::Ja), &error.into()),
    }
}

/// POST: confirms receipt.
pub(in crate::web) async fn confirm(
    app: Data<App>,
    token: Path<String>,
    req: HttpRequest,
    form: Result<Form, Problem>,
) -> HttpResponse {
    let wish = wish(&req).unwrap_or(None);
    let outcome = match form.and_then(|form| typed(form.0)) {
        Ok(typed) => attempt(&app, &token, wish, typed).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| refused(&app, wish.unwrap_or(Language::Ja), &problem))
}

async fn attempt(
    app: &App,
    token: &str,
    wish: Option<Language>,
    typed: Typed,
) -> Result<HttpResponse, Problem> {
    let shown = open(app, token).await?;
    let language = language(wish, &shown.view);
    let rules = Arc::clone(&app.rules);
    let (given, link) = (typed.clone(), token.to_owned());
    let outcome = app
        .store
        .write(Lane::Front, move |tx| {
            mail_link::confirm(tx, &rules, &link, &given.code, &given.name, &given.role)
        })
        .await;
    let said = match outcome {
        Ok(LinkOutcome::Acknowledged(done)) => {
            let context = json!({
                "number": done.number, "kind": shown.revision.kind, "bank": bank(&shown.view, language),
                "at": When::of(done.at, &app.rules.zone), "digest": page::digest(&shown.view.notice.digest),
                "page": notice_url(app, &shown.view),
            });
            return Ok(html(
                app,
                StatusCode::OK,
                "pages/link_done.html",
                language,
                &context,
            ));
        }
        Ok(LinkOutcome::WrongCode) => Said::WrongCode,
        Ok(LinkOutcome::Locked) => return Err(Refusal::CodeLocked.into()),
        Err(Error::Invalid(_)) => Said::NameMissing,
        Err(error) => return Err(error.into()),
    };
    Ok(notice_page(
        app,
        &shown,
        language,
        token,
        Some((said, typed)),
    ))
}

/// Each field once and nothing else.
fn typed(fields: Vec<(String, String)>) -> Result<Typed, Problem> {
    let mut typed = Typed::default();
    let mut seen = Vec::new();
    for (name, value) in fields {
        let place = match name.as_str() {
            "code" => &mut typed.code,
            "name" => &mut typed.name,
            "role" => &mut typed.role,
            _ => {
                return Err(Problem::bad_request(
                    "form_invalid",
                    "the form has the fields code, name and role",
                ));
            }
        };
        *place = value;
        if seen.contains(&name) {
            return Err(Problem::bad_request("form_invalid", "each field once"));
        }
        seen.push(name);
    }
    Ok(typed)
}

fn language(wish: Option<Language>, view: &LinkView) -> Language {
    wish.or_else(|| Language::parse(&view.language))
        .unwrap_or(Language::Ja)
}

fn bank(view: &LinkView, language: Language) -> Value {
    let name = match language {
        Language::Ja => &view.bank_name_ja,
        Language::En => &view.bank_name_en,
    };
    json!({ "code": view.bank_code, "name": name })
}

fn notice_url(app: &App, view: &LinkView) -> String {
    format!("{}/inbox/{}", app.rules.public_url, view.notice.id)
}

/// A text of the shared body, which is the same shape in incidents and withdrawals.
fn words(body: &Value, field: &str, language: Language) -> Option<String> {
    let words: Words = serde_json::from_value(body.get(field)?.clone()).ok()?;
    let best = words.best(language);
    (!best.is_empty()).then(|| best.to_owned())
}

fn notice_page(
    app: &App,
    shown: &Shown,
    language: Language,
    token: &str,
    problem: Option<(Said, Typed)>,
) -> HttpResponse {
    let Shown {
        view,
        revision,
        newer,
    } = shown;
    let body: Value = serde_json::from_slice(&view.body).unwrap_or_default();
    let zone = &app.rules.zone;
    let closed = restricted(&revision.tlp);
    let action = format!("/n/{token}?lang={}", language.code());
    let acknowledged = view.acknowledged.as_ref();
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let typed = problem
        .as_ref()
        .map(|(_, typed)| typed.clone())
        .unwrap_or_default();
    let is_withdrawal = revision.phase == Phase::Withdrawal.code();
    let text = |field: &str| words(&body, field, language).filter(|_| !closed);
    let context = json!({
        "number": view.notice.number, "bank": bank(view, language), "incident_ref": view.incident_ref,
        "revision": revision.number, "kind": revision.kind, "tlp": revision.tlp, "urgency": revision.urgency,
        "issued_at": When::of(view.notice.issued_at, zone),
        "acknowledge_by": When::of(view.notice.acknowledge_by, zone),
        "digest": page::digest(&view.notice.digest), "action": action, "page": notice_url(app, view),
        "restricted": closed, "title": text("title").or_else(|| text("text")), "advice": text("advice"),
        "acknowledged": acknowledged.map(|done| json!({
            "name": say(Said::OneOfYou, language), "at": When::of(done.at, zone) })),
        "problem": problem.as_ref().map(|(said, _)| say(*said, language)),
        "name": typed.name, "role": typed.role,
        "languages": languages(token, language),
        "withdrawn": is_withdrawal.then(|| json!({
            "reason": body["reason"].as_str().filter(|_| !closed),
            "replaces": body["replaces"].as_str().filter(|_| !closed) })),
        "newer": newer.as_ref().map(|(number, phase)| json!({
            "number": number, "withdrawn": *phase == Phase::Withdrawal.code() })),
    });
    html(app, status, "pages/link.html", language, &context)
}

fn languages(token: &str, current: Language) -> Value {
    let names = [(Language::Ja, "日本語"), (Language::En, "English")];
    let links = names.map(|(language, name)| {
        json!({ "code": language.code(), "name": name, "current": language == current,
            "url": format!("/n/{token}?lang={}", language.code()) })
    });
    json!(links)
}

fn refused(app: &App, language: Language, problem: &Problem) -> HttpResponse {
    let said = match problem.code {
        "not_found" => Said::UnknownLink,
        "link_expired" => Said::ExpiredLink,
        "link_ended" => Said::EndedLink,
        "code_locked" => Said::LockedLink,
        _ => Said::Failed,
    };
    let context = json!({ "status": problem.status.as_u16(), "title": say(Said::Refused, language),
        "detail": say(said, language), "code": problem.code });
    html(
        app,
        problem.status,
        "pages/problem.html",
        language,
        &context,
    )
}

fn html(
    app: &App,
    status: StatusCode,
    template: &str,
    language: Language,
    context: &Value,
) -> HttpResponse {
    match app.templates.render(template, language.code(), context) {
        Ok(page) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .body(page),
        Err(fault) => {
            use actix_web::ResponseError;
            Problem::internal(&fault).error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_first_language_that_we_have() {
        for (header, expected) in [
            ("ja,en-US;q=0.9", Some(Language::Ja)),
            ("fr-FR, en-GB;q=0.8, ja;q=0.5", Some(Language::En)),
            ("JA-JP", Some(Language::Ja)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn the_form_takes_its_three_fields_once_each() {
        let field = |name: &str| (name.to_owned(), "x".to_owned());
        assert!(typed(vec![field("code"), field("name"), field("role")]).is_ok());
        assert!(typed(vec![field("code"), field("code")]).is_err());
        assert!(typed(vec![field("digest")]).is_err());
    }
}
