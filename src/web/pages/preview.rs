//! A filing as one bank would be told of it: its page, the mail and the webhook. Nothing is stored, and what
//! exists only once it is issued says so.

use super::bank::{merge, told};
use super::officer::recipients;
use super::seat::Fields;
use super::words::{Said, say};
use super::{Desk, bank_names, show};
use crate::actions::preview::{self, Preview};
use crate::domain::incident::Filing;
use crate::domain::notice::{acknowledge_url, page_url};
use crate::domain::vocabulary::Language;
use crate::templates::mails::{BankName, MailLink, MailTexts};
use crate::templates::notice_mail::{NoticeCopy, notice_mail};
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The filing to look at, as its form sent it.
pub(super) struct Previewed<'a> {
    pub action: &'a str,
    pub fields: &'a Fields,
    /// The incident that it revises.
    pub reference: Option<&'a str>,
    pub filing: Filing,
}

/// The page, or what is wrong with the filing.
pub(super) async fn page(desk: &Desk, wanted: Previewed<'_>) -> Answered {
    let rules = Arc::clone(&desk.app.rules);
    let (filing, code) = (wanted.filing, wanted.fields.one("as_bank"));
    let reference = wanted.reference.map(str::to_owned);
    let (own, shown) = (
        desk.seat.who.language.clone(),
        shown_in(desk, wanted.fields),
    );
    let (preview, name, recipients) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let preview = preview::preview(tx, &rules, &filing, reference.as_deref(), &code)?;
            let name = bank_names(tx, shown.code())?.remove(&preview.bank);
            Ok((preview, name.unwrap_or_default(), recipients(tx, &own)?))
        })
        .await?;
    // The hub's own remark, and so in the reader's language.
    let reader = Language::parse(desk.language()).unwrap_or(Language::En);
    let later = say(Said::AtIssue, reader);
    let mail = mail(desk, &preview, &name, shown, later)?;
    let body: Value = serde_json::from_slice(&preview.revision.body)
        .map_err(|fault| Problem::internal(&fault))?;
    let mut notice = told(&body, shown.code());
    let own_copy = json!({
        "number": preview.number, "incident": preview.revision.reference, "kind": preview.revision.kind, "tlp": preview.revision.tlp,
        "acknowledge_by": preview.acknowledge_by.to_string(), "exposed": preview.exposed,
        "concerns_you": preview.concerns_you, "contacts": preview.revision.contacts,
    });
    merge(&mut notice, own_copy);
    let hidden: Vec<Value> = wanted
        .fields
        .0
        .iter()
        .filter(|(name, _)| !["act", "as_bank", "lang_shown"].contains(&name.as_str()))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut banks = recipients["banks"].as_array().into_iter().flatten();
    let named = banks
        .find(|bank| bank["code"] == preview.bank.as_str())
        .map(|bank| &bank["name"]);
    let count = |field: &str| recipients[field].as_i64().unwrap_or_default();
    let partners = count("count") - count("observers");
    let page = json!({
        "action": wanted.action, "bank": { "code": preview.bank, "name": named }, "banks": recipients["banks"],
        "partners": partners, "observers": recipients["observers"], "lang_shown": shown.code(), "notice": notice, "hidden": hidden,
        "webhook": webhook(desk, &preview, later)?, "warnings": preview.warnings,
        "mail": { "subject": mail.subject, "text": mail.text, "html": mail.html },
    });
    show(desk, StatusCode::OK, "desk/officer/preview.html", page)
}

fn shown_in(desk: &Desk, fields: &Fields) -> Language {
    Language::parse(&fields.one("lang_shown"))
        .or_else(|| Language::parse(desk.language()))
        .unwrap_or(Language::En)
}

/// A webhook's body, its fields in the order in which they are sent.
#[derive(Deserialize, Serialize)]
struct Webhook {
    r#type: String,
    timestamp: String,
    data: Told,
}

#[derive(Deserialize, Serialize)]
struct Told {
    notice: Value,
    digest: String,
    incident: Value,
    acknowledge: Value,
    recipients: Value,
    log: Value,
}

/// The webhook's body, indented; the same but for what is known only later.
fn webhook(desk: &Desk, preview: &Preview, later: &str) -> Result<String, Problem> {
    let mut body: Webhook =
        serde_json::from_slice(&preview.webhook).map_err(|fault| Problem::internal(&fault))?;
    let told = &mut body.data;
    for field in ["id", "incident_digest"] {
        told.notice[field] = json!(later);
    }
    told.digest = later.to_owned();
    let base = &desk.app.rules.public_url;
    told.acknowledge =
        json!({ "api": acknowledge_url(base, later), "page": page_url(base, later) });
    serde_json::to_string_pretty(&body).map_err(|fault| Problem::internal(&fault))
}

fn mail(
    desk: &Desk,
    preview: &Preview,
    name: &str,
    language: Language,
    later: &str,
) -> Result<MailTexts, Problem> {
    let rules = &desk.app.rules;
    let copy = NoticeCopy {
        bank: BankName {
            code: preview.bank.clone(),
            name: name.to_owned(),
            is_observer: preview.is_observer,
        },
        number: preview.number.unsigned_abs(),
        issued_at: preview.at,
        reason: "partner",
        object: &preview.object,
        digest: later.to_owned(),
        link: Some(MailLink {
            url: format!("{}/n/{later}", rules.public_url),
            code: later.to_owned(),
        }),
        page: page_url(&rules.public_url, later),
    };
    let operator = rules.operator_name.clone();
    let mut mail = notice_mail(
        operator,
        &rules.zone,
        copy,
        &preview.revision,
        language.code(),
    )
    .map_err(|fault| Problem::internal(&fault))?;
    mail.incident_digest = later.to_owned();
    mail.mail(&desk.app.templates, language.code())
        .map_err(|fault| Problem::internal(&fault))
}
