use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn tokyo() -> TimeZone {
    TimeZone::get("Asia/Tokyo").expect("a bundled zone")
}

fn months(first: &str, last: &str) -> Result<Months, NotMonths> {
    let month = |text| Month::parse(text).expect("a month");
    Months::new(month(first), month(last))
}

/// A notice of this bank, issued then, to be confirmed within an hour.
fn stamp(bank: u8, issued: i64, end: End) -> Run {
    Run {
        clock: ServiceClock::Acknowledge,
        bank: Some(Uid::from_bytes([bank; 16])),
        issued_at: at(issued),
        started_at: at(issued),
        due_at: Some(at(issued + HOUR)),
        end,
    }
}

#[test]
fn a_month_is_written_in_one_way() {
    assert_eq!(
        Month::parse("2026-01").map(|month| month.to_string()),
        Some("2026-01".into())
    );
    for bad in [
        "",
        "2026",
        "2026-1",
        "2026-13",
        "2026-00",
        "26-01",
        "2026-01-01",
        "+026-01",
        "1969-12",
        "9999-01",
        "２０２６-01",
    ] {
        assert_eq!(Month::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_month_begins_on_the_operators_wall() {
    let month = Month::parse("2026-03").expect("a month");
    let begins = month.begins(&tokyo());
    assert_eq!(begins.to_string(), "2026-02-28T15:00:00.000Z");
    assert_eq!(Month::of(begins, &tokyo()), month);
    let before = Instant::from_micros(begins.micros() - 1);
    assert_eq!(Month::of(before, &tokyo()), month.before(1));
    assert_eq!(Month::of(begins, &TimeZone::UTC), month.before(1));
}

#[test]
fn at_most_36_months_are_asked_for_and_in_their_order() {
    assert_eq!(
        months("2026-01", "2026-01").map(|all| all.all().len()),
        Ok(1)
    );
    assert_eq!(
        months("2024-01", "2026-12").map(|all| all.all().len()),
        Ok(36)
    );
    assert_eq!(months("2024-01", "2027-01"), Err(NotMonths::TooMany));
    assert_eq!(months("1970-01", "9998-12"), Err(NotMonths::TooMany));
    assert_eq!(months("2026-02", "2026-01"), Err(NotMonths::Backwards));
}

#[test]
fn a_clock_is_in_time_up_to_its_deadline_and_late_from_then_on() {
    let (hour, day) = (at(HOUR), at(24 * HOUR));
    let past = Instant::from_micros(hour.micros() + 1);
    for (end, now, standing) in [
        (End::At(hour), day, Standing::InTime),
        (End::At(past), day, Standing::Late),
        (End::Open, hour, Standing::Running),
        (End::Open, past, Standing::Late),
        (End::GivenUp, at(1), Standing::Late),
    ] {
        assert_eq!(stamp(1, 0, end).standing(now), standing, "{end:?} at {now}");
    }
    let unlimited = |end| Run {
        due_at: None,
        ..stamp(1, 0, end)
    };
    assert_eq!(unlimited(End::At(day)).standing(day), Standing::Reached);
    assert_eq!(unlimited(End::Open).standing(day), Standing::Running);
    assert_eq!(unlimited(End::GivenUp).standing(day), Standing::Running);
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let twenty: Vec<i64> = (1..=20).collect();
    for (values, percent, value) in [
        (&[][..], 50, None),
        (&[7][..], 50, Some(7)),
        (&[7][..], 95, Some(7)),
        (&[1, 9][..], 50, Some(1)),
        (&[1, 9][..], 95, Some(9)),
        (&[1, 2, 3][..], 50, Some(2)),
        (&twenty[..], 50, Some(10)),
        (&twenty[..], 95, Some(19)),
        (&twenty[..], 100, Some(20)),
        (&twenty[..], 0, Some(1)),
    ] {
        assert_eq!(
            nearest_rank(values, percent),
            value,
            "{percent} % of {values:?}"
        );
    }
}

#[test]
fn one_hundred_percent_means_all() {
    let figures = |in_time, late| Figures {
        in_time,
        late,
        ..Figures::default()
    };
    for (in_time, late, percent) in [
        (0, 0, None),
        (1, 0, Some(100)),
        (999, 1, Some(99)),
        (2, 1, Some(66)),
        (0, 3, Some(0)),
    ] {
        assert_eq!(figures(in_time, late).in_time_percent(), percent);
    }
}

#[test]
fn a_notice_counts_in_the_month_of_its_issue_and_the_worst_bank_comes_first() {
    let asked = months("2026-03", "2026-04").expect("two months");
    let (begin, end) = asked.bounds(&tokyo());
    let (begin, end) = (begin.seconds(), end.seconds());
    let april = Month::parse("2026-04")
        .expect("a month")
        .begins(&tokyo())
        .seconds();
    let runs = [
        stamp(9, begin - 1, End::Open),
        stamp(1, begin, End::At(at(begin + 60))),
        stamp(2, april - 1, End::At(at(april + 2 * HOUR))),
        stamp(2, april, End::At(at(april + 120))),
        stamp(3, april, End::GivenUp),
        stamp(4, end - 1, End::Open),
        stamp(9, end, End::Open),
    ];
    let levels = Levels::of(&runs, &asked, &tokyo(), at(end));
    let stamps = |row: &Row| row[ServiceClock::Acknowledge as usize];
    let march = Figures {
        in_time: 1,
        late: 1,
        running: 0,
        reached: 2,
        median_s: Some(60),
        p95_s: Some(2 * HOUR + 1),
    };
    assert_eq!(
        (levels.months[0].0.to_string(), stamps(&levels.months[0].1)),
        ("2026-03".into(), march)
    );
    let of_april = Figures {
        in_time: 1,
        late: 1,
        running: 1,
        reached: 1,
        median_s: Some(120),
        p95_s: Some(120),
    };
    assert_eq!(
        (levels.months[1].0.to_string(), stamps(&levels.months[1].1)),
        ("2026-04".into(), of_april)
    );
    assert_eq!(
        stamps(&levels.totals),
        Figures {
            in_time: 2,
            late: 2,
            running: 1,
            reached: 3,
            median_s: Some(120),
            p95_s: Some(2 * HOUR + 1)
        }
    );
    let banks: Vec<u8> = levels
        .banks
        .iter()
        .map(|(bank, _)| bank.as_bytes()[0])
        .collect();
    assert_eq!(banks, [3, 2, 1, 4]);
    assert_eq!(
        levels.totals[ServiceClock::Notify as usize],
        Figures::default()
    );
}

/// Any run around the first half of 2026.
fn any_run() -> impl Strategy<Value = Run> {
    let base = 1_767_193_200_i64;
    let end = prop_oneof![
        Just(None),
        Just(Some(-1)),
        (0_i64..400 * 24 * HOUR).prop_map(Some),
    ];
    let due = proptest::option::of(0_i64..100 * HOUR);
    (
        0_usize..5,
        proptest::option::of(0_u8..4),
        0_i64..200 * 24 * HOUR,
        due,
        end,
    )
        .prop_map(move |(clock, bank, issued, due, end)| Run {
            clock: ServiceClock::ALL[clock],
            bank: bank.map(|bank| Uid::from_bytes([bank; 16])),
            issued_at: at(base + issued),
            started_at: at(base + issued),
            due_at: due.map(|due| at(base + issued + due)),
            end: match end {
                None => End::Open,
                Some(-1) => End::GivenUp,
                Some(after) => End::At(at(base + issued + after)),
            },
        })
}

proptest! {
    #[test]
    fn every_run_is_counted_once_in_its_month_and_in_all(runs in proptest::collection::vec(any_run(), 0..60), now in 0_i64..500) {
        let asked = months("2026-02", "2026-05").expect("months");
        let now = at(1_767_193_200 + now * 24 * HOUR);
        let levels = Levels::of(&runs, &asked, &tokyo(), now);
        let (begin, end) = asked.bounds(&tokyo());
        for clock in ServiceClock::ALL {
            let place = clock as usize;
            let inside: Vec<&Run> = runs.iter().filter(|run| run.clock == clock && (begin..end).contains(&run.issued_at)).collect();
            let whole = levels.totals[place];
            let unlimited = inside.iter().filter(|run| run.standing(now) == Standing::Reached).count();
            let counted = whole.in_time + whole.late + whole.running;
            prop_assert_eq!(usize::try_from(counted).expect("few") + unlimited, inside.len());
            for pick in [|one: &Figures| one.in_time, |one: &Figures| one.late, |one: &Figures| one.running, |one: &Figures| one.reached] {
                let by_month: i64 = levels.months.iter().map(|(_, row)| pick(&row[place])).sum();
                prop_assert_eq!(by_month, pick(&whole));
                let by_bank: i64 = levels.banks.iter().map(|(_, row)| pick(&row[place])).sum();
                prop_assert!(by_bank <= pick(&whole));
            }
            prop_assert!(whole.median_s <= whole.p95_s);
            prop_assert_eq!(whole.median_s.is_some(), whole.reached > 0);
        }
    }

    #[test]
    fn a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(mut values in proptest::collection::vec(0_i64..50, 1..40), percent in 1_usize..=100) {
        values.sort_unstable();
        let found = nearest_rank(&values, percent).expect("not empty");
        let not_above = |limit: i64| values.iter().filter(|value| **value <= limit).count() * 100;
        prop_assert!(not_above(found) >= percent * values.len());
        for smaller in values.iter().filter(|value| **value < found) {
            prop_assert!(not_above(*smaller) < percent * values.len());
        }
    }

    #[test]
    fn what_has_ended_never_changes_its_standing(run in any_run(), one in 0_i64..900, other in 0_i64..900) {
        let standing = |days: i64| run.standing(at(1_767_193_200 + days * 24 * HOUR));
        if run.end != End::Open {
            prop_assert_eq!(standing(one), standing(other));
        }
        if standing(one) == Standing::Late && one <= other {
            prop_assert_eq!(standing(other), Standing::Late);
        }
    }
}
