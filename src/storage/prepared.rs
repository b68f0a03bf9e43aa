//! Statements of fixed text. diesel composes and prepares an UPDATE anew every time; these are prepared once
//! for each connection, and only their values change. For what is done for every notice or every attempt.

use diesel::QueryResult;
use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

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

/// A statement of diesel's whose text does not depend on its values, as of one row to be inserted. diesel walks
/// every statement once more at every use to find out whether it may be kept; this one says so.
pub(in crate::storage) struct Fixed<T>(pub T);

impl<T: QueryId> QueryId for Fixed<T> {
    type QueryId = T::QueryId;
    const HAS_STATIC_QUERY_ID: bool = T::HAS_STATIC_QUERY_ID;
}

impl<DB: Backend, T: QueryFragment<DB>> QueryFragment<DB> for Fixed<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T, C> RunQueryDsl<C> for Fixed<T> {}
