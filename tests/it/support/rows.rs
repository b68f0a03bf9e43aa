//! What a database holds, table by table, as text: to see that a refused call left no trace, and where one
//! is. Looks at the database beside the hub, and knows no table by name.

use super::hub::TestHub;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use std::collections::BTreeMap;

/// All rows of each table, in an order of their own; blobs in hexadecimal digits.
pub type Rows = BTreeMap<String, String>;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

const SQLITE_TABLES: &str =
    "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
const POSTGRES_TABLES: &str =
    "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public'";

impl TestHub {
    /// The texts of a query's one column, which is called `text`.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let lines: Vec<Line> = match &self.postgres {
            Some(database) => {
                let mut conn = PgConnection::establish(database.url()).expect("connects");
                sql_query(query).load(&mut conn).expect("a good query")
            }
            None => {
                let path = self.folder.path().join("kairan.db");
                let mut conn =
                    SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
                conn.batch_execute("PRAGMA busy_timeout = 5000;")
                    .expect("takes the setting");
                sql_query(query).load(&mut conn).expect("a good query")
            }
        };
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Everything that the database holds now.
    pub fn rows(&self) -> Rows {
        let tables = self.texts(if self.postgres.is_some() {
            POSTGRES_TABLES
        } else {
            SQLITE_TABLES
        });
        tables
            .into_iter()
            .map(|table| (table.clone(), self.texts(&self.all_of(&table)).join("\n")))
            .collect()
    }

    fn all_of(&self, table: &str) -> String {
        if self.postgres.is_some() {
            return format!("SELECT t::text AS text FROM {table} t ORDER BY 1");
        }
        let columns = self.texts(&format!(
            "SELECT name AS text FROM pragma_table_info('{table}')"
        ));
        let quoted: Vec<String> = columns
            .iter()
            .map(|column| format!("quote(\"{column}\")"))
            .collect();
        format!(
            "SELECT {} AS text FROM {table} ORDER BY 1",
            quoted.join(" || ',' || ")
        )
    }
}

/// The tables that differ.
pub fn changed<'r>(before: &'r Rows, after: &'r Rows) -> Vec<&'r str> {
    let names = after
        .keys()
        // What the self-check, the clocks and the sequencer do by themselves; an entry is staged by whoever asked for something.
        .filter(|name| !name.starts_with("self_check"))
        .filter(|name| *name == "log_entry" || !name.starts_with("log_"))
        .filter(|name| before.get(*name) != after.get(*name));
    names.map(String::as_str).collect()
}
