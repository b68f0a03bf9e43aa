//! A completeness bundle: who was addressed, who confirmed, who is open.

use super::report::Report;
use crate::domain::proof::Unreadable;
use crate::domain::proof::completeness::{BankCovered, Completeness, Covered, StampProof};
use crate::domain::proof::log_keys::LogKeys;
use serde_json::json;

pub fn judge(bytes: &[u8], keys: &LogKeys, report: &mut Report) -> Result<(), Unreadable> {
    let bundle = Completeness::parse(bytes)?;
    match bundle.check(keys) {
        Ok(covered) => {
            told(&bundle, &covered, report);
            missing(&bundle, &covered, report);
        }
        Err(finding) => report.find(finding),
    }
    report.leave(format!(
        "that {} is this incident's reference, and the banks' codes: they are for reading",
        bundle.incident
    ));
    report.leave("what the notices say, and that the digests which banks signed are those of their notices: each bank holds its own");
    report.leave("the heads that banks named when they signed, and whether this one belongs to the history that others see");
    if bundle.former.is_none() {
        report.leave("whether banks that had left the roster were told of a later revision");
    }
    Ok(())
}

fn told(bundle: &Completeness, covered: &Covered, report: &mut Report) {
    let n = covered.banks.len();
    let (number, phase, at) = (covered.revision_number, &covered.phase, covered.accepted_at);
    report.line(format!(
        "{} (incident {})",
        bundle.incident, covered.incident
    ));
    report.line(format!("revision {number} ({phase}), accepted {at}"));
    report.drill(&covered.kind);
    report.line(format!(
        "covered {n}/{n} under roster version {}",
        covered.roster_version
    ));
    report.fact("incident", covered.incident.to_string());
    report.fact("revision", covered.revision.to_string());
    report.fact("revision_number", number);
    report.fact("roster_version", covered.roster_version);
    report.fact("covered", json!({ "count": n, "of": n }));
    stamps("acknowledged", "open", bundle, &covered.banks, report);
    if !covered.former.is_empty() {
        report.line(format!("former banks told: {}", covered.former.len()));
        stamps(
            "former_acknowledged",
            "former_open",
            bundle,
            &covered.former,
            report,
        );
    }
    report.head(&covered.checkpoint);
}

fn stamps(
    acknowledged: &str,
    open: &str,
    bundle: &Completeness,
    banks: &[BankCovered],
    report: &mut Report,
) {
    let count = banks.iter().filter(|bank| bank.stamp.is_some()).count();
    let signed = banks.iter().filter(|bank| is_signed(bank)).count();
    let left: Vec<_> = banks.iter().filter(|bank| bank.stamp.is_none()).collect();
    let words = |code: &str| code.replace('_', " ");
    let n = banks.len();
    report.line(format!(
        "{} {count}/{n} (signed {signed})",
        words(acknowledged)
    ));
    let names: Vec<String> = left.iter().map(|bank| name(bundle, bank)).collect();
    let shown = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    report.line(format!("{}: {shown}", words(open)));
    report.fact(
        acknowledged,
        json!({ "count": count, "of": n, "signed": signed }),
    );
    let ids: Vec<String> = left.iter().map(|bank| bank.bank.to_string()).collect();
    report.fact(open, ids);
}

fn is_signed(bank: &BankCovered) -> bool {
    let proof = bank.stamp.as_ref().map(|stamp| &stamp.proof);
    matches!(proof, Some(StampProof::Signed { .. }))
}

fn name(bundle: &Completeness, bank: &BankCovered) -> String {
    match bundle.labels.get(&bank.bank) {
        Some(code) => format!("{code} ({})", bank.bank),
        None => bank.bank.to_string(),
    }
}

fn missing(bundle: &Completeness, covered: &Covered, report: &mut Report) {
    if !covered.superseded {
        let version = covered.roster_version;
        report.miss(format!(
            "proof that roster version {version} was in force: no later version is shown; ask again once there is one, or verify the whole log"
        ));
    }
    for bank in covered.banks.iter().chain(&covered.former) {
        let Some(stamp) = &bank.stamp else { continue };
        let name = name(bundle, bank);
        match &stamp.proof {
            StampProof::KeyUnknown { key } => report.miss(format!(
                "bank {name}: the key {key} that signed its confirmation is not in this roster; it may have been enrolled later"
            )),
            StampProof::NoteMissing => {
                report.miss(format!("bank {name}: its signed confirmation is not in the bundle"));
            }
            StampProof::Recorded | StampProof::Signed { .. } => {}
        }
    }
}
