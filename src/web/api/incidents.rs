//! Incidents for the operator's side: search, read, file. Filing is refused while the disk is nearly full.

use super::edition;
use crate::actions::once::{self, Answer};
use crate::actions::{close_notice, issue, suspicion, withdraw};
use crate::domain::fault::{Fault, Faults};
use crate::domain::id::Uid;
use crate::domain::incident::{Filing, Withdrawal};
use crate::domain::vocabulary::{IncidentStatus, Kind, Phase};
use crate::storage::incident::{self, IncidentRow, RevisionRow};
use crate::storage::reading::{self, IncidentFilter, Tally};
use crate::storage::{Lane, Tx, closing};
use crate::web::App;
use crate::web::body::{RawJson, Strict};
use crate::web::cursor::Binding;
use crate::web::identity::Who;
use crate::web::once_key::OnceKey;
use crate::web::page;
use crate::web::problem::{Answered, FaultDocument, Problem};
use crate::web::query::{Asked, Number};
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longer searches are refused.
const LONGEST_SEARCH: usize = 200;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    q: Option<String>,
    status: Option<IncidentStatus>,
    phase: Option<Phase>,
    kind: Option<Kind>,
    cursor: Option<String>,
    limit: Option<Number>,
}

/// A text in both languages; "" where it was not written.
#[derive(Serialize, ToSchema)]
pub struct Title {
    ja: String,
    en: String,
}

/// How far the notices of a revision have come. Two numbers side by side, never blended.
#[derive(Serialize, ToSchema)]
pub struct Stamps {
    notices: i64,
    delivered: i64,
    acknowledged: i64,
    bounced: i64,
}

/// An incident with its newest revision.
#[derive(Serialize, ToSchema)]
pub struct IncidentLine {
    reference: String,
    opened_at: String,
    revision: i64,
    phase: String,
    status: String,
    kind: String,
    determination: String,
    severity: String,
    urgency: String,
    tlp: String,
    title: Title,
    accepted_at: String,
    stamps: Stamps,
}

#[derive(Serialize, ToSchema)]
pub struct IncidentPage {
    incidents: Vec<IncidentLine>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One revision with the shared body that every bank reads.
#[derive(Serialize, ToSchema)]
pub struct RevisionView {
    #[serde(flatten)]
    line: IncidentLine,
    /// Of a first revision: when its suspicion was first on record, in a draft or a bank's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_recorded_at: Option<String>,
    /// Incidents that name this one as related; those that it names are in the body.
    related_from: Vec<String>,
    /// How the incident was closed, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<ClosingView>,
    /// SHA-256 of the body's exact bytes.
    incident_digest: String,
    #[schema(value_type = Object)]
    body: Value,
}

/// A final report closed it: banks that had stamped, and banks whose notice two people had closed.
#[derive(Serialize, ToSchema)]
pub struct ClosingView {
    acknowledged: i64,
    closed: i64,
    at: String,
}

/// Whose notice is to be closed, and why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeClosingInput {
    /// The bank's code.
    pub bank: String,
    pub reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct RevisionList {
    revisions: Vec<IncidentLine>,
}

/// What was issued. `notices` counts the banks that are told: all of the roster.
#[derive(Serialize, ToSchema)]
pub struct IssuedAnswer {
    incident: String,
    reference: String,
    revision: i64,
    revision_id: String,
    notices: i64,
    roster_version: i64,
    accepted_at: String,
    incident_digest: String,
    /// What a person should look at again; nothing was refused.
    warnings: Vec<FaultDocument>,
}

/// A request that waits for its second person.
#[derive(Serialize, ToSchema)]
pub struct RequestedAnswer {
    request: String,
    expires_at: String,
}

impl Title {
    pub(super) fn of(revision: &RevisionRow) -> Self {
        Self {
            ja: revision.title_ja.clone(),
            en: revision.title_en.clone(),
        }
    }
}

impl From<Tally> for Stamps {
    fn from(tally: Tally) -> Self {
        Self {
            notices: tally.notices,
            delivered: tally.delivered,
            acknowledged: tally.acknowledged,
            bounced: tally.bounced,
        }
    }
}

impl IncidentLine {
    fn of(incident: &IncidentRow, revision: RevisionRow, tally: Tally) -> Self {
        let title = Title::of(&revision);
        Self {
            reference: incident.reference.clone(),
            opened_at: incident.opened_at.to_string(),
            revision: revision.number,
            phase: revision.phase,
            status: revision.status,
            kind: revision.kind,
            determination: revision.determination,
            severity: revision.severity,
            urgency: revision.urgency,
            tlp: revision.tlp,
            title,
            accepted_at: revision.accepted_at.to_string(),
            stamps: tally.into(),
        }
    }
}

impl RevisionView {
    fn of(
        tx: &mut Tx<'_>,
        incident: &IncidentRow,
        revision: RevisionRow,
        tally: Tally,
    ) -> Result<Self, Problem> {
        let first = match revision.number {
            1 => Some(suspicion::first_recorded(tx, &revision)?),
            _ => None,
        };
        let naming = reading::naming(tx, &incident.reference, page::MOST)?;
        let closed = closing::of(tx, incident.id)?;
        let body =
            serde_json::from_slice(&revision.body).map_err(|fault| Problem::internal(&fault))?;
        Ok(Self {
            first_recorded_at: first.map(|at| at.to_string()),
            related_from: naming.into_iter().map(|(row, _)| row.reference).collect(),
            closing: closed.map(|row| ClosingView {
                acknowledged: row.acknowledged,
                closed: row.closed,
                at: row.recorded_at.to_string(),
            }),
            incident_digest: page::digest(&revision.digest),
            body,
            line: IncidentLine::of(incident, revision, tally),
        })
    }
}

impl From<issue::Issued> for IssuedAnswer {
    fn from(issued: issue::Issued) -> Self {
        Self {
            incident: issued.incident.to_string(),
            reference: issued.reference,
            revision: issued.revision,
            revision_id: issued.revision_id.to_string(),
            notices: issued.notices,
            roster_version: issued.roster_version,
            accepted_at: issued.accepted_at.to_string(),
            incident_digest: issued.digest.to_string(),
            warnings: issued
                .warnings
                .iter()
                .map(|fault: &Fault| fault.into())
                .collect(),
        }
    }
}

/// The incident of a reference.
pub(in crate::web) fn found(tx: &mut Tx<'_>, reference: &str) -> Result<IncidentRow, Problem> {
    incident::by_reference(tx, reference)?.ok_or_else(Problem::missing)
}

impl Search {
    fn filter(&self) -> Result<IncidentFilter, Problem> {
        let text = self
            .q
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > LONGEST_SEARCH) {
            return Err(Problem::bad_request(
                "query_invalid",
                "q has at most 200 characters",
            ));
        }
        Ok(IncidentFilter {
            text: text.map(str::to_lowercase),
            status: self.status.map(|status| status.code().to_owned()),
            phase: self.phase.map(|phase| phase.code().to_owned()),
            kind: self.kind.map(|kind| kind.code().to_owned()),
            before: None,
        })
    }
}

/// Search incidents, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(
    ("q" = Option<String>, Query, description = "text in reference, title or description"),
    ("status" = Option<String>, Query, description = "of the newest revision"),
    ("phase" = Option<String>, Query, description = "of the newest revision"),
    ("kind" = Option<String>, Query, description = "actual, exercise or test"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("limit" = Option<i64>, Query, description = "1 to 200"),
), responses((status = 200, body = IncidentPage)))]
pub async fn search(app: Data<App>, Who(caller): Who, Asked(asked): Asked<Search>) -> Answered {
    let limit = page::length(asked.limit, app.limits.page)?;
    let filter = asked.filter()?;
    let binding = Binding::new(&caller, "incidents", &format!("{filter:?}"));
    let page = app
        .store
        .read(move |tx| -> Result<IncidentPage, Problem> {
            let vault = tx.vault();
            let key: &[u8; 32] = &vault.keys().cursor;
            let mut filter = filter.clone();
            if let Some(cursor) = &asked.cursor {
                filter.before = Some(binding.open_id(key, cursor)?);
            }
            let mut rows = reading::incidents(tx, &filter, limit + 1)?;
            let more = page::cut(&mut rows, limit);
            let last = rows
                .last()
                .filter(|_| more)
                .map(|(incident, _)| incident.id);
            let revisions: Vec<Uid> = rows.iter().map(|(_, revision)| revision.id).collect();
            let tallies = reading::tallies(tx, &revisions)?;
            let incidents = rows.into_iter().map(|(incident, revision)| {
                let tally = tallies.get(&revision.id).copied().unwrap_or_default();
                IncidentLine::of(&incident, revision, tally)
            });
            Ok(IncidentPage {
                incidents: incidents.collect(),
                next_cursor: last.map(|id| binding.seal(key, id.as_bytes())),
            })
        })
        .await?;
    Ok(page::ok(&page))
}

/// The newest revision of an incident, with how far its notices have come.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = RevisionView)))]
pub async fn latest(app: Data<App>, reference: Path<String>) -> Answered {
    one_revision(&app, reference.into_inner(), None).await
}

/// All revisions of an incident, oldest first.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/revisions", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    responses((status = 200, body = RevisionList)))]
pub async fn revisions(app: Data<App>, reference: Path<String>) -> Answered {
    let list = app
        .store
        .read(move |tx| -> Result<RevisionList, Problem> {
            let incident = found(tx, &reference)?;
            let rows = incident::revisions(tx, incident.id)?;
            let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
            let tallies = reading::tallies(tx, &ids)?;
            let lines = rows.into_iter().map(|row| {
                let tally = tallies.get(&row.id).copied().unwrap_or_default();
                IncidentLine::of(&incident, row, tally)
            });
            Ok(RevisionList {
                revisions: lines.collect(),
            })
        })
        .await?;
    Ok(page::ok(&list))
}

/// One revision of an incident.
#[utoipa::path(get, path = "/api/v1/incidents/{reference}/revisions/{number}", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003"),
        ("number" = i64, Path, description = "from 1")),
    responses((status = 200, body = RevisionView)))]
pub async fn revision(app: Data<App>, path: Path<(String, String)>) -> Answered {
    let (reference, number) = path.into_inner();
    let number = number.parse().map_err(|_| Problem::missing())?;
    one_revision(&app, reference, Some(number)).await
}

async fn one_revision(app: &App, reference: String, number: Option<i64>) -> Answered {
    let view = app
        .store
        .read(move |tx| -> Result<RevisionView, Problem> {
            let incident = found(tx, &reference)?;
            let row = match number {
                None => incident::latest_revision(tx, incident.id)?,
                Some(number) => {
                    let rows = incident::revisions(tx, incident.id)?;
                    rows.into_iter().find(|row| row.number == number)
                }
            };
            let row = row.ok_or_else(Problem::missing)?;
            let tally = reading::tallies(tx, &[row.id])?
                .remove(&row.id)
                .unwrap_or_default();
            RevisionView::of(tx, &incident, row, tally)
        })
        .await?;
    Ok(page::ok(&view))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromDraft {
    draft: Option<Uid>,
}

/// Register an incident and tell every bank on the roster.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
        ("draft" = Option<String>, Query, description = "the draft that this ends")),
    request_body(content = Object, description = "a filing; no field says who is told"),
    responses((status = 201, body = IssuedAnswer)))]
pub async fn file(
    app: Data<App>,
    Who(caller): Who,
    key: OnceKey,
    Asked(from): Asked<FromDraft>,
    RawJson(body): RawJson,
) -> Answered {
    app.room_to_file()?;
    let filing = Filing::from_json(&body)?;
    let route = format!("POST /api/v1/incidents {:?}", from.draft);
    let request = OnceKey::request(&route, &body);
    let rules = Arc::clone(&app.rules);
    let (by, whose) = (caller.id(), caller.once_owner());
    let answer = app
        .store
        .write(Lane::Filing, move |tx| {
            once::once(tx, whose, &key.0, &request, |tx| {
                let issued = issue::issue_incident(tx, &rules, by, &filing, from.draft)?;
                Ok((201, page::bytes(&IssuedAnswer::from(issued))))
            })
        })
        .await?;
    issued(&app, answer)
}

/// What the author of a revision has read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follows {
    follows: Option<Number>,
}

impl Follows {
    pub(in crate::web) fn one(number: i64) -> Self {
        Self {
            follows: Some(Number(number)),
        }
    }
}

/// Issue a further revision to every bank.
#[utoipa::path(post, path = "/api/v1/incidents/{reference}/revisions", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003"),
        ("follows" = Option<i64>, Query, description = "the revision that was read; 409 version_conflict where another was issued since"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    request_body(content = Object, description = "a whole filing; it replaces the one before"),
    responses((status = 201, body = IssuedAnswer)))]
pub async fn revise(
    app: Data<App>,
    Who(caller): Who,
    key: OnceKey,
    reference: Path<String>,
    Asked(Follows { follows }): Asked<Follows>,
    RawJson(body): RawJson,
) -> Answered {
    app.room_to_file()?;
    let filing = Filing::from_json(&body)?;
    let request = OnceKey::request(&format!("POST revisions of {reference}"), &body);
    let follows = follows.map(|Number(number)| number);
    let rules = Arc::clone(&app.rules);
    let (by, whose) = (caller.id(), caller.once_owner());
    let answer = app
        .store
        .write(Lane::Filing, move |tx| {
            once::once(tx, whose, &key.0, &request, |tx| {
                let issued = issue::issue_revision(tx, &rules, by, &reference, (&filing, follows))?;
                Ok((201, page::bytes(&IssuedAnswer::from(issued))))
            })
        })
        .await?;
    issued(&app, answer)
}

#[derive(Deserialize)]
struct Place {
    reference: String,
    revision: i64,
}

fn issued(app: &App, answer: Answer) -> Answered {
    let place: Place =
        serde_json::from_slice(&answer.body).map_err(|fault| Problem::internal(&fault))?;
    let location = format!(
        "{}/api/v1/incidents/{}/revisions/{}",
        app.rules.public_url, place.reference, place.revision
    );
    let mut response = HttpResponse::build(status(&answer)?);
    response.insert_header((header::LOCATION, location));
    if answer.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.content_type("application/json").body(answer.body))
}

/// The status of a kept answer.
pub(super) fn status(answer: &Answer) -> Result<StatusCode, Problem> {
    StatusCode::from_u16(answer.status).map_err(|fault| Problem::internal(&fault))
}

/// Ask for a withdrawal; it goes out when another officer approves.
#[utoipa::path(post, path = "/api/v1/incidents/{reference}/withdrawal", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    request_body(content = Object, description = "reason, text in both languages, replaces"),
    responses((status = 202, body = RequestedAnswer)))]
pub async fn withdraw(
    app: Data<App>,
    Who(caller): Who,
    reference: Path<String>,
    RawJson(body): RawJson,
) -> Answered {
    app.room_to_file()?;
    let filing = Withdrawal::from_json(&body).map_err(|faults: Faults| Problem::from(faults))?;
    let rules = Arc::clone(&app.rules);
    let by = caller.id();
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            withdraw::request(tx, &rules, by, &reference, &filing)
        })
        .await?;
    let answer = RequestedAnswer {
        request: requested.id.to_string(),
        expires_at: requested.expires_at.to_string(),
    };
    Ok(page::json(StatusCode::ACCEPTED, &answer))
}

/// Ask to close the notice of a bank that does not confirm; another officer decides. The chase goes on until then.
#[utoipa::path(post, path = "/api/v1/incidents/{reference}/notice-closings", tag = "incidents",
    params(("reference" = String, Path, description = "like INC-2019-0003")),
    request_body = NoticeClosingInput,
    responses((status = 202, body = edition::WaitingAnswer)))]
pub async fn close_notice(
    app: Data<App>,
    Who(caller): Who,
    reference: Path<String>,
    Strict(input): Strict<NoticeClosingInput>,
) -> Answered {
    let (rules, by) = (Arc::clone(&app.rules), caller.id());
    let requested = app
        .store
        .write(Lane::Front, move |tx| {
            let of = (reference.as_str(), input.bank.as_str());
            close_notice::request(tx, &rules, by, of, &input.reason)
        })
        .await?;
    Ok(edition::waits(&requested))
}
