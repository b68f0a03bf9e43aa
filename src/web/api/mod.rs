//! REST: one file for each resource: request, one action, response.

pub mod approvals;
pub mod as_of;
pub mod banks;
pub mod board;
pub mod certificates;
pub mod contacts;
pub mod deliveries;
pub mod drafts;
pub mod edition;
pub mod endpoints;
pub mod export;
pub mod health;
pub mod import;
pub mod inbox;
pub mod incidents;
pub mod invitations;
pub mod keys;
pub mod log;
pub mod notices;
pub mod partnerships;
pub mod people;
pub mod resend;
pub mod responses;
pub mod signing_keys;
pub mod tasks;
pub mod test_notice;
