//! No row of any fact can be changed, removed or made up beside the hub without the check naming it. Tables
//! and columns come from the database itself, so that a new one cannot be forgotten.

use super::pages::seated;
use super::steps::{seconds, text};
use crate::support::ground::contact;
use crate::support::hub::{Bank, TestHub};
use crate::support::receiver::Answer;
use kairan::actions::Error;
use kairan::actions::add_contact::{add_contact, replace_contact};
use kairan::actions::open_notice::open_notice;
use kairan::actions::record_mail_report::record_mail_report;
use kairan::actions::set_endpoint::{EndpointInput, replace_endpoint};
use kairan::domain::access::BankScope;
use kairan::domain::id::Uid;
use kairan::domain::mail_report::{Action, Report, Status};
use kairan::storage::audit::{self, Finding};
use kairan::storage::bank::ObserverRow;
use kairan::storage::bank_key::{self, BankKeyEndRow, BankKeyRow};
use kairan::storage::evidence::{self, HeadDisputeRow};
use kairan::storage::facts::check;
use kairan::storage::{Tx, bank, notice};

/// Append-only, and no fact about banks, incidents or people: what was found by the self-check itself, and the
/// log's own tables, which its tree, its journal and its signatures hold. Entries are tried below all the same.
const OTHERS: [&str; 8] = [
    "self_check",
    "log_entry",
    "log_event",
    "log_run",
    "log_tile",
    "log_batch",
    "log_checkpoint",
    "log_seal",
];

/// Columns that stand beside an entry's bytes and are not in them: its place is the log's own.
const PLACES: [&str; 2] = ["seq", "group_id"];

/// Where 0 and 1 are no and yes; SQLite does not know that.
const BOOLEANS: [&str; 4] = ["ed25519", "given", "exposed", "concerns_you"];

/// Under which table a row is held whose entry binds it together with another.
fn held_under(table: &str) -> [&str; 2] {
    let other = match table {
        "roster_leaf" => "roster_version",
        "attempt" => "attempt_outcome",
        // Bound together with its notice.
        "message" => "notice",
        _ => table,
    };
    [table, other]
}

/// A life that leaves at least one row in every table of facts.
async fn life(hub: &TestHub) {
    let (officer, one, two) = (
        hub.officer().await,
        hub.bank("B001").await,
        hub.bank("B002").await,
    );
    let three = hub.bank("B003").await;
    let filed = hub.file(&officer).await;
    two.receiver.answer(Answer::Status(410));
    hub.deliver_due().await;
    let opened: Uid = text(&hub.newest(&one).await, "notice")
        .parse()
        .expect("an id");
    let (scope, session) = (
        BankScope::of_authenticated(one.id),
        Uid::at(hub.clock.now()),
    );
    hub.act(move |tx| open_notice(tx, scope, opened, session))
        .await;
    hub.revise(&officer, text(&filed, "reference")).await;
    hub.deliver_due().await;
    hub.stamp(&one).await.expect(200);
    let objection = hub.ask(&one, &["disputes_notice"]).await;
    hub.answer(&officer, &objection, "looked at")
        .await
        .expect(204);
    let ended = text(&hub.file(&officer).await, "reference").to_owned();
    for bank in ["B001", "B002", "B003"] {
        hub.close_notice(&officer, &ended, bank).await;
    }
    hub.close_incident(&officer, &ended).await.expect(201);
    let held = hub.hold_back(&officer).await;
    let path = format!("/api/v1/deferrals/{held}/lifting");
    let empty = serde_json::json!({});
    hub.post(&path, &officer.key, &empty).await.expect(200);
    let odd = hub.report(&two).await;
    let path = format!("/api/v1/reports/{}/rejection", text(&odd, "id"));
    let no = serde_json::json!({ "reason": "genuine" });
    hub.post(&path, &officer.key, &no).await.expect(204);
    reported(hub).await;
    move_house(hub, &one).await;
    hub.advance(seconds(3_600));
    hub.chase_due().await;
    hub.deliver_due().await;
    told_by_phone(hub, &two).await;
    for bank in [&two, &three] {
        hub.stamp(bank).await.expect(200);
    }
    // Three quarters of what the operator gave itself.
    hub.advance(seconds(60 * 3_600));
    hub.chase_due().await;
    hub.run_out().await;
    hub.leave("B003").await;
    hub.withdraw(&officer, text(&filed, "reference")).await;
    hub.deliver_due().await;
}

/// Mails went out, and the server of one says that it has it.
async fn reported(hub: &TestHub) {
    let claimed = hub.claim("email").await;
    let of_notice = claimed.iter().find(|one| one.due.notice.is_some());
    let delivery = of_notice.expect("a mail of a notice").due.id;
    hub.accepted_after_all(claimed).await;
    hub.act(move |tx| {
        let report = Report {
            delivery,
            action: Action::Delivered,
            status: Status::parse("2.0.0"),
            reported_at: Some(tx.now()?),
        };
        record_mail_report(tx, &report, b"as it came")
    })
    .await;
}

/// A contact and an endpoint are replaced.
async fn move_house(hub: &TestHub, bank: &Bank) {
    let (id, url) = (bank.id, bank.receiver.url("/new"));
    let rules = std::sync::Arc::new(crate::support::ground::rules());
    let made = hub.act(move |tx| {
        let second = add_contact(tx, id, &contact("B001", 2))?;
        replace_contact(tx, id, second, &contact("B001", 3))?;
        let old = bank::endpoints_of(tx, id)?.remove(0).id;
        let new = EndpointInput {
            url: url.clone(),
            ed25519: false,
        };
        replace_endpoint(tx, &rules, id, old, &new)
    });
    bank.receiver.knows(&made.await.secret);
}

/// A call that was made, and signed off.
async fn told_by_phone(hub: &TestHub, bank: &Bank) {
    let (officer, second) = (hub.officer().await, hub.officer().await);
    let tasks = hub.tasks(&officer).await;
    let mut calls = tasks.iter().filter(|task| task["bank"] == "B002");
    let call = calls.find(|task| task["kind"] == "phone").expect("a call");
    let id = bank.id;
    let contact = hub
        .act(move |tx| Ok(bank::contacts_of(tx, id)?.remove(0).id))
        .await;
    let told = serde_json::json!({ "channel": "phone", "contact": contact.to_string(), "person": "田中 実", "role": "当直",
        "told_at": hub.clock.now().to_string(), "read_back": call["number"].to_string(), "note": "" });
    let path = format!("/api/v1/tasks/{}/completion", text(call, "id"));
    let asked = hub
        .post(&path, &officer.key, &told)
        .await
        .expect(202)
        .json();
    hub.decide(&second, text(&asked, "request"), true)
        .await
        .expect(200);
}

/// Somebody with access to the database, whom neither triggers nor rules of the schema keep from anything.
pub struct Intruder {
    pub is_postgres: bool,
    /// Before every statement.
    unbound: &'static str,
}

impl Intruder {
    pub fn new(hub: &mut TestHub) -> Self {
        let is_postgres = hub.postgres.is_some();
        if is_postgres {
            let rules = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE;', conrelid::regclass, conname) AS text
                FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0";
            hub.tamper(&hub.texts(rules).concat());
        } else {
            let triggers = "SELECT 'DROP TRIGGER ' || name || ';' AS text FROM sqlite_master WHERE type = 'trigger'";
            hub.tamper(&hub.texts(triggers).concat());
        }
        Self {
            is_postgres,
            unbound: if is_postgres {
                "SET session_replication_role = replica;"
            } else {
                "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;"
            },
        }
    }

    pub fn act(&self, hub: &mut TestHub, statements: &str) {
        hub.tamper(&format!("{} {statements}", self.unbound));
    }

    /// Columns of a table and their types.
    pub fn columns(&self, hub: &TestHub, table: &str) -> Vec<(String, String)> {
        let query = if self.is_postgres {
            format!(
                "SELECT column_name || ' ' || data_type AS text FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
            )
        } else {
            format!("SELECT name || ' ' || type AS text FROM pragma_table_info('{table}')")
        };
        let lines = hub.texts(&query);
        let split = |line: &String| {
            let (name, kind) = line.split_once(' ').expect("a name and a type");
            (name.to_owned(), kind.to_owned())
        };
        lines.iter().map(split).collect()
    }

    /// One row, told by its primary key: the first or the last.
    pub fn row(&self, hub: &TestHub, table: &str, order: &str) -> String {
        let query = if self.is_postgres {
            format!(
                "SELECT string_agg(a.attname, ', ') AS text FROM pg_index i JOIN pg_attribute a
                ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
                WHERE i.indisprimary AND i.indrelid = '{table}'::regclass"
            )
        } else {
            format!(
                "SELECT group_concat(name, ', ') AS text FROM pragma_table_info('{table}') WHERE pk > 0"
            )
        };
        let key = hub.texts(&query).concat();
        let ordered: Vec<String> = key
            .split(", ")
            .map(|column| format!("{column} {order}"))
            .collect();
        format!(
            "({key}) = (SELECT {key} FROM {table} ORDER BY {} LIMIT 1)",
            ordered.join(", ")
        )
    }

    /// Another value of the same type; a time becomes earlier.
    pub fn other(&self, column: &str, kind: &str) -> String {
        match kind {
            "uuid" => "gen_random_uuid()".into(),
            "bytea" => {
                format!(
                    "CASE WHEN length({column}) > 0 THEN set_byte({column}, 0, get_byte({column}, 0) # 1) ELSE '\\x00' END"
                )
            }
            "bigint" => format!("coalesce({column}, 0) - 1000003"),
            "boolean" => format!("NOT {column}"),
            "timestamp with time zone" => {
                format!("coalesce({column}, now()) - interval '1 second'")
            }
            "INTEGER" if BOOLEANS.contains(&column) => format!("1 - {column}"),
            "INTEGER" => format!("coalesce({column}, 0) - 1000003"),
            "BLOB" => format!("randomblob(coalesce(length({column}), 16))"),
            "text" | "TEXT" => format!("coalesce({column}, '') || 'x'"),
            _ => panic!("{column} has a type that nobody thought of: {kind}"),
        }
    }
}

/// What holding facts against entries finds, in words.
pub async fn found(hub: &TestHub) -> Vec<Finding> {
    hub.store.read(check::whole).await.expect("facts are read")
}

/// A key of a bank that has ended, a head that the bank is said to have seen, and that it only observes.
fn a_key_a_dispute_and_an_observer(tx: &mut Tx<'_>) -> Result<(), Error> {
    let (id, recorded_at) = (tx.new_id()?, tx.now()?);
    let bank_id = bank::by_code(tx, "B001")?.expect("a bank").id;
    let mut stamped = None;
    for row in notice::inbox(tx, bank_id, 0, 100)? {
        stamped = stamped.or(evidence::acknowledgement_of(tx, row.id)?.map(|row| row.id));
    }
    let (public_key, proof) = (vec![1; 32], "a note".into());
    bank_key::insert(
        tx,
        &BankKeyRow {
            id,
            bank_id,
            public_key,
            proof,
            recorded_at,
        },
    )?;
    bank_key::end(
        tx,
        &BankKeyEndRow {
            key_id: id,
            replaced_by: None,
            recorded_at,
        },
    )?;
    bank::insert_observer(
        tx,
        &ObserverRow {
            bank_id,
            recorded_at,
        },
    )?;
    let (acknowledgement_id, size, root) = (stamped.expect("a stamp"), 1, vec![2; 32]);
    let dispute = HeadDisputeRow {
        id,
        bank_id,
        acknowledgement_id,
        size,
        root,
        recorded_at,
    };
    Ok(evidence::insert_head_dispute(tx, &dispute)?)
}

/// Every table that takes no change.
fn append_only(hub: &TestHub) -> Vec<String> {
    hub.texts(if hub.postgres.is_some() {
        "SELECT DISTINCT event_object_table::text AS text FROM information_schema.triggers WHERE trigger_name LIKE '%_no_change'"
    } else {
        "SELECT tbl_name AS text FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_update'"
    })
}

journeys! {
    async fn whatever_is_changed_removed_or_made_up_in_a_fact_is_named(hub) {
        life(&hub).await;
        hub.act(a_key_a_dispute_and_an_observer).await;
        let tables = append_only(&hub);
        let facts: Vec<&String> = tables.iter().filter(|table| !OTHERS.contains(&table.as_str())).collect();
        assert!(facts.len() >= 25, "only {facts:?}");
        let sound = hub.store.read(audit::findings).await.expect("read");
        assert_eq!(sound, []);
        let intruder = Intruder::new(&mut hub);
        let mut unnamed = Vec::new();
        for table in facts {
            intruder.act(&mut hub, &format!("CREATE TABLE kept AS SELECT * FROM {table};"));
            let restore = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept;");
            let columns = intruder.columns(&hub, table);
            let rows = [intruder.row(&hub, table, "ASC"), intruder.row(&hub, table, "DESC")];
            for (n, (column, kind)) in columns.iter().enumerate() {
                let (row, other) = (&rows[n % 2], intruder.other(column, kind));
                intruder.act(&mut hub, &format!("{restore} UPDATE {table} SET {column} = {other} WHERE {row};"));
                let names = found(&hub).await;
                let named = names.iter().any(|finding| finding.table.is_some_and(|named| held_under(table).contains(&named)));
                if !named { unnamed.push(format!("{table}.{column} of {row}: {names:?}")); }
            }
            let others: Vec<String> = columns.iter().map(|(column, kind)| intruder.other(column, kind)).collect();
            let made_up = format!("INSERT INTO {table} SELECT {} FROM {table} WHERE {};", others.join(", "), rows[1]);
            for change in [format!("DELETE FROM {table} WHERE {};", rows[0]), made_up] {
                intruder.act(&mut hub, &format!("{restore} {change}"));
                if hub.store.read(audit::findings).await.expect("read").is_empty() { unnamed.push(change); }
            }
            intruder.act(&mut hub, &format!("{restore} DROP TABLE kept;"));
            assert_eq!(found(&hub).await, [], "{table} was put back");
        }
        assert_eq!(unnamed, Vec::<String>::new());
    }

    async fn an_entry_that_is_not_what_was_staged_is_named(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        let intruder = Intruder::new(&mut hub);
        intruder.act(&mut hub, "CREATE TABLE kept AS SELECT * FROM log_entry;");
        let row = intruder.row(&hub, "log_entry", "DESC");
        for (column, kind) in intruder.columns(&hub, "log_entry") {
            if PLACES.contains(&column.as_str()) { continue; }
            intruder.act(&mut hub, &format!("UPDATE log_entry SET {column} = {} WHERE {row};", intruder.other(&column, &kind)));
            let names = found(&hub).await;
            assert!(names.iter().any(|finding| finding.table == Some("log_entry")), "{column}: {names:?}");
            let places = if hub.postgres.is_some() { "OVERRIDING SYSTEM VALUE" } else { "" };
            intruder.act(&mut hub, &format!("DELETE FROM log_entry; INSERT INTO log_entry {places} SELECT * FROM kept;"));
        }
        intruder.act(&mut hub, &format!("DELETE FROM log_entry WHERE {row};"));
        let names = found(&hub).await;
        assert!(names.iter().any(|finding| finding.code == "fact_unrecorded"), "{names:?}");
    }

    async fn an_acknowledgement_that_no_bank_gave_is_named(hub) {
        let (officer, _bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        let intruder = Intruder::new(&mut hub);
        let id = if hub.postgres.is_some() { "gen_random_uuid()" } else { "randomblob(16)" };
        intruder.act(&mut hub, &format!("INSERT INTO acknowledgement
            SELECT {id}, id, digest, 'portal', NULL, NULL, NULL, NULL, NULL, NULL, issued_at FROM notice;
            INSERT INTO notice_level SELECT notice_id, 4, recorded_at, recorded_at, id FROM acknowledgement;"));
        let (code, said) = hub.command(&["check"]).await;
        assert!(code == 3 && said.contains("BROKEN every fact has its entry: acknowledgement (1)"), "{code} {said}");
    }

    async fn what_the_standing_check_found_in_facts_stands_until_it_is_right_again(hub) {
        let auditor = seated(&hub, &hub.auditor().await).await;
        hub.bank("B001").await;
        let intruder = Intruder::new(&mut hub);
        intruder.act(&mut hub, "UPDATE bank SET code = 'B009';");
        assert!(hub.self_check().await);
        let page = auditor.page(&hub, "/check").await;
        assert!(page.contains("Every fact is as its entry says"), "{page}");
        for (put_right, stands) in [("", "fact_changed"), ("UPDATE bank SET code = 'B001';", "")] {
            intruder.act(&mut hub, put_right);
            hub.advance(seconds(61));
            assert!(hub.self_check().await);
            let verdict = hub.store.read(|tx| audit::verdicts(tx, 1)).await.expect("read").remove(0);
            assert_eq!(verdict.broken, stands);
        }
    }
}
