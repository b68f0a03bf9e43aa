//! The auditor's desk: the matrix of incidents and banks on any day, the chain of evidence behind a cell, the
//! delivery log, the as-of question, the figures and the self-check. Reads, and changes nothing.

use super::{Desk, document, entered, show, with_offset};
use crate::actions::{Rules, chase, log_refuses, read_register, self_check};
use crate::domain::access::Role;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::level::Level;
use crate::domain::outcome::ErrorClass;
use crate::storage::evidence::AcknowledgementRow;
use crate::storage::figures::Took;
use crate::storage::incident::{IncidentRow, RevisionRow};
use crate::storage::{
    self, Tx, audit, bank, delivery_log, evidence, facts, figures, incident, log, mail_report,
    notice, reading,
};
use crate::web::api::deliveries::Names;
use crate::web::api::{as_of, board, calls, certificates, deliveries};
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use crate::web::query::{self, Asked};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rows of the matrix at once, and incidents whose days the slider marks: the newest.
const INCIDENTS: i64 = 50;
const TICKS: i64 = 1_000;
/// Changes of the self-check's verdict that are shown: the newest.
const VERDICTS: i64 = 100;
/// The steps in which people ask how long it took: each up to before its seconds, and then whatever took longer.
const STEPS: [(&str, i64); 6] = [
    ("under_1m", 60),
    ("under_5m", 300),
    ("under_15m", 900),
    ("under_1h", 3_600),
    ("under_4h", 14_400),
    ("under_1d", 86_400),
];

/// The parameters of an address that were filled in.
pub(super) fn asked(req: &HttpRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(req.query_string().as_bytes())
        .into_owned()
        .filter(|(_, value)| !value.trim().is_empty())
        .collect()
}

pub(super) fn one<'a>(asked: &'a [(String, String)], name: &str) -> &'a str {
    let found = asked.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value.as_str())
}

pub(super) fn query_of(fields: &[(&str, &str)]) -> String {
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filled)
        .finish()
}

/// Every bank, by code, with its name in one language.
pub(super) fn banks(tx: &mut Tx<'_>, language: &str) -> Result<Vec<Value>, Problem> {
    let mut banks = Vec::new();
    for row in bank::all(tx)? {
        let profile = bank::profile(tx, row.id)?;
        let name = profile.map(|known| {
            if language == "ja" {
                known.name_ja
            } else {
                known.name_en
            }
        });
        banks.push(json!({ "code": row.code, "name": name }));
    }
    banks.sort_by_key(|bank| bank["code"].as_str().map(str::to_owned));
    Ok(banks)
}

/// The day that a matrix is of, and when it ended: now, while it goes on.
struct Day {
    day: Date,
    today: Date,
    end: Instant,
}

impl Day {
    fn of(asked: &[(String, String)], zone: &str, now: Instant) -> Result<Self, Problem> {
        let today = day_there(now, zone)?;
        let day: Date = match one(asked, "day") {
            "" => today,
            text => text
                .parse()
                .map_err(|_| Problem::bad_request("day_invalid", "write a day like 2026-11-23"))?,
        };
        if day >= today {
            let (day, end) = (today, now);
            return Ok(Self { day, today, end });
        }
        let next = day.tomorrow().map_err(|fault| Problem::internal(&fault))?;
        // Some days of long ago end at no instant that is written with whole minutes of offset and four digits of a year.
        let begins = next
            .in_tz(zone)
            .map_err(|fault| Problem::internal(&fault))?;
        let end = Entered::parse(&with_offset(&begins)).map_err(|_| {
            Problem::bad_request("day_invalid", "there is no record of days so long ago")
        })?;
        let end = end.at;
        Ok(Self { day, today, end })
    }

    fn is_today(&self) -> bool {
        self.day == self.today
    }
}

/// The day on which an instant lies on a wall of this zone.
fn day_there(at: Instant, zone: &str) -> Result<Date, Problem> {
    let there = jiff::Timestamp::from_microsecond(at.micros()).and_then(|at| at.in_tz(zone));
    let there = there.map_err(|fault| Problem::internal(&fault))?;
    Ok(there.date())
}

/// What the matrix is drawn from: the incidents on record by then, and when any was opened until now.
struct OnRecord {
    rows: Vec<(IncidentRow, RevisionRow)>,
    /// The last of them, where older ones follow.
    last: Option<Uid>,
    total: i64,
    first_opened: Option<Instant>,
    opened: Vec<Instant>,
}

fn on_record(tx: &mut Tx<'_>, at: Instant, before: Option<Uid>) -> Result<OnRecord, Problem> {
    let mut rows = reading::on_record(tx, at, before, INCIDENTS + 1)?;
    let more = page::cut(&mut rows, INCIDENTS);
    let last = rows
        .last()
        .filter(|_| more)
        .map(|(incident, _)| incident.id);
    Ok(OnRecord {
        rows,
        last,
        total: reading::on_record_count(tx, at)?,
        first_opened: incident::first_opened(tx)?,
        opened: incident::opened(tx, TICKS)?,
    })
}

/// Incident × bank as it stood at the end of a day.
pub(in crate::web) async fn matrix(desk: Desk) -> Answered {
    let asked = asked(&desk.req);
    let zone = desk.seat.who.zone.as_str();
    let day = Day::of(&asked, zone, desk.app.store.clock().now())?;
    let before = match one(&asked, "before") {
        "" => None,
        text => Some(page::id(text)?),
    };
    let language = desk.seat.who.language.clone();
    let (columns, names) = desk
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            Ok((banks(tx, &language)?, super::bank_names(tx, &language)?))
        })
        .await?;
    let at = day.end.as_shown();
    let known = desk
        .app
        .store
        .read(move |tx| on_record(tx, at, before))
        .await?;
    let mut rows = Vec::new();
    for (incident, revision) in &known.rows {
        let then = query_of(&[("at", &day.end.to_string())]);
        let then = Asked(query::read(&then)?);
        let path = Path::from(incident.reference.clone());
        let stamps = document(board::board(desk.app.clone(), path, then).await).await?;
        let cells = in_order(&super::stamps(&stamps["cells"], &names), &columns);
        rows.push(matrix_row(
            desk.language(),
            incident,
            revision,
            &stamps,
            cells,
        ));
    }
    let (first_day, ticks) = days(&known, day.day, zone)?;
    let link = |day: Option<Date>| day.map(|day| format!("/matrix?day={day}"));
    let shown = day.day;
    let older = known
        .last
        .map(|last| format!("/matrix?day={shown}&before={last}"));
    let exercise = if day.is_today() {
        super::exercises::next(&desk).await?
    } else {
        Value::Null
    };
    let page = json!({
        "at": day.end.to_string(), "day": shown.to_string(), "from_day": first_day.to_string(), "to_day": day.today.to_string(),
        "earlier": link(shown.yesterday().ok()), "later": link(shown.tomorrow().ok().filter(|next| *next <= day.today)),
        "ticks": ticks, "banks": columns, "rows": rows, "total": known.total, "older": older,
        "newest": before.and_then(|_| link(Some(shown))), "is_today": day.is_today(), "exercise": exercise,
    });
    show(&desk, StatusCode::OK, "desk/auditor/matrix.html", page)
}

/// One incident as it stood, with a cell for each bank.
fn matrix_row(
    language: &str,
    incident: &IncidentRow,
    revision: &RevisionRow,
    stamps: &Value,
    cells: Vec<Value>,
) -> Value {
    let title = json!({ "ja": revision.title_ja, "en": revision.title_en });
    json!({
        "reference": incident.reference, "title": super::officer::title(&title, language),
        "kind": revision.kind, "phase": revision.phase, "revision": stamps["revision"],
        "accepted_at": revision.accepted_at.to_string(),
        "delivered": stamps["delivered"], "acknowledged": stamps["acknowledged"], "notices": stamps["notices"],
        "cells": cells,
    })
}

/// The cells in the order of the columns; null = nothing was owed to that bank.
fn in_order(cells: &Value, columns: &[Value]) -> Vec<Value> {
    let cells = cells.as_array().map_or(&[][..], Vec::as_slice);
    let found = columns.iter().map(|column| {
        let found = cells.iter().find(|cell| cell["bank"] == column["code"]);
        found.cloned().unwrap_or(Value::Null)
    });
    found.collect()
}

/// The first day of the slider, and how many days after it incidents were opened.
fn days(known: &OnRecord, shown: Date, zone: &str) -> Result<(Date, BTreeSet<i32>), Problem> {
    let first = match known.first_opened {
        Some(at) => day_there(at, zone)?.min(shown),
        None => shown,
    };
    let mut ticks = BTreeSet::new();
    for at in &known.opened {
        let span = day_there(*at, zone)?.since(first);
        ticks.insert(span.map(|span| span.get_days()).unwrap_or(0));
    }
    Ok((first, ticks))
}

/// The chain of evidence of one notice.
pub(in crate::web) async fn chain(desk: Desk, id: Path<String>) -> Answered {
    let id = page::id(&id)?;
    let language = desk.seat.who.language.clone();
    let rules = std::sync::Arc::clone(&desk.app.rules);
    let page = desk
        .app
        .store
        .read(move |tx| chain_of(tx, &rules, id, &language))
        .await?;
    show(&desk, StatusCode::OK, "desk/auditor/evidence.html", page)
}

fn chain_of(
    tx: &mut Tx<'_>,
    rules: &Rules,
    id: crate::domain::id::Uid,
    language: &str,
) -> Result<Value, Problem> {
    let row = notice::by_id(tx, id)?.ok_or_else(Problem::missing)?;
    let revision = incident::revision(tx, row.revision_id)?.ok_or_else(Problem::missing)?;
    let known = incident::by_id(tx, row.incident_id)?.ok_or_else(Problem::missing)?;
    let own = bank::by_id(tx, row.bank_id)?.ok_or_else(Problem::missing)?;
    let profile = bank::profile(tx, row.bank_id)?;
    let name = profile.map(|known| {
        if language == "ja" {
            known.name_ja
        } else {
            known.name_en
        }
    });
    let fanouts = notice::fanouts(tx, row.revision_id)?;
    let fanout = fanouts.iter().find(|fanout| fanout.id == row.fanout_id);
    let levels: Vec<Value> = std::iter::once(json!({
        "level": "listed", "reached_at": row.issued_at.to_string(), "recorded_at": row.issued_at.to_string(),
        "evidence": row.fanout_id.to_string() }))
    .chain(evidence::levels_of(tx, id)?.into_iter().map(|level| {
        json!({ "level": Level::from_number(level.level).unwrap_or(Level::Listed).code(),
            "reached_at": level.reached_at.to_string(), "recorded_at": level.recorded_at.to_string(),
            "evidence": level.evidence_id.to_string() })
    }))
    .collect();
    let outcomes = delivery_log::attempts_of_notice(tx, row.incident_id, row.bank_id, id)?;
    let mut subjects = vec![id, row.revision_id, row.fanout_id];
    let tried: Vec<Uid> = outcomes.iter().map(|outcome| outcome.attempt_id).collect();
    let reported = mail_report::of_attempts(tx, &tried)?;
    subjects.extend(tried);
    subjects.extend(reported.iter().map(|report| report.id));
    let mut addresses = Vec::with_capacity(outcomes.len());
    for outcome in &outcomes {
        addresses.push(read_register::address(
            tx,
            &outcome.channel,
            outcome.target_id,
        )?);
    }
    let attempts: Vec<Value> = Names::of(tx, &outcomes)?
        .lines(outcomes)
        .into_iter()
        .zip(addresses)
        .map(|(line, address)| {
            json!({ "attempt": line.attempt, "channel": line.channel, "number": line.number, "outcome": line.outcome,
                "status": line.status, "started_at": line.started_at, "recorded_at": line.recorded_at,
                "duration_ms": line.duration_ms, "body_hash": line.body_digest, "address": address,
                "report": line.report })
        })
        .collect();
    let stamped = evidence::acknowledgement_of(tx, id)?;
    let acknowledgement = stamped.as_ref().map(|done| confirmation(tx, done));
    let acknowledgement = acknowledgement.transpose()?;
    subjects.extend(stamped.as_ref().map(|done| done.id));
    let entries: Vec<Value> = log::entries_of(tx, &subjects)?
        .into_iter()
        .map(
            |(seq, kind, hash)| json!({ "seq": seq, "kind": kind, "leaf_hash": hex::encode(hash) }),
        )
        .collect();
    let steps = storage::chase::steps_of(tx, id)?;
    let going = storage::chase::standing(tx, &[id])?.pop();
    let next = going.map(|one| {
        let of = (revision.urgency.as_str(), revision.status.as_str());
        chase::step_of(rules, &row, of, one.next_step)
    });
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({ "n": step.n, "kind": step.kind, "contacts": step.contacts, "due_at": step.due_at.to_string(),
                "taken_at": step.recorded_at.to_string() })
        })
        .collect();
    let next = next.map(
        |step| json!({ "n": step.n, "kind": step.kind.code(), "due_at": step.due_at.to_string() }),
    );
    let aside: Vec<Value> = calls::views(tx, &[id])?
        .iter()
        .map(|view| json!(view))
        .collect();
    let said: Vec<Value> = evidence::responses(tx, row.incident_id)?
        .into_iter()
        .filter(|one| one.bank_id == row.bank_id)
        .map(|one| {
            json!({ "codes": one.codes.split(' ').collect::<Vec<_>>(), "share": one.share,
                "recorded_at": one.recorded_at.to_string() })
        })
        .collect();
    Ok(json!({
        "notice": id.to_string(), "number": row.number, "bank": { "code": own.code, "name": name },
        "incident": known.reference, "kind": revision.kind, "revision": revision.number, "reason": row.reason, "exposed": row.exposed,
        "concerns_you": row.concerns_you, "issued_at": row.issued_at.to_string(),
        "acknowledge_by": row.acknowledge_by.to_string(), "digest": page::digest(&row.digest),
        "incident_digest": page::digest(&revision.digest),
        "fanout": fanout.map(|fanout| json!({ "kind": fanout.kind, "n": fanout.n, "notice_count": fanout.notice_count,
            "roster_version": fanout.roster_version })),
        "levels": levels, "attempts": attempts,
        "acknowledgement": acknowledgement,
        "responses": said, "entries": entries, "steps": steps, "next_step": next, "aside": whole_contacts(aside),
    }))
}

/// Contacts beside the channels with every field there, because a template knows no absent one.
fn whole_contacts(mut contacts: Vec<Value>) -> Vec<Value> {
    for one in &mut contacts {
        for field in ["told", "approver", "decided_at"] {
            one[field] = one[field].take();
        }
    }
    contacts
}

/// An acknowledgement with who gave it and by what means.
fn confirmation(tx: &mut Tx<'_>, done: &AcknowledgementRow) -> Result<Value, Problem> {
    let by = read_register::confirmed(tx, done)?;
    Ok(json!({
        "id": done.id.to_string(), "class": done.class, "at": done.recorded_at.to_string(),
        "name": by.stamp.as_ref().map(|stamp| &stamp.name), "role": by.stamp.as_ref().map(|stamp| &stamp.role),
        "account": by.account.map(|(id, name)| json!({ "id": id.to_string(), "name": name })),
        "key": by.key.map(|key| json!({ "id": key.id.to_string(), "label": key.label })),
        "mail": by.mail.map(|(id, address)| json!({ "id": id.to_string(), "address": address })),
        "note": by.note.map(|kept| kept.note), "is_signed": done.note_id.is_some(),
        "disputed": by.disputed.map(|head| json!({ "size": head.size, "root": hex::encode(head.root) })),
        "covered_by": done.covered_by.map(|id| id.to_string()),
    }))
}

/// The delivery log with its filters in the address.
pub(in crate::web) async fn log(desk: Desk) -> Answered {
    let asked = asked(&desk.req);
    let zone = desk.seat.who.zone.as_str();
    let instant = |name: &str| match one(&asked, name) {
        "" => Ok(String::new()),
        text if text.contains('T') && !text.ends_with('Z') && !text.contains('+') => {
            entered(&format!("/{name}"), text, zone)
        }
        text => Ok(text.to_owned()),
    };
    let (from, to) = (instant("from")?, instant("to")?);
    let filter = [
        ("bank", one(&asked, "bank")),
        ("incident", one(&asked, "incident")),
        ("channel", one(&asked, "channel")),
        ("outcome", one(&asked, "outcome")),
        ("from", from.as_str()),
        ("to", to.as_str()),
    ];
    let mut wanted = filter.to_vec();
    wanted.push(("format", "json"));
    wanted.push(("cursor", one(&asked, "cursor")));
    let asking = Asked(query::read(&query_of(&wanted))?);
    let who = desk.who();
    let found =
        document(deliveries::list(desk.app.clone(), who, desk.req.clone(), asking).await).await?;
    let next = found["next_cursor"].as_str().map(|cursor| {
        let mut further = filter.to_vec();
        further.push(("cursor", cursor));
        format!("/deliveries?{}", query_of(&further))
    });
    let export = |format: &str| {
        let mut wanted = filter.to_vec();
        wanted.push(("format", format));
        format!("/deliveries/export?{}", query_of(&wanted))
    };
    let codes = desk
        .app
        .store
        .read(|tx| -> Result<Vec<String>, Problem> {
            let mut codes: Vec<String> = bank::all(tx)?.into_iter().map(|row| row.code).collect();
            codes.sort();
            Ok(codes)
        })
        .await?;
    let outcomes: Vec<&str> = std::iter::once("accepted")
        .chain(ErrorClass::ALL.iter().map(|class| class.code()))
        .collect();
    let page = json!({
        "filter": { "bank": filter[0].1, "incident": filter[1].1, "channel": filter[2].1, "outcome": filter[3].1,
            "from": one(&asked, "from"), "to": one(&asked, "to") },
        "options": { "banks": codes, "channels": ["webhook", "email"], "outcomes": outcomes },
        "attempts": found["deliveries"], "next": next, "csv": export("csv"), "jsonl": export("jsonl"),
    });
    show(&desk, StatusCode::OK, "desk/auditor/deliveries.html", page)
}

/// The whole log as a stream: the API's own export, under a session.
pub(in crate::web) async fn export(desk: Desk) -> Answered {
    let asking = Asked(query::read(desk.req.query_string())?);
    let who = desk.who();
    deliveries::list(desk.app, who, desk.req, asking).await
}

/// What a bank had been told by an instant, and what not.
pub(in crate::web) async fn as_of(desk: Desk) -> Answered {
    let asked = asked(&desk.req);
    let (code, at) = (one(&asked, "bank").to_owned(), one(&asked, "at").to_owned());
    let language = desk.seat.who.language.clone();
    let known = desk.app.store.read(move |tx| banks(tx, &language)).await?;
    let found = if code.is_empty() || at.is_empty() {
        Ok(Value::Null)
    } else {
        told_by(&desk, &known, &asked).await
    };
    let (status, answer, faults) = match found {
        Ok(answer) => (StatusCode::OK, answer, json!([])),
        Err(problem) if ["not_yet", "time_invalid", "time_passed_over"].contains(&problem.code) => {
            let fault =
                json!({ "pointer": "/at", "code": problem.code, "message": problem.detail });
            (problem.status, Value::Null, json!([fault]))
        }
        Err(problem) => return Err(problem),
    };
    let page =
        json!({ "bank": code, "at": at, "banks": known, "answer": answer, "faults": faults });
    show(&desk, status, "desk/auditor/as_of.html", page)
}

/// The API's answer to what the form asks, with where to go on from it.
async fn told_by(
    desk: &Desk,
    known: &[Value],
    asked: &[(String, String)],
) -> Result<Value, Problem> {
    let (code, at) = (one(asked, "bank"), one(asked, "at"));
    let instant = entered("/at", at, &desk.seat.who.zone)?;
    let question = query_of(&[
        ("bank", code),
        ("at", &instant),
        ("limit", "200"),
        ("after", one(asked, "after")),
    ]);
    let found = as_of::as_of(desk.app.clone(), Asked(query::read(&question)?)).await;
    let found = document(found).await?;
    let bank = known.iter().find(|bank| bank["code"] == code);
    let then = found["at"].as_str().unwrap_or_default();
    let certificate = query_of(&[("bank", code), ("as_of", then)]);
    let carries = desk.seat.who.caller.roles().contains(Role::Auditor);
    let next = found["next_after"].as_i64().map(|after| {
        let after = after.to_string();
        let further = query_of(&[("bank", code), ("at", at), ("after", &after)]);
        format!("/as-of?{further}")
    });
    Ok(
        json!({ "bank": bank, "at": found["at"], "told": found["told"], "next": next, "not_told": found["not_told"],
        "not_told_complete": found["not_told_complete"], "asked_at": desk.app.store.clock().now().to_string(),
        "certificate": carries.then(|| format!("/as-of/certificate?{certificate}")),
        "pack": carries.then(|| format!("/evidence/banks/{code}/pack")) }),
    )
}

/// The same answer as a signed certificate: the API's own, under a session.
pub(in crate::web) async fn certificate(desk: Desk) -> Answered {
    let asking = Asked(query::read(desk.req.query_string())?);
    certificates::certificate(desk.app, asking).await
}

/// What the figures are drawn from, counted at one moment.
struct Counted {
    issued: (i64, i64),
    between: Option<(Instant, Instant)>,
    furthest: Vec<(i64, i64)>,
    delivered: Took,
    acknowledged: Took,
}

fn counted(tx: &mut Tx<'_>) -> Result<Counted, Problem> {
    let limits = STEPS.map(|(_, seconds)| seconds);
    Ok(Counted {
        issued: figures::notices_issued(tx)?,
        between: figures::issued_between(tx)?,
        furthest: figures::furthest(tx)?,
        delivered: figures::took(tx, Level::Delivered, &limits)?,
        acknowledged: figures::took(tx, Level::Acknowledged, &limits)?,
    })
}

/// Funnel and distributions.
pub(in crate::web) async fn figures(desk: Desk) -> Answered {
    let counted = desk.app.store.read(counted).await?;
    let (total, drilled) = counted.issued;
    let at_least = |level: Level| -> i64 {
        let far = counted.furthest.iter();
        far.filter(|(reached, _)| *reached >= level.number())
            .map(|(_, notices)| notices)
            .sum()
    };
    let funnel: Vec<Value> = Level::ALL
        .into_iter()
        .map(|level| {
            let notices = if level == Level::Listed {
                total
            } else {
                at_least(level)
            };
            json!({ "level": level.code(), "notices": notices, "width": share(notices, total) })
        })
        .collect();
    let now = desk.app.store.clock().now();
    let (from, to) = counted.between.unwrap_or((now, now));
    let page = json!({
        "funnel": funnel, "notify": spread(&counted.delivered, total),
        "acknowledge": spread(&counted.acknowledged, total),
        "drilled": drilled,
        "span": { "from": from.to_string(), "to": to.to_string() },
    });
    show(&desk, StatusCode::OK, "desk/auditor/figures.html", page)
}

fn share(part: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { part * 100 / whole }
}

/// A distribution in the steps that people ask for, with its median, 95th percentile and longest.
fn spread(took: &Took, notices: i64) -> Value {
    let labels = STEPS.iter().map(|(label, _)| *label).chain(["over_1d"]);
    let mut counts: Vec<(&str, i64)> = labels.zip(took.steps.iter().copied()).collect();
    let reached: i64 = took.steps.iter().sum();
    counts.push(("not_yet", (notices - reached).max(0)));
    let most = counts
        .iter()
        .map(|(_, notices)| *notices)
        .max()
        .unwrap_or(0);
    let buckets: Vec<Value> = counts
        .into_iter()
        .map(|(label, notices)| json!({ "label": label, "notices": notices, "width": share(notices, most) }))
        .collect();
    json!({ "buckets": buckets, "median_s": took.median_s, "p95_s": took.p95_s, "max_s": took.max_s })
}

/// The self-check, tried now beside what it said before.
pub(in crate::web) async fn check(desk: Desk) -> Answered {
    let (at, found, last, verdicts, log) = desk
        .app
        .store
        .read(|tx| -> Result<_, Problem> {
            let found = audit::counted(tx)?;
            let last = self_check::standing(tx)?;
            let verdicts = audit::verdicts(tx, VERDICTS)?;
            Ok((tx.now()?, found, last, verdicts, log_standing(tx)?))
        })
        .await?;
    let mut findings: Vec<Value> = found
        .iter()
        .map(|finding| json!({ "code": finding.code, "count": finding.count }))
        .collect();
    // The walk over all facts is too long for a page: of these it tells what the standing check found.
    let stood = last.iter().flat_map(|last| &last.broken);
    let of_facts = stood.filter(|code| facts::check::RULES.iter().any(|(known, _)| known == code));
    findings.extend(of_facts.map(|code| json!({ "code": code, "count": null })));
    let is_sound = findings.is_empty();
    let history: Vec<Value> = verdicts
        .into_iter()
        .map(|row| {
            let broken = self_check::codes(&row.broken);
            json!({ "at": row.recorded_at.to_string(), "sound": broken.is_empty(), "broken": broken })
        })
        .collect();
    // Since when it is sound is known only where the last try found it so, too.
    let since = last
        .as_ref()
        .filter(|last| is_sound && last.broken.is_empty())
        .map(|last| last.since.to_string());
    let page = json!({
        "sound": is_sound, "rules": audit::RULE_COUNT, "checked_at": at.to_string(), "since": since,
        "tried_at": last.map(|last| last.tried_at.to_string()), "findings": findings, "history": history, "log": log,
    });
    show(&desk, StatusCode::OK, "desk/auditor/check.html", page)
}

/// How far the log has come, and whether it goes on.
fn log_standing(tx: &mut Tx<'_>) -> Result<Value, Problem> {
    let head = log::head(tx)?;
    let newest = log::latest_checkpoint(tx, head.log)?;
    let refusing = log_refuses::refusing(tx)?;
    Ok(json!({
        "number": head.log, "entries": head.size, "waiting": log::waiting(tx)?,
        "checkpoint": newest.map(|row| json!({ "size": row.size, "at": row.recorded_at.to_string() })),
        "refuses": refusing.map(|event| json!({ "code": event.code, "since": event.recorded_at.to_string() })),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::{LANGUAGES, Templates};

    #[test]
    fn every_rule_of_the_self_check_has_its_words_in_both_languages() {
        let templates = Templates::load().expect("the built-in texts load");
        let text = include_str!("../../../tests/pages/auditor/check.broken.json");
        let mut context: Value = serde_json::from_str(text).expect("a context");
        let all = audit::codes().map(|code| json!({ "code": code, "count": 1 }));
        context["page"]["findings"] = all.collect();
        for language in LANGUAGES {
            let page = templates.render("desk/auditor/check.html", language, &context);
            page.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }

    #[test]
    fn a_distribution_counts_everything_once() {
        let took = Took {
            steps: vec![3, 1, 0, 0, 0, 0, 1],
            median_s: Some(11),
            p95_s: Some(90_000),
            max_s: Some(90_000),
        };
        let told = spread(&took, 7);
        let counts: Vec<i64> = told["buckets"]
            .as_array()
            .expect("buckets")
            .iter()
            .filter_map(|bucket| bucket["notices"].as_i64())
            .collect();
        assert_eq!(counts, [3, 1, 0, 0, 0, 0, 1, 2]);
        assert_eq!(
            (&told["median_s"], &told["max_s"]),
            (&json!(11), &json!(90_000))
        );
        assert_eq!(spread(&Took::default(), 0)["median_s"], Value::Null);
    }
}
