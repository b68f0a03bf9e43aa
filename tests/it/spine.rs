//! The laws below the web: one filing, all notices, dense numbers, facts that cannot be changed.

use crate::support::ground::{filing, on_both};
use kairan::actions::Error;
use kairan::domain::refusal::Refusal;
use kairan::storage::{notice, reading, roster};
use serde_json::json;
use std::sync::Arc;

on_both! {
    async fn every_partner_bank_is_told_and_numbers_have_no_gap(ground) {
        let banks = ground.banks(5).await;
        let officer = ground.person("officer").await;
        for n in 1..=3 {
            let issued = ground.file(officer, &filing()).await.expect("filed");
            assert_eq!((issued.notices, issued.revision), (5, 1));
            assert!(issued.reference.ends_with(&format!("-{n:04}")), "{}", issued.reference);
        }
        for bank in banks {
            let numbers: Vec<i64> = ground
                .store
                .read(move |tx| notice::inbox(tx, bank, 0, 10))
                .await
                .expect("inbox")
                .iter()
                .map(|row| row.number)
                .collect();
            assert_eq!(numbers, [1, 2, 3]);
        }
        ground.assert_sound().await;
    }

    async fn an_empty_roster_refuses_to_issue(ground) {
        let officer = ground.person("officer").await;
        let refused = ground.file(officer, &filing()).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::RosterEmpty))), "{refused:?}");
    }

    async fn an_unknown_affected_bank_is_a_fault_of_its_field_and_nothing_is_stored(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        let mut wrong = filing();
        wrong["affected_banks"] = json!(["B001", "NOBANK"]);
        let Err(Error::Invalid(faults)) = ground.file(officer, &wrong).await else { panic!("taken") };
        assert_eq!(faults.0[0].pointer, "/affected_banks/1");
        assert_eq!(faults.0[0].code, "bank_unknown");
        let issued = ground.file(officer, &filing()).await.expect("filed");
        assert!(issued.reference.ends_with("-0001"), "a refused filing used up {}", issued.reference);
    }

    async fn facts_cannot_be_changed_or_deleted(ground) {
        ground.banks(2).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let facts = [
            ("bank", "code = 'X'"), ("bank_profile", "name_en = 'X'"), ("partnership", "valid_to = valid_from"),
            ("contact", "level = 3"), ("endpoint", "ed25519 = ed25519"), ("endpoint_secret", "revision = 9"),
            ("roster_version", "bank_count = 1"), ("roster_leaf", "position = 9"), ("person", "language = 'ja'"),
            ("role_grant", "revision = 9"), ("incident", "reference = 'X'"), ("revision", "severity = 'nil'"),
            ("fanout", "notice_count = 1"), ("notice", "number = 99"), ("message", "kind = 'x'"),
            ("notice_level", "level = 5"),
        ];
        for (table, change) in facts {
            let changed = ground.tamper(&format!("UPDATE {table} SET {change}"));
            assert!(changed.as_ref().is_err_and(|fault| fault.contains("append-only")), "{table}: {changed:?}");
            let deleted = ground.tamper(&format!("DELETE FROM {table}"));
            assert!(deleted.as_ref().is_err_and(|fault| fault.contains("append-only")), "{table}: {deleted:?}");
        }
        ground.assert_sound().await;
    }

    async fn sixteen_filers_and_a_changing_register_never_break_a_fan_out(ground) {
        ground.banks(8).await;
        let officer = ground.person("officer").await;
        let ground = Arc::new(ground);
        let rounds: usize = std::env::var("KAIRAN_FILINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(160);
        let joining = {
            let ground = Arc::clone(&ground);
            tokio::spawn(async move {
                for n in 0..12 {
                    ground.bank(&format!("J{n:03}")).await;
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            })
        };
        let filers: Vec<_> = (0..16)
            .map(|_| {
                let ground = Arc::clone(&ground);
                tokio::spawn(async move {
                    let mut filed = Vec::new();
                    for _ in 0..rounds / 16 {
                        filed.push(ground.file(officer, &filing()).await.expect("filed"));
                    }
                    filed
                })
            })
            .collect();
        let mut issued = Vec::new();
        for filer in filers {
            issued.extend(filer.await.expect("no panic"));
        }
        joining.await.expect("no panic");
        assert_eq!(issued.len(), rounds / 16 * 16);
        for one in &issued {
            let version = one.roster_version;
            let revision = one.revision_id;
            let (on_roster, told) = ground
                .store
                .read(move |tx| {
                    let mut roster: Vec<_> = roster::leaves(tx, version)?.iter().map(|leaf| leaf.bank_id).collect();
                    let mut told: Vec<_> = reading::board(tx, revision)?.iter().map(|cell| cell.bank_id).collect();
                    roster.sort();
                    told.sort();
                    Ok::<_, kairan::storage::Error>((roster, told))
                })
                .await
                .expect("read");
            assert_eq!(on_roster, told);
            assert_eq!(i64::try_from(told.len()).expect("small"), one.notices);
        }
        ground.assert_sound().await;
    }
}
