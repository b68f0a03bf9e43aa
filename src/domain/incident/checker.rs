//! The rules that many fields share, each noting its fault and going on, so that all are found at once.
//! Where a value is refused, a stand-in is returned: nothing is used once a fault was noted.

use super::money::{Amount, AmountFault, Money};
use super::parts::{Known, Words};
use crate::domain::fault::Faults;
use crate::domain::instant::{Entered, Instant};
use crate::domain::text::{self, TextFault};
use std::time::Duration;

/// Lists are at most this long, lists of banks excepted.
pub(super) const MAX_LIST: usize = 64;

/// A client's clock may be this far ahead of ours.
const SKEW: Duration = Duration::from_secs(5 * 60);

type Cleaner = fn(&str, usize) -> Result<String, TextFault>;

#[derive(Default)]
pub(super) struct Checker {
    pub(super) faults: Faults,
}

impl Checker {
    pub(super) fn refuse(&mut self, pointer: &str, code: &'static str, message: &str) {
        self.faults.add(pointer, code, message);
    }

    fn text(&mut self, pointer: &str, text: &str, max: usize, clean: Cleaner) -> String {
        clean(text, max).unwrap_or_else(|fault| {
            self.faults.add(pointer, fault.code(), fault.to_string());
            String::new()
        })
    }

    pub(super) fn line(&mut self, pointer: &str, text: &str, max: usize) -> String {
        self.text(pointer, text, max, text::line)
    }

    pub(super) fn paragraphs(&mut self, pointer: &str, text: &str, max: usize) -> String {
        self.text(pointer, text, max, text::paragraphs)
    }

    /// One line in at least one language.
    pub(super) fn line_words(&mut self, pointer: &str, words: &Words, max: usize) -> Words {
        self.words(pointer, words, max, text::line)
    }

    /// Paragraphs in at least one language.
    pub(super) fn long_words(&mut self, pointer: &str, words: &Words, max: usize) -> Words {
        self.words(pointer, words, max, text::paragraphs)
    }

    fn words(&mut self, pointer: &str, words: &Words, max: usize, clean: Cleaner) -> Words {
        if words.ja.is_none() && words.en.is_none() {
            self.refuse(
                pointer,
                "language_missing",
                "write it in at least one language: ja or en",
            );
        }
        let mut one = |language: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            Some(self.text(&format!("{pointer}/{language}"), text, max, clean))
        };
        Words {
            ja: one("ja", &words.ja),
            en: one("en", &words.en),
        }
    }

    pub(super) fn length(&mut self, pointer: &str, length: usize, max: usize) {
        if length > max {
            let message = format!("too many items: at most {max}");
            self.faults.add(pointer, "list_too_long", message);
        }
    }

    /// A list of codes: bounded, each once, and the code that says "nothing yet" only by itself.
    pub(super) fn codes<T: Copy + PartialEq>(&mut self, pointer: &str, list: &[T], alone: &[T]) {
        self.length(pointer, list.len(), MAX_LIST);
        self.distinct(pointer, list);
        if list.len() > 1 && list.iter().any(|code| alone.contains(code)) {
            self.refuse(
                pointer,
                "code_alone",
                "this code says that there is nothing to say: give it alone or not at all",
            );
        }
    }

    pub(super) fn distinct<T: PartialEq>(&mut self, pointer: &str, list: &[T]) {
        // A list over its bound is refused already; comparing it pair by pair would cost.
        for (index, item) in list.iter().enumerate().take(1_000) {
            if list[..index].contains(item) {
                let place = format!("{pointer}/{index}");
                self.refuse(&place, "list_duplicate", "stands in this list twice");
            }
        }
    }

    /// Something that has happened cannot lie in the future.
    pub(super) fn past(&mut self, pointer: &str, at: Option<Entered>, now: Instant) {
        if at.is_some_and(|at| at.at > now + SKEW) {
            self.refuse(
                pointer,
                "time_future",
                "lies in the future: give the time at which it happened",
            );
        }
    }

    pub(super) fn ordered(
        &mut self,
        pointer: &str,
        earlier: Option<Entered>,
        later: Option<Entered>,
        message: &str,
    ) {
        if let (Some(earlier), Some(later)) = (earlier, later)
            && later.at < earlier.at
        {
            self.refuse(pointer, "time_order", message);
        }
    }

    pub(super) fn money(
        &mut self,
        pointer: &str,
        amount: Option<&Known<Amount>>,
    ) -> Option<Known<Money>> {
        let amount = match amount? {
            Known::Unknown => return Some(Known::Unknown),
            Known::Value(amount) => amount,
        };
        match Money::try_from(amount) {
            Ok(money) => Some(Known::Value(money)),
            Err(fault) => {
                let (field, code) = match fault {
                    AmountFault::Minor => ("minor", "amount_form"),
                    AmountFault::Currency => ("currency", "currency_form"),
                };
                self.faults
                    .add(format!("{pointer}/{field}"), code, fault.to_string());
                None
            }
        }
    }
}
