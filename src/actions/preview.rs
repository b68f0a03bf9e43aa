//! What one bank would be told if a filing went out now. Reads only: numbers and times are those of this
//! moment, and what exists only once it is issued (ids, digests, links) stands in for itself.

use super::fan_out::Concern;
use super::issue::{
    Origin, context_after, first_context, know_incidents, known_banks, open_revision, stamp,
    year_of,
};
use super::{Error, Rules, watch_clocks};
use crate::domain::digest::Digest;
use crate::domain::fault::Fault;
use crate::domain::id::Uid;
use crate::domain::incident::{Filing, incident_digest};
use crate::domain::instant::Instant;
use crate::domain::notice::{NoticeObject, WebhookParts, acknowledge_url, page_url};
use crate::domain::refusal::Refusal;
use crate::storage::incident::{self, IncidentRow};
use crate::storage::roster::{self, Member, RosterVersionRow};
use crate::storage::{Tx, bank, notice};
use crate::templates::notice_mail::RevisionParts;
use bytes::Bytes;

/// A notice that is not issued.
pub struct Preview {
    /// The bank's code.
    pub bank: String,
    /// It is no bank.
    pub is_observer: bool,
    /// The number it would get.
    pub number: i64,
    pub at: Instant,
    pub acknowledge_by: Instant,
    pub exposed: bool,
    pub concerns_you: bool,
    pub object: Vec<u8>,
    pub webhook: Vec<u8>,
    pub revision: RevisionParts,
    pub warnings: Vec<Fault>,
}

/// The notice for the bank of this code, or for the first code on the roster. `reference` is the incident's that
/// the filing revises.
pub fn preview(
    tx: &mut Tx<'_>,
    rules: &Rules,
    filing: &Filing,
    reference: Option<&str>,
    code: &str,
) -> Result<Preview, Error> {
    let now = tx.now()?;
    let (incident, before) = match reference {
        Some(reference) => {
            let known = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
            let before = open_revision(tx, &known)?;
            (known, Some(before))
        }
        None => (next_incident(tx, rules, now)?, None),
    };
    let context = match &before {
        Some(before) => {
            let late = watch_clocks::is_late(tx, rules, incident.id, now)?;
            context_after(rules, before, now)?.asking_why(late)
        }
        None => first_context(rules, filing, now),
    };
    let checked = filing.check(context)?;
    let affected = known_banks(tx, &checked.affected, &checked.services)?;
    let kind = checked.body.kind;
    know_incidents(
        tx,
        &incident.reference,
        &checked.body.related_incidents,
        kind,
    )?;
    let version = roster::latest(tx)?.ok_or(Refusal::RosterEmpty)?;
    let member = chosen(tx, &version, code)?;

    let number = before.as_ref().map_or(1, |before| before.number + 1);
    let body = checked.body.canonical_bytes(&stamp(
        &incident,
        number,
        before.as_ref(),
        now,
        &Origin::operator(),
    )?);
    let concern = Concern::Judged {
        exploited: checked.body.auth_exploited.clone(),
        affected,
    };
    let (exposed, concerns_you) = concern.of(&member);
    let near = exposed || concerns_you;
    let acknowledge_by =
        rules
            .profiles
            .acknowledge_by(now, checked.body.urgency, near, &rules.zone);
    let mut observers = Vec::new();
    for observer in roster::members(tx, &version)?
        .iter()
        .filter(|one| one.observer)
    {
        let profile = bank::profile(tx, observer.bank_id)?.ok_or(Error::NotFound)?;
        observers.push((observer.code.clone(), profile.name_ja, profile.name_en));
    }
    observers.sort_unstable();
    let revision = RevisionParts {
        reference: incident.reference,
        opened_at: incident.opened_at,
        number,
        phase: checked.body.phase.code().into(),
        kind: checked.body.kind.code().into(),
        tlp: checked.body.tlp.code().into(),
        urgency: checked.body.urgency.code().into(),
        title: checked.body.title.clone(),
        digest: incident_digest(&body),
        body: Bytes::from(body),
        recipients: version.bank_count,
        roster_version: version.version,
        observers,
        contacts: checked.contacts,
    };
    let own_number = notice::last_number(tx, member.bank_id)? + 1;
    let id = Uid::from_bytes([0; 16]);
    let object = NoticeObject {
        acknowledge_by,
        annex: None,
        bank: &member.code,
        concerns_you,
        exposed,
        id,
        incident: &revision.reference,
        incident_digest: revision.digest,
        kind: &revision.kind,
        number: own_number.to_string(),
        phase: &revision.phase,
        revision: number.to_string(),
        tlp: &revision.tlp,
        v: 1,
    }
    .to_bytes();
    let webhook = WebhookParts {
        kind: "notice.issued",
        sent_at: now,
        object: &object,
        digest: Digest::of(&object),
        body: &revision.body,
        acknowledge: &acknowledge_url(&rules.public_url, &id.to_string()),
        page: &page_url(&rules.public_url, &id.to_string()),
        recipients: revision.recipients,
        roster_version: revision.roster_version,
        observers: &revision.observer_codes(),
        // What is not filed yet is in no log.
        log: None,
    }
    .to_bytes();
    Ok(Preview {
        bank: member.code,
        is_observer: member.observer,
        number: own_number,
        at: now,
        acknowledge_by,
        exposed,
        concerns_you,
        object,
        webhook,
        revision,
        warnings: filing.warnings(),
    })
}

/// The incident that would be registered next.
fn next_incident(tx: &mut Tx<'_>, rules: &Rules, now: Instant) -> Result<IncidentRow, Error> {
    let year = i64::from(year_of(now, &rules.zone));
    let number = incident::last_number(tx, year)? + 1;
    Ok(IncidentRow {
        id: Uid::from_bytes([0; 16]),
        reference: format!("INC-{year:04}-{number:04}"),
        opened_at: now,
    })
}

/// The bank of this code, or the one with the first code on the roster.
fn chosen(tx: &mut Tx<'_>, version: &RosterVersionRow, bank: &str) -> Result<Member, Error> {
    let members = roster::members(tx, version)?;
    let named = members.iter().find(|member| member.code == bank);
    let first = || members.iter().min_by_key(|member| &member.code);
    let chosen = named.or_else(first).cloned();
    chosen.ok_or_else(|| Refusal::RosterEmpty.into())
}
