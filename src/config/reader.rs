//! Reading single settings: the file's value over the embedded one, its type and its bounds, each
//! mistake noted under its key. After a mistake the default stands in, so that reading goes on.
//! Knows no setting by name.

use super::{EMBEDDED, SettingFault};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use toml::{Table, Value};

pub(super) struct Reader {
    file: String,
    defaults: Table,
    given: Table,
    faults: Vec<SettingFault>,
    /// Keys asked for, so that a test can tell a comment without a setting.
    pub(super) asked: BTreeSet<String>,
}

impl Reader {
    /// Compares the file with the embedded one; only a file that is not TOML ends here.
    pub(super) fn new(file: &str, text: &str) -> Result<Self, Vec<SettingFault>> {
        let defaults = EMBEDDED
            .parse::<Table>()
            .expect("the embedded settings are read by a test");
        let given = text.parse::<Table>().map_err(|fault| {
            let line = fault.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            let message = format!("line {line} is not TOML: {}", fault.message());
            vec![SettingFault {
                file: file.to_owned(),
                key: String::new(),
                message,
            }]
        })?;
        let mut reader = Self {
            file: file.to_owned(),
            defaults,
            given,
            faults: Vec::new(),
            asked: BTreeSet::new(),
        };
        reader.refuse_unknown();
        Ok(reader)
    }

    pub(super) fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.faults.push(SettingFault {
            file: self.file.clone(),
            key: key.to_owned(),
            message: message.into(),
        });
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<SettingFault>> {
        if self.faults.is_empty() {
            Ok(value)
        } else {
            Err(self.faults)
        }
    }

    fn refuse_unknown(&mut self) {
        let mut unknown = Vec::new();
        for (section, value) in &self.given {
            let Some(Value::Table(known)) = self.defaults.get(section) else {
                unknown.push((
                    section.clone(),
                    format!("no such section; there are {}", names(&self.defaults)),
                ));
                continue;
            };
            let Value::Table(keys) = value else {
                unknown.push((
                    section.clone(),
                    format!("a section: write [{section}] on a line of its own"),
                ));
                continue;
            };
            for key in keys.keys().filter(|key| !known.contains_key(*key)) {
                let message = format!("no such setting; in [{section}] there are {}", names(known));
                unknown.push((format!("{section}.{key}"), message));
            }
        }
        for (key, message) in unknown {
            self.fault(&key, message);
        }
    }

    fn default_of(&self, key: &str) -> &Value {
        find(&self.defaults, key).expect("a test reads every setting from the embedded file")
    }

    /// The given value, or the default.
    fn value(&mut self, key: &str) -> Value {
        self.asked.insert(key.to_owned());
        find(&self.given, key)
            .unwrap_or_else(|| self.default_of(key))
            .clone()
    }

    pub(super) fn text(&mut self, key: &str) -> String {
        match self.value(key) {
            Value::String(text) => text,
            _ => {
                self.fault(key, "takes a text in quotation marks");
                self.default_text(key)
            }
        }
    }

    fn default_text(&self, key: &str) -> String {
        self.default_of(key).as_str().unwrap_or_default().to_owned()
    }

    /// A text judged by `read`, which says what it takes.
    pub(super) fn parsed<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> T {
        let text = self.text(key);
        read(&text).unwrap_or_else(|message| {
            self.fault(key, format!("{text:?} is {message}"));
            read(&self.default_text(key)).expect("a test reads every default")
        })
    }

    /// A text of one line that is not empty.
    pub(super) fn line(&mut self, key: &str) -> String {
        self.parsed(key, |text| {
            if text.trim().is_empty()
                || text.chars().count() > 200
                || text.chars().any(char::is_control)
            {
                return Err("not one line of 1 to 200 characters".into());
            }
            Ok(text.trim().to_owned())
        })
    }

    /// One of the named choices.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        self.parsed(key, |text| {
            let found = choices
                .iter()
                .find(|(name, _)| *name == text)
                .map(|(_, value)| *value);
            found.ok_or_else(|| {
                let known: Vec<_> = choices
                    .iter()
                    .map(|(name, _)| format!("{name:?}"))
                    .collect();
                format!("not one of {}", known.join(", "))
            })
        })
    }

    pub(super) fn path(&mut self, key: &str) -> PathBuf {
        self.line(key).into()
    }

    pub(super) fn flag(&mut self, key: &str) -> bool {
        let value = self.value(key);
        value.as_bool().unwrap_or_else(|| {
            self.fault(key, format!("{value} is not true or false"));
            self.default_of(key).as_bool().unwrap_or_default()
        })
    }

    /// A path; empty = none.
    pub(super) fn optional_path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key);
        (!text.is_empty()).then(|| text.into())
    }

    /// A list of texts, each judged by `read`.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Value::Array(items) = self.value(key) else {
            self.fault(key, "takes a list in brackets, like [\"10.20.0.0/16\"]");
            return Vec::new();
        };
        let mut taken = Vec::new();
        for item in items {
            match item.as_str().map(&read) {
                Some(Ok(value)) => taken.push(value),
                Some(Err(message)) => self.fault(key, format!("{item} is {message}")),
                None => self.fault(key, format!("{item} is not a text in quotation marks")),
            }
        }
        taken
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number<T: TryFrom<i64> + Default>(
        &mut self,
        key: &str,
        least: i64,
        most: i64,
    ) -> T {
        let value = self.value(key);
        let fitting = value
            .as_integer()
            .filter(|number| (least..=most).contains(number));
        let number = fitting.unwrap_or_else(|| {
            self.fault(
                key,
                format!("{value} is not a whole number from {least} to {most}"),
            );
            self.default_of(key).as_integer().unwrap_or(least)
        });
        // Every range lies within its type.
        T::try_from(number).unwrap_or_default()
    }

    pub(super) fn millis(&mut self, key: &str, least: i64, most: i64) -> Duration {
        Duration::from_millis(self.number(key, least, most))
    }

    pub(super) fn seconds(&mut self, key: &str, least: i64, most: i64) -> Duration {
        Duration::from_secs(self.number(key, least, most))
    }

    pub(super) fn minutes(&mut self, key: &str, least: i64, most: i64) -> Duration {
        Duration::from_secs(self.number::<u64>(key, least, most) * 60)
    }

    pub(super) fn hours(&mut self, key: &str, least: i64, most: i64) -> Duration {
        Duration::from_secs(self.number::<u64>(key, least, most) * 3600)
    }

    pub(super) fn days(&mut self, key: &str, least: i64, most: i64) -> Duration {
        Duration::from_secs(self.number::<u64>(key, least, most) * 86_400)
    }
}

/// `section.key`.
fn find<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    let (section, key) = key.split_once('.')?;
    table.get(section)?.as_table()?.get(key)
}

fn names(table: &Table) -> String {
    table
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
