use super::*;
use crate::domain::instant::Entered;
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    Entered::parse(text).expect("a good time").at
}

fn tokyo() -> TimeZone {
    TimeZone::get("Asia/Tokyo").expect("the zone is bundled")
}

#[test]
fn a_bank_has_two_hours_a_business_day_or_two_and_half_of_it_when_exposed() {
    let profiles = Profiles::embedded();
    // 2019-05-17 was a Friday.
    for (issued, urgency, near, due) in [
        (
            "2019-05-18T03:00:00+09:00",
            Urgency::Immediate,
            false,
            "2019-05-18T05:00:00+09:00",
        ),
        (
            "2019-05-18T03:00:00+09:00",
            Urgency::Immediate,
            true,
            "2019-05-18T04:00:00+09:00",
        ),
        (
            "2019-05-16T09:00:00+09:00",
            Urgency::Expected,
            false,
            "2019-05-16T17:00:00+09:00",
        ),
        (
            "2019-05-17T10:30:00+09:00",
            Urgency::Expected,
            false,
            "2019-05-20T10:30:00+09:00",
        ),
        (
            "2019-05-17T15:00:00+09:00",
            Urgency::Expected,
            true,
            "2019-05-20T11:00:00+09:00",
        ),
        (
            "2019-05-17T17:00:00+09:00",
            Urgency::Future,
            true,
            "2019-05-20T13:00:00+09:00",
        ),
        (
            "2019-05-17T22:00:00+09:00",
            Urgency::Unknown,
            false,
            "2019-05-20T17:00:00+09:00",
        ),
        (
            "2019-05-18T12:00:00+09:00",
            Urgency::Past,
            false,
            "2019-05-21T17:00:00+09:00",
        ),
        (
            "2019-05-17T16:00:00+09:00",
            Urgency::Past,
            false,
            "2019-05-21T16:00:00+09:00",
        ),
        (
            "2019-05-17T16:00:00+09:00",
            Urgency::Past,
            true,
            "2019-05-20T16:00:00+09:00",
        ),
    ] {
        let by = profiles.acknowledge_by(at(issued), urgency, near, &tokyo());
        assert_eq!(by, at(due), "{issued} {urgency} near={near}: {by}");
    }
}

#[test]
fn business_hours_follow_the_wall_clock_when_it_is_changed() {
    let berlin = TimeZone::get("Europe/Berlin").expect("the zone is bundled");
    // The clocks went forward on Sunday 2019-03-31.
    let by = Profiles::embedded().acknowledge_by(
        at("2019-03-29T16:00:00+01:00"),
        Urgency::Expected,
        false,
        &berlin,
    );
    assert_eq!(by, at("2019-04-01T16:00:00+02:00"));
}

#[test]
fn the_operators_own_clock_is_four_hours_but_never_past_a_day_from_awareness() {
    let profiles = Profiles::embedded();
    let clock = profiles
        .get("PARTNER-DEFAULT")
        .and_then(|p| p.clock("initial"))
        .expect("shipped");
    let suspected = at("2019-05-17T20:00:00Z");
    let due = profiles.due(clock, suspected, None, &tokyo());
    assert_eq!(
        (due.at(), due.ceiling_at),
        (at("2019-05-18T00:00:00Z"), None)
    );
    let aware = Some(at("2019-05-16T22:00:00Z"));
    let due = profiles.due(clock, suspected, aware, &tokyo());
    assert_eq!(due.clock_at, at("2019-05-18T00:00:00Z"), "both are shown");
    assert_eq!(
        (due.at(), due.ceiling_at),
        (at("2019-05-17T22:00:00Z"), Some(at("2019-05-17T22:00:00Z")))
    );
}

#[test]
fn a_month_ends_on_the_same_day_of_the_next_or_on_its_last() {
    let profiles = Profiles::embedded();
    let clock = profiles
        .get("PARTNER-DEFAULT")
        .and_then(|p| p.clock("final"))
        .expect("shipped");
    for (start, due) in [
        ("2019-05-17T10:00:00+09:00", "2019-06-17T10:00:00+09:00"),
        ("2019-01-31T10:00:00+09:00", "2019-02-28T10:00:00+09:00"),
    ] {
        assert_eq!(profiles.due(clock, at(start), None, &tokyo()).at(), at(due));
    }
}

#[test]
fn only_the_contractual_profiles_ship_switched_on() {
    let profiles = Profiles::embedded();
    let on: Vec<&str> = profiles
        .all()
        .iter()
        .filter(|p| p.on)
        .map(|p| p.id.as_str())
        .collect();
    assert_eq!(
        on,
        [
            "PARTNER-DEFAULT",
            "BANK-REPORT",
            "BANK-QUESTION",
            "PEERS",
            "DEFERRAL",
            "EXERCISE",
            "ACK-IMMEDIATE",
            "ACK-EXPECTED",
            "ACK-PAST"
        ]
    );
    assert!(profiles.all().iter().all(|p| !p.source.is_empty()));
}

#[test]
fn holidays_do_not_count_where_the_list_knows_them() {
    let profiles = Profiles::embedded();
    let business = profiles.acknowledgement(Urgency::Past);
    assert_eq!(business.id, "ACK-PAST");
    for (issued, urgency, near, due, why) in [
        // Golden Week of 2019: ten days from Saturday April 27 to Monday May 6.
        (
            "2019-04-26T16:00:00+09:00",
            Urgency::Expected,
            false,
            "2019-05-07T16:00:00+09:00",
            "ten days off",
        ),
        (
            "2019-04-26T16:00:00+09:00",
            Urgency::Past,
            false,
            "2019-05-08T16:00:00+09:00",
            "two business days",
        ),
        (
            "2019-05-01T12:00:00+09:00",
            Urgency::Expected,
            true,
            "2019-05-07T13:00:00+09:00",
            "issued on one",
        ),
        // Between two holidays there is another one, and Monday stands in for a Sunday.
        (
            "2026-09-18T17:00:00+09:00",
            Urgency::Expected,
            false,
            "2026-09-24T17:00:00+09:00",
            "silver week",
        ),
        (
            "2027-03-19T13:00:00+09:00",
            Urgency::Expected,
            false,
            "2027-03-23T13:00:00+09:00",
            "a substitute",
        ),
        (
            "2026-01-01T12:00:00+09:00",
            Urgency::Immediate,
            false,
            "2026-01-01T14:00:00+09:00",
            "every hour counts",
        ),
    ] {
        let by = profiles.acknowledge_by(at(issued), urgency, near, &tokyo());
        assert_eq!(by, at(due), "{why}: {by}");
    }
}

#[test]
fn after_the_last_year_of_the_list_a_deadline_is_the_earlier_one() {
    let profiles = Profiles::embedded();
    assert_eq!(profiles.holidays_until(), 2027);
    let by = profiles.acknowledge_by(
        at("2028-05-02T16:00:00+09:00"),
        Urgency::Expected,
        false,
        &tokyo(),
    );
    assert_eq!(by, at("2028-05-03T16:00:00+09:00"), "{by}");
}

#[test]
fn a_list_of_holidays_that_is_none_is_refused_with_its_lines() {
    let good = HOLIDAYS.to_owned();
    assert!(Holidays::parse(&good).is_ok());
    for (bad, told) in [
        (good.replace("2027/1/1,", "2027/13/1,"), "\"2027/13/1\""),
        (good.replace("2027/1/1,", "2026/1/1,"), "stands here twice"),
        (good.replace("2027/1/1,", "tomorrow,"), "\"tomorrow\""),
        ("2027/1/1,x".to_owned(), "only 1 days"),
        (String::new(), "only 0 days"),
    ] {
        let faults = Holidays::parse(&bad).expect_err("refused");
        assert!(
            faults.iter().any(|fault| fault.contains(told)),
            "{faults:?}"
        );
    }
}

fn parse(text: &str) -> Result<Profiles, Vec<ProfileFault>> {
    Profiles::parse(text, Holidays::parse(HOLIDAYS).expect("a list"))
}

#[test]
fn a_deadline_on_a_closed_day_moves_where_the_profile_says_so() {
    let profiles = Profiles::embedded();
    let dora = profiles.get("EU-DORA-MAJOR").expect("shipped, off");
    let clock = dora.clock("intermediate").expect("shipped");
    for (start, due) in [
        // Seventy-two hours from a Wednesday noon end on a Saturday.
        ("2019-05-15T12:00:00+09:00", "2019-05-20T12:00:00+09:00"),
        ("2019-05-14T13:30:00+09:00", "2019-05-17T13:30:00+09:00"),
        ("2019-04-30T13:30:00+09:00", "2019-05-07T12:00:00+09:00"),
    ] {
        assert_eq!(profiles.due(clock, at(start), None, &tokyo()).at(), at(due));
    }
}

#[test]
fn a_calendar_may_have_a_wall_of_its_own() {
    let away = EMBEDDED.replace("zone = \"operator\"", "zone = \"Europe/Berlin\"");
    let profiles = parse(&away).expect("good");
    let by = profiles.acknowledge_by(
        at("2019-05-16T09:00:00+09:00"),
        Urgency::Expected,
        false,
        &tokyo(),
    );
    assert_eq!(by, at("2019-05-16T17:00:00+02:00"), "{by}");
}

#[test]
fn a_file_of_profiles_that_cannot_be_kept_is_refused_with_its_place() {
    for (from, to, place) in [
        (
            "offset = \"2 hours\"",
            "offset = \"two hours\"",
            "profile ACK-IMMEDIATE, clock 1",
        ),
        (
            "offset = \"2 hours\"",
            "offset = \"0 hours\"",
            "profile ACK-IMMEDIATE, clock 1",
        ),
        (
            "offset = \"2 hours\"",
            "offset = \"+2 hours\"",
            "profile ACK-IMMEDIATE, clock 1",
        ),
        (
            "offset = \"2 hours\"",
            "offset = 2",
            "profile ACK-IMMEDIATE, clock 1",
        ),
        (
            "calendar = \"business\"\n",
            "calendar = \"bank\"\n",
            "profile ACK-EXPECTED, clock 1",
        ),
        (
            "opens = \"09:00\"",
            "opens = \"18:00\"",
            "calendar business",
        ),
        ("opens = \"09:00\"", "opens = \"nine\"", "calendar business"),
        ("\"monday\"", "\"moonday\"", "calendar business"),
        (
            "zone = \"operator\"",
            "zone = \"Asia/Nowhere\"",
            "calendar business",
        ),
        (
            "holidays = \"listed\"",
            "holidays = \"mine\"",
            "calendar business",
        ),
        (
            "id = \"ACK-PAST\"\non = true",
            "id = \"ACK-PAST\"\non = false",
            "profile ACK-PAST",
        ),
        (
            "id = \"ACK-PAST\"",
            "id = \"ACK-EXPECTED\"",
            "profile ACK-EXPECTED",
        ),
        (
            "on = true",
            "on = true\ncolour = \"red\"",
            "profile PARTNER-DEFAULT",
        ),
        ("on = true", "on = \"yes\"", "profile PARTNER-DEFAULT"),
        ("contractual = true\n", "", "profile PARTNER-DEFAULT"),
        (
            "start = \"suspected\"",
            "start = \"whenever\"",
            "profile PARTNER-DEFAULT, clock 1",
        ),
        (
            "start = \"awareness\"",
            "start = \"whenever\"",
            "profile PARTNER-DEFAULT, clock 1, ceiling",
        ),
        (
            "at = \"12:00\"",
            "at = \"noon\"",
            "profile EU-DORA-MAJOR, clock 1, if_closed",
        ),
        (
            "offset = \"8 hours\"\ncalendar",
            "offset = \"1 months\"\ncalendar",
            "profile ACK-EXPECTED, clock 1",
        ),
        (
            "at_percent = 50",
            "at_percent = 20",
            "profile ACK-IMMEDIATE, ladder, step 2",
        ),
        (
            "at_percent = 100",
            "at_percent = 99",
            "profile ACK-IMMEDIATE, ladder",
        ),
        (
            "contacts = 3",
            "contacts = 4",
            "profile ACK-IMMEDIATE, ladder, step 3",
        ),
        (
            "then_every = \"1 hours\"",
            "then_every = \"never\"",
            "profile ACK-IMMEDIATE, ladder",
        ),
        (
            "phase = \"inclusion\"",
            "phase = \"sealing\"",
            "profile BANK-REPORT",
        ),
        (
            "phase = \"answer\"",
            "phase = \"reply\"",
            "profile BANK-QUESTION",
        ),
        (
            "offset = \"15 minutes\"",
            "offset = \"15 minutes\"\ncalendar = \"business\"",
            "profile PEERS, clock for sharing",
        ),
        (
            "phase = \"exercise\"",
            "phase = \"drill\"",
            "profile EXERCISE, clock for exercise",
        ),
        ("[calendar.business]", "[calendar.business", ""),
    ] {
        assert!(EMBEDDED.contains(from), "{from} is not in the file");
        let faults = parse(&EMBEDDED.replacen(from, to, 1)).expect_err(to);
        assert!(
            faults.iter().any(|fault| fault.place == place),
            "{to}: {faults:?}"
        );
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let bad = EMBEDDED
        .replace("opens = \"09:00\"", "opens = \"nine\"")
        .replace(
            "offset = \"2 hours\"",
            "offset = \"soon\"\ncolour = \"red\"",
        )
        .replace(
            "on = true\ncontractual = true\nobligor = \"operator\"",
            "on = 1\ncontractual = 2\nobligor = 3",
        );
    let told: Vec<String> = parse(&bad)
        .expect_err("bad")
        .iter()
        .map(ToString::to_string)
        .collect();
    for part in [
        "calendar business: opens",
        "ACK-IMMEDIATE, clock 1: offset",
        "ACK-IMMEDIATE, clock 1: colour",
        "PARTNER-DEFAULT: on:",
        "PARTNER-DEFAULT: contractual:",
        "PARTNER-DEFAULT: obligor:",
        "BANK-REPORT: on:",
    ] {
        assert!(
            told.iter().any(|line| line.contains(part)),
            "{part} is not in {told:#?}"
        );
    }
}

#[test]
fn a_bank_is_reminded_at_a_quarter_at_half_and_at_the_deadline_and_then_every_hour() {
    use crate::domain::chase::StepKind::{Again, Deadline, Escalation, Reminder};
    let profiles = Profiles::embedded();
    let plan = |issued, urgency, near| {
        let by = profiles.acknowledge_by(at(issued), urgency, near, &tokyo());
        profiles.plan(at(issued), by, urgency, near, &tokyo())
    };
    for (issued, urgency, near, steps) in [
        (
            "2019-05-18T03:00:00+09:00",
            Urgency::Immediate,
            false,
            ["T03:30", "T04:00", "T05:00", "T06:00", "T07:00"],
        ),
        (
            "2019-05-18T03:00:00+09:00",
            Urgency::Immediate,
            true,
            ["T03:15", "T03:30", "T04:00", "T05:00", "T06:00"],
        ),
        // Of eight business hours from ten o'clock the last is on the next day; then every hour counts.
        (
            "2019-05-16T10:00:00+09:00",
            Urgency::Expected,
            false,
            ["T12:00", "T14:00", "17T10:00", "17T11:00", "17T12:00"],
        ),
        (
            "2019-05-16T10:00:00+09:00",
            Urgency::Expected,
            true,
            ["T11:00", "T12:00", "T14:00", "T15:00", "T16:00"],
        ),
        (
            "2019-05-16T09:00:00+09:00",
            Urgency::Past,
            false,
            ["T13:00", "T17:00", "17T17:00", "17T18:00", "17T19:00"],
        ),
    ] {
        let plan = plan(issued, urgency, near);
        for (n, (due, kind)) in (1..).zip(
            steps
                .iter()
                .zip([Reminder, Escalation, Deadline, Again, Again]),
        ) {
            let day = &issued[..if due.starts_with('T') { 10 } else { 8 }];
            let (step, due) = (plan.step(n), at(&format!("{day}{due}:00+09:00")));
            assert_eq!(
                (step.due_at, step.kind),
                (due, kind),
                "{issued} {urgency} {n}: {}",
                step.due_at
            );
            assert_eq!((step.contacts, step.phone_task), (n.min(3), n == 3));
        }
    }
}

proptest! {
    #[test]
    fn a_deadline_is_later_than_the_issue_and_sooner_when_exposed(
        micros in 0_i64..4_102_444_800_000_000, pick in 0_usize..5
    ) {
        let profiles = Profiles::embedded();
        let (issued, urgency) = (Instant::from_micros(micros), Urgency::ALL[pick]);
        let far = profiles.acknowledge_by(issued, urgency, false, &tokyo());
        let near = profiles.acknowledge_by(issued, urgency, true, &tokyo());
        prop_assert!(issued < near && near < far);
    }
}

#[test]
fn the_clocks_of_a_report_and_the_ceiling_are_those_of_the_file() {
    let (at, zone) = (Instant::from_micros(1_558_000_000_000_000), TimeZone::UTC);
    let hours = |count: u64| at + std::time::Duration::from_secs(count * 3_600);
    let shipped = Profiles::embedded();
    assert_eq!(shipped.report(at, &zone), (hours(4), hours(8)));
    assert_eq!(shipped.ceiling(at, &zone), hours(24));
    assert_eq!(shipped.included_by(at, &zone), hours(24));
    assert_eq!(shipped.answer_by(at, &zone), hours(24));
    assert_eq!(at + shipped.longest_deferral(), hours(72));
    assert_eq!(shipped.sharing().as_secs(), 15 * 60);
    let mut text = EMBEDDED.to_owned();
    for (phase, from, to) in [
        ("triage", "4 hours", "3 hours"),
        ("automatic_issue", "8 hours", "2 hours"),
        ("inclusion", "24 hours", "12 hours"),
        ("answer", "24 hours", "6 hours"),
        ("sharing", "15 minutes", "5 minutes"),
        ("longest", "72 hours", "48 hours"),
    ] {
        text = with_offset(&text, phase, from, to);
    }
    let holidays = Holidays::parse(HOLIDAYS).expect("the embedded list");
    let changed = Profiles::parse(&text, holidays).expect("a good file");
    assert_eq!(changed.report(at, &zone), (hours(3), hours(2)));
    assert_eq!(changed.included_by(at, &zone), hours(12));
    assert_eq!(changed.answer_by(at, &zone), hours(6));
    assert_eq!(at + changed.longest_deferral(), hours(48));
    assert_eq!(changed.sharing().as_secs(), 5 * 60);
}

/// The shipped file with another offset for the one clock of this phase.
fn with_offset(text: &str, phase: &str, from: &str, to: &str) -> String {
    let (before, after) = text
        .split_once(&format!("phase = \"{phase}\"\n"))
        .expect("the clock is in the file");
    let (from, to) = (format!("\"{from}\""), format!("\"{to}\""));
    assert!(after.contains(&from), "{from} is in the file");
    format!(
        "{before}phase = \"{phase}\"\n{}",
        after.replacen(&from, &to, 1)
    )
}

#[test]
fn a_file_that_holds_back_for_more_than_72_hours_is_refused_with_its_line() {
    for offset in ["73 hours", "4 days", "1 months"] {
        let text = with_offset(EMBEDDED, "longest", "72 hours", offset);
        let clock = text
            .find("phase = \"longest\"")
            .expect("the clock is there");
        let before = text[..clock].lines().count();
        let own = text[clock..].lines();
        let line = before
            + own
                .map(|line| line == format!("offset = \"{offset}\""))
                .position(|found| found)
                .expect("the line is in the file");
        let faults = parse(&text).expect_err(offset);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let place = "profile DEFERRAL, clock for longest";
        let expected = format!("{place}: line {}: offset: takes at most 72 hours", line + 1);
        assert_eq!(told, [expected]);
    }
    let three_days = with_offset(EMBEDDED, "longest", "72 hours", "3 days");
    assert!(parse(&three_days).is_ok(), "as long as it may be");
}

#[test]
fn an_exercise_is_due_a_quarter_after_the_last_and_warned_of_two_weeks_before() {
    let shipped = Profiles::embedded();
    let (since, zone) = (at("2019-05-17T10:00:00+09:00"), tokyo());
    let next = shipped.exercise(since, &zone).expect("a schedule");
    assert_eq!(next.due_at, at("2019-08-17T10:00:00+09:00"));
    let days = next.due_at.since(next.warn_at).as_secs() / 86_400;
    assert_eq!(days, 14);
    let off = EMBEDDED.replace(
        "id = \"EXERCISE\"\non = true",
        "id = \"EXERCISE\"\non = false",
    );
    let off = parse(&off).expect("a hub may have no schedule");
    assert_eq!(off.exercise(since, &zone), None);
}
