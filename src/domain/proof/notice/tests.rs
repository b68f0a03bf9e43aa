use super::*;
use crate::domain::proof::sample::{ORIGIN, Story, Twist, signer};
use crate::merkle::note::VerifierKey;

fn key() -> VerifierKey {
    signer(ORIGIN, 7).verifier().clone()
}

#[test]
fn a_bank_proves_its_own_notice_from_the_webhook_or_from_the_file() {
    let story = Story::told(Twist::Honest);
    for position in 0..4 {
        let (proof, object) = story.notice_proof(position);
        let checked = proof.check(&object, key()).expect("sound");
        assert_eq!((checked.n, checked.position), (4, position as u64));
        assert_eq!((checked.number, checked.roster_version), (2, 2));
        assert_eq!(checked.digest, Digest::of(&object));
        let file = proof.to_tlog_proof(&object).expect("a proof");
        assert_eq!(
            NoticeProof::parse_tlog_proof(&file),
            Ok((proof.clone(), object.clone()))
        );
        let webhook = Webhook::parse(story.webhook(position, true).as_bytes()).expect("a notice");
        let told = webhook.check(key()).expect("sound");
        assert_eq!(told.proven, Some(checked));
    }
}

#[test]
fn a_notice_that_went_out_unsealed_proves_its_digest_and_no_more() {
    let story = Story::told(Twist::Honest);
    let webhook = Webhook::parse(story.webhook(1, false).as_bytes()).expect("a notice");
    let told = webhook.check(key()).expect("sound");
    assert_eq!((told.proven, told.number.as_str()), (None, "2"));
}

#[test]
fn a_body_that_was_laid_out_anew_is_still_the_one_that_was_sent() {
    let sent = Story::told(Twist::Honest).webhook(0, true);
    let value: serde_json::Value = serde_json::from_str(&sent).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    let webhook = Webhook::parse(pretty.as_bytes()).expect("a notice");
    assert!(webhook.check(key()).is_ok());
}

#[test]
fn another_key_is_not_the_logs() {
    let (proof, object) = Story::told(Twist::Honest).notice_proof(0);
    let name = key().name().to_string();
    for other in [signer(&name, 8), signer("hub.operator.example/log/2", 7)] {
        let finding = proof.check(&object, other.verifier()).expect_err("refused");
        assert_eq!(finding.code, "proof");
    }
}

#[test]
fn every_spoilt_part_of_a_proof_is_refused_by_its_name() {
    type Spoil = fn(&mut NoticeProof);
    let (good, object) = Story::told(Twist::Honest).notice_proof(1);
    let other = Story::told(Twist::NumberSkipped).notice_proof(1).0;
    let spoils: &[(&str, Spoil)] = &[
        ("place_path", |proof| proof.opening[0] ^= 1),
        ("place_path", |proof| {
            proof.place.bank = Uid::from_bytes([1; 16])
        }),
        ("place_path", |proof| proof.place.channels.push('s')),
        ("place_path", |proof| proof.place.facts[31] ^= 1),
        ("place_path", |proof| proof.place.path[0][0] ^= 1),
        ("place_path", |proof| {
            proof.place.path.pop();
        }),
        ("place_path", |proof| proof.place.path.push([0; 32])),
        ("place_path", |proof| proof.place.position = 0),
        ("place_path", |proof| proof.place.position = 4),
        ("place_count", |proof| proof.place.n = 5),
        ("place_count", |proof| proof.place.n = u64::MAX),
        ("entry_form", |proof| proof.entry.push(b' ')),
        ("entry_form", |proof| proof.entry.clear()),
        ("proof_form", |proof| proof.proof.clear()),
        ("proof", |proof| {
            proof.proof = proof.proof.replace("index 8", "index 7")
        }),
    ];
    for (number, (code, spoil)) in spoils.iter().enumerate() {
        let mut proof = good.clone();
        spoil(&mut proof);
        assert_ne!(proof, good, "{number} spoils nothing");
        let finding = proof.check(&object, key()).expect_err(code);
        assert_eq!(finding.code, *code, "{number}: {finding}");
    }
    let mixed = NoticeProof {
        proof: other.proof,
        ..good.clone()
    };
    assert_eq!(
        mixed.check(&object, key()).expect_err("other").code,
        "proof"
    );
    let entry = crate::domain::json::canonical(&serde_json::json!({ "t": "approval", "v": 1 }));
    let mixed = NoticeProof { entry, ..good };
    assert_eq!(
        mixed.check(&object, key()).expect_err("other").code,
        "entry_kind"
    );
}

/// In the webhook's body nothing may change unseen but what stands around the notice: type, time and links
/// are no part of the evidence, and a text has more than one spelling in JSON.
#[test]
fn no_bit_of_a_webhook_changes_what_is_proven() {
    let key = key();
    let sent = Story::told(Twist::Honest).webhook(2, true);
    let good = Webhook::parse(sent.as_bytes())
        .expect("a notice")
        .check(&key)
        .expect("sound");
    let data = sent.find("\"data\"").expect("data");
    let links =
        sent.find("\"acknowledge\"").expect("links")..sent.find("\"recipients\"").expect("after");
    let mut unseen = 0;
    for at in 0..sent.len() {
        for bit in 0..8 {
            let mut bytes = sent.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(told) = Webhook::parse(&bytes).map(|webhook| webhook.check(&key)) else {
                continue;
            };
            let Ok(told) = told else { continue };
            assert_eq!(told, good, "bit {bit} of byte {at}");
            assert!(at < data || links.contains(&at), "bit {bit} of byte {at}");
            unseen += 1;
        }
    }
    assert!(
        unseen > 0,
        "the links are not proven, and the test has to know"
    );
}

#[test]
fn every_bit_of_a_proof_file_counts() {
    let key = key();
    let (proof, object) = Story::told(Twist::Honest).notice_proof(2);
    let file = proof.to_tlog_proof(&object).expect("a proof");
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut bytes = file.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            let Ok((proof, object)) = NoticeProof::parse_tlog_proof(&text) else {
                continue;
            };
            assert!(
                proof.check(&object, &key).is_err(),
                "bit {bit} of byte {at}"
            );
        }
    }
}

/// A proof from after the log's key was handed on, which carries how.
#[test]
fn a_proof_under_a_newer_key_leads_whoever_holds_the_older_one_to_it_and_every_bit_of_it_counts() {
    let mut story = Story::told(Twist::Honest);
    let handover = story.log.hand_over(8);
    story.log.attempt();
    let (mut proof, object) = story.notice_proof(2);
    assert_eq!(
        proof.check(&object, key()).expect_err("no way").code,
        "proof"
    );
    proof.handovers.push(handover);
    let good = proof.check(&object, key()).expect("sound");
    let newer = signer(ORIGIN, 8).verifier().clone();
    assert_eq!(proof.check(&object, newer), Ok(good));
    let stranger = signer(ORIGIN, 9).verifier().clone();
    assert_eq!(
        proof.check(&object, stranger).expect_err("a stranger").code,
        "handover"
    );
    let read: NoticeProof = crate::domain::json::parse(&proof.to_json()).expect("a proof");
    // Spliced, it is what the declaration says.
    assert_eq!(
        proof.to_json(),
        serde_json::to_vec(&proof).expect("a proof as JSON")
    );
    assert_eq!(read, proof);
    let file = proof.to_tlog_proof(&object).expect("a proof");
    for at in 0..file.len() {
        let mut bytes = file.clone().into_bytes();
        bytes[at] ^= 1 << (at % 8);
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let Ok((proof, object)) = NoticeProof::parse_tlog_proof(&text) else {
            continue;
        };
        assert!(proof.check(&object, key()).is_err(), "byte {at}");
    }
}

#[test]
fn what_the_body_tells_of_the_recipients_is_held_against_the_log() {
    let sent = Story::told(Twist::Honest).webhook(0, true);
    for (from, to) in [
        ("\"count\":4", "\"count\":5"),
        ("\"roster_version\":2}", "\"roster_version\":3}"),
    ] {
        let changed = sent.replacen(from, to, 1);
        assert_ne!(changed, sent);
        let webhook = Webhook::parse(changed.as_bytes()).expect("a notice");
        assert_eq!(
            webhook.check(key()).expect_err("refused").code,
            "recipients"
        );
    }
    let unlike = sent.replacen("盗難", "盗用", 1);
    let webhook = Webhook::parse(unlike.as_bytes()).expect("a notice");
    assert_eq!(
        webhook.check(key()).expect_err("refused").code,
        "incident_digest"
    );
}
