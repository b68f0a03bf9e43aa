//! Figures of several repetitions, and how a scene is shown: one JSON object, or a table for a reader.

use super::machine::Used;
use crate::cli::{CliError, Done, say};
use serde_json::{Map, Value, json};

/// One figure over the repetitions.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The nearest rank; 0 of nothing.
    pub fn quantile(&self, part: f64) -> f64 {
        let sorted = self.sorted();
        let rank = (part * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    fn spread(&self) -> [f64; 3] {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        };
        [
            sorted.first().copied().unwrap_or_default(),
            median,
            sorted.last().copied().unwrap_or_default(),
        ]
    }

    fn json(&self) -> Value {
        let [min, median, max] = self.spread().map(rounded);
        json!({ "min": min, "median": median, "max": max, "all": self.0.iter().copied().map(rounded).collect::<Vec<_>>() })
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A figure under its name, in the order in which it is shown.
pub type Named = (&'static str, Series);

/// CPU seconds of every process while it was measured; its peak of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Processes {
    pub hub: Used,
    /// The database's server, where there is one on this machine.
    pub postgres: Option<Used>,
    pub receivers: Used,
    /// The bench itself: filers, bare loops.
    pub load: Used,
}

impl Processes {
    /// What was used between an earlier reading and this one.
    pub fn since(&self, before: &Self) -> Self {
        let part = |now: Used, then: Used| Used {
            cpu_s: now.cpu_s - then.cpu_s,
            peak_kib: now.peak_kib,
        };
        Self {
            hub: part(self.hub, before.hub),
            postgres: self
                .postgres
                .map(|now| part(now, before.postgres.unwrap_or_default())),
            receivers: part(self.receivers, before.receivers),
            load: part(self.load, before.load),
        }
    }

    pub fn add(&mut self, more: &Self) {
        let sum = |a: Used, b: Used| Used {
            cpu_s: a.cpu_s + b.cpu_s,
            peak_kib: a.peak_kib.max(b.peak_kib),
        };
        self.hub = sum(self.hub, more.hub);
        self.postgres = more
            .postgres
            .map(|used| sum(used, self.postgres.unwrap_or_default()));
        self.receivers = sum(self.receivers, more.receivers);
        self.load = sum(self.load, more.load);
    }

    /// CPU of all that a deployment would run: neither receivers nor load.
    pub fn ours(&self) -> f64 {
        self.hub.cpu_s + self.postgres.map_or(0.0, |used| used.cpu_s)
    }

    fn named(&self) -> [(&'static str, Option<Used>); 4] {
        [
            ("hub", Some(self.hub)),
            ("postgres", self.postgres),
            ("receivers", Some(self.receivers)),
            ("load", Some(self.load)),
        ]
    }

    fn table(&self) {
        say::line("");
        say::line(format_args!(
            "{:<28}{:>12}{:>12}",
            "process", "CPU s", "peak MiB"
        ));
        for (name, used) in self.named() {
            if let Some(used) = used {
                let mib = used.peak_kib as f64 / 1_024.0;
                say::line(format_args!("  {name:<26}{:>12.2}{mib:>12.1}", used.cpu_s));
            }
        }
    }
}

/// What a scene has to tell.
pub struct Outcome {
    pub scene: &'static str,
    pub parameters: Value,
    pub machine: Value,
    pub database: &'static str,
    /// Groups like `warm` and `cold`; each figure in order.
    pub figures: Vec<(String, Vec<Named>)>,
    /// `None` where the scene is one process.
    pub processes: Option<Processes>,
    /// Sentences; empty = what `sound` says.
    pub failures: Vec<String>,
    pub sound: Sound,
}

/// What a scene without failures has shown besides its figures.
#[derive(Debug, Clone, Copy)]
pub enum Sound {
    Delivery,
    /// Some were sent twice, because the hub was killed.
    Kill,
    Acknowledgement,
    /// The record was made up: no self-check would take it.
    Audit,
    Log,
}

impl Sound {
    /// Of a scene in which a hub runs: is its record held against the rules at the end?
    pub fn is_self_checked(self) -> bool {
        !matches!(self, Self::Audit)
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Delivery => "every notice came exactly once, and the self-check found nothing",
            Self::Kill => {
                "every notice came, none twice that was not under way, and the self-check found nothing"
            }
            Self::Acknowledgement => {
                "every notice came and was acknowledged exactly once, and the self-check found nothing"
            }
            Self::Audit => "every answer held all that was asked for",
            Self::Log => "every proof holds, and the whole log was judged sound",
        }
    }
}

impl Outcome {
    /// Adds what processes used in one repetition.
    pub fn used(&mut self, more: &Processes) {
        self.processes.get_or_insert_default().add(more);
    }

    /// Shows it; an error if the figures count for nothing.
    pub fn close(&self, as_json: bool) -> Result<Done, CliError> {
        if as_json {
            say::json(&self.json())
        } else {
            self.table()
        }
        if self.failures.is_empty() {
            return Ok(Done::Well);
        }
        let failures = self.failures.join("\n  ");
        Err(CliError::Failed(format!(
            "the figures count for nothing:\n  {failures}"
        )))
    }

    fn json(&self) -> Value {
        let group = |named: &[Named]| -> Map<String, Value> {
            named
                .iter()
                .map(|(name, series)| ((*name).to_owned(), series.json()))
                .collect()
        };
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|(name, named)| (name.clone(), group(named).into()))
            .collect();
        let processes: Map<String, Value> = self
            .processes
            .iter()
            .flat_map(Processes::named)
            .map(|(name, used)| {
                let told = used
                    .map(|used| json!({ "cpu_s": rounded(used.cpu_s), "peak_kib": used.peak_kib }));
                (name.to_owned(), told.unwrap_or_default())
            })
            .collect();
        json!({
            "scene": self.scene,
            "passed": self.failures.is_empty(),
            "failures": self.failures,
            "parameters": self.parameters,
            "machine": self.machine,
            "database": self.database,
            "figures": figures,
            "processes": processes,
        })
    }

    fn table(&self) {
        let facts = |value: &Value| {
            let parts = value.as_object().into_iter().flatten();
            parts
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect::<Vec<_>>()
                .join(" · ")
        };
        say::line(format_args!(
            "{} on {}: {}",
            self.scene,
            self.database,
            facts(&self.parameters)
        ));
        say::line(facts(&self.machine));
        for (group, named) in &self.figures {
            say::line("");
            say::line(format_args!(
                "{group:<28}{:>12}{:>12}{:>12}",
                "min", "median", "max"
            ));
            for (name, series) in named {
                let [min, median, max] = series.spread();
                say::line(format_args!(
                    "  {name:<26}{min:>12.2}{median:>12.2}{max:>12.2}"
                ));
            }
        }
        if let Some(processes) = &self.processes {
            processes.table();
        }
        if self.failures.is_empty() {
            say::line(format_args!("\n{}", self.sound.sentence()));
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_by_its_smallest_middle_and_largest() {
        let mut series = Series::default();
        for value in [4.0, 1.0, 3.0, 2.0] {
            series.add(value);
        }
        assert_eq!(series.spread(), [1.0, 2.5, 4.0]);
        assert_eq!((series.quantile(0.5), series.quantile(0.99)), (2.0, 4.0));
        assert_eq!(Series::default().spread(), [0.0; 3]);
    }
}
