use super::*;
use crate::domain::deadline::Profiles;
use crate::domain::vocabulary::Urgency;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000_000;

fn tokyo() -> TimeZone {
    TimeZone::get("Asia/Tokyo").expect("the zone is bundled")
}

fn plan(profiles: &Profiles, issued: i64, urgency: Urgency, near: bool) -> Plan {
    let issued = Instant::from_micros(issued);
    let by = profiles.acknowledge_by(issued, urgency, near, &tokyo());
    profiles.plan(issued, by, urgency, near, &tokyo())
}

fn uid(n: u8) -> Uid {
    Uid::from_bytes([n; 16])
}

/// What is stored of a chase: its steps as facts, and whether the bank has acknowledged.
#[derive(Debug, Clone)]
struct Stored {
    plan: Plan,
    steps: Vec<(Instant, Step)>,
    acknowledged: Option<Instant>,
}

/// A hub that chases some banks. Whatever is not stored is forgotten at a restart.
struct Hub {
    now: Instant,
    stored: BTreeMap<Uid, Stored>,
}

impl Hub {
    fn begin(plans: Vec<Plan>) -> Self {
        let stored = (1..).zip(plans).map(|(n, plan)| {
            let (steps, acknowledged) = (Vec::new(), None);
            (
                uid(n),
                Stored {
                    plan,
                    steps,
                    acknowledged,
                },
            )
        });
        Self {
            now: Instant::from_micros(0),
            stored: stored.collect(),
        }
    }

    fn open(&self) -> Vec<Chase> {
        let open = self
            .stored
            .iter()
            .filter(|(_, one)| one.acknowledged.is_none());
        open.map(|(notice, one)| {
            let next = i64::try_from(one.steps.len()).expect("few") + 1;
            Chase {
                notice: *notice,
                next,
                plan: one.plan.clone(),
            }
        })
        .collect()
    }

    /// Runs what is due, `most` steps for each commit; returns the steps in order.
    fn run(&mut self, most: usize) -> Vec<(Uid, Step)> {
        let mut all = Vec::new();
        loop {
            let steps = due_steps(&self.open(), self.now, most);
            if steps.is_empty() {
                return all;
            }
            for (notice, step) in &steps {
                let one = self.stored.get_mut(notice).expect("known");
                one.steps.push((self.now, *step));
            }
            all.extend(steps);
        }
    }
}

#[test]
fn thirty_days_of_silence_are_seven_hundred_and_twenty_one_steps() {
    let profiles = Profiles::embedded();
    let plan = plan(&profiles, 0, Urgency::Immediate, false);
    let mut hub = Hub::begin(vec![plan]);
    hub.now = Instant::from_micros(30 * 24 * HOUR);
    // Two before the deadline, the deadline after two hours, and one for each of the 718 hours since.
    assert_eq!(hub.run(100).len(), 2 + 1 + 718);
}

#[test]
fn after_three_days_of_downtime_every_overdue_step_is_taken_once_in_the_order_of_deadlines() {
    let profiles = Profiles::embedded();
    let plans = [false, true, false].map(|near| plan(&profiles, 0, Urgency::Immediate, near));
    let mut hub = Hub::begin(plans.to_vec());
    hub.now = Instant::from_micros(HOUR);
    let before = hub.run(10);
    hub.now = Instant::from_micros(73 * HOUR);
    let steps = hub.run(10);
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].1.due_at <= pair[1].1.due_at),
        "out of order"
    );
    let mut seen: Vec<_> = before
        .iter()
        .chain(&steps)
        .map(|(notice, step)| (*notice, step.n))
        .collect();
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    // By the 73rd hour: two before the deadline and 72 since its second hour; with half the time, one more.
    assert_eq!((all, seen.len()), (74 + 75 + 74, 74 + 75 + 74));
}

/// What happens to a hub.
#[derive(Debug, Clone)]
enum Event {
    Wait(i64),
    Tick(usize),
    Acknowledge(u8),
    /// All that was in memory is gone; in this model nothing is.
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1_i64..30 * HOUR).prop_map(Event::Wait),
        3 => (1_usize..50).prop_map(Event::Tick),
        1 => (1_u8..4).prop_map(Event::Acknowledge),
        1 => Just(Event::Restart),
    ];
    proptest::collection::vec(event, 1..40)
}

proptest! {
    #[test]
    fn whatever_happens_no_level_falls_no_step_runs_twice_and_no_clock_is_lost(
        issued in 0_i64..4_000_000_000_000_000, picks in proptest::collection::vec((0_usize..5, any::<bool>()), 1..4), happened in events()
    ) {
        let profiles = Profiles::embedded();
        let plans = picks.iter().map(|(pick, near)| plan(&profiles, issued, Urgency::ALL[*pick], *near));
        let mut hub = Hub::begin(plans.collect());
        hub.now = Instant::from_micros(issued);
        for event in happened {
            match event {
                Event::Wait(micros) => hub.now = Instant::from_micros(hub.now.micros() + micros),
                Event::Tick(most) => {
                    let steps = hub.run(most);
                    prop_assert!(steps.windows(2).all(|pair| pair[0].1.due_at <= pair[1].1.due_at), "out of order");
                    prop_assert!(steps.iter().all(|(_, step)| step.due_at <= hub.now), "before its time");
                }
                Event::Acknowledge(n) => {
                    if let Some(one) = hub.stored.get_mut(&uid(n)) { one.acknowledged.get_or_insert(hub.now); }
                }
                Event::Restart => hub = Hub { now: hub.now, stored: hub.stored.clone() },
            }
        }
        hub.run(7);
        for one in hub.stored.values() {
            for (place, pair) in one.steps.windows(2).enumerate() {
                prop_assert_eq!(pair[1].1.n, pair[0].1.n + 1, "a step ran twice, or was left out, at {}", place);
                prop_assert!(pair[0].1.contacts <= pair[1].1.contacts, "a level fell");
                prop_assert!(pair[0].1.due_at < pair[1].1.due_at || pair[1].1.n <= 3);
            }
            let next = one.plan.step(i64::try_from(one.steps.len()).expect("few") + 1);
            match one.acknowledged {
                None => prop_assert!(next.due_at > hub.now, "a clock was lost"),
                Some(at) => prop_assert!(one.steps.iter().all(|(ran, _)| *ran <= at), "chased after it had acknowledged"),
            }
        }
    }
}
