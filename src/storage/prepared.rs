//! Statements of fixed text. diesel composes and prepares an UPDATE anew every time; these are prepared once
//! for each connection, and only their values change. For what is done for every notice or every attempt.

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};

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
/// three times over.
pub(in crate::storage) trait FixedInsert: Sized {
    fn walk<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
}

/// The INSERT of one row into the embedded database.
pub(in crate::storage) struct Inserting<'r, R>(pub &'r R);

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

/// Gives a row its INSERT: what it begins with, the table, the row, and its fields, named as the columns.
macro_rules! fixed_insert {
    ($verb:literal $table:ident $row:ty: $first:ident $(, $field:ident)* $(,)?) => {
        impl $crate::storage::prepared::FixedInsert for $row {
            fn walk<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                use diesel::dsl::SqlTypeOf;
                // Whole, so that no column is forgotten.
                let Self { $first $(, $field)* } = self;
                out.push_sql(concat!(
                    $verb, " ", stringify!($table), " (", stringify!($first), $(", ", stringify!($field),)* ") VALUES ("
                ));
                out.push_bind_param::<SqlTypeOf<$table::$first>, _>($first)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<SqlTypeOf<$table::$field>, _>($field)?;
                )*
                out.push_sql(")");
                Ok(())
            }
        }
    };
}
pub(in crate::storage) use fixed_insert;
