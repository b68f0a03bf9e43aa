//! Closing an incident: its final report says so, with what is to be done so that it does not come again. It is taken
//! once every bank has stamped what it was told last, or two people have closed its notice.

use super::Error;
use crate::domain::entry::{self, Entry};
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::domain::settling::{Settled, Standing, settled};
use crate::storage::closing::{self, IncidentClosingRow};
use crate::storage::incident::RevisionRow;
use crate::storage::{Tx, facts, log};

/// How the revision before was settled; refuses while a bank is open, and where nothing was told before.
pub(super) fn settled_before(
    tx: &mut Tx<'_>,
    before: Option<&RevisionRow>,
) -> Result<(Uid, Settled), Error> {
    let before = before.ok_or(Refusal::BanksUnsettled)?;
    let standings: Vec<Standing> = closing::standings(tx, before.id)?
        .into_iter()
        .map(|(_, stamped, closed)| Standing::of(stamped, closed))
        .collect();
    Ok((before.id, settled(&standings)?))
}

/// Notes that this revision closed its incident.
pub(super) fn close(
    tx: &mut Tx<'_>,
    incident: Uid,
    revision: Uid,
    (settled_id, counts): (Uid, Settled),
) -> Result<(), Error> {
    let recorded_at = tx.now()?;
    let row = IncidentClosingRow {
        incident_id: incident,
        revision_id: revision,
        settled_id,
        acknowledged: counts.acknowledged,
        closed: counts.closed,
        recorded_at,
    };
    closing::close_incident(tx, &row)?;
    let entry = entry::IncidentClosed {
        acknowledged: row.acknowledged,
        at: recorded_at,
        closed: row.closed,
        facts: facts::bind(tx, &[&row]),
        incident,
        revision,
        t: "incident.closed",
        v: 1,
    };
    log::stage(tx, &[(incident, Entry::IncidentClosed(entry))])?;
    Ok(())
}
