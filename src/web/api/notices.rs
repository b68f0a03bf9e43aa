//! One notice for its own bank: what it says, the exact bytes that are hashed, and the acknowledgement.
//! Another bank's notice does not exist.

use crate::actions::acknowledge::{self, Acknowledged, Confirmation};
use crate::actions::acknowledge_by_note::{Sender, acknowledge_by_note};
use crate::actions::prove;
use crate::domain::access::{BankScope, Caller};
use crate::domain::digest::Digest;
use crate::domain::fault::Faults;
use crate::domain::id::Uid;
use crate::domain::level::AckClass;
use crate::storage::notice::{self, NoticeRow};
use crate::storage::{Lane, Tx, incident};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

use super::inbox::InboxLine;

/// A notice with the shared body. For checking digests take `/object` and `/body`: they are the exact bytes.
#[derive(Serialize, ToSchema)]
pub struct NoticeView {
    #[serde(flatten)]
    line: InboxLine,
    incident_digest: String,
    #[schema(value_type = Object)]
    body: Value,
}

/// What confirms receipt: digest, name and role, or a note under the bank's own key alone. It means "received",
/// never "agreed".
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementFiling {
    /// The digest of the notice, `sha-256:` and 64 hexadecimal digits.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// The person who confirms.
    name: Option<String>,
    role: Option<String>,
    /// A signed note (C2SP); lines: `kairan-ack/v1`, notice, number, digest, checkpoint size, checkpoint root,
    /// person, role, time. Size 0 and the root of the empty tree where the notice came without a checkpoint.
    note: Option<String>,
}

/// The two ways to confirm.
#[derive(Debug, Clone)]
enum Confirming {
    Named {
        digest: Digest,
        name: String,
        role: String,
    },
    Signed(String),
}

impl AcknowledgementFiling {
    fn read(self) -> Result<Confirming, Faults> {
        let named = [
            ("digest", self.digest.is_some()),
            ("name", self.name.is_some()),
            ("role", self.role.is_some()),
        ];
        let mut faults = Faults::default();
        match (self.note, self.digest, self.name, self.role) {
            (Some(note), None, None, None) => return Ok(Confirming::Signed(note)),
            (Some(_), ..) => faults.add(
                "/note",
                "note_alone",
                "send the note alone: it names digest, person and role itself",
            ),
            (None, Some(digest), Some(name), Some(role)) => {
                return Ok(Confirming::Named { digest, name, role });
            }
            (None, ..) => {
                for (field, _) in named.into_iter().filter(|(_, is_given)| !is_given) {
                    let said = format!("{field} is required");
                    faults.add(format!("/{field}"), "field_missing", said);
                }
            }
        }
        Err(faults)
    }
}

/// The acknowledgement on record; a repeated request gets the same.
#[derive(Serialize, ToSchema)]
pub struct AcknowledgementAnswer {
    id: String,
    notice: String,
    number: i64,
    class: String,
    at: String,
    /// Earlier revisions' notices that it covers.
    covered: usize,
}

impl From<Acknowledged> for AcknowledgementAnswer {
    fn from(done: Acknowledged) -> Self {
        Self {
            id: done.id.to_string(),
            notice: done.notice.to_string(),
            number: done.number,
            class: done.class,
            at: done.at.to_string(),
            covered: done.covered,
        }
    }
}

pub(in crate::web) fn own(
    tx: &mut Tx<'_>,
    scope: BankScope,
    id: Uid,
) -> Result<NoticeRow, Problem> {
    let found = notice::by_id(tx, id)?.filter(|row| row.bank_id == scope.bank());
    found.ok_or_else(Problem::missing)
}

fn body_of(tx: &mut Tx<'_>, row: &NoticeRow) -> Result<(Vec<u8>, Vec<u8>), Problem> {
    let revision = incident::revision(tx, row.revision_id)?;
    let revision = revision.ok_or_else(|| Problem::internal(&"a notice without its revision"))?;
    Ok((revision.body, revision.digest))
}

/// A notice of the caller's bank.
#[utoipa::path(get, path = "/api/v1/notices/{id}", tag = "bank",
    params(("id" = String, Path, description = "the notice")),
    responses((status = 200, body = NoticeView)))]
pub async fn notice(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let view = app
        .store
        .read(move |tx| -> Result<NoticeView, Problem> {
            let row = own(tx, who.scope, id)?;
            let (body, digest) = body_of(tx, &row)?;
            let now = tx.now()?;
            let lines = InboxLine::all(tx, vec![row], now)?;
            let line = lines.into_iter().next().ok_or_else(Problem::missing)?;
            Ok(NoticeView {
                line,
                incident_digest: page::digest(&digest),
                body: serde_json::from_slice(&body).map_err(|fault| Problem::internal(&fault))?,
            })
        })
        .await?;
    Ok(page::ok(&view))
}

/// The notice object's exact bytes, whose SHA-256 is acknowledged.
#[utoipa::path(get, path = "/api/v1/notices/{id}/object", tag = "bank",
    params(("id" = String, Path, description = "the notice")),
    responses((status = 200, body = Object, description = "RFC 8785 bytes; the ETag is their digest")))]
pub async fn object(app: Data<App>, who: BankWho, id: Path<String>, req: HttpRequest) -> Answered {
    let id = page::id(&id)?;
    let (bytes, digest) = app
        .store
        .read(move |tx| own(tx, who.scope, id).map(|row| (row.object, row.digest)))
        .await?;
    Ok(exact(&req, bytes, &digest))
}

/// The shared body's exact bytes, whose SHA-256 is the notice object's `incident_digest`.
#[utoipa::path(get, path = "/api/v1/notices/{id}/body", tag = "bank",
    params(("id" = String, Path, description = "the notice")),
    responses((status = 200, body = Object, description = "RFC 8785 bytes; the ETag is their digest")))]
pub async fn body(app: Data<App>, who: BankWho, id: Path<String>, req: HttpRequest) -> Answered {
    let id = page::id(&id)?;
    let (bytes, digest) = app
        .store
        .read(move |tx| {
            let row = own(tx, who.scope, id)?;
            body_of(tx, &row)
        })
        .await?;
    Ok(exact(&req, bytes, &digest))
}

/// The proof that the log holds this notice, as its webhook carries it at `data.log`.
#[utoipa::path(get, path = "/api/v1/notices/{id}/proof", tag = "bank",
    params(("id" = String, Path, description = "the notice")),
    responses((status = 200, body = Object, description = "entry, opening, place and a C2SP tlog-proof"),
        (status = 409, description = "not_sealed: no published checkpoint covers it yet")))]
pub async fn proof(app: Data<App>, who: BankWho, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let proof = app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let row = own(tx, who.scope, id)?;
            Ok(prove::own_proof(tx, &row)?)
        })
        .await?;
    Ok(page::exact(StatusCode::OK, proof.to_json()))
}

fn exact(req: &HttpRequest, bytes: Vec<u8>, digest: &[u8]) -> HttpResponse {
    let tag = format!("\"{}\"", page::digest(digest));
    let known = req.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|value| value.as_bytes() == tag.as_bytes()) {
        return HttpResponse::NotModified()
            .insert_header((header::ETAG, tag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .content_type("application/json")
        .body(bytes)
}

fn confirmation(caller: &Caller, name: String, role: String) -> Confirmation {
    Confirmation {
        class: match caller {
            Caller::Person { .. } => AckClass::Portal,
            Caller::Machine { .. } => AckClass::ApiKey,
        },
        person: caller.person(),
        api_key: Some(caller.key()),
        delivery: None,
        name,
        role,
    }
}

/// Confirm receipt. Irreversible; a repetition gets the same answer, and the first one counts.
#[utoipa::path(post, path = "/api/v1/notices/{id}/acknowledgement", tag = "bank",
    params(("id" = String, Path, description = "the notice")),
    request_body = AcknowledgementFiling,
    responses((status = 200, body = AcknowledgementAnswer)))]
pub async fn acknowledge(
    app: Data<App>,
    who: BankWho,
    id: Path<String>,
    filing: Strict<AcknowledgementFiling>,
) -> Answered {
    let id = page::id(&id)?;
    let BankWho { scope, caller } = who;
    let done = match filing.0.read()? {
        Confirming::Named { digest, name, role } => {
            let by = confirmation(&caller, name, role);
            let confirm =
                move |tx: &mut Tx<'_>| acknowledge::acknowledge(tx, scope, id, digest, &by);
            app.store.write(Lane::Front, confirm).await?
        }
        Confirming::Signed(note) => {
            let rules = Arc::clone(&app.rules);
            let by = Sender {
                person: caller.person(),
                api_key: caller.key(),
            };
            let confirm =
                move |tx: &mut Tx<'_>| acknowledge_by_note(tx, &rules, scope, id, &note, by);
            app.store.write(Lane::Front, confirm).await?
        }
    };
    Ok(page::ok(&AcknowledgementAnswer::from(done)))
}
