//! The rules of what a filing says of itself: codes, times, counts, reasons. Each notes its faults and
//! hands back what it has cleaned; `check` puts the pieces together.

use super::check::{FilingContext, MAX_REASON, MAX_SUMMARY};
use super::checker::{Checker, MAX_LIST};
use super::filing::Filing;
use super::parts::{Known, Tally, Words};
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{Authentication, Phase, Typology, Weakness};

/// A count above this is a slip, and below it every reader's JSON number is exact.
const MAX_COUNT: u64 = 1_000_000_000;

impl Filing {
    pub(super) fn check_codes(&self, c: &mut Checker) {
        if self.typology.is_empty() {
            c.refuse(
                "/typology",
                "list_empty",
                "name at least one typology; unknown is one",
            );
        }
        c.codes("/typology", &self.typology, &[Typology::Unknown]);
        c.codes("/attack_stage", &self.attack_stage, &[]);
        c.codes(
            "/auth_exploited",
            &self.auth_exploited,
            &[Authentication::Unknown],
        );
        c.codes("/auth_weakness", &self.auth_weakness, &[Weakness::Unknown]);
        c.codes("/related_incidents", &self.related_incidents, &[]);
        c.length("/cause_types", self.cause_types.len(), MAX_LIST);
        c.distinct("/cause_types", &self.cause_types);
        for (index, code) in self.cause_types.iter().enumerate() {
            let shaped = (1..=64).contains(&code.len())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !shaped {
                let place = format!("/cause_types/{index}");
                c.refuse(
                    &place,
                    "code_form",
                    "a code is 1 to 64 of a-z, 0-9 and underscore",
                );
            }
        }
    }

    pub(super) fn check_other(&self, c: &mut Checker) -> Option<String> {
        let other = self.typology.contains(&Typology::Other);
        match &self.typology_other {
            Some(text) if other => Some(c.line("/typology_other", text, MAX_REASON)),
            Some(_) => {
                c.refuse(
                    "/typology_other",
                    "typology_other_unasked",
                    "goes only with the typology other",
                );
                None
            }
            None => {
                if other {
                    c.refuse(
                        "/typology_other",
                        "field_missing",
                        "say in words what the typology other means",
                    );
                }
                None
            }
        }
    }

    pub(super) fn check_times(&self, c: &mut Checker, now: Instant) -> Entered {
        let known = |at: &Option<Known<Entered>>| at.and_then(|at| at.value().copied());
        let (from, to) = (known(&self.occurred_from), known(&self.occurred_to));
        let detected = Some(self.detected_at);
        let aware_at = self.aware_at.unwrap_or(self.detected_at);
        c.past("/occurred_to", to, now);
        c.past("/detected_at", detected, now);
        c.past("/aware_at", self.aware_at, now);
        c.past("/resolved_at", self.resolved_at, now);
        c.past("/closed_at", self.closed_at, now);
        c.ordered(
            "/occurred_from",
            from,
            detected,
            "cannot lie after detected_at",
        );
        c.ordered("/occurred_to", from, to, "cannot lie before occurred_from");
        c.ordered(
            "/aware_at",
            detected,
            self.aware_at,
            "cannot lie before detected_at",
        );
        c.ordered(
            "/resolved_at",
            detected,
            self.resolved_at,
            "cannot lie before detected_at",
        );
        let settled = self.resolved_at.or(detected);
        c.ordered(
            "/closed_at",
            settled,
            self.closed_at,
            "cannot lie before resolved_at or detected_at",
        );
        if aware_at.at != self.detected_at.at && self.aware_reason.is_none() {
            c.refuse(
                "/aware_reason",
                "field_missing",
                "say why awareness came later than detection",
            );
        }
        aware_at
    }

    pub(super) fn check_next_update(
        &self,
        c: &mut Checker,
        context: FilingContext,
    ) -> Option<Entered> {
        if self.phase == Phase::Final {
            if self.next_update_at.is_some() {
                c.refuse(
                    "/next_update_at",
                    "next_update_final",
                    "a final report promises no next update",
                );
            }
            return None;
        }
        let at = self.next_update_at.or(context.next_update_default);
        match at {
            None => c.refuse(
                "/next_update_at",
                "field_missing",
                "say when the banks will hear more",
            ),
            Some(at) if at.at <= context.now => {
                c.refuse("/next_update_at", "time_past", "must lie in the future");
            }
            Some(_) => {}
        }
        at
    }

    pub(super) fn check_summary(&self, c: &mut Checker, revision: u32) -> Option<Words> {
        if self.change_summary.is_none() && revision > 1 {
            c.refuse(
                "/change_summary",
                "field_missing",
                "say what changed since the revision before",
            );
        }
        let words = self.change_summary.as_ref()?;
        Some(c.long_words("/change_summary", words, MAX_SUMMARY))
    }

    pub(super) fn check_late(&self, c: &mut Checker, late: bool) -> Option<String> {
        if late && self.late_reason.is_none() {
            c.refuse(
                "/late_reason",
                "field_missing",
                "the operator's deadline has passed: write here why the banks are told only now; every bank reads it",
            );
        }
        let text = self.late_reason.as_ref()?;
        Some(c.paragraphs("/late_reason", text, MAX_SUMMARY))
    }
}

pub(super) fn tally(
    c: &mut Checker,
    pointer: &str,
    said: Option<Known<Tally>>,
) -> Option<Known<Tally>> {
    let said = said?;
    let count = said.value().and_then(|tally| tally.count.value().copied());
    let Some(count) = count else {
        return Some(Known::Unknown);
    };
    if count > MAX_COUNT {
        c.refuse(
            &format!("{pointer}/count"),
            "count_too_large",
            "at most 1 000 000 000",
        );
    }
    Some(said)
}
