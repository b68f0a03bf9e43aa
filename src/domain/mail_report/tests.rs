//! Reports as the servers in use write them, with invented names, and what is none.

use super::*;
use proptest::prelude::*;

const KEY: &[u8] = &[7; 32];

fn delivery() -> Uid {
    "0190b3c0-1c00-7a00-8000-0123456789ab"
        .parse()
        .expect("an id")
}

fn address() -> String {
    mail_id::return_path(KEY, &delivery(), "mail.operator.example")
}

/// A sample, with the address of its delivery where it says `{to}`, and line ends as on the wire.
fn filled(sample: &str) -> Vec<u8> {
    sample
        .replace("{to}", &address())
        .replace('\n', "\r\n")
        .into_bytes()
}

fn outcome(sample: &str) -> Result<(Class, String), Aside> {
    read(&filled(sample), KEY).map(|report| {
        assert_eq!(report.delivery, delivery());
        (
            report.class(),
            report
                .status
                .map_or_else(String::new, |status| status.to_string()),
        )
    })
}

const POSTFIX_BOUNCE: &str = include_str!("samples/postfix_bounce.eml");
const POSTFIX_DELIVERED: &str = include_str!("samples/postfix_delivered.eml");
const POSTFIX_RELAYED: &str = include_str!("samples/postfix_relayed.eml");
const POSTFIX_DELAYED: &str = include_str!("samples/postfix_delayed.eml");
const EXIM_BOUNCE: &str = include_str!("samples/exim_bounce.eml");
const EXCHANGE_BOUNCE: &str = include_str!("samples/exchange_bounce.eml");
const GMAIL_BOUNCE: &str = include_str!("samples/gmail_bounce.eml");
const ABSENCE: &str = include_str!("samples/absence.eml");
const RECEIPT: &str = include_str!("samples/receipt.eml");
const PERSON: &str = include_str!("samples/person.eml");

#[test]
fn reports_of_the_servers_in_use_are_read() {
    for (sample, class, status) in [
        (POSTFIX_BOUNCE, Class::Bounced, "5.1.1"),
        (POSTFIX_DELIVERED, Class::Delivered, "2.0.0"),
        (POSTFIX_RELAYED, Class::Relayed, "2.0.0"),
        (POSTFIX_DELAYED, Class::Delayed, "4.4.1"),
        (EXIM_BOUNCE, Class::Bounced, "5.0.0"),
        (EXCHANGE_BOUNCE, Class::Bounced, "5.1.10"),
        (GMAIL_BOUNCE, Class::Bounced, "5.1.1"),
    ] {
        assert_eq!(outcome(sample), Ok((class, status.into())), "{sample}");
    }
}

#[test]
fn the_date_is_the_one_its_writer_gave() {
    let read = read(&filled(POSTFIX_BOUNCE), KEY).expect("a report");
    assert_eq!(
        read.reported_at.map(|at| at.to_string()).as_deref(),
        Some("2019-05-17T02:00:07.000Z")
    );
}

#[test]
fn what_is_no_report_is_set_aside_by_its_kind() {
    for (sample, why) in [
        (ABSENCE, Aside::AutoReply),
        (RECEIPT, Aside::Mail),
        (PERSON, Aside::Mail),
    ] {
        assert_eq!(outcome(sample), Err(why), "{sample}");
    }
    assert_eq!(read(&vec![b'a'; MOST_BYTES + 1], KEY), Err(Aside::TooLong));
    assert_eq!(read(b"", KEY), Err(Aside::Unreadable));
}

#[test]
fn an_absence_note_is_an_auto_reply_however_it_says_so() {
    for value in [
        "auto-replied",
        "Auto-Replied (vacation)",
        "auto-generated",
        "auto-notified; owner-email=\"x@y.example\"",
    ] {
        assert_eq!(
            outcome(&PERSON.replace("Subject:", &format!("Auto-Submitted: {value}\nSubject:"))),
            Err(Aside::AutoReply)
        );
    }
    assert_eq!(
        outcome(&PERSON.replace("Subject:", "Auto-Submitted: no\nSubject:")),
        Err(Aside::Mail)
    );
}

#[test]
fn a_report_to_an_address_that_was_never_made_is_foreign() {
    let forged = address().replacen("n+01", "n+02", 1);
    for to in [
        "postmaster@mail.operator.example",
        forged.as_str(),
        "n+@x",
        "",
    ] {
        let sample = POSTFIX_BOUNCE
            .replace("Delivered-To: {to}", &format!("Delivered-To: {to}"))
            .replace("X-Original-To: {to}\n", "")
            .replace("\nTo: {to}", "\nTo: x@y.example");
        assert_eq!(outcome(&sample), Err(Aside::Foreign), "{to}");
    }
    assert_eq!(read(&filled(POSTFIX_BOUNCE), &[8; 32]), Err(Aside::Foreign));
}

#[test]
fn the_address_in_what_is_quoted_names_nothing() {
    assert!(
        POSTFIX_BOUNCE.contains("Return-Path: <{to}>"),
        "the sample quotes it"
    );
    let head = POSTFIX_BOUNCE.split("\n\n").next().expect("a head");
    let sample = POSTFIX_BOUNCE.replacen(
        head,
        &head.replace("{to}", "reports@mail.operator.example"),
        1,
    );
    assert_eq!(outcome(&sample), Err(Aside::Foreign));
}

#[test]
fn a_status_in_what_is_quoted_says_nothing() {
    let quoted = "Content-Type: multipart/report; report-type=delivery-status; boundary=q\n\n--q\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\nAction: delivered\nStatus: 2.0.0\n\n--q--\n";
    let sample = format!(
        "Delivered-To: {{to}}\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\nContent-Type: text/plain\n\nSorry.\n\n--r\nContent-Type: message/rfc822\n\n{quoted}\n--r--\n"
    );
    assert_eq!(outcome(&sample), Err(Aside::Unsaid));
}

#[test]
fn one_address_of_a_list_that_holds_is_enough() {
    let list = "Delivered-To: reports@mail.operator.example\nDelivered-To: {to}\n";
    let sample = POSTFIX_BOUNCE
        .replacen("Delivered-To: {to}\n", list, 1)
        .replace("X-Original-To: {to}\n", "")
        .replace("\nTo: {to}", "\nTo: x@y.example");
    assert_eq!(outcome(&sample), Ok((Class::Bounced, "5.1.1".into())));
}

fn with_fields(fields: &str) -> String {
    format!(
        "Delivered-To: {{to}}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"r\"\n\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.bank.example\n\n{fields}\n\n--r--\n"
    )
}

#[test]
fn a_failure_that_is_not_permanent_is_no_bounce() {
    for (fields, expected) in [
        (
            "Action: failed\nStatus: 4.4.7",
            Ok((Class::Delayed, "4.4.7")),
        ),
        ("Action: failed", Ok((Class::Delayed, ""))),
        ("Action: failed\nStatus: 9.9.9", Ok((Class::Delayed, ""))),
        (
            "Action: failed\nStatus: 5.7.1 (refused)",
            Ok((Class::Bounced, "5.7.1")),
        ),
        (
            "action : FAILED (for good)\nstatus:5.1.1",
            Ok((Class::Bounced, "5.1.1")),
        ),
        (
            "Action: expanded\nStatus: 2.0.0",
            Ok((Class::Relayed, "2.0.0")),
        ),
        ("Action: exploded\nStatus: 2.0.0", Err(Aside::Unsaid)),
        ("Status: 5.1.1", Err(Aside::Unsaid)),
        // Of a list: who has it counts, then who refused it.
        (
            "Action: failed\nStatus: 5.1.1\n\nAction: delivered\nStatus: 2.1.5",
            Ok((Class::Delivered, "2.1.5")),
        ),
        (
            "Action: delayed\nStatus: 4.2.0\n\nAction: failed\nStatus: 5.1.1",
            Ok((Class::Bounced, "5.1.1")),
        ),
        // A line that goes on is no field of its own.
        (
            "Diagnostic-Code: smtp; 550\n Action: delivered\nAction: failed\nStatus: 5.1.1",
            Ok((Class::Bounced, "5.1.1")),
        ),
    ] {
        let expected = expected.map(|(class, status): (Class, &str)| (class, status.to_owned()));
        assert_eq!(outcome(&with_fields(fields)), expected, "{fields}");
    }
}

#[test]
fn a_status_is_three_numbers() {
    for (text, read) in [
        ("5.1.1", Some("5.1.1")),
        ("2.0.0 (ok)", Some("2.0.0")),
        ("4.123.999", Some("4.123.999")),
        ("3.1.1", None),
        ("5.1", None),
        ("5.1.", None),
        ("5.1.1.1", None),
        ("5.1.1234", None),
        ("5.-1.1", None),
        ("", None),
        ("５.1.1", None),
    ] {
        assert_eq!(
            Status::parse(text)
                .map(|status| status.to_string())
                .as_deref(),
            read,
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_that_lands_in_the_folder_breaks_the_reader(
        bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
        cut in 0_usize..4_000, at in 0_usize..4_000,
    ) {
        let _ = read(&bytes, KEY);
        let mut sample = filled(POSTFIX_BOUNCE);
        let at = at.min(sample.len());
        sample.splice(at..at, bytes.iter().copied().take(20));
        sample.truncate(cut);
        let _ = read(&sample, KEY);
    }
}
