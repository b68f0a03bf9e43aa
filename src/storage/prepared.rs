//! Statements of fixed text. diesel composes and prepares an UPDATE anew every time; these are prepared once
//! for each connection, and only their values change. For what is done for every notice or every attempt.

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
