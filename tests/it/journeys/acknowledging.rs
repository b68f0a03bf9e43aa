//! Acknowledging means "received", by the right bank, of these very bytes, once. Then what the bank did.

use super::steps::{hours, text};
use crate::support::receiver::Answer;
use serde_json::json;

journeys! {
    async fn a_second_stamp_gets_the_first_ones_answer_and_is_no_second_fact(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let first = hub.stamp(&bank).await.expect(200);
        hub.advance(hours(1));
        let again = hub.stamp(&bank).await.expect(200);
        assert_eq!((&first.body, first.json()["class"].as_str()), (&again.body, Some("api_key")));
        let cell = hub.cell(&officer, text(&filed, "reference"), "B001").await;
        assert_eq!((&cell["acknowledged_at"], text(&cell, "class")), (&first.json()["at"], "api_key"));
    }

    async fn a_stamp_on_another_digest_is_refused_without_a_word_on_what_was_wrong(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.file(&officer).await;
        let inbox = hub.inbox(&bank).await;
        let (first, other) = (text(&inbox[0], "notice"), &inbox[1]["digest"]);
        let swapped = hub.stamp_as(&bank.key, first, other).await.expect(422);
        let invented = hub.stamp_as(&bank.key, first, &json!(format!("sha-256:{}", "0".repeat(64)))).await.expect(422);
        assert_eq!((swapped.code(), &swapped.body), ("acknowledgement_mismatch".into(), &invented.body));
        assert_eq!(hub.inbox(&bank).await[0]["level"], "listed");
    }

    async fn another_banks_notice_is_the_same_as_one_that_never_was(hub) {
        let officer = hub.officer().await;
        let (bank, other) = (hub.bank("B001").await, hub.bank("B002").await);
        hub.file(&officer).await;
        let theirs = hub.newest(&other).await;
        let never = "01900000-0000-7000-8000-000000000000";
        let refused = hub.stamp_as(&bank.key, text(&theirs, "notice"), &theirs["digest"]).await.expect(404);
        let unknown = hub.stamp_as(&bank.key, never, &theirs["digest"]).await.expect(404);
        assert_eq!(refused.body, unknown.body);
        assert_eq!(hub.newest(&other).await["level"], "listed");
    }

    async fn a_stamp_on_the_newest_revision_covers_the_earlier_ones(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        assert_eq!(hub.stamp(&bank).await.expect(200).json()["covered"], 2);
        let levels: Vec<_> = hub.inbox(&bank).await.iter().map(|line| line["level"].clone()).collect();
        assert_eq!(levels, ["acknowledged"; 3]);
    }

    async fn a_stamp_on_an_earlier_revision_leaves_the_newer_one_open(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        hub.revise(&officer, text(&filed, "reference")).await;
        let first = hub.inbox(&bank).await.remove(0);
        let stamp = hub.stamp_as(&bank.key, text(&first, "notice"), &first["digest"]).await.expect(200);
        assert_eq!(stamp.json()["covered"], 0);
        let levels: Vec<_> = hub.inbox(&bank).await.iter().map(|line| line["level"].clone()).collect();
        assert_eq!(levels, ["acknowledged", "listed"]);
    }

    async fn a_stamp_ends_the_tries_of_its_notice_and_of_no_other(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        bank.receiver.answer(Answer::Status(500));
        hub.file(&officer).await;
        let stamped = hub.newest(&bank).await;
        hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp_as(&bank.key, text(&stamped, "notice"), &stamped["digest"]).await.expect(200);
        bank.receiver.forget();
        hub.advance(hours(1));
        assert_eq!(hub.deliver_due().await, 1);
        assert_ne!(bank.receiver.hits()[0].json()["data"]["notice"]["id"], stamped["notice"]);
    }

    async fn a_stamp_while_the_notice_is_on_its_way_stands_and_the_late_answer_is_kept(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let claimed = hub.claim("webhook").await;
        hub.stamp(&bank).await.expect(200);
        hub.accepted_after_all(claimed).await;
        assert_eq!(hub.outcomes(&officer).await, ["accepted"]);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["level"], "acknowledged");
        assert_eq!(hub.deliver_due().await, 0);
    }

    async fn the_two_headline_numbers_are_never_blended(hub) {
        let officer = hub.officer().await;
        let (told, silent) = (hub.bank("B001").await, hub.bank("B002").await);
        told.receiver.answer(Answer::Status(500));
        let filed = hub.file(&officer).await;
        hub.deliver_due().await;
        hub.stamp(&told).await.expect(200);
        let board = hub.board(&officer, text(&filed, "reference")).await;
        assert_eq!([&board["notices"], &board["acknowledged"]], [2, 1]);
        assert_eq!(hub.newest(&silent).await["level"], "delivered");
    }

    async fn a_bank_that_only_reads_has_acknowledged_nothing(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        let notice = hub.newest(&bank).await;
        for end in ["", "/object", "/body", "/responses"] {
            hub.get(&format!("/api/v1/notices/{}{end}", text(&notice, "notice")), &bank.key).await.expect(200);
        }
        assert_eq!(hub.newest(&bank).await["level"], "listed");
    }

    async fn a_bank_says_what_it_did_only_after_it_confirmed_receipt(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        let early = hub.respond(&bank, &["suspended_new_links"], "peers_named").await;
        assert_eq!(early.expect(409).code(), "acknowledge_first");
        hub.stamp(&bank).await.expect(200);
        hub.respond(&bank, &["suspended_new_links"], "peers_named").await.expect(201);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["level"], "responded");
    }

    async fn peers_see_a_response_only_as_far_as_its_bank_shares_it(hub) {
        let officer = hub.officer().await;
        let (bank, peer) = (hub.bank("B001").await, hub.bank("B002").await);
        let filed = hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        for (code, share) in [("noted", "private"), ("investigating", "operator"), ("added_factor", "peers_anonymous"), ("suspended_new_links", "peers_named")] {
            hub.respond(&bank, &[code], share).await.expect(201);
        }
        let notice = hub.newest(&peer).await;
        let seen = hub.get(&format!("/api/v1/notices/{}/responses", text(&notice, "notice")), &peer.key).await.expect(200).json();
        assert_eq!(seen["counts"], json!({ "added_factor": 1, "suspended_new_links": 1 }));
        assert_eq!((&seen["named"][0]["codes"], seen["named"].as_array().map(Vec::len)), (&json!(["suspended_new_links"]), Some(1)));
        let list = hub.get(&format!("/api/v1/incidents/{}/responses", text(&filed, "reference")), &officer.key).await.expect(200).json();
        assert_eq!((&list["private"], list["responses"].as_array().map(Vec::len)), (&json!(1), Some(3)));
    }

    async fn reviewing_the_partnership_is_never_shown_to_peers(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        for share in ["peers_named", "peers_anonymous"] {
            let refused = hub.respond(&bank, &["reviewing_partnership", "noted"], share).await.expect(422).json();
            assert_eq!(refused["faults"][0]["code"], "share_private");
        }
        hub.respond(&bank, &["reviewing_partnership"], "operator").await.expect(201);
    }

    async fn a_bank_that_disputes_a_notice_is_marked_so_on_the_board(hub) {
        let (officer, bank) = (hub.officer().await, hub.bank("B001").await);
        let filed = hub.file(&officer).await;
        hub.stamp(&bank).await.expect(200);
        hub.respond(&bank, &["disputes_notice"], "operator").await.expect(201);
        assert_eq!(hub.cell(&officer, text(&filed, "reference"), "B001").await["disputed"], true);
    }
}
