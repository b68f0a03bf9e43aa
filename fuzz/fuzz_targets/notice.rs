//! What is read of a notice, as a webhook's body or as a file, says the same when it is written again; and a
//! known key vouches for no notice but those of its log.
#![no_main]

use kairan::domain::proof::log_keys::LogKeys;
use kairan::domain::proof::notice::{NoticeChecked, NoticeProof, Webhook};
use kairan::sample::{Story, Twist};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static HONEST: LazyLock<(LogKeys, Vec<NoticeChecked>)> = LazyLock::new(|| {
    let story = Story::told(Twist::Honest);
    let keys = LogKeys::from(story.log.key.verifier());
    let notices = (0..4).map(|position| {
        let (proof, object) = story.notice_proof(position);
        proof.check(&object, &keys).expect("sound")
    });
    (keys.clone(), notices.collect())
});

fuzz_target!(|bytes: &[u8]| {
    let (keys, honest) = &*HONEST;
    if let Ok((proof, object)) = std::str::from_utf8(bytes).map_or(Err(()), |text| {
        NoticeProof::parse_tlog_proof(text).map_err(drop)
    }) {
        let file = proof.to_tlog_proof(&object).expect("what was read");
        let again = NoticeProof::parse_tlog_proof(&file);
        assert_eq!(again.as_ref(), Ok(&(proof.clone(), object.clone())));
        if let Ok(checked) = proof.check(&object, keys) {
            assert!(honest.contains(&checked));
        }
    }
    if let Ok(webhook) = Webhook::parse(bytes) {
        if let Some(proof) = &webhook.log {
            let again = kairan::domain::json::parse::<NoticeProof>(&proof.to_json());
            assert_eq!(again.as_ref(), Ok(proof));
        }
        if let Ok(Some(proven)) = webhook.check(keys).map(|checked| checked.proven) {
            assert!(honest.contains(&proven));
        }
    }
});
