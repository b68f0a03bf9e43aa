//! The whole web floor over an embedded database, without a socket: who gets what from every route.

use super::routes::{Allowed, Route, routes};
use super::{App, Limits, configure};
use crate::actions::register_bank::{NewBank, ProfileInput, register_bank};
use crate::actions::{self, Rules};
use crate::clock::Clock;
use crate::domain::access::Role;
use crate::domain::address::AddressPolicy;
use crate::domain::deadline::Profiles;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::storage::people::{self, ApiKeyRow, PersonRow, RoleGrantRow};
use crate::storage::{Bounds, Error, Lane, Location, Store, Tx, payload};
use crate::templates::Templates;
use crate::vault::{self, Vault};
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App as Application, test};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn rules() -> Rules {
    Rules {
        public_url: "https://hub.example".into(),
        public_host: "hub.example".into(),
        operator_name: "Example Pay".into(),
        zone: jiff::tz::TimeZone::UTC,
        profiles: Profiles::embedded(),
        ending_delay: DAY,
        secret_overlap: DAY,
        approval_window: DAY,
        link_window: DAY,
        invitation_window: DAY,
        confirmation_window: DAY,
        key_lifetime: DAY,
        code_guesses: 5,
        addresses: Arc::new(AddressPolicy::default()),
    }
}

/// A hub's web floor with a key for each kind of caller.
struct Desk {
    app: Data<App>,
    keys: Vec<(Role, String)>,
    free: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

fn key(tx: &mut Tx<'_>, person: Option<Uid>, bank: Option<Uid>) -> Result<String, Error> {
    let secret = vault::random::<32>()?;
    let (id, now) = (tx.new_id()?, tx.now()?);
    let row = ApiKeyRow {
        id,
        person_id: person,
        bank_id: bank,
        secret_hash: Digest::of(&secret).0.to_vec(),
        label: "test".into(),
        created_at: now,
        expires_at: now + DAY,
        revoked_at: None,
    };
    people::insert_key(tx, &row)?;
    Ok(format!(
        "kairan_{}_{}",
        hex::encode(id.as_bytes()),
        URL_SAFE_NO_PAD.encode(secret)
    ))
}

fn person(tx: &mut Tx<'_>, role: Role, bank_id: Option<Uid>) -> Result<String, Error> {
    let (id, recorded_at) = (tx.new_id()?, tx.now()?);
    let payload_id = payload::seal(
        tx,
        id,
        br#"{"name":"Sato Hanako","email":"sato@hub.example"}"#,
    )?;
    let email_tag = Digest::of(id.as_bytes()).0.to_vec();
    let language = "en".into();
    people::insert_person(
        tx,
        &PersonRow {
            id,
            bank_id,
            payload_id,
            email_tag,
            language,
            recorded_at,
        },
    )?;
    let grant = RoleGrantRow {
        person_id: id,
        role: role.code().into(),
        revision: 1,
        given: true,
        granted_by: None,
        approval_id: None,
        recorded_at,
    };
    people::insert_grant(tx, &grant)?;
    key(tx, Some(id), None)
}

fn new_bank() -> NewBank {
    NewBank {
        code: "0117".into(),
        profile: ProfileInput {
            name_ja: "見本銀行".into(),
            name_en: "Sample Bank".into(),
            language: "ja".into(),
            linking: vec!["account_no_cash_card_pin".into()],
            new_links: "open".into(),
            top_ups: "open".into(),
            pay_outs: "open".into(),
        },
        valid_from: None,
        observer: false,
    }
}

fn everyone(tx: &mut Tx<'_>) -> Result<Vec<(Role, String)>, actions::Error> {
    let id = register_bank(tx, &new_bank())?;
    let mut keys = vec![(Role::BankMachine, key(tx, None, Some(id))?)];
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::BankMachine)
    {
        keys.push((role, person(tx, role, role.is_of_bank().then_some(id))?));
    }
    Ok(keys)
}

impl Desk {
    async fn open(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let location = Location::Sqlite(folder.path().join("kairan.db"));
        let bounds = Bounds {
            readers: 2,
            writers: 1,
            group: 8,
            queue: 64,
        };
        let vault = Arc::new(Vault::new([3; 32]));
        let store =
            Store::open(&location, bounds, Clock::new(), Arc::clone(&vault)).expect("it opens");
        vault.install(
            store
                .write(Lane::Front, payload::hub_keys)
                .await
                .expect("hub keys"),
        );
        let keys = store.write(Lane::Front, everyone).await.expect("people");
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let gauge = Arc::clone(&free);
        let templates = Arc::new(Templates::load().expect("texts"));
        let free_space: super::FreeSpace = Arc::new(move || Some(gauge.load(Ordering::Relaxed)));
        let app = Data::new(App::new(
            store,
            Arc::new(rules()),
            templates,
            limits,
            free_space,
            Arc::default(),
            false,
        ));
        Self {
            app,
            keys,
            free,
            _folder: folder,
        }
    }

    fn key(&self, role: Role) -> &str {
        let found = self.keys.iter().find(|(of, _)| *of == role);
        found
            .map(|(_, key)| key.as_str())
            .expect("a key for every role")
    }
}

fn roomy() -> Limits {
    Limits {
        per_key: 10_000,
        per_key_burst: 10_000,
        per_peer: 10_000,
        per_peer_burst: 10_000,
        ..Limits::default()
    }
}

macro_rules! served {
    ($desk:expr) => {
        test::init_service(
            Application::new()
                .app_data($desk.app.clone())
                .configure(configure),
        )
        .await
    };
}

/// An address of a route that names nothing that exists.
fn address(route: &Route) -> String {
    let id = "0190b3c0-1c00-7a00-8000-0123456789ab";
    let mut path = route
        .path
        .replace("{file:.*}", "none")
        .replace("{reference}", "INC-1999-0001");
    for (name, value) in [
        ("{number}", "1"),
        ("{code}", "9999"),
        ("{token}", "AAAA"),
        ("{id}", id),
    ] {
        path = path.replace(name, value);
    }
    path
}

fn asked(method: &Method, path: &str, key: Option<&str>) -> test::TestRequest {
    let mut request = test::TestRequest::with_uri(path).method(method.clone());
    if let Some(key) = key {
        request = request.insert_header(("authorization", format!("Bearer {key}")));
    }
    if method != Method::GET {
        let json = ("content-type", "application/json");
        let once = ("idempotency-key", "k-1");
        request = request
            .insert_header(json)
            .insert_header(once)
            .set_payload("{}");
    }
    request
}

async fn heard(answer: ServiceResponse<BoxBody>) -> (u16, Vec<u8>) {
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body()).await.expect("a body");
    (status, body.to_vec())
}

/// Status and body of the answer.
macro_rules! ask {
    ($service:expr, $request:expr) => {
        heard(test::call_service(&$service, $request.to_request()).await).await
    };
}

mod journey;

#[actix_web::test]
async fn every_route_answers_each_caller_as_the_table_says() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let (status, nothing) = ask!(service, asked(&Method::GET, "/api/v1/nothing", None));
    assert_eq!(status, 404);
    for route in routes().into_iter().filter(|route| !route.is_page()) {
        let path = address(&route);
        let Allowed::Roles(may) = route.who else {
            continue;
        };
        let answer =
            test::call_service(&service, asked(&route.method, &path, None).to_request()).await;
        assert_eq!(
            answer.request().match_pattern().as_deref(),
            Some(route.path),
            "what is recorded"
        );
        assert_eq!(
            answer.status().as_u16(),
            401,
            "{} {path} without a key",
            route.method
        );
        for role in Role::ALL {
            let (status, body) = ask!(service, asked(&route.method, &path, Some(desk.key(role))));
            let told = format!("{} {path} as {}: {status}", route.method, role.code());
            let banks_too = may.iter().any(|role| role.is_of_bank());
            if may.contains(role) {
                assert!(![401, 403, 405].contains(&status) && status < 500, "{told}");
            } else if role.is_of_bank() && !banks_too {
                assert_eq!(status, 404, "{told}");
                assert_eq!(body, nothing, "{told}: differs from what is not there");
            } else {
                assert_eq!(status, 403, "{told}");
            }
        }
    }
}

#[actix_web::test]
async fn no_key_opens_a_page() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    for route in routes().into_iter().filter(Route::is_page) {
        if matches!(route.who, Allowed::Anyone) {
            continue;
        }
        for key in [
            None,
            Some(desk.key(Role::Officer)),
            Some(desk.key(Role::BankAdministrator)),
        ] {
            let request = asked(&route.method, &address(&route), key).to_request();
            let answer = test::call_service(&service, request).await;
            let told = format!("{} {}", route.method, route.path);
            assert_eq!(answer.status().as_u16(), 303, "{told}");
            let there = answer
                .headers()
                .get("location")
                .and_then(|value| value.to_str().ok());
            assert!(
                there.is_some_and(|there| there.starts_with("/sign-in?next=%2F")),
                "{told}: {there:?}"
            );
        }
    }
}

#[actix_web::test]
async fn every_answer_carries_its_guards_and_an_id_to_quote() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    for path in [
        "/api/v1/inbox",
        "/health/live",
        "/health/ready",
        "/.well-known/kairan",
        "/n/AAAA",
        "/none",
        "/api/docs/",
    ] {
        let answer =
            test::call_service(&service, asked(&Method::GET, path, None).to_request()).await;
        let header = |name: &str| {
            let value = answer
                .headers()
                .get(name)
                .unwrap_or_else(|| panic!("{path} lacks {name}"));
            value.to_str().expect("text").to_owned()
        };
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(header("strict-transport-security").starts_with("max-age="));
        assert!(header("x-request-id").parse::<Uid>().is_ok());
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe-eval"),
            "{policy}"
        );
        assert_eq!(
            policy.contains("unsafe-inline"),
            path.starts_with("/api/docs"),
            "{path}"
        );
        if !path.starts_with("/api/docs") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
        }
    }
}

#[actix_web::test]
async fn the_api_takes_no_cookie_no_foreign_media_type_and_no_other_method() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let officer = Some(desk.key(Role::Officer));
    let cookie = asked(&Method::GET, "/api/v1/incidents", officer).insert_header(("cookie", "a=b"));
    assert_eq!(ask!(service, cookie).0, 400);
    let form = asked(&Method::POST, "/api/v1/incidents", officer)
        .insert_header(("content-type", "text/plain"));
    assert_eq!(ask!(service, form).0, 415);
    let packed = asked(&Method::POST, "/api/v1/incidents", officer)
        .insert_header(("content-encoding", "gzip"));
    assert_eq!(ask!(service, packed).0, 415);
    let large = asked(&Method::POST, "/api/v1/incidents", officer).set_payload(vec![b' '; 300_000]);
    assert_eq!(ask!(service, large).0, 413);
    assert_eq!(
        ask!(
            service,
            asked(&Method::DELETE, "/api/v1/incidents", officer)
        )
        .0,
        405
    );
    let unknown = asked(&Method::GET, "/api/v1/incidents?bank=0117", officer);
    assert_eq!(ask!(service, unknown).0, 400);
    let recipients = asked(&Method::POST, "/api/v1/incidents", officer)
        .set_payload(r#"{"recipients":["0117"]}"#);
    assert_eq!(ask!(service, recipients).0, 400);
}

#[actix_web::test]
async fn a_full_disk_stops_filing_but_no_acknowledgement() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    desk.free.store(1, Ordering::Relaxed);
    let filing = asked(
        &Method::POST,
        "/api/v1/incidents",
        Some(desk.key(Role::Officer)),
    );
    assert_eq!(ask!(service, filing).0, 507);
    let path = "/api/v1/notices/0190b3c0-1c00-7a00-8000-0123456789ab/acknowledgement";
    let stamp = asked(&Method::POST, path, Some(desk.key(Role::BankMachine))).set_payload(format!(
        r#"{{"digest":"sha-256:{}","name":"Sato","role":"duty"}}"#,
        "0".repeat(64)
    ));
    assert_eq!(ask!(service, stamp).0, 404);
}

#[actix_web::test]
async fn one_caller_that_hammers_slows_nobody_else() {
    let limits = Limits {
        per_key: 1,
        per_key_burst: 2,
        ..roomy()
    };
    let desk = Desk::open(limits).await;
    let service = served!(desk);
    let auditor = Some(desk.key(Role::Auditor));
    for expected in [200, 200, 429] {
        assert_eq!(
            ask!(service, asked(&Method::GET, "/api/v1/incidents", auditor)).0,
            expected
        );
    }
    let officer = Some(desk.key(Role::Officer));
    assert_eq!(
        ask!(service, asked(&Method::GET, "/api/v1/incidents", officer)).0,
        200
    );
}

#[actix_web::test]
async fn an_empty_delivery_log_is_exported_with_its_heading() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let auditor = Some(desk.key(Role::Auditor));
    let (status, body) = ask!(
        service,
        asked(&Method::GET, "/api/v1/deliveries?format=csv", auditor)
    );
    assert_eq!(status, 200);
    let text = String::from_utf8(body).expect("text");
    assert!(
        text.starts_with("attempt,seq,delivery,") && text.ends_with("\r\n"),
        "{text}"
    );
    let (status, body) = ask!(
        service,
        asked(&Method::GET, "/api/v1/deliveries?format=jsonl", auditor)
    );
    assert_eq!((status, body), (200, Vec::new()));
}

#[actix_web::test]
async fn a_reader_with_a_dead_link_is_told_so_in_the_own_language() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let (status, body) = ask!(service, asked(&Method::GET, "/n/AAAA?lang=ja", None));
    assert_eq!(status, 404);
    assert!(
        String::from_utf8(body)
            .expect("text")
            .contains("このリンクは無効です")
    );
    let english =
        asked(&Method::GET, "/n/AAAA", None).insert_header(("accept-language", "en-GB,en;q=0.9"));
    let (_, body) = ask!(service, english);
    assert!(
        String::from_utf8(body)
            .expect("text")
            .contains("This link is not known")
    );
}

#[actix_web::test]
async fn the_documentation_and_the_style_sheet_come_from_inside_the_program() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    for path in [
        "/api/docs/",
        "/api/docs/swagger-ui-bundle.js",
        "/api/openapi.json",
        "/static/kairan.css",
    ] {
        assert_eq!(
            ask!(service, asked(&Method::GET, path, None)).0,
            200,
            "{path}"
        );
    }
    assert_eq!(
        ask!(service, asked(&Method::GET, "/static/../Cargo.toml", None)).0,
        404
    );
}
