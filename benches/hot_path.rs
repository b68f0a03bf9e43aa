//! What is done once for every notice or every attempt: hashing, canonical bytes, signing, backoff.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use kairan::domain::backoff;
use kairan::domain::digest::Digest;
use kairan::domain::entry::{Attempt, Entry};
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant;
use kairan::domain::notice::NoticeObject;
use kairan::domain::signature::{SymmetricSecret, sign_v1, sign_v1a};
use kairan::merkle;
use kairan::storage::delivery::{AttemptRow, OutcomeRow};
use kairan::storage::facts;
use std::collections::HashMap;
use std::hint::black_box;

fn at() -> Instant {
    Instant::from_micros(1_558_059_069_120_000)
}

fn notices(c: &mut Criterion) {
    let object = NoticeObject {
        acknowledge_by: at(),
        annex: None,
        bank: "0117",
        concerns_you: true,
        exposed: true,
        id: Uid::at(at()),
        incident: "INC-2019-0003",
        incident_digest: Digest::of(b"body"),
        kind: "actual",
        number: "42".into(),
        phase: "initial",
        revision: "1".into(),
        tlp: "AMBER",
        v: 1,
    };
    c.bench_function("notice object and its digest", |b| {
        b.iter(|| Digest::of(&black_box(&object).to_bytes()));
    });
    let leaves: Vec<_> = (0..3_500_u32)
        .map(|n| merkle::leaf_hash(&n.to_be_bytes()))
        .collect();
    for n in [35, 3_500] {
        c.bench_function(&format!("root over {n} notices"), |b| {
            b.iter(|| merkle::root(black_box(&leaves[..n]).iter().copied()));
        });
    }
}

fn attempts(c: &mut Criterion) {
    let (id, body) = (Uid::at(at()), vec![b'x'; 1_500]);
    let secret = SymmetricSecret::from_bytes(vec![7; 32]).expect("32 bytes are a secret");
    let key = SigningKey::from_bytes(&[9; 32]);
    c.bench_function("entry of an attempt", |b| {
        b.iter(|| {
            Entry::Attempt(Attempt {
                at: at(),
                attempt: id,
                bank: Some(id),
                channel: "webhook",
                facts: [5; 32],
                n: 1,
                notice: Some(id),
                outcome: "accepted",
                seq: 1,
                status: Some(204),
                t: "notice.attempt",
                v: 1,
            })
            .to_bytes()
        });
    });
    let attempt = AttemptRow {
        id,
        delivery_id: id,
        number: 1,
        node_id: id,
        started_at: at(),
    };
    let outcome = OutcomeRow {
        attempt_id: id,
        seq: 1,
        delivery_id: id,
        notice_id: Some(id),
        incident_id: Some(id),
        bank_id: Some(id),
        target_id: id,
        channel: "webhook".into(),
        number: 1,
        outcome: "accepted".into(),
        status: Some(204),
        duration_ms: 12,
        body_hash: Some(vec![5; 32]),
        tls_fingerprint: Some(vec![5; 32]),
        answer_id: None,
        started_at: at(),
        recorded_at: at(),
    };
    c.bench_function("commitment to the rows of an attempt", |b| {
        b.iter(|| facts::commitment(&[7; 32], &[black_box(&attempt), black_box(&outcome)]));
    });
    c.bench_function("signature v1 over 1.5 kB", |b| {
        b.iter(|| {
            sign_v1(
                &secret,
                "msg_00000000000000000000000000000000",
                1_558_059_069,
                black_box(&body),
            )
        });
    });
    c.bench_function("signature v1a over 1.5 kB", |b| {
        b.iter(|| {
            sign_v1a(
                &key,
                "msg_00000000000000000000000000000000",
                1_558_059_069,
                black_box(&body),
            )
        });
    });
    c.bench_function("fair choice of 512 among 1 024", |b| {
        let bank = |n: usize| Some(Uid::from_bytes([u8::try_from(n % 35).unwrap_or(0); 16]));
        let due: Vec<_> = (0..1_024).map(bank).collect();
        b.iter_batched(
            || due.clone(),
            |due| backoff::choose(due, |one| *one, &HashMap::new(), 4, 512),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(hot_path, notices, attempts);
criterion_main!(hot_path);
