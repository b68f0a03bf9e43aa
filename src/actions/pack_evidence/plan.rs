//! What goes into a pack, decided in one read: the head at which things are proven, what no head covers yet, and
//! where each list ends. The README says it in both languages.

use super::step::{Naming, Notices, Step, Work};
use super::{Packing, Part, file};
use crate::actions::prove_completeness::{self, Head};
use crate::actions::{Error, Rules, certify, log_keys, read_log};
use crate::domain::json;
use crate::storage::delivery_log::{self, LogFilter};
use crate::storage::incident::RevisionRow;
use crate::storage::{Tx, bank, incident, log, notice};
use crate::templates::{LANGUAGES, Templates};
use serde_json::{Value, json};
use std::sync::Arc;

/// The pack of an incident: its bodies, a completeness bundle for each revision that the log has sealed, every
/// notice with its proof, confirmations and attempts.
pub fn of_incident(
    tx: &mut Tx<'_>,
    rules: &Rules,
    templates: &Templates,
    reference: &str,
) -> Result<Packing, Error> {
    let known = incident::by_reference(tx, reference)?.ok_or(Error::NotFound)?;
    let mut ground = Ground::read(tx)?;
    let mut work = Vec::new();
    let (mut told, mut fanouts) = (Vec::new(), Vec::new());
    for revision in incident::revisions(tx, known.id)? {
        let name = format!("bodies/r{}.json", revision.number);
        work.push(Work::Body(revision.id, name));
        let missing = ground.missing(tx, &revision)?;
        if let (None, Some(head)) = (missing, &ground.head) {
            work.push(Work::Bundle(revision.id, head.clone()));
        }
        told.push(json!({ "number": revision.number, "phase": revision.phase,
            "accepted_at": revision.accepted_at.to_string(), "missing": missing }));
        fanouts.extend(notice::fanouts(tx, revision.id)?);
    }
    let notices: i64 = fanouts.iter().map(|fanout| fanout.notice_count).sum();
    let all = Notices::of_fanouts(fanouts);
    let filter = LogFilter {
        incident: Some(known.id),
        ..LogFilter::default()
    };
    work.extend(lists(tx, all, Naming::ByBank, filter)?);
    let kind = incident::kind_of(tx, known.id)?;
    let about = json!({ "reference": known.reference, "kind": kind, "revisions": told, "notices": notices });
    ground.readme(tx, rules, templates, "incident", about)?;
    Ok(ground.packing(work))
}

/// The pack of a bank: every notice that it ever got, in its own numbers, with body and proof; confirmations,
/// attempts, and a certificate as of now.
pub fn of_bank(
    tx: &mut Tx<'_>,
    rules: &Rules,
    templates: &Templates,
    code: &str,
) -> Result<Packing, Error> {
    let known = bank::by_code(tx, code)?.ok_or(Error::NotFound)?;
    let profile = bank::profile(tx, known.id)?.ok_or(Error::NotFound)?;
    let mut ground = Ground::read(tx)?;
    let mut work = Vec::new();
    if ground.head.is_some() {
        let writing = certify::begin(tx, code, None)?;
        let signer = certify::signer(tx, rules);
        let vkey = format!("{}\n", signer.verifier());
        file(&mut ground.parts, "certificate.vkey".into(), vkey.into());
        work.push(Work::Certificate(Box::new((writing, signer))));
    }
    let last = notice::last_number(tx, known.id)?;
    let filter = LogFilter {
        bank: Some(known.id),
        ..LogFilter::default()
    };
    let all = Notices::Bank(known.id, 0, last);
    work.extend(lists(tx, all, Naming::ByNumber, filter)?);
    let about = json!({ "code": known.code, "name_ja": profile.name_ja, "name_en": profile.name_en,
        "last_number": last, "drilled": notice::drilled(tx, known.id)? });
    ground.readme(tx, rules, templates, "bank", about)?;
    Ok(ground.packing(work))
}

fn lists(
    tx: &mut Tx<'_>,
    all: Notices,
    naming: Naming,
    filter: LogFilter,
) -> Result<[Work; 5], Error> {
    let end = delivery_log::end(tx)?;
    Ok([
        Work::Index(all.clone(), naming, false),
        Work::Acknowledgements(all.clone(), false),
        Work::Notes(all.clone(), naming),
        Work::Attempts(filter, None, end, false),
        Work::Proofs(all, naming, None),
    ])
}

/// What both kinds of packs begin with.
struct Ground {
    /// The newest published head; `None` = there is none.
    head: Option<Head>,
    /// Names of the logs, and the sizes of their newest heads.
    logs: Vec<Value>,
    readme: Vec<Part>,
    parts: Vec<Part>,
}

impl Ground {
    fn read(tx: &mut Tx<'_>) -> Result<Self, Error> {
        let newest = log::head(tx)?.log;
        let mut ground = Self {
            head: None,
            logs: Vec::new(),
            readme: Vec::new(),
            parts: Vec::new(),
        };
        for number in 1..=newest {
            let Some(head) = prove_completeness::head_of(tx, number)? else {
                continue;
            };
            let opening = read_log::opening_of(tx, number)?;
            let told = json!({ "number": number, "origin": opening.origin, "size": head.size });
            ground.logs.push(told);
            let (key, checkpoint) = (format!("{}\n", opening.vkey), head.checkpoint.clone());
            let handovers = log_keys::handovers(tx, number, head.size)?;
            if !handovers.is_empty() {
                let name = format!("log-{number}.handovers.json");
                file(&mut ground.parts, name, json::canonical(&handovers));
            }
            file(&mut ground.parts, format!("log-{number}.vkey"), key.into());
            file(
                &mut ground.parts,
                format!("log-{number}.checkpoint"),
                checkpoint.into(),
            );
            ground.head = Some(head).filter(|_| number == newest);
        }
        Ok(ground)
    }

    /// Why there is no bundle of a revision; `None` = there is one.
    fn missing(
        &self,
        tx: &mut Tx<'_>,
        revision: &RevisionRow,
    ) -> Result<Option<&'static str>, Error> {
        let Some(head) = &self.head else {
            return Ok(Some("not_sealed"));
        };
        match prove_completeness::covers(tx, revision, head) {
            Ok(()) => Ok(None),
            Err(Error::Refused(refusal)) => Ok(Some(refusal.code())),
            Err(fault) => Err(fault),
        }
    }

    fn readme(
        &mut self,
        tx: &mut Tx<'_>,
        rules: &Rules,
        templates: &Templates,
        kind: &str,
        about: Value,
    ) -> Result<(), Error> {
        let zone = rules.zone.iana_name().unwrap_or("UTC");
        let context = json!({ "zone": zone, "operator": rules.operator_name, "url": rules.public_url,
            "made_at": tx.now()?.to_string(), "logs": self.logs, "about": about });
        let template = format!("pack/{kind}.txt");
        let texts: Result<Vec<String>, _> = LANGUAGES
            .iter()
            .map(|language| templates.render(&template, language, &context))
            .collect();
        let texts = texts.map_err(|fault| broken(&fault))?;
        let text =
            texts.join("\n----------------------------------------------------------------\n\n");
        file(&mut self.readme, "README.txt".to_owned(), text.into_bytes());
        Ok(())
    }

    fn packing(self, work: Vec<Work>) -> Packing {
        let mut parts = self.readme;
        parts.extend(self.parts);
        let steps = work.into_iter().map(|work| Arc::new(Step(work)));
        Packing {
            parts,
            steps: steps.collect(),
        }
    }
}

fn broken(fault: &dyn std::fmt::Display) -> Error {
    crate::storage::Error::Corrupt(fault.to_string()).into()
}
