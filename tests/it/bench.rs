//! The bench in small: not how fast, only that nothing is lost and the answer is whole.

use serde_json::Value;
use std::process::Command;

fn bench(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_kairan"))
        .arg("bench")
        .args(arguments)
        .arg("--json")
        .env_remove("KAIRAN_CONFIG")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(answer["passed"], true, "{answer:#}");
    answer
}

/// Of a scene in which a hub runs.
fn assert_hub_measured(answer: &Value) {
    let peak = answer["processes"]["hub"]["peak_kib"].as_u64();
    assert!(peak > Some(0), "{answer:#}");
}

fn assert_measured(figure: &Value, repetitions: usize) {
    assert_eq!(
        figure["all"].as_array().map(Vec::len),
        Some(repetitions),
        "{figure}"
    );
    assert!(figure["min"].as_f64() > Some(0.0), "{figure}");
}

/// A scene on either database: SQLite, and the server that the tests have.
fn on_both(arguments: &[&str]) -> [Value; 2] {
    let server = std::env::var("KAIRAN_TEST_POSTGRES")
        .expect("KAIRAN_TEST_POSTGRES is not set: run scripts/test");
    let beside = [arguments, &["--database", server.as_str()]].concat();
    let answers = [bench(arguments), bench(&beside)];
    assert_eq!(answers[0]["database"], "sqlite");
    assert_eq!(answers[1]["database"], "postgres");
    answers
}

#[test]
fn a_burst_tells_every_bank_of_every_incident_once() {
    let answer = bench(&[
        "burst",
        "--incidents",
        "3",
        "--banks",
        "5",
        "--filers",
        "2",
        "--repeat",
        "1",
    ]);
    assert_hub_measured(&answer);
    for figure in [
        "deliveries_per_second",
        "recorded_per_second",
        "bare_posts_per_second",
    ] {
        assert_measured(&answer["figures"]["burst"][figure], 1);
    }
}

#[test]
fn a_fan_out_is_measured_over_kept_and_over_new_connections() {
    let answer = bench(&["fanout", "--banks", "5", "--repeat", "2"]);
    assert_hub_measured(&answer);
    for connections in ["warm", "cold"] {
        for figure in [
            "last_arrival_ms",
            "bare_sum_ms",
            "ratio_to_bare",
            "accept_ms",
        ] {
            assert_measured(&answer["figures"][connections][figure], 2);
        }
    }
}

#[test]
fn a_burst_on_a_server_leaves_no_database_behind() {
    let server = std::env::var("KAIRAN_TEST_POSTGRES")
        .expect("KAIRAN_TEST_POSTGRES is not set: run scripts/test");
    let answer = bench(&[
        "burst",
        "--incidents",
        "3",
        "--banks",
        "5",
        "--repeat",
        "1",
        "--database",
        server.as_str(),
    ]);
    assert_eq!(answer["database"], "postgres");
}

#[test]
fn every_page_of_every_desk_is_measured() {
    let answer = bench(&[
        "pages",
        "--banks",
        "3",
        "--incidents",
        "2",
        "--requests",
        "2",
        "--repeat",
        "1",
    ]);
    assert_hub_measured(&answer);
    let figures = answer["figures"]["p99 of each"].as_object();
    assert_eq!(figures.map(serde_json::Map::len), Some(22), "{answer:#}");
    for (_, figure) in figures.into_iter().flatten() {
        assert_measured(figure, 1);
    }
    assert_measured(&answer["figures"]["pages"]["p99_ms"], 1);
}

#[test]
fn the_log_is_appended_to_proven_from_and_judged() {
    let server = std::env::var("KAIRAN_TEST_POSTGRES")
        .expect("KAIRAN_TEST_POSTGRES is not set: run scripts/test");
    let small = [
        "log",
        "--entries",
        "20000",
        "--banks",
        "3,40",
        "--incidents",
        "2",
        "--proofs",
        "10",
        "--repeat",
        "2",
    ];
    for database in [&[][..], &["--database", server.as_str()]] {
        let answer = bench(&[&small[..], database].concat());
        for banks in ["3 banks", "40 banks"] {
            for figure in ["append_ms", "ratio_to_bare", "outcomes_us_per_entry"] {
                assert_measured(&answer["figures"][banks][figure], 2);
            }
        }
        for figure in [
            "inclusion_us",
            "consistency_us",
            "inclusion_at_1_percent_us",
        ] {
            assert_measured(&answer["figures"]["20000 entries"][figure], 10);
        }
        for figure in ["verify_s", "ratio_to_bare", "peak_mib"] {
            assert_measured(&answer["figures"]["verify log"][figure], 2);
        }
    }
}

#[test]
fn healthy_banks_are_served_while_others_are_dead() {
    let small =
        "slow --incidents 4 --banks 5 --dead 2 --answer-ms 1 --filers 2 --calm 3 --repeat 1";
    let small: Vec<&str> = small.split(' ').collect();
    for answer in on_both(&small) {
        assert_hub_measured(&answer);
        assert_eq!(answer["parameters"]["silent"], 1, "{answer:#}");
        assert_eq!(answer["parameters"]["unreached"], 1, "{answer:#}");
        for figure in [
            "healthy_per_second",
            "share_of_bare",
            "first_attempt_p99_ms",
        ] {
            assert_measured(&answer["figures"]["slow"][figure], 1);
        }
    }
}

#[test]
fn a_hub_killed_amid_a_burst_loses_nothing() {
    let small = "kill --incidents 20 --banks 5 --filers 2 --repeat 2";
    let small: Vec<&str> = small.split(' ').collect();
    for answer in on_both(&small) {
        assert_hub_measured(&answer);
        let figures = &answer["figures"]["kill"];
        for figure in ["start_to_ready_ms", "first_delivery_ms", "all_delivered_ms"] {
            assert_measured(&figures[figure], 2);
        }
        assert_eq!(figures["lost"]["max"], 0.0, "{answer:#}");
    }
}

#[test]
fn filing_is_measured_alone_and_together() {
    let small = "file --banks 5 --alone 3 --together 6 --filers 2 --repeat 2";
    let small: Vec<&str> = small.split(' ').collect();
    for answer in on_both(&small) {
        assert_hub_measured(&answer);
        for figure in [
            "alone_p50_ms",
            "bare_commit_p50_ms",
            "together_p99_ms",
            "start_to_ready_ms",
            "idle_mib",
        ] {
            assert_measured(&answer["figures"]["file"][figure], 2);
        }
    }
}

#[test]
fn every_bank_acknowledges_all_that_it_was_told() {
    let small = "ack --incidents 3 --banks 5 --clients 4 --repeat 2";
    let small: Vec<&str> = small.split(' ').collect();
    for answer in on_both(&small) {
        assert_hub_measured(&answer);
        for figure in ["acks_per_second", "ack_p99_ms", "bare_rows_per_second"] {
            assert_measured(&answer["figures"]["ack"][figure], 2);
        }
    }
}

#[test]
fn an_auditor_gets_every_line_of_a_large_record() {
    let small = "audit --attempts 20000 --banks 5 --requests 5 --rows 12000 --repeat 2";
    let small: Vec<&str> = small.split(' ').collect();
    for answer in on_both(&small) {
        assert_hub_measured(&answer);
        for group in ["10005 attempts", "20010 attempts"] {
            for figure in ["as_of_p99_ms", "board_at_p99_ms", "delivery_log_p99_ms"] {
                assert_measured(&answer["figures"][group][figure], 2);
            }
        }
        for figure in ["csv_s", "bare_select_s", "hub_peak_mib"] {
            assert_measured(&answer["figures"]["csv"][figure], 2);
        }
    }
}
