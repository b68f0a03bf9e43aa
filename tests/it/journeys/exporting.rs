//! The log carried away: what lies in the folder is the whole log, and can be added to.

use super::steps::text;
use crate::support::hub::{Bank, On, Person, TestHub};
use base64::prelude::{BASE64_STANDARD, Engine};
use kairan::actions::Error;
use kairan::domain::proof::entries::Entry;
use kairan::domain::proof::leaves::{FanoutList, RosterList};
use kairan::merkle::checkpoint::Checkpoint;
use kairan::merkle::growing::{FullTile, Growing};
use kairan::merkle::note::VerifierKey;
use kairan::merkle::{self, leaf_hash, tile};
use kairan::storage::{Tx, log, tree};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The files of an export by their paths.
type Files = BTreeMap<String, Vec<u8>>;

impl TestHub {
    /// Runs the program beside the hub, with the hub's settings.
    pub async fn kairan(&self, args: &[&str]) -> Output {
        let config = self.folder.path().join("kairan.toml");
        std::fs::write(&config, &self.settings).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kairan"));
        command.arg("--config").arg(config).args(args);
        command.env_remove("KAIRAN_KEY").stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("no panic")
            .expect("the program runs")
    }

    /// The log in a folder; the program must have ended well.
    pub async fn exported(&self, folder: &Path) -> Files {
        let ended = self.export(folder).await;
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        files_below(folder)
    }

    async fn export(&self, folder: &Path) -> Output {
        let folder = folder.to_str().expect("UTF-8");
        self.kairan(&["export", "log", folder]).await
    }

    /// The offline verifier finds nothing wrong with an export and nothing missing.
    async fn assert_sound_log(&self, folder: &Path) {
        let vkey = folder.join("kairan/vkey");
        let (folder, vkey) = (
            folder.to_str().expect("UTF-8"),
            vkey.to_str().expect("UTF-8"),
        );
        let ended = self.kairan(&["verify", "log", folder, "--key", vkey]).await;
        let said = [ended.stdout, ended.stderr].concat();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&said));
    }

    /// Files, sends and acknowledges until the log has this many entries.
    pub async fn grow_log(&self, officer: &Person, banks: &[Bank], size: i64) {
        while self.logged().await < size {
            self.file(officer).await;
            self.deliver_due().await;
            for bank in banks {
                let told = bank.receiver.hits().last().expect("a notice").json();
                let stamp = json!({ "digest": told["data"]["digest"], "name": "佐藤 花子", "role": "不正対策室" });
                let notice = text(&told["data"]["notice"], "id");
                let path = format!("/api/v1/notices/{notice}/acknowledgement");
                self.post(&path, &bank.key, &stamp).await.expect(200);
            }
            self.seal().await;
        }
    }

    async fn logged(&self) -> i64 {
        self.act(|tx| Ok(log::head(tx)?.size)).await
    }
}

fn files_below(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it");
                let name = name.to_str().expect("UTF-8").to_owned();
                files.insert(name, std::fs::read(path).expect("readable"));
            }
        }
    }
    files
}

/// Holds every file to what the entries themselves say; returns the log's size.
#[track_caller]
fn assert_whole(files: &Files) -> u64 {
    let text = |name: &str| String::from_utf8(files[name].clone()).expect("UTF-8");
    let vkey: VerifierKey = text("kairan/vkey").trim_end().parse().expect("a key");
    let head = Checkpoint::open(&text("checkpoint"), &vkey).expect("signed");
    let mut expected = Files::new();
    for name in ["checkpoint", "kairan/vkey"] {
        expected.insert(name.into(), files[name].clone());
    }
    let mut entries: Vec<&[u8]> = Vec::new();
    for bundle in tile::bundles(head.size) {
        let content = &files[&bundle.path()];
        entries.extend(tile::decode_bundle(content).expect("a bundle"));
        expected.insert(bundle.path(), content.clone());
    }
    assert_eq!(entries.len() as u64, head.size);
    assert_eq!(
        merkle::root(entries.iter().map(|entry| leaf_hash(entry))),
        head.root
    );
    expect_tiles(&entries, &mut expected);
    expect_lists(&entries, files, &mut expected);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(files), names(&expected));
    assert!(*files == expected, "a tile is not what the entries give");
    head.size
}

fn expect_tiles(entries: &[&[u8]], expected: &mut Files) {
    let (mut growing, mut full) = (Growing::default(), Vec::<FullTile>::new());
    let mut levels: Vec<Vec<merkle::Hash>> = vec![Vec::new(); 8];
    for entry in entries {
        levels[0].push(leaf_hash(entry));
        growing.push(leaf_hash(entry), &mut full);
        for done in full.drain(..) {
            levels[usize::from(done.level) + 1].push(done.root);
        }
    }
    for wanted in tile::tiles(entries.len() as u64) {
        let first = usize::try_from(wanted.number * tile::WIDTH).expect("small");
        let hashes = &levels[usize::from(wanted.level)][first..first + usize::from(wanted.width)];
        expected.insert(wanted.path(), tile::encode_hashes(hashes));
    }
}

fn expect_lists(entries: &[&[u8]], files: &Files, expected: &mut Files) {
    for entry in entries {
        let path = match Entry::parse(entry).expect("an entry") {
            Entry::Fanout(entry) => {
                let path = format!("kairan/fanouts/{}.json", entry.fanout);
                let list: FanoutList = serde_json::from_slice(&files[&path]).expect("a list");
                list.check(&entry).expect("the list of its entry");
                path
            }
            Entry::Roster(entry) => {
                let path = format!("kairan/rosters/{}.json", entry.version);
                let list: RosterList = serde_json::from_slice(&files[&path]).expect("a list");
                let root = merkle::root(list.leaves.iter().map(|leaf| leaf.hash()));
                assert_eq!(
                    (list.version, list.leaves.len() as i64, root),
                    (entry.version, entry.n, entry.root)
                );
                path
            }
            _ => continue,
        };
        expected.insert(path.clone(), files[&path].clone());
    }
}

/// The proofs that the hub makes over its log, as the verifiers of others read them: at its newest head of every
/// entry, at each other of a few; and from many sizes to many.
fn proofs(tx: &mut Tx<'_>) -> Result<Value, Error> {
    let log = log::head(tx)?.log;
    let heads: Vec<_> = log::batches_after(tx, log, 0, 10_000)?
        .into_iter()
        .filter_map(|head| log::checkpoint(tx, log, head.size).transpose())
        .collect::<Result<_, _>>()?;
    let newest = heads.last().expect("a head").size;
    let path = |path: Vec<merkle::Hash>| -> Vec<String> {
        path.iter()
            .map(|hash| BASE64_STANDARD.encode(hash))
            .collect()
    };
    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    for head in &heads {
        let size = head.size;
        let some = [0, size / 3, size - 1];
        let indexes = (0..size).filter(|index| size == newest || some.contains(index));
        for index in indexes {
            let proof = tree::Reader::new(tx, log, size).inclusion(index)?;
            inclusion.push(json!({ "index": index, "size": size, "path": path(proof) }));
        }
    }
    let odd = [1, 2, 3, 7, 8, 9, 127, 128, 129, 255, 256, 257, newest - 1];
    let sizes: BTreeSet<i64> = heads.iter().map(|head| head.size).chain(odd).collect();
    for size in &sizes {
        for old in sizes.range(..=size) {
            let proof = tree::Reader::new(tx, log, *size).consistency(*old)?;
            consistency.push(json!({ "old": old, "size": size, "path": path(proof) }));
        }
    }
    let heads: Vec<_> = heads
        .iter()
        .map(|head| json!({ "size": head.size, "note": head.note }))
        .collect();
    Ok(json!({ "heads": heads, "inclusion": inclusion, "consistency": consistency }))
}

/// Writes an export and proofs to KAIRAN_INTEROP_LOG, where `scripts/test` has other programs check them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_for_other_verifiers() {
    let hub = TestHub::start(On::Sqlite).await;
    let banks = [hub.bank("B001").await, hub.bank("B002").await];
    let officer = hub.officer().await;
    hub.grow_log(&officer, &banks, 300).await;
    let folder = match std::env::var_os("KAIRAN_INTEROP_LOG") {
        Some(folder) => PathBuf::from(folder),
        None => hub.folder.path().join("interop"),
    };
    let size = assert_whole(&hub.exported(&folder.join("export")).await);
    let proofs = hub.act(proofs).await;
    let count = |what: &str| proofs[what].as_array().expect("a list").len() as u64;
    assert!(
        count("heads") > 10 && count("inclusion") > size && count("consistency") > 300,
        "{} heads",
        count("heads")
    );
    std::fs::write(folder.join("proofs.json"), proofs.to_string()).expect("written");
}

journeys! {
    async fn an_export_is_the_whole_log_and_the_next_one_adds_to_it(hub) {
        let (officer, banks) = (hub.officer().await, [hub.bank("B001").await, hub.bank("B002").await]);
        hub.grow_log(&officer, &banks, 10).await;
        let folder = hub.folder.path().join("export");
        let small = assert_whole(&hub.exported(&folder).await);
        hub.assert_sound_log(&folder).await;
        hub.grow_log(&officer, &banks, 300).await;
        let files = hub.exported(&folder).await;
        let size = assert_whole(&files);
        hub.assert_sound_log(&folder).await;
        assert!(small < 256 && size >= 300 && files.contains_key("tile/entries/000"), "{small} {size}");
        // A full tile is never written again, and nothing is where nothing was added.
        for path in ["tile/0/000", "tile/entries/000", "checkpoint"] {
            std::fs::write(folder.join(path), if path == "checkpoint" { &files[path] } else { &b"kept"[..] }).expect("written");
        }
        hub.file(&officer).await;
        hub.seal().await;
        let kept = hub.exported(&folder).await;
        assert_eq!((&kept["tile/0/000"][..], &kept["tile/entries/000"][..]), (&b"kept"[..], &b"kept"[..]));
        assert_ne!(kept["checkpoint"], files["checkpoint"]);
        assert_eq!(hub.exported(&folder).await, kept);
        assert!(assert_whole(&hub.exported(&hub.folder.path().join("afresh")).await) > size);
    }

    async fn an_export_that_was_broken_off_is_written_anew(hub) {
        let (officer, banks) = (hub.officer().await, [hub.bank("B001").await]);
        hub.grow_log(&officer, &banks, 10).await;
        let folder = hub.folder.path().join("export");
        let whole = hub.exported(&folder).await;
        std::fs::remove_file(folder.join("checkpoint")).expect("removed");
        let roster = folder.join("kairan/rosters/1.json");
        std::fs::write(roster, "{").expect("written");
        assert_eq!(hub.exported(&folder).await, whole);
    }

    async fn nothing_is_written_into_a_folder_that_holds_something_else(hub) {
        let (officer, banks) = (hub.officer().await, [hub.bank("B001").await]);
        hub.grow_log(&officer, &banks, 10).await;
        let folder = hub.folder.path().join("export");
        let whole = hub.exported(&folder).await;
        let key = |name: &str| whole["kairan/vkey"].iter().chain(name.as_bytes()).copied().collect::<Vec<u8>>();
        let mut signed = whole["checkpoint"].clone();
        let last = signed.len() - 3;
        signed[last] ^= 1;
        let cases: [(&str, &[u8], i32, &str); 2] = [
            ("kairan/vkey", &key("x"), 2, "no earlier export of"),
            ("checkpoint", &signed, 1, "may be evidence"),
        ];
        for (path, content, code, said) in cases {
            std::fs::write(folder.join(path), content).expect("written");
            let before = files_below(&folder);
            let ended = hub.export(&folder).await;
            let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!((ended.status.code(), stderr.contains(said)), (Some(code), true), "{stderr}");
            assert_eq!(files_below(&folder), before);
            std::fs::write(folder.join(path), &whole[path]).expect("written");
        }
        assert_eq!(hub.exported(&folder).await, whole);
    }

    async fn an_export_of_what_another_log_became_is_refused(hub) {
        let (officer, banks) = (hub.officer().await, [hub.bank("B001").await]);
        hub.grow_log(&officer, &banks, 10).await;
        let folder = hub.folder.path().join("export");
        let whole = hub.exported(&folder).await;
        let vkey: VerifierKey = std::str::from_utf8(&whole["kairan/vkey"]).expect("UTF-8").trim_end().parse().expect("a key");
        let seed = kairan::vault::log_key::open(&hub.folder.path().join("kairan-log.pem")).expect("the key");
        let signer = kairan::merkle::note::Signer::new(vkey.name().clone(), vkey.kind(), &seed);
        let origin = vkey.name().as_str().to_owned();
        for (size, said) in [(5, "at 5 entries the earlier export and the log differ"), (100_000, "the earlier export has 100000 entries")] {
            let head = Checkpoint { origin: origin.clone(), size, root: [7; 32] };
            std::fs::write(folder.join("checkpoint"), signer.sign(&head.to_text()).expect("signed")).expect("written");
            let ended = hub.export(&folder).await;
            let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!((ended.status.code(), stderr.contains(said)), (Some(1), true), "{stderr}");
        }
    }

    async fn before_the_first_checkpoint_there_is_nothing_to_export(hub) {
        let ended = hub.export(&hub.folder.path().join("export")).await;
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), stderr.contains("no checkpoint yet")), (Some(1), true), "{stderr}");
        assert!(!hub.folder.path().join("export").exists());
    }
}
