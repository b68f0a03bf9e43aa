//! A bank's own key: shown once, then the strongest stamp there is. What was changed, borrowed or ended is no
//! stamp; what the bank saw of the log is compared, and never stands in the way.

use super::pages::seated;
use super::steps::{hours, seconds, text};
use crate::support::hub::{Bank, Reply, TestHub};
use crate::support::rows::changed;
use crate::support::signer::{enrolment, received, signer};
use base64::prelude::*;
use kairan::domain::digest::Digest;
use kairan::domain::proof::acknowledgement::AckNote;
use kairan::domain::proof::signing_key::KeyProof;
use kairan::merkle::checkpoint::Checkpoint;
use kairan::merkle::note::{Note, Signer};
use kairan::merkle::tlog_proof::TlogProof;
use kairan::storage::{bank_key, evidence, log, payload, roster};
use serde_json::{Value, json};

/// The faults of a refusal: pointer and code.
fn faults(reply: &Reply) -> Vec<(String, String)> {
    let document = reply.json();
    let faults = document["faults"].as_array().cloned().unwrap_or_default();
    let pair = |fault: Value| {
        (
            text(&fault, "pointer").to_owned(),
            text(&fault, "code").to_owned(),
        )
    };
    faults.into_iter().map(pair).collect()
}

fn one(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

/// A bank with a key, and the newest notice that it owes a stamp.
async fn told(hub: &TestHub) -> (Bank, Signer, AckNote) {
    let bank = hub.bank("B001").await;
    let own = signer("B001", 1);
    hub.enrol(&bank.key, "B001", &own).await.expect(201);
    hub.file(&hub.officer().await).await;
    let said = received(&hub.newest(&bank).await, hub.clock.now());
    (bank, own, said)
}

/// The newest roster version, and the keys in its leaves one after the other.
async fn roster_keys(hub: &TestHub) -> (i64, Vec<u8>) {
    hub.act(|tx| {
        let version = roster::latest(tx)?.expect("a roster").version;
        let leaves = roster::leaves(tx, version)?;
        Ok((
            version,
            leaves.into_iter().flat_map(|leaf| leaf.keys).collect(),
        ))
    })
    .await
}

async fn disputes(hub: &TestHub) -> Vec<(i64, Vec<u8>)> {
    let found = hub.act(|tx| Ok(evidence::head_disputes(tx)?)).await;
    found.into_iter().map(|row| (row.size, row.root)).collect()
}

journeys! {
    async fn a_bank_enrols_its_key_and_its_stamp_is_the_strongest_there_is(hub) {
        let (bank, own, said) = told(&hub).await;
        let note = said.sign(&own).expect("signed");
        let first = hub.send_note(&bank.key, &said, &note).await.expect(200);
        assert_eq!(first.json()["class"], "signed");
        hub.advance(hours(1));
        let again = hub.send_note(&bank.key, &said, &note).await.expect(200);
        assert_eq!(first.body, again.body);
        assert_eq!(hub.newest(&bank).await["class"], "signed");
        let id = said.notice;
        let stored = hub.act(move |tx| {
            let row = evidence::acknowledgement_of(tx, id)?.expect("stamped");
            let kept = payload::open(tx, row.note_id.expect("a note"))?.expect("kept");
            let entries = log::entries_of(tx, &[row.id])?;
            Ok((serde_json::from_slice::<Value>(&kept).expect("JSON"), entries.len()))
        }).await;
        assert_eq!((text(&stored.0, "note"), stored.1), (note.as_str(), 1));
        assert!(disputes(&hub).await.is_empty());
    }

    async fn the_entry_commits_to_the_note_and_to_nobodys_name(hub) {
        let (bank, own, said) = told(&hub).await;
        let note = said.sign(&own).expect("signed");
        hub.send_note(&bank.key, &said, &note).await.expect(200);
        let id = said.notice;
        let salt = hub.act(move |tx| {
            let row = evidence::acknowledgement_of(tx, id)?.expect("stamped");
            let kept = payload::open(tx, row.note_id.expect("a note"))?.expect("kept");
            let kept: Value = serde_json::from_slice(&kept).expect("JSON");
            Ok(text(&kept, "salt").to_owned())
        }).await;
        let salt: [u8; 32] = hex::decode(salt).expect("hex").try_into().expect("32 bytes");
        let commitment = BASE64_STANDARD.encode(kairan::merkle::commit("kairan-ack/v1", &salt, note.as_bytes()));
        let entries = hub.rows()["log_entry"].to_lowercase();
        assert!(entries.contains(&hex::encode(format!("\"note\":\"{commitment}\""))));
        assert!(!entries.contains(&hex::encode(&said.person)));
    }

    async fn a_stamp_on_the_newest_revision_covers_earlier_ones_without_a_note_of_their_own(hub) {
        let (bank, own, first) = told(&hub).await;
        let reference = text(&hub.newest(&bank).await, "incident").to_owned();
        hub.revise(&hub.officer().await, &reference).await;
        let said = received(&hub.newest(&bank).await, hub.clock.now());
        let stamp = hub.send_note(&bank.key, &said, &said.sign(&own).expect("signed")).await.expect(200);
        assert_eq!(stamp.json()["covered"], 1);
        let id = first.notice;
        let covered = hub.act(move |tx| Ok(evidence::acknowledgement_of(tx, id)?.expect("covered"))).await;
        assert_eq!((covered.class.as_str(), covered.note_id, covered.covered_by.is_some()), ("signed", None, true));
    }

    async fn the_first_stamp_counts_and_a_note_after_it_gets_its_answer(hub) {
        let (bank, own, said) = told(&hub).await;
        let weaker = hub.stamp(&bank).await.expect(200);
        let note = said.sign(&own).expect("signed");
        assert_eq!(hub.send_note(&bank.key, &said, &note).await.expect(200).body, weaker.body);
        let forged = said.sign(&signer("B001", 9)).expect("signed");
        assert_eq!(faults(&hub.send_note(&bank.key, &said, &forged).await.expect(422)), one("/note", "note_signature"));
    }

    async fn a_person_of_the_bank_hands_in_what_its_key_signed(hub) {
        let (bank, own, said) = told(&hub).await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let note = said.sign(&own).expect("signed");
        assert_eq!(hub.send_note(&member.key, &said, &note).await.expect(200).json()["class"], "signed");
        let id = said.notice;
        let row = hub.act(move |tx| Ok(evidence::acknowledgement_of(tx, id)?.expect("stamped"))).await;
        assert_eq!(row.person_id, Some(member.id));
    }

    async fn a_note_that_is_not_this_banks_on_this_notice_is_no_stamp(hub) {
        let (bank, own, said) = told(&hub).await;
        let other = hub.bank("B002").await;
        let theirs = signer("B002", 2);
        hub.enrol(&other.key, "B002", &theirs).await.expect(201);
        let before = hub.rows();
        let by = |key: &Signer| said.sign(key).expect("signed");
        let renamed = signer("B002", 1);
        for foreign in [by(&theirs), by(&renamed), by(&signer("B001", 3))] {
            assert_eq!(faults(&hub.send_note(&bank.key, &said, &foreign).await.expect(422)), one("/note", "note_signature"));
        }
        hub.send_note(&other.key, &said, &by(&own)).await.expect(404);
        let wrong = [
            AckNote { digest: Digest::of(b"another"), ..said.clone() },
            AckNote { number: said.number + 1, ..said.clone() },
        ];
        for wrong in wrong {
            let refused = hub.send_note(&bank.key, &said, &wrong.sign(&own).expect("signed")).await.expect(422);
            assert_eq!(refused.code(), "acknowledgement_mismatch");
        }
        let of_no_notice = AckNote { notice: kairan::domain::id::Uid::from_bytes([1; 16]), ..said.clone() };
        let refused = hub.send_note(&bank.key, &said, &of_no_notice.sign(&own).expect("signed")).await.expect(422);
        assert_eq!(refused.code(), "acknowledgement_mismatch");
        let both = json!({ "note": by(&own), "digest": said.digest, "name": "x", "role": "x" });
        let path = format!("/api/v1/notices/{}/acknowledgement", said.notice);
        assert_eq!(faults(&hub.post(&path, &bank.key, &both).await.expect(422)), one("/note", "note_alone"));
        assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
    }

    async fn a_changed_or_cut_note_is_refused_and_a_foreign_line_does_no_harm(hub) {
        let (bank, own, said) = told(&hub).await;
        let note = said.sign(&own).expect("signed");
        let before = hub.rows();
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            let refused = hub.send_note(&bank.key, &said, &flipped).await.expect(422);
            assert!(["note_form", "note_signature"].contains(&faults(&refused)[0].1.as_str()), "byte {at}");
        }
        for cut in ["", "\n", said.to_text().as_str(), note.trim_end()] {
            hub.send_note(&bank.key, &said, cut).await.expect(422);
        }
        let spoiled = format!("{note}{}", own.line("another text\n").expect("signed"));
        hub.send_note(&bank.key, &said, &spoiled).await.expect(422);
        let other_text = own.sign("kairan-ack/v2\n").expect("signed");
        assert_eq!(faults(&hub.send_note(&bank.key, &said, &other_text).await.expect(422)), one("/note", "note_text"));
        let long = format!("{note}{}", "x".repeat(4_096));
        assert_eq!(faults(&hub.send_note(&bank.key, &said, &long).await.expect(422)), one("/note", "note_form"));
        assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
        let spare = signer("B002", 2).line(&said.to_text()).expect("signed");
        hub.send_note(&bank.key, &said, &format!("{note}{spare}")).await.expect(200);
    }

    async fn a_note_from_another_hour_is_refused_and_a_clock_may_be_a_little_off(hub) {
        let (bank, own, said) = told(&hub).await;
        hub.advance(hours(1));
        let now = hub.clock.now();
        let at = |at| AckNote { at, ..said.clone() };
        for wrong in [at(now + seconds(330)), at(kairan::domain::instant::Instant::from_micros(now.micros() - 3_930_000_000))] {
            let refused = hub.send_note(&bank.key, &said, &wrong.sign(&own).expect("signed")).await.expect(422);
            assert_eq!(faults(&refused), one("/note", "note_time"));
        }
        let ahead = at(now + seconds(270));
        hub.send_note(&bank.key, &said, &ahead.sign(&own).expect("signed")).await.expect(200);
    }

    async fn a_key_takes_over_from_another_and_an_ended_one_never_comes_back(hub) {
        let (bank, own, said) = told(&hub).await;
        let (next, third) = (signer("B001", 2), signer("B001", 3));
        hub.enrol(&bank.key, "B001", &next).await.expect(201);
        assert_eq!(hub.enrol(&bank.key, "B001", &third).await.expect(409).code(), "too_many_keys");
        let listed = hub.get("/api/v1/own/signing-keys", &bank.key).await.expect(200).json();
        let (old, new) = (text(&listed["signing_keys"][0], "id").to_owned(), text(&listed["signing_keys"][1], "id").to_owned());
        let stamp = said.sign(&own).expect("signed");
        hub.send_note(&bank.key, &said, &stamp).await.expect(200);
        let end = format!("/api/v1/own/signing-keys/{old}");
        for _ in 0..2 {
            hub.call(reqwest::Method::DELETE, &end, &bank.key, None).await.expect(204);
        }
        let listed = hub.get("/api/v1/own/signing-keys", &bank.key).await.expect(200).json();
        let ended = &listed["signing_keys"][0];
        assert_eq!((text(ended, "replaced_by"), ended["ended_at"].is_string()), (new.as_str(), true));
        assert_eq!(hub.enrol(&bank.key, "B001", &own).await.expect(409).code(), "key_ended");
        hub.send_note(&bank.key, &said, &stamp).await.expect(200);
        hub.file(&hub.officer().await).await;
        let later = received(&hub.newest(&bank).await, hub.clock.now());
        let refused = hub.send_note(&bank.key, &later, &later.sign(&own).expect("signed")).await.expect(422);
        assert_eq!(faults(&refused), one("/note", "note_signature"));
        hub.send_note(&bank.key, &later, &later.sign(&next).expect("signed")).await.expect(200);
        hub.enrol(&bank.key, "B001", &third).await.expect(201);
    }

    async fn a_key_makes_a_version_of_the_roster_and_so_does_its_end(hub) {
        let (bank, _peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let (version, none) = roster_keys(&hub).await;
        let (one, other) = (signer("B001", 1), signer("B001", 2));
        let enrolled = hub.enrol(&bank.key, "B001", &one).await.expect(201).json();
        assert_eq!((none, roster_keys(&hub).await), (vec![], (version + 1, one.verifier().as_bytes().to_vec())));
        let again = hub.enrol(&bank.key, "B001", &one).await.expect(201).json();
        assert_eq!((enrolled.clone(), version + 1), (again, roster_keys(&hub).await.0));
        hub.enrol(&bank.key, "B001", &other).await.expect(201);
        let mut both = [*one.verifier().as_bytes(), *other.verifier().as_bytes()];
        both.sort_unstable();
        assert_eq!(roster_keys(&hub).await, (version + 2, both.concat()));
        let end = format!("/api/v1/own/signing-keys/{}", text(&enrolled, "id"));
        hub.call(reqwest::Method::DELETE, &end, &bank.key, None).await.expect(204);
        assert_eq!(roster_keys(&hub).await, (version + 3, other.verifier().as_bytes().to_vec()));
    }

    async fn only_a_key_in_the_banks_own_hands_is_enrolled(hub) {
        let (bank, peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let (own, now) = (signer("B001", 1), hub.clock.now());
        let good = enrolment("B001", &own, now);
        let with = |field: &str, value: Value| { let mut body = good.clone(); body[field] = value; body };
        let proof_of = |code: &str, host: &str| {
            let proof = KeyProof { code: code.into(), host: host.into(), at: now };
            json!(proof.sign(&own).expect("signed"))
        };
        // The neutral point has small order: one signature under it holds for many texts.
        let mut weak = [0; 32];
        weak[0] = 1;
        let weak = vkey(&own, &weak);
        let before = hub.rows();
        for (body, pointer, code) in [
            (with("key", json!("")), "/key", "signing_key_form"),
            (with("key", json!(weak)), "/key", "signing_key_form"),
            (with("key", json!(signer("B002", 1).verifier().to_string())), "/key", "signing_key_name"),
            (with("key", json!(signer("B001", 2).verifier().to_string())), "/proof", "note_signature"),
            (with("proof", json!("x")), "/proof", "note_form"),
            (with("proof", proof_of("B002", "127.0.0.1")), "/proof", "proof_text"),
            (with("proof", proof_of("B001", "kairan.example")), "/proof", "proof_text"),
            (with("proof", json!(own.sign("kairan-key/v1\n").expect("signed"))), "/proof", "proof_text"),
            (enrolment("B001", &own, now + seconds(630)), "/proof", "note_time"),
        ] {
            let refused = hub.post("/api/v1/own/signing-keys", &bank.key, &body).await.expect(422);
            assert_eq!(faults(&refused), one(pointer, code), "{body}");
        }
        let theirs = hub.post("/api/v1/own/signing-keys", &peer.key, &good).await.expect(422);
        assert_eq!(faults(&theirs), one("/key", "signing_key_name"));
        assert_eq!(changed(&before, &hub.rows()), Vec::<&str>::new());
        hub.advance(seconds(630));
        let late = hub.post("/api/v1/own/signing-keys", &bank.key, &good).await.expect(422);
        assert_eq!(faults(&late), one("/proof", "note_time"));
    }

    async fn another_banks_key_does_not_exist(hub) {
        let (bank, peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let enrolled = hub.enrol(&peer.key, "B002", &signer("B002", 1)).await.expect(201).json();
        let end = format!("/api/v1/own/signing-keys/{}", text(&enrolled, "id"));
        hub.call(reqwest::Method::DELETE, &end, &bank.key, None).await.expect(404);
        assert_eq!(hub.get("/api/v1/own/signing-keys", &bank.key).await.json()["signing_keys"], json!([]));
        let register = hub.get("/api/v1/banks/B002/signing-keys", &hub.auditor().await.key).await.expect(200).json();
        assert_eq!((&register["signing_keys"][0], register["signing_keys"].as_array().map(Vec::len)), (&enrolled, Some(1)));
    }

    async fn the_head_that_came_with_the_notice_is_nothing_to_speak_of(hub) {
        let (bank, own, said) = told(&hub).await;
        hub.deliver_due().await;
        let head = head_in(&bank.receiver.hits()[0].json());
        let said = AckNote { size: head.size, root: head.root, ..said };
        hub.send_note(&bank.key, &said, &said.sign(&own).expect("signed")).await.expect(200);
        assert!(disputes(&hub).await.is_empty());
    }

    async fn a_head_that_the_hub_never_had_is_on_record_and_the_stamp_stands(hub) {
        let (bank, own, said) = told(&hub).await;
        hub.deliver_due().await;
        let head = head_in(&bank.receiver.hits()[0].json());
        let said = AckNote { size: head.size, root: [8; 32], ..said };
        let note = said.sign(&own).expect("signed");
        for _ in 0..2 {
            hub.send_note(&bank.key, &said, &note).await.expect(200);
        }
        let size = i64::try_from(head.size).expect("small");
        assert_eq!(disputes(&hub).await, [(size, vec![8; 32])]);
        hub.file(&hub.officer().await).await;
        let unknown = AckNote { size: 999_999, root: head.root, ..received(&hub.newest(&bank).await, hub.clock.now()) };
        hub.send_note(&bank.key, &unknown, &unknown.sign(&own).expect("signed")).await.expect(200);
        assert_eq!(disputes(&hub).await.len(), 2);
        let browser = seated(&hub, &hub.auditor().await).await;
        let page = browser.page(&hub, &format!("/evidence/{}", said.notice)).await;
        assert!(page.contains(&hex::encode([8; 32])) && page.contains("no log of this hub has"), "{page}");
    }

    async fn a_bank_pastes_its_key_on_its_own_page_and_ends_it_there(hub) {
        let bank = hub.bank("B001").await;
        let browser = seated(&hub, &hub.head_of(&bank).await).await;
        let page = browser.page(&hub, "/own").await;
        assert!(page.contains("B001.127.0.0.1/ack") && page.contains("There is no such key"), "{page}");
        let made = enrolment("B001", &signer("B001", 1), hub.clock.now());
        // A browser ends the lines of a text with CRLF.
        let proof = text(&made, "proof").replace('\n', "\r\n");
        let typed = [("key", text(&made, "key")), ("proof", proof.as_str())];
        let refused = browser.post(&hub, "/own/signing-keys", &[("key", "typed once"), typed[1]]).await.expect(422);
        let again = String::from_utf8(refused.body).expect("UTF-8");
        for held in ["typed once", "kairan-key/v1", "e-signing-key", "href=\"#f-signing-key\""] { assert!(again.contains(held), "{held}: {again}"); }
        browser.post(&hub, "/own/signing-keys", &typed).await.expect(303);
        let page = browser.page(&hub, "/own").await;
        let shown = text(&made, "key").replace('+', "&#x2B;");
        assert!(page.contains(text(&made, "key")) || page.contains(&shown), "{page}");
        let bank_id = bank.id;
        let id = hub.act(move |tx| Ok(bank_key::of_bank(tx, bank_id)?[0].0.id)).await;
        browser.post(&hub, &format!("/own/signing-keys/{id}/end"), &[]).await.expect(303);
        assert!(browser.page(&hub, "/own").await.contains("Ended"));
    }

    async fn how_a_bank_confirmed_stands_on_every_page(hub) {
        let (bank, own, said) = told(&hub).await;
        hub.send_note(&bank.key, &said, &said.sign(&own).expect("signed")).await.expect(200);
        let line = hub.newest(&bank).await;
        let (officer, auditor, head) = (hub.officer().await, hub.auditor().await, hub.head_of(&bank).await);
        let incident = format!("/incidents/{}", text(&line, "incident"));
        let (evidence, notice) = (format!("/evidence/{}", said.notice), format!("/inbox/{}", said.notice));
        hub.advance(seconds(60));
        let at = hub.local_minute_before(seconds(0));
        let as_of = format!("/as-of?bank=B001&at={at}");
        let words = [("en", "Signed with the bank’s own key"), ("ja", "銀行の署名鍵による確認")];
        let [officer, auditor, head] = [seated(&hub, &officer).await, seated(&hub, &auditor).await, seated(&hub, &head).await];
        for (language, said) in words {
            for browser in [&officer, &auditor, &head] {
                browser.post(&hub, "/account/language", &[("language", language)]).await.expect(303);
            }
            for (browser, path) in [(&officer, incident.as_str()), (&officer, "/home"), (&auditor, "/matrix"), (&auditor, &evidence), (&auditor, &as_of), (&head, "/inbox"), (&head, &notice)] {
                assert!(browser.page(&hub, path).await.contains(said), "{language} {path}");
            }
        }
        let told = hub.get(&format!("/api/v1/as-of?bank=B001&at={}", hub.clock.now()), &hub.auditor().await.key).await.expect(200).json();
        assert_eq!(told["told"][0]["class"], "signed");
    }
}

/// The head of the log in a webhook, as its bank reads it.
fn head_in(told: &Value) -> Checkpoint {
    let proof: TlogProof = text(&told["data"]["log"], "proof")
        .parse()
        .expect("a proof");
    let note = Note::parse(proof.checkpoint.as_bytes()).expect("a note");
    Checkpoint::parse(&note.text).expect("a checkpoint")
}

/// The vkey of other 32 bytes under the name of a signer's.
fn vkey(signer: &Signer, key: &[u8; 32]) -> String {
    let name = signer.verifier().name();
    let bytes = [&[1], key.as_slice()].concat();
    let hashed = Digest::of(&[name.as_str().as_bytes(), b"\n", &bytes].concat());
    let id = hex::encode(&hashed.0[..4]);
    format!("{name}+{id}+{}", BASE64_STANDARD.encode(bytes))
}
