//! The outside ledger: what was sent to the hub, what it answered, what arrived at the banks. Kept in the
//! test's own memory, where no kill of the hub reaches it. Knows nothing of the hub's database.

use crate::support::receiver::Hit;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The marker in its title → the status of a filing; `None` while no answer is known.
    pub filings: BTreeMap<String, Option<u16>>,
    pub arrivals: Vec<Arrival>,
    /// What reminded of a notice: the notice, and the hash of the bytes.
    pub reminders: BTreeSet<(String, [u8; 32])>,
    /// The notice → its bank, its digest, and the status of its acknowledgement.
    pub stamps: BTreeMap<String, Stamp>,
}

#[derive(Debug, Clone)]
pub struct Stamp {
    pub bank: usize,
    pub digest: String,
    pub status: Option<u16>,
}

/// One webhook as it came in at a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub bank: usize,
    pub webhook_id: String,
    pub body_hash: [u8; 32],
    pub marker: String,
    pub reference: String,
    pub notice: String,
    pub digest: String,
}

impl Arrival {
    pub fn of(bank: usize, hit: &Hit) -> Self {
        let told = hit.json();
        let text = |pointer: &str| {
            let found = told.pointer(pointer).and_then(|value| value.as_str());
            found
                .unwrap_or_else(|| panic!("no {pointer} in {told}"))
                .to_owned()
        };
        Self {
            bank,
            webhook_id: hit
                .header("webhook-id")
                .expect("every webhook has its id")
                .to_owned(),
            body_hash: Sha256::digest(&hit.body).into(),
            marker: text("/data/incident/title/en"),
            reference: text("/data/notice/incident"),
            notice: text("/data/notice/id"),
            digest: text("/data/digest"),
        }
    }
}

impl Ledger {
    /// Arrivals beyond the first of their webhook id.
    pub fn duplicates(&self) -> usize {
        let ids: BTreeSet<&str> = self
            .arrivals
            .iter()
            .map(|one| one.webhook_id.as_str())
            .collect();
        self.arrivals.len() - ids.len()
    }

    /// The total-queue check: what a hub that loses, invents, halves or changes anything is told. Empty = good.
    pub fn complaints(&self, banks: usize) -> Vec<String> {
        let mut found = self.fan_out_complaints(banks);
        let mut first: HashMap<&str, &Arrival> = HashMap::new();
        for one in &self.arrivals {
            let earlier = *first.entry(&one.webhook_id).or_insert(one);
            if earlier != one {
                found.push(format!(
                    "{} came again with different bytes or at another bank",
                    one.webhook_id
                ));
            }
            if !self.filings.contains_key(&one.marker) {
                found.push(format!(
                    "unexpected: bank {} was told of {:?}, which nobody filed",
                    one.bank, one.marker
                ));
            }
        }
        let ids: BTreeSet<&str> = first.keys().copied().collect();
        let notices: BTreeSet<&str> = self
            .arrivals
            .iter()
            .map(|one| one.notice.as_str())
            .collect();
        if ids.len() != notices.len() {
            found.push(format!(
                "{} webhook ids for {} notices",
                ids.len(),
                notices.len()
            ));
        }
        found
    }

    fn fan_out_complaints(&self, banks: usize) -> Vec<String> {
        let mut told: HashMap<&str, (BTreeSet<usize>, BTreeSet<&str>)> = HashMap::new();
        for one in &self.arrivals {
            let (at, references) = told.entry(&one.marker).or_default();
            at.insert(one.bank);
            references.insert(&one.reference);
        }
        let mut found = Vec::new();
        for (marker, status) in &self.filings {
            let Some((at, references)) = told.get(marker.as_str()) else {
                if *status == Some(201) {
                    found.push(format!(
                        "lost: {marker} was answered 201 and no bank was told"
                    ));
                }
                continue;
            };
            if at.len() != banks {
                found.push(format!(
                    "lost: {marker} ({status:?}) reached {} of {banks} banks",
                    at.len()
                ));
            }
            if references.len() != 1 {
                found.push(format!(
                    "{marker} became {} incidents: {references:?}",
                    references.len()
                ));
            }
        }
        found
    }
}

fn good() -> Ledger {
    let arrival = |bank: usize, marker: &str| Arrival {
        bank,
        webhook_id: format!("msg_{marker}_{bank}"),
        body_hash: [7; 32],
        marker: marker.into(),
        reference: format!("INC-{marker}"),
        notice: format!("notice-{marker}-{bank}"),
        digest: String::new(),
    };
    let arrivals = ["a", "b"]
        .iter()
        .flat_map(|marker| (0..3).map(move |bank| arrival(bank, marker)));
    let filings = [("a", Some(201)), ("b", None), ("c", None)];
    Ledger {
        filings: filings
            .map(|(marker, status)| (marker.to_owned(), status))
            .into(),
        // The last one twice: redelivery of the same bytes is allowed.
        arrivals: arrivals.chain([arrival(2, "b")]).collect(),
        ..Ledger::default()
    }
}

#[test]
fn a_ledger_of_a_good_run_draws_no_complaint() {
    assert_eq!(good().complaints(3), Vec::<String>::new());
    assert_eq!(good().duplicates(), 1);
}

#[test]
fn a_doctored_ledger_is_complained_of() {
    let complaint = |doctor: fn(&mut Ledger), about: &str| {
        let mut ledger = good();
        doctor(&mut ledger);
        let complaints = ledger.complaints(3);
        assert!(
            complaints.iter().any(|text| text.contains(about)),
            "{about}: {complaints:?}"
        );
    };
    complaint(
        |ledger| ledger.arrivals.retain(|one| one.marker != "a"),
        "no bank was told",
    );
    complaint(
        |ledger| {
            ledger
                .arrivals
                .retain(|one| one.marker != "a" || one.bank != 1)
        },
        "reached 2 of 3",
    );
    complaint(
        |ledger| {
            ledger
                .arrivals
                .retain(|one| one.marker != "b" || one.bank != 1)
        },
        "reached 2 of 3",
    );
    complaint(
        |ledger| ledger.filings.retain(|marker, _| marker != "b"),
        "unexpected",
    );
    complaint(
        |ledger| ledger.arrivals[6].body_hash = [8; 32],
        "different bytes",
    );
    complaint(
        |ledger| ledger.arrivals[6].webhook_id = "msg_new".into(),
        "7 webhook ids for 6 notices",
    );
    complaint(
        |ledger| ledger.arrivals[0].reference = "INC-z".into(),
        "became 2 incidents",
    );
}
