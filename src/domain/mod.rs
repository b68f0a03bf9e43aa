//! Floor 0: the values and rules of the house. No I/O, no clock, no async; imports nothing of ours but
//! its neighbour `merkle`.

pub mod access;
pub mod address;
pub mod backoff;
pub mod challenge;
pub mod channel;
pub mod chase;
pub mod deadline;
pub mod deferral;
pub mod digest;
pub mod email;
pub mod entry;
pub mod exposure;
pub mod fault;
pub mod id;
pub mod incident;
pub mod instant;
pub mod json;
pub mod level;
pub mod mail_id;
pub mod mail_report;
pub mod notice;
pub mod outcome;
pub mod phone_task;
pub mod proof;
pub mod reachability;
pub mod refusal;
pub mod response_map;
pub mod service_level;
pub mod settling;
pub mod signature;
pub mod text;
pub mod vocabulary;
