//! The expectation: every route, who may, what a good request is, and whose things it reaches. Written apart
//! from the hub's own table on purpose; the two are compared.

use super::cast::{Cast, Identity, Side};
use crate::journeys::deferring::deferral;
use crate::support::ground::{filing, report};
use crate::support::signer::{enrolment, signer};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The route names nothing.
    Only,
    A,
    B,
    /// Nothing has this name.
    Missing,
    /// Bank A's address with an id of bank B's.
    Crossed,
}

/// What a route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Nothing,
    Incident,
    Notice,
    Approval,
    Delivery,
    /// A call that waits.
    Task,
    Draft(usize),
    Bank,
    /// A bank without keys.
    Keyless,
    Contact(usize),
    Endpoint(usize),
    MachineKey,
    SigningKey,
    /// A report of a bank's own.
    Report,
    /// The same, to be answered: made for each call.
    OpenReport,
    /// A response that asks: made for each call.
    Question,
    /// What is held back: made for each call.
    Deferral,
    /// Nothing, but the body is of whoever's bank knocks.
    Enrolment,
    PersonKey,
    Person,
    Invitation,
    Link,
    File(&'static str),
}

/// Whose things a caller who may call reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Its own bank's.
    Own,
    /// One's own; an administrator everybody's.
    Mine,
}

#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Value),
    Csv(&'static str),
    Form(Vec<(&'static str, String)>),
}

pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    /// Letters of the roles: officer, auditor, administrator (d), member, head, machine (k); `*` = anyone.
    pub may: &'static str,
    /// The status where it works, and where nothing has the name.
    pub ok: u16,
    pub absent: u16,
    pub object: Object,
    pub reach: Reach,
    /// Query and body.
    pub ask: fn(&Cast, Target) -> (String, Body),
}

impl Row {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn targets(&self) -> &'static [Target] {
        use Target::{A, B, Crossed, Missing, Only};
        match self.object {
            Object::Nothing
                if ["/as-of", "/certificates", "/service-levels"]
                    .iter()
                    .any(|end| self.path.ends_with(end)) =>
            {
                &[A, B, Missing]
            }
            Object::Nothing if self.path.ends_with("/partnerships") && self.method == "POST" => {
                &[A, Missing]
            }
            Object::Nothing | Object::Enrolment => &[Only],
            Object::Contact(_) | Object::Endpoint(_) | Object::MachineKey
                if self.path.contains("{code}") =>
            {
                &[A, B, Crossed, Missing]
            }
            Object::Incident
            | Object::Approval
            | Object::Draft(_)
            | Object::OpenReport
            | Object::Question
            | Object::Deferral
            | Object::Person
            | Object::Invitation => &[A, Missing],
            Object::File(_) => &[A, Missing],
            _ => &[A, B, Missing],
        }
    }

    pub fn is_for_banks(&self) -> bool {
        self.may.contains(['m', 'h', 'k'])
    }

    /// Query and body of a good call.
    pub fn asked(&self, cast: &Cast, who: &Identity, target: Target) -> (String, Body) {
        let about = match (self.object, who.bank) {
            (Object::Enrolment, Some(Side::B)) => Target::B,
            _ => target,
        };
        (self.ask)(cast, about)
    }

    /// The status that this caller must get.
    pub fn expected(&self, who: &Identity, target: Target) -> u16 {
        if self.may == "*" {
            return if target == Target::Missing {
                self.absent
            } else {
                self.ok
            };
        }
        let Some(right) = who.right else { return 401 };
        if !self.may.contains(right) {
            return if who.bank.is_some() && !self.is_for_banks() {
                404
            } else {
                403
            };
        }
        match target {
            Target::Missing | Target::Crossed => self.absent,
            _ if self.reaches(who, target) => self.ok,
            _ => 404,
        }
    }

    fn reaches(&self, who: &Identity, target: Target) -> bool {
        let side = if target == Target::B {
            Side::B
        } else {
            Side::A
        };
        match self.reach {
            Reach::All => true,
            Reach::Own => target == Target::Only || who.bank == Some(side),
            Reach::Mine => target != Target::B || who.right == Some('d'),
        }
    }
}

fn plain(_: &Cast, _: Target) -> (String, Body) {
    (String::new(), Body::None)
}

fn with(body: Value) -> (String, Body) {
    (String::new(), Body::Json(body))
}

pub fn withdrawal() -> Value {
    json!({ "reason": "false_alarm", "text": { "ja": "誤りでした。", "en": "It was a mistake." } })
}

fn fresh() -> u32 {
    static MADE: AtomicU32 = AtomicU32::new(0);
    MADE.fetch_add(1, Ordering::Relaxed)
}

/// An invitation for somebody who was not invited before.
pub fn invitee() -> Value {
    json!({ "name": "小林 翼", "email": format!("p{}@people.example", fresh()), "roles": ["officer"], "bank": null, "language": "ja" })
}

fn contact() -> Value {
    json!({ "name": "田中 実", "role": "当直", "email": "tanaka@bank.example", "phone": "+81 3-0000-2000",
        "hours": "24h", "level": 2, "language": "ja" })
}

fn profile() -> Value {
    json!({ "name_ja": "銀行", "name_en": "Bank", "language": "ja", "linking": ["sms_otp"],
        "new_links": "open", "top_ups": "open", "pay_outs": "open" })
}

fn endpoint(cast: &Cast) -> Value {
    json!({ "url": cast.a.bank.receiver.url("/another"), "ed25519": false })
}

fn on_behalf(cast: &Cast, _: Target) -> (String, Body) {
    with(json!({ "endpoint": endpoint(cast), "reason": "asked by telephone" }))
}

fn reason(_: &Cast, _: Target) -> (String, Body) {
    with(json!({ "reason": "asked by telephone" }))
}

fn key(_: &Cast, _: Target) -> (String, Body) {
    with(json!({ "label": "laptop", "days": 30 }))
}

/// A further key of a bank.
fn signing_key(cast: &Cast, target: Target) -> (String, Body) {
    let code = known(target);
    with(enrolment(code, &signer(code, 2), cast.hub.clock.now()))
}

/// What an officer writes down of a call to a bank about its first notice.
fn told(cast: &Cast, target: Target) -> Value {
    json!({ "channel": "meeting", "contact": of(cast, target).contacts[0], "person": "田中 実", "role": "当直",
        "told_at": cast.hub.clock.now().to_string(), "read_back": "1", "note": "" })
}

fn known(target: Target) -> &'static str {
    match target {
        Target::B => "B002",
        Target::Missing => "ZZZZ",
        _ => "B001",
    }
}

fn of(cast: &Cast, target: Target) -> &super::cast::Of {
    if target == Target::B {
        &cast.b
    } else {
        &cast.a
    }
}

fn further() -> Value {
    let mut filing = filing();
    filing["change_summary"] = json!({ "ja": "件数を更新した。", "en": "Counts updated." });
    filing
}

macro_rules! rows {
    ($($method:ident $path:literal $may:literal $ok:literal/$absent:literal $object:expr, $reach:ident, $ask:expr;)*) => {
        vec![$(Row {
            method: stringify!($method), path: $path, may: $may, ok: $ok, absent: $absent,
            object: $object, reach: Reach::$reach, ask: $ask,
        }),*]
    };
}

/// All of them, in an order in which each finds what it needs.
pub fn rows() -> Vec<Row> {
    use Object::*;
    let mut all = content();
    all.extend(rows![
        GET "/health/live" "*" 200/404 Nothing, All, plain;
        GET "/health/ready" "*" 200/404 Nothing, All, plain;
        GET "/.well-known/kairan" "*" 200/404 Nothing, All, plain;
        GET "/api/openapi.json" "*" 200/404 Nothing, All, plain;
        GET "/api/docs" "*" 308/404 Nothing, All, plain;
        GET "/api/docs/{file:.*}" "*" 200/404 File("swagger-ui.css"), All, plain;
        GET "/static/{file:.*}" "*" 200/404 File("kairan.css"), All, plain;
        GET "/n/{token}" "*" 200/404 Link, All, plain;
        POST "/n/{token}" "*" 200/404 Link, All, |cast, target| {
            let code = of(cast, target).code.clone();
            (String::new(), Body::Form(vec![("code", code), ("name", "田中 実".into()), ("role", "当直".into())]))
        };
    ]);
    all.extend(register());
    all.extend(own());
    all
}

fn content() -> Vec<Row> {
    use Object::*;
    rows![
        GET "/api/v1/incidents" "oa" 200/404 Nothing, All, plain;
        POST "/api/v1/incidents" "o" 201/404 Nothing, All, |_, _| with(filing());
        GET "/api/v1/incidents/{reference}" "oa" 200/404 Incident, All, plain;
        GET "/api/v1/incidents/{reference}/revisions" "oa" 200/404 Incident, All, plain;
        POST "/api/v1/incidents/{reference}/revisions" "o" 201/404 Incident, All, |_, _| with(further());
        GET "/api/v1/incidents/{reference}/revisions/{number}" "oa" 200/404 Incident, All, plain;
        POST "/api/v1/incidents/{reference}/withdrawal" "o" 202/404 Incident, All, |_, _| with(withdrawal());
        POST "/api/v1/incidents/{reference}/notice-closings" "o" 202/404 Incident, All, |_, _| with(json!({ "bank": "B002", "reason": "unreachable" }));
        POST "/api/v1/incidents/{reference}/resends" "o" 202/404 Incident, All, |_, _| with(json!({ "bank": "B002" }));
        GET "/api/v1/incidents/{reference}/notices" "oa" 200/404 Incident, All, plain;
        GET "/api/v1/incidents/{reference}/responses" "oa" 200/404 Incident, All, plain;
        GET "/api/v1/incidents/{reference}/chases" "oa" 200/404 Incident, All, plain;
        GET "/api/v1/incidents/{reference}/out-of-band-contacts" "oa" 200/404 Incident, All, plain;
        POST "/api/v1/tasks/{id}/claim" "o" 204/404 Task, All, plain;
        POST "/api/v1/tasks/{id}/release" "o" 204/404 Task, All, plain;
        POST "/api/v1/tasks/{id}/completion" "o" 202/404 Task, All, |cast, target| with(told(cast, target));
        POST "/api/v1/incidents/{reference}/out-of-band-contacts" "o" 202/404 Incident, All, |cast, target|
            with(json!({ "bank": "B001", "told": told(cast, target) }));
        GET "/api/v1/clocks" "oa" 200/404 Nothing, All, plain;
        GET "/api/v1/incidents/{reference}/response-map" "oa" 200/404 Incident, All, plain;
        GET "/api/v1/exercises" "oa" 200/404 Nothing, All, plain;
        GET "/api/v1/questions" "oa" 200/404 Nothing, All, plain;
        GET "/api/v1/inbox" "mhk" 200/404 Nothing, Own, plain;
        GET "/api/v1/notices/{id}" "mhk" 200/404 Notice, Own, plain;
        GET "/api/v1/notices/{id}/object" "mhk" 200/404 Notice, Own, plain;
        GET "/api/v1/notices/{id}/body" "mhk" 200/404 Notice, Own, plain;
        GET "/api/v1/notices/{id}/proof" "mhk" 200/404 Notice, Own, plain;
        POST "/api/v1/notices/{id}/acknowledgement" "mhk" 200/404 Notice, Own, |cast, target|
            with(json!({ "digest": of(cast, target).digest, "name": "高橋 健", "role": "当直" }));
        GET "/api/v1/notices/{id}/responses" "mhk" 200/404 Notice, Own, plain;
        POST "/api/v1/notices/{id}/responses" "mhk" 201/404 Notice, Own, |_, _|
            with(json!({ "codes": ["noted"], "share": "operator", "note": "確認中" }));
        POST "/api/v1/responses/{id}/answer" "o" 204/404 Question, All, |_, _| with(json!({ "text": "新規のみです。" }));
        GET "/api/v1/approvals" "oad" 200/404 Nothing, All, plain;
        POST "/api/v1/approvals/{id}/decision" "od" 200/404 Approval, All, |_, _| with(json!({ "approve": false }));
        GET "/api/v1/deliveries" "oa" 200/404 Nothing, All, plain;
        POST "/api/v1/deliveries/{id}/resend" "o" 202/404 Delivery, All, plain;
        GET "/api/v1/tasks" "oa" 200/404 Nothing, All, plain;
        GET "/api/v1/service-levels" "oa" 200/404 Nothing, All, |_, target| (format!("?bank={}", known(target)), Body::None);
        GET "/api/v1/as-of" "oa" 200/404 Nothing, All, |_, target|
            (format!("?bank={}&at=2020-01-01T00:00:00Z", known(target)), Body::None);
        GET "/api/v1/certificates" "a" 200/404 Nothing, All, |_, target|
            (format!("?bank={}&as_of=2020-01-01T00:00:00Z", known(target)), Body::None);
        GET "/api/v1/evidence/incidents/{reference}" "a" 200/404 Incident, All, plain;
        GET "/api/v1/evidence/banks/{code}" "a" 200/404 Bank, All, plain;
        POST "/api/v1/banks/{code}/test-notice" "od" 202/404 Bank, All, plain;
        GET "/api/v1/log/checkpoint" "oadmhk" 200/404 Nothing, All, plain;
        GET "/api/v1/log/tile/entries/{place:.*}" "a" 200/404 File("000.p/1"), All, plain;
        GET "/api/v1/log/tile/{level}/{place:.*}" "oadmhk" 200/404 File("000.p/1"), All, plain;
        GET "/api/v1/deferrals" "oa" 200/404 Nothing, All, plain;
        POST "/api/v1/deferrals" "o" 202/404 Nothing, All, |cast, _| with(deferral(&cast.hub));
        POST "/api/v1/deferrals/{id}/renewal" "o" 202/404 Deferral, All, |cast, _| {
            let mut terms = deferral(&cast.hub);
            terms.as_object_mut().expect("an object").remove("filing");
            with(terms)
        };
        POST "/api/v1/deferrals/{id}/lifting" "o" 200/404 Deferral, All, plain;
        GET "/api/v1/reports" "oa" 200/404 Nothing, All, plain;
        POST "/api/v1/reports" "mhk" 201/404 Nothing, Own, |_, _| with(report());
        GET "/api/v1/reports/{id}" "oa" 200/404 Report, All, plain;
        POST "/api/v1/reports/{id}/draft" "o" 201/404 OpenReport, All, plain;
        POST "/api/v1/reports/{id}/rejection" "o" 204/404 OpenReport, All, reason;
        GET "/api/v1/drafts" "oa" 200/404 Nothing, All, plain;
        POST "/api/v1/drafts" "o" 201/404 Nothing, All, |_, _| with(filing());
        GET "/api/v1/drafts/{id}" "oa" 200/404 Draft(0), All, plain;
        PUT "/api/v1/drafts/{id}" "o" 200/404 Draft(0), All, |_, _| with(filing());
        POST "/api/v1/drafts/{id}/discard" "o" 204/404 Draft(1), All, reason;
    ]
}

fn register() -> Vec<Row> {
    use Object::*;
    rows![
        GET "/api/v1/banks" "oad" 200/404 Nothing, All, plain;
        POST "/api/v1/banks" "d" 201/404 Nothing, All, |_, _|
            with(json!({ "code": format!("N{}", fresh()), "profile": profile(), "valid_from": null }));
        GET "/api/v1/banks/{code}" "oad" 200/404 Bank, All, plain;
        PUT "/api/v1/banks/{code}/profile" "d" 200/404 Bank, All, |_, _| with(profile());
        GET "/api/v1/roster" "oad" 200/404 Nothing, All, plain;
        GET "/api/v1/reachability" "oad" 200/404 Nothing, All, plain;
        GET "/api/v1/channels" "oad" 200/404 Nothing, All, plain;
        POST "/api/v1/import" "d" 200/404 Nothing, All, |_, _|
            ("?dry_run=false".into(), Body::Csv("code,name_ja,name_en,language\nCSV1,銀行,Bank,ja\n"));
        GET "/api/v1/partnerships" "oad" 200/404 Nothing, All, plain;
        POST "/api/v1/partnerships" "d" 200/404 Nothing, All, |_, target|
            with(json!({ "bank": if target == Target::A { "LATER" } else { "ZZZZ" } }));
        POST "/api/v1/partnerships/{code}/ending" "d" 202/404 Bank, All, reason;
        GET "/api/v1/banks/{code}/contacts" "oad" 200/404 Bank, All, plain;
        POST "/api/v1/banks/{code}/contacts" "d" 201/404 Bank, All, |_, _| with(contact());
        POST "/api/v1/banks/{code}/contacts/{id}/replacement" "d" 201/404 Contact(1), All, |_, _| with(contact());
        DELETE "/api/v1/banks/{code}/contacts/{id}" "d" 204/404 Contact(2), All, plain;
        GET "/api/v1/banks/{code}/endpoints" "oad" 200/404 Bank, All, plain;
        POST "/api/v1/banks/{code}/endpoints" "d" 202/404 Bank, All, on_behalf;
        POST "/api/v1/banks/{code}/endpoints/{id}/replacement" "d" 202/404 Endpoint(1), All, on_behalf;
        POST "/api/v1/banks/{code}/endpoints/{id}/ending" "d" 202/404 Endpoint(1), All, reason;
        POST "/api/v1/banks/{code}/endpoints/{id}/challenge" "od" 202/404 Endpoint(3), All, plain;
        GET "/api/v1/banks/{code}/keys" "da" 200/404 Bank, All, plain;
        POST "/api/v1/banks/{code}/keys" "d" 201/404 Keyless, All, key;
        POST "/api/v1/banks/{code}/keys/{id}/revocation" "d" 202/404 MachineKey, All, reason;
        GET "/api/v1/banks/{code}/signing-keys" "oad" 200/404 Bank, All, plain;
        GET "/api/v1/people" "da" 200/404 Nothing, All, plain;
        POST "/api/v1/people/{id}/roles" "d" 202/404 Person, All, |_, _|
            with(json!({ "roles": ["auditor"], "reason": "moved to audit" }));
        POST "/api/v1/people/{id}/recovery" "d" 202/404 Person, All, reason;
        POST "/api/v1/invitations" "d" 201/404 Nothing, All, |_, _| with(invitee());
        POST "/api/v1/invitations/{token}" "*" 201/410 Invitation, All, plain;
        GET "/api/v1/keys" "oadmh" 200/404 Nothing, All, plain;
        DELETE "/api/v1/keys/{id}" "oadmh" 204/404 PersonKey, Mine, plain;
        POST "/api/v1/keys" "oadmh" 201/404 Nothing, All, key;
    ]
}

fn own() -> Vec<Row> {
    use Object::*;
    rows![
        GET "/api/v1/own/reports" "mhk" 200/404 Nothing, Own, plain;
        GET "/api/v1/own/reports/{id}" "mhk" 200/404 Report, Own, plain;
        GET "/api/v1/own/reports/{id}/proof" "mhk" 200/404 Report, Own, plain;
        GET "/api/v1/own/reachability" "mhk" 200/404 Nothing, Own, plain;
        GET "/api/v1/own/channels" "mhk" 200/404 Nothing, Own, plain;
        GET "/api/v1/own/contacts" "mh" 200/404 Nothing, Own, plain;
        POST "/api/v1/own/contacts" "h" 201/404 Nothing, Own, |_, _| with(contact());
        POST "/api/v1/own/contacts/{id}/replacement" "h" 201/404 Contact(3), Own, |_, _| with(contact());
        DELETE "/api/v1/own/contacts/{id}" "h" 204/404 Contact(4), Own, plain;
        GET "/api/v1/own/endpoints" "mh" 200/404 Nothing, Own, plain;
        POST "/api/v1/own/endpoints" "h" 201/404 Nothing, Own, |cast, _| with(endpoint(cast));
        POST "/api/v1/own/endpoints/{id}/replacement" "h" 201/404 Endpoint(1), Own, |cast, _| with(endpoint(cast));
        DELETE "/api/v1/own/endpoints/{id}" "h" 204/404 Endpoint(2), Own, plain;
        POST "/api/v1/own/endpoints/{id}/secret" "h" 201/404 Endpoint(3), Own, plain;
        POST "/api/v1/own/endpoints/{id}/challenge" "h" 202/404 Endpoint(3), Own, plain;
        GET "/api/v1/own/keys" "mh" 200/404 Nothing, Own, plain;
        DELETE "/api/v1/own/keys/{id}" "h" 204/404 MachineKey, Own, plain;
        POST "/api/v1/own/keys" "h" 201/404 Nothing, Own, key;
        GET "/api/v1/own/signing-keys" "mhk" 200/404 Nothing, Own, plain;
        POST "/api/v1/own/signing-keys" "hk" 201/404 Enrolment, Own, signing_key;
        DELETE "/api/v1/own/signing-keys/{id}" "hk" 204/404 SigningKey, Own, plain;
    ]
}
