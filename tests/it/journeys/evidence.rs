//! What an auditor carries away, and judges with the functions that the verifier judges with.

use super::pages::seated;
use super::steps::{hours, text};
use crate::support::ground::new_bank;
use crate::support::hub::{On, Person, TestHub};
use crate::support::signer::{received, signer};
use kairan::actions::register_bank::register_bank;
use kairan::actions::{Error, log_refuses, prove_completeness};
use kairan::domain::digest::Digest;
use kairan::domain::proof::acknowledgement::AckNote;
use kairan::domain::proof::certificate::Certificate;
use kairan::domain::proof::completeness::{Completeness, Covered, StampProof};
use kairan::domain::proof::notice::{NoticeChecked, NoticeProof};
use kairan::domain::refusal::Refusal;
use kairan::merkle::checkpoint::Checkpoint;
use kairan::merkle::note::VerifierKey;
use kairan::storage::incident;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// The bundle of a revision, as bytes that were read again.
async fn bundle(hub: &TestHub, reference: &str, number: usize) -> Result<Completeness, Error> {
    let reference = reference.to_owned();
    let (_, bundle) = hub
        .store
        .read(move |tx| {
            let known = incident::by_reference(tx, &reference)?.expect("an incident");
            let revisions = incident::revisions(tx, known.id)?;
            prove_completeness::completeness(tx, &revisions[number - 1])
        })
        .await?;
    Ok(Completeness::parse(&bundle.to_bytes()).expect("it reads back"))
}

pub async fn covered(hub: &TestHub, reference: &str, number: usize) -> Covered {
    let bundle = bundle(hub, reference, number).await.expect("a bundle");
    bundle.check(hub.log_key()).expect("it holds")
}

/// How many banks have confirmed, of how many; and the same of former ones.
pub fn counts(covered: &Covered) -> [usize; 4] {
    let stamped = |banks: &[kairan::domain::proof::completeness::BankCovered]| {
        banks.iter().filter(|bank| bank.stamp.is_some()).count()
    };
    [
        stamped(&covered.banks),
        covered.banks.len(),
        stamped(&covered.former),
        covered.former.len(),
    ]
}

async fn certificate(hub: &TestHub, auditor: &Person, as_of: &str) -> String {
    let path = format!("/api/v1/certificates?bank=B001&as_of={as_of}");
    let answer = hub.get(&path, &auditor.key).await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    String::from_utf8(answer.body).expect("UTF-8")
}

/// An unpacked pack.
struct Pack(BTreeMap<String, Vec<u8>>);

impl Pack {
    async fn fetch(hub: &TestHub, auditor: &Person, of: &str) -> Self {
        let path = format!("/api/v1/evidence/{of}");
        let answer = hub.get(&path, &auditor.key).await.expect(200);
        assert_eq!(answer.headers["content-type"], "application/zip");
        Self::open(answer.body)
    }

    fn open(bytes: Vec<u8>) -> Self {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip file");
        let mut files = BTreeMap::new();
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).expect("a file");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("its checksum is right");
            files.insert(file.name().expect("a name").to_string(), bytes);
        }
        Self(files)
    }

    fn text(&self, name: &str) -> &str {
        let bytes = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.0.keys()));
        std::str::from_utf8(bytes).expect("UTF-8")
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let lines = self.text(name).lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn ending(&self, end: &str) -> Vec<&str> {
        let names = self.0.keys().filter(|name| name.ends_with(end));
        names.map(String::as_str).collect()
    }

    /// Every proof, judged; the object and the body that lie beside it are those that it proves.
    fn notices(&self, key: &VerifierKey, body: fn(&NoticeChecked) -> String) -> Vec<NoticeChecked> {
        let mut checked = Vec::new();
        for name in self.ending(".tlog-proof") {
            let (proof, object) = NoticeProof::parse_tlog_proof(self.text(name)).expect(name);
            let one = proof
                .check(&object, key)
                .unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(
                self.0[&name.replace(".tlog-proof", ".object.json")],
                object,
                "{name}"
            );
            assert_eq!(
                Digest::of(self.text(&body(&one)).as_bytes()),
                one.incident_digest,
                "{name}"
            );
            checked.push(one);
        }
        checked
    }

    fn covered(&self, revision: usize, key: &VerifierKey) -> Covered {
        let name = format!("completeness-r{revision}.json");
        let bundle = Completeness::parse(self.text(&name).as_bytes()).expect("a bundle");
        bundle.check(key).expect("it holds")
    }
}

fn body_of_incident(one: &NoticeChecked) -> String {
    format!("bodies/r{}.json", one.revision)
}

fn body_of_bank(one: &NoticeChecked) -> String {
    format!("bodies/{}-r{}.json", one.incident, one.revision)
}

journeys! {
    async fn a_certificate_says_what_a_bank_had_been_told_on_a_day_and_opens_under_its_key(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let bank = hub.bank("B001").await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let between = hub.clock.now().to_string();
        hub.advance(hours(30));
        hub.stamp(&bank).await.expect(200);
        hub.file(&officer).await;
        hub.deliver_due().await;
        let key = hub.certificate_key().await;
        let then = Certificate::open(&certificate(&hub, &auditor, &between).await, &key).expect("it holds");
        let now = hub.clock.now().to_string();
        let now = Certificate::open(&certificate(&hub, &auditor, &now).await, &key).expect("it holds");
        let levels = |one: &Certificate| one.notices.iter().map(|notice| notice.level.clone()).collect::<Vec<_>>();
        assert_eq!((levels(&then), levels(&now)), (vec!["delivered".to_owned()], vec!["acknowledged".into(), "delivered".into()]));
        assert_eq!((now.bank, now.last_number(), then.as_of.to_string()), (bank.id, 2, between));
        assert_eq!(now.log.origin, hub.log_key().name().as_str());
        let inbox = hub.inbox(&bank).await;
        assert_eq!(now.notices[1].digest.to_string(), text(&inbox[1], "digest"));
    }

    async fn a_certificate_with_one_byte_changed_is_refused_and_so_is_another_key(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        hub.bank("B001").await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        let (note, key) = (certificate(&hub, &auditor, &hub.clock.now().to_string()).await, hub.certificate_key().await);
        Certificate::open(&note, &key).expect("it holds");
        for at in 0..note.len() {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1;
            let taken = String::from_utf8(changed).is_ok_and(|changed| Certificate::open(&changed, &key).is_ok());
            assert!(!taken, "byte {at} was changed, and nobody saw it");
        }
        assert!(Certificate::open(&note, &hub.log_key()).is_err());
    }

    async fn there_is_no_certificate_before_the_log_has_a_head_nor_of_a_time_to_come(hub) {
        let auditor = hub.auditor().await;
        hub.bank("B001").await;
        let path = |at: &str| format!("/api/v1/certificates?bank=B001&as_of={at}");
        let past = path("2020-01-01T00:00:00Z");
        assert_eq!(hub.get(&past, &auditor.key).await.expect(409).code(), "not_sealed");
        hub.seal().await;
        let note = hub.get(&past, &auditor.key).await.expect(200);
        let none = Certificate::open(&String::from_utf8(note.body).expect("UTF-8"), &hub.certificate_key().await);
        assert_eq!(none.expect("it holds").notices, []);
        assert_eq!(hub.get(&path("2999-01-01T00:00:00Z"), &auditor.key).await.expect(422).code(), "not_yet");
    }

    async fn a_bundle_shows_that_every_bank_was_addressed_and_who_has_confirmed(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await, hub.bank("B003").await];
        let filed = hub.file(&officer).await;
        let reference = text(&filed, "reference");
        let early = bundle(&hub, reference, 1).await;
        assert!(matches!(early, Err(Error::Refused(Refusal::NotSealed))), "{early:?}");
        hub.seal().await;
        assert_eq!(counts(&covered(&hub, reference, 1).await), [0, 3, 0, 0]);
        hub.stamp(&banks[1]).await.expect(200);
        assert_eq!(counts(&covered(&hub, reference, 1).await), [0, 3, 0, 0], "not in the log yet");
        hub.seal().await;
        let told = covered(&hub, reference, 1).await;
        assert_eq!((counts(&told), told.superseded), ([1, 3, 0, 0], false));
        let stamped = told.banks.iter().find(|bank| bank.stamp.is_some()).expect("one");
        assert_eq!(stamped.bank, banks[1].id);
        hub.bank("B004").await;
        hub.seal().await;
        let told = covered(&hub, reference, 1).await;
        assert_eq!((counts(&told), told.superseded), ([1, 3, 0, 0], true), "the next roster is shown");
    }

    async fn a_bank_that_left_stands_in_the_bundles_of_what_came_later_the_withdrawal_too(hub) {
        let officer = hub.officer().await;
        let (leaver, stayer) = (hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        let reference = text(&filed, "reference");
        hub.leave("B001").await;
        hub.revise(&officer, reference).await;
        hub.stamp(&leaver).await.expect(200);
        hub.withdraw(&officer, reference).await;
        hub.stamp(&stayer).await.expect(200);
        hub.seal().await;
        assert_eq!(counts(&covered(&hub, reference, 1).await), [2, 2, 0, 0]);
        let second = covered(&hub, reference, 2).await;
        assert_eq!((counts(&second), second.former[0].bank), ([1, 1, 1, 1], leaver.id));
        let last = covered(&hub, reference, 3).await;
        assert_eq!((counts(&last), last.phase.as_str()), ([1, 1, 0, 1], "withdrawal"));
    }

    async fn a_bundle_from_which_a_bank_or_a_stamp_was_taken_away_or_changed_does_not_hold(hub) {
        let officer = hub.officer().await;
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        let filed = hub.file(&officer).await;
        hub.stamp(&banks[0]).await.expect(200);
        hub.seal().await;
        let (whole, key) = (bundle(&hub, text(&filed, "reference"), 1).await.expect("a bundle"), hub.log_key());
        whole.check(&key).expect("it holds");
        let spoil: [fn(&mut Completeness); 5] = [
            |one| drop(one.notice_leaves.pop()),
            |one| one.notice_leaves[0].number += 1,
            |one| one.roster_leaves[1].member_since += 1,
            |one| one.acknowledgements[0].index += 1,
            |one| one.acknowledgements[0].entry[20] ^= 1,
        ];
        for spoil in spoil {
            let mut spoilt = whole.clone();
            spoil(&mut spoilt);
            spoilt.check(&key).expect_err("somebody changed it");
        }
    }

    async fn an_incidents_pack_is_verified_with_nothing_but_itself_and_the_logs_key(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (leaver, stayer) = (hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        let reference = text(&filed, "reference");
        hub.deliver_due().await;
        hub.leave("B001").await;
        hub.revise(&officer, reference).await;
        hub.deliver_due().await;
        hub.stamp(&leaver).await.expect(200);
        hub.withdraw(&officer, reference).await;
        hub.deliver_due().await;
        hub.stamp(&stayer).await.expect(200);
        hub.seal().await;
        let (pack, key) = (Pack::fetch(&hub, &auditor, &format!("incidents/{reference}")).await, hub.log_key());
        assert_eq!(pack.text("log-1.vkey").trim_end(), key.to_string());
        Checkpoint::open(pack.text("log-1.checkpoint"), &key).expect("a head");
        let told: Vec<[usize; 4]> = (1..=3).map(|number| counts(&pack.covered(number, &key))).collect();
        assert_eq!(told, [[2, 2, 0, 0], [1, 1, 1, 1], [1, 1, 0, 1]]);
        let notices = pack.notices(&key, body_of_incident);
        let kinds = |kind: &str| notices.iter().filter(|one| one.fanout_kind == kind).count();
        assert_eq!((kinds("roster"), kinds("former")), (4, 2), "the withdrawal reached who had left");
        assert_eq!((pack.lines("notices.jsonl").len(), pack.lines("acknowledgements.jsonl").len()), (6, 5));
        let attempts = hub.log(&auditor, &format!("&incident={reference}")).await;
        let packed: Vec<Value> = pack.lines("attempts.jsonl");
        let ids = |lines: &[Value]| lines.iter().map(|line| text(line, "attempt").to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(&packed), ids(&attempts));
        let readme = pack.text("README.txt");
        assert!(readme.contains("証拠パック") && readme.contains("Evidence pack") && !readme.contains("not in the log yet"), "{readme}");
    }

    async fn a_banks_pack_holds_its_numbers_without_a_hole_and_a_certificate(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (bank, _) = (hub.bank("B001").await, hub.bank("B002").await);
        for _ in 0..21 { hub.file(&officer).await; }
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        let (pack, key) = (Pack::fetch(&hub, &auditor, "banks/B001").await, hub.log_key());
        let notices = pack.notices(&key, body_of_bank);
        let numbers: Vec<i64> = notices.iter().map(|one| one.number).collect();
        assert_eq!(numbers, (1..=21).collect::<Vec<i64>>(), "in the order of their files");
        assert!(notices.iter().all(|one| one.bank == "B001" && one.bank_id == bank.id));
        let listed: Vec<i64> = pack.lines("notices.jsonl").iter().filter_map(|line| line["number"].as_i64()).collect();
        assert_eq!(listed, numbers);
        let published = hub.certificate_key().await;
        assert_eq!(pack.text("certificate.vkey").trim_end(), published.to_string());
        let certificate = Certificate::open(pack.text("certificate.txt"), &published).expect("it holds");
        assert_eq!((certificate.bank, certificate.last_number()), (bank.id, 21));
        assert_eq!(certificate.notices[20].level, "acknowledged");
        assert_eq!(pack.lines("acknowledgements.jsonl").len(), 1);
        assert_eq!(pack.lines("attempts.jsonl").len(), hub.whole_log(&auditor, "&bank=B001").await.len());
        assert!(pack.text("README.txt").contains("numbers 1 to 21"));
    }

    async fn a_pack_says_what_the_log_does_not_hold_yet_and_brings_the_rest(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        let of = format!("incidents/{}", text(&filed, "reference"));
        let early = Pack::fetch(&hub, &auditor, &of).await;
        assert!(early.text("README.txt").contains("not in the log yet"));
        assert_eq!((early.ending(".tlog-proof"), early.ending(".object.json")), (vec![], vec!["notices/r1/B001-1.object.json"]));
        assert!(Pack::fetch(&hub, &auditor, "banks/B001").await.ending("certificate.txt").is_empty());
        hub.seal().await;
        hub.revise(&officer, text(&filed, "reference")).await;
        let later = Pack::fetch(&hub, &auditor, &of).await;
        assert_eq!(later.ending(".tlog-proof"), ["notices/r1/B001-1.tlog-proof"]);
        assert_eq!(counts(&later.covered(1, &hub.log_key())), [0, 1, 0, 0]);
        assert!(later.ending("completeness-r2.json").is_empty());
    }

    async fn a_signed_stamp_travels_with_its_note_and_counts_as_signed(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let (bank, late) = (hub.bank("B001").await, hub.bank("B002").await);
        let (own, later) = (signer("B001", 1), signer("B002", 2));
        hub.enrol(&bank.key, "B001", &own).await.expect(201);
        let filed = hub.file(&officer).await;
        hub.enrol(&late.key, "B002", &later).await.expect(201);
        for (bank, own) in [(&bank, &own), (&late, &later)] {
            let said = received(&hub.newest(bank).await, hub.clock.now());
            let note = said.sign(own).expect("signed");
            hub.send_note(&bank.key, &said, &note).await.expect(200);
        }
        hub.seal().await;
        let of = format!("incidents/{}", text(&filed, "reference"));
        let (pack, key) = (Pack::fetch(&hub, &auditor, &of).await, hub.log_key());
        let proofs: Vec<StampProof> = pack.covered(1, &key).banks.into_iter().filter_map(|bank| Some(bank.stamp?.proof)).collect();
        let signed = StampProof::Signed { key: own.verifier().name().to_string(), person: "高橋 健".into(), role: "当直".into() };
        let unknown = StampProof::KeyUnknown { key: later.verifier().name().to_string() };
        assert!(proofs.len() == 2 && proofs.contains(&signed) && proofs.contains(&unknown), "{proofs:?}");
        let notes = pack.ending(".note");
        assert_eq!(notes, ["acknowledgements/r1/B001-1.note", "acknowledgements/r1/B002-1.note"]);
        AckNote::open(pack.text(notes[0]), &[own.verifier().clone()]).expect("as the bank signed it");
        let browser = seated(&hub, &auditor).await;
        let page = browser.page(&hub, &format!("/evidence/{of}")).await;
        assert!(page.contains("acknowledged 2/2 (signed 1)"), "{page}");
    }

    async fn the_shell_makes_the_same_pack_and_the_verifier_finds_it_sound(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let bank = hub.bank("B001").await;
        hub.bank("B002").await;
        let filed = hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        hub.bank("B003").await;
        hub.deliver_due().await;
        let reference = text(&filed, "reference");
        let folder = hub.folder.path();
        let (key, certificate_key) = (hub.log_key().to_string(), hub.certificate_key().await.to_string());
        let mut verified = Vec::new();
        for (of, name) in [("incident", reference), ("bank", "B001")] {
            let file = folder.join(format!("{of}.zip"));
            let path = file.to_str().expect("UTF-8");
            let (code, said) = hub.command(&["export", "evidence", of, name, path]).await;
            assert_eq!(code, 0, "{said}");
            let (again, said) = hub.command(&["export", "evidence", of, name, path]).await;
            assert_eq!(again, 1, "nothing is overwritten: {said}");
            let pack = Pack::open(std::fs::read(&file).expect("a file"));
            let served = Pack::fetch(&hub, &auditor, &format!("{of}s/{name}")).await;
            let names = |pack: &Pack| pack.0.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&pack), names(&served));
            for (name, bytes) in &pack.0 {
                let place = folder.join(of).join(name);
                std::fs::create_dir_all(place.parent().expect("a folder")).expect("made");
                std::fs::write(&place, bytes).expect("written");
                let place = place.to_str().expect("UTF-8").to_owned();
                let (kind, key) = match name.rsplit('.').next() {
                    Some("tlog-proof") => ("notice", &key),
                    _ if name.starts_with("completeness") => ("incident", &key),
                    _ if name == "certificate.txt" => ("certificate", &certificate_key),
                    _ => continue,
                };
                let (code, said) = hub.command(&["verify", kind, &place, "--key", key]).await;
                assert_eq!(code, 0, "{name}: {said}");
                verified.push(kind);
            }
        }
        assert_eq!(verified, ["incident", "notice", "notice", "certificate", "notice"]);
        let (code, said) = hub.command(&["export", "evidence", "bank", "ZZZZ", "/nowhere/at/all.zip"]).await;
        assert_eq!(code, 1, "{said}");
    }

    async fn an_auditor_reads_the_proof_on_screen_and_downloads_it_and_an_officer_only_reads(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let bank = hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        let page = format!("/evidence/incidents/{}", text(&filed, "reference"));
        let (reading, filing) = (seated(&hub, &auditor).await, seated(&hub, &officer).await);
        assert!(reading.page(&hub, &page).await.contains("Cannot be proven now"));
        hub.deliver_due().await;
        let shown = reading.page(&hub, &page).await;
        assert!(shown.contains("Covered 1/1") && shown.contains("acknowledged 0/1 (signed 0)") && shown.contains("Open: 1"), "{shown}");
        assert!(reading.page(&hub, "/matrix").await.contains(&page), "a way from the matrix");
        let notice = text(&hub.inbox(&bank).await[0], "notice").to_owned();
        assert!(reading.page(&hub, &format!("/evidence/{notice}")).await.contains(&page), "and from the chain");
        let bundle = reading.get(&hub, &format!("{page}/bundle")).await.expect(200);
        Completeness::parse(&bundle.body).expect("a bundle").check(hub.log_key()).expect("it holds");
        let pack = Pack::open(reading.get(&hub, &format!("{page}/pack")).await.expect(200).body);
        assert_eq!(pack.ending(".tlog-proof").len(), 1);
        hub.stamp(&bank).await.expect(200);
        let shown = reading.page(&hub, &page).await;
        assert!(shown.contains("acknowledged 0/1") && shown.contains("One further confirmation is recorded"), "{shown}");
        let at = hub.clock.now().to_string();
        let asked = format!("/as-of?bank=B001&at={}", &at[..16]);
        let answer = reading.page(&hub, &asked).await;
        assert!(answer.contains("/evidence/banks/B001/pack"));
        let start = answer.find("/as-of/certificate").expect("a certificate");
        let href = answer[start..].split('"').next().expect("an end").replace("&amp;", "&");
        let note = String::from_utf8(reading.get(&hub, &href).await.expect(200).body).expect("UTF-8");
        Certificate::open(&note, &hub.certificate_key().await).expect("it holds");
        let seen = filing.page(&hub, &page).await;
        assert!(seen.contains("Covered 1/1") && !seen.contains("/pack") && !seen.contains("/bundle"), "{seen}");
        filing.get(&hub, &format!("{page}/pack")).await.expect(403);
        hub.advance(hours(1) / 5);
        let later = reading.get(&hub, &format!("{page}/pack")).await.expect(303);
        assert!(later.headers["location"].to_str().expect("text").starts_with("/account/confirm"));
    }

    async fn while_the_log_refuses_the_operators_people_see_it_on_every_page_and_no_bank_does(hub) {
        let (officer, auditor, admin) = (hub.officer().await, hub.auditor().await, hub.administrator().await);
        let bank = hub.bank("B001").await;
        let member = hub.person("bank_member", Some(bank.id)).await;
        let mut desks = Vec::new();
        for (person, path) in [(&officer, "/home"), (&auditor, "/check"), (&admin, "/register"), (&member, "/inbox")] {
            desks.push((seated(&hub, person).await, path));
        }
        let told = "notices go out unsealed";
        for (desk, path) in &desks { assert!(!desk.page(&hub, path).await.contains(told), "{path}"); }
        hub.act(|tx| log_refuses::refuses(tx, "tampered")).await;
        for (desk, path) in &desks { assert_eq!(desk.page(&hub, path).await.contains(told), *path != "/inbox", "{path}"); }
        hub.act(log_refuses::goes_on).await;
        for (desk, path) in &desks { assert!(!desk.page(&hub, path).await.contains(told), "{path}"); }
    }

    async fn a_pack_holds_no_person_and_no_address(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let bank = hub.bank("B001").await;
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&bank).await.expect(200);
        hub.seal().await;
        for of in [format!("incidents/{}", text(&filed, "reference")), "banks/B001".into()] {
            let pack = Pack::fetch(&hub, &auditor, &of).await;
            for (name, bytes) in &pack.0 {
                let told = String::from_utf8_lossy(bytes);
                for word in ["高橋 健", "当直", "@bank.example", &bank.receiver.url("/hook"), &bank.secret, &bank.key] {
                    assert!(!told.contains(word), "{of}: {word} in {name}");
                }
            }
        }
    }
}

/// More banks than are read at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pack_of_a_great_incident_leaves_nobody_out() {
    const BANKS: usize = 203;
    let hub = TestHub::start(On::Sqlite).await;
    let (officer, auditor) = (hub.officer().await, hub.auditor().await);
    hub.bank("B001").await;
    hub.act(|tx| {
        for number in 1..BANKS {
            register_bank(tx, &new_bank(&format!("G{number:03}")))?;
        }
        Ok(())
    })
    .await;
    let filed = hub.file(&officer).await;
    hub.seal().await;
    let of = format!("incidents/{}", text(&filed, "reference"));
    let (pack, key) = (Pack::fetch(&hub, &auditor, &of).await, hub.log_key());
    assert_eq!(counts(&pack.covered(1, &key)), [0, BANKS, 0, 0]);
    let mut positions: Vec<u64> = pack
        .notices(&key, body_of_incident)
        .iter()
        .map(|one| one.position)
        .collect();
    positions.sort_unstable();
    assert_eq!(positions, (0..BANKS as u64).collect::<Vec<_>>());
    assert_eq!(pack.lines("notices.jsonl").len(), BANKS);
}
