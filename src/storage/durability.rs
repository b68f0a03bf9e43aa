//! What is asserted of a database before anything is promised on it: that a commit is on the disk, and, after an
//! end that was not clean, that what this process reads there is whole and on the disk too.

use super::delivery_log;
use super::error::Error;
use super::tx::{Conn, Tx};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use std::path::{Path, PathBuf};

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

#[derive(QueryableByName)]
struct CarriedOver {
    #[diesel(sql_type = BigInt)]
    log: i64,
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

/// Refuses an embedded database that would answer before the disk has.
pub(in crate::storage) fn assert_sqlite(conn: &mut SqliteConnection) -> Result<(), Error> {
    let journal: String = diesel::select(diesel::dsl::sql::<Text>(
        "(SELECT journal_mode FROM pragma_journal_mode)",
    ))
    .get_result(conn)?;
    let synchronous: i32 = diesel::select(diesel::dsl::sql::<Integer>(
        "(SELECT synchronous FROM pragma_synchronous)",
    ))
    .get_result(conn)?;
    if journal != "wal" || synchronous != 2 {
        return Err(Error::Unavailable(format!(
            "its journal is '{journal}' and synchronous {synchronous}, and must be 'wal' and 2; put the database on a local disk"
        )));
    }
    Ok(())
}

fn setting(conn: &mut PgConnection, name: &str) -> Result<Option<String>, Error> {
    let said: Said = diesel::sql_query(format!("SELECT current_setting('{name}', true) AS value"))
        .get_result(conn)?;
    Ok(said.value)
}

/// Whether what a server says in this locale is what `error.rs` knows.
fn is_read(lc_messages: &str) -> bool {
    let language = lc_messages
        .split(['.', '_', '-'])
        .next()
        .unwrap_or_default();
    ["", "C", "POSIX", "en", "English"].contains(&language)
}

fn takes_none() -> Error {
    Error::Unavailable(
        "PostgreSQL takes no writes: a standby, or set to default_transaction_read_only; name the server that does in database.url".into(),
    )
}

/// The database answers, and takes writes.
pub fn takes_writes(tx: &mut Tx<'_>) -> Result<(), Error> {
    delivery_log::end(tx)?;
    let Conn::Postgres(conn) = &mut tx.conn else {
        return Ok(());
    };
    // Reads are read-only themselves: what others begin is asked for.
    let refuses = "current_setting('default_transaction_read_only') = 'on' OR pg_is_in_recovery()";
    let refuses = diesel::select(diesel::dsl::sql::<Bool>(refuses));
    if refuses.get_result(*conn)? {
        return Err(takes_none());
    }
    Ok(())
}

/// Refuses a server that would answer before its disk has. A setting that a compatible server does not know is
/// its own affair. And one that takes no writes, or that speaks another language than this program reads.
pub(in crate::storage) fn assert_postgres(conn: &mut PgConnection) -> Result<(), Error> {
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let said = setting(conn, name)?;
        let durable = match said.as_deref() {
            None | Some("on") => true,
            Some(value) => name == "synchronous_commit" && value == "remote_apply",
        };
        if !durable {
            return Err(Error::Unavailable(format!(
                "PostgreSQL has {name} = {}, so that what it confirmed could be lost with the power; set {name} = on in postgresql.conf and reload it",
                said.unwrap_or_default()
            )));
        }
    }
    if setting(conn, "transaction_read_only")?.as_deref() == Some("on") {
        return Err(takes_none());
    }
    let language = setting(conn, "lc_messages")?.unwrap_or_default();
    if !is_read(&language) {
        return Err(Error::Unavailable(format!(
            "PostgreSQL has lc_messages = {language}, and what it says of locks and timeouts is read in English; as its superuser, ALTER ROLE of this hub SET lc_messages = 'C'"
        )));
    }
    Ok(())
}

/// Returns once the names in the file's folder are on the disk.
pub(in crate::storage) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|fault| Error::Disk(fault.to_string()))
}

/// Whether whoever had this file last ended without closing it.
pub(in crate::storage) fn was_cut_off(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(PathBuf::from(wal)).is_ok_and(|wal| wal.len() > 0)
}

/// Proves a file that was cut off. After a sync that failed, what the system hands out for the WAL need not be on
/// the disk: copied into the database and synced, it is. Then every page is looked at.
pub(in crate::storage) fn prove_sqlite(conn: &mut SqliteConnection) -> Result<(), Error> {
    let carried: CarriedOver =
        diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
    if carried.checkpointed < carried.log {
        return Err(Error::Busy(
            "another program reads the database; stop it, and start again".into(),
        ));
    }
    let verdicts: Vec<Verdict> = diesel::sql_query("PRAGMA quick_check(1)").load(conn)?;
    match verdicts.first() {
        Some(verdict) if verdict.quick_check == "ok" => Ok(()),
        verdict => Err(Error::Corrupt(verdict.map_or_else(
            || "the check of its pages gave no answer".into(),
            |verdict| verdict.quick_check.clone(),
        ))),
    }
}

/// Pages that the WAL alone has.
pub(in crate::storage) fn uncarried(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let found: CarriedOver = diesel::sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(conn)?;
    Ok(found.log - found.checkpointed)
}

/// A connection of its own for the proof, set as the hub's others are.
pub(in crate::storage) fn connect_sqlite(
    url: &str,
    pragmas: &str,
) -> Result<SqliteConnection, Error> {
    let mut conn = SqliteConnection::establish(url)
        .map_err(|fault| Error::Unavailable(format!("cannot open {url}: {fault}")))?;
    conn.batch_execute(pragmas)?;
    Ok(conn)
}

/// Bytes that may still be written where `folder` lies; `None` = cannot be told.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let space = rustix::fs::statvfs(folder).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(folder: &Path) -> SqliteConnection {
        let path = folder.join("a.db");
        let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
        conn.batch_execute("PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL;")
            .expect("settings");
        conn
    }

    #[test]
    fn a_database_that_answers_before_the_disk_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut conn = database(folder.path());
        assert_sqlite(&mut conn).expect("as shipped");
        for lax in [
            "PRAGMA synchronous = NORMAL",
            "PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE",
        ] {
            conn.batch_execute(lax).expect("a setting");
            let refused = assert_sqlite(&mut conn).expect_err("refused");
            assert!(refused.to_string().contains("local disk"), "{refused}");
        }
    }

    #[test]
    fn what_the_wal_alone_has_is_counted_and_carrying_it_over_ends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut conn = database(folder.path());
        let statements = "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);
            INSERT INTO t SELECT randomblob(100000)";
        conn.batch_execute(statements).expect("rows");
        let waiting = uncarried(&mut conn).expect("counted");
        assert!((25..40).contains(&waiting), "{waiting}");
        assert_eq!(
            uncarried(&mut conn).expect("counted"),
            waiting,
            "a look carries nothing over"
        );
        conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
            .expect("carried over");
        assert_eq!(uncarried(&mut conn).expect("counted"), 0);
    }

    #[test]
    fn a_file_left_open_is_proven_and_one_with_a_spoilt_page_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        let mut conn = database(folder.path());
        assert!(!was_cut_off(&folder.path().join("none.db")));
        conn.batch_execute("CREATE TABLE t (x); INSERT INTO t SELECT randomblob(3000)")
            .expect("rows");
        assert!(was_cut_off(&path));
        prove_sqlite(&mut conn).expect("whole");
        drop(conn);
        assert!(!was_cut_off(&path), "closed");

        let mut bytes = std::fs::read(&path).expect("readable");
        let page = bytes.len() - 4096;
        bytes[page..].fill(0xff);
        std::fs::write(&path, bytes).expect("spoilt");
        let refused = prove_sqlite(&mut database(folder.path())).expect_err("refused");
        assert!(matches!(refused, Error::Corrupt(_)), "{refused}");
    }

    #[test]
    fn a_server_that_speaks_another_language_is_not_read() {
        for english in [
            "C",
            "POSIX",
            "C.UTF-8",
            "en_US.UTF-8",
            "en_GB",
            "en-US",
            "English_United States.1252",
            "",
        ] {
            assert!(is_read(english), "{english}");
        }
        for other in ["ja_JP.UTF-8", "ja", "de_DE.UTF-8", "Japanese_Japan.932"] {
            assert!(!is_read(other), "{other}");
        }
    }
}
