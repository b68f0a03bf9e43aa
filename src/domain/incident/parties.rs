//! The rules of who and what stands around an incident: banks hit, measures taken, bodies notified, persons
//! to call. Knows the form of a bank's code, not the register.

use super::check::{Affected, MAX_REASON};
use super::checker::{Checker, MAX_LIST};
use super::filing::Filing;
use super::parts::{BodyNotified, Known, Measure, OperatorContact, RemedialAction};
use super::shape::{is_bank_code, is_email, is_phone};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::{Countermeasure, IncidentStatus};

/// Banks may be many more than any other list is long.
const MAX_BANKS: usize = 1_000;
const MAX_NAME: usize = 120;

impl Filing {
    pub(super) fn check_banks(&self, c: &mut Checker) -> Affected {
        let named: Vec<String> = self.services.iter().map(|s| s.bank.clone()).collect();
        c.length("/services", named.len(), MAX_BANKS);
        c.distinct("/services", &named);
        for (index, service) in self.services.iter().enumerate() {
            bank_code(c, &format!("/services/{index}/bank"), &service.bank);
            let silent = service.new_links.is_none()
                && service.top_ups.is_none()
                && service.pay_outs.is_none();
            if silent {
                let place = format!("/services/{index}");
                c.refuse(
                    &place,
                    "service_unsaid",
                    "say the state of new_links, top_ups or pay_outs",
                );
            }
        }
        let Known::Value(banks) = &self.affected_banks else {
            return Affected::Unknown;
        };
        if banks.is_empty() {
            c.refuse(
                "/affected_banks",
                "list_empty",
                "name the banks, or say \"unknown\"",
            );
        }
        c.length("/affected_banks", banks.len(), MAX_BANKS);
        c.distinct("/affected_banks", banks);
        for (index, bank) in banks.iter().enumerate() {
            bank_code(c, &format!("/affected_banks/{index}"), bank);
        }
        Affected::Banks(banks.clone())
    }

    pub(super) fn check_measures(&self, c: &mut Checker, now: Instant) -> Vec<Measure> {
        c.length("/countermeasures", self.countermeasures.len(), MAX_LIST);
        let idle = |measure: &Measure| measure.code == Countermeasure::NoneYet;
        if self.countermeasures.len() > 1 && self.countermeasures.iter().any(idle) {
            c.refuse(
                "/countermeasures",
                "code_alone",
                "none_yet is given alone or not at all",
            );
        }
        let mut kept = Vec::new();
        for (index, measure) in self.countermeasures.iter().enumerate() {
            let place = format!("/countermeasures/{index}");
            let both = measure.taken_at.is_some() && measure.planned_for.is_some();
            let timed = measure.taken_at.is_some() || measure.planned_for.is_some();
            if both || (timed && idle(measure)) {
                c.refuse(
                    &place,
                    "measure_times",
                    "a measure was taken or is planned, not both; none_yet has no time",
                );
            }
            c.past(&format!("{place}/taken_at"), measure.taken_at, now);
            let note = measure.note.as_ref();
            let note = note.map(|text| c.paragraphs(&format!("{place}/note"), text, MAX_REASON));
            kept.push(Measure {
                note,
                ..measure.clone()
            });
        }
        kept
    }

    pub(super) fn check_notified(
        &self,
        c: &mut Checker,
        now: Instant,
    ) -> Option<Vec<BodyNotified>> {
        let list = self.bodies_notified.as_ref()?;
        c.length("/bodies_notified", list.len(), MAX_LIST);
        let mut kept = Vec::new();
        for (index, notified) in list.iter().enumerate() {
            let place = format!("/bodies_notified/{index}");
            c.past(&format!("{place}/at"), Some(notified.at), now);
            let reference = notified.reference.as_ref();
            kept.push(BodyNotified {
                body: c.line(&format!("{place}/body"), &notified.body, MAX_NAME),
                at: notified.at,
                reference: reference
                    .map(|text| c.line(&format!("{place}/reference"), text, MAX_NAME)),
            });
        }
        Some(kept)
    }

    pub(super) fn check_remedies(&self, c: &mut Checker) -> Vec<RemedialAction> {
        let list = &self.remedial_actions;
        c.length("/remedial_actions", list.len(), MAX_LIST);
        if list.is_empty() && self.incident_status == IncidentStatus::Closed {
            c.refuse(
                "/remedial_actions",
                "field_missing",
                "say what is done so that it does not come again",
            );
        }
        let cleaned = list.iter().enumerate().map(|(index, one)| {
            let place = format!("/remedial_actions/{index}");
            RemedialAction {
                action: c.line(&format!("{place}/action"), &one.action, MAX_REASON),
                owner: c.line(&format!("{place}/owner"), &one.owner, MAX_NAME),
                due: one.due,
            }
        });
        cleaned.collect()
    }

    pub(super) fn check_contacts(&self, c: &mut Checker) -> Vec<OperatorContact> {
        let list = &self.operator_contacts;
        c.length("/operator_contacts", list.len(), MAX_LIST);
        if list.len() < 2 {
            c.refuse(
                "/operator_contacts",
                "contacts_few",
                "name at least two persons a bank can reach",
            );
        }
        let emails: Vec<String> = list.iter().map(|p| p.email.to_lowercase()).collect();
        c.distinct("/operator_contacts", &emails);
        let mut kept = Vec::new();
        for (index, person) in list.iter().enumerate() {
            let place = format!("/operator_contacts/{index}");
            if !is_email(&person.email) {
                c.refuse(
                    &format!("{place}/email"),
                    "email_form",
                    "not an e-mail address",
                );
            }
            if !is_phone(&person.phone) {
                c.refuse(
                    &format!("{place}/phone"),
                    "phone_form",
                    "a telephone number has 6 to 15 digits; +, spaces, hyphens and brackets are taken",
                );
            }
            kept.push(OperatorContact {
                name: c.line(&format!("{place}/name"), &person.name, MAX_NAME),
                role: c.line(&format!("{place}/role"), &person.role, MAX_NAME),
                email: person.email.clone(),
                phone: person.phone.clone(),
            });
        }
        kept
    }
}

fn bank_code(c: &mut Checker, pointer: &str, code: &str) {
    if !is_bank_code(code) {
        c.refuse(
            pointer,
            "bank_code",
            "a bank's code is 1 to 16 of A-Z, 0-9 and hyphen",
        );
    }
}
