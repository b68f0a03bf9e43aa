//! Withdrawal: asked for by one person, issued by the approval of another. It goes to everyone who was told.

use super::ask::ask;
use super::decide::Requested;
use super::fan_out::{self, Concern, Issue, Written};
use super::issue::{Issued, OTHER_KIND, Origin, damaged, enter, kind_of, open_revision, stamp};
use super::{Error, Rules, defer, watch_clocks};
use crate::domain::id::Uid;
use crate::domain::incident::{IncidentRef, Withdrawal, incident_digest};
use crate::domain::vocabulary::{Kind, Language, Tlp, Urgency};
use crate::storage::Tx;
use crate::storage::approval::{self, RequestRow};
use crate::storage::incident::{self, RevisionRow};

/// The act's name in approvals.
pub(super) const ACT: &str = "incident.withdrawal";

/// Asks for a withdrawal; nothing goes out before another person approves.
pub fn request(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    reference: &str,
    filing: &Withdrawal,
) -> Result<Requested, Error> {
    let incident = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    open_revision(tx, &incident)?;
    defer::nothing_deferred(tx, incident.id)?;
    let own: IncidentRef = incident
        .reference
        .parse()
        .map_err(|_| damaged("reference"))?;
    let checked = filing.check(own)?;
    if let Some(replacement) = checked.replaces {
        let own_kind = kind_of(tx, own)?;
        let fault = match kind_of(tx, replacement)? {
            None => Some(("incident_unknown", "there is no such incident")),
            other if other != own_kind => Some(OTHER_KIND),
            Some(_) => None,
        };
        if let Some((code, said)) = fault {
            return Err(Error::invalid("/replaces", code, said));
        }
    }
    let details = serde_json::to_vec(filing).map_err(|_| damaged("withdrawal"))?;
    ask(
        tx,
        rules,
        by,
        (ACT, incident.id),
        details,
        checked.text.best(Language::En),
    )
}

/// The withdrawal that waits for its second person, as it was asked for.
pub fn waiting(
    tx: &mut Tx<'_>,
    incident_id: Uid,
) -> Result<Option<(RequestRow, Withdrawal)>, Error> {
    let now = tx.now()?;
    let asked = approval::pending(tx, ACT, incident_id, now)?.pop();
    asked
        .map(|request| {
            let filing = Withdrawal::from_json(&request.details)?;
            Ok((request, filing))
        })
        .transpose()
}

/// Issues an approved withdrawal. The approval row is written already, in this transaction.
pub(super) fn approved(
    tx: &mut Tx<'_>,
    rules: &Rules,
    request: &RequestRow,
) -> Result<Issued, Error> {
    let (gate, version) = enter(tx)?;
    let now = tx.now()?;
    let incident = incident::by_id(tx, request.subject_id)?.ok_or(Error::NotFound)?;
    let before = open_revision(tx, &incident)?;
    defer::nothing_deferred(tx, incident.id)?;
    let filing = Withdrawal::from_json(&request.details)?;
    let own: IncidentRef = incident
        .reference
        .parse()
        .map_err(|_| damaged("reference"))?;
    let warnings = filing.warnings();
    let kind = Kind::parse(&before.kind).ok_or_else(|| damaged("kind"))?;
    let tlp = Tlp::parse(&before.tlp).ok_or_else(|| damaged("marking"))?;
    let urgency = Urgency::parse(&before.urgency).ok_or_else(|| damaged("urgency"))?;
    let number = before.number + 1;
    let body = filing
        .check(own)?
        .into_body(kind, tlp)
        .canonical_bytes(&stamp(
            &incident,
            number,
            Some(&before),
            now,
            &Origin::of(request.requester),
        )?);
    let digest = incident_digest(&body);
    let earlier = crate::storage::reading::board(tx, before.id)?;
    let concern = Concern::Inherited(
        earlier
            .into_iter()
            .map(|cell| (cell.bank_id, (cell.exposed, cell.concerns_you)))
            .collect(),
    );
    let revision = RevisionRow {
        id: tx.new_id()?,
        number,
        phase: "withdrawal".into(),
        status: "closed".into(),
        body,
        digest: digest.0.to_vec(),
        accepted_at: now,
        accepted_by: Some(request.requester),
        approval_id: Some(request.id),
        fanout_id: tx.new_id()?,
        ..before
    };
    let revision_id = revision.id;
    watch_clocks::after_revision(tx, rules, &revision, None)?;
    let issue = Issue {
        reference: &incident.reference,
        revision,
        urgency,
        concern,
    };
    let Written {
        notices,
        roster_version,
    } = fan_out::issue(tx, &gate, rules, &version, &issue)?;
    Ok(Issued {
        incident: incident.id,
        reference: incident.reference,
        revision: number,
        revision_id,
        notices,
        roster_version,
        accepted_at: now,
        digest,
        warnings,
    })
}
