//! Evidence in files, verified where there is no hub: no settings, no database, no network. Each time the
//! promised exit code, and a report that says what holds, what is missing and what was not looked at.

#[path = "../../src/domain/proof/sample.rs"]
#[allow(dead_code, reason = "whoever includes it uses a part of it")]
mod sample;

mod house {
    pub use kairan::{domain, merkle};
}

use kairan::domain::digest::Digest;
use kairan::domain::instant::Instant;
use kairan::domain::proof::certificate::{Certificate, CertifiedNotice};
use kairan::merkle::checkpoint::Checkpoint;
use sample::{Log, ORIGIN, Story, Twist, signer, uid};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A desk with files on it, and no hub.
struct Desk {
    folder: TempDir,
    key: String,
}

struct Told {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = signer(ORIGIN, 7).verifier().to_string();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
        self
    }

    fn export(&self, name: &str, files: &[(String, Vec<u8>)]) {
        for (file, content) in files {
            self.put(&format!("{name}/{file}"), content);
        }
    }

    fn run(&self, args: &[&str]) -> Told {
        let output = Command::new(env!("CARGO_BIN_EXE_kairan"))
            .arg("verify")
            .args(args)
            .current_dir(self.folder.path())
            .env("KAIRAN_CONFIG", "/nowhere/kairan.toml")
            .output()
            .expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("an exit code, not a signal");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(!stderr.contains("panicked"), "{stderr}");
        Told {
            code,
            stdout,
            stderr,
        }
    }

    /// Under the log's key.
    fn verify(&self, args: &[&str]) -> Told {
        self.run(&[args, &["--key", &self.key]].concat())
    }
}

impl Told {
    #[track_caller]
    fn says(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        for part in parts {
            assert!(
                self.stdout.contains(part),
                "{part:?} is missing in {}",
                self.stdout
            );
        }
        let failed = code == 1 || code == 2;
        assert_eq!(self.stderr.contains("kairan: "), failed, "{}", self.stderr);
        self
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("JSON")
    }
}

#[test]
fn a_bank_verifies_a_notice_from_the_webhook_and_from_the_mail() {
    let (desk, story) = (Desk::new(), Story::told(Twist::Honest));
    let (proof, object) = story.notice_proof(1);
    desk.put("body.json", story.webhook(1, true));
    desk.put(
        "kairan-notice.tlog-proof",
        proof.to_tlog_proof(&object).expect("a proof"),
    );
    desk.put("log.vkey", format!("{}\n", desk.key));
    let parts = [
        "sound",
        "notice 2 of bank 0112",
        "place 2 of 4",
        "roster version 2",
        "not checked: ",
    ];
    desk.verify(&["notice", "body.json", "kairan-notice.tlog-proof"])
        .says(0, &parts);
    desk.run(&["notice", "body.json", "--key", "log.vkey"])
        .says(0, &parts);
    let told = desk.verify(&["notice", "body.json", "--json"]);
    let json = told.says(0, &[]).json();
    assert_eq!(json["verdict"], "sound");
    assert_eq!(
        json["reports"][0]["facts"]["digest"],
        Digest::of(&object).to_string()
    );
    assert!(
        !json["reports"][0]["unchecked"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
}

#[test]
fn a_notice_without_a_proof_is_incomplete_and_a_changed_one_broken() {
    let (desk, story) = (Desk::new(), Story::told(Twist::Honest));
    let sent = story.webhook(1, true);
    desk.put("unsealed.json", story.webhook(1, false));
    desk.verify(&["notice", "unsealed.json"])
        .says(3, &["sound, but incomplete", "missing: a proof"]);
    desk.put("good.json", &sent)
        .put("spoilt.json", sent.replacen("AMBER", "GREEN", 1));
    desk.verify(&["notice", "spoilt.json"])
        .says(1, &["BROKEN", "BROKEN digest: "]);
    // One broken file among many decides, and the others are judged all the same.
    let told = desk.verify(&[
        "notice",
        "good.json",
        "unsealed.json",
        "spoilt.json",
        "nowhere.json",
    ]);
    told.says(1, &["good.json: sound", "nowhere.json: cannot be used"]);
    assert!(
        told.stderr.contains("spoilt.json does not hold"),
        "{}",
        told.stderr
    );
    let other = signer(ORIGIN, 8).verifier().to_string();
    desk.run(&["notice", "good.json", "--key", &other])
        .says(1, &["BROKEN proof: "]);
}

#[test]
fn what_is_no_evidence_and_what_is_no_key_is_told_as_unusable() {
    let desk = Desk::new();
    desk.put("letter.txt", "Dear bank").put("list.json", "[]");
    desk.put(
        "test.json",
        r#"{"type":"notice.test","timestamp":"","data":{}}"#,
    );
    for file in ["letter.txt", "list.json", "test.json", "nowhere.json"] {
        for kind in ["notice", "incident", "certificate", "checkpoints"] {
            desk.verify(&[kind, file]).says(2, &["cannot be used"]);
        }
    }
    desk.verify(&["log", "."]).says(2, &["no checkpoint"]);
    for key in [
        "nowhere.vkey",
        "letter.txt",
        "hub.operator.example+00000000+AA==",
    ] {
        let told = desk.run(&["notice", "test.json", "--key", key]);
        assert!(
            told.says(2, &[]).stderr.contains("handed over"),
            "{}",
            told.stderr
        );
    }
    assert_eq!(
        desk.run(&["notice", "test.json"]).code,
        2,
        "no key, no answer"
    );
}

#[test]
fn an_auditor_learns_who_was_covered_and_who_is_open() {
    let (desk, story) = (Desk::new(), Story::told(Twist::Honest));
    desk.put("bundle.json", story.bundle().to_bytes());
    let parts = [
        "sound",
        "covered 4/4 under roster version 2",
        "acknowledged 3/4 (signed 2)",
        "open: 0114 (",
        "former banks told: 1",
    ];
    desk.verify(&["incident", "bundle.json"]).says(0, &parts);
    let told = desk.verify(&["incident", "bundle.json", "--json"]);
    let facts = &told.json()["reports"][0]["facts"];
    assert_eq!(facts["covered"]["of"], 4);
    assert_eq!(facts["open"][0], uid(1, 4).to_string());
    let mut current = story.bundle();
    current.next_roster = None;
    desk.put("current.json", current.to_bytes());
    desk.verify(&["incident", "current.json"])
        .says(3, &["missing: proof that roster version 2 was in force"]);
    desk.put(
        "dropped.json",
        Story::told(Twist::BankDropped).bundle().to_bytes(),
    );
    desk.verify(&["incident", "dropped.json"])
        .says(1, &["the roster has 4 banks, and 3 notices went out"]);
}

#[test]
fn a_certificate_is_verified_under_its_own_key() {
    let at = |minute: i64| Instant::from_micros(1_558_059_069_120_000 + minute * 60_000_000);
    let certificate = Certificate {
        bank_code: "0117".into(),
        bank: uid(1, 7),
        as_of: at(30),
        issued: at(40),
        log: Checkpoint {
            origin: ORIGIN.into(),
            size: 9,
            root: [9; 32],
        },
        notices: vec![CertifiedNotice {
            number: 1,
            incident: "INC-2019-0003".into(),
            kind: "actual".into(),
            revision: 1,
            notice: uid(4, 1),
            digest: Digest::of(b"object"),
            issued: at(1),
            level: "acknowledged".into(),
            level_at: at(2),
        }],
    };
    let (desk, signs) = (Desk::new(), signer("hub.operator.example/certificate", 3));
    let note = signs.sign(&certificate.to_text()).expect("signs");
    desk.put("certificate.txt", &note)
        .put("spoilt.txt", note.replacen("acknowledged", "responded", 1));
    let key = signs.verifier().to_string();
    let verify = |file: &str| desk.run(&["certificate", file, "--key", &key]);
    verify("certificate.txt").says(
        0,
        &[
            "bank 0117",
            "1 notices",
            "level acknowledged",
            "operator's statement",
        ],
    );
    verify("spoilt.txt").says(1, &["BROKEN signature"]);
    desk.verify(&["certificate", "certificate.txt"])
        .says(1, &["no known key"]);
}

#[test]
fn two_histories_are_told_with_evidence_to_hand_on() {
    let (desk, honest) = (Desk::new(), Story::told(Twist::Honest));
    let other = Story::told(Twist::BankExchanged).log;
    desk.export("log", &honest.files());
    desk.put("mine.txt", honest.log.checkpoint())
        .put("same.txt", honest.log.checkpoint());
    desk.put("older.txt", honest.log.earlier(12).checkpoint())
        .put("theirs.txt", other.checkpoint());
    desk.put("theirs-older.txt", other.earlier(12).checkpoint());
    desk.put("notice.json", honest.webhook(0, true));
    desk.verify(&["checkpoints", "mine.txt", "same.txt", "notice.json"])
        .says(0, &["size 15"]);
    desk.verify(&["checkpoints", "mine.txt"])
        .says(3, &["a second head"]);
    desk.verify(&["checkpoints", "mine.txt", "older.txt"])
        .says(3, &["size 12 grew into size 15", "--log"]);
    desk.verify(&["checkpoints", "mine.txt", "older.txt", "--log", "log"])
        .says(0, &[]);
    let forked = desk.verify(&["checkpoints", "mine.txt", "theirs.txt"]);
    forked.says(
        1,
        &[
            "BROKEN fork",
            "two histories",
            &honest.log.checkpoint(),
            &other.checkpoint(),
        ],
    );
    let shown = desk.verify(&["checkpoints", "theirs-older.txt", "--log", "log", "--json"]);
    let json = shown.says(1, &[]).json();
    let evidence = json["reports"][0]["evidence"][0]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(
        evidence.contains(&other.earlier(12).checkpoint())
            && evidence.contains("consistency proof")
    );
}

#[test]
fn a_whole_log_is_sound_under_the_key_that_was_handed_over() {
    let (desk, story) = (Desk::new(), Story::told(Twist::Honest));
    desk.export("log", &story.files());
    let parts = [
        "sound",
        "3 roster versions, 2 revisions, 3 fan-outs, 4 confirmations",
        "not checked: ",
    ];
    desk.verify(&["log", "log"]).says(0, &parts);
    // The export's own key is shown, and proves nothing.
    desk.run(&["log", "log"])
        .says(3, &["missing: the key", &desk.key]);
    let other = signer(ORIGIN, 8).verifier().to_string();
    desk.run(&["log", "log", "--key", &other])
        .says(1, &["BROKEN checkpoint"]);
    std::fs::remove_dir_all(desk.path("log/kairan")).expect("removed");
    desk.verify(&["log", "log"])
        .says(3, &["the lists of 3 fan-outs", "the lists of 3 rosters"]);
}

#[test]
fn every_file_of_an_export_counts() {
    let files = Story::told(Twist::Honest).files();
    for (number, (name, content)) in files.iter().enumerate() {
        let desk = Desk::new();
        desk.export("log", &files);
        let beside = name.starts_with("kairan/");
        std::fs::remove_file(desk.path("log").join(name)).expect("removed");
        let expected = match name.as_str() {
            "kairan/vkey" => 0,
            _ if beside => 3,
            _ => 2,
        };
        desk.verify(&["log", "log"]).says(expected, &[]);
        if expected == 0 {
            continue;
        }
        for at in [0, content.len() / 2 + number, content.len() - 1] {
            let mut spoilt = content.clone();
            spoilt[at.min(content.len() - 1)] ^= 1;
            desk.put(&format!("log/{name}"), spoilt);
            let told = desk.verify(&["log", "log"]);
            assert!(
                told.code == 1 || told.code == 2,
                "{name}, byte {at}: {}",
                told.stdout
            );
        }
        desk.put(&format!("log/{name}"), &content[..content.len() - 2]);
        let told = desk.verify(&["log", "log"]);
        assert!(
            told.code == 1 || told.code == 2,
            "{name}, cut: {}",
            told.stdout
        );
    }
}

#[test]
fn an_insiders_log_is_broken_though_every_hash_and_signature_fits() {
    for (twist, part) in [
        (
            Twist::BankDropped,
            "3 notices went out, and the roster in force has 4 banks",
        ),
        (
            Twist::BankTwice,
            "its banks are not in order, or one stands there twice",
        ),
        (
            Twist::BankExchanged,
            "its notices are not those of the banks on the roster",
        ),
        (
            Twist::OldRoster,
            "under another roster than the one in force",
        ),
        (Twist::FanoutMoved, "not directly followed by its fan-out"),
        (Twist::NumberSkipped, "gets number 3 where 2 comes next"),
        (Twist::RosterAgain, "roster version 2 where 3 comes next"),
    ] {
        let desk = Desk::new();
        desk.export("log", &Story::told(twist).files());
        desk.verify(&["log", "log"]).says(1, &[part]);
    }
}

/// More than one tile at level 0 and a partial one at level 1.
#[test]
fn a_long_log_is_read_in_order_and_its_faults_are_found_where_they_are() {
    let mut story = Story::told(Twist::Honest);
    for _ in 0..685 {
        story.log.attempt();
    }
    let leaf = story.fanouts[1].leaves[3].clone();
    story.log.acknowledged(&leaf, None);
    let (desk, files) = (Desk::new(), story.files());
    desk.export("log", &files);
    let told = desk.verify(&["log", "log"]);
    told.says(0, &["size 701", "5 confirmations"]);
    for name in ["tile/0/001", "tile/0/002.p/189", "tile/1/000.p/2"] {
        let content = &files
            .iter()
            .find(|(file, _)| file == name)
            .expect("there")
            .1;
        let mut spoilt = content.clone();
        spoilt[33] ^= 1;
        desk.put(&format!("log/{name}"), spoilt);
        desk.verify(&["log", "log"])
            .says(1, &[&format!("BROKEN tile: {name}")]);
        desk.put(&format!("log/{name}"), content);
    }
    // An entry that is written otherwise, with tiles and head that fit.
    let written = String::from_utf8(story.log.entries[300].clone()).expect("ASCII");
    story.log.entries[300] = written.replacen("{\"at\"", "{ \"at\"", 1).into_bytes();
    desk.export("log", &story.files());
    desk.verify(&["log", "log"]).says(
        1,
        &["BROKEN canonical: entry 300 not canonical JSON from byte 1"],
    );
    // One that nobody knows yet is hashed, and told as unknown.
    story.log.entries[300] = br#"{"t":"weather","v":1}"#.to_vec();
    desk.export("log", &story.files());
    desk.verify(&["log", "log"])
        .says(3, &["1 entries of kinds that this program does not know"]);
}

#[test]
fn a_log_that_has_only_begun_is_sound() {
    let (desk, log) = (Desk::new(), Log::new("log.genesis"));
    desk.export("log", &log.files());
    desk.verify(&["log", "log"]).says(0, &["size 1"]);
    desk.export("none", &log.earlier(0).files());
    desk.verify(&["log", "none"]).says(0, &["size 0"]);
}
