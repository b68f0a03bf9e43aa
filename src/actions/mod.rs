//! Floor 3: what the hub can do, one verb a file. Plain synchronous functions over a transaction; they
//! know nothing of HTTP, mail or threads. Whatever they refuse is refused before anything is stored.

pub mod accept_invitation;
pub mod acknowledge;
pub mod acknowledge_by_note;
pub mod add_contact;
pub mod alert;
pub mod amend_bank;
pub mod answer_report;
pub mod answer_response;
mod ask;
pub mod authenticate;
pub mod bootstrap;
pub mod break_channel;
pub mod call;
pub mod certify;
pub mod challenge_endpoint;
pub mod change_roles;
pub mod chase;
pub mod claim;
mod close_incident;
pub mod close_notice;
pub mod cut_roster;
pub mod decide;
pub mod defer;
pub mod draft;
pub mod end_partnership;
pub mod end_signing_key;
pub mod enrol_signing_key;
pub mod exercises;
mod fan_out;
mod fields;
pub mod import_banks;
pub mod invite;
pub mod issue;
pub mod issue_key;
pub mod join_bank;
pub mod lapse;
pub mod late_joiner;
pub mod log_keys;
pub mod log_refuses;
pub mod mail_link;
pub mod measure_levels;
pub mod on_behalf;
pub mod once;
pub mod open_notice;
pub mod overtake;
pub mod pack_evidence;
pub mod preview;
pub mod prove;
pub mod prove_completeness;
mod prove_endpoint;
pub mod publish;
pub mod read_approvals;
pub mod read_channels;
pub mod read_log;
pub mod read_reachability;
pub mod read_register;
pub mod record;
pub mod record_mail_report;
pub mod recover;
mod redirect;
pub mod register_bank;
pub mod reopen_revision;
pub mod replay;
pub mod report;
pub mod resend;
pub mod respond;
pub mod revoke_key;
pub mod rotate_secret;
pub mod self_check;
pub mod send_test;
pub mod sequence;
pub mod set_endpoint;
pub mod share_responses;
pub mod sign_in;
pub mod suspicion;
mod tell_bank;
pub mod tell_out_of_band;
pub mod watch_clocks;
pub mod withdraw;

use crate::domain::address::AddressPolicy;
use crate::domain::deadline::Profiles;
use crate::domain::fault::Faults;
use crate::domain::refusal::Refusal;
use crate::storage;
use std::sync::Arc;
use std::time::Duration;

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input does not hold; each fault names its field.
    #[error("the input has faults")]
    Invalid(Faults),
    /// The caller may see the thing, but not do this to it. The text says who may.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing, or none that this caller may know of.
    #[error("not found")]
    NotFound,
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database could not do it.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}

impl Error {
    /// One fault of one field.
    pub fn invalid(
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let mut faults = Faults::default();
        faults.add(pointer, code, message);
        Self::Invalid(faults)
    }
}

/// The settings that decide, made once at start.
pub struct Rules {
    /// `https://…` without a trailing slash; every link starts with it.
    pub public_url: String,
    /// The host part of `public_url`; Message-IDs and key names carry it.
    pub public_host: String,
    pub operator_name: String,
    /// The operator's zone: incident years and business hours.
    pub zone: jiff::tz::TimeZone,
    pub profiles: Profiles,
    /// How long after its announcement a partnership ends.
    pub ending_delay: Duration,
    /// How long an endpoint's former secret signs beside the new one.
    pub secret_overlap: Duration,
    /// How long a request waits for its second person.
    pub approval_window: Duration,
    /// How long a mail link works.
    pub link_window: Duration,
    /// How long an invitation works.
    pub invitation_window: Duration,
    /// How long password and code count as just given.
    pub confirmation_window: Duration,
    /// How long an API key lives at most.
    pub key_lifetime: Duration,
    /// Wrong codes before a mail link is locked.
    pub code_guesses: i64,
    /// Where webhooks may go.
    pub addresses: Arc<AddressPolicy>,
}
