//! The log over HTTP, for keys and for sessions, and the one notice's proof that its bank takes with it.

use super::pages::seated;
use super::steps::text;
use crate::support::browser::get;
use crate::support::hub::Reply;
use kairan::domain::proof::notice::NoticeProof;
use kairan::merkle::note::VerifierKey;
use serde_json::Value;

fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.headers[name].to_str().expect("text")
}

/// Places of tiles that no small tree has, or that are spelled otherwise.
const NOT_THERE: [&str; 8] = [
    "tile/0/999",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/0",
    "tile/00/000",
    "tile/63/000",
    "tile/0/x001/000",
    "tile/9999999999999999999999/000",
];

journeys! {
    async fn checkpoint_and_tiles_are_for_every_key_and_entries_for_auditors(hub) {
        let (officer, auditor) = (hub.officer().await, hub.auditor().await);
        let banks = [hub.bank("B001").await, hub.bank("B002").await];
        hub.get("/api/v1/log/checkpoint", &officer.key).await.expect(404);
        hub.grow_log(&officer, &banks, 300).await;
        let files = hub.exported(&hub.folder.path().join("export")).await;
        let tiles = files.keys().filter(|path| path.starts_with("tile/") || *path == "checkpoint");
        for path in tiles {
            let at = format!("/api/v1/log/{path}");
            let read = hub.get(&at, &auditor.key).await.expect(200);
            assert_eq!(read.body, files[path], "{path}");
            let kept = if path == "checkpoint" { "no-cache" } else { "private, max-age=31536000, immutable" };
            assert_eq!(header(&read, "cache-control"), kept);
            let (others, of_bank) = if path.contains("entries") { (403, 404) } else { (200, 200) };
            hub.get(&at, &officer.key).await.expect(others);
            hub.get(&at, &banks[0].key).await.expect(of_bank);
        }
        // Whoever saw the tree when it was smaller may still ask for its part of a tile.
        let part = hub.get("/api/v1/log/tile/0/000.p/7", &banks[0].key).await.expect(200);
        assert_eq!(part.body, files["tile/0/000"][..7 * 32]);
        for path in NOT_THERE {
            let at = format!("/api/v1/log/{path}");
            let gone = hub.get(&at, &auditor.key).await.expect(404);
            assert_eq!(header(&gone, "cache-control"), "no-store");
            hub.get(&at.replace("/tile/0/", "/tile/entries/"), &auditor.key).await.expect(404);
        }
    }

    async fn nothing_of_the_log_is_served_before_its_head_is_published(hub) {
        let (officer, banks) = (hub.officer().await, [hub.bank("B001").await]);
        hub.grow_log(&officer, &banks, 10).await;
        let files = hub.exported(&hub.folder.path().join("export")).await;
        let size: u64 = String::from_utf8_lossy(&files["checkpoint"]).lines().nth(1).expect("a size").parse().expect("a number");
        hub.file(&officer).await;
        hub.seal_until(kairan::log::sequencer::Until::Signed).await;
        let beyond = format!("/api/v1/log/tile/0/000.p/{}", size + 1);
        hub.get(&beyond, &officer.key).await.expect(404);
        assert_eq!(hub.get("/api/v1/log/checkpoint", &officer.key).await.expect(200).body, files["checkpoint"]);
        hub.seal().await;
        hub.get(&beyond, &officer.key).await.expect(200);
    }

    async fn a_person_reads_the_log_in_a_browser_and_a_stranger_only_where_it_is_public(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.grow_log(&officer, std::slice::from_ref(&bank), 10).await;
        let member = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        let paths = [("/log/checkpoint", "no-cache"), ("/log/tile/0/000.p/1", "private, max-age=31536000, immutable")];
        for (path, kept) in paths {
            assert_eq!(header(&member.get(&hub, path).await.expect(200), "cache-control"), kept);
            get(&hub, "", path).await.expect(303);
        }
        member.get(&hub, "/log/tile/entries/000.p/1").await.expect(404);
        hub.settings = hub.settings.replace("[evidence]\n", "[evidence]\npublic = true\n");
        hub.restart().await;
        for (path, kept) in paths {
            let read = get(&hub, "", path).await.expect(200);
            assert_eq!(header(&read, "cache-control"), kept.replace("private", "public"));
            hub.get(&format!("/api/v1{path}"), "").await.expect(401);
        }
        get(&hub, "", "/log/tile/entries/000.p/1").await.expect(303);
    }

    async fn the_hub_names_the_key_of_its_log_to_anyone(hub) {
        let officer = hub.officer().await;
        assert_eq!(hub.get("/.well-known/kairan", "").await.expect(200).json()["log"], Value::Null);
        hub.grow_log(&officer, &[hub.bank("B001").await], 5).await;
        let files = hub.exported(&hub.folder.path().join("export")).await;
        let named = hub.get("/.well-known/kairan", "").await.expect(200).json();
        assert_eq!(format!("{}\n", text(&named["log"], "vkey")).as_bytes(), files["kairan/vkey"]);
        assert!(String::from_utf8_lossy(&files["checkpoint"]).starts_with(text(&named["log"], "origin")));
        assert!(text(&named["webhook"], "ed25519").starts_with("whpk_"));
    }

    async fn a_bank_takes_its_notices_proof_with_it_once_it_is_sealed(hub) {
        let (officer, bank, other) = (hub.officer().await, hub.bank("B001").await, hub.bank("B002").await);
        hub.file(&officer).await;
        let notice = text(&hub.newest(&bank).await, "notice").to_owned();
        let (api, page) = (format!("/api/v1/notices/{notice}/proof"), format!("/inbox/{notice}"));
        let member = seated(&hub, &hub.person("bank_member", Some(bank.id)).await).await;
        assert_eq!(hub.get(&api, &bank.key).await.expect(409).code(), "not_sealed");
        member.get(&hub, &format!("{page}/proof")).await.expect(409);
        assert!(member.page(&hub, &page).await.contains("not sealed yet"));
        hub.deliver_due().await;
        let proof = hub.get(&api, &bank.key).await.expect(200);
        assert_eq!(proof.json(), bank.receiver.hits()[0].json()["data"]["log"]);
        let object = hub.get(&format!("/api/v1/notices/{notice}/object"), &bank.key).await.expect(200).body;
        let known = hub.get("/.well-known/kairan", "").await.json();
        let vkey: VerifierKey = text(&known["log"], "vkey").parse().expect("a key");
        let read: NoticeProof = serde_json::from_slice(&proof.body).expect("a proof");
        let checked = read.check(&object, &vkey).expect("sound");
        let file = member.get(&hub, &format!("{page}/proof")).await.expect(200);
        assert_eq!(header(&file, "content-disposition"), "attachment; filename=\"kairan-notice.tlog-proof\"");
        let carried = NoticeProof::parse_tlog_proof(std::str::from_utf8(&file.body).expect("text")).expect("the file form");
        assert_eq!(carried, (read, object));
        let shown = member.page(&hub, &page).await;
        assert!(shown.contains(&format!("sealed as entry {} ·", checked.index)) && shown.contains(&format!("href=\"{page}/proof\"")), "{shown}");
        hub.get(&api, &other.key).await.expect(404);
        let stranger = seated(&hub, &hub.person("bank_member", Some(other.id)).await).await;
        stranger.get(&hub, &format!("{page}/proof")).await.expect(404);
    }
}
