//! Tries every route as everybody, and compares with the table. Refused calls first, then what reads, then
//! what writes: so that it shows which of them left something behind.

use super::cast::{Cast, EVERYBODY, Identity};
use super::table::{Body, Object, Row, Target, invitee, rows};
use crate::support::rows::changed;
use kairan::domain::id::Uid;
use kairan::domain::instant::Instant;
use kairan::web::routes::routes;
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// An answer, without what differs from request to request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// One call of the matrix.
#[derive(Clone, Copy)]
struct Call<'r> {
    row: &'r Row,
    who: &'r Identity,
    target: Target,
}

impl Call<'_> {
    fn name(&self) -> String {
        format!(
            "{} as {} of {:?}",
            self.row.name(),
            self.who.name,
            self.target
        )
    }

    fn expected(&self) -> u16 {
        self.row.expected(self.who, self.target)
    }

    fn reads(&self) -> bool {
        self.row.method == "GET"
    }
}

#[derive(Default)]
struct Matrix {
    seen: BTreeMap<(usize, usize, usize), Seen>,
    complaints: Vec<String>,
}

fn missing_id() -> String {
    Uid::at(Instant::from_micros(1)).to_string()
}

fn reference(cast: &Cast, target: Target) -> String {
    if target == Target::Missing {
        "INC-1999-9999".into()
    } else {
        cast.reference.clone()
    }
}

/// The path of a call; `fresh` stands for what was made for this call alone.
fn path(cast: &Cast, call: Call<'_>, fresh: Option<String>) -> String {
    let Call { row, who, target } = call;
    let holder = if matches!(target, Target::B | Target::Crossed) {
        &cast.b
    } else {
        &cast.a
    };
    let place = if target == Target::B {
        &cast.b
    } else {
        &cast.a
    };
    let gone = target == Target::Missing;
    let id = match row.object {
        _ if gone => missing_id(),
        Object::Notice => holder.notice.clone(),
        Object::Delivery => holder.delivery.clone(),
        Object::Task => holder.call.clone(),
        Object::Draft(n) => cast.drafts[n].clone(),
        Object::Contact(n) => holder.contacts[n].clone(),
        Object::Endpoint(n) => holder.endpoints[n].clone(),
        Object::MachineKey => holder.spare.clone(),
        Object::SigningKey => holder.signing_key.clone(),
        Object::Report => holder.report.clone(),
        Object::Question => fresh.clone().unwrap_or_else(missing_id),
        Object::Deferral => fresh.clone().unwrap_or_else(|| cast.held.clone()),
        Object::OpenReport => fresh.clone().unwrap_or_else(|| holder.report.clone()),
        Object::PersonKey if target == Target::B => holder.person_key.clone(),
        Object::PersonKey => cast.spare(who).to_owned(),
        Object::Person => cast.officer.id.to_string(),
        Object::Approval => fresh.clone().unwrap_or_else(|| cast.request.clone()),
        _ => String::new(),
    };
    let code = match (row.object, target) {
        (Object::Keyless, Target::A) => "NOKEY1",
        (Object::Keyless, Target::B) => "NOKEY2",
        (Object::Bank | Object::Keyless, Target::Missing) => "ZZZZ",
        _ => &place.bank.code,
    };
    let token = match row.object {
        _ if gone => "A".repeat(43),
        Object::Link => place.link.clone(),
        _ => fresh.unwrap_or_default(),
    };
    let file = match row.object {
        Object::File(name) if !gone => name,
        _ => "nothing.js",
    };
    let path = row
        .path
        .replace("{reference}", &reference(cast, target))
        .replace("{number}", "1");
    path.replace("{id}", &id)
        .replace("{code}", code)
        .replace("{token}", &token)
        .replace("{file:.*}", file)
        .replace("{level}", "0")
        .replace("{place:.*}", file)
}

/// The path of a good call.
pub fn good(cast: &Cast, row: &Row, who: &Identity, target: Target) -> String {
    let (query, _) = row.asked(cast, who, target);
    format!("{}{query}", path(cast, Call { row, who, target }, None))
}

async fn knock(cast: &Cast, call: Call<'_>, fresh: Option<String>) -> Seen {
    let (query, body) = call.row.asked(cast, call.who, call.target);
    let method: Method = call.row.method.parse().expect("a method");
    let path = path(cast, call, fresh);
    let mut request = cast.knock(method, &format!("{path}{query}"), cast.key(call.who));
    request = request
        .header("idempotency-key", Uid::at(cast.hub.clock.now()).to_string())
        .header("if-match", "\"1\"");
    request = match body {
        Body::None => request,
        Body::Json(value) => request
            .header("content-type", "application/json")
            .body(value.to_string()),
        Body::Csv(text) => request.header("content-type", "text/csv").body(text),
        Body::Form(fields) => {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form)
        }
    };
    seen(cast, request).await
}

async fn seen(cast: &Cast, request: reqwest::RequestBuilder) -> Seen {
    let reply = cast.hub.send(request).await;
    // `connection` says whether an unread body had arrived yet, which is the network's doing.
    let of_this_request = ["date", "x-request-id", "connection"];
    let mut headers: Vec<(String, String)> = reply
        .headers
        .iter()
        .filter(|(name, _)| !of_this_request.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    headers.sort();
    Seen {
        status: reply.status.as_u16(),
        headers,
        body: reply.body,
    }
}

/// What a call that will be let through needs to be made first.
async fn prepared(cast: &Cast, call: Call<'_>) -> Option<String> {
    if call.target == Target::Missing {
        return None;
    }
    match call.row.object {
        Object::Invitation => Some(cast.invitation().await),
        Object::Approval => Some(cast.waiting_for(call.who).await),
        Object::OpenReport => Some(cast.report().await),
        Object::Question => Some(cast.question().await),
        Object::Deferral => Some(cast.held_back().await),
        _ => {
            cast.settle().await;
            None
        }
    }
}

impl Matrix {
    /// Makes the calls that `wanted` picks, and notes each that was not answered as the table says.
    async fn make(&mut self, cast: &Cast, rows: &[Row], wanted: impl Fn(Call<'_>) -> bool) {
        for (at, row) in rows.iter().enumerate() {
            for (by, who) in EVERYBODY.iter().enumerate() {
                for (about, target) in row.targets().iter().enumerate() {
                    let call = Call {
                        row,
                        who,
                        target: *target,
                    };
                    if !wanted(call) {
                        continue;
                    }
                    let writes = !call.reads() && call.expected() < 400;
                    let fresh = if writes {
                        prepared(cast, call).await
                    } else {
                        None
                    };
                    let seen = knock(cast, call, fresh).await;
                    if seen.status != call.expected() {
                        let said = String::from_utf8_lossy(&seen.body)
                            .chars()
                            .take(300)
                            .collect::<String>();
                        self.complaints.push(format!(
                            "{}: {}, not {}: {said}",
                            call.name(),
                            seen.status,
                            call.expected()
                        ));
                    }
                    self.seen.insert((at, by, about), seen);
                }
            }
        }
    }

    /// Complains where a refusal tells one thing from another.
    fn compare(&mut self, rows: &[Row], nothing: &Seen) {
        let mut complaints = Vec::new();
        let mut unknown: Option<&Seen> = None;
        for ((at, by, _), seen) in self.seen.iter().filter(|(_, seen)| seen.status >= 400) {
            let (row, who) = (&rows[*at], &EVERYBODY[*by]);
            let alike = self
                .seen
                .range((*at, *by, 0)..=(*at, *by, usize::MAX))
                .filter(|(_, one)| one.status == seen.status);
            if alike.clone().any(|(_, one)| one != seen) {
                complaints.push(format!(
                    "{} as {}: its refusals differ by what was asked for",
                    row.name(),
                    who.name
                ));
            }
            if seen.status == 404 && row.path.starts_with("/api/v1/") && seen != nothing {
                complaints.push(format!(
                    "{} as {}: not the 404 of what never was: {seen:?}",
                    row.name(),
                    who.name
                ));
            }
            if seen.status == 401 && *unknown.get_or_insert(seen) != seen {
                complaints.push(format!(
                    "{} as {}: tells one bad key from another",
                    row.name(),
                    who.name
                ));
            }
        }
        self.complaints.extend(complaints);
    }

    fn grid(&self, rows: &[Row]) -> String {
        let mut grid = String::new();
        for (at, row) in rows.iter().enumerate() {
            let targets: Vec<String> = row
                .targets()
                .iter()
                .map(|target| format!("{target:?}").to_lowercase())
                .collect();
            writeln!(grid, "{} [{}]", row.name(), targets.join(" ")).expect("a string takes it");
            for (by, who) in EVERYBODY.iter().enumerate() {
                let cells = self
                    .seen
                    .range((at, by, 0)..=(at, by, usize::MAX))
                    .map(|(_, seen)| seen.status.to_string());
                writeln!(
                    grid,
                    "    {:<13} {}",
                    who.name,
                    cells.collect::<Vec<_>>().join(" ")
                )
                .expect("a string takes it");
            }
        }
        grid
    }
}

/// Routes of the hub that the table lacks, and rows that no route has.
fn uncovered(rows: &[Row]) -> Vec<String> {
    // Pages know sessions and no keys: journeys/pages.rs tries them.
    let hub: BTreeSet<String> = routes()
        .iter()
        .filter(|route| !route.is_page())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let table: BTreeSet<String> = rows.iter().map(Row::name).collect();
    hub.symmetric_difference(&table).cloned().collect()
}

async fn nothing(cast: &Cast) -> Seen {
    seen(
        cast,
        cast.knock(Method::GET, "/api/v1/nothing", cast.key(&EVERYBODY[6])),
    )
    .await
}

/// The whole matrix on one hub.
pub async fn hold(cast: &Cast) {
    let rows = rows();
    assert_eq!(uncovered(&rows), Vec::<String>::new(), "not in both tables");
    let nothing = nothing(cast).await;
    let mut matrix = Matrix::default();
    let before = cast.hub.rows();
    matrix
        .make(cast, &rows, |call| call.expected() >= 400)
        .await;
    let refused = cast.hub.rows();
    assert_eq!(
        changed(&before, &refused),
        Vec::<&str>::new(),
        "a refused call left something behind"
    );
    matrix
        .make(cast, &rows, |call| call.expected() < 400 && call.reads())
        .await;
    assert_eq!(
        changed(&refused, &cast.hub.rows()),
        Vec::<&str>::new(),
        "a GET wrote something"
    );
    matrix
        .make(cast, &rows, |call| call.expected() < 400 && !call.reads())
        .await;
    let after = cast.hub.rows();
    let moved = changed(&before, &after);
    assert!(
        ["acknowledgement", "response", "revision", "api_key"]
            .iter()
            .all(|table| moved.contains(table)),
        "{moved:?}"
    );
    matrix.compare(&rows, &nothing);
    assert!(
        matrix.complaints.is_empty(),
        "{}",
        matrix.complaints.join("\n")
    );
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("matrix", matrix.grid(&rows));
    });
}

/// The checker is told wrong things and must see every one of them.
pub async fn notice_what_is_wrong(cast: &Cast) {
    let mut rows: Vec<Row> = rows()
        .into_iter()
        .filter(|row| row.path == "/api/v1/incidents/{reference}")
        .collect();
    let left_out = uncovered(&rows);
    assert!(
        left_out.contains(&"GET /api/v1/inbox".to_owned()),
        "a route was left out and nobody saw it"
    );
    rows[0].may = "om";
    let mut matrix = Matrix::default();
    matrix.make(cast, &rows, |_| true).await;
    let names: Vec<&str> = matrix
        .complaints
        .iter()
        .filter_map(|line| line.split(" as ").nth(1)?.split(' ').next())
        .collect();
    // The auditor may and was said not to; the member may not; to other banks it is then said to exist.
    assert_eq!(
        names,
        [
            "auditor", "auditor", "member", "head", "head", "machine", "machine", "peer", "peer"
        ]
    );
    let nothing = Seen {
        status: 404,
        headers: Vec::new(),
        body: b"something else".to_vec(),
    };
    matrix.complaints.clear();
    matrix.compare(&rows, &nothing);
    assert!(
        !matrix.complaints.is_empty(),
        "a 404 of another shape went by"
    );
    let before = cast.hub.rows();
    cast.hub
        .post("/api/v1/invitations", &cast.administrator.key, &invitee())
        .await
        .expect(201);
    assert_eq!(
        changed(&before, &cast.hub.rows()),
        ["data_key", "invitation", "sealed_payload"]
    );
}

/// A method that an address does not take tells a bank nothing of addresses that are not for banks.
pub async fn hide_what_a_method_would_tell(cast: &Cast) {
    let mut complaints = Vec::new();
    let rows = rows();
    for path in rows.iter().map(|row| row.path).collect::<BTreeSet<_>>() {
        let here: Vec<&Row> = rows.iter().filter(|row| row.path == path).collect();
        let open = here.iter().any(|row| row.may == "*");
        let for_banks = open || here.iter().any(|row| row.is_for_banks());
        for who in EVERYBODY {
            let call = Call {
                row: here[0],
                who: &who,
                target: Target::Missing,
            };
            let seen = seen(
                cast,
                cast.knock(Method::PATCH, &self::path(cast, call, None), cast.key(&who)),
            )
            .await;
            let expected = match (open, who.right, who.bank) {
                (false, None, _) => 401,
                (false, _, Some(_)) if !for_banks => 404,
                _ => 405,
            };
            if seen.status != expected {
                complaints.push(format!(
                    "PATCH {path} as {}: {}, not {expected}",
                    who.name, seen.status
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
