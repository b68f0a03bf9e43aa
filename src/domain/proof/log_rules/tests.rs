use super::*;
use crate::domain::proof::sample::{Log, Story, Twist, notice, uid};

/// As the reader of an export feeds it.
fn told(story: &Story, with_lists: bool) -> Told {
    let vkey = story.log.key.verifier().to_string();
    let mut rules = LogRules::new(story.log.key.verifier().name().as_str(), Some(vkey));
    for (index, bytes) in (0..).zip(&story.log.entries) {
        let entry = Entry::parse(bytes).expect("an entry");
        let list = match &entry {
            Entry::Fanout(fanout) if with_lists => {
                let list = story
                    .fanouts
                    .iter()
                    .find(|list| list.fanout == fanout.fanout)
                    .expect("its list");
                List::Notices(list.leaves.iter().map(ListedNotice::from).collect())
            }
            Entry::Roster(roster) if with_lists => {
                let list = story
                    .rosters
                    .iter()
                    .find(|list| list.version == roster.version)
                    .expect("its list");
                List::Banks(list.leaves.iter().map(|leaf| leaf.bank).collect())
            }
            _ => List::None,
        };
        if LogRules::needs(index, &entry) {
            rules.take(Item {
                index,
                hash: story.log.hash(index),
                entry,
                list,
            });
        }
    }
    rules.finish()
}

fn codes(told: &Told) -> Vec<&'static str> {
    told.findings.iter().map(|finding| finding.code).collect()
}

fn of_log(log: Log) -> Vec<&'static str> {
    let story = Story {
        log,
        ..Story::told(Twist::Honest)
    };
    codes(&told(&story, false))
}

#[test]
fn an_honest_log_keeps_every_rule() {
    let story = Story::told(Twist::Honest);
    let all = told(&story, true);
    assert_eq!(codes(&all), [""; 0]);
    assert_eq!(
        (
            all.rosters,
            all.incidents,
            all.fanouts,
            all.acknowledgements
        ),
        (3, 2, 3, 4)
    );
    assert_eq!(
        (all.rosters_listed, all.fanouts_listed, all.unknown),
        (3, 3, 0)
    );
    let without = told(&story, false);
    assert_eq!((codes(&without), without.fanouts_listed), (vec![], 0));
}

#[test]
fn an_insiders_log_does_not() {
    for (twist, with_lists, without) in [
        (
            Twist::BankDropped,
            &["fanout_banks", "fanout_count"][..],
            &["fanout_count"][..],
        ),
        (Twist::BankTwice, &["fanout_banks"], &[]),
        (Twist::BankExchanged, &["fanout_banks", "number"], &[]),
        (
            Twist::OldRoster,
            &[
                "incident_roster",
                "fanout_banks",
                "fanout_count",
                "fanout_roster",
            ],
            &["incident_roster", "fanout_count", "fanout_roster"],
        ),
        (
            Twist::FanoutMoved,
            &["fanout_missing", "fanout_alone"],
            &["fanout_missing", "fanout_alone"],
        ),
        (Twist::NumberSkipped, &["number"], &[]),
    ] {
        let story = Story::told(twist);
        for (lists, expected) in [(true, with_lists), (false, without)] {
            let found = codes(&told(&story, lists));
            for code in expected {
                assert!(
                    found.contains(code),
                    "{twist:?}, lists {lists}: {code} is missing in {found:?}"
                );
            }
            assert_eq!(
                found.is_empty(),
                expected.is_empty(),
                "{twist:?}, lists {lists}: {found:?}"
            );
        }
    }
}

#[test]
fn a_roster_version_that_comes_twice_is_found() {
    let found = codes(&told(&Story::told(Twist::RosterAgain), false));
    assert!(
        found.contains(&"roster_version") && found.contains(&"roster_previous"),
        "{found:?}"
    );
    assert!(found.contains(&"incident_roster"), "{found:?}");
}

#[test]
fn a_log_begins_once_with_its_own_name_and_key() {
    let mut log = Log::new("log.genesis");
    log.entries.remove(0);
    log.attempt();
    assert_eq!(of_log(log), ["opening_missing"]);
    let mut log = Log::new("log.genesis");
    log.entries.push(log.entries[0].clone());
    assert_eq!(of_log(log), ["opening_again"]);
    let log = Log::new("log.genesis");
    let bytes = String::from_utf8(log.entries[0].clone()).expect("ASCII");
    for (from, to) in [
        ("kairan-log/v1", "kairan-log/v2"),
        ("\"origin\":\"hub", "\"origin\":\"bub"),
        ("\"vkey\":\"hub", "\"vkey\":\"bub"),
    ] {
        let changed = bytes.replacen(from, to, 1);
        assert_ne!(changed, bytes);
        let log = Log {
            entries: vec![changed.into_bytes()],
            ..log.clone()
        };
        assert_eq!(of_log(log), ["opening_other"]);
    }
}

#[test]
fn a_logs_key_changes_from_the_one_in_force_to_one_that_is_new() {
    let mut log = Log::new("log.genesis");
    log.hand_over(8);
    log.hand_over(9);
    assert_eq!(of_log(log.clone()), [""; 0]);
    let mut back = log.clone();
    back.hand_over(7);
    assert_eq!(of_log(back), ["key_other"]);
    let mut skipped = log.clone();
    skipped.entries.remove(1);
    assert_eq!(of_log(skipped), ["key_other"]);
}

#[test]
fn a_log_may_not_end_between_an_incident_and_its_fan_out() {
    let log = Story::told(Twist::Honest).log;
    assert_eq!(of_log(log.earlier(4)), ["fanout_missing"]);
    assert_eq!(of_log(log.earlier(5)), [""; 0]);
}

#[test]
fn time_does_not_run_back_and_revisions_are_counted() {
    let mut log = Story::told(Twist::Honest).log;
    let late = log.entries[7].clone();
    let text = String::from_utf8(late)
        .expect("ASCII")
        .replacen("T02:", "T01:", 1);
    log.entries[7] = text.into_bytes();
    let found = of_log(log);
    assert!(found.contains(&"time"), "{found:?}");
    let mut log = Log::new("log.genesis");
    let roster = log.roster(1, None, &[]);
    let registered = log.registered(2, roster, 1);
    log.fanout("roster", uid(8, 1), registered, 1, &[]);
    assert_eq!(of_log(log), ["revision_number"]);
}

#[test]
fn a_second_fan_out_to_the_roster_and_one_of_no_incident_are_found() {
    let mut log = Log::new("log.genesis");
    let roster = log.roster(1, None, &[]);
    let registered = log.registered(1, roster, 1);
    log.fanout("former", uid(8, 1), registered, 1, &[]);
    log.fanout("roster", uid(8, 2), registered, 1, &[]);
    log.fanout("former", uid(8, 3), roster, 1, &[]);
    assert_eq!(of_log(log), ["fanout_kind", "fanout_alone", "fanout_other"]);
    let mut log = Log::new("log.genesis");
    let roster = log.roster(1, None, &[]);
    log.registered(1, roster, 1);
    log.fanout("roster", uid(8, 1), roster, 1, &[]);
    assert_eq!(of_log(log), ["fanout_other"]);
}

#[test]
fn a_notice_is_confirmed_once_and_only_if_it_went_out() {
    for with_lists in [true, false] {
        let mut story = Story::told(Twist::Honest);
        let leaf = story.fanouts[1].leaves[0].clone();
        story.log.acknowledged(&leaf, None);
        let expected = if with_lists {
            "stamp_unknown"
        } else {
            "stamp_twice"
        };
        assert_eq!(codes(&told(&story, with_lists)), [expected]);
    }
    let mut story = Story::told(Twist::Honest);
    story.log.acknowledged(&notice(9, 2, 1), None);
    assert_eq!(codes(&told(&story, true)), ["stamp_unknown"]);
}

#[test]
fn a_log_that_follows_another_is_not_judged_by_what_happened_there() {
    let mut log = Log::new("log.successor");
    let registered = log.registered(3, 0, 4);
    log.fanout("roster", uid(8, 1), registered, 4, &[notice(1, 1, 17)]);
    log.acknowledged(&notice(2, 1, 16), None);
    let roster = log.roster(5, Some(0), &[]);
    log.roster(6, Some(roster), &[]);
    let story = Story {
        log,
        ..Story::told(Twist::Honest)
    };
    let told = told(&story, false);
    assert_eq!(codes(&told), [""; 0]);
    assert!(told.successor);
}

#[test]
fn thousands_of_findings_are_counted_and_the_first_kept() {
    let mut log = Log::new("log.genesis");
    for _ in 0..1_000 {
        log.entries.push(log.entries[0].clone());
    }
    let story = Story {
        log,
        ..Story::told(Twist::Honest)
    };
    let told = told(&story, false);
    assert_eq!((told.found, told.findings.len()), (1_000, MAX_FINDINGS));
}
