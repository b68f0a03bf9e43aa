//! The kinds that a log is full of, read in the one order and spelling in which the hub writes them. For speed alone:
//! what is read here is what [`super::Entry::parse_in_full`] reads, and what is refused here is read there. A new
//! kind needs no line here.

use super::{Acknowledged, Entry, Fanout, Registered};
use crate::domain::proof::spelled::Spelled;

/// Reads an entry of version 1: its keys in order, each with the method of [`Spelled`] that reads its value, and the
/// kind, after which nothing may follow. A tuple of what was read.
macro_rules! fields {
    ($bytes:ident: $first:ident $read:ident $(, $key:ident $more:ident)*; $kind:literal) => {{
        let mut rest = Spelled($bytes);
        rest.pass(concat!("{\"", stringify!($first), "\":"))?;
        let $first = rest.$read()?;
        $(
            rest.pass(concat!(",\"", stringify!($key), "\":"))?;
            let $key = rest.$more()?;
        )*
        rest.end(concat!(",\"t\":\"", $kind, "\",\"v\":1}"))?;
        Some(($first, $($key),*))
    }};
}

/// An entry of one of these kinds; `None` says nothing.
pub fn read(bytes: &[u8]) -> Option<Entry> {
    let passed = match kind(bytes)? {
        b"notice.acknowledged" => return acknowledged(bytes).map(Entry::Acknowledged),
        b"incident.registered" => return registered(bytes),
        b"notice.fanout" => return fanout(bytes),
        b"notice.attempt" => attempt(bytes),
        b"notice.accessed" => accessed(bytes),
        b"notice.chased" => chased(bytes),
        b"mail.report" => mail_report(bytes),
        b"bank.response" => response(bytes),
        b"fact.recorded" => fact_recorded(bytes),
        _ => None,
    };
    passed.map(|()| Entry::Passed)
}

/// Of an entry that ends with its kind and version.
fn kind(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_suffix(b"\",\"v\":1}")?;
    let quote = rest.iter().rposition(|byte| *byte == b'"')?;
    Some(&rest[quote + 1..])
}

#[inline(always)]
pub fn acknowledged(bytes: &[u8]) -> Option<Acknowledged> {
    let (acknowledgement, at, bank, class, covered_by, _, note, notice) = fields!(bytes:
        acknowledgement uid, at time, bank uid, class class, covered_by uid_or_null, facts hash, note hash_or_null,
        notice uid; "notice.acknowledged")?;
    Some(Acknowledged {
        acknowledgement,
        at,
        bank,
        class,
        covered_by,
        note,
        notice,
    })
}

fn registered(bytes: &[u8]) -> Option<Entry> {
    let (
        accepted_at,
        commitment,
        _,
        incident,
        kind,
        phase,
        revision,
        revision_number,
        roster,
        roster_version,
    ) = fields!(bytes: accepted_at time, commitment hash, facts hash, incident uid, kind text, phase text,
        revision uid, revision_number integer, roster hash, roster_version integer; "incident.registered")?;
    Some(Entry::Registered(Box::new(Registered {
        accepted_at,
        commitment,
        incident,
        kind: kind.to_owned(),
        phase: phase.to_owned(),
        revision,
        revision_number,
        roster,
        roster_version,
    })))
}

fn fanout(bytes: &[u8]) -> Option<Entry> {
    let (_, fanout, kind, n, notices_root, registered, roster_version) = fields!(bytes: facts hash, fanout uid,
        kind text, n integer, notices_root hash, registered hash, roster_version integer; "notice.fanout")?;
    Some(Entry::Fanout(Box::new(Fanout {
        fanout,
        kind: kind.to_owned(),
        n,
        notices_root,
        registered,
        roster_version,
    })))
}

fn attempt(bytes: &[u8]) -> Option<()> {
    fields!(bytes: at any_time, attempt any_id, bank any_id_or_null, channel any_text, facts any_hash, n integer,
        notice any_id_or_null, outcome any_text, seq integer, status integer_or_null; "notice.attempt")
    .map(drop)
}

fn accessed(bytes: &[u8]) -> Option<()> {
    fields!(bytes: at any_time, bank any_id, facts any_hash, notice any_id; "notice.accessed")
        .map(drop)
}

fn chased(bytes: &[u8]) -> Option<()> {
    fields!(bytes: at any_time, bank any_id, contacts integer, due_at any_time, facts any_hash, n integer,
        notice any_id, step any_text; "notice.chased")
    .map(drop)
}

fn mail_report(bytes: &[u8]) -> Option<()> {
    fields!(bytes: action any_text, at any_time, attempt any_id, bank any_id_or_null, class any_text, commitment any_hash,
        facts any_hash, notice any_id_or_null, report any_id, status any_text_or_null; "mail.report")
    .map(drop)
}

fn response(bytes: &[u8]) -> Option<()> {
    fields!(bytes: at any_time, bank any_id, commitment any_hash, facts any_hash, notice any_id, response any_id;
        "bank.response")
    .map(drop)
}

fn fact_recorded(bytes: &[u8]) -> Option<()> {
    fields!(bytes: at any_time, fact any_text, facts any_hash, n integer, subject any_id; "fact.recorded").map(drop)
}
