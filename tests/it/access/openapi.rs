//! What the hub says of itself: the document of its API, and the page to read it with.

use crate::support::hub::{On, TestHub};
use kairan::domain::challenge::Challenge;
use kairan::domain::id::Uid;
use kairan::web::routes::{Allowed, routes};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Operations of the document: path, method, content.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("an item").clone();
        methods.into_iter().map({
            let path = path.clone();
            move |(method, operation)| (path.clone(), method.to_ascii_uppercase(), operation)
        })
    };
    paths.iter().flat_map(of_path).collect()
}

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            found.extend(
                object
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            object.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

fn refuses(responses: &Map<String, Value>) -> bool {
    responses.iter().any(|(status, response)| {
        (status == "default" || status.starts_with('4'))
            && response["content"]["application/problem+json"].is_object()
    })
}

/// A route as the document names it: a placeholder for the rest of a path is one like any other.
fn named(path: &str) -> String {
    path.replace(":.*}", "}")
}

/// Placeholders of a path, like `id`.
fn placeholders(path: &str) -> BTreeSet<String> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_document_names_every_call_and_each_says_who_may_and_how_it_refuses() {
    let hub = TestHub::start(On::Sqlite).await;
    let document = hub.get("/api/openapi.json", "").await.expect(200).json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1."))
    );
    let webhooks = document["webhooks"].as_object().expect("webhooks");
    assert!(
        [
            "notice.issued",
            "notice.reminder",
            "notice.withdrawn",
            "notice.test"
        ]
        .iter()
        .all(|kind| webhooks.contains_key(*kind))
    );
    let called: BTreeSet<(String, String)> = routes()
        .iter()
        .filter(|route| route.path.starts_with("/api/v1/"))
        .map(|route| (named(route.path), route.method.to_string()))
        .collect();
    let operations = operations(&document);
    let under_the_api = operations
        .iter()
        .filter(|(path, ..)| path.starts_with("/api/v1/"));
    let documented: BTreeSet<(String, String)> = under_the_api
        .map(|(path, method, _)| (path.clone(), method.clone()))
        .collect();
    assert_eq!(documented, called);
    let mut ids = BTreeSet::new();
    for (path, method, operation) in &operations {
        let name = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().expect(&name).to_owned()),
            "{name}: its id names another call too"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| !summary.is_empty()),
            "{name}: no summary"
        );
        assert!(
            refuses(operation["responses"].as_object().expect(&name)),
            "{name}: no problem among its responses"
        );
        let route = routes()
            .into_iter()
            .find(|route| named(route.path) == *path && route.method.as_str() == method)
            .expect(&name);
        assert_eq!(
            operation["security"].is_array(),
            route.who != Allowed::Anyone,
            "{name}"
        );
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let in_path = parameters
            .iter()
            .filter(|one| one["in"] == "path")
            .map(|one| one["name"].as_str().expect(&name).to_owned());
        assert_eq!(
            in_path.collect::<BTreeSet<_>>(),
            placeholders(path),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_challenge_is_described_as_it_is_sent() {
    let hub = TestHub::start(On::Sqlite).await;
    let document = hub.get("/api/openapi.json", "").await.expect(200).json();
    let body = &document["webhooks"]["endpoint.challenge"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    let described = &body["properties"]["data"]["required"];
    let sent = Challenge::new(&[1; 32], Uid::from_bytes([1; 16]));
    let sent = serde_json::to_value(sent).expect("texts");
    let keys: Vec<&String> = sent.as_object().expect("an object").keys().collect();
    assert_eq!(described, &json!(keys), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reference_of_the_document_leads_somewhere() {
    let hub = TestHub::start(On::Sqlite).await;
    let document = hub.get("/api/openapi.json", "").await.expect(200).json();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference
            .strip_prefix('#')
            .expect("no reference leaves the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// Addresses that scripts and style sheets of Swagger UI name without asking them: names of XML vocabularies,
/// documents that comments and messages point to, and samples of what a description may contain.
const NAMED: [&str; 3] = [
    "http://www.w3.org/",
    "https://www.w3.org/",
    "https://swagger.io",
];

/// Attributes and calls by which a page would ask a foreign address by itself.
fn asks(text: &str) -> Vec<String> {
    let by = [
        "src=\"http",
        "src=\"//",
        "url(http",
        "url(\"http",
        "url(//",
        "@import",
        "fetch(\"http",
        "import(\"http",
        "importScripts(",
    ];
    by.iter()
        .filter(|pattern| text.contains(**pattern))
        .map(|pattern| (*pattern).to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_page_of_the_documentation_asks_nobody_else() {
    let hub = TestHub::start(On::Sqlite).await;
    let page = hub.get("/api/docs/", "").await.expect(200);
    let csp = page.headers["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        csp.contains("default-src 'none'")
            && csp.contains("script-src 'self'")
            && csp.contains("connect-src 'self'"),
        "{csp}"
    );
    assert!(!csp.contains("http") && !csp.contains('*'), "{csp}");
    let html = String::from_utf8(page.body).expect("text");
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    assert!(
        !html.contains("<script>") && !html.contains(" onload="),
        "a script that the policy forbids: {html}"
    );
    let files = html
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let files: BTreeSet<&str> = files.map(|part| part.trim_start_matches("./")).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let served = hub.get(&format!("/api/docs/{file}"), "").await.expect(200);
        let text = String::from_utf8_lossy(&served.body).into_owned();
        assert_eq!(asks(&text), Vec::<String>::new(), "{file}");
        if file.ends_with(".css") || file.contains("initializer") {
            let foreign = text
                .match_indices("http")
                .filter(|(at, _)| !NAMED.iter().any(|known| text[*at..].starts_with(known)));
            let foreign: Vec<&str> = foreign
                .map(|(at, _)| text[at..].get(..40).unwrap_or_default())
                .filter(|rest| rest.contains("://"))
                .collect();
            assert_eq!(foreign, Vec::<&str>::new(), "{file}");
        }
    }
}
