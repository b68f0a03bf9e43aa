//! One incident, from the filing to the stamp, as its callers see it.

use super::*;
use serde_json::{Value, json};

fn filing() -> Value {
    json!({
        "title": { "ja": "口座連携による不正チャージの疑い", "en": "Suspected theft by account linking" },
        "description": { "ja": "二行の口座から不正なチャージを確認した。", "en": "Illicit top-ups from accounts at two banks." },
        "typology": ["impersonated_wallet"],
        "detected_at": "2019-05-17T11:00:00+09:00",
        "late_reason": "照会した銀行からの回答を待っていた。",
        "affected_banks": ["0117"],
        "operator_contacts": [
            { "name": "佐藤 花子", "role": "不正対策室", "email": "sato@operator.example", "phone": "+81 3-0000-0001" },
            { "name": "鈴木 一郎", "role": "当直", "email": "suzuki@operator.example", "phone": "+81 3-0000-0002" }
        ]
    })
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

macro_rules! get {
    ($service:expr, $path:expr, $key:expr) => {{
        let (status, body) = ask!($service, asked(&Method::GET, $path, Some($key)));
        assert_eq!(status, 200, "{}: {}", $path, String::from_utf8_lossy(&body));
        read(&body)
    }};
}

macro_rules! post {
    ($service:expr, $path:expr, $key:expr, $once:expr, $body:expr) => {
        ask!(
            $service,
            asked(&Method::POST, $path, Some($key))
                .insert_header(("idempotency-key", $once))
                .set_payload($body.to_string())
        )
    };
}

#[actix_web::test]
async fn a_filing_reaches_the_bank_once_and_comes_back_stamped() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let (officer, machine) = (desk.key(Role::Officer), desk.key(Role::BankMachine));
    let (status, first) = post!(service, "/api/v1/incidents", officer, "one", filing());
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&first));
    let issued = read(&first);
    assert_eq!(
        (&issued["notices"], &issued["revision"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        post!(service, "/api/v1/incidents", officer, "one", filing()),
        (201, first)
    );
    let mut other = filing();
    other["typology"] = json!(["pin_spraying"]);
    assert_eq!(
        post!(service, "/api/v1/incidents", officer, "one", other).0,
        409
    );

    let inbox = get!(service, "/api/v1/inbox?after=0", machine);
    assert_eq!(
        (&inbox["last_number"], &inbox["notices"][0]["number"]),
        (&json!(1), &json!(1))
    );
    let notice = inbox["notices"][0]["notice"].as_str().expect("an id");
    let digest = inbox["notices"][0]["digest"].as_str().expect("a digest");
    let path = format!("/api/v1/notices/{notice}/object");
    let (_, object) = ask!(service, asked(&Method::GET, &path, Some(machine)));
    assert_eq!(Digest::of(&object).to_string(), digest);
    let path = format!("/api/v1/notices/{notice}/body");
    let (_, body) = ask!(service, asked(&Method::GET, &path, Some(machine)));
    assert_eq!(
        read(&object)["incident_digest"],
        Digest::of(&body).to_string()
    );

    let path = format!("/api/v1/notices/{notice}/acknowledgement");
    let stamp = |digest: &str| json!({ "digest": digest, "name": "田中 次郎", "role": "当直" });
    let wrong = stamp(&Digest::of(b"other").to_string());
    assert_eq!(post!(service, &path, machine, "a", wrong).0, 422);
    let (status, given) = post!(service, &path, machine, "a", stamp(digest));
    assert_eq!(status, 200);
    assert_eq!(
        post!(service, &path, machine, "b", stamp(digest)),
        (200, given)
    );

    let reference = issued["reference"].as_str().expect("a reference");
    let board = get!(
        service,
        &format!("/api/v1/incidents/{reference}/notices"),
        officer
    );
    assert_eq!(
        (&board["notices"], &board["acknowledged"]),
        (&json!(1), &json!(1))
    );
    let accepted = issued["accepted_at"].as_str().expect("a time");
    let then = get!(
        service,
        &format!("/api/v1/as-of?bank=0117&at={accepted}"),
        officer
    );
    assert!(then["not_told"].is_array() && then["not_told_complete"] == json!(true));
}

#[actix_web::test]
async fn a_bank_says_what_it_did_and_the_operator_reads_it() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let (officer, member) = (desk.key(Role::Officer), desk.key(Role::BankMember));
    let (_, issued) = post!(service, "/api/v1/incidents", officer, "one", filing());
    let inbox = get!(service, "/api/v1/inbox", member);
    let line = &inbox["notices"][0];
    let path = format!(
        "/api/v1/notices/{}",
        line["notice"].as_str().expect("an id")
    );
    let response = json!({ "codes": ["noted"], "share": "peers_named", "note": "checked tonight" });
    let early = post!(service, &format!("{path}/responses"), member, "r", response);
    assert_eq!(early.0, 409);
    let stamp = json!({ "digest": line["digest"], "name": "Tanaka", "role": "duty" });
    assert_eq!(
        post!(
            service,
            &format!("{path}/acknowledgement"),
            member,
            "a",
            stamp
        )
        .0,
        200
    );
    let (status, first) = post!(service, &format!("{path}/responses"), member, "r", response);
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&first));
    assert_eq!(
        post!(service, &format!("{path}/responses"), member, "r", response),
        (201, first)
    );

    let own = get!(service, &format!("{path}/responses"), member);
    assert_eq!(own["own"][0]["content"]["note"], "checked tonight");
    assert_eq!(own["counts"], json!({}), "a bank is not its own peer");
    let reference = read(&issued)["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();
    let seen = get!(
        service,
        &format!("/api/v1/incidents/{reference}/responses"),
        officer
    );
    assert_eq!(
        (&seen["responses"][0]["bank"], &seen["private"]),
        (&json!("0117"), &json!(0))
    );
}

#[actix_web::test]
async fn an_officer_pages_through_the_incidents_with_the_own_cursor_only() {
    let desk = Desk::open(roomy()).await;
    let service = served!(desk);
    let officer = desk.key(Role::Officer);
    for n in 0..3 {
        assert_eq!(
            post!(
                service,
                "/api/v1/incidents",
                officer,
                format!("k{n}"),
                filing()
            )
            .0,
            201
        );
    }
    let first = get!(service, "/api/v1/incidents?limit=2", officer);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = get!(
        service,
        &format!("/api/v1/incidents?limit=2&cursor={cursor}"),
        officer
    );
    assert_eq!(second["incidents"].as_array().map(Vec::len), Some(1));
    assert!(second["next_cursor"].is_null());
    let foreign = format!("/api/v1/incidents?cursor={cursor}");
    let auditor = Some(desk.key(Role::Auditor));
    assert_eq!(ask!(service, asked(&Method::GET, &foreign, auditor)).0, 400);
    let filtered = format!("/api/v1/incidents?q=theft&cursor={cursor}");
    assert_eq!(
        ask!(service, asked(&Method::GET, &filtered, Some(officer))).0,
        400
    );
}
