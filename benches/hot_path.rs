//! What is done once for every notice or every attempt: hashing, canonical bytes, signing, and its
//! place in the log: append, proof, check.

use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use kairan::domain::digest::Digest;
use kairan::domain::entry::{Attempt, Entry};
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant;
use kairan::domain::notice::NoticeObject;
use kairan::domain::signature::{SymmetricSecret, sign_v1, sign_v1a};
use kairan::merkle::note::{KeyKind, KeyName, Note, Signer};
use kairan::merkle::tree::Frontier;
use kairan::merkle::{self, Hash, proof, tile};
use kairan::storage::delivery::{AttemptRow, OutcomeRow};
use kairan::storage::facts;
use std::convert::Infallible;
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
}

/// What each level's tiles hold, from the leaves up: the roots of every 256 hashes of the level below.
fn tile_levels(leaves: Vec<Hash>) -> Vec<Vec<Hash>> {
    let mut levels = vec![leaves];
    while let Some(level) = levels.last().filter(|level| level.len() >= 256) {
        let (full, _) = level.as_chunks::<256>();
        let above = full.iter().map(|tile| merkle::root(tile.iter().copied()));
        levels.push(above.collect());
    }
    levels
}

fn appends(c: &mut Criterion) {
    let mut frontier = Frontier::default();
    let leaf = merkle::leaf_hash(b"entry");
    c.bench_function("leaf pushed on the frontier", |b| {
        b.iter(|| frontier.push(black_box(leaf)));
    });
    let grown = Frontier::from_parts((1 << 20) - 1, vec![leaf; 20]).expect("one for each bit");
    c.bench_function("root above twenty hashes of an edge", |b| {
        b.iter(|| black_box(&grown).root());
    });
}

fn proofs(c: &mut Criterion) {
    const SIZE: u64 = 1_000_000;
    let leaves: Vec<Hash> = (0..SIZE)
        .map(|n| merkle::leaf_hash(&n.to_be_bytes()))
        .collect();
    let levels = tile_levels(leaves);
    let read = |node| {
        let tile = tile::tile_of(node, SIZE).expect("a node of this tree");
        let first = (tile.number * tile::WIDTH) as usize;
        let hashes = &levels[usize::from(tile.level)][first..first + usize::from(tile.width)];
        Ok::<Hash, Infallible>(tile::hash_in(node, &tile, hashes).expect("its tile"))
    };
    let root = proof::root_at(SIZE, read).expect("infallible");
    let path = proof::inclusion(654_321, SIZE, read).expect("in range");
    let leaf = levels[0][654_321];
    c.bench_function("inclusion proof from tiles, of a million", |b| {
        b.iter(|| proof::inclusion(black_box(654_321), SIZE, read));
    });
    c.bench_function("consistency proof from tiles, to a million", |b| {
        b.iter(|| proof::consistency(black_box(654_321), SIZE, read));
    });
    c.bench_function("inclusion checked, of a million", |b| {
        b.iter(|| proof::check_inclusion(black_box(&leaf), 654_321, SIZE, &path, &root));
    });
}

fn notes(c: &mut Criterion) {
    let name = KeyName::parse("hub.example/log/1").expect("a name");
    let signer = Signer::new(name, KeyKind::Ed25519, &[9; 32]);
    let text = "hub.example/log/1\n1000000\nzMKa4OAqd7D0V4wawXST15z0JiEEkprIBPkfxOesWvA=\n";
    let note = signer.sign(text).expect("a text");
    let known = [signer.verifier().clone()];
    c.bench_function("checkpoint signed", |b| {
        b.iter(|| signer.sign(black_box(text)));
    });
    c.bench_function("note parsed and verified", |b| {
        b.iter(|| {
            let note = Note::parse(black_box(note.as_bytes())).expect("a note");
            note.verify(&known)
        });
    });
}

criterion_group!(hot_path, notices, attempts, appends, proofs, notes);
criterion_main!(hot_path);
