//! A notice in a bank's hand: a saved webhook body or a .tlog-proof file.

use super::report::Report;
use crate::domain::digest::Digest;
use crate::domain::proof::Unreadable;
use crate::domain::proof::log_keys::LogKeys;
use crate::domain::proof::notice::{NoticeChecked, NoticeProof, Webhook};

pub(super) const TLOG_PROOF: &[u8] = b"c2sp.org/tlog-proof";

pub fn judge(bytes: &[u8], keys: &LogKeys, report: &mut Report) -> Result<(), Unreadable> {
    if bytes.starts_with(TLOG_PROOF) {
        judge_proof(bytes, keys, report)
    } else {
        judge_webhook(bytes, keys, report)
    }
}

fn judge_proof(bytes: &[u8], keys: &LogKeys, report: &mut Report) -> Result<(), Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable("not UTF-8".to_owned()))?;
    let (proof, object) = NoticeProof::parse_tlog_proof(text)?;
    report.fact("form", "tlog-proof");
    match proof.check(&object, keys) {
        Ok(checked) => {
            proven(&checked, report);
            report.leave("the incident's text: the proof holds its digest, not the text itself");
        }
        Err(finding) => report.find(finding),
    }
    leave_usual(report);
    Ok(())
}

fn judge_webhook(bytes: &[u8], keys: &LogKeys, report: &mut Report) -> Result<(), Unreadable> {
    let webhook = Webhook::parse(bytes)?;
    report.fact("form", "webhook");
    match webhook.check(keys) {
        Ok(checked) => match checked.proven {
            Some(checked) => proven(&checked, report),
            None => {
                let (number, bank) = (&checked.number, &checked.bank);
                report.line(format!("notice {number} of bank {bank}"));
                report.drill(&checked.notice_kind);
                digest(checked.digest, report);
                report.miss("a proof: the notice went out before the log had sealed it; fetch its proof from the hub");
            }
        },
        Err(finding) => report.find(finding),
    }
    report.leave("who sent the webhook: that is its signature's and its headers' matter");
    report.leave("the time, links and type that stand around the notice");
    leave_usual(report);
    Ok(())
}

fn proven(checked: &NoticeChecked, report: &mut Report) {
    let NoticeChecked {
        number,
        bank,
        incident,
        revision,
        ..
    } = checked;
    report.line(format!(
        "notice {number} of bank {bank}: {incident}, revision {revision}"
    ));
    report.drill(&checked.notice_kind);
    digest(checked.digest, report);
    let (kind, n, version) = (&checked.fanout_kind, checked.n, checked.roster_version);
    let place = checked.position + 1;
    report.line(format!(
        "place {place} of {n} in the fan-out ({kind}) under roster version {version}"
    ));
    report.line(format!("entry {}", checked.index));
    report.head(&checked.checkpoint);
    report.fact("notice", checked.notice.to_string());
    report.fact("number", *number);
    report.fact("bank", bank.as_str());
    report.fact("bank_id", checked.bank_id.to_string());
    report.fact("incident", incident.as_str());
    report.fact("revision", revision.as_str());
    report.fact("fanout_kind", kind.as_str());
    report.fact("n", n);
    report.fact("position", checked.position);
    report.fact("roster_version", version);
    report.fact("index", checked.index);
}

fn digest(digest: Digest, report: &mut Report) {
    report.line(format!("digest {digest}"));
    report.fact("digest", digest.to_string());
}

fn leave_usual(report: &mut Report) {
    report.leave("whether other banks got theirs: `kairan verify incident` shows that");
    report.leave("whether this head belongs to the history that others see: `kairan verify checkpoints` compares heads");
}
