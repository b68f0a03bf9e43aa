//! What the demo says at its beginning and at its end, and whether it went as the story wants. Does nothing
//! itself.

use super::cast::{Bank, Expected};
use super::{Ending, Issued, Stage, table};
use crate::cli::{CliError, Done, say};
use serde_json::{Value, json};
use std::path::Path;

/// What it is and the keys.
pub(super) fn introduce(stage: &Stage) {
    let people = &stage.people;
    say::line(format_args!(
        "Kairan demo: {} invented banks, one hub, in {}",
        stage.banks.len(),
        stage.ground.folder.display()
    ));
    say::line("");
    say::line("Keys, shown this once (nobody but this demo knows them):");
    say::line(format_args!("  administrator  {}", people.administrator));
    say::line(format_args!("  officer        {}", people.officer));
    say::line(format_args!("  auditor        {}", people.auditor));
    if let Some(bank) = stage.banks.first() {
        say::line(format_args!("  bank {}      {}", bank.code, stage.bank_key));
    }
    say::line("");
}

/// What was filed, and where it can be seen.
pub(super) fn show_where_to_look(stage: &Stage, issued: &Issued, is_once: bool) {
    let Issued {
        reference,
        notices,
        roster_version,
    } = issued;
    let (url, ground) = (&stage.url, &stage.ground);
    let curl =
        |key: &str, path: &str| format!("curl -H 'Authorization: Bearer {key}' '{url}{path}'");
    say::line(format_args!(
        "{reference} is filed: {notices} notices, one for every bank of roster version {roster_version}"
    ));
    say::line("");
    say::line("Where to look:");
    if !is_once {
        say::line(
            "  desks        each link works once: choose a password, and set up any authenticator app",
        );
        for (seat, link) in &stage.seats {
            say::line(format_args!("    {seat:<16} {link}"));
        }
    }
    say::line(format_args!("  API          {url}/api/docs"));
    let board = curl(
        &stage.people.auditor,
        &format!("/api/v1/incidents/{reference}/notices"),
    );
    say::line(format_args!("  board        {board}"));
    say::line(format_args!(
        "  deliveries   {}",
        curl(&stage.people.auditor, "/api/v1/deliveries?format=csv")
    ));
    say::line(format_args!(
        "  one bank     {}",
        curl(&stage.bank_key, "/api/v1/inbox")
    ));
    say::line(format_args!(
        "  database     {}",
        ground.database().display()
    ));
    say::line(format_args!("  mails        {}", ground.mails().display()));
    say::line(format_args!("  banks        {}", ground.banks().display()));
    say::line(format_args!("  log          {}", ground.log().display()));
    say::line("");
    if !is_once {
        say::line("Ctrl-C ends it.");
        say::line("");
    }
}

/// The answer for a script.
pub(super) fn summary(
    ending: &Ending,
    expected: &Expected,
    banks: &[Bank],
    issued: &Issued,
) -> Value {
    let Ending {
        picture,
        report,
        findings,
        seconds,
    } = ending;
    json!({
        "banks": expected.banks,
        "incident": issued.reference,
        "notices": picture.notices,
        "missing": picture.missing(banks),
        "delivered": picture.delivered,
        "acknowledged": picture.acknowledged,
        "acknowledged_by_link": picture.of_class("link"),
        "signed": picture.of_class("signed"),
        "sealed": report.sealed,
        "responded": picture.responded(),
        "unreachable": picture.unreachable(banks),
        "webhook_attempts": picture.webhook_attempts(),
        "emails_sent": picture.emails_sent(),
        "verified_signatures": report.verified,
        "rejected_webhooks": report.rejected,
        "duplicates": report.duplicates,
        "self_check": findings,
        "seconds": seconds,
    })
}

/// What came of it, and what stays.
pub(super) fn say_goodbye(ending: &Ending, expected: &Expected, folder: &Path) {
    let Ending {
        picture,
        report,
        findings,
        seconds,
    } = ending;
    say::line("");
    say::line(format_args!(
        "{} after {seconds} s",
        table::headline(expected, picture)
    ));
    say::line(format_args!(
        "{} webhooks verified by the banks, {} refused, {} mails sent; the self-check found {findings} faults",
        report.verified,
        report.rejected,
        picture.emails_sent(),
    ));
    say::line(format_args!(
        "{} confirmed under a key of their own (signed), {} by link; of {} notices the proof came and holds (sealed)",
        picture.of_class("signed"),
        picture.of_class("link"),
        report.sealed,
    ));
    let settings = folder.join("kairan.toml");
    say::line(format_args!("everything is kept in {}", folder.display()));
    say::line(format_args!(
        "look again with `kairan --config {} check`, or `… serve`",
        settings.display()
    ));
}

/// Whether everything was as the story wants it.
pub(super) fn judge(
    ending: &Ending,
    expected: &Expected,
    banks: &[Bank],
) -> Result<Done, CliError> {
    let Ending {
        picture,
        report,
        findings,
        ..
    } = ending;
    let proven = report.sealed >= expected.delivered && report.forks == 0;
    let heard = proven && report.verified >= expected.delivered && report.rejected == 0;
    if picture.shows(expected, banks) && heard && *findings == 0 {
        return Ok(Done::Well);
    }
    let complaint = report
        .fault
        .as_ref()
        .map(|fault| format!("; a bank says: {fault}"))
        .unwrap_or_default();
    Err(CliError::Failed(format!(
        "not what the story wants: {} of {} delivered, {} of {} acknowledged, {} of {} responses, {} proven, {} refused, \
         {findings} findings{complaint}; see kairan.log in the demo's folder",
        picture.delivered,
        expected.delivered,
        picture.acknowledged,
        expected.acknowledged,
        picture.responded(),
        expected.responded,
        report.sealed,
        report.rejected,
    )))
}
