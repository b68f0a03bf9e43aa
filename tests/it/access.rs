//! Who may do what, tried from outside: every route as everybody, what the hub says of itself, and what it
//! does when it is asked too often or has no room.

pub mod cast;
mod limits;
pub mod matrix;
mod openapi;
pub mod table;

use crate::support::hub::On;
use cast::Cast;

mod every_route_answers_everybody_as_the_table_says {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_sqlite() {
        matrix::hold(&Cast::gathered(On::Sqlite).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_postgres() {
        matrix::hold(&Cast::gathered(On::Postgres).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_checks_the_doors_sees_an_open_one() {
    matrix::notice_what_is_wrong(&Cast::gathered(On::Sqlite).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrong_method_tells_a_bank_nothing_of_what_is_not_for_banks() {
    matrix::hide_what_a_method_would_tell(&Cast::gathered(On::Sqlite).await).await;
}
