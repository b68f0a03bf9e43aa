//! The table of who was told: drawn in place on a terminal, told in lines elsewhere. Delivered and
//! acknowledged stand side by side and are never blended. Decides nothing.

use super::cast::{Bank, Expected};
use super::watch::{Cell, Picture, Tries};
use crate::cli::say;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal;

const LEVELS: [&str; 6] = [
    "listed",
    "dispatched",
    "delivered",
    "accessed",
    "acknowledged",
    "responded",
];
const HEAD: &str = "bank  level                webhook  mail  confirmed at          flags    name";

/// Where the table is shown.
pub enum Table {
    /// One bar for each line: cut to the terminal's size by the library.
    Drawn {
        _whole: MultiProgress,
        head: ProgressBar,
        waiting: ProgressBar,
        rows: Vec<ProgressBar>,
    },
    Told {
        levels: HashMap<&'static str, String>,
    },
    Silent,
}

impl Table {
    /// For whom standard output and standard error lead to.
    pub fn start(banks: &[Bank], silent: bool) -> Self {
        if silent {
            return Self::Silent;
        }
        if !(std::io::stdout().is_terminal() && std::io::stderr().is_terminal()) {
            return Self::Told {
                levels: HashMap::new(),
            };
        }
        let whole = MultiProgress::new();
        let style = ProgressStyle::with_template("{wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = || whole.add(ProgressBar::new(1).with_style(style.clone()));
        let (head, waiting, columns) = (line(), line(), line());
        columns.set_message(HEAD);
        let mut rows = vec![columns];
        rows.extend(banks.iter().map(|_| line()));
        Self::Drawn {
            _whole: whole,
            head,
            waiting,
            rows,
        }
    }

    pub fn show(&mut self, banks: &[Bank], expected: &Expected, picture: &Picture) {
        match self {
            Self::Silent => {}
            Self::Drawn {
                head,
                waiting,
                rows,
                ..
            } => {
                set(head, headline(expected, picture));
                set(waiting, still_waiting(banks, picture));
                for (bank, bar) in banks.iter().zip(rows.iter().skip(1)) {
                    set(bar, row(bank, picture));
                }
            }
            Self::Told { levels } => {
                for bank in banks {
                    let Some(cell) = picture.cell(bank.code) else {
                        continue;
                    };
                    // That every bank is listed was said when the incident was filed.
                    let is_news = cell.level != LEVELS[0];
                    if !is_news || levels.get(bank.code) == Some(&cell.level) {
                        continue;
                    }
                    levels.insert(bank.code, cell.level.clone());
                    say::line(format_args!(
                        "{}  |  {}",
                        row(bank, picture).trim_end(),
                        headline(expected, picture)
                    ));
                }
            }
        }
    }

    /// Leaves what was drawn where it stands.
    pub fn end(&self) {
        if let Self::Drawn {
            head,
            waiting,
            rows,
            ..
        } = self
        {
            for bar in [head, waiting].into_iter().chain(rows) {
                bar.abandon();
            }
        }
    }
}

/// Only what changed is drawn again.
fn set(bar: &ProgressBar, text: String) {
    if bar.message() != text {
        bar.set_message(text);
    }
}

/// The two numbers.
pub fn headline(expected: &Expected, picture: &Picture) -> String {
    let banks = expected.banks;
    format!(
        "delivered {}/{banks} · acknowledged {}/{banks}",
        picture.delivered, picture.acknowledged
    )
}

fn still_waiting(banks: &[Bank], picture: &Picture) -> String {
    let confirmed = |bank: &&Bank| {
        picture
            .cell(bank.code)
            .is_some_and(|cell| cell.acknowledged_at.is_some())
    };
    let open: Vec<&str> = banks
        .iter()
        .filter(|bank| !confirmed(bank))
        .map(|bank| bank.code)
        .collect();
    match open.len() {
        0 => "every bank has confirmed".to_owned(),
        many @ 1..=8 => format!("not confirmed by {many}: {}", open.join(" ")),
        many => format!("not confirmed by {many}"),
    }
}

fn row(bank: &Bank, picture: &Picture) -> String {
    let names = format!("{} / {}", bank.name_ja, bank.name_en);
    let Some(cell) = picture.cell(bank.code) else {
        return format!("{}  NO NOTICE  {names}", bank.code);
    };
    format!(
        "{}  {} {:<13}  {:<7}  {:<4}  {:<20}  {:<7}  {names}",
        bank.code,
        bar(&cell.level),
        cell.level,
        tried(picture.tries(bank.code, "webhook")),
        tried(picture.tries(bank.code, "email")),
        confirmed(cell),
        flags(cell),
    )
}

/// One mark for each level from `dispatched` on.
fn bar(level: &str) -> String {
    let reached = LEVELS.iter().position(|known| *known == level).unwrap_or(0);
    format!(
        "{}{}",
        "#".repeat(reached),
        ".".repeat(LEVELS.len() - 1 - reached)
    )
}

/// How often it was tried, and whether any try was taken.
fn tried(tries: Tries) -> String {
    match tries {
        Tries { attempts: 0, .. } => "-".to_owned(),
        Tries {
            attempts,
            accepted: 0,
        } => format!("{attempts} lost"),
        Tries { attempts, .. } => format!("{attempts} ok"),
    }
}

/// The time of day (UTC) and the class.
fn confirmed(cell: &Cell) -> String {
    let time = cell
        .acknowledged_at
        .as_deref()
        .and_then(|at| at.get(11..19));
    match (time, &cell.class) {
        (Some(time), Some(class)) => format!("{time}Z {class}"),
        _ => String::new(),
    }
}

fn flags(cell: &Cell) -> &'static str {
    match (cell.concerns_you, cell.exposed) {
        (true, _) => "hit",
        (false, true) => "exposed",
        (false, false) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_shown_by_its_name_and_by_how_far_it_is() {
        assert_eq!(bar("listed"), ".....");
        assert_eq!(bar("delivered"), "##...");
        assert_eq!(bar("responded"), "#####");
    }

    #[test]
    fn a_channel_that_never_got_through_says_so() {
        assert_eq!(tried(Tries::default()), "-");
        assert_eq!(
            tried(Tries {
                attempts: 3,
                accepted: 0
            }),
            "3 lost"
        );
        assert_eq!(
            tried(Tries {
                attempts: 3,
                accepted: 1
            }),
            "3 ok"
        );
    }
}
