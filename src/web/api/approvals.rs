//! What waits for a second person, and the decision. Administrators do not see what concerns content.

use crate::actions::read_approvals::{self, About, Change, Contact};
use crate::actions::recover::Recovery;
use crate::actions::{decide, recover};
use crate::domain::access::{Role, Roles};
use crate::domain::incident::Words;
use crate::domain::instant::Instant;
use crate::storage::approval::{self, ApprovalRow, RequestRow};
use crate::storage::{Lane, Tx};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::incidents::IssuedAnswer;

/// Acts whose names begin so concern incidents: an officer decides them.
const CONTENT: &str = "incident.";

const READS_CONTENT: Roles = Roles::of(&[Role::Officer, Role::Auditor]);

#[derive(Serialize, ToSchema)]
pub struct ApprovalView {
    id: String,
    act: String,
    subject: String,
    /// Absent if the subject is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<AboutView>,
    change: ChangeView,
    reason: String,
    requester: String,
    requested_at: String,
    expires_at: String,
    /// `waiting`, `expired`, `approved` or `refused`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

/// What a request is about.
#[derive(Serialize, ToSchema)]
pub struct AboutView {
    /// `incident`, `filing` (an incident that is not issued yet), `bank` or `person`.
    kind: &'static str,
    /// Of an incident or a filing: `actual`, `exercise` or `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_kind: Option<String>,
    /// The incident's reference, the bank's code, the person's id.
    key: String,
    /// The incident's title, or the name; null where there is none, or it was erased.
    name_ja: Option<String>,
    name_en: Option<String>,
}

/// What would be different afterwards.
#[derive(Default, Serialize, ToSchema)]
pub struct ChangeView {
    /// `roles`, `withdrawal`, `deferral`, `notice_closing`, `add_endpoint`, `replace_endpoint`, `end_endpoint`, `revoke_key`,
    /// `end_partnership`, `recovery`, `out_of_band`, or `unreadable` where what was asked for cannot be read any more.
    r#do: &'static str,
    /// All roles that the person would have.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    /// What ends: an endpoint's URL, a key's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What begins: an endpoint's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Code of the vocabulary `withdrawal_reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal_reason: Option<&'static str>,
    /// A contact beside the channels, to be signed off.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<SignOffView>,
    /// Code of the vocabulary `deferral_basis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    deferral_basis: Option<&'static str>,
    /// The bank whose notice would be closed, and its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    bank: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// Until when it would be held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// What every bank would read: of a withdrawal its text, of what would be held back its description and advice.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<TextView>,
    /// The incident to read instead of the one withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

/// A text in one or both languages; null where it was not written.
#[derive(Serialize, ToSchema)]
pub struct TextView {
    ja: Option<String>,
    en: Option<String>,
}

impl TextView {
    fn of(words: Words) -> Option<Self> {
        let Words { ja, en } = words;
        (ja.is_some() || en.is_some()).then_some(Self { ja, en })
    }
}

/// What somebody says of a contact beside the channels.
#[derive(Serialize, ToSchema)]
pub struct SignOffView {
    bank: String,
    number: i64,
    channel: String,
    told_at: String,
    /// Absent where it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialled: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<Contact> for SignOffView {
    fn from(contact: Contact) -> Self {
        let said = contact.said.as_ref();
        Self {
            person: said.map(|said| said.person.clone()),
            role: said.map(|said| said.role.clone()),
            dialled: said.map(|said| said.number.clone()),
            note: said.map(|said| said.note.clone()),
            bank: contact.bank,
            number: contact.number,
            channel: contact.channel,
            told_at: contact.told_at.to_string(),
        }
    }
}

impl From<About> for AboutView {
    fn from(about: About) -> Self {
        let incident_kind = match &about {
            About::Incident { kind, .. } | About::Filing { kind, .. } => Some(kind.clone()),
            About::Bank { .. } | About::Person { .. } => None,
        };
        let (kind, key, name_ja, name_en) = match about {
            About::Incident {
                reference, title, ..
            } => {
                let title = title.unwrap_or_default();
                ("incident", reference, title.ja, title.en)
            }
            About::Filing { title, .. } => {
                let title = title.unwrap_or_default();
                ("filing", String::new(), title.ja, title.en)
            }
            About::Bank { code, name } => ("bank", code, name.ja, name.en),
            About::Person { id, name } => ("person", id.to_string(), name.clone(), name),
        };
        Self {
            kind,
            incident_kind,
            key,
            name_ja,
            name_en,
        }
    }
}

impl ChangeView {
    fn unreadable() -> Self {
        Self {
            r#do: "unreadable",
            ..Self::default()
        }
    }
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        let of = |r#do| Self {
            r#do,
            ..Self::default()
        };
        match change {
            Change::Roles(roles) => Self {
                roles: Some(roles),
                ..of("roles")
            },
            Change::Withdrawal {
                reason,
                text,
                replaces,
            } => Self {
                withdrawal_reason: Some(reason),
                text: TextView::of(text),
                replaces,
                ..of("withdrawal")
            },
            Change::NoticeClosing { bank, number } => Self {
                bank: Some(bank),
                number: Some(number),
                ..of("notice_closing")
            },
            Change::Deferral {
                basis,
                until,
                description,
                advice,
            } => Self {
                deferral_basis: Some(basis),
                until: Some(until.to_string()),
                text: TextView::of(description),
                advice: TextView::of(advice),
                ..of("deferral")
            },
            Change::AddEndpoint { url } => Self {
                to: url,
                ..of("add_endpoint")
            },
            Change::ReplaceEndpoint { old, url } => Self {
                from: old,
                to: url,
                ..of("replace_endpoint")
            },
            Change::EndEndpoint { old } => Self {
                from: old,
                ..of("end_endpoint")
            },
            Change::RevokeKey { label } => Self {
                from: Some(label),
                ..of("revoke_key")
            },
            Change::EndPartnership => of("end_partnership"),
            Change::Recovery => of("recovery"),
            Change::OutOfBand(contact) => Self {
                contact: Some((*contact).into()),
                ..of("out_of_band")
            },
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ApprovalList {
    approvals: Vec<ApprovalView>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionFiling {
    approve: bool,
}

#[derive(Serialize, ToSchema)]
pub struct DecidedAnswer {
    request: String,
    decision: String,
    act: String,
    /// The withdrawal that went out, if the act was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<IssuedAnswer>,
    /// The link that was made, if the act was a recovery: hand it over to the person. At a desk alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<RecoveryAnswer>,
}

/// A recovery link; it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryAnswer {
    link: String,
    expires_at: String,
}

impl From<Recovery> for RecoveryAnswer {
    fn from(made: Recovery) -> Self {
        Self {
            link: made.link,
            expires_at: made.expires_at.to_string(),
        }
    }
}

fn view(
    tx: &mut Tx<'_>,
    (row, decision): (RequestRow, Option<ApprovalRow>),
    now: Instant,
) -> Result<ApprovalView, Problem> {
    let state = match &decision {
        Some(decision) => decision.decision.clone(),
        None if row.expires_at <= now => "expired".to_owned(),
        None => "waiting".to_owned(),
    };
    // One that cannot be read is still listed, or it would hide all the others.
    let told = read_approvals::about(tx, &row)
        .and_then(|about| Ok((about, Some(read_approvals::change(tx, &row)?))));
    let (about, change) = told.unwrap_or_else(|fault| {
        tracing::error!(request = %row.id, %fault, "a request cannot be put into words");
        (None, None)
    });
    Ok(ApprovalView {
        id: row.id.to_string(),
        act: row.act,
        subject: row.subject_id.to_string(),
        about: about.map(AboutView::from),
        change: change.map_or_else(ChangeView::unreadable, ChangeView::from),
        reason: row.reason,
        requester: row.requester.to_string(),
        requested_at: row.recorded_at.to_string(),
        expires_at: row.expires_at.to_string(),
        state,
        approver: decision
            .as_ref()
            .map(|decision| decision.approver.to_string()),
        decided_at: decision
            .as_ref()
            .map(|decision| decision.recorded_at.to_string()),
    })
}

/// The newest requests, decided or not.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approvals",
    responses((status = 200, body = ApprovalList)))]
pub async fn list(app: Data<App>, Who(caller): Who) -> Answered {
    let content = caller.roles().shares(READS_CONTENT);
    let list = app
        .store
        .read(move |tx| -> Result<ApprovalList, Problem> {
            let now = tx.now()?;
            let rows = approval::all(tx, page::MOST)?;
            let seen = rows
                .into_iter()
                .filter(|(row, _)| content || !row.act.starts_with(CONTENT));
            let approvals = seen.map(|row| view(tx, row, now));
            Ok(ApprovalList {
                approvals: approvals.collect::<Result<_, _>>()?,
            })
        })
        .await?;
    Ok(page::ok(&list))
}

/// Approve or refuse what another person asked for. An approval does the act at once.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/decision", tag = "approvals",
    params(("id" = String, Path, description = "the request")),
    request_body = DecisionFiling,
    responses((status = 200, body = DecidedAnswer)))]
pub async fn decide(
    app: Data<App>,
    who: Who,
    id: Path<String>,
    filing: Strict<DecisionFiling>,
) -> Answered {
    let request = page::id(&id)?;
    let asked = app
        .store
        .read(move |tx| approval::find(tx, request).map_err(Problem::from))
        .await?;
    // The answer would be a way into somebody's account; a key is no person who is there.
    if filing.0.approve && asked.is_some_and(|(row, _)| row.act == recover::ACT) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "desk_only",
            "a recovery is approved on the desk, where password and code are asked",
        ));
    }
    decide_at_desk(app, who, id, filing).await
}

/// The same for somebody who sits at a desk, where no key suffices.
pub async fn decide_at_desk(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    filing: Strict<DecisionFiling>,
) -> Answered {
    let id = page::id(&id)?;
    let approve = filing.0.approve;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let decided = app
        .store
        .write(Lane::Front, move |tx| {
            decide::decide(tx, &rules, by, id, approve)
        })
        .await?;
    let answer = DecidedAnswer {
        request: decided.request.to_string(),
        decision: decided.decision.to_owned(),
        act: decided.act,
        issued: decided.issued.map(IssuedAnswer::from),
        recovery: decided.recovery.map(RecoveryAnswer::from),
    };
    Ok(page::ok(&answer))
}
