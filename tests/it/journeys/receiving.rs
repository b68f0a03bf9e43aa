//! The reference bank at a real hub: through a restart it confirms everything under its own key and knows one
//! history of the log; where the hub shows it two, both get to know of it.

use super::steps::{hours, seconds};
use crate::support::hub::{Bank, TestHub};
use crate::support::signer::{HOST, signer};
use kairan::cli::receive::bank::{self, Person};
use kairan::cli::receive::events::Event;
use kairan::cli::receive::hub::Hub;
use kairan::cli::receive::judge::Trust;
use kairan::cli::receive::memory::Memory;
use kairan::domain::proof::log_keys::LogKeys;
use kairan::domain::proof::notice::{NoticeProof, Webhook};
use kairan::domain::signature::{Received, sign_v1};
use kairan::log::Refusal;
use kairan::log::keys::LogKey;
use kairan::log::sequencer::Standing;
use kairan::merkle::checkpoint::Checkpoint;
use kairan::merkle::note::{Signer, VerifierKey};
use kairan::merkle::tlog_proof::TlogProof;
use kairan::merkle::{Hash, leaf_hash, proof, root, tree::Node};
use kairan::storage::evidence;
use kairan::vault::log_key;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The key with which the hub signs its heads.
fn hub_key(hub: &TestHub) -> Signer {
    let seed = log_key::open(&hub.folder.path().join("kairan-log.pem")).expect("a key");
    LogKey::new(seed, HOST).signer(1)
}

/// The bank's machine on what it has kept in the folder.
pub fn machine(hub: &TestHub, bank: &Bank, folder: &Path) -> bank::Bank {
    let trust = Trust {
        bank: bank.code.clone(),
        secrets: vec![bank.secret.parse().expect("a secret")],
        webhook_key: None,
        endpoint: bank.receiver.url("/hook"),
        log_keys: hub_key(hub).verifier().into(),
    };
    let person = Person {
        name: "高橋 健".into(),
        role: "当直".into(),
    };
    let memory = Memory::open(folder, &trust.log_keys).expect("a folder");
    let at = Hub::new(hub.url.parse().expect("a URL"), &bank.key).expect("a client");
    bank::Bank::new(
        trust,
        signer(&bank.code, 1),
        person,
        at,
        memory,
        hub.clock.clone(),
    )
}

/// What the hub has sent since the last look: id, timestamp, signature, body.
pub fn sent(bank: &Bank) -> Vec<[String; 4]> {
    let hits = bank.receiver.hits();
    bank.receiver.forget();
    let header = |hit: &crate::support::receiver::Hit, name: &str| {
        hit.header(name).expect("a header").to_owned()
    };
    let hits = hits.iter().map(|hit| {
        let body = String::from_utf8(hit.body.clone()).expect("UTF-8");
        [
            header(hit, "webhook-id"),
            header(hit, "webhook-timestamp"),
            header(hit, "webhook-signature"),
            body,
        ]
    });
    hits.collect()
}

#[track_caller]
pub fn take(machine: &bank::Bank, webhooks: &[[String; 4]]) -> Vec<Event> {
    let mut events = Vec::new();
    for [id, timestamp, signature, body] in webhooks {
        let received = Received {
            id,
            timestamp,
            signature,
            body: body.as_bytes(),
        };
        let taken = machine.take(&received).expect("kept");
        assert_eq!(taken.answer, bank::Answer::Kept, "{:?}", taken.events);
        events.extend(taken.events);
    }
    events
}

fn classes(events: &[Event]) -> Vec<(i64, &str)> {
    let class = |event: &Event| match event {
        Event::Acknowledged { number, class } => Some((*number, class.clone())),
        _ => None,
    };
    let found: Vec<(i64, String)> = events.iter().filter_map(class).collect();
    let signed = found.into_iter().map(|(number, class)| {
        (
            number,
            if class == "signed" {
                "signed"
            } else {
                "weaker"
            },
        )
    });
    signed.collect()
}

fn is_sealed(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::Received { sealed: true, .. }))
}

/// Of the heads that the events tell of, how they stand.
fn standings(events: &[Event]) -> Vec<&'static str> {
    let standing = |event: &Event| match event {
        Event::Head { standing, .. } => Some(*standing),
        _ => None,
    };
    events.iter().filter_map(standing).collect()
}

/// The webhook as it would be, had the log of this key begun otherwise: with a head of this size.
fn rewritten(hub: &TestHub, bank: &Bank, webhook: &[String; 4], size: u64) -> [String; 4] {
    let [id, timestamp, _, body] = webhook;
    let honest = Webhook::parse(body.as_bytes())
        .expect("a notice")
        .log
        .expect("sealed");
    let mut leaves: Vec<Hash> = (1..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    leaves.push(leaf_hash(&honest.entry));
    let key = hub_key(hub);
    let head = Checkpoint {
        origin: key.verifier().name().to_string(),
        size,
        root: root(leaves.clone()),
    };
    let read = |node: Node| {
        let first = (node.index << node.height) as usize;
        Ok::<Hash, ()>(root(
            leaves[first..first + (1 << node.height)].iter().copied(),
        ))
    };
    let tlog = TlogProof {
        extra: None,
        index: size - 1,
        path: proof::inclusion(size - 1, size, read).expect("a leaf it has"),
        checkpoint: key.sign(&head.to_text()).expect("signed"),
    };
    let other = NoticeProof {
        proof: tlog.to_string(),
        ..honest.clone()
    };
    let text = |proof: &NoticeProof| String::from_utf8(proof.to_json()).expect("UTF-8");
    let changed = body.replace(&text(&honest), &text(&other));
    assert_ne!(&changed, body);
    let secret = bank.secret.parse().expect("a secret");
    let at = timestamp.parse().expect("seconds");
    let signature = sign_v1(&secret, id, at, changed.as_bytes());
    [id.clone(), timestamp.clone(), signature, changed]
}

journeys! {
    async fn a_bank_confirms_all_under_its_key_through_a_restart_and_knows_one_history(hub) {
        let (bank, _peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let (officer, folder) = (hub.officer().await, tempfile::tempdir().expect("a folder"));
        let first = machine(&hub, &bank, folder.path());
        first.enrol().await.expect("enrolled");
        hub.file(&officer).await;
        hub.deliver_due().await;
        let events = take(&first, &sent(&bank));
        assert!(is_sealed(&events));
        assert_eq!(standings(&events), ["confirmed"], "the first head of all");
        assert_eq!(classes(&first.work().await.expect("kept")), [(1, "signed")]);

        // Taken in and not confirmed: the restart forgets neither.
        hub.file(&officer).await;
        hub.deliver_due().await;
        let webhooks = sent(&bank);
        take(&first, &webhooks);
        drop(first);
        let second = machine(&hub, &bank, folder.path());
        assert!(matches!(take(&second, &webhooks).as_slice(), [Event::Again { .. }]));
        let events = second.work().await.expect("kept");
        assert_eq!((standings(&events), classes(&events)), (vec!["confirmed"], vec![(2, "signed")]), "{events:?}");

        // The log does not sign in time: the notice goes out unsealed, and its proof is asked for.
        hub.file(&officer).await;
        hub.advance(hours(1));
        hub.send_due().await;
        let events = take(&second, &sent(&bank));
        assert!(!is_sealed(&events), "{events:?}");
        let events = second.work().await.expect("kept");
        assert_eq!(classes(&events), [(3, "signed")]);
        assert!(second.misses_proof());
        hub.seal().await;
        hub.advance(seconds(2));
        let events = second.work().await.expect("kept");
        assert!(events.contains(&Event::Proven { number: 3 }), "{events:?}");
        let events = second.work().await.expect("kept");
        assert_eq!(standings(&events), ["confirmed"]);
        assert!(!second.misses_proof() && !second.owes_a_stamp());

        let kept = Memory::open(folder.path(), &hub_key(&hub).verifier().into()).expect("readable");
        assert_eq!((kept.known.notices.len(), kept.known.holes()), (3, vec![]));
        assert!(kept.known.notices.values().all(|one| one.is_acknowledged && one.is_proven));
        assert!(hub.act(|tx| Ok(evidence::head_disputes(tx)?)).await.is_empty());
    }

    async fn a_bank_that_is_shown_two_histories_says_so_and_the_hub_refuses(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let folder = tempfile::tempdir().expect("a folder");
        let machine = machine(&hub, &bank, folder.path());
        machine.enrol().await.expect("enrolled");
        hub.file(&officer).await;
        hub.deliver_due().await;
        take(&machine, &sent(&bank));
        machine.work().await.expect("kept");
        let keys: [VerifierKey; 1] = [hub_key(&hub).verifier().clone()];
        let known = Memory::open(folder.path(), &LogKeys::from_iter(keys.clone())).expect("readable").known;
        let size = known.heads.newest(keys[0].name().as_str()).expect("a head").checkpoint.size;

        hub.file(&officer).await;
        hub.deliver_due().await;
        let honest = sent(&bank);
        let events = take(&machine, &[rewritten(&hub, &bank, &honest[0], size)]);
        let Some(Event::Fork { sizes, evidence }) = events.iter().find(|event| event.is_alarming()) else {
            panic!("no fork: {events:?}");
        };
        assert_eq!(*sizes, (size, size));
        let heads: Vec<Checkpoint> = evidence.iter().map(|file| {
            let note = std::fs::read_to_string(file).expect("kept");
            Checkpoint::open(&note, &keys[0]).expect("signed by the hub")
        }).collect();
        assert_ne!(heads[0].root, heads[1].root);
        assert_eq!(classes(&machine.work().await.expect("kept")), [(2, "signed")], "the notice is confirmed all the same");
        hub.seal().await;
        let size = i64::try_from(size).expect("small");
        assert_eq!(hub.log_standing().await, Standing::Refusing(Refusal::Disputed(size)));
    }

    async fn a_larger_head_that_the_hub_cannot_show_is_never_trusted(hub) {
        let (bank, officer) = (hub.bank("B001").await, hub.officer().await);
        let folder = tempfile::tempdir().expect("a folder");
        let machine = machine(&hub, &bank, folder.path());
        hub.file(&officer).await;
        hub.deliver_due().await;
        take(&machine, &sent(&bank));
        hub.file(&officer).await;
        hub.deliver_due().await;
        let honest = sent(&bank);
        take(&machine, &[rewritten(&hub, &bank, &honest[0], 100_000)]);
        let events = machine.check_heads().await.expect("kept");
        assert_eq!(standings(&events), ["unconfirmed"]);
        assert!(machine.misses_proof());
        // Below the confirmed head the hub's own tiles prove that it does not belong there.
        hub.file(&officer).await;
        hub.deliver_due().await;
        let honest = sent(&bank);
        take(&machine, &[rewritten(&hub, &bank, &honest[0], 9)]);
        let events = machine.check_heads().await.expect("kept");
        assert!(events.iter().any(|event| matches!(event, Event::Fork { sizes: (_, 9), .. })), "{events:?}");
        let keys = [hub_key(&hub).verifier().clone()];
        let heads = Memory::open(folder.path(), &LogKeys::from_iter(keys.clone())).expect("readable").known.heads;
        assert_eq!(heads.unconfirmed().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_command_enrols_its_key_takes_a_notice_confirms_it_and_ends() {
    use crate::support::hub::On;
    let hub = TestHub::start(On::Sqlite).await;
    let bank = hub.bank("B001").await;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = written(&hub, &bank, folder.path());
    let receive = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairan"));
        command
            .arg("receive")
            .arg(&settings)
            .arg("--json")
            .env_remove("KAIRAN_CONFIG");
        command
    };
    for _ in 0..2 {
        let enrolled = receive().arg("--enrol").output().expect("runs");
        assert!(
            enrolled.status.success(),
            "{}",
            String::from_utf8_lossy(&enrolled.stderr)
        );
    }
    hub.file(&hub.officer().await).await;
    hub.deliver_due().await;
    let [id, timestamp, signature, body] = sent(&bank).remove(0);
    let mut child = receive()
        .args(["--once", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .map_while(Result::ok);
    let first: serde_json::Value =
        serde_json::from_str(&lines.next().expect("a line")).expect("JSON");
    let address = first["address"].as_str().expect("where it listens");
    let post = |signature: &str| {
        let request = reqwest::Client::new().post(format!("http://{address}/kairan"));
        let request = request
            .header("webhook-id", &id)
            .header("webhook-timestamp", &timestamp);
        request
            .header("webhook-signature", signature)
            .body(body.clone())
    };
    let forged = post("v1,AAAA").send().await.expect("an answer");
    assert_eq!(forged.status(), 400);
    assert_eq!(
        post(&signature).send().await.expect("an answer").status(),
        204
    );
    let told: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(&line).expect("JSON"))
        .collect();
    let events: Vec<&str> = told
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    assert_eq!(
        events,
        ["refused", "received", "head", "acknowledged"],
        "{told:?}"
    );
    assert_eq!(
        (&told[1]["sealed"], &told[3]["class"]),
        (&true.into(), &"signed".into())
    );
    assert_eq!(
        child.wait().expect("ends").code(),
        Some(3),
        "something was not believed"
    );
}

/// The receiver's own settings, with the files that they name.
fn written(hub: &TestHub, bank: &Bank, folder: &Path) -> std::path::PathBuf {
    for (file, text) in [("api.key", &bank.key), ("webhook.secret", &bank.secret)] {
        std::fs::write(folder.join(file), text).expect("written");
        std::fs::set_permissions(folder.join(file), std::fs::Permissions::from_mode(0o600))
            .expect("chmod");
    }
    let text = format!(
        "hub = \"{}\"\nbank = \"{}\"\napi_key_file = \"api.key\"\nsecret_file = \"webhook.secret\"\nlog_keys = [\"{}\"]\n\
         endpoint = \"HTTP://{}/hook\"\nkey_file = \"ack.pem\"\nperson = \"高橋 健\"\nrole = \"当直\"\nlisten = \"127.0.0.1:0\"\nstate = \"state\"\n",
        hub.url,
        bank.code,
        hub_key(hub).verifier(),
        // Spelled otherwise than the hub shows it.
        bank.receiver
            .url("/hook")
            .trim_start_matches("http://")
            .trim_end_matches("/hook")
    );
    let path = folder.join("receive.toml");
    std::fs::write(&path, text).expect("written");
    path
}
