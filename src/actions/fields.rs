//! Reading the fields of an input: each text normalised, each code known, each fault noted under its
//! pointer, so that a person mends all of them in one go. Knows no input in particular.

use super::Error;
use crate::domain::email::EmailAddress;
use crate::domain::fault::Faults;
use crate::domain::instant::{Entered, Instant};
use crate::domain::text::{self, TextFault};

/// Collects the faults of one input.
#[derive(Default)]
pub struct Fields {
    base: String,
    pub faults: Faults,
}

impl Fields {
    /// Pointers start with `base`: "" or like `/profile`.
    pub fn at(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            faults: Faults::default(),
        }
    }

    /// Notes a fault of one field.
    pub fn refuse(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.faults
            .add(format!("{}/{field}", self.base), code, message);
    }

    /// One line of text, not empty.
    pub fn line(&mut self, field: &str, value: &str, max_chars: usize) -> String {
        let judged = text::line(value, max_chars);
        self.taken(field, judged)
    }

    /// One line of text that may be empty.
    pub fn optional_line(&mut self, field: &str, value: &str, max_chars: usize) -> String {
        match text::line(value, max_chars) {
            Err(TextFault::Empty) => String::new(),
            judged => self.taken(field, judged),
        }
    }

    /// Lines of text, not empty.
    pub fn paragraphs(&mut self, field: &str, value: &str, max_chars: usize) -> String {
        let judged = text::paragraphs(value, max_chars);
        self.taken(field, judged)
    }

    fn taken(&mut self, field: &str, judged: Result<String, TextFault>) -> String {
        judged.unwrap_or_else(|fault| {
            self.refuse(field, fault.code(), fault.to_string());
            String::new()
        })
    }

    /// One of `known`; the text comes back as it is.
    pub fn code(&mut self, field: &str, value: &str, known: &[&str]) -> String {
        if !known.contains(&value) {
            self.refuse(
                field,
                "code_unknown",
                format!("not one of {}", known.join(", ")),
            );
        }
        value.to_owned()
    }

    /// The language of a person or bank.
    pub fn language(&mut self, field: &str, value: &str) -> String {
        self.code(field, value, &["ja", "en"])
    }

    pub fn email(&mut self, field: &str, value: &str) -> Option<EmailAddress> {
        EmailAddress::parse(value)
            .map_err(|fault| self.refuse(field, fault.code(), fault.to_string()))
            .ok()
    }

    /// An optional time; absent and empty are the same.
    pub fn time(&mut self, field: &str, value: Option<&str>) -> Option<Instant> {
        let written = value.filter(|text| !text.is_empty())?;
        match Entered::parse(written) {
            Ok(entered) => Some(entered.at),
            Err(fault) => {
                self.refuse(field, "time_form", fault.to_string());
                None
            }
        }
    }

    /// `Ok` if nothing was noted.
    pub fn done(self) -> Result<(), Error> {
        Ok(self.faults.into_result(())?)
    }
}
