//! Reading a file of deadline profiles: every field by its type and bounds, every mistake noted with its place, so
//! that a person mends them in one go. What the profiles are for is none of its business.

use super::calendar::{Hours, Span, weekday};
use super::holidays::Holidays;
use super::{Ceiling, Clock, IfClosed, Ladder, Profile, ProfileFault, Rung, Start};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// What a file holds, and what is wrong with it.
pub(super) struct Read {
    pub calendars: BTreeMap<String, Hours>,
    pub profiles: Vec<Profile>,
    pub faults: Vec<ProfileFault>,
}

pub(super) fn read(text: &str, holidays: &Arc<Holidays>) -> Read {
    let mut faults = Vec::new();
    let table = text.parse::<Table>().unwrap_or_else(|fault| {
        let line = fault.span().map_or(1, |span| line_at(text, span.start));
        let reason = format!("line {line} is not TOML: {}", fault.message());
        faults.push(ProfileFault {
            place: String::new(),
            reason,
        });
        Table::new()
    });
    let mut whole = Part::new("", &table, &mut faults);
    let (named, listed) = (whole.table("calendar"), whole.tables("profile"));
    whole.done();
    let mut calendars = BTreeMap::new();
    for (name, value) in named {
        let place = format!("calendar {name}");
        let empty = Table::new();
        let table = value.as_table().unwrap_or(&empty);
        calendars.insert(
            name.clone(),
            calendar(Part::new(&place, table, &mut faults), holidays),
        );
    }
    let profiles = listed
        .iter()
        .enumerate()
        .map(|(place, table)| {
            let name = table.get("id").and_then(Value::as_str);
            let place = name.map_or_else(
                || format!("profile number {}", place + 1),
                |name| format!("profile {name}"),
            );
            profile(&place, table, &mut faults)
        })
        .collect();
    Read {
        calendars,
        profiles,
        faults,
    }
}

/// On which line of the file the offset of a profile's clock stands, from 1.
pub(super) fn line_of_offset(text: &str, profile: &str, phase: &str) -> usize {
    let named = |value: &DeValue<'_>, key: &str, name: &str| {
        value.get(key).and_then(|id| id.get_ref().as_str()) == Some(name)
    };
    let find = || {
        let whole = DeTable::parse(text).ok()?;
        let profiles = whole.get_ref().get("profile")?.get_ref().as_array()?;
        let profile = profiles
            .iter()
            .find(|one| named(one.get_ref(), "id", profile))?;
        let clocks = profile.get_ref().get("clock")?.get_ref().as_array()?;
        let clock = clocks
            .iter()
            .find(|one| named(one.get_ref(), "phase", phase))?;
        Some(clock.get_ref().get("offset")?.span().start)
    };
    line_at(text, find().unwrap_or_default())
}

fn line_at(text: &str, place: usize) -> usize {
    text[..place.min(text.len())].matches('\n').count() + 1
}

fn calendar(mut part: Part<'_>, holidays: &Arc<Holidays>) -> Hours {
    let days = part.texts("days").into_iter().filter_map(|name| {
        let day = weekday(&name);
        if day.is_none() {
            part.mistake("days", format!("{name:?} is not one of monday to sunday"));
        }
        day
    });
    let days: Vec<_> = days.collect();
    let (opens, closes) = (part.time("opens"), part.time("closes"));
    if days.is_empty() || opens >= closes {
        part.mistake("", "needs a day, and must open before it closes");
    }
    let zone = match part.optional("zone").as_deref() {
        None | Some("operator") => None,
        Some(name) => {
            let known = TimeZone::get(name);
            if known.is_err() {
                part.mistake(
                    "zone",
                    format!("{name:?} is neither \"operator\" nor a zone like \"Asia/Tokyo\""),
                );
            }
            known.ok()
        }
    };
    let holidays = match part.optional("holidays").as_deref() {
        None => None,
        Some("listed") => Some(Arc::clone(holidays)),
        Some(other) => {
            part.mistake(
                "holidays",
                format!("{other:?} is not \"listed\"; without holidays leave it out"),
            );
            None
        }
    };
    part.done();
    Hours {
        days,
        opens,
        closes,
        zone,
        holidays,
    }
}

fn profile(place: &str, table: &Table, faults: &mut Vec<ProfileFault>) -> Profile {
    let mut part = Part::new(place, table, faults);
    let (clocks, ladder) = (part.tables("clock"), part.table("ladder"));
    let mut profile = Profile {
        id: part.text("id"),
        on: part.flag("on"),
        contractual: part.flag("contractual"),
        obligor: part.text("obligor"),
        beneficiary: part.text("beneficiary"),
        source: part.text("source"),
        notes: part.optional("notes").unwrap_or_default(),
        explain_late: part.flag_or("explain_late", false),
        near_percent: part.percent_or("near_percent", 100),
        warn_percent: part.percent_or("warn_percent", 100),
        ladder: None,
        clocks: Vec::new(),
    };
    part.done();
    if !ladder.is_empty() {
        profile.ladder = Some(self::ladder(&format!("{place}, ladder"), &ladder, faults));
    }
    for (n, table) in clocks.iter().enumerate() {
        let place = format!("{place}, clock {}", n + 1);
        profile.clocks.push(clock(Part::new(&place, table, faults)));
    }
    profile
}

fn clock(mut part: Part<'_>) -> Clock {
    let ceiling = part.table("ceiling");
    let if_closed = part.table("if_closed");
    let mut clock = Clock {
        phase: part.text("phase"),
        start: part.start("start"),
        offset: part.span("offset"),
        calendar: part.optional("calendar"),
        ceiling: None,
        if_closed: None,
        notes: part.optional("notes").unwrap_or_default(),
    };
    if !ceiling.is_empty() {
        let mut part = part.inner("ceiling", &ceiling);
        clock.ceiling = Some(Ceiling {
            start: part.start("start"),
            offset: part.span("offset"),
        });
        part.done();
    }
    if !if_closed.is_empty() {
        let mut part = part.inner("if_closed", &if_closed);
        clock.if_closed = Some(IfClosed {
            calendar: part.text("calendar"),
            at: part.time("at"),
        });
        part.done();
    }
    part.done();
    clock
}

fn ladder(place: &str, table: &Table, faults: &mut Vec<ProfileFault>) -> Ladder {
    let mut part = Part::new(place, table, faults);
    let listed = part.tables("step");
    let then_every = part.span("then_every");
    part.done();
    let mut rungs: Vec<Rung> = Vec::new();
    for (n, table) in listed.iter().enumerate() {
        let place = format!("{place}, step {}", n + 1);
        let mut part = Part::new(&place, table, faults);
        let rung = Rung {
            at_percent: part.percent("at_percent"),
            contacts: part.whole("contacts", 1, 3),
            phone_task: part.flag_or("phone_task", false),
        };
        let before = rungs
            .last()
            .map_or((0, 1), |last| (last.at_percent, last.contacts));
        if rung.at_percent <= before.0 || rung.contacts < before.1 {
            part.mistake(
                "",
                "comes later than the step before, and reaches no fewer contacts",
            );
        }
        part.done();
        rungs.push(rung);
    }
    if rungs.last().map(|last| last.at_percent) != Some(100) {
        let mut part = Part::new(place, table, faults);
        part.mistake("step", "the last step is at 100 percent");
    }
    Ladder { rungs, then_every }
}

/// One table of the file, its place, and which of its fields were asked for.
struct Part<'t> {
    place: String,
    table: &'t Table,
    asked: Vec<&'static str>,
    faults: &'t mut Vec<ProfileFault>,
}

impl<'t> Part<'t> {
    fn new(place: &str, table: &'t Table, faults: &'t mut Vec<ProfileFault>) -> Self {
        Self {
            place: place.to_owned(),
            table,
            asked: Vec::new(),
            faults,
        }
    }

    fn inner<'s>(&'s mut self, key: &str, table: &'s Table) -> Part<'s> {
        Part::new(&format!("{}, {key}", self.place), table, self.faults)
    }

    fn mistake(&mut self, key: &str, reason: impl Into<String>) {
        let reason = reason.into();
        let reason = match key {
            "" => reason,
            key => format!("{key}: {reason}"),
        };
        self.faults.push(ProfileFault {
            place: self.place.clone(),
            reason,
        });
    }

    /// Fields that nobody asked for are not known.
    fn done(mut self) {
        let unknown = self
            .table
            .keys()
            .filter(|key| !self.asked.contains(&key.as_str()));
        let unknown: Vec<String> = unknown.cloned().collect();
        for key in unknown {
            self.mistake(&key, "there is no such field");
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Value> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn text(&mut self, key: &'static str) -> String {
        self.optional(key).unwrap_or_else(|| {
            if self.table.get(key).is_none() {
                self.mistake(key, "is missing");
            }
            String::new()
        })
    }

    fn optional(&mut self, key: &'static str) -> Option<String> {
        let text = self.value(key)?.as_str().map(|text| text.trim().to_owned());
        match text {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                self.mistake(key, "takes a text in quotation marks");
                None
            }
        }
    }

    fn texts(&mut self, key: &'static str) -> Vec<String> {
        let list = self.value(key).and_then(Value::as_array);
        let texts = list.map(|list| {
            list.iter()
                .map(|one| one.as_str().unwrap_or_default().to_owned())
        });
        texts.map(Iterator::collect).unwrap_or_default()
    }

    fn flag(&mut self, key: &'static str) -> bool {
        let flag = self.value(key).and_then(Value::as_bool);
        flag.unwrap_or_else(|| {
            self.mistake(key, "takes true or false");
            false
        })
    }

    fn flag_or(&mut self, key: &'static str, usual: bool) -> bool {
        if self.table.contains_key(key) {
            self.flag(key)
        } else {
            usual
        }
    }

    fn whole(&mut self, key: &'static str, least: i64, most: i64) -> i64 {
        let number = self.value(key).and_then(Value::as_integer);
        number
            .filter(|number| (least..=most).contains(number))
            .unwrap_or_else(|| {
                self.mistake(key, format!("takes a whole number from {least} to {most}"));
                least
            })
    }

    fn percent(&mut self, key: &'static str) -> u32 {
        u32::try_from(self.whole(key, 1, 100)).unwrap_or(100)
    }

    fn percent_or(&mut self, key: &'static str, usual: u32) -> u32 {
        if self.table.contains_key(key) {
            self.percent(key)
        } else {
            usual
        }
    }

    fn time(&mut self, key: &'static str) -> Time {
        let text = self.text(key);
        Time::strptime("%H:%M", &text).unwrap_or_else(|_| {
            self.mistake(key, format!("{text:?} is not a time like \"09:00\""));
            Time::midnight()
        })
    }

    fn span(&mut self, key: &'static str) -> Span {
        let text = self.text(key);
        Span::parse(&text).unwrap_or_else(|| {
            let forms = "minutes, hours, days or months, as in \"8 hours\"";
            self.mistake(key, format!("{text:?} is no span of {forms}"));
            Span::parse("1 hours").expect("a span")
        })
    }

    fn start(&mut self, key: &'static str) -> Start {
        let text = self.text(key);
        Start::parse(&text).unwrap_or_else(|| {
            let known = Start::CODES.join(", ");
            self.mistake(key, format!("{text:?} is not one of {known}"));
            Start::Awareness
        })
    }

    /// A table with names of its own; empty where there is none.
    fn table(&mut self, key: &'static str) -> Table {
        let table = self.value(key).map(|value| value.as_table().cloned());
        table
            .unwrap_or_else(|| Some(Table::new()))
            .unwrap_or_else(|| {
                self.mistake(key, "takes a table");
                Table::new()
            })
    }

    fn tables(&mut self, key: &'static str) -> Vec<Table> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let list = value
            .as_array()
            .map(|list| list.iter().map(Value::as_table));
        let tables: Option<Vec<Table>> =
            list.and_then(|list| list.map(|one| one.cloned()).collect());
        tables.unwrap_or_else(|| {
            self.mistake(key, format!("write [[{key}]] on a line of its own"));
            Vec::new()
        })
    }
}
