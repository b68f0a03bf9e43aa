//! A large record, made of a small one, for `kairan bench`: the one incident that a hub has told its banks of is
//! repeated, with its notices, their levels and acknowledgements, and attempts that no delivery made, in times
//! long past. Nothing of it has an entry in the log or waits to be done; all that auditors ask for is there.

use super::{Bare, Conn};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::error::Error;
use crate::storage::schema::types::{InstantSql, UidSql};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use std::ops::Range;

/// Attempts of every notice: two failed, the last was accepted.
pub const TRIES: i64 = 3;
/// The case is of May 2019.
const BEGIN_MS: i64 = 1_557_972_000_000;
/// From one incident to the next: six years for a hundred thousand.
const APART_MS: i64 = 1_900_000;
/// From the incident to its banks' confirmations, of every second one.
const CONFIRMED_MS: i64 = 3_600_000;
/// The reference of the first.
const FIRST_REFERENCE: i64 = 100_000;
/// Incidents of one commit.
const AT_ONCE: i64 = 250;

/// Made once: speed is all, a lost file is made again.
const SQLITE: &str =
    "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144;
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 65536;";
/// Without the right to it, foreign keys are looked up for every row.
const POSTGRES: &str = "SET session_replication_role = replica";

// What keeps the ids of different tables apart.
const INCIDENT: i64 = 1;
const REVISION: i64 = 2;
const FANOUT: i64 = 3;
const NOTICE: i64 = 4;
const ATTEMPT: i64 = 5;
const ACKNOWLEDGEMENT: i64 = 6;

/// When a made incident was accepted.
pub fn accepted_at(incident: i64) -> Instant {
    Instant::from_micros((BEGIN_MS + incident * APART_MS) * 1_000)
}

/// What it is called.
pub fn reference(incident: i64) -> String {
    format!("INC-2018-{}", FIRST_REFERENCE + incident)
}

/// The id of one of the attempts of `banks` banks, by its place among all: of each incident all first tries, then
/// all second ones, then all third ones.
pub fn attempt(place: i64, banks: i64) -> Uid {
    let (incident, rest) = (place / (banks * TRIES), place % (banks * TRIES));
    let (nth, bank) = (rest / banks, rest % banks);
    let millis = BEGIN_MS + incident * APART_MS + wait_ms(nth);
    let number = (incident * banks + bank) * TRIES + nth;
    let text = format!("{millis:012x}7{ATTEMPT:03x}8{number:015x}");
    let value = u128::from_str_radix(&text, 16).expect("it is 32 hexadecimal digits");
    Uid::from_bytes(value.to_be_bytes())
}

/// From the incident to the nth try.
fn wait_ms(nth: i64) -> i64 {
    100 + nth * nth * 5_000
}

/// The pieces of SQL that are written alike everywhere: `s.i` is the incident, `t` what is repeated.
struct Words {
    is_sqlite: bool,
    banks: i64,
}

impl Words {
    /// An id as `attempt` makes them, by milliseconds.
    fn id(&self, millis: &str, what: i64, number: &str) -> String {
        if self.is_sqlite {
            format!("unhex(printf('%012x7%03x8%015x', {millis}, {what}, {number}))")
        } else {
            format!(
                "CAST(lpad(to_hex({millis}), 12, '0') || '7' || lpad(to_hex({what}), 3, '0')
                    || '8' || lpad(to_hex({number}), 15, '0') AS uuid)"
            )
        }
    }

    fn at(&self, millis: &str) -> String {
        if self.is_sqlite {
            format!("(1000 * ({millis}))")
        } else {
            format!("(timestamptz 'epoch' + ({millis}) * interval '1 millisecond')")
        }
    }

    /// So long after the incident, in milliseconds.
    fn after(wait_ms: i64) -> String {
        format!("({BEGIN_MS} + s.i * {APART_MS} + {wait_ms})")
    }

    fn number(&self) -> String {
        format!("(s.i * {} + t.place)", self.banks)
    }

    fn of_incident(&self, what: i64) -> String {
        self.id(&Self::after(0), what, "s.i")
    }

    fn notice(&self) -> String {
        self.id(&Self::after(0), NOTICE, &self.number())
    }

    fn attempt(&self, nth: i64) -> String {
        let number = format!("({} * {TRIES} + {nth})", self.number());
        self.id(&Self::after(wait_ms(nth)), ATTEMPT, &number)
    }

    /// Incidents, their revisions, notices and fan-outs, the last of all.
    fn told(&self) -> Vec<String> {
        let (incident, revision) = (self.of_incident(INCIDENT), self.of_incident(REVISION));
        let (fanout, notice) = (self.of_incident(FANOUT), self.notice());
        let (at, by) = (self.at(&Self::after(0)), self.at(&Self::after(86_400_000)));
        vec![
            format!(
                "INSERT INTO incident (id, reference, opened_at)
                 SELECT {incident}, 'INC-2018-' || CAST({FIRST_REFERENCE} + s.i AS text), {at} FROM s"
            ),
            format!(
                "INSERT INTO revision (id, incident_id, number, phase, determination, severity, urgency, status, tlp,
                    kind, title_ja, title_en, search_text, body, digest, contacts_id, accepted_at, accepted_by, fanout_id)
                 SELECT {revision}, {incident}, t.number, t.phase, t.determination, t.severity, t.urgency, t.status,
                    t.tlp, t.kind, t.title_ja, t.title_en, t.search_text, t.body, t.digest, t.contacts_id, {at},
                    t.accepted_by, {fanout} FROM s CROSS JOIN told_revision t"
            ),
            format!(
                "INSERT INTO notice (id, revision_id, fanout_id, incident_id, bank_id, number, reason, exposed,
                    concerns_you, acknowledge_by, object, digest, commitment, facts, channels, issued_at)
                 SELECT {notice}, {revision}, {fanout}, {incident}, t.bank_id, t.number + 1 + s.i, t.reason, t.exposed,
                    t.concerns_you, {by}, t.object, t.digest, t.commitment, t.facts, t.channels, {at}
                 FROM s CROSS JOIN told_notice t"
            ),
            format!(
                "INSERT INTO fanout (id, revision_id, kind, n, roster_version, notice_count, notices_root, salt_id, issued_at)
                 SELECT {fanout}, {revision}, t.kind, t.n, t.roster_version, t.notice_count, t.notices_root, t.salt_id,
                    {at} FROM s CROSS JOIN told_fanout t"
            ),
        ]
    }

    /// The nth try of every notice, and what came of it.
    fn tried(&self, nth: i64) -> [String; 2] {
        let (attempt, wait) = (self.attempt(nth), wait_ms(nth));
        let (at, recorded_at) = (
            self.at(&Self::after(wait)),
            self.at(&Self::after(wait + 60)),
        );
        let (outcome, status) = match TRIES - 1 - nth {
            0 => ("accepted", "204"),
            1 => ("status", "503"),
            _ => ("timeout", "NULL"),
        };
        [
            format!(
                "INSERT INTO attempt (id, delivery_id, number, node_id, started_at)
                 SELECT {attempt}, t.delivery_id, {nth} + 1, t.target_id, {at} FROM s CROSS JOIN told_notice t ORDER BY 1"
            ),
            format!(
                "INSERT INTO attempt_outcome (attempt_id, seq, delivery_id, notice_id, incident_id, bank_id, target_id,
                    channel, number, outcome, status, duration_ms, body_hash, started_at, recorded_at)
                 SELECT {attempt}, 1, t.delivery_id, {notice}, {incident}, t.bank_id, t.target_id, 'webhook', {nth} + 1,
                    '{outcome}', {status}, 50, t.digest, {at}, {recorded_at} FROM s CROSS JOIN told_notice t ORDER BY 1",
                notice = self.notice(),
                incident = self.of_incident(INCIDENT),
            ),
        ]
    }

    /// Every notice was delivered by the last try, and every second one confirmed.
    fn reached(&self) -> [String; 3] {
        let (notice, last) = (self.notice(), self.attempt(TRIES - 1));
        let taken_at = self.at(&Self::after(wait_ms(TRIES - 1)));
        let confirmed = Self::after(CONFIRMED_MS);
        let stamp = self.id(&confirmed, ACKNOWLEDGEMENT, &self.number());
        let stamped_at = self.at(&confirmed);
        [
            format!(
                "INSERT INTO notice_level (notice_id, level, reached_at, recorded_at, evidence_id)
                 SELECT {notice}, 2, {taken_at}, {taken_at}, {last} FROM s CROSS JOIN told_notice t"
            ),
            format!(
                "INSERT INTO acknowledgement (id, notice_id, digest, class, recorded_at)
                 SELECT {stamp}, {notice}, t.digest, 'api_key', {stamped_at} FROM s CROSS JOIN told_notice t
                 WHERE (s.i + t.place) % 2 = 0"
            ),
            format!(
                "INSERT INTO notice_level (notice_id, level, reached_at, recorded_at, evidence_id)
                 SELECT {notice}, 4, {stamped_at}, {stamped_at}, {stamp} FROM s CROSS JOIN told_notice t
                 WHERE (s.i + t.place) % 2 = 0"
            ),
        ]
    }
}

impl Bare {
    /// Keeps what the one incident looks like. No hub may run from here until `end_record`.
    pub fn begin_record(&mut self) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.batch_execute(SQLITE)?,
            // Slower without.
            Conn::Postgres(conn) => drop(conn.batch_execute(POSTGRES)),
        }
        self.run(
            "CREATE TEMP TABLE told_revision AS SELECT * FROM revision;
             CREATE TEMP TABLE told_fanout AS SELECT * FROM fanout;
             CREATE TEMP TABLE told_notice AS SELECT n.*, d.id AS delivery_id, d.target_id,
                row_number() OVER (ORDER BY n.bank_id) - 1 AS place
                FROM notice n JOIN delivery d ON d.notice_id = n.id AND d.channel = 'webhook';",
        )
    }

    /// Repeats it under these numbers, which go on from those before.
    pub fn grow_record(&mut self, incidents: Range<i64>, banks: i64) -> Result<(), Error> {
        let words = self.words(banks);
        let mut statements = words.told();
        statements.extend((0..TRIES).flat_map(|nth| words.tried(nth)));
        statements.extend(words.reached());
        let mut first = incidents.start;
        while first < incidents.end {
            let last = incidents.end.min(first + AT_ONCE) - 1;
            let series = format!(
                "WITH RECURSIVE s(i) AS
                 (SELECT CAST({first} AS bigint) UNION ALL SELECT i + 1 FROM s WHERE i < {last})"
            );
            let all: String = statements
                .iter()
                .map(|statement| format!("{series} {statement};"))
                .collect();
            self.run(&format!("BEGIN; {all} COMMIT;"))?;
            first = last + 1;
        }
        Ok(())
    }

    /// Leaves the record as it would be at rest; the self-check, which would find fault with it, is put off.
    pub fn end_record(&mut self) -> Result<(), Error> {
        let far = self.words(1).at("4102444800000");
        self.run(&format!(
            "UPDATE bank_counter SET last_number =
                (SELECT max(number) FROM notice WHERE notice.bank_id = bank_counter.bank_id);
             UPDATE self_check_turn SET next_at = {far};"
        ))?;
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?,
            // As the server does by itself within minutes.
            Conn::Postgres(conn) => conn.batch_execute("VACUUM (ANALYZE)")?,
        }
        Ok(())
    }

    fn run(&mut self, sql: &str) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.batch_execute(sql)?,
            Conn::Postgres(conn) => conn.batch_execute(sql)?,
        }
        Ok(())
    }

    fn words(&self, banks: i64) -> Words {
        Words {
            is_sqlite: matches!(self.conn, Conn::Sqlite(_)),
            banks,
        }
    }

    /// Which try an attempt was: a look-up as plain as can be.
    pub fn try_of(&mut self, attempt: Uid) -> Result<i64, Error> {
        const SQL: &str = "SELECT number FROM attempt WHERE id = ";
        let found: Number = match &mut self.conn {
            Conn::Sqlite(conn) => diesel::sql_query(format!("{SQL}?"))
                .bind::<UidSql, _>(attempt)
                .get_result(conn)?,
            Conn::Postgres(conn) => diesel::sql_query(format!("{SQL}$1"))
                .bind::<UidSql, _>(attempt)
                .get_result(conn)?,
        };
        Ok(found.number)
    }

    /// Streams the outcomes of these attempts, both ends included, with the names of bank and incident, in order.
    pub fn stream_outcomes(
        &mut self,
        (first, last): (Uid, Uid),
        mut take: impl FnMut(&OutcomeLine),
    ) -> Result<(), Error> {
        const SQL: &str = "SELECT o.attempt_id, o.seq, o.delivery_id, o.notice_id, i.reference, b.code, o.channel,
            o.number, o.outcome, o.status, o.duration_ms, o.started_at, o.recorded_at, o.body_hash
            FROM attempt_outcome o LEFT JOIN incident i ON i.id = o.incident_id LEFT JOIN bank b ON b.id = o.bank_id
            WHERE o.attempt_id BETWEEN ";
        const ORDER: &str = "ORDER BY o.attempt_id, o.seq";
        match &mut self.conn {
            Conn::Sqlite(conn) => {
                let rows = diesel::sql_query(format!("{SQL} ? AND ? {ORDER}"))
                    .bind::<UidSql, _>(first)
                    .bind::<UidSql, _>(last)
                    .load_iter::<OutcomeLine, diesel::connection::DefaultLoadingMode>(conn)?;
                for line in rows {
                    take(&line?);
                }
            }
            Conn::Postgres(conn) => {
                // The default mode would hold all rows at once.
                let rows = diesel::sql_query(format!("{SQL} $1 AND $2 {ORDER}"))
                    .bind::<UidSql, _>(first)
                    .bind::<UidSql, _>(last)
                    .load_iter::<OutcomeLine, diesel::pg::PgRowByRowLoadingMode>(conn)?;
                for line in rows {
                    take(&line?);
                }
            }
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// An outcome with the names that an export gives.
#[derive(Debug, QueryableByName)]
pub struct OutcomeLine {
    #[diesel(sql_type = UidSql)]
    pub attempt_id: Uid,
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = UidSql)]
    pub delivery_id: Uid,
    #[diesel(sql_type = Nullable<UidSql>)]
    pub notice_id: Option<Uid>,
    #[diesel(sql_type = Nullable<Text>)]
    pub reference: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub code: Option<String>,
    #[diesel(sql_type = Text)]
    pub channel: String,
    #[diesel(sql_type = BigInt)]
    pub number: i64,
    #[diesel(sql_type = Text)]
    pub outcome: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub status: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub duration_ms: i64,
    #[diesel(sql_type = InstantSql)]
    pub started_at: Instant,
    #[diesel(sql_type = InstantSql)]
    pub recorded_at: Instant,
    #[diesel(sql_type = Nullable<Binary>)]
    pub body_hash: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_attempts_are_in_the_order_of_their_places() {
        let ids: Vec<Uid> = (0..60).map(|place| attempt(place, 5)).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        let (first, last) = Uid::span(Instant::from_micros((BEGIN_MS + 100) * 1_000));
        assert!(first <= ids[0] && ids[0] <= last);
    }
}
