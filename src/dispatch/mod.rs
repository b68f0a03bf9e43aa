//! Floor 4, the outgoing side: takes what is due, sends it outside any transaction, records what came of it.
//! The web side never calls it; it is woken by commits and by its own scan.

mod address_guard;
mod assemble;
pub mod clocks;
pub mod engine;
pub mod mail;
pub mod mail_reports;
pub mod places;
pub mod self_check;
mod sources;
mod transport;
pub mod webhook;

pub use transport::{MailTransport, Transport, WebhookTransport};
