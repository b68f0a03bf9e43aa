//! Calls that somebody has to make: who has taken which. That the bank was reached is `tell_out_of_band`'s.

use super::Error;
use crate::domain::id::Uid;
use crate::domain::phone_task::{Event, State};
use crate::domain::refusal::Refusal;
use crate::storage::notice::{self, NoticeRow};
use crate::storage::phone_task::{self, PhoneEventRow};
use crate::storage::{Tx, chase};

/// How a task stands after its last event.
pub fn state_of(last: &PhoneEventRow) -> State {
    match Event::parse(&last.event) {
        Some(event) => State::after(event, last.person_id),
        None => State::Open,
    }
}

/// Takes a call; whoever has it already keeps it.
pub fn claim(tx: &mut Tx<'_>, by: Uid, task: Uid) -> Result<(), Error> {
    let last = waiting(tx, task)?;
    match state_of(&last) {
        State::Claimed(holder) if holder == by => Ok(()),
        State::Claimed(_) => Err(Refusal::CallTaken.into()),
        _ => happen(tx, last, Event::Claimed, Some(by), None),
    }
}

/// Gives a call back: nobody was reached, and somebody else may try.
pub fn release(tx: &mut Tx<'_>, by: Uid, task: Uid) -> Result<(), Error> {
    let last = waiting(tx, task)?;
    if !state_of(&last).takes(Event::Released, Some(by)) {
        return Err(Refusal::CallTaken.into());
    }
    happen(tx, last, Event::Released, Some(by), None)
}

/// The last event of a task that still waits.
pub(super) fn waiting(tx: &mut Tx<'_>, task: Uid) -> Result<PhoneEventRow, Error> {
    let first = phone_task::of_task(tx, task)?
        .pop()
        .ok_or(Error::NotFound)?;
    // The bank's acknowledgement ends the chase before it closes the call; whoever holds it comes before or after.
    let goes_on = chase::hold(tx, first.notice_id)?;
    let last = phone_task::of_task(tx, task)?.pop();
    last.filter(|last| goes_on && state_of(last).waits())
        .ok_or_else(|| Refusal::CallEnded.into())
}

/// The bank was reached: its call, if one waits, is done, and nobody needs to make those of its earlier notices of the
/// incident, which stay due all the same. The chase of `reached` is held by the caller.
pub(super) fn complete(
    tx: &mut Tx<'_>,
    by: Uid,
    reached: &NoticeRow,
    contact: Uid,
) -> Result<(), Error> {
    if let Some(last) = phone_task::of_notices(tx, &[reached.id])?.pop()
        && state_of(&last).takes(Event::Completed, Some(by))
    {
        happen(tx, last, Event::Completed, Some(by), Some(contact))?;
    }
    for earlier in notice::of_incident(tx, reached.incident_id, reached.bank_id)? {
        if earlier.number < reached.number {
            close(tx, earlier.id)?;
        }
    }
    Ok(())
}

/// Nobody needs to make the call about this notice any more, if one waits.
fn close(tx: &mut Tx<'_>, notice: Uid) -> Result<(), Error> {
    // Whoever ends the chase closes the call as well: of the two only one may.
    if !chase::hold(tx, notice)? {
        return Ok(());
    }
    match phone_task::of_notices(tx, &[notice])?.pop() {
        Some(last) if state_of(&last).takes(Event::Closed, None) => {
            happen(tx, last, Event::Closed, None, None)
        }
        _ => Ok(()),
    }
}

fn happen(
    tx: &mut Tx<'_>,
    last: PhoneEventRow,
    event: Event,
    person_id: Option<Uid>,
    contact_id: Option<Uid>,
) -> Result<(), Error> {
    let row = PhoneEventRow {
        seq: last.seq + 1,
        event: event.code().into(),
        person_id,
        contact_id,
        recorded_at: tx.now()?,
        ..last
    };
    Ok(phone_task::insert(tx, &[row])?)
}
