//! People, their roles, invitations, and the API keys of people and machines.

use super::error::Error;
use super::facts::{fact, insert_facts};
use super::schema::{api_key, invitation, person, role_grant};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = person)]
pub struct PersonRow {
    pub id: Uid,
    pub bank_id: Option<Uid>,
    pub payload_id: Uid,
    pub email_tag: Vec<u8>,
    pub language: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" person PersonRow, id: id, bank_id, payload_id, email_tag, language, recorded_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = role_grant)]
pub struct RoleGrantRow {
    pub person_id: Uid,
    pub role: String,
    pub revision: i64,
    pub given: bool,
    pub granted_by: Option<Uid>,
    pub approval_id: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" role_grant RoleGrantRow, person_id, revision, role:
    person_id, role, revision, given, granted_by, approval_id, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitation, treat_none_as_default_value = false)]
pub struct InvitationRow {
    pub id: Uid,
    pub token_hash: Vec<u8>,
    pub bank_id: Option<Uid>,
    pub roles: String,
    pub payload_id: Uid,
    pub email_tag: Vec<u8>,
    pub language: String,
    pub invited_by: Option<Uid>,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub used_at: Option<Instant>,
    pub person_id: Option<Uid>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_key, treat_none_as_default_value = false)]
pub struct ApiKeyRow {
    pub id: Uid,
    pub person_id: Option<Uid>,
    pub bank_id: Option<Uid>,
    pub secret_hash: Vec<u8>,
    pub label: String,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub revoked_at: Option<Instant>,
}

pub fn insert_person(tx: &mut Tx<'_>, row: &PersonRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

pub fn person(tx: &mut Tx<'_>, id: Uid) -> Result<Option<PersonRow>, Error> {
    Ok(
        on_either!(tx, conn => person::table.find(id).select(PersonRow::as_select()).first(conn).optional()?),
    )
}

pub fn by_email_tag(tx: &mut Tx<'_>, tag: &[u8]) -> Result<Option<PersonRow>, Error> {
    Ok(on_either!(tx, conn => person::table
        .filter(person::email_tag.eq(tag))
        .select(PersonRow::as_select())
        .first(conn)
        .optional()?))
}

/// People of one bank, or of the operator's side.
pub fn people(tx: &mut Tx<'_>, bank_id: Option<Uid>) -> Result<Vec<PersonRow>, Error> {
    Ok(on_either!(tx, conn => {
        let query = person::table.order(person::id).select(PersonRow::as_select());
        match bank_id {
            Some(bank) => query.filter(person::bank_id.eq(bank)).load(conn)?,
            None => query.filter(person::bank_id.is_null()).load(conn)?,
        }
    }))
}

pub fn insert_grant(tx: &mut Tx<'_>, row: &RoleGrantRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The grants in force of one person, by role; a role taken away is not among them.
pub fn roles_of(tx: &mut Tx<'_>, person_id: Uid) -> Result<Vec<String>, Error> {
    let mut rows: Vec<(String, i64, bool)> = on_either!(tx, conn => role_grant::table
        .filter(role_grant::person_id.eq(person_id))
        .order((role_grant::role, role_grant::revision.desc()))
        .select((role_grant::role, role_grant::revision, role_grant::given))
        .load(conn)?);
    rows.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(rows
        .into_iter()
        .filter(|(_, _, given)| *given)
        .map(|(role, _, _)| role)
        .collect())
}

/// People to whom a role is given now.
pub fn holders(tx: &mut Tx<'_>, role: &str) -> Result<Vec<Uid>, Error> {
    let mut rows: Vec<(Uid, i64, bool)> = on_either!(tx, conn => role_grant::table
        .filter(role_grant::role.eq(role))
        .order((role_grant::person_id, role_grant::revision.desc()))
        .select((role_grant::person_id, role_grant::revision, role_grant::given))
        .load(conn)?);
    rows.dedup_by_key(|row| row.0);
    Ok(rows
        .into_iter()
        .filter(|(_, _, given)| *given)
        .map(|(person, _, _)| person)
        .collect())
}

pub fn insert_invitation(tx: &mut Tx<'_>, row: &InvitationRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(invitation::table).values(row).execute(conn)?);
    Ok(())
}

pub fn invitation_by_hash(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<InvitationRow>, Error> {
    Ok(on_either!(tx, conn => invitation::table
        .filter(invitation::token_hash.eq(hash))
        .select(InvitationRow::as_select())
        .first(conn)
        .optional()?))
}

/// Uses an invitation up; false = somebody was quicker.
pub fn use_invitation(
    tx: &mut Tx<'_>,
    id: Uid,
    person_id: Uid,
    at: Instant,
) -> Result<bool, Error> {
    let changed = on_either!(tx, conn => diesel::update(
            invitation::table.find(id).filter(invitation::used_at.is_null()),
        )
        .set((invitation::used_at.eq(at), invitation::person_id.eq(person_id)))
        .execute(conn)?);
    Ok(changed == 1)
}

pub fn insert_key(tx: &mut Tx<'_>, row: &ApiKeyRow) -> Result<(), Error> {
    on_either!(tx, conn => diesel::insert_into(api_key::table).values(row).execute(conn)?);
    Ok(())
}

pub fn key(tx: &mut Tx<'_>, id: Uid) -> Result<Option<ApiKeyRow>, Error> {
    Ok(
        on_either!(tx, conn => api_key::table.find(id).select(ApiKeyRow::as_select()).first(conn).optional()?),
    )
}

/// Keys of a bank's machines, or of a person.
pub fn keys_of(
    tx: &mut Tx<'_>,
    bank_id: Option<Uid>,
    person_id: Option<Uid>,
) -> Result<Vec<ApiKeyRow>, Error> {
    Ok(on_either!(tx, conn => {
        let query = api_key::table.order(api_key::id).select(ApiKeyRow::as_select());
        match (bank_id, person_id) {
            (Some(bank), _) => query.filter(api_key::bank_id.eq(bank)).load(conn)?,
            (None, Some(person)) => query.filter(api_key::person_id.eq(person)).load(conn)?,
            (None, None) => Vec::new(),
        }
    }))
}

/// Revokes a live key; false = it was not live.
pub fn revoke_key(tx: &mut Tx<'_>, id: Uid, at: Instant) -> Result<bool, Error> {
    let changed = on_either!(tx, conn => diesel::update(api_key::table.find(id).filter(api_key::revoked_at.is_null()))
        .set(api_key::revoked_at.eq(at))
        .execute(conn)?);
    Ok(changed == 1)
}

/// The next revision number of a grant of `role` to a person.
pub fn next_grant_revision(tx: &mut Tx<'_>, person_id: Uid, role: &str) -> Result<i64, Error> {
    let last: Option<i64> = on_either!(tx, conn => role_grant::table
        .filter(role_grant::person_id.eq(person_id).and(role_grant::role.eq(role)))
        .select(diesel::dsl::max(role_grant::revision))
        .first(conn)?);
    Ok(last.unwrap_or(0) + 1)
}

/// Everybody, the operator's side first, then by bank.
pub fn everybody(tx: &mut Tx<'_>) -> Result<Vec<PersonRow>, Error> {
    let mut rows: Vec<PersonRow> = on_either!(tx, conn => person::table.order(person::id).select(PersonRow::as_select()).load(conn)?);
    rows.sort_by_key(|row| (row.bank_id, row.id));
    Ok(rows)
}
