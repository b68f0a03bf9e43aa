//! The version before and this one: what the older left is brought up to date, and nothing of it is lost.

use super::steps::hours;
use crate::support::hub::TestHub;
use crate::support::receiver::Answer;
use crate::support::rows::{Rows, changed};
use std::path::Path;

/// The newest step of the schema, and what takes it back.
fn newest_step(hub: &TestHub) -> (String, String) {
    let kind = if hub.postgres.is_some() {
        "postgres"
    } else {
        "sqlite"
    };
    let steps = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(kind);
    let names = std::fs::read_dir(&steps).expect("a folder");
    let names = names.map(|entry| entry.expect("readable").file_name().into_string());
    let newest = names.map(|name| name.expect("UTF-8")).max().expect("steps");
    let back = std::fs::read_to_string(steps.join(&newest).join("down.sql"));
    let version = newest.split('_').next().unwrap_or_default().to_owned();
    (version, back.expect("it can be taken back"))
}

fn applied(hub: &TestHub) -> Vec<String> {
    hub.texts("SELECT version AS text FROM __diesel_schema_migrations ORDER BY version")
}

/// What differs, but for the list of steps itself, which says when each was done.
fn differing<'r>(before: &'r Rows, after: &'r Rows) -> Vec<&'r str> {
    let mut names = changed(before, after);
    names.retain(|name| !name.starts_with("__"));
    names
}

journeys! {
    async fn a_database_of_the_version_before_is_brought_up_to_date_and_loses_nothing(hub) {
        let (officer, well, ill) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        ill.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&well).await.expect(200);
        hub.seal().await;
        let (steps, before) = (applied(&hub), hub.rows());
        let (version, back) = newest_step(&hub);
        hub.tamper(&format!("{back}; DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"));
        assert_eq!(applied(&hub).len(), steps.len() - 1);
        hub.restart().await;
        hub.is_sound = true;
        assert_eq!(applied(&hub), steps);
        assert_eq!(differing(&before, &hub.rows()), [""; 0]);
        ill.receiver.answer(Answer::Status(204));
        hub.advance(hours(1));
        hub.file(&officer).await;
        assert_eq!(hub.deliver_due().await, 3, "two first attempts, and the retry from before");
    }
}
