//! What an auditor carries away, and judges with the functions that the verifier judges with.

use super::steps::{hours, text};
use crate::support::hub::{Person, TestHub};
use kairan::domain::proof::certificate::Certificate;

async fn certificate(hub: &TestHub, auditor: &Person, as_of: &str) -> String {
    let path = format!("/api/v1/certificates?bank=B001&as_of={as_of}");
    let answer = hub.get(&path, &auditor.key).await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    String::from_utf8(answer.body).expect("UTF-8")
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
}
