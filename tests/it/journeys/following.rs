//! Nodes that do not lead the log: what they keep, and what they prevent. On PostgreSQL, where there are several.

use super::sealing::{key_of, set_back, size};
use super::steps::seconds;
use crate::support::hub::{On, TestHub};
use kairan::domain::id::Uid;
use kairan::log::recover::adopt;
use kairan::log::sequencer::{Sequencer, Standing};
use kairan::log::{Refusal, journal};
use kairan::storage::log;
use std::path::PathBuf;
use tokio::sync::watch;

/// A second node, or a third, whose journal begins at the newest head.
struct Node {
    sequencer: Sequencer,
    journal: PathBuf,
    _stop: watch::Sender<bool>,
}

impl Node {
    async fn join(hub: &TestHub, name: &str) -> Self {
        let read = hub
            .store
            .read(|tx| Ok::<_, kairan::actions::Error>(log::latest_checkpoint(tx, 1)?));
        let signed = read.await.expect("read").expect("a head");
        let journal = hub.folder.path().join(name);
        adopt(&hub.store, &key_of(hub), &journal, &signed.note)
            .await
            .expect("adopted");
        let (stop, stopping) = watch::channel(false);
        let node = Uid::at(hub.clock.now());
        let sequencer = Sequencer::new(
            hub.store.clone(),
            key_of(hub),
            journal.clone(),
            node,
            stopping,
        );
        Self {
            sequencer,
            journal,
            _stop: stop,
        }
    }

    async fn step(&mut self) -> Standing {
        self.sequencer.step().await.expect("looked at");
        self.sequencer.standing()
    }

    /// The size of the newest head that it has on record.
    fn known(&self) -> i64 {
        let head = journal::last_head(&self.journal).expect("readable");
        i64::try_from(head.expect("a head").size).expect("small")
    }
}

async fn filed_and_sealed(hub: &TestHub) -> i64 {
    let officer = hub.officer().await;
    hub.file(&officer).await;
    hub.deliver_due().await;
    hub.seal().await;
    size(hub).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_follows_keeps_its_own_journal_abreast_and_leads_on_from_it() {
    let hub = TestHub::start(On::Postgres).await;
    hub.bank("B001").await;
    filed_and_sealed(&hub).await;
    let mut other = Node::join(&hub, "other-journal").await;
    for _ in 0..3 {
        let newest = filed_and_sealed(&hub).await;
        assert_eq!(other.step().await, Standing::Following);
        assert_eq!(other.known(), newest);
    }
    hub.advance(seconds(11));
    let newest = size(&hub).await;
    assert_eq!(other.step().await, Standing::Leading(newest));
    let officer = hub.officer().await;
    hub.file(&officer).await;
    hub.seal().await;
    assert_eq!(hub.log_standing().await, Standing::Following);
    other.step().await;
    hub.send_due().await;
    assert_eq!(hub.log_faults().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_in_the_database_and_not_published_is_in_no_other_journal() {
    let hub = TestHub::start(On::Postgres).await;
    hub.bank("B001").await;
    let published = filed_and_sealed(&hub).await;
    let mut other = Node::join(&hub, "other-journal").await;
    let officer = hub.officer().await;
    hub.file(&officer).await;
    hub.seal_until(kairan::log::sequencer::Until::Sequenced)
        .await;
    assert!(size(&hub).await > published);
    assert_eq!(
        (other.step().await, other.known()),
        (Standing::Following, published)
    );
    hub.seal().await;
    assert_eq!(
        (other.step().await, other.known()),
        (Standing::Following, size(&hub).await)
    );
    hub.send_due().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_head_that_a_follower_has_on_record_cannot_be_lost_to_a_node_with_an_older_journal() {
    let mut hub = TestHub::start(On::Postgres).await;
    hub.bank("B001").await;
    let yesterday = filed_and_sealed(&hub).await;
    let mut follower = Node::join(&hub, "follower").await;
    // A node that was off since yesterday.
    let mut stale = Node::join(&hub, "stale").await;
    let today = filed_and_sealed(&hub).await;
    assert_eq!(follower.step().await, Standing::Following);
    hub.let_go_of_the_log().await;
    let statement = set_back(hub.postgres.as_ref(), yesterday);
    hub.tamper(&statement);
    hub.advance(seconds(11));
    assert_eq!(
        stale.step().await,
        Standing::Leading(size(&hub).await),
        "its journal knows no better"
    );
    let lost = Refusal::DatabaseBehind {
        database: size(&hub).await,
        journal: today.unsigned_abs(),
    };
    assert_eq!(
        follower.step().await,
        Standing::Refusing(lost),
        "it took the lead, and signs nothing"
    );
    let signed = size(&hub).await;
    let officer = hub.officer().await;
    hub.file(&officer).await;
    stale.step().await;
    assert_eq!(
        stale.step().await,
        Standing::Following,
        "nor does any other"
    );
    assert_eq!(size(&hub).await, signed);
}
