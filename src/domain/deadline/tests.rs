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
    assert_eq!(
        profiles.due(clock, suspected, None, &tokyo()),
        at("2019-05-18T00:00:00Z")
    );
    let aware = Some(at("2019-05-16T22:00:00Z"));
    assert_eq!(
        profiles.due(clock, suspected, aware, &tokyo()),
        at("2019-05-17T22:00:00Z")
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
        assert_eq!(profiles.due(clock, at(start), None, &tokyo()), at(due));
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
            "ACK-IMMEDIATE",
            "ACK-EXPECTED",
            "ACK-PAST"
        ]
    );
    assert!(profiles.all().iter().all(|p| !p.source.is_empty()));
}

#[test]
fn a_file_of_profiles_that_cannot_be_kept_is_refused_with_its_place() {
    for (from, to) in [
        ("offset = \"2 hours\"", "offset = \"two hours\""),
        ("offset = \"2 hours\"", "offset = \"0 hours\""),
        ("offset = \"2 hours\"", "offset = \"+2 hours\""),
        ("calendar = \"business\"", "calendar = \"bank\""),
        ("opens = \"09:00\"", "opens = \"18:00\""),
        ("\"monday\"", "\"moonday\""),
        (
            "id = \"ACK-PAST\"\non = true",
            "id = \"ACK-PAST\"\non = false",
        ),
        ("id = \"ACK-PAST\"", "id = \"ACK-EXPECTED\""),
        ("on = true", "on = true\ncolour = \"red\""),
        (
            "offset = \"8 hours\"\ncalendar",
            "offset = \"1 months\"\ncalendar",
        ),
    ] {
        assert!(EMBEDDED.contains(from), "{from} is not in the file");
        let bad = EMBEDDED.replacen(from, to, 1);
        assert!(Profiles::parse(&bad).is_err(), "{to} was taken");
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
