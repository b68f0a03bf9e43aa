//! Statements of fixed text. diesel composes and prepares an UPDATE anew every time; these are prepared once
//! for each connection, and only their values change. For what is done for every notice or every attempt.

use super::error::Error;
use super::tx::{Conn, Tx};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;
use diesel::{PgConnection, QueryResult, RunQueryDsl, SqliteConnection};
use std::marker::PhantomData;

/// Defines a statement as its pieces of text, each followed by the value that stands there, as in
/// `Name: "UPDATE t SET a = " a: BigInt = i64, " WHERE b = " b: UidSql = Uid`. One that returns rows names
/// their type first: `Name returns (UidSql, BigInt): …`.
macro_rules! prepared {
    ($name:ident returns $row:ty: $($pieces:tt)*) => {
        prepared!($name: $($pieces)*);

        impl diesel::query_builder::Query for $name {
            type SqlType = $row;
        }
    };
    ($name:ident: $($text:literal $($field:ident: $sql:ty = $type:ty)?),* $(,)?) => {
        struct $name {
            $($($field: $type,)?)*
        }

        impl diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<DB> diesel::query_builder::QueryFragment<DB> for $name
        where
            DB: diesel::backend::Backend,
            $($(
                DB: diesel::sql_types::HasSqlType<$sql>,
                $type: diesel::serialize::ToSql<$sql, DB>,
            )?)*
        {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, DB>,
            ) -> diesel::QueryResult<()> {
                $(
                    out.push_sql($text);
                    $(out.push_bind_param::<$sql, _>(&self.$field)?;)?
                )*
                Ok(())
            }
        }

        impl<C> diesel::RunQueryDsl<C> for $name {}
    };
}
pub(in crate::storage) use prepared;

/// A row whose INSERT is text fixed once and for all: as diesel's own, every row would be composed and walked
/// three times over, and PostgreSQL would parse and plan each.
pub(in crate::storage) trait FixedInsert: Sized + 'static {
    /// Up to the columns' names, in the words of SQLite.
    const INTO: &'static str;

    /// One row, for SQLite.
    fn walk<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;

    /// Each column of all rows as an array, for PostgreSQL.
    fn columns<'r>(rows: &'r [Self]) -> Vec<Box<dyn QueryFragment<Pg> + 'r>>;
}

/// The INSERT of one row into the embedded database.
struct Inserting<'r, R>(&'r R);

impl<R: 'static> QueryId for Inserting<'_, R> {
    type QueryId = Inserting<'static, R>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R: FixedInsert> QueryFragment<Sqlite> for Inserting<'_, R> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk(out)
    }
}

impl<R> RunQueryDsl<SqliteConnection> for Inserting<'_, R> {}

/// The INSERT of many rows into PostgreSQL, whose text does not depend on how many they are.
struct InsertingMany<'r, R> {
    columns: Vec<Box<dyn QueryFragment<Pg> + 'r>>,
    row: PhantomData<R>,
}

impl<R: 'static> QueryId for InsertingMany<'_, R> {
    type QueryId = InsertingMany<'static, R>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R: FixedInsert> QueryFragment<Pg> for InsertingMany<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let ignoring = R::INTO.strip_prefix(IGNORING);
        if let Some(rest) = ignoring {
            out.push_sql("INSERT INTO ");
            out.push_sql(rest);
        } else {
            out.push_sql(R::INTO);
        }
        out.push_sql(" SELECT * FROM unnest(");
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                out.push_sql(", ");
            }
            column.walk_ast(out.reborrow())?;
        }
        out.push_sql(")");
        if ignoring.is_some() {
            out.push_sql(" ON CONFLICT DO NOTHING");
        }
        Ok(())
    }
}

impl<R> RunQueryDsl<PgConnection> for InsertingMany<'_, R> {}

/// How SQLite says that what is there already stays.
const IGNORING: &str = "INSERT OR IGNORE INTO ";

/// Inserts all rows, in their order; returns how many are new. PostgreSQL takes them in one statement, which saves
/// round trips; SQLite one by one, because a statement of one row needs no journal of its own.
pub(in crate::storage) fn insert_new<R: FixedInsert>(
    tx: &mut Tx<'_>,
    rows: &[R],
) -> Result<usize, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let mut new = 0;
    match &mut tx.conn {
        Conn::Sqlite(conn) => {
            for row in rows {
                new += Inserting(row).execute(*conn)?;
            }
        }
        Conn::Postgres(conn) => {
            let columns = R::columns(rows);
            let row = PhantomData::<R>;
            new += InsertingMany { columns, row }.execute(*conn)?;
        }
    }
    Ok(new)
}

pub(in crate::storage) fn insert_all<R: FixedInsert>(
    tx: &mut Tx<'_>,
    rows: &[R],
) -> Result<(), Error> {
    insert_new(tx, rows).map(drop)
}

/// Gives a row its INSERT: what it begins with, the table, the row, and its fields, named as the columns.
macro_rules! fixed_insert {
    ($verb:literal $table:ident $row:ty: $first:ident $(, $field:ident)* $(,)?) => {
        impl $crate::storage::prepared::FixedInsert for $row {
            const INTO: &'static str = concat!(
                $verb, " ", stringify!($table), " (", stringify!($first), $(", ", stringify!($field),)* ")"
            );

            fn walk<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                use diesel::dsl::SqlTypeOf;
                // Whole, so that no column is forgotten.
                let Self { $first $(, $field)* } = self;
                out.push_sql(Self::INTO);
                out.push_sql(" VALUES (");
                out.push_bind_param::<SqlTypeOf<$table::$first>, _>($first)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<SqlTypeOf<$table::$field>, _>($field)?;
                )*
                out.push_sql(")");
                Ok(())
            }

            fn columns<'r>(
                rows: &'r [Self],
            ) -> Vec<Box<dyn diesel::query_builder::QueryFragment<diesel::pg::Pg> + 'r>> {
                use diesel::IntoSql;
                use diesel::dsl::SqlTypeOf;
                use diesel::sql_types::Array;
                let first: Vec<_> = rows.iter().map(|row| &row.$first).collect();
                vec![
                    Box::new(first.into_sql::<Array<SqlTypeOf<$table::$first>>>()),
                    $({
                        let column: Vec<_> = rows.iter().map(|row| &row.$field).collect();
                        Box::new(column.into_sql::<Array<SqlTypeOf<$table::$field>>>())
                    },)*
                ]
            }
        }
    };
}
pub(in crate::storage) use fixed_insert;
