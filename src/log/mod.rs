//! Floor 4: the log at work: putting staged evidence in order, the journal of batches and heads, signing,
//! publishing. It fails closed and alone: where it refuses, filing, sending and acknowledging go on.

mod follow;
pub mod journal;
pub mod keys;
mod reconcile;
pub mod recover;
pub mod sequencer;

pub use reconcile::{Refusal, reconcile};
