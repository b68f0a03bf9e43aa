//! What is wrong with one field of an input: where, a stable code, and what to do about it.

/// One refused field. `pointer` is an RFC 6901 JSON pointer into the request body ("" = the whole body).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    pub pointer: String,
    /// Stable, snake_case; clients may switch on it.
    pub code: &'static str,
    /// One sentence for the person, saying what would be taken.
    pub message: String,
}

/// All faults of one input, collected so that a person mends them in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Notes one fault.
    pub fn add(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.0.push(Fault {
            pointer: pointer.into(),
            code,
            message: message.into(),
        });
    }

    /// `Ok(value)` if nothing was noted.
    pub fn into_result<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}
