//! Somebody lost the password or the authenticator, and is let back in: never by one person, never in silence.

use super::mail::relay;
use super::steps::{hours, text};
use crate::support::browser::{
    Browser, PASSWORD, code, get, give_credential, hidden, post, shown_secret,
};
use crate::support::hub::{Person, TestHub};
use crate::support::maildir::mailbox;
use kairan::actions::invite::email_tag;
use kairan::actions::sign_in::{self, Known};
use kairan::domain::email::EmailAddress;
use kairan::domain::id::Uid;
use kairan::storage::people::PersonRow;
use kairan::storage::{Lane, Tx, payload, people, session};
use kairan::vault::totp;
use serde_json::{Value, json};

const NEW: &str = "新しい合言葉は もっと長くする";

/// What the link of a page, or of an answer, ends with.
fn token(shown: &str) -> String {
    let at = shown.find("/recoveries/").expect("a link is shown");
    let rest = shown[at + 12..].chars();
    rest.take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect()
}

/// Opens a recovery link and does what its page says.
async fn take_up(hub: &TestHub, token: &str) -> crate::support::hub::Reply {
    let path = format!("/recoveries/{token}");
    let page = get(hub, "", &path).await.expect(200);
    let secret = shown_secret(&String::from_utf8_lossy(&page.body));
    let code = totp::code_at(&secret, hub.clock.now().seconds()).expect("a code");
    let pairing = hidden(&String::from_utf8_lossy(&page.body), "pairing");
    let chosen = [
        ("password", NEW),
        ("password_again", NEW),
        ("code", &code),
        ("pairing", &pairing),
    ];
    // Whoever opens the link meanwhile learns another secret.
    let other = get(hub, "", &path).await.expect(200);
    assert_ne!(shown_secret(&String::from_utf8_lossy(&other.body)), secret);
    post(hub, "", &path, &chosen).await
}

/// Two administrators make a link; the second one's key does not suffice.
pub async fn link(hub: &TestHub, person: &Person) -> String {
    let (one, other) = (hub.administrator().await, hub.administrator().await);
    let path = format!("/api/v1/people/{}/recovery", person.id);
    let reason = json!({ "reason": "lost the telephone" });
    let asked = hub.post(&path, &one.key, &reason).await.expect(202).json();
    let request = text(&asked, "request").to_owned();
    let by_key = hub.decide(&other, &request, true).await.expect(403);
    assert_eq!(by_key.code(), "desk_only");
    give_credential(hub, other.id).await;
    let desk = Browser::sign_in(hub, &other.email()).await;
    let decision = format!("/approvals/{request}");
    let shown = desk
        .post(hub, &decision, &[("approve", "yes")])
        .await
        .expect(200);
    token(&String::from_utf8_lossy(&shown.body))
}

/// A person whose mail arrives in this box.
async fn at(hub: &TestHub, address: &str) -> Uid {
    let address = EmailAddress::parse(address).expect("an address");
    hub.act(move |tx| {
        let id = tx.new_id()?;
        let known = json!({ "name": "小林 翼", "email": address.to_string() }).to_string();
        let row = PersonRow {
            id,
            bank_id: None,
            payload_id: payload::seal(tx, id, known.as_bytes())?,
            email_tag: email_tag(tx, &address),
            language: "ja".into(),
            recorded_at: tx.now()?,
        };
        people::insert_person(tx, &row)?;
        Ok(id)
    })
    .await
}

fn minutes(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count * 60)
}

/// Whether a try to sign in from this address is let in, with the password and the right code or without them.
/// Whether somebody with this password and code is let in.
async fn comes_in(
    hub: &TestHub,
    person: &Person,
    from: &str,
    (password_holds, code_holds): (bool, bool),
) -> bool {
    let (email, from) = (person.email(), from.parse().expect("an address"));
    let look_up = move |tx: &mut Tx<'_>| sign_in::look_up(tx, &email, from);
    let known = hub.store.read(look_up).await.expect("read");
    let code = match code_holds {
        true => code(hub),
        false => "000000".to_owned(),
    };
    let opened =
        hub.act(move |tx| sign_in::sign_in(tx, &known, password_holds, &code, "a browser"));
    opened.await.is_some()
}

journeys! {
    async fn a_person_who_lost_everything_is_let_back_in_by_two_administrators(hub) {
        let (one, other, lost) = (hub.administrator().await, hub.administrator().await, hub.officer().await);
        for person in [&one, &other, &lost] { give_credential(&hub, person.id).await; }
        let first = Browser::sign_in(&hub, &one.email()).await;
        let path = format!("/people/{}/recovery", lost.id);
        first.post(&hub, &path, &[("reason", "")]).await.expect(422);
        first.post(&hub, &path, &[("reason", "lost the telephone")]).await.expect(303);
        let second = Browser::sign_in(&hub, &other.email()).await;
        let requests = hub.get("/api/v1/approvals", &one.key).await.json();
        let decision = format!("/approvals/{}", text(&requests["approvals"][0], "id"));
        first.post(&hub, &decision, &[("approve", "yes")]).await.expect(409);
        let shown = second.post(&hub, &decision, &[("approve", "yes")]).await.expect(200);
        let shown = token(&String::from_utf8_lossy(&shown.body));
        assert!(!first.page(&hub, "/approvals").await.contains(&shown) && !second.page(&hub, "/approvals").await.contains(&shown), "shown twice");
        let back = take_up(&hub, &shown).await.expect(303);
        let cookie = back.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        get(&hub, &cookie, "/home").await.expect(200);
    }

    async fn taking_an_account_up_ends_every_session_forgets_failures_and_keeps_keys(hub) {
        let lost = hub.officer().await;
        give_credential(&hub, lost.id).await;
        let thief = Browser::sign_in(&hub, &lost.email()).await;
        for _ in 0..10 { post(&hub, "", "/sign-in", &[("email", &lost.email()), ("password", "x"), ("code", "1")]).await.expect(422); }
        let token = link(&hub, &lost).await;
        take_up(&hub, &token).await.expect(303);
        thief.get(&hub, "/home").await.expect(303);
        hub.get("/api/v1/incidents", &lost.key).await.expect(200);
        hub.advance(std::time::Duration::from_secs(30));
        let former = [("email", lost.email()), ("password", PASSWORD.to_owned()), ("code", crate::support::browser::code(&hub))];
        let former: Vec<(&str, &str)> = former.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&hub, "", "/sign-in", &former).await.expect(422);
        give_credential(&hub, lost.id).await;
        Browser::sign_in(&hub, &lost.email()).await;
    }

    async fn a_recovery_link_works_once_and_used_old_and_unknown_ones_read_the_same(hub) {
        let lost = hub.officer().await;
        let (used, older) = (link(&hub, &lost).await, link(&hub, &lost).await);
        post(&hub, "", &format!("/recoveries/{used}"), &[("password", "short"), ("password_again", "short"), ("code", "000000")]).await.expect(422);
        take_up(&hub, &used).await.expect(303);
        let expired = link(&hub, &lost).await;
        hub.advance(hours(73));
        let mut told = std::collections::BTreeSet::new();
        for token in [used.as_str(), &older, &expired, "AAAA"] {
            let path = format!("/recoveries/{token}");
            let chosen = [("password", NEW), ("password_again", NEW), ("code", "000000")];
            told.insert(get(&hub, "", &path).await.expect(410).body);
            told.insert(post(&hub, "", &path, &chosen).await.expect(410).body);
        }
        assert_eq!(told.len(), 1, "one dead link differs from another");
    }

    async fn what_was_verified_under_a_former_password_opens_nothing(hub) {
        let person = hub.officer().await;
        give_credential(&hub, person.id).await;
        let (email, from) = (person.email(), "192.0.2.7".parse().expect("an address"));
        let look_up = async |hub: &TestHub| {
            let email = email.clone();
            hub.store.read(move |tx| sign_in::look_up(tx, &email, from)).await.expect("read")
        };
        let sign_in = async |hub: &TestHub, known: Known| {
            let code = code(hub);
            hub.act(move |tx| sign_in::sign_in(tx, &known, true, &code, "a browser")).await
        };
        let former = look_up(&hub).await;
        let id = person.id;
        hub.act(move |tx| {
            let mut row = session::credential(tx, id)?.expect("it has one");
            row.password_hash = "another".into();
            Ok(session::set_credential(tx, &row)?)
        }).await;
        assert!(sign_in(&hub, former).await.is_none(), "the former password");
        let present = look_up(&hub).await;
        assert!(sign_in(&hub, present).await.is_some(), "the present one");
    }

    async fn of_failures_at_the_same_moment_each_one_counts(hub) {
        let person = hub.officer().await;
        give_credential(&hub, person.id).await;
        let (email, from) = (person.email(), "192.0.2.7".parse().expect("an address"));
        let known = hub.store.read(move |tx| sign_in::look_up(tx, &email, from)).await.expect("read");
        let attempts = (0..10).map(|_| {
            let (store, known) = (hub.store.clone(), known.clone());
            let fail = move |tx: &mut Tx<'_>| sign_in::sign_in(tx, &known, false, "000000", "a browser");
            tokio::spawn(async move { store.write(Lane::Front, fail).await })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            assert!(attempt.await.expect("no panic").expect("counted").is_none());
        }
        let right = code(&hub);
        let now = hub.act(move |tx| sign_in::sign_in(tx, &known, true, &right, "a browser")).await;
        assert!(now.is_none(), "ten have failed");
    }

    async fn strangers_lock_nobody_out_of_another_network_and_their_tries_prolong_no_pause(hub) {
        let person = hub.officer().await;
        give_credential(&hub, person.id).await;
        let (one, own) = ("198.51.100.1", "203.0.113.9");
        for _ in 0..10 { assert!(!comes_in(&hub, &person, one, (false, false)).await); }
        assert!(!comes_in(&hub, &person, one, (true, true)).await, "ten have failed from there");
        assert!(comes_in(&hub, &person, own, (true, true)).await, "a stranger locks the account");
        hub.advance(minutes(10));
        assert!(!comes_in(&hub, &person, one, (false, false)).await);
        hub.advance(minutes(5));
        assert!(comes_in(&hub, &person, one, (true, true)).await, "a try during the pause made it longer");
    }

    async fn whoever_has_the_password_guesses_a_hundred_codes_wherever_from_and_then_waits(hub) {
        let person = hub.officer().await;
        give_credential(&hub, person.id).await;
        for n in 0..10 {
            let from = format!("198.51.100.{n}");
            for _ in 0..10 { assert!(!comes_in(&hub, &person, &from, (true, false)).await); }
        }
        for _ in 0..2 {
            assert!(!comes_in(&hub, &person, "203.0.113.9", (true, true)).await, "a hundred have failed");
            hub.advance(minutes(7));
        }
        hub.advance(minutes(1));
        assert!(comes_in(&hub, &person, "203.0.113.9", (true, true)).await, "a try during the pause made it longer");
    }

    async fn strangers_of_many_networks_keep_nobody_out_who_comes_from_another(hub) {
        let person = hub.officer().await;
        give_credential(&hub, person.id).await;
        for n in 0..12 {
            let from = format!("198.51.100.{n}");
            for _ in 0..10 { assert!(!comes_in(&hub, &person, &from, (false, false)).await); }
        }
        assert!(comes_in(&hub, &person, "203.0.113.9", (true, true)).await);
    }

    async fn the_only_administrator_is_let_back_in_from_the_host(hub) {
        let only = hub.administrator().await;
        let (code, said) = hub.command(&["admin", "recover", "--email", &only.email(), "--json"]).await;
        assert_eq!(code, 0, "{said}");
        let made: Value = serde_json::from_str(said.trim()).expect("JSON");
        let token = token(text(&made, "link"));
        hub.advance(std::time::Duration::from_secs(29 * 60));
        take_up(&hub, &token).await.expect(303);
        let (code, said) = hub.command(&["admin", "recover", "--email", "nobody@people.example"]).await;
        assert!(code == 1 && said.contains("nobody has the address"), "{code} {said}");
        let path = format!("/api/v1/people/{}/recovery", only.id);
        let asked = hub.post(&path, &only.key, &json!({ "reason": "x" })).await.expect(202).json();
        give_credential(&hub, only.id).await;
        let alone = Browser::sign_in(&hub, &only.email()).await;
        alone.post(&hub, &format!("/approvals/{}", text(&asked, "request")), &[("approve", "yes")]).await.expect(409);
    }

    async fn the_person_is_told_by_mail_that_the_account_was_taken_up(hub, relay()) {
        let inbox = mailbox("lost");
        let (id, key) = (at(&hub, inbox.address()).await, String::new());
        let token = link(&hub, &Person { id, key }).await;
        hub.deliver_due().await;
        assert!(inbox.mails().is_empty(), "told before anything happened");
        take_up(&hub, &token).await.expect(303);
        hub.deliver_due().await;
        let mail = inbox.arrived(1).await.remove(0);
        assert!(mail.subject().contains("再設定") && mail.text().contains("小林 翼"), "{}", mail.text());
        assert!(!mail.text().contains(&token));
    }
}
