//! Everything that is tested from outside: storage on both databases, actions in a transaction, journeys
//! over the real server. Run by `scripts/test`, which starts what it needs.

mod support {
    pub mod browser;
    pub mod chromium;
    pub mod ground;
    pub mod hub;
    pub mod log_check;
    pub mod maildir;
    pub mod postgres;
    pub mod receiver;
    pub mod rows;
    pub mod served;
    pub mod signer;
}

mod access;
mod at_once;
mod bad_input;
mod bench;
mod canary;
mod command_line;
mod demo;
mod desks;
mod fairness;
mod floors;
mod journeys;
mod pressure;
mod register;
mod spine;
mod verify;
