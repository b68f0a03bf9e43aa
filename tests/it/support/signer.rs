//! A bank's own key, as the bank holds it: shows itself at enrolment, and signs what was received.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use super::hub::{Reply, TestHub};
use kairan::domain::instant::Instant;
use kairan::domain::proof::acknowledgement::AckNote;
use kairan::domain::proof::signing_key::{KeyProof, key_name};
use kairan::merkle;
use kairan::merkle::note::{KeyKind, Signer};
use serde_json::{Value, json};

/// The public host of every hub under test.
pub const HOST: &str = "127.0.0.1";

/// The key that a bank draws from this seed.
pub fn signer(code: &str, seed: u8) -> Signer {
    let name = key_name(code, HOST).expect("a name");
    Signer::new(name, KeyKind::Ed25519, &[seed; 32])
}

/// What enrols a key.
pub fn enrolment(code: &str, signer: &Signer, at: Instant) -> Value {
    let proof = KeyProof {
        code: code.into(),
        host: HOST.into(),
        at,
    };
    let proof = proof.sign(signer).expect("signed");
    json!({ "key": signer.verifier().to_string(), "proof": proof })
}

/// The acknowledgement of a notice, a line of the inbox, that came without a checkpoint.
pub fn received(line: &Value, at: Instant) -> AckNote {
    let text = |field: &str| line[field].as_str().expect("a text");
    AckNote {
        notice: text("notice").parse().expect("an id"),
        number: line["number"].as_i64().expect("a number"),
        digest: text("digest").parse().expect("a digest"),
        size: 0,
        root: merkle::empty_root(),
        person: "高橋 健".into(),
        role: "当直".into(),
        at,
    }
}

impl TestHub {
    pub async fn enrol(&self, key: &str, code: &str, signer: &Signer) -> Reply {
        let body = enrolment(code, signer, self.clock.now());
        self.post("/api/v1/own/signing-keys", key, &body).await
    }

    /// Sends a note for the notice that it names.
    pub async fn send_note(&self, key: &str, said: &AckNote, note: &str) -> Reply {
        let path = format!("/api/v1/notices/{}/acknowledgement", said.notice);
        self.post(&path, key, &json!({ "note": note })).await
    }
}
