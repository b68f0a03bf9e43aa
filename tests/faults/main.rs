//! What a hub is held to under fire: processes that are killed, frozen and cut off, networks, disks, clocks and
//! servers that fail. Each run is judged by a ledger that is kept outside (`ledger.rs`), which has controls of
//! its own; a fault that could fail to happen has one, too. Short in `scripts/test`; `scripts/faults` plays the long form.

#[expect(
    unused_imports,
    unused_macros,
    reason = "shared with tests/it, which uses what is not used here"
)]
#[path = "../it/support"]
mod support {
    pub mod ground;
    pub mod hub;
    pub mod log_check;
    pub mod postgres;
    pub mod receiver;
}

mod authority;
mod database;
mod disk;
mod failover;
mod gate;
mod guard;
mod hub;
mod kill;
mod ledger;
mod mail;
mod mounts;
mod namespaces;
mod needs;
mod network;
mod nodes;
mod power;
mod proxy;
mod receivers;
mod relay;
mod server;
mod time;
