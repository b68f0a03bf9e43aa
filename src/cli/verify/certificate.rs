//! A certificate: the operator's signed answer to what a bank had been told on a date.

use super::report::Report;
use crate::domain::proof::Unreadable;
use crate::domain::proof::certificate::Certificate;
use crate::merkle::note::VerifierKey;
use serde_json::{Value, json};

pub fn judge(bytes: &[u8], key: &VerifierKey, report: &mut Report) -> Result<(), Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable("not UTF-8".to_owned()))?;
    if !text.starts_with("kairan-certificate/") {
        return Err(Unreadable(
            "it does not begin as a certificate does".to_owned(),
        ));
    }
    match Certificate::open(text, key) {
        Ok(certificate) => told(&certificate, report),
        Err(finding) => report.find(finding),
    }
    report.leave("that the log holds these facts: it is the operator's statement; notices and bundles with proofs show that");
    report.leave("that the head it names was signed, and belongs to the history that others see");
    Ok(())
}

fn told(certificate: &Certificate, report: &mut Report) {
    let Certificate {
        bank_code,
        bank,
        as_of,
        issued,
        notices,
        ..
    } = certificate;
    report.line(format!(
        "bank {bank_code} ({bank}) as of {as_of}, issued {issued}"
    ));
    let last = certificate.last_number();
    report.line(format!(
        "{} notices, the last with number {last}",
        notices.len()
    ));
    let drilled = notices.iter().filter(|notice| notice.kind != "actual");
    let drilled = drilled.count();
    if drilled > 0 {
        report.line(format!(
            "of them {drilled} of exercises and tests, which told the bank of no theft"
        ));
    }
    for notice in notices {
        report.line(notice.to_string());
    }
    report.head(&certificate.log);
    report.fact("bank", bank.to_string());
    report.fact("bank_code", bank_code.as_str());
    report.fact("as_of", as_of.to_string());
    report.fact("issued", issued.to_string());
    report.fact("last_number", last);
    let all: Vec<Value> = notices
        .iter()
        .map(|notice| {
            json!({
                "number": notice.number, "incident": notice.incident, "kind": notice.kind, "revision": notice.revision,
                "notice": notice.notice.to_string(), "digest": notice.digest.to_string(),
                "issued": notice.issued.to_string(), "level": notice.level,
                "level_at": notice.level_at.to_string(),
            })
        })
        .collect();
    report.fact("notices", all);
}
