//! The only mouth of the commands: answers to standard output, everything else to standard error.
//! Whoever reads may stop reading; that ends no command.

use std::fmt::Display;
use std::io::{self, Write};

/// One line of an answer.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// An answer for a script: one JSON text.
pub fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// For the person at the terminal; no part of the answer.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Why the command failed.
pub fn error(error: &dyn Display) {
    note(format_args!("kairan: {error}"));
}
