//! Evidence packs: what one incident, or one bank, has left in the record, as files that anybody verifies offline.
//! A pack is planned in one short read and then gathered step by step, each step a short read of its own; whoever
//! packs takes what is there before asking for more. Knows no HTTP and no folder.

mod archive;
mod lines;
mod plan;
mod step;

pub use archive::Archive;
pub use plan::{of_bank, of_incident};
pub use step::Step;

use std::collections::VecDeque;
use std::sync::Arc;

/// What a pack is made of, in its order.
#[derive(Debug)]
pub enum Part {
    /// A file of this name begins.
    File(String),
    /// More of the file that began last.
    Bytes(Vec<u8>),
}

/// What one step found, and what it left to do.
#[derive(Debug, Default)]
pub struct Gathered {
    parts: Vec<Part>,
    /// Before the steps that were planned.
    then: Option<Step>,
}

/// A pack that is being gathered.
#[derive(Debug)]
pub struct Packing {
    parts: Vec<Part>,
    steps: VecDeque<Arc<Step>>,
}

impl Packing {
    /// What was gathered since it was asked for last.
    pub fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    /// The step to be done now; `None` = all is gathered.
    pub fn step(&self) -> Option<Arc<Step>> {
        self.steps.front().cloned()
    }

    /// The step was done.
    pub fn add(&mut self, gathered: Gathered) {
        self.steps.pop_front();
        self.parts.extend(gathered.parts);
        if let Some(then) = gathered.then {
            self.steps.push_front(Arc::new(then));
        }
    }
}

/// A whole file.
fn file(parts: &mut Vec<Part>, name: String, bytes: Vec<u8>) {
    parts.push(Part::File(name));
    parts.push(Part::Bytes(bytes));
}
