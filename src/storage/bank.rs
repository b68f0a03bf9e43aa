//! The register: banks, their profiles, partnerships, contacts and endpoints.

use super::ROWS_AT_ONCE;
use super::error::Error;
use super::facts::{self, fact, insert_facts};
use super::schema::types::Bool;
use super::schema::{
    bank, bank_counter, bank_profile, contact, contact_end, endpoint, endpoint_end,
    endpoint_secret, notice, observer, partnership,
};
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::dsl::{count_star, exists, max, not, sql};
use diesel::prelude::*;
use std::collections::HashMap;
use std::collections::HashSet;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = bank)]
pub struct BankRow {
    pub id: Uid,
    pub code: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" bank BankRow, id: id, code, recorded_at);

/// A bank of the register that is an observer: a regulator or an association.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = observer)]
pub struct ObserverRow {
    pub bank_id: Uid,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" observer ObserverRow, bank_id: bank_id, recorded_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = bank_profile)]
pub struct ProfileRow {
    pub bank_id: Uid,
    pub revision: i64,
    pub name_ja: String,
    pub name_en: String,
    pub language: String,
    /// Authentication codes, space-separated; empty = unknown.
    pub linking: String,
    pub new_links: String,
    pub top_ups: String,
    pub pay_outs: String,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" bank_profile ProfileRow, bank_id, revision:
    bank_id, revision, name_ja, name_en, language, linking, new_links, top_ups, pay_outs, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = partnership)]
pub struct PartnershipRow {
    pub bank_id: Uid,
    pub revision: i64,
    pub valid_from: Instant,
    pub valid_to: Option<Instant>,
    pub recorded_at: Instant,
    pub approval_id: Option<Uid>,
}

fact!("INSERT INTO" partnership PartnershipRow, bank_id, revision:
    bank_id, revision, valid_from, valid_to, recorded_at, approval_id
);

impl PartnershipRow {
    /// Is the bank a partner at `at`, by this row?
    pub fn holds_at(&self, at: Instant) -> bool {
        self.valid_from <= at && self.valid_to.is_none_or(|end| at < end)
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = contact)]
pub struct ContactRow {
    pub id: Uid,
    pub bank_id: Uid,
    pub level: i64,
    pub language: String,
    pub payload_id: Uid,
    pub commitment: Vec<u8>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" contact ContactRow, id:
    id, bank_id, level, language, payload_id, commitment, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = contact_end, treat_none_as_default_value = false)]
pub struct ContactEndRow {
    pub contact_id: Uid,
    pub replaced_by: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" contact_end ContactEndRow, contact_id: contact_id, replaced_by, recorded_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = endpoint)]
pub struct EndpointRow {
    pub id: Uid,
    pub bank_id: Uid,
    pub payload_id: Uid,
    pub commitment: Vec<u8>,
    pub ed25519: bool,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint EndpointRow, id:
    id, bank_id, payload_id, commitment, ed25519, recorded_at
);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = endpoint_end, treat_none_as_default_value = false)]
pub struct EndpointEndRow {
    pub endpoint_id: Uid,
    pub replaced_by: Option<Uid>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint_end EndpointEndRow, endpoint_id: endpoint_id, replaced_by, recorded_at);

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = endpoint_secret)]
pub struct EndpointSecretRow {
    pub endpoint_id: Uid,
    pub revision: i64,
    pub payload_id: Uid,
    pub previous_until: Option<Instant>,
    pub recorded_at: Instant,
}

fact!("INSERT INTO" endpoint_secret EndpointSecretRow, endpoint_id, revision:
    endpoint_id, revision, payload_id, previous_until, recorded_at
);

pub fn insert_bank(tx: &mut Tx<'_>, row: &BankRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))?;
    on_either!(tx, conn => diesel::insert_into(bank_counter::table)
        .values((bank_counter::bank_id.eq(row.id), bank_counter::last_number.eq(0)))
        .execute(conn)?);
    Ok(())
}

pub fn insert_observer(tx: &mut Tx<'_>, row: &ObserverRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// All observers ever entered.
pub fn observers(tx: &mut Tx<'_>) -> Result<HashSet<Uid>, Error> {
    let all: Vec<Uid> =
        on_either!(tx, conn => observer::table.select(observer::bank_id).load(conn)?);
    Ok(all.into_iter().collect())
}

/// The observers among those that a revision was issued to, by code: code, and name ja and en as of then. The same
/// whenever it is asked.
pub fn observers_told(
    tx: &mut Tx<'_>,
    revision_id: Uid,
) -> Result<Vec<(String, String, String)>, Error> {
    let told: Vec<(Uid, String, Instant)> = on_either!(tx, conn => notice::table
        .inner_join(bank::table.on(bank::id.eq(notice::bank_id)))
        .filter(notice::revision_id.eq(revision_id).and(notice::reason.eq("observer")))
        .order(bank::code)
        .select((bank::id, bank::code, notice::issued_at))
        .load(conn)?);
    let mut named = Vec::with_capacity(told.len());
    for (id, code, issued_at) in told {
        let names: Option<(String, String)> = on_either!(tx, conn => bank_profile::table
            .filter(bank_profile::bank_id.eq(id).and(bank_profile::recorded_at.le(issued_at)))
            .order(bank_profile::revision.desc())
            .select((bank_profile::name_ja, bank_profile::name_en))
            .first(conn)
            .optional()?);
        let (ja, en) = names.unwrap_or_default();
        named.push((code, ja, en));
    }
    Ok(named)
}

pub fn by_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<BankRow>, Error> {
    Ok(
        on_either!(tx, conn => bank::table.filter(bank::code.eq(code)).select(BankRow::as_select()).first(conn).optional()?),
    )
}

pub fn by_id(tx: &mut Tx<'_>, id: Uid) -> Result<Option<BankRow>, Error> {
    Ok(
        on_either!(tx, conn => bank::table.find(id).select(BankRow::as_select()).first(conn).optional()?),
    )
}

/// The code of each of these banks.
pub fn codes(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<(Uid, String)>, Error> {
    let mut codes = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS_AT_ONCE) {
        codes.extend(on_either!(tx, conn => bank::table
            .filter(bank::id.eq_any(part))
            .select((bank::id, bank::code))
            .load::<(Uid, String)>(conn)?));
    }
    Ok(codes)
}

/// Every bank ever entered, by code.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<BankRow>, Error> {
    Ok(
        on_either!(tx, conn => bank::table.order(bank::code).select(BankRow::as_select()).load(conn)?),
    )
}

pub fn insert_profile(tx: &mut Tx<'_>, row: &ProfileRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The profile in force.
pub fn profile(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Option<ProfileRow>, Error> {
    Ok(on_either!(tx, conn => bank_profile::table
        .filter(bank_profile::bank_id.eq(bank_id))
        .order(bank_profile::revision.desc())
        .select(ProfileRow::as_select())
        .first(conn)
        .optional()?))
}

/// The profile in force of every bank.
pub fn profiles(tx: &mut Tx<'_>) -> Result<Vec<ProfileRow>, Error> {
    let mut rows: Vec<ProfileRow> = on_either!(tx, conn => bank_profile::table
        .order((bank_profile::bank_id, bank_profile::revision.desc()))
        .select(ProfileRow::as_select())
        .load(conn)?);
    rows.dedup_by_key(|row| row.bank_id);
    Ok(rows)
}

pub fn insert_partnership(tx: &mut Tx<'_>, row: &PartnershipRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The partnership row in force.
pub fn partnership(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Option<PartnershipRow>, Error> {
    Ok(on_either!(tx, conn => partnership::table
        .filter(partnership::bank_id.eq(bank_id))
        .order(partnership::revision.desc())
        .select(PartnershipRow::as_select())
        .first(conn)
        .optional()?))
}

/// All partnership rows of a bank, oldest first.
pub fn partnership_history(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<PartnershipRow>, Error> {
    Ok(on_either!(tx, conn => partnership::table
        .filter(partnership::bank_id.eq(bank_id))
        .order(partnership::revision)
        .select(PartnershipRow::as_select())
        .load(conn)?))
}

/// The partnership row in force of every bank, by bank id.
pub fn partnerships(tx: &mut Tx<'_>) -> Result<Vec<PartnershipRow>, Error> {
    let mut rows: Vec<PartnershipRow> = on_either!(tx, conn => partnership::table
        .order((partnership::bank_id, partnership::revision.desc()))
        .select(PartnershipRow::as_select())
        .load(conn)?);
    rows.dedup_by_key(|row| row.bank_id);
    Ok(rows)
}

pub fn insert_contact(tx: &mut Tx<'_>, row: &ContactRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// Ends a contact; false = it had ended already.
pub fn end_contact(
    tx: &mut Tx<'_>,
    id: Uid,
    replaced_by: Option<Uid>,
    at: Instant,
) -> Result<bool, Error> {
    let row = ContactEndRow {
        contact_id: id,
        replaced_by,
        recorded_at: at,
    };
    let ended = on_either!(tx, conn => diesel::insert_into(contact_end::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    if ended == 1 {
        facts::record(tx, [&row])?;
    }
    Ok(ended == 1)
}

pub fn contact(tx: &mut Tx<'_>, id: Uid) -> Result<Option<ContactRow>, Error> {
    Ok(
        on_either!(tx, conn => contact::table.find(id).select(ContactRow::as_select()).first(conn).optional()?),
    )
}

/// Live contacts of one bank, by ladder level.
pub fn contacts_of(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<ContactRow>, Error> {
    Ok(on_either!(tx, conn => contact::table
        .filter(contact::bank_id.eq(bank_id))
        .filter(not(exists(contact_end::table.filter(contact_end::contact_id.eq(contact::id)))))
        .order((contact::level, contact::id))
        .select(ContactRow::as_select())
        .load(conn)?))
}

/// Live contacts of all banks.
pub fn contacts(tx: &mut Tx<'_>) -> Result<Vec<ContactRow>, Error> {
    Ok(on_either!(tx, conn => contact::table
        .filter(not(exists(contact_end::table.filter(contact_end::contact_id.eq(contact::id)))))
        .order((contact::bank_id, contact::id))
        .select(ContactRow::as_select())
        .load(conn)?))
}

pub fn insert_endpoint(tx: &mut Tx<'_>, row: &EndpointRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// Ends an endpoint; false = it had ended already.
pub fn end_endpoint(
    tx: &mut Tx<'_>,
    id: Uid,
    replaced_by: Option<Uid>,
    at: Instant,
) -> Result<bool, Error> {
    let row = EndpointEndRow {
        endpoint_id: id,
        replaced_by,
        recorded_at: at,
    };
    let ended = on_either!(tx, conn => diesel::insert_into(endpoint_end::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    if ended == 1 {
        facts::record(tx, [&row])?;
    }
    Ok(ended == 1)
}

pub fn endpoint(tx: &mut Tx<'_>, id: Uid) -> Result<Option<EndpointRow>, Error> {
    Ok(
        on_either!(tx, conn => endpoint::table.find(id).select(EndpointRow::as_select()).first(conn).optional()?),
    )
}

/// These endpoints, ended or not.
pub fn endpoints_by_id(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<Vec<EndpointRow>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS_AT_ONCE) {
        rows.extend(on_either!(tx, conn => endpoint::table
            .filter(endpoint::id.eq_any(part))
            .select(EndpointRow::as_select())
            .load::<EndpointRow>(conn)?));
    }
    Ok(rows)
}

/// Whether an endpoint has not ended.
pub fn is_live(tx: &mut Tx<'_>, id: Uid) -> Result<bool, Error> {
    let ended: i64 = on_either!(tx, conn => endpoint_end::table
        .find(id)
        .count()
        .get_result(conn)?);
    Ok(ended == 0)
}

/// Who took the place of a contact that has ended.
pub fn replacement_of(tx: &mut Tx<'_>, contact: Uid) -> Result<Option<Uid>, Error> {
    let found: Option<Option<Uid>> = on_either!(tx, conn => contact_end::table
        .find(contact)
        .select(contact_end::replaced_by)
        .first(conn)
        .optional()?);
    Ok(found.flatten())
}

/// Of these endpoints or contacts those that have ended.
pub fn ended(tx: &mut Tx<'_>, ids: &[Uid]) -> Result<HashSet<Uid>, Error> {
    let mut found = HashSet::new();
    for part in ids.chunks(ROWS_AT_ONCE) {
        let endpoints: Vec<Uid> = on_either!(tx, conn => endpoint_end::table
            .filter(endpoint_end::endpoint_id.eq_any(part))
            .select(endpoint_end::endpoint_id)
            .load(conn)?);
        let contacts: Vec<Uid> = on_either!(tx, conn => contact_end::table
            .filter(contact_end::contact_id.eq_any(part))
            .select(contact_end::contact_id)
            .load(conn)?);
        found.extend(endpoints.into_iter().chain(contacts));
    }
    Ok(found)
}

/// Whether an endpoint or a contact has ended.
pub fn has_ended(tx: &mut Tx<'_>, id: Uid) -> Result<bool, Error> {
    let contacts: i64 = on_either!(tx, conn => contact_end::table
        .filter(contact_end::contact_id.eq(id))
        .count()
        .get_result(conn)?);
    Ok(contacts > 0 || !is_live(tx, id)?)
}

/// Live endpoints of one bank.
pub fn endpoints_of(tx: &mut Tx<'_>, bank_id: Uid) -> Result<Vec<EndpointRow>, Error> {
    Ok(on_either!(tx, conn => endpoint::table
        .filter(endpoint::bank_id.eq(bank_id))
        .filter(not(exists(endpoint_end::table.filter(endpoint_end::endpoint_id.eq(endpoint::id)))))
        .order(endpoint::id)
        .select(EndpointRow::as_select())
        .load(conn)?))
}

/// How many live contacts and endpoints each bank has, by its code.
pub fn ways(tx: &mut Tx<'_>) -> Result<HashMap<String, (i64, i64)>, Error> {
    let contacts: Vec<(Uid, i64)> = on_either!(tx, conn => contact::table
        .filter(not(exists(contact_end::table.filter(contact_end::contact_id.eq(contact::id)))))
        .group_by(contact::bank_id)
        .select((contact::bank_id, count_star()))
        .load(conn)?);
    let endpoints: Vec<(Uid, i64)> = on_either!(tx, conn => endpoint::table
        .filter(not(exists(endpoint_end::table.filter(endpoint_end::endpoint_id.eq(endpoint::id)))))
        .group_by(endpoint::bank_id)
        .select((endpoint::bank_id, count_star()))
        .load(conn)?);
    let [contacts, endpoints] = [contacts, endpoints].map(HashMap::<Uid, i64>::from_iter);
    let of = |counts: &HashMap<Uid, i64>, id| counts.get(&id).copied().unwrap_or(0);
    let banks = all(tx)?.into_iter();
    let ways = banks.map(|row| (row.code, (of(&contacts, row.id), of(&endpoints, row.id))));
    Ok(ways.collect())
}

/// Live endpoints of all banks.
pub fn endpoints(tx: &mut Tx<'_>) -> Result<Vec<EndpointRow>, Error> {
    Ok(on_either!(tx, conn => endpoint::table
        .filter(not(exists(endpoint_end::table.filter(endpoint_end::endpoint_id.eq(endpoint::id)))))
        .order((endpoint::bank_id, endpoint::id))
        .select(EndpointRow::as_select())
        .load(conn)?))
}

pub fn insert_secret(tx: &mut Tx<'_>, row: &EndpointSecretRow) -> Result<(), Error> {
    insert_facts(tx, std::slice::from_ref(row))
}

/// The newest two secrets of an endpoint, newest first.
pub fn secrets(tx: &mut Tx<'_>, endpoint_id: Uid) -> Result<Vec<EndpointSecretRow>, Error> {
    Ok(on_either!(tx, conn => endpoint_secret::table
        .filter(endpoint_secret::endpoint_id.eq(endpoint_id))
        .order(endpoint_secret::revision.desc())
        .limit(2)
        .select(EndpointSecretRow::as_select())
        .load(conn)?))
}

const NEWEST_FEW: &str = "endpoint_secret.revision + 4 >
    (SELECT max(newest.revision) FROM endpoint_secret newest WHERE newest.endpoint_id = endpoint_secret.endpoint_id)";

/// The newest four secrets of each of these endpoints; those of each, the newest first.
pub fn secrets_of(tx: &mut Tx<'_>, endpoints: &[Uid]) -> Result<Vec<EndpointSecretRow>, Error> {
    let mut rows = Vec::with_capacity(endpoints.len());
    for part in endpoints.chunks(ROWS_AT_ONCE) {
        rows.extend(on_either!(tx, conn => endpoint_secret::table
            .filter(endpoint_secret::endpoint_id.eq_any(part))
            .filter(sql::<Bool>(NEWEST_FEW))
            .order((endpoint_secret::endpoint_id, endpoint_secret::revision.desc()))
            .select(EndpointSecretRow::as_select())
            .load::<EndpointSecretRow>(conn)?));
    }
    Ok(rows)
}

/// The revision of the newest secret of each of these endpoints.
pub fn newest_secrets(tx: &mut Tx<'_>, endpoints: &[Uid]) -> Result<HashMap<Uid, i64>, Error> {
    let mut newest = HashMap::with_capacity(endpoints.len());
    for part in endpoints.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(Uid, Option<i64>)> = on_either!(tx, conn => endpoint_secret::table
            .filter(endpoint_secret::endpoint_id.eq_any(part))
            .group_by(endpoint_secret::endpoint_id)
            .select((endpoint_secret::endpoint_id, max(endpoint_secret::revision)))
            .load(conn)?);
        newest.extend(rows.into_iter().filter_map(|(id, last)| Some((id, last?))));
    }
    Ok(newest)
}

/// The next revision number of a bank's profile.
pub fn next_profile_revision(tx: &mut Tx<'_>, bank_id: Uid) -> Result<i64, Error> {
    let last: Option<i64> = on_either!(tx, conn => bank_profile::table
        .filter(bank_profile::bank_id.eq(bank_id))
        .select(max(bank_profile::revision))
        .first(conn)?);
    Ok(last.unwrap_or(0) + 1)
}
