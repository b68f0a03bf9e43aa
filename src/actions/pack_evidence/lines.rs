//! The lists of a pack, one JSON object a line. No person, no address: who confirmed stands in signed notes alone.

use crate::actions::Error;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::delivery::OutcomeRow;
use crate::storage::evidence::AcknowledgementRow;
use crate::storage::mail_report::MailReportRow;
use crate::storage::notice::NoticeRow;
use crate::storage::{Tx, bank, incident};
use serde::Serialize;
use std::collections::HashMap;

/// What ids are called: every bank, and the incidents that were asked for.
pub struct Names {
    banks: HashMap<Uid, String>,
    incidents: HashMap<Uid, String>,
}

impl Names {
    pub fn read(tx: &mut Tx<'_>, incidents: impl IntoIterator<Item = Uid>) -> Result<Self, Error> {
        let banks = bank::all(tx)?;
        let mut names = Self {
            banks: banks.into_iter().map(|row| (row.id, row.code)).collect(),
            incidents: HashMap::new(),
        };
        for id in incidents {
            if !names.incidents.contains_key(&id)
                && let Some(row) = incident::by_id(tx, id)?
            {
                names.incidents.insert(id, row.reference);
            }
        }
        Ok(names)
    }

    pub fn bank(&self, id: Uid) -> &str {
        self.banks.get(&id).map_or("", String::as_str)
    }

    pub fn incident(&self, id: Uid) -> &str {
        self.incidents.get(&id).map_or("", String::as_str)
    }
}

/// What a notice object says of its incident.
#[derive(serde::Deserialize)]
pub struct Told {
    pub incident: String,
    pub kind: String,
    pub revision: String,
}

impl Told {
    pub fn read(row: &NoticeRow) -> Result<Self, Error> {
        let read = serde_json::from_slice(&row.object);
        read.map_err(|_| crate::actions::issue::damaged("notice object"))
    }
}

#[derive(Serialize)]
struct NoticeLine<'a> {
    number: i64,
    bank: &'a str,
    incident: &'a str,
    kind: &'a str,
    revision: &'a str,
    notice: Uid,
    fanout: Uid,
    reason: &'a str,
    issued_at: Instant,
    acknowledge_by: Instant,
    digest: String,
    file: &'a str,
}

/// One notice; `file` is the name of its files without their endings.
pub fn notice(out: &mut Vec<u8>, names: &Names, row: &NoticeRow, told: &Told, file: &str) {
    let line = NoticeLine {
        number: row.number,
        bank: names.bank(row.bank_id),
        incident: &told.incident,
        kind: &told.kind,
        revision: &told.revision,
        notice: row.id,
        fanout: row.fanout_id,
        reason: &row.reason,
        issued_at: row.issued_at,
        acknowledge_by: row.acknowledge_by,
        digest: digest(&row.digest),
        file,
    };
    write(out, &line);
}

#[derive(Serialize)]
struct AcknowledgementLine<'a> {
    acknowledgement: Uid,
    notice: Uid,
    bank: &'a str,
    number: i64,
    class: &'a str,
    at: Instant,
    covered_by: Option<Uid>,
}

pub fn acknowledgement(
    out: &mut Vec<u8>,
    names: &Names,
    notice: &NoticeRow,
    row: &AcknowledgementRow,
) {
    let line = AcknowledgementLine {
        acknowledgement: row.id,
        notice: notice.id,
        bank: names.bank(notice.bank_id),
        number: notice.number,
        class: &row.class,
        at: row.recorded_at,
        covered_by: row.covered_by,
    };
    write(out, &line);
}

#[derive(Serialize)]
struct AttemptLine<'a> {
    attempt: Uid,
    seq: i64,
    delivery: Uid,
    notice: Option<Uid>,
    incident: Option<&'a str>,
    bank: Option<&'a str>,
    channel: &'a str,
    number: i64,
    outcome: &'a str,
    status: Option<i64>,
    duration_ms: i64,
    started_at: Instant,
    recorded_at: Instant,
    body_digest: Option<String>,
    /// What a mail server reported later, and its status.
    report: Option<&'a str>,
    report_status: Option<&'a str>,
}

pub fn attempt(out: &mut Vec<u8>, names: &Names, row: &OutcomeRow, report: Option<&MailReportRow>) {
    let line = AttemptLine {
        attempt: row.attempt_id,
        seq: row.seq,
        delivery: row.delivery_id,
        notice: row.notice_id,
        incident: row.incident_id.map(|id| names.incident(id)),
        bank: row.bank_id.map(|id| names.bank(id)),
        channel: &row.channel,
        number: row.number,
        outcome: &row.outcome,
        status: row.status,
        duration_ms: row.duration_ms,
        started_at: row.started_at,
        recorded_at: row.recorded_at,
        body_digest: row.body_hash.as_deref().map(digest),
        report: report.map(|report| report.class.as_str()),
        report_status: report.and_then(|report| report.status.as_deref()),
    };
    write(out, &line);
}

fn digest(stored: &[u8]) -> String {
    Digest::from_slice(stored)
        .map(|digest| digest.to_string())
        .unwrap_or_default()
}

fn write(out: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *out, line)
        .expect("a struct of texts and numbers always serializes");
    out.push(b'\n');
}
