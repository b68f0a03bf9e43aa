//! Two who act at the same moment. On PostgreSQL the second begins while the first, all done, is not committed yet; on
//! SQLite it has its turn after it. Either way the outcome is that of one after the other.

use crate::support::ground::{Ground, contact, filing, on_both, parsed};
use kairan::actions::acknowledge::{self, Confirmation};
use kairan::actions::add_contact::add_contact;
use kairan::actions::issue_key::{KeyInput, Owner, issue_key};
use kairan::actions::once::once;
use kairan::actions::record::Finished;
use kairan::actions::{Error, close_notice, decide, issue};
use kairan::domain::access::BankScope;
use kairan::domain::digest::Digest;
use kairan::domain::id::Uid;
use kairan::domain::level::AckClass;
use kairan::domain::outcome::{ErrorClass, Outcome};
use kairan::domain::refusal::Refusal;
use kairan::storage::delivery;
use kairan::storage::{Lane, Tx, incident, notice};
use std::sync::Arc;
use std::time::Duration;

/// How long the first is done and not committed.
const HELD: Duration = Duration::from_millis(400);

/// What came of the first, and of the second, which began within it.
async fn overlapping<A, B>(
    ground: &Ground,
    first: impl Fn(&mut Tx<'_>) -> Result<A, Error> + Send + 'static,
    second: impl Fn(&mut Tx<'_>) -> Result<B, Error> + Send + 'static,
) -> (Result<A, Error>, Result<B, Error>)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (done, mut is_done) = tokio::sync::mpsc::unbounded_channel();
    let store = ground.store.clone();
    let held = tokio::spawn(async move {
        let act = move |tx: &mut Tx<'_>| {
            let made = first(tx);
            // Nobody waits for a second run.
            let _ = done.send(());
            std::thread::sleep(HELD);
            made
        };
        store.write(Lane::Front, act).await
    });
    is_done.recv().await.expect("it is done");
    let second = ground.store.write(Lane::Front, second).await;
    (held.await.expect("no panic"), second)
}

fn refusal<T>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        Err(other) => panic!("another fault: {other}"),
        Ok(_) => panic!("it was done"),
    }
}

/// The bank's machine acknowledges a notice.
fn stamp(tx: &mut Tx<'_>, bank: Uid, notice: Uid) -> Result<(), Error> {
    let told = notice::by_id(tx, notice)?.expect("it is there");
    let digest = Digest::from_slice(&told.digest).expect("a digest");
    let by = Confirmation {
        class: AckClass::ApiKey,
        person: None,
        api_key: None,
        delivery: None,
        name: "佐藤 花子".into(),
        role: "不正対策室".into(),
    };
    let scope = BankScope::of_authenticated(bank);
    acknowledge::acknowledge(tx, scope, notice, digest, &by).map(drop)
}

fn named(label: &str) -> KeyInput {
    KeyInput {
        label: label.into(),
        days: None,
    }
}

on_both! {
    async fn the_same_request_twice_is_answered_once_and_not_judged_by_what_it_did_itself(ground) {
        ground.bank("B001").await;
        let officer = ground.person("officer").await;
        let rules = Arc::clone(&ground.rules);
        // An act that refuses whatever has been done already, as that of a draft does.
        let file = move |tx: &mut Tx<'_>| {
            once(tx, officer, "the same key", b"the same request", |tx| {
                if !incident::after(tx, None, 1)?.is_empty() {
                    return Err(Refusal::DraftEnded.into());
                }
                let issued = issue::issue_incident(tx, &rules, officer, &parsed(&filing()), None)?;
                Ok((201, issued.reference.into_bytes()))
            })
        };
        let (one, other) = overlapping(&ground, file.clone(), file).await;
        let (one, other) = (one.expect("filed"), other.expect("the same answer"));
        assert_eq!((one.status, &one.body, one.replayed), (201, &other.body, false));
        assert_eq!((other.status, other.replayed), (201, true));
        ground.assert_sound().await;
    }

    async fn who_asks_again_while_the_first_is_refused_is_judged_anew(ground) {
        let officer = ground.person("officer").await;
        let refused = move |tx: &mut Tx<'_>| once(tx, officer, "a key", b"a request", |_| Err(Refusal::DraftEnded.into()));
        let done = move |tx: &mut Tx<'_>| once(tx, officer, "a key", b"a request", |_| Ok((201, b"done".to_vec())));
        let (one, other) = overlapping(&ground, refused, done).await;
        assert_eq!(refusal(one), Refusal::DraftEnded);
        assert!(!other.expect("done").replayed);
    }

    async fn a_notice_that_is_being_stamped_is_not_closed_as_never_stamped(ground) {
        let bank = ground.bank("B001").await;
        let (asker, approver) = (ground.person("officer").await, ground.person("officer").await);
        let issued = ground.file(asker, &filing()).await.expect("filed");
        let (rules, reference) = (Arc::clone(&ground.rules), issued.reference.clone());
        let asked = ground.act(move |tx| close_notice::request(tx, &rules, asker, (&reference, "B001"), "Nobody answers.")).await;
        let request = asked.expect("asked").id;
        let notice = ground.store.read(move |tx| Ok::<_, Error>(notice::inbox(tx, bank, 0, 1)?.remove(0).id)).await.expect("told");
        let rules = Arc::clone(&ground.rules);
        let close = move |tx: &mut Tx<'_>| decide::decide(tx, &rules, approver, request, true).map(drop);
        let (stamped, closed) = overlapping(&ground, move |tx| stamp(tx, bank, notice), close).await;
        stamped.expect("stamped");
        assert_eq!(refusal(closed), Refusal::NoticeSettled);
        ground.assert_sound().await;
    }

    async fn nobody_gets_a_third_key_nor_a_second_request_by_being_quick(ground) {
        let bank = ground.bank("B001").await;
        let officer = ground.person("officer").await;
        let rules = Arc::clone(&ground.rules);
        ground.act(move |tx| issue_key(tx, &rules, Owner::Bank(bank), &named("one"))).await.expect("a key");
        let rules = Arc::clone(&ground.rules);
        let another = move |tx: &mut Tx<'_>| issue_key(tx, &rules, Owner::Bank(bank), &named("more"));
        let (second, third) = overlapping(&ground, another.clone(), another).await;
        second.expect("two may live");
        assert_eq!(refusal(third), Refusal::TooManyKeys);

        let issued = ground.file(officer, &filing()).await.expect("filed");
        let rules = Arc::clone(&ground.rules);
        let ask = move |tx: &mut Tx<'_>| close_notice::request(tx, &rules, officer, (&issued.reference, "B001"), "Nobody answers.");
        let (first, second) = overlapping(&ground, ask.clone(), ask).await;
        first.expect("asked");
        assert_eq!(refusal(second), Refusal::ApprovalPending);
    }

    async fn what_was_written_to_an_address_while_it_ended_goes_back_unsent(ground) {
        let bank = ground.bank("B001").await;
        ground.act(move |tx| add_contact(tx, bank, &contact("B001", 2)).map(drop)).await.expect("a second level");
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let ended = "INSERT INTO endpoint_end (endpoint_id, replaced_by, recorded_at) SELECT id, NULL, recorded_at FROM endpoint";
        ground.tamper(ended).expect("as if it had been committed a moment before");
        let claimed = ground.claim("webhook").await;
        assert_eq!(claimed.iter().map(|one| one.has_ended).collect::<Vec<_>>(), [true]);
        let mails = ground.claim("email").await;
        assert!(!mails.is_empty() && mails.iter().all(|one| !one.has_ended), "the contacts have not");
        let id = claimed[0].due.id;
        let released = claimed.into_iter()
            .map(|claimed| Finished { claimed, outcome: Outcome::failed(ErrorClass::Released, Duration::ZERO), body_hash: None })
            .collect();
        ground.record(released).await;
        let row = ground.store.read(move |tx| delivery::by_id(tx, id)).await.expect("read").expect("it is there");
        assert_eq!(row.state, "superseded");
    }
}
