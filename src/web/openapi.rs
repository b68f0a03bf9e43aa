//! The document of the API (OpenAPI 3.1), made from the handlers and held to the route table, with the
//! webhooks that the hub sends; and Swagger UI, embedded, to read it with.

use super::api::{
    approvals, as_of, banks, board, calls, certificates, challenges, channels, chases, contacts,
    deferrals, deliveries, drafts, endpoints, evidence, exercises, health, import, inbox,
    incidents, invitations, keys, log, notices, partnerships, people, questions, reachability,
    reports, resend, responses, service_levels, signing_keys, tasks, test_notice,
};
use super::page;
use super::problem::{Answered, Problem, ProblemDocument};
use super::routes::routes;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use utoipa::OpenApi;
use utoipa_swagger_ui::Config;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kairan",
        description = "Partner-bank incident notification hub: one filing, every bank told, every stamp back."
    ),
    components(schemas(ProblemDocument)),
    paths(
        health::live,
        health::ready,
        health::hub,
        incidents::search,
        incidents::file,
        incidents::latest,
        incidents::revisions,
        incidents::revise,
        incidents::revision,
        incidents::withdraw,
        incidents::close_notice,
        board::board,
        responses::of_incident,
        chases::of_incident,
        chases::clocks,
        calls::contacts,
        calls::tell,
        calls::claim,
        calls::release,
        calls::complete,
        responses::map,
        exercises::list,
        questions::list,
        questions::answer,
        inbox::inbox,
        notices::notice,
        notices::object,
        notices::body,
        notices::proof,
        notices::acknowledge,
        responses::for_bank,
        responses::respond,
        approvals::list,
        approvals::decide,
        deliveries::list,
        resend::again,
        resend::to_bank,
        tasks::list,
        service_levels::levels,
        as_of::as_of,
        certificates::certificate,
        evidence::of_incident,
        evidence::of_bank,
        log::checkpoint,
        log::tile,
        log::entries,
        test_notice::send,
        deferrals::list,
        deferrals::request,
        deferrals::renew,
        deferrals::lift,
        reports::report,
        reports::list_own,
        reports::read_own,
        reports::proof_own,
        reports::list,
        reports::read,
        reports::begin_draft,
        reports::reject,
        drafts::list,
        drafts::create,
        drafts::read,
        drafts::replace,
        drafts::discard,
        banks::list,
        banks::create,
        banks::read,
        banks::amend,
        banks::roster,
        import::import,
        partnerships::list,
        partnerships::join,
        partnerships::end,
        contacts::list,
        contacts::create,
        contacts::replace,
        contacts::end,
        contacts::list_own,
        contacts::create_own,
        contacts::replace_own,
        contacts::end_own,
        endpoints::list,
        endpoints::create,
        endpoints::replace,
        endpoints::end,
        endpoints::list_own,
        endpoints::create_own,
        endpoints::replace_own,
        endpoints::end_own,
        endpoints::rotate_own,
        keys::list,
        keys::create,
        keys::revoke,
        keys::list_own,
        keys::create_own,
        keys::revoke_own,
        keys::list_of_bank,
        keys::create_of_bank,
        keys::revoke_of_bank,
        reachability::list,
        reachability::own,
        challenges::send,
        challenges::send_own,
        channels::list,
        channels::own,
        signing_keys::list_own,
        signing_keys::enrol_own,
        signing_keys::end_own,
        signing_keys::list_of_bank,
        people::list,
        people::change,
        people::recover,
        invitations::create,
        invitations::accept,
    )
)]
struct Handlers;

/// What the handlers say, completed by what the route table knows.
fn complete() -> Result<Value, serde_json::Error> {
    let mut whole = serde_json::to_value(Handlers::openapi())?;
    whole["components"]["securitySchemes"] = json!({
        "key": { "type": "http", "scheme": "bearer", "description": "an API key, kairan_…" } });
    let problem = json!({ "description": "refused, as RFC 9457 says", "content": {
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/ProblemDocument" } } } });
    for route in routes() {
        let method = route.method.as_str().to_ascii_lowercase();
        let Some(operation) = whole["paths"]
            .get_mut(plain(route.path))
            .and_then(|path| path.get_mut(&method))
        else {
            continue;
        };
        // Function names repeat from file to file; an operation's id may not.
        let name = format!(
            "{} {method}",
            plain(route.path).trim_start_matches("/api/v1")
        );
        let letters = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|part| !part.is_empty());
        operation["operationId"] = letters.collect::<Vec<_>>().join("_").into();
        operation["responses"]["default"] = problem.clone();
        if let Some(roles) = route.who.roles() {
            let names: Vec<&str> = roles.iter().map(|role| role.code()).collect();
            operation["security"] = json!([{ "key": [] }]);
            operation["x-roles"] = json!(names);
        }
    }
    whole["webhooks"] = webhooks();
    Ok(whole)
}

/// A path as the document names it: what stands at its end may hold slashes, which OpenAPI cannot say.
fn plain(path: &str) -> String {
    path.replace(":.*}", "}")
}

fn webhooks() -> Value {
    let notice = json!({ "type": "object", "description": "the notice object, in its exact bytes",
        "properties": {
            "v": { "type": "integer" }, "id": { "type": "string", "format": "uuid" },
            "number": { "type": "string", "description": "this bank's gap-free number" },
            "bank": { "type": "string" }, "incident": { "type": "string" }, "revision": { "type": "string" },
            "phase": { "type": "string" }, "kind": { "type": "string" }, "tlp": { "type": "string" },
            "concerns_you": { "type": "boolean" }, "exposed": { "type": "boolean" },
            "acknowledge_by": { "type": "string", "format": "date-time" },
            "annex": { "type": ["string", "null"] }, "incident_digest": { "type": "string" } } });
    let data = json!({ "type": "object", "properties": {
        "notice": notice,
        "digest": { "type": "string", "description": "SHA-256 of the notice object: what is acknowledged" },
        "incident": { "type": "object", "description": "the shared body with that incident_digest" },
        "acknowledge": { "type": "object", "properties": {
            "api": { "type": "string" }, "page": { "type": "string" } } },
        "recipients": { "type": "object", "properties": {
            "count": { "type": "integer" }, "roster_version": { "type": "integer" },
            "observers": { "type": "array", "description": "codes of the observers among them", "items": { "type": "string" } } } } } });
    let answered = json!({ "type": "object", "properties": {
        "report": { "type": "string", "format": "uuid" }, "reported_at": { "type": "string", "format": "date-time" },
        "outcome": { "type": "string", "enum": ["no_incident"] }, "reason": { "type": "string" } } });
    let replied = json!({ "type": "object", "properties": {
        "response": { "type": "string", "format": "uuid" }, "notice": { "type": "string", "format": "uuid" },
        "number": { "type": "integer" }, "incident": { "type": "string" }, "text": { "type": "string" } } });
    let shared = json!({ "type": "object", "properties": {
        "incident": { "type": "string" }, "as_of": { "type": "string", "format": "date-time" },
        "banks": { "type": "integer", "description": "how many other banks share what they did" },
        "counts": { "type": "object", "description": "how many of them said each code" },
        "suspended": { "type": "object", "description": "at how many of them each service is suspended" },
        "named": { "type": "array", "description": "those that agreed to be named", "items": { "type": "object" } } } });
    let ending = json!({ "type": "object", "properties": {
        "recorded_at": { "type": "string", "format": "date-time" }, "ends_at": { "type": "string", "format": "date-time" } } });
    let challenge = json!({ "type": "object", "required": ["challenge", "endpoint"], "properties": {
        "challenge": { "type": "string", "description": "base64url of 32 random bytes, without padding" },
        "endpoint": { "type": "string", "format": "uuid" } } });
    let test = json!({ "type": "object", "properties": { "bank": { "type": "string" } } });
    json!({
        "notice.issued": webhook("A revision of an incident, owed to this bank until it is acknowledged.", &data),
        "notice.reminder": webhook("A notice that this bank has not acknowledged, once more; the same notice with the same digest.", &data),
        "notice.withdrawn": webhook("An incident is taken back; acknowledged like any other notice.", &data),
        "partnership.ending": webhook("This bank will be a partner no more, and from when on. It owes no stamp.", &ending),
        "report.answered": webhook("A report of this bank is no incident, and why. It owes no stamp.", &answered),
        "response.answered": webhook("The operator's answer to a question or an objection of this bank.", &replied),
        "response.shared": webhook("What other banks did, as they share it: told together, by webhook alone.", &shared),
        "endpoint.challenge": answered_webhook(
            "Proves whose the endpoint is. It has no number and owes no stamp, and is sent again until it is answered or another one is sent.", &challenge),
        "notice.test": webhook("Proves that the channel works. It has no number and owes no stamp.", &test),
    })
}

/// A challenge: a 2xx alone is no answer to it.
fn answered_webhook(summary: &str, data: &Value) -> Value {
    let mut whole = webhook(summary, data);
    whole["post"]["responses"] = json!({ "2XX": {
        "description": "an answer, of 4 KiB at most; with any other than the right response the endpoint stays not proven",
        "content": { "application/json": { "schema": {
            "type": "object", "required": ["challenge_response"], "properties": { "challenge_response": {
                "type": "string",
                "description": "base64url without padding of HMAC-SHA256, under the bytes of the endpoint's secret (those after whsec_, decoded), \
                    over the text kairan-challenge/v1.{endpoint}.{challenge}.{address}: the first two as they stand in data, the address \
                    as the hub shows this endpoint's, out of your own settings and from nothing that came with the request" } } } } } } });
    whole
}

fn webhook(summary: &str, data: &Value) -> Value {
    let header = |name: &str, about: &str| {
        json!({ "name": name, "in": "header", "required": true, "description": about,
            "schema": { "type": "string" } })
    };
    json!({ "post": {
        "summary": summary,
        "parameters": [
            header("webhook-id", "the same for every attempt of one message to one endpoint"),
            header("webhook-timestamp", "seconds since 1970, of this attempt"),
            header("webhook-signature", "Standard Webhooks 1.0: v1 (HMAC-SHA256), then v1a (Ed25519) where asked for"),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "object", "required": ["type", "timestamp", "data"], "properties": {
                "type": { "type": "string" }, "timestamp": { "type": "string", "format": "date-time" },
                "data": data } } } } },
        "responses": { "2XX": { "description": "delivered; this does not acknowledge anything" } }
    } })
}

fn rendered() -> Result<&'static [u8], Problem> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BYTES.get() {
        return Ok(bytes);
    }
    let whole = complete().map_err(|fault| Problem::internal(&fault))?;
    Ok(BYTES.get_or_init(|| page::bytes(&whole)))
}

/// The document.
pub(super) async fn document() -> Answered {
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(rendered()?))
}

/// The page's files are named relative to its folder.
pub(super) async fn docs_start() -> Answered {
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/api/docs/"))
        .finish())
}

/// Swagger UI, from the files inside the program.
pub(super) async fn docs(file: Path<String>) -> Answered {
    let config = Config::from("/api/openapi.json").validator_url("none");
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config))
        .map_err(|fault| Problem::internal(&fault))?;
    let found = found.ok_or_else(Problem::missing)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(found.content_type);
    if found.gzpipped {
        answer.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(answer.body(found.bytes.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn documented() -> BTreeSet<(String, String)> {
        let whole = complete().expect("a document");
        let paths = whole["paths"].as_object().expect("paths").clone();
        let methods = |(path, item): (String, Value)| {
            let methods: Vec<String> = item.as_object().expect("an item").keys().cloned().collect();
            methods
                .into_iter()
                .map(move |method| (path.clone(), method.to_ascii_uppercase()))
        };
        paths.into_iter().flat_map(methods).collect()
    }

    #[test]
    fn the_document_and_the_route_table_name_the_same_calls() {
        let called: BTreeSet<(String, String)> = routes()
            .iter()
            .filter(|route| {
                ["/api/v1/", "/health/", "/.well-known/"]
                    .iter()
                    .any(|start| route.path.starts_with(start))
            })
            .map(|route| (plain(route.path), route.method.to_string()))
            .collect();
        let documented = documented();
        let missing: Vec<_> = called.difference(&documented).collect();
        let dangling: Vec<_> = documented.difference(&called).collect();
        assert!(
            missing.is_empty() && dangling.is_empty(),
            "undocumented {missing:?}, unrouted {dangling:?}"
        );
    }

    #[test]
    fn every_call_under_the_api_says_that_it_takes_a_key_and_what_a_refusal_looks_like() {
        let whole = complete().expect("a document");
        assert!(
            whole["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        let mut ids = BTreeSet::new();
        for (path, method) in documented() {
            let operation = &whole["paths"][&path][method.to_ascii_lowercase()];
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} names two calls");
            assert!(operation["responses"]["default"].is_object(), "{path}");
        }
        assert!(whole["paths"]["/api/v1/inbox"]["get"]["security"].is_array());
        assert!(whole["paths"]["/health/live"]["get"]["security"].is_null());
        assert_eq!(
            whole["webhooks"].as_object().map(serde_json::Map::len),
            Some(9)
        );
    }

    #[test]
    fn no_page_of_the_documentation_asks_a_foreign_address() {
        let config = Config::from("/api/openapi.json").validator_url("none");
        let index = utoipa_swagger_ui::serve("", Arc::new(config))
            .expect("served")
            .expect("there");
        let html = String::from_utf8(index.bytes.into_owned()).expect("text");
        assert!(
            !html.contains("https://") && !html.contains("http://"),
            "{html}"
        );
    }
}
