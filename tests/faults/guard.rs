//! The address guard, held against tables that know nothing of it: the registries of special addresses, every
//! spelling of an address that a parser or a resolver takes, and the answers of a name server that lies. The last word
//! is the kernel's: a hub sends to all of it from a network of its own, where every packet to a denied address is
//! counted. `KAIRAN_FAULTS_LONG` tries all of IPv4, one by one.

mod addresses;
mod name_server;
mod spellings;
mod wire;
