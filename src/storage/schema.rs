//! The tables as diesel sees them, and the SQL types that mean the same on both databases.
//! `migrations/` is the source.

/// SQL types of our own: one Rust value, one meaning, two encodings.
pub mod types {
    pub use diesel::sql_types::*;

    /// `uuid` on PostgreSQL, a 16-byte blob on SQLite.
    #[derive(SqlType, diesel::query_builder::QueryId, Clone, Copy)]
    #[diesel(postgres_type(oid = 2950, array_oid = 2951))]
    #[diesel(sqlite_type(name = "Binary"))]
    pub struct UidSql;

    /// `timestamptz` on PostgreSQL, whole microseconds since 1970 on SQLite.
    #[derive(SqlType, diesel::query_builder::QueryId, Clone, Copy)]
    #[diesel(postgres_type(oid = 1184, array_oid = 1185))]
    #[diesel(sqlite_type(name = "Long"))]
    pub struct InstantSql;

    impl diesel::sql_types::SqlOrd for InstantSql {}
}

mod encoding {
    use super::types::{InstantSql, UidSql};
    use crate::domain::id::Uid;
    use crate::domain::instant::Instant;
    use diesel::deserialize::{self, FromSql, FromSqlRow};
    use diesel::expression::AsExpression;
    use diesel::pg::{Pg, PgValue};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sqlite::{Sqlite, SqliteValue};
    use std::io::Write;

    // The derives live here, so that `domain` need not know diesel.
    #[derive(AsExpression, FromSqlRow)]
    #[diesel(foreign_derive)]
    #[diesel(sql_type = UidSql)]
    #[expect(dead_code, reason = "only carries the derive")]
    struct UidProxy(Uid);

    #[derive(AsExpression, FromSqlRow)]
    #[diesel(foreign_derive)]
    #[diesel(sql_type = InstantSql)]
    #[expect(dead_code, reason = "only carries the derive")]
    struct InstantProxy(Instant);

    /// Microseconds from 1970 to 2000, PostgreSQL's epoch.
    const PG_EPOCH: i64 = 946_684_800_000_000;

    impl ToSql<UidSql, Sqlite> for Uid {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.as_bytes().as_slice());
            Ok(IsNull::No)
        }
    }

    impl FromSql<UidSql, Sqlite> for Uid {
        fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            Ok(Uid::from_bytes(value.read_blob().try_into()?))
        }
    }

    impl ToSql<UidSql, Pg> for Uid {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(self.as_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<UidSql, Pg> for Uid {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            Ok(Uid::from_bytes(value.as_bytes().try_into()?))
        }
    }

    impl ToSql<InstantSql, Sqlite> for Instant {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.micros());
            Ok(IsNull::No)
        }
    }

    impl FromSql<InstantSql, Sqlite> for Instant {
        fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            let micros = <i64 as FromSql<diesel::sql_types::BigInt, Sqlite>>::from_sql(value)?;
            Ok(Instant::from_micros(micros))
        }
    }

    impl ToSql<InstantSql, Pg> for Instant {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(&(self.micros() - PG_EPOCH).to_be_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<InstantSql, Pg> for Instant {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            let since_2000 = i64::from_be_bytes(value.as_bytes().try_into()?);
            Ok(Instant::from_micros(since_2000 + PG_EPOCH))
        }
    }
}

diesel::table! {
    use super::types::*;

    bank (id) {
        id -> UidSql,
        code -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    bank_profile (bank_id, revision) {
        bank_id -> UidSql,
        revision -> BigInt,
        name_ja -> Text,
        name_en -> Text,
        language -> Text,
        linking -> Text,
        new_links -> Text,
        top_ups -> Text,
        pay_outs -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    partnership (bank_id, revision) {
        bank_id -> UidSql,
        revision -> BigInt,
        valid_from -> InstantSql,
        valid_to -> Nullable<InstantSql>,
        recorded_at -> InstantSql,
        approval_id -> Nullable<UidSql>,
    }
}

diesel::table! {
    use super::types::*;

    contact (id) {
        id -> UidSql,
        bank_id -> UidSql,
        level -> BigInt,
        language -> Text,
        payload_id -> UidSql,
        commitment -> Binary,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    contact_end (contact_id) {
        contact_id -> UidSql,
        replaced_by -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint (id) {
        id -> UidSql,
        bank_id -> UidSql,
        payload_id -> UidSql,
        commitment -> Binary,
        ed25519 -> Bool,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint_end (endpoint_id) {
        endpoint_id -> UidSql,
        replaced_by -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint_secret (endpoint_id, revision) {
        endpoint_id -> UidSql,
        revision -> BigInt,
        payload_id -> UidSql,
        previous_until -> Nullable<InstantSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    roster_version (version) {
        version -> BigInt,
        effective_at -> InstantSql,
        bank_count -> BigInt,
        root -> Binary,
        entry_hash -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    roster_leaf (version, bank_id) {
        version -> BigInt,
        bank_id -> UidSql,
        position -> BigInt,
        linking -> Text,
        channels -> Binary,
        member_since -> BigInt,
        keys -> Binary,
        leaf_hash -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    issue_gate (id) {
        id -> BigInt,
        turns -> BigInt,
        next_change_at -> Nullable<InstantSql>,
    }
}

diesel::table! {
    use super::types::*;

    bank_counter (bank_id) {
        bank_id -> UidSql,
        last_number -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    incident_counter (year) {
        year -> BigInt,
        last_number -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    sealed_payload (id) {
        id -> UidSql,
        subject -> UidSql,
        key_version -> BigInt,
        ciphertext -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    data_key (subject, version) {
        subject -> UidSql,
        version -> BigInt,
        wrapped -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    hub_key (purpose) {
        purpose -> Text,
        wrapped -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    person (id) {
        id -> UidSql,
        bank_id -> Nullable<UidSql>,
        payload_id -> UidSql,
        email_tag -> Binary,
        language -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    role_grant (person_id, role, revision) {
        person_id -> UidSql,
        role -> Text,
        revision -> BigInt,
        given -> Bool,
        granted_by -> Nullable<UidSql>,
        approval_id -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    approval_request (id) {
        id -> UidSql,
        act -> Text,
        subject_id -> UidSql,
        details -> Binary,
        requester -> UidSql,
        reason -> Text,
        recorded_at -> InstantSql,
        expires_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    approval (request_id) {
        request_id -> UidSql,
        requester -> UidSql,
        approver -> UidSql,
        decision -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    invitation (id) {
        id -> UidSql,
        token_hash -> Binary,
        bank_id -> Nullable<UidSql>,
        roles -> Text,
        payload_id -> UidSql,
        email_tag -> Binary,
        language -> Text,
        invited_by -> Nullable<UidSql>,
        created_at -> InstantSql,
        expires_at -> InstantSql,
        used_at -> Nullable<InstantSql>,
        person_id -> Nullable<UidSql>,
    }
}

diesel::table! {
    use super::types::*;

    api_key (id) {
        id -> UidSql,
        person_id -> Nullable<UidSql>,
        bank_id -> Nullable<UidSql>,
        secret_hash -> Binary,
        label -> Text,
        created_at -> InstantSql,
        expires_at -> InstantSql,
        revoked_at -> Nullable<InstantSql>,
    }
}

diesel::table! {
    use super::types::*;

    idempotency (caller_id, idem_key) {
        caller_id -> UidSql,
        idem_key -> Text,
        request_hash -> Binary,
        status -> BigInt,
        answer -> Binary,
        created_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    guess_counter (delivery_id) {
        delivery_id -> UidSql,
        failures -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    incident (id) {
        id -> UidSql,
        reference -> Text,
        opened_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    revision (id) {
        id -> UidSql,
        incident_id -> UidSql,
        number -> BigInt,
        phase -> Text,
        determination -> Text,
        severity -> Text,
        urgency -> Text,
        status -> Text,
        tlp -> Text,
        kind -> Text,
        title_ja -> Text,
        title_en -> Text,
        search_text -> Text,
        body -> Binary,
        digest -> Binary,
        contacts_id -> Nullable<UidSql>,
        accepted_at -> InstantSql,
        accepted_by -> Nullable<UidSql>,
        approval_id -> Nullable<UidSql>,
        fanout_id -> UidSql,
    }
}

diesel::table! {
    use super::types::*;

    fanout (id) {
        id -> UidSql,
        revision_id -> UidSql,
        kind -> Text,
        n -> BigInt,
        roster_version -> BigInt,
        notice_count -> BigInt,
        notices_root -> Binary,
        salt_id -> UidSql,
        issued_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    notice (id) {
        id -> UidSql,
        revision_id -> UidSql,
        fanout_id -> UidSql,
        incident_id -> UidSql,
        bank_id -> UidSql,
        number -> BigInt,
        reason -> Text,
        exposed -> Bool,
        concerns_you -> Bool,
        acknowledge_by -> InstantSql,
        object -> Binary,
        digest -> Binary,
        commitment -> Binary,
        facts -> Binary,
        channels -> Text,
        issued_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    draft (id) {
        id -> UidSql,
        author -> UidSql,
        payload_id -> UidSql,
        version -> BigInt,
        created_at -> InstantSql,
        updated_at -> InstantSql,
        discarded_at -> Nullable<InstantSql>,
        discard_reason -> Nullable<Text>,
        revision_id -> Nullable<UidSql>,
        report_id -> Nullable<UidSql>,
        discarded_by -> Nullable<UidSql>,
    }
}

diesel::table! {
    use super::types::*;

    message (id) {
        id -> UidSql,
        kind -> Text,
        notice_id -> Nullable<UidSql>,
        bank_id -> Nullable<UidSql>,
        person_id -> Nullable<UidSql>,
        payload_id -> Nullable<UidSql>,
        created_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    attempt (id) {
        id -> UidSql,
        delivery_id -> UidSql,
        number -> BigInt,
        node_id -> UidSql,
        started_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    attempt_outcome (attempt_id, seq) {
        attempt_id -> UidSql,
        seq -> BigInt,
        delivery_id -> UidSql,
        notice_id -> Nullable<UidSql>,
        incident_id -> Nullable<UidSql>,
        bank_id -> Nullable<UidSql>,
        target_id -> UidSql,
        channel -> Text,
        number -> BigInt,
        outcome -> Text,
        status -> Nullable<BigInt>,
        duration_ms -> BigInt,
        body_hash -> Nullable<Binary>,
        tls_fingerprint -> Nullable<Binary>,
        answer_id -> Nullable<UidSql>,
        started_at -> InstantSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    delivery (id) {
        id -> UidSql,
        message_id -> UidSql,
        notice_id -> Nullable<UidSql>,
        bank_id -> Nullable<UidSql>,
        channel -> Text,
        target_id -> UidSql,
        state -> Text,
        attempts -> BigInt,
        failures -> BigInt,
        due_at -> InstantSql,
        lease_owner -> Nullable<UidSql>,
        lease_token -> Nullable<UidSql>,
        unsealed -> Bool,
        created_at -> InstantSql,
        fanout_id -> Nullable<UidSql>,
    }
}

diesel::table! {
    use super::types::*;

    notice_level (notice_id, level) {
        notice_id -> UidSql,
        level -> BigInt,
        reached_at -> InstantSql,
        recorded_at -> InstantSql,
        evidence_id -> UidSql,
    }
}

diesel::table! {
    use super::types::*;

    acknowledgement (id) {
        id -> UidSql,
        notice_id -> UidSql,
        digest -> Binary,
        class -> Text,
        person_id -> Nullable<UidSql>,
        api_key_id -> Nullable<UidSql>,
        delivery_id -> Nullable<UidSql>,
        payload_id -> Nullable<UidSql>,
        note_id -> Nullable<UidSql>,
        covered_by -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    response (id) {
        id -> UidSql,
        notice_id -> UidSql,
        incident_id -> UidSql,
        bank_id -> UidSql,
        codes -> Text,
        share -> Text,
        payload_id -> UidSql,
        effective_from -> Nullable<InstantSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    task_event (task_id, seq) {
        task_id -> UidSql,
        seq -> BigInt,
        kind -> Text,
        event -> Text,
        bank_id -> UidSql,
        notice_id -> Nullable<UidSql>,
        target_id -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    notice_status (notice_id) {
        notice_id -> UidSql,
        bounced -> Bool,
        endpoint_down -> Bool,
        disputed -> Bool,
        told_out_of_band -> Bool,
    }
}

diesel::table! {
    use super::types::*;

    chase_step (notice_id, n) {
        notice_id -> UidSql,
        n -> BigInt,
        kind -> Text,
        contacts -> BigInt,
        due_at -> InstantSql,
        message_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    out_of_band_contact (id) {
        id -> UidSql,
        notice_id -> UidSql,
        bank_id -> UidSql,
        channel -> Text,
        contact_id -> UidSql,
        caller -> UidSql,
        told_at -> InstantSql,
        read_back -> BigInt,
        payload_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    phone_task_event (task_id, seq) {
        task_id -> UidSql,
        seq -> BigInt,
        event -> Text,
        bank_id -> UidSql,
        notice_id -> UidSql,
        person_id -> Nullable<UidSql>,
        contact_id -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    clock_step (origin_id, n) {
        origin_id -> UidSql,
        n -> BigInt,
        subject_id -> UidSql,
        phase -> Text,
        due_at -> InstantSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    chase (notice_id) {
        notice_id -> UidSql,
        next_step -> BigInt,
        next_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    operator_clock (subject_id) {
        subject_id -> UidSql,
        origin_id -> UidSql,
        phase -> Text,
        started_at -> InstantSql,
        clock_at -> InstantSql,
        ceiling_at -> Nullable<InstantSql>,
        next_step -> BigInt,
        next_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    duty (name) {
        name -> Text,
        node -> Nullable<UidSql>,
        until -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    log_entry (seq) {
        seq -> BigInt,
        group_id -> UidSql,
        kind -> Text,
        subject_id -> UidSql,
        body -> Binary,
        leaf_hash -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    log_run (log, first_index) {
        log -> BigInt,
        first_index -> BigInt,
        first_seq -> BigInt,
        n -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    log_tile (log, level, number) {
        log -> BigInt,
        level -> BigInt,
        number -> BigInt,
        root -> Binary,
        hashes -> Binary,
    }
}

diesel::table! {
    use super::types::*;

    log_batch (log, size) {
        log -> BigInt,
        size -> BigInt,
        root -> Binary,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    log_checkpoint (log, size) {
        log -> BigInt,
        size -> BigInt,
        note -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    log_seal (fanout_id) {
        fanout_id -> UidSql,
        log -> BigInt,
        entry_index -> BigInt,
        size -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    log_event (id) {
        id -> UidSql,
        event -> Text,
        code -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    log_pending (group_id) {
        group_id -> UidSql,
        first_seq -> BigInt,
        last_seq -> BigInt,
    }
}

diesel::table! {
    use super::types::*;

    log_head (one) {
        one -> BigInt,
        log -> BigInt,
        size -> BigInt,
        term -> BigInt,
        leader -> Nullable<UidSql>,
        leads_until -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    credential (person_id) {
        person_id -> UidSql,
        password_hash -> Text,
        totp_id -> UidSql,
        totp_step -> BigInt,
        changed_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    preference (person_id) {
        person_id -> UidSql,
        language -> Text,
        zone -> Text,
    }
}

diesel::table! {
    use super::types::*;

    session (id) {
        id -> UidSql,
        token_hash -> Binary,
        person_id -> UidSql,
        agent -> Text,
        created_at -> InstantSql,
        seen_at -> InstantSql,
        ended_at -> Nullable<InstantSql>,
        confirmed_at -> Nullable<InstantSql>,
    }
}

diesel::table! {
    use super::types::*;

    recovery (id) {
        id -> UidSql,
        token_hash -> Binary,
        person_id -> UidSql,
        approval_id -> Nullable<UidSql>,
        created_at -> InstantSql,
        expires_at -> InstantSql,
        used_at -> Nullable<InstantSql>,
    }
}

diesel::table! {
    use super::types::*;

    sign_in_counter (subject) {
        subject -> Binary,
        failures -> BigInt,
        last_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    self_check (id) {
        id -> UidSql,
        broken -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    self_check_turn (one) {
        one -> BigInt,
        next_at -> InstantSql,
        took_ms -> BigInt,
        tried_at -> Nullable<InstantSql>,
    }
}

diesel::table! {
    use super::types::*;

    bank_key (id) {
        id -> UidSql,
        bank_id -> UidSql,
        public_key -> Binary,
        proof -> Text,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    bank_key_end (key_id) {
        key_id -> UidSql,
        replaced_by -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    head_dispute (id) {
        id -> UidSql,
        bank_id -> UidSql,
        acknowledgement_id -> UidSql,
        size -> BigInt,
        root -> Binary,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    bank_report (id) {
        id -> UidSql,
        bank_id -> UidSql,
        person_id -> Nullable<UidSql>,
        api_key_id -> Nullable<UidSql>,
        payload_id -> UidSql,
        triage_by -> InstantSql,
        issue_by -> InstantSql,
        reported_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    bank_report_end (report_id) {
        report_id -> UidSql,
        outcome -> Text,
        revision_id -> Nullable<UidSql>,
        person_id -> Nullable<UidSql>,
        payload_id -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    mail_report (id) {
        id -> UidSql,
        delivery_id -> UidSql,
        attempt_id -> UidSql,
        notice_id -> Nullable<UidSql>,
        bank_id -> Nullable<UidSql>,
        target_id -> UidSql,
        action -> Text,
        status -> Nullable<Text>,
        class -> Text,
        tag -> Binary,
        payload_id -> UidSql,
        reported_at -> Nullable<InstantSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    warning_given (subject_id, kind) {
        subject_id -> UidSql,
        kind -> Text,
        given_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    deferral (id) {
        id -> UidSql,
        request_id -> UidSql,
        basis -> Text,
        incident_id -> Nullable<UidSql>,
        draft_id -> Nullable<UidSql>,
        report_id -> Nullable<UidSql>,
        renews -> Nullable<UidSql>,
        payload_id -> UidSql,
        expires_at -> InstantSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    deferral_end (deferral_id) {
        deferral_id -> UidSql,
        how -> Text,
        revision_id -> Nullable<UidSql>,
        person_id -> Nullable<UidSql>,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    notice_closing (notice_id) {
        notice_id -> UidSql,
        request_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    incident_closing (incident_id) {
        incident_id -> UidSql,
        revision_id -> UidSql,
        settled_id -> UidSql,
        acknowledged -> BigInt,
        closed -> BigInt,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    response_answer (response_id) {
        response_id -> UidSql,
        person_id -> UidSql,
        payload_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    response_shared (incident_id) {
        incident_id -> UidSql,
        up_to -> UidSql,
        shared_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    observer (bank_id) {
        bank_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    late_joiner (bank_id) {
        bank_id -> UidSql,
        after_incident -> UidSql,
        joined_at -> InstantSql,
        look_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint_challenge (message_id) {
        message_id -> UidSql,
        delivery_id -> UidSql,
        endpoint_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint_proof (id) {
        id -> UidSql,
        endpoint_id -> UidSql,
        message_id -> UidSql,
        attempt_id -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::table! {
    use super::types::*;

    endpoint_replacement (endpoint_id) {
        endpoint_id -> UidSql,
        replaces -> UidSql,
        recorded_at -> InstantSql,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    bank,
    bank_profile,
    partnership,
    contact,
    contact_end,
    endpoint,
    endpoint_end,
    endpoint_secret,
    roster_version,
    roster_leaf,
    issue_gate,
    bank_counter,
    incident_counter,
    sealed_payload,
    data_key,
    hub_key,
    person,
    role_grant,
    approval_request,
    approval,
    invitation,
    api_key,
    idempotency,
    credential,
    preference,
    session,
    recovery,
    sign_in_counter,
    guess_counter,
    incident,
    revision,
    fanout,
    notice,
    draft,
    message,
    attempt,
    attempt_outcome,
    delivery,
    notice_level,
    acknowledgement,
    response,
    task_event,
    notice_status,
    log_entry,
    log_run,
    log_tile,
    log_batch,
    log_checkpoint,
    log_seal,
    log_event,
    log_pending,
    log_head,
    self_check,
    self_check_turn,
    bank_key,
    bank_key_end,
    head_dispute,
    chase_step,
    out_of_band_contact,
    phone_task_event,
    clock_step,
    chase,
    operator_clock,
    duty,
    bank_report,
    bank_report_end,
    warning_given,
    deferral,
    deferral_end,
    notice_closing,
    incident_closing,
    response_answer,
    response_shared,
    observer,
    late_joiner,
    mail_report,
    endpoint_challenge,
    endpoint_proof,
    endpoint_replacement,
);
