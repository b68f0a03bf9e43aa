//! The filing that a form says. A form shows less than a filing can say: a time to the minute, a name without its list.
//! So where a field still shows what it showed at the beginning, what stood there stays as it was, to the letter.

use super::super::entered;
use super::super::seat::Fields;
use super::lines::split;
use super::values::{
    Begun, CODES, CONTACT, LISTED, MEASURE, SCALES, SERVICES, SPANS, TEXTS, TIMES, WORDS,
    body_line, contact_typed, contacts_typed, is_code, measure_field, measure_in, measure_typed,
    remedy_line, service_line,
};
use crate::domain::fault::Faults;
use crate::domain::incident::Currency;
use serde_json::{Map, Value, json};

/// The filing, or what of it could not be read, each at its field.
pub(super) fn filing_of(
    fields: &Fields,
    zone: &str,
    begun: Option<&Begun>,
) -> Result<Value, Faults> {
    let mut reader = Reader {
        fields,
        zone,
        begun,
        filing: begun.map(|begun| begun.filing.clone()).unwrap_or_default(),
        faults: Faults::default(),
    };
    WORDS.into_iter().for_each(|name| reader.words(name));
    for (name, _) in TEXTS {
        reader.text(name);
    }
    CODES.into_iter().for_each(|name| reader.codes(name));
    LISTED.into_iter().for_each(|name| reader.listed(name));
    TIMES.into_iter().for_each(|name| reader.time(name));
    SPANS.into_iter().for_each(|name| reader.span(name));
    SCALES.into_iter().for_each(|name| reader.scale(name));
    reader.affected_banks();
    reader.services();
    reader.measures();
    reader.bodies_notified();
    reader.remedies();
    reader.contacts();
    reader.finish()
}

struct Reader<'a> {
    fields: &'a Fields,
    zone: &'a str,
    begun: Option<&'a Begun>,
    /// What was said before, until a field says otherwise.
    filing: Map<String, Value>,
    faults: Faults,
}

impl<'a> Reader<'a> {
    /// What the form was begun with.
    fn old(&self, name: &str) -> &'a Value {
        let begun = self.begun.and_then(|begun| begun.filing.get(name));
        begun.unwrap_or(&Value::Null)
    }

    fn old_items(&self, name: &str) -> &'a [Value] {
        self.old(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether these fields still show what they showed at the beginning. What the form does not ask at all is not
    /// changed by it.
    fn is_untouched(&self, names: &[&str]) -> bool {
        let Some(begun) = self.begun else {
            return false;
        };
        names.iter().all(|name| match &begun.shown[*name] {
            Value::Bool(ticked) => self.fields.given(name).is_some() == *ticked,
            Value::Array(codes) => {
                let ticked = self.fields.all(name);
                codes.len() == ticked.len()
                    && ticked.iter().all(|code| codes.contains(&json!(code)))
            }
            shown => !self.fields.has(name) || is_same(&self.fields.one(name), shown),
        })
    }

    fn put(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.filing.insert(name.to_owned(), value),
            None => self.filing.remove(name),
        };
    }

    /// A list that was not said before and is empty is still not said.
    fn put_list(&mut self, name: &str, list: Vec<Value>) {
        let is_as_it_was = self.begun.is_some() && list.as_slice() == self.old_items(name);
        if !is_as_it_was {
            self.put(name, Some(Value::Array(list)));
        }
    }

    /// Two statements of which only one can be meant.
    fn refuse_both(&mut self, name: &str) {
        refuse_both(&mut self.faults, name);
    }

    /// Banks that the revision before only counts cannot be carried on, and are not dropped either.
    fn refuse_unnamed(&mut self, name: &str) {
        if self
            .begun
            .is_some_and(|begun| begun.unnamed.contains(&name))
        {
            self.faults.add(
                format!("/{name}"),
                "banks_unnamed",
                "the revision before named banks here whose names are not on record any more: name them again",
            );
        }
    }

    fn entered(&mut self, field: &str, local: &str) -> Option<Value> {
        match entered(&format!("/{field}"), local, self.zone) {
            Ok(instant) => Some(json!(instant)),
            Err(problem) => {
                self.faults.0.extend(problem.faults);
                None
            }
        }
    }

    fn words(&mut self, name: &str) {
        let both = ["ja", "en"].map(|language| (language, format!("{name}_{language}")));
        let names = [both[0].1.as_str(), both[1].1.as_str()];
        if self.is_untouched(&names) {
            return;
        }
        let mut words = Map::new();
        for (language, field) in &both {
            let text = if self.is_untouched(&[field.as_str()]) {
                self.old(name).get(*language).cloned()
            } else {
                self.fields.given(field).map(|text| json!(text))
            };
            words.extend(text.map(|text| ((*language).to_owned(), text)));
        }
        let said = (!words.is_empty()).then_some(Value::Object(words));
        self.put(name, said);
    }

    fn text(&mut self, name: &str) {
        let (old, begun) = (self.old(name), self.begun);
        // A draft may hold something that the form cannot show: there the form is right.
        let is_shown = old.is_null() || begun.is_some_and(|begun| begun.shown[name] == *old);
        if !(is_shown && self.is_untouched(&[name])) {
            let text = self.fields.given(name);
            self.put(name, text.map(|text| json!(text)));
        }
    }

    /// Codes that were there keep their places; those that the form cannot show stay, to be refused by name.
    fn codes(&mut self, name: &str) {
        if self.is_untouched(&[name]) {
            return;
        }
        let ticked: Vec<Value> = self.fields.all(name).into_iter().map(Value::from).collect();
        let stays = |old: &&Value| !is_code(name, old) || ticked.contains(old);
        let mut codes: Vec<Value> = self.old_items(name).iter().filter(stays).cloned().collect();
        let fresh = ticked.into_iter().filter(|code| !codes.contains(code));
        let fresh: Vec<Value> = fresh.collect();
        codes.extend(fresh);
        self.put(name, Some(Value::Array(codes)));
    }

    fn listed(&mut self, name: &str) {
        if !self.is_untouched(&[name]) {
            let words = self.fields.one(name);
            self.put(name, Some(json!(apart(&words))));
        }
    }

    fn time(&mut self, name: &str) {
        if !self.is_untouched(&[name]) {
            let local = self.fields.given(name);
            let instant = local.and_then(|local| self.entered(name, &local));
            self.put(name, instant);
        }
    }

    /// A time that may not be known yet.
    fn span(&mut self, name: &str) {
        let unknown = format!("{name}_unknown");
        if self.is_untouched(&[name, &unknown]) {
            return;
        }
        let local = self.fields.given(name);
        let is_unknown = self.fields.given(&unknown).is_some();
        if is_unknown && local.is_some() {
            return self.refuse_both(name);
        }
        let said = match local {
            None => is_unknown.then(|| json!("unknown")),
            Some(_) if self.is_untouched(&[name]) => Some(self.old(name).clone()),
            Some(local) => self.entered(name, &local),
        };
        self.put(name, said);
    }

    fn scale(&mut self, name: &str) {
        let (unknown, estimate) = (format!("{name}_unknown"), format!("{name}_estimate"));
        let mut names = vec![name, unknown.as_str(), estimate.as_str()];
        if name == "amount_lost" {
            names.push("amount_lost_currency");
        }
        if !self.is_untouched(&names) {
            let said = scale(self.fields, name, &mut self.faults);
            self.put(name, said);
        }
    }

    fn affected_banks(&mut self) {
        let name = "affected_banks";
        if self.is_untouched(&["affected", name]) {
            return self.refuse_unnamed(name);
        }
        let (choice, codes) = (self.fields.one("affected"), self.fields.one(name));
        let codes = apart(&codes);
        if choice != "banks" && !codes.is_empty() {
            return self.refuse_both(name);
        }
        let said = match choice.as_str() {
            "banks" => Some(json!(codes)),
            "none" => Some(json!([])),
            "unknown" => Some(json!("unknown")),
            _ => None,
        };
        self.put(name, said);
    }

    fn services(&mut self) {
        let name = "services";
        if self.is_untouched(&[name]) {
            return self.refuse_unnamed(name);
        }
        let banks = self.lines(name, service_line, |_, [bank, states @ ..]: [String; 4]| {
            let said = SERVICES.into_iter().zip(states);
            let said = said.filter(|(_, state)| !state.is_empty());
            let mut one = json!({ "bank": bank });
            said.for_each(|(service, state)| one[service] = json!(state));
            one
        });
        self.put_list(name, banks);
    }

    /// Those that were named before, each as its own fields say; and those newly ticked.
    fn measures(&mut self) {
        let name = "countermeasures";
        let old = self.old_items(name);
        let mut measures = Vec::new();
        let mut place = 0;
        loop {
            let is_asked = self.fields.has(&measure_field(place, "code"));
            match old.get(place) {
                Some(old) if !is_asked => measures.push(old.clone()),
                None if !is_asked => break,
                old => measures.extend(self.measure(place, old)),
            }
            place += 1;
        }
        for code in self.fields.all(name) {
            let scope = self.fields.one("countermeasures_scope");
            let mut measure = json!({ "code": code, "scope": scope });
            let taken = self.fields.given("countermeasures_taken_at");
            if let Some(taken) = taken.and_then(|local| self.entered(name, &local)) {
                measure["taken_at"] = taken;
            }
            measures.push(measure);
        }
        self.put_list(name, measures);
    }

    /// One that was named before; nothing where it is taken away.
    fn measure(&mut self, place: usize, old: Option<&Value>) -> Option<Value> {
        let typed = measure_typed(self.fields, place);
        let mut measure = old.map_or_else(|| json!({ "code": typed["code"] }), Value::clone);
        let shown = measure_in(&measure, self.zone);
        for part in MEASURE {
            let text = typed[part].as_str().unwrap_or_default();
            if is_same(text, &shown[part]) {
                continue;
            }
            let said = match part {
                _ if text.is_empty() => None,
                "taken_at" | "planned_for" => self.entered("countermeasures", text),
                _ => Some(json!(text)),
            };
            if let Some(fields) = measure.as_object_mut() {
                fields.remove(part);
                fields.extend(said.map(|said| (part.to_owned(), said)));
            }
        }
        (typed["kept"] == true).then_some(measure)
    }

    fn bodies_notified(&mut self) {
        let (name, none) = ("bodies_notified", "bodies_notified_none");
        if self.is_untouched(&[name, none]) {
            return;
        }
        let (lines, none) = (self.fields.given(name), self.fields.given(none));
        if lines.is_some() && none.is_some() {
            return self.refuse_both(name);
        }
        let zone = self.zone;
        let bodies = self.lines(
            name,
            |one| body_line(one, zone),
            |reader, [body, at, reference]: [String; 3]| {
                let mut one = json!({ "body": body });
                let at = Some(at).filter(|at| !at.is_empty());
                if let Some(at) = at.and_then(|at| reader.entered(name, &at)) {
                    one["at"] = at;
                }
                if !reference.is_empty() {
                    one["reference"] = json!(reference);
                }
                one
            },
        );
        let said = lines.is_some() || none.is_some();
        self.put(name, said.then_some(Value::Array(bodies)));
    }

    fn remedies(&mut self) {
        let name = "remedial_actions";
        if self.is_untouched(&[name]) {
            return;
        }
        let zone = self.zone;
        let remedies = self.lines(
            name,
            |one| remedy_line(one, zone),
            |reader, [action, owner, due]: [String; 3]| {
                let mut one = json!({ "action": action, "owner": owner });
                let due = Some(due).filter(|due| !due.is_empty());
                if let Some(due) = due.and_then(|due| reader.entered(name, &due)) {
                    one["due"] = due;
                }
                one
            },
        );
        self.put_list(name, remedies);
    }

    /// A list of which each line is one item: a line that was there before is the item that it showed.
    fn lines<const N: usize>(
        &mut self,
        name: &str,
        line: impl Fn(&Value) -> String,
        mut make: impl FnMut(&mut Self, [String; N]) -> Value,
    ) -> Vec<Value> {
        let old = self.old_items(name).iter();
        let mut old: Vec<(String, &Value)> = old.map(|one| (line(one), one)).collect();
        let typed = split(name, &self.fields.one(name), &mut self.faults);
        let items = typed.into_iter().map(|(typed, parts)| {
            match old
                .iter()
                .position(|(shown, _)| is_same(&typed, &json!(shown)))
            {
                Some(place) => old.remove(place).1.clone(),
                None => make(self, parts),
            }
        });
        items.collect()
    }

    /// A person whose fields are all empty is taken away.
    fn contacts(&mut self) {
        let name = "operator_contacts";
        let (old, asked) = (self.old_items(name), contacts_typed(self.fields));
        let people = (0..asked.max(old.len())).filter_map(|place| {
            let typed = contact_typed(self.fields, place);
            match old.get(place) {
                Some(old) if place >= asked || is_person(old, &typed) => Some(old.clone()),
                _ => CONTACT
                    .iter()
                    .any(|part| typed[*part] != "")
                    .then_some(typed),
            }
        });
        let people = people.collect();
        self.put_list(name, people);
    }

    /// What a filing cannot do without is there, if only to be refused with everything else that is missing.
    fn finish(mut self) -> Result<Value, Faults> {
        for (name, empty) in [
            ("title", json!({})),
            ("description", json!({})),
            ("typology", json!([])),
            ("operator_contacts", json!([])),
        ] {
            self.filing.entry(name).or_insert(empty);
        }
        self.faults.into_result(Value::Object(self.filing))
    }
}

/// Whether this person is shown so.
fn is_person(old: &Value, typed: &Value) -> bool {
    CONTACT.iter().all(|part| {
        let shown = old[*part].as_str().unwrap_or_default();
        is_same(typed[*part].as_str().unwrap_or_default(), &json!(shown))
    })
}

/// A browser ends lines in its own way, and what is typed is read without the space around it.
fn is_same(typed: &str, shown: &Value) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    let shown = shown.as_str().unwrap_or_default();
    plain(typed).trim() == plain(shown).trim()
}

/// Words apart by spaces or commas.
fn apart(text: &str) -> Vec<&str> {
    text.split([' ', ',', '、', '，', '\u{3000}', '\n', '\r', '\t'])
        .filter(|word| !word.is_empty())
        .collect()
}

fn refuse_both(faults: &mut Faults, name: &str) {
    faults.add(
        format!("/{name}"),
        "said_twice",
        "two things are said here that cannot both be meant: take one of them away",
    );
}

/// A number that people may write with grouping; what is none is sent as it stands, to be refused by name.
pub(in crate::web::pages) fn scale(
    fields: &Fields,
    name: &str,
    faults: &mut Faults,
) -> Option<Value> {
    let number = fields.given(name);
    if fields.given(&format!("{name}_unknown")).is_some() {
        if number.is_some() {
            refuse_both(faults, name);
        }
        return Some(json!("unknown"));
    }
    let digits = number?.replace([',', '，', ' '], "");
    let estimate = fields.given(&format!("{name}_estimate")).is_some();
    Some(if name == "amount_lost" {
        let field = "amount_lost_currency";
        let currency = if fields.has(field) {
            fields.one(field)
        } else {
            "JPY".into()
        };
        json!({ "minor": minor(&digits, &currency), "currency": currency, "estimate": estimate })
    } else {
        let count = digits
            .parse::<u64>()
            .map_or(json!(digits), |count| json!(count));
        json!({ "count": count, "estimate": estimate })
    })
}

/// An amount as people write it (`12500.00`) in the smallest units of its currency; what is no amount of that currency
/// stays as it was typed.
fn minor(typed: &str, currency: &str) -> String {
    let digits = Currency::parse(currency).map_or(0, |known| known.minor_digits() as usize);
    let (whole, part) = typed.split_once('.').unwrap_or((typed, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits == 0
        || whole.is_empty()
        || part.len() > digits
        || !is_number(whole)
        || !is_number(part)
    {
        return typed.to_owned();
    }
    let minor = format!("{whole}{part:0<digits$}");
    let minor = minor.trim_start_matches('0');
    if minor.is_empty() { "0" } else { minor }.to_owned()
}
