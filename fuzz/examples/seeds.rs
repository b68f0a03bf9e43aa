//! Writes the seeds of `domain/proof` anew, out of the log that the tests tell their stories of:
//! `cargo run --example seeds`, in this folder.

use kairan::domain::proof::leaves::{FanoutList, RosterList};
use kairan::domain::{instant::Instant, json, proof};
use kairan::merkle::note::Note;
use kairan::merkle::tile::encode_bundle;
use kairan::sample::{HOST, Story, Twist, handed_over_twice, note, notice, signer, uid};
use std::path::Path;

/// As the hub writes one; those of the story are shorter.
const ATTEMPT: &str = r#"{"at":"2019-05-17T02:11:09.120Z","attempt":"09090909-0909-0909-0909-090909090909","bank":null,"channel":"webhook","facts":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","n":1,"notice":null,"outcome":"accepted","seq":1,"status":200,"t":"notice.attempt","v":1}"#;

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = Path::new("seeds").join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), bytes).expect("written");
}

fn main() {
    let story = Story::told(Twist::Honest);
    let (proof, object) = story.notice_proof(1);
    write(
        "notice",
        "file",
        proof.to_tlog_proof(&object).expect("a proof"),
    );
    write("notice", "sealed", story.webhook(2, true));
    write("notice", "unsealed", story.webhook(0, false));
    write("completeness", "bundle", story.bundle().to_bytes());
    let (log, heads, handovers) = handed_over_twice();
    let (_, last) = heads.last().expect("a head");
    write(
        "heads",
        "handed_over",
        [&handovers[..], std::slice::from_ref(last)]
            .concat()
            .join("\0"),
    );
    write(
        "heads",
        "plain",
        heads
            .iter()
            .map(|(_, head)| head.as_str())
            .collect::<Vec<_>>()
            .join("\0"),
    );
    for (n, name) in [
        (0, "opening"),
        (1, "roster"),
        (3, "registered"),
        (4, "fanout"),
        (5, "acknowledged"),
    ] {
        write("entry", name, &story.log.entries[n]);
    }
    write("entry", "key", &log.entries[2]);
    write("entry", "attempt", ATTEMPT);
    write(
        "log_rules",
        "entries",
        encode_bundle(&story.log.entries).expect("fits"),
    );
    write(
        "log_rules",
        "listed",
        encode_bundle(listed(&story)).expect("fits"),
    );
    write(
        "log_rules",
        "keys",
        encode_bundle(&log.entries).expect("fits"),
    );
    let said = note(&notice(1, 2, 2), 1, 1);
    write(
        "acknowledgement",
        "text",
        Note::parse(said.as_bytes()).expect("a note").text,
    );
    write("acknowledgement", "note", said);
    let at = Instant::from_micros(1_558_059_069_120_000);
    let key = proof::signing_key::KeyProof {
        code: "0111".into(),
        host: HOST.into(),
        at,
    };
    write("acknowledgement", "key", key.to_text());
    write("certificate", "two", certificate(at, &story).to_text());
}

/// Each list before the entry that commits to it.
fn listed(story: &Story) -> Vec<Vec<u8>> {
    let (mut rosters, mut fanouts) = (story.rosters.iter(), story.fanouts.iter());
    let mut parts = Vec::new();
    for entry in &story.log.entries {
        match proof::entries::Entry::parse(entry) {
            Ok(proof::entries::Entry::Roster(_)) => {
                parts.extend(
                    rosters
                        .next()
                        .map(|list: &RosterList| json::canonical(list)),
                );
            }
            Ok(proof::entries::Entry::Fanout(_)) => {
                parts.extend(
                    fanouts
                        .next()
                        .map(|list: &FanoutList| json::canonical(list)),
                );
            }
            _ => {}
        }
        parts.push(entry.clone());
    }
    parts
}

fn certificate(at: Instant, story: &Story) -> proof::certificate::Certificate {
    let (_, object) = story.notice_proof(0);
    let one = |number: i64| proof::certificate::CertifiedNotice {
        number,
        incident: "INC-2019-0003".into(),
        kind: "actual".into(),
        revision: number,
        notice: uid(4, number as u8),
        digest: kairan::domain::digest::Digest::of(&object),
        issued: at,
        level: "delivered".into(),
        level_at: at,
    };
    let key = signer(kairan::sample::ORIGIN, 7);
    let log = kairan::merkle::checkpoint::Checkpoint::open(&story.log.checkpoint(), key.verifier());
    proof::certificate::Certificate {
        bank: uid(1, 1),
        bank_code: "0111".into(),
        as_of: at,
        issued: at,
        log: log.expect("signed"),
        notices: vec![one(1), one(2)],
    }
}
