//! Credentials, sessions, recovery links, what people chose for the pages, and failures to sign in.

use super::error::Error;
use super::schema::{credential, preference, recovery, session, sign_in_counter};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::case_when;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credential, treat_none_as_default_value = false)]
pub struct CredentialRow {
    pub person_id: Uid,
    pub password_hash: String,
    pub totp_id: Uid,
    pub totp_step: i64,
    pub changed_at: Instant,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = preference, treat_none_as_default_value = false)]
pub struct PreferenceRow {
    pub person_id: Uid,
    pub language: String,
    pub zone: String,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = session, treat_none_as_default_value = false)]
pub struct SessionRow {
    pub id: Uid,
    pub token_hash: Vec<u8>,
    pub person_id: Uid,
    pub agent: String,
    pub created_at: Instant,
    pub seen_at: Instant,
    pub ended_at: Option<Instant>,
    /// Password and code were given again; `None` = not since it was opened.
    pub confirmed_at: Option<Instant>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = recovery, treat_none_as_default_value = false)]
pub struct RecoveryRow {
    pub id: Uid,
    pub token_hash: Vec<u8>,
    pub person_id: Uid,
    /// `None` = the host's command line.
    pub approval_id: Option<Uid>,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub used_at: Option<Instant>,
}

/// Sets or replaces a person's password and second factor.
pub fn set_credential(tx: &mut Tx<'_>, row: &CredentialRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(credential::table)
        .values(row)
        .on_conflict(credential::person_id)
        .do_update()
        .set(row)
        .execute(conn)?);
    Ok(())
}

pub fn credential(tx: &mut Tx<'_>, person: Uid) -> Result<Option<CredentialRow>, Error> {
    Ok(on_either!(tx, conn => credential::table
        .find(person)
        .select(CredentialRow::as_select())
        .first(conn)
        .optional()?))
}

/// Uses up a time step of what was read; false = it, or a later one, was used already, or password or second factor are
/// others by now.
pub fn use_step(tx: &mut Tx<'_>, read: &CredentialRow, step: i64) -> Result<bool, Error> {
    let same = credential::password_hash
        .eq(&read.password_hash)
        .and(credential::totp_id.eq(read.totp_id));
    let changed = on_either!(tx, conn => diesel::update(
            credential::table
                .find(read.person_id)
                .filter(same)
                .filter(credential::totp_step.lt(step)),
        )
        .set(credential::totp_step.eq(step))
        .execute(conn)?);
    Ok(changed == 1)
}

pub fn preference(tx: &mut Tx<'_>, person: Uid) -> Result<Option<PreferenceRow>, Error> {
    Ok(on_either!(tx, conn => preference::table
        .find(person)
        .select(PreferenceRow::as_select())
        .first(conn)
        .optional()?))
}

pub fn set_preference(tx: &mut Tx<'_>, row: &PreferenceRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(preference::table)
        .values(row)
        .on_conflict(preference::person_id)
        .do_update()
        .set(row)
        .execute(conn)?);
    Ok(())
}

pub fn insert(tx: &mut Tx<'_>, row: &SessionRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(session::table).values(row).execute(conn)?);
    Ok(())
}

pub fn by_token_hash(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<SessionRow>, Error> {
    Ok(on_either!(tx, conn => session::table
        .filter(session::token_hash.eq(hash))
        .select(SessionRow::as_select())
        .first(conn)
        .optional()?))
}

/// These sessions, as far as they are known.
pub fn of_ids(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<SessionRow>, Error> {
    Ok(on_either!(tx, conn => session::table
        .filter(session::id.eq_any(ids))
        .select(SessionRow::as_select())
        .load(conn)?))
}

/// Sessions of a person that nobody ended, newest first; they may have run out.
pub fn open_of(tx: &mut Tx<'_>, person: Uid) -> Result<Vec<SessionRow>, Error> {
    Ok(on_either!(tx, conn => session::table
        .filter(session::person_id.eq(person))
        .filter(session::ended_at.is_null())
        .order(session::id.desc())
        .limit(100)
        .select(SessionRow::as_select())
        .load(conn)?))
}

pub fn touch(tx: &mut Tx<'_>, id: Uid, at: Instant) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(session::table.find(id))
        .set(session::seen_at.eq(at))
        .execute(conn)?);
    Ok(())
}

/// Password and code were given again in this session.
pub fn confirm(tx: &mut Tx<'_>, id: Uid, at: Instant) -> Result<(), Error> {
    on_either!(tx, conn => diesel::update(session::table.find(id))
        .set(session::confirmed_at.eq(at))
        .execute(conn)?);
    Ok(())
}

/// Ends sessions of a person: one, all but one, or all. Returns how many.
pub fn end(tx: &mut Tx<'_>, person: Uid, which: Ending, at: Instant) -> Result<usize, Error> {
    let open = session::table
        .filter(session::person_id.eq(person))
        .filter(session::ended_at.is_null());
    Ok(on_either!(tx, conn => match which {
        Ending::One(id) => diesel::update(open.filter(session::id.eq(id)))
            .set(session::ended_at.eq(at))
            .execute(conn)?,
        Ending::AllBut(id) => diesel::update(open.filter(session::id.ne(id)))
            .set(session::ended_at.eq(at))
            .execute(conn)?,
        Ending::All => diesel::update(open).set(session::ended_at.eq(at)).execute(conn)?,
    }))
}

/// Which sessions end.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    One(Uid),
    AllBut(Uid),
    All,
}

pub fn insert_recovery(tx: &mut Tx<'_>, row: &RecoveryRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(recovery::table).values(row).execute(conn)?);
    Ok(())
}

pub fn recovery_by_hash(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<RecoveryRow>, Error> {
    Ok(on_either!(tx, conn => recovery::table
        .filter(recovery::token_hash.eq(hash))
        .select(RecoveryRow::as_select())
        .first(conn)
        .optional()?))
}

/// Uses up all recovery links of a person; false = somebody was quicker.
pub fn use_recoveries(tx: &mut Tx<'_>, person: Uid, at: Instant) -> Result<bool, Error> {
    let changed = on_either!(tx, conn => diesel::update(
            recovery::table
                .filter(recovery::person_id.eq(person))
                .filter(recovery::used_at.is_null()),
        )
        .set(recovery::used_at.eq(at))
        .execute(conn)?);
    Ok(changed > 0)
}

/// Failures in a row of a subject, and the last one's time.
pub fn failures(tx: &mut Tx<'_>, subject: &[u8]) -> Result<Option<(i64, Instant)>, Error> {
    Ok(on_either!(tx, conn => sign_in_counter::table
        .find(subject)
        .select((sign_in_counter::failures, sign_in_counter::last_at))
        .first(conn)
        .optional()?))
}

/// Counts one more failure of a subject; where the last one was before `since`, as the first.
pub fn count_failure(
    tx: &mut Tx<'_>,
    subject: &[u8],
    at: Instant,
    since: Instant,
) -> Result<(), Error> {
    // In one statement: of several at once none is lost.
    let counted = case_when(
        sign_in_counter::last_at.gt(since),
        sign_in_counter::failures + 1_i64,
    )
    .otherwise(1_i64);
    on_either!(tx, conn => diesel::insert_into(sign_in_counter::table)
        .values((
            sign_in_counter::subject.eq(subject),
            sign_in_counter::failures.eq(1_i64),
            sign_in_counter::last_at.eq(at),
        ))
        .on_conflict(sign_in_counter::subject)
        .do_update()
        .set((sign_in_counter::failures.eq(counted), sign_in_counter::last_at.eq(at)))
        .execute(conn)?);
    Ok(())
}

/// Forgets the failures of a subject.
pub fn forget_failures(tx: &mut Tx<'_>, subject: &[u8]) -> Result<(), Error> {
    on_either!(tx, conn => diesel::delete(sign_in_counter::table.find(subject)).execute(conn)?);
    Ok(())
}
