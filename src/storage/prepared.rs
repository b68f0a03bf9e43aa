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

/// Rows that one INSERT of the embedded database writes where there are so many: what begins and ends a statement
/// is paid once for them, and a key that follows the one before is placed without a new search.
pub(in crate::storage) const AT_ONCE: usize = 16;

/// A row whose INSERT is text fixed once and for all: as diesel's own, every row would be composed and walked
/// three times over.
pub(in crate::storage) trait FixedInsert: Sized {
    /// Up to the values.
    const BEGIN: &str;
    /// The values, without the parentheses around them.
    fn values<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
}

/// The INSERT of some rows into the embedded database.
pub(in crate::storage) struct Inserting<'r, R, const N: usize>(pub &'r [R; N]);

impl<R: 'static, const N: usize> QueryId for Inserting<'_, R, N> {
    type QueryId = Inserting<'static, R, N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R: FixedInsert, const N: usize> QueryFragment<Sqlite> for Inserting<'_, R, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(R::BEGIN);
        for (place, row) in self.0.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { "), (" });
            row.values(&mut out)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<R, const N: usize> RunQueryDsl<SqliteConnection> for Inserting<'_, R, N> {}

/// Gives a row its INSERT: what it begins with, the table, the row, and its fields, named as the columns.
macro_rules! fixed_insert {
    ($verb:literal $table:ident $row:ty: $first:ident $(, $field:ident)* $(,)?) => {
        impl $crate::storage::prepared::FixedInsert for $row {
            const BEGIN: &str = concat!(
                $verb, " ", stringify!($table), " (", stringify!($first), $(", ", stringify!($field),)* ") VALUES "
            );

            fn values<'b>(
                &'b self,
                out: &mut diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                use diesel::dsl::SqlTypeOf;
                // Whole, so that no column is forgotten.
                let Self { $first $(, $field)* } = self;
                out.push_bind_param::<SqlTypeOf<$table::$first>, _>($first)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<SqlTypeOf<$table::$field>, _>($field)?;
                )*
                Ok(())
            }
        }
    };
}
pub(in crate::storage) use fixed_insert;
