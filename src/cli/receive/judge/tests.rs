//! One webhook after another in front of the judge, honest and not.

use super::*;
use crate::cli::receive::heads::Standing;
use crate::domain::proof::sample::{Story, Twist};
use crate::domain::signature::{sign_v1, sign_v1a, signature_header};
use ed25519_dalek::SigningKey;

const NOW: i64 = 1_558_059_069;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn story() -> Story {
    Story::told(Twist::Honest)
}

fn secret(text: &str) -> SymmetricSecret {
    text.parse().expect("a secret")
}

const ADDRESS: &str = "https://hooks.bank.example/kairan";

fn trust(bank: &str) -> Trust {
    Trust {
        bank: bank.into(),
        secrets: vec![secret(SECRET)],
        webhook_key: None,
        endpoint: ADDRESS.into(),
        log_keys: story().log.key.verifier().into(),
    }
}

fn now() -> Instant {
    Instant::from_micros(NOW * 1_000_000)
}

/// The first bank's judgement of a body under this id, signed as the hub does.
fn judged(known: &Known, id: &str, body: &str) -> Judgement {
    judged_by(&trust("0111"), known, id, body)
}

fn judged_by(trust: &Trust, known: &Known, id: &str, body: &str) -> Judgement {
    let signature = sign_v1(&secret(SECRET), id, NOW, body.as_bytes());
    judge_signed(trust, known, id, body, &signature)
}

fn judge_signed(trust: &Trust, known: &Known, id: &str, body: &str, signature: &str) -> Judgement {
    let timestamp = NOW.to_string();
    let (timestamp, body) = (timestamp.as_str(), body.as_bytes());
    let received = Received {
        id,
        timestamp,
        signature,
        body,
    };
    judge(trust, known, &received, now())
}

#[track_caller]
fn believed(judgement: Judgement) -> Believed {
    match judgement {
        Judgement::Notice(believed) => *believed,
        other => panic!("not believed: {other:?}"),
    }
}

#[track_caller]
fn code(judgement: Judgement) -> (&'static str, bool) {
    match judgement {
        Judgement::Refused(refused) => (refused.finding.code, refused.is_authentic),
        other => panic!("not refused: {other:?}"),
    }
}

/// As the memory does it.
fn keep(known: &mut Known, believed: &Believed) {
    known.seen.insert(believed.kept.webhook.clone());
    known
        .notices
        .insert(believed.kept.number, believed.kept.clone());
    if let Some(head) = &believed.kept.head {
        known.heads.remember(Standing::Confirmed, head.clone());
    }
}

/// What the first bank knows once the story's webhook came.
fn after(story: &Story) -> Known {
    let mut known = Known::default();
    let found = believed(judged(&known, "msg_1", &story.webhook(0, true)));
    keep(&mut known, &found);
    known
}

#[test]
fn an_honest_notice_is_believed_with_its_head() {
    let story = story();
    let found = believed(judged(&Known::default(), "msg_1", &story.webhook(0, true)));
    assert_eq!(
        (found.kind.as_str(), found.incident.as_str()),
        ("notice.issued", "INC-2019-0003")
    );
    assert_eq!(
        (found.kept.number, found.kept.is_proven, found.is_known),
        (2, true, false)
    );
    assert_eq!(found.relation, Some(Relation::First));
    let head = found.kept.head.expect("sealed");
    assert_eq!(head.note, story.log.checkpoint());
    assert_eq!(head.checkpoint.size, story.log.entries.len() as u64);
}

#[test]
fn what_is_not_signed_with_the_secret_is_not_looked_into() {
    let (body, known) = (story().webhook(0, true), Known::default());
    let wrong = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let by_another = sign_v1(&wrong, "msg_1", NOW, body.as_bytes());
    let of_another = sign_v1(&secret(SECRET), "msg_2", NOW, body.as_bytes());
    let late = sign_v1(&secret(SECRET), "msg_1", NOW - 301, body.as_bytes());
    for signature in [by_another, of_another, late, String::new()] {
        let judgement = judge_signed(&trust("0111"), &known, "msg_1", &body, &signature);
        assert_eq!(code(judgement), ("signature", false));
    }
    let path = judged(&known, "../../heads", &body);
    assert_eq!(code(path), ("signature", false), "ids name files");
}

#[test]
fn an_old_webhook_is_not_believed_and_one_that_came_before_is_not_taken_twice() {
    let story = story();
    let known = after(&story);
    assert_eq!(
        judged(&known, "msg_1", &story.webhook(0, true)),
        Judgement::Again
    );
    let (body, timestamp) = (story.webhook(0, true), (NOW - 301).to_string());
    let signature = sign_v1(&secret(SECRET), "msg_1", NOW - 301, body.as_bytes());
    let received = Received {
        id: "msg_1",
        timestamp: &timestamp,
        signature: &signature,
        body: body.as_bytes(),
    };
    assert_eq!(
        code(judge(&trust("0111"), &known, &received, now())),
        ("signature", false)
    );
}

#[test]
fn a_bank_that_pins_the_hubs_key_wants_both_signatures() {
    let hub = SigningKey::from_bytes(&[4; 32]);
    let trust = Trust {
        webhook_key: Some(hub.verifying_key()),
        ..trust("0111")
    };
    let (body, known) = (story().webhook(0, true), Known::default());
    let v1 = sign_v1(&secret(SECRET), "msg_1", NOW, body.as_bytes());
    let v1a = sign_v1a(&hub, "msg_1", NOW, body.as_bytes());
    let stranger = sign_v1a(
        &SigningKey::from_bytes(&[5; 32]),
        "msg_1",
        NOW,
        body.as_bytes(),
    );
    believed(judge_signed(
        &trust,
        &known,
        "msg_1",
        &body,
        &signature_header(&[&v1, &v1a]),
    ));
    for parts in [vec![v1.clone()], vec![v1a], vec![v1, stranger]] {
        let judgement = judge_signed(&trust, &known, "msg_1", &body, &signature_header(&parts));
        assert_eq!(code(judgement), ("signature", false));
    }
}

#[test]
fn whatever_was_changed_by_who_holds_the_secret_is_seen() {
    let (story, known) = (story(), Known::default());
    let body = story.webhook(0, true);
    let proof = story.notice_proof(0).0;
    let another_opening = body.replace("\"opening\":\"", "\"opening\":\"A");
    for (changed, expected) in [
        (
            body.replacen("\"exposed\":true", "\"exposed\":false", 1),
            "digest",
        ),
        (body.replacen("盗難", "無事", 1), "incident_digest"),
        (body.replacen("\"count\":4", "\"count\":5", 1), "recipients"),
        (
            body.replacen("\"position\":0", "\"position\":1", 1),
            "place_path",
        ),
        (body.replacen("\"n\":4", "\"n\":3", 1), "place_count"),
        (
            body.replacen(&format!("index {}", story.fanout_at[0]), "index 0", 1),
            "proof",
        ),
        (another_opening, "body"),
        (body.replacen("\"data\"", "\"date\"", 1), "body"),
        ("{}".into(), "body"),
        ("no JSON".into(), "body"),
    ] {
        assert_ne!(changed, body, "{expected}");
        assert_eq!(code(judged(&known, "msg_1", &changed)), (expected, true));
    }
    assert!(body.contains(&proof.place.n.to_string()));
    assert_eq!(
        code(judged_by(&trust("0112"), &known, "msg_1", &body)),
        ("other_bank", true)
    );
}

#[test]
fn a_proof_under_another_logs_key_proves_nothing_and_a_second_key_may_be_pinned() {
    let stranger = crate::domain::proof::sample::signer("hub.operator.example/log/2", 9)
        .verifier()
        .clone();
    let mut trust = trust("0111");
    trust.log_keys = stranger.clone().into();
    let body = story().webhook(0, true);
    assert_eq!(
        code(judged_by(&trust, &Known::default(), "msg_1", &body)),
        ("proof", true)
    );
    trust.log_keys = LogKeys::from_iter([stranger, story().log.key.verifier().clone()]);
    believed(judged_by(&trust, &Known::default(), "msg_1", &body));
}

#[test]
fn an_unsealed_notice_is_believed_and_said_to_be_unsealed() {
    let found = believed(judged(
        &Known::default(),
        "msg_1",
        &story().webhook(0, false),
    ));
    assert_eq!(
        (found.kept.is_proven, found.kept.head, found.relation),
        (false, None, None)
    );
}

#[test]
fn a_hole_in_the_numbers_is_named() {
    let story = story();
    let found = believed(judged(&Known::default(), "msg_1", &story.webhook(0, true)));
    assert_eq!(found.skipped, [1]);
    let mut known = after(&story);
    assert_eq!(known.holes(), [1]);
    let kept = |number| Kept {
        number,
        ..found.kept.clone()
    };
    known.notices.insert(5, kept(5));
    assert_eq!(known.holes(), [1, 3, 4]);
    known.notices.insert(1, kept(1));
    assert_eq!(known.holes(), [3, 4]);
}

#[test]
fn another_head_of_the_same_size_is_a_fork_and_the_notice_is_believed_all_the_same() {
    let known = after(&story());
    let mut other = story();
    let last = other.log.entries.len() - 1;
    other.log.entries[last] = other.log.entries[0].clone();
    let found = believed(judged(&known, "msg_2", &other.webhook(0, true)));
    let Some(Relation::Fork(remembered)) = found.relation else {
        panic!("no fork: {found:?}");
    };
    assert_eq!(remembered.note, story().log.checkpoint());
    assert_eq!(
        found.kept.head.expect("sealed").note,
        other.log.checkpoint()
    );
}

#[test]
fn another_size_is_to_be_connected_and_a_known_head_is_known() {
    let known = after(&story());
    let mut later = story();
    later.log.attempt();
    let found = believed(judged(&known, "msg_2", &later.webhook(0, true)));
    assert!(matches!(found.relation, Some(Relation::Against(_))));
    assert!(found.is_known, "the same notice under another id");
    let found = believed(judged(&known, "msg_2", &story().webhook(0, true)));
    assert_eq!(found.relation, Some(Relation::Known(Standing::Confirmed)));
}

#[test]
fn one_number_is_one_notice() {
    let (story, mut known) = (story(), Known::default());
    let found = believed(judged(&known, "msg_1", &story.webhook(0, true)));
    keep(
        &mut known,
        &Believed {
            kept: Kept {
                digest: Digest::of(b"another"),
                ..found.kept.clone()
            },
            ..found.clone()
        },
    );
    assert_eq!(
        code(judged(&known, "msg_2", &story.webhook(0, true))),
        ("contradiction", true)
    );
    keep(
        &mut known,
        &Believed {
            kept: Kept {
                notice: Uid::from_bytes([1; 16]),
                ..found.kept.clone()
            },
            ..found
        },
    );
    assert_eq!(
        code(judged(&known, "msg_2", &story.webhook(0, true))),
        ("contradiction", true)
    );
}

#[test]
fn what_carries_no_notice_is_stored_and_no_more() {
    let body = r#"{"type":"response.shared","timestamp":"2019-05-17T02:11:09.120Z","data":{"message":"x"}}"#;
    assert_eq!(
        judged(&Known::default(), "msg_1", body),
        Judgement::Other("response.shared".into())
    );
}

/// A challenge as the hub sends it.
fn challenged() -> (Challenge, String) {
    let challenge = Challenge::new(&[7; 32], crate::domain::id::Uid::from_bytes([1; 16]));
    let data = serde_json::to_string(&challenge).expect("texts");
    let body = format!(r#"{{"type":"endpoint.challenge","timestamp":"","data":{data}}}"#);
    (challenge, body)
}

#[test]
fn a_challenge_is_answered_as_often_as_it_comes_under_the_secret_that_signed_it() {
    let former = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let trust = Trust {
        secrets: vec![secret(former), secret(SECRET)],
        ..trust("0111")
    };
    let (challenge, body) = challenged();
    for _ in 0..2 {
        let answered = judged_by(&trust, &Known::default(), "msg_1", &body);
        assert_eq!(
            answered,
            Judgement::Challenge(challenge.answer(ADDRESS, &secret(SECRET)))
        );
    }
}
