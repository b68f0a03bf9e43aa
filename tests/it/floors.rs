//! Imports run downhill, and every foreign crate stays in its home. Reads the source text; owns the
//! list of rooms, homes and written exceptions, and knows nothing of what the rooms do.

mod source;

use source::{Named, paths, tokens, word_length};
use std::path::{Path, PathBuf};

/// Every room under `src/` and its floor. A new one has to be entered here before it may exist.
const ROOMS: &[(&str, u8)] = &[
    ("domain", 0),
    ("merkle", 0),
    ("config", 1),
    ("clock", 1),
    ("templates", 1),
    ("vault", 1),
    ("storage", 2),
    ("actions", 3),
    ("web", 4),
    ("dispatch", 4),
    ("log", 4),
    ("server", 5),
    ("cli", 5),
    ("main", 5),
    ("lib", 5),
];

/// Neighbours that may not import each other: all floors but the top one.
const TOP: u8 = 5;

/// Imports allowed against the rules: (importing room, imported room), each with its reason beside it.
const IMPORT_EXCEPTIONS: &[(&str, &str)] = &[
    // An entry is hashed as a leaf where its bytes are made; merkle itself knows no entry.
    ("domain", "merkle"),
];

/// Crate families (the path's first segment starts so) and the files they may appear in.
/// An entry ending in `/` is a folder, in `*` a beginning of a file name.
const HOMES: &[(&[&str], &[&str])] = &[
    (
        &["actix"],
        // The receivers of demo, receive and bench play banks.
        &[
            "web/",
            "server.rs",
            "cli/demo*",
            "cli/receive*",
            "cli/bench/",
        ],
    ),
    (&["diesel", "libsqlite3_sys", "pq_sys"], &["storage/"]),
    (
        &["reqwest"],
        &[
            "dispatch/webhook.rs",
            "dispatch/address_guard.rs",
            // Callers of a hub, or players of a bank: not the hub's own outgoing side.
            "cli/demo*",
            "cli/receive*",
            "cli/bench/",
            "cli/file.rs",
        ],
    ),
    (&["lettre"], &["dispatch/mail.rs"]),
    (
        &["mail_parser"],
        // The second reads what the hub itself has written.
        &["domain/mail_report.rs", "dispatch/mail/tests.rs"],
    ),
    (&["tera"], &["templates.rs"]),
    (&["uuid"], &["domain/id.rs"]),
];

/// What floor 0 may not touch: (beginning of a path, why).
const NOT_ON_FLOOR_0: &[(&str, &str)] = &[
    ("tokio", "no async"),
    ("std::fs", "no I/O"),
    ("std::net::TcpListener", "no I/O"),
    ("std::net::TcpStream", "no I/O"),
    ("std::net::ToSocketAddrs", "no I/O"),
    ("std::net::UdpSocket", "no I/O"),
    ("std::process", "no I/O"),
    ("std::time::SystemTime", "no clock"),
    ("std::time::Instant", "no clock"),
];

// ---- rules -----------------------------------------------------------------------------------

/// `storage/tx.rs` is the module `["storage", "tx"]`; a `mod.rs` is its folder.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file
        .trim_end_matches(".rs")
        .split('/')
        .map(String::from)
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The path from the crate's root, or nothing if it leads into another crate or a local name.
fn from_root(named: &Named, file: &str) -> Option<Vec<String>> {
    let root_file = file == "lib.rs" || file == "main.rs";
    let mut here = if root_file {
        Vec::new()
    } else {
        module_of(file)
    };
    here.extend(named.inside.iter().cloned());
    let mut rest = named.path.as_slice();
    match rest.first()?.as_str() {
        "crate" | "kairan" => return Some(rest[1..].to_vec()),
        "super" | "self" => {}
        _ => return None,
    }
    while let Some(step) = rest.first() {
        match step.as_str() {
            "super" => drop(here.pop()),
            "self" => {}
            _ => break,
        }
        rest = &rest[1..];
    }
    here.extend(rest.iter().cloned());
    Some(here)
}

fn floor_of(room: &str) -> Option<u8> {
    ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

fn is_home(file: &str, home: &str) -> bool {
    match home.strip_suffix('*') {
        Some(beginning) => file.starts_with(beginning),
        None if home.ends_with('/') => file.starts_with(home),
        None => file == home,
    }
}

/// What one file (its path below `src/`) does against the house, as `file:line: rule`.
fn complaints(file: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let room = module_of(file).first().cloned().unwrap_or_default();
    let Some(floor) = floor_of(&room) else {
        return vec![format!(
            "{file}:1: the room '{room}' has no floor; enter it in ROOMS of tests/it/floors.rs"
        )];
    };
    let mut out = Vec::new();
    for named in paths(&tokens) {
        let say = |rule: String| format!("{file}:{}: {rule}", named.line);
        if let Some(target) = from_root(&named, file) {
            out.extend(against_direction(&room, floor, &target).map(say));
        } else {
            out.extend(against_homes(file, &named.path).map(say));
            if floor == 0 {
                out.extend(against_floor_0(&named.path).map(say));
            }
        }
    }
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1).map_or("", |next| next.text.as_str());
        if floor == 0 && token.text == "async" {
            out.push(format!("{file}:{}: floor 0 has no async", token.line));
        }
        if token.text == "["
            && next == "path"
            && tokens.get(i + 2).is_some_and(|sign| sign.text == "=")
        {
            out.push(format!(
                "{file}:{}: #[path] hides where a module lives",
                token.line
            ));
        }
    }
    out.dedup();
    out
}

fn against_direction(room: &str, floor: u8, target: &[String]) -> Option<String> {
    let (target, whole) = match target.first().map(String::as_str) {
        None | Some("*" | "self") => (String::new(), true),
        Some(name) => (name.to_string(), false),
    };
    if whole {
        return (floor < TOP).then(|| "the whole crate is imported; name the room".to_string());
    }
    if target == room || IMPORT_EXCEPTIONS.contains(&(room, target.as_str())) {
        return None;
    }
    match floor_of(&target) {
        None => Some(format!(
            "'crate::{target}' is no room with a floor; name things by the room they live in"
        )),
        Some(other) if other > floor => Some(format!(
            "{room} (floor {floor}) imports {target} (floor {other}): imports run downhill"
        )),
        Some(other) if other == floor && floor < TOP => Some(format!(
            "{room} imports {target}: neighbours on floor {floor} never import each other"
        )),
        Some(_) => None,
    }
}

fn against_homes(file: &str, path: &[String]) -> Option<String> {
    let first = path.first()?;
    let in_family = |member: &str| {
        first
            .strip_prefix(member)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let (_, homes) = HOMES
        .iter()
        .find(|(family, _)| family.iter().any(|member| in_family(member)))?;
    let home = homes.iter().any(|home| is_home(file, home));
    (!home).then(|| format!("the crate {first} lives in {} only", homes.join(", ")))
}

fn against_floor_0(path: &[String]) -> Option<String> {
    let spelled = format!("{}::", path.join("::"));
    let (what, why) = NOT_ON_FLOOR_0
        .iter()
        .find(|(what, _)| spelled.starts_with(&format!("{what}::")))?;
    Some(format!("floor 0 has {why}: {what}"))
}

/// Line numbers where a template switches escaping off.
fn unescaped(template: &str) -> Vec<usize> {
    let switches_off = |line: &str| {
        line.split('|').skip(1).any(|filter| {
            let filter = filter.trim_start();
            word_length(&filter.chars().collect::<Vec<_>>()) == 4 && filter.starts_with("safe")
        })
    };
    template
        .lines()
        .enumerate()
        .filter(|(_, line)| switches_off(line))
        .map(|(at, _)| at + 1)
        .collect()
}

// ---- the house as it stands ------------------------------------------------------------------

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .expect("a folder of the repository can be listed")
            .path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Every file below `src/`, with its text.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let paths = files_below(&src)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
    let sources: Vec<_> = paths
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("source is readable UTF-8");
            let file = path
                .strip_prefix(&src)
                .expect("it was listed below src")
                .to_string_lossy()
                .into_owned();
            (file, text)
        })
        .collect();
    assert!(sources.len() > 5, "src/ was not found: nothing was checked");
    sources
}

#[test]
fn imports_run_downhill_and_crates_stay_at_home() {
    let mut found = Vec::new();
    for (file, source) in sources() {
        found.extend(
            complaints(&file, &source)
                .into_iter()
                .map(|complaint| format!("src/{complaint}")),
        );
    }
    assert!(
        found.is_empty(),
        "{} against the house:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn no_template_switches_escaping_off() {
    let mut found = Vec::new();
    for path in files_below(&root().join("templates")) {
        let template = std::fs::read_to_string(&path).expect("templates are UTF-8");
        found.extend(
            unescaped(&template)
                .into_iter()
                .map(|line| format!("{}:{line}", path.display())),
        );
    }
    assert!(
        found.is_empty(),
        "the filter `safe` lets a bank's text be markup:\n{}",
        found.join("\n")
    );
}

/// The fields of cases written one a line, `file ~ source ~ what must be said`; `\n` is a new line.
fn cases(text: &str) -> Vec<Vec<String>> {
    let written = |field: &str| field.trim().replace("\\n", "\n");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split(" ~ ").map(written).collect())
        .collect()
}

fn expect_complaints(text: &str) {
    for case in cases(text) {
        let [file, source, expected] = case.as_slice() else {
            panic!("a case has three fields: {case:?}");
        };
        let found = complaints(file, source).join("\n");
        let what = format!("{file}: {source}\nshould say '{expected}', said '{found}'");
        assert!(found.contains(expected.as_str()), "{what}");
    }
}

#[test]
fn an_import_against_the_house_is_seen_however_it_is_written() {
    expect_complaints(
        r##"
        domain/bank.rs ~ use crate::storage::Tx; ~ domain/bank.rs:1: domain (floor 0) imports storage
        domain/bank.rs ~ use crate::{\n domain::id::Uid,\n storage::{self, Tx},\n}; ~ bank.rs:3: domain
        domain/bank.rs ~ use {crate::domain::id, crate::web::routes}; ~ imports web
        domain/bank.rs ~ use super::super::actions::issue; ~ imports actions
        domain/bank.rs ~ use super::{id::Uid, super::{merkle, actions}}; ~ imports actions
        domain/mod.rs ~ use super::actions::issue; ~ imports actions
        domain/bank.rs ~ mod a { mod b { use super::super::super::super::log; } } ~ imports log
        domain/bank.rs ~ mod a { fn g() {} } fn f() { super::super::log::append() } ~ imports log
        domain/bank.rs ~ #[serde(with = "crate::web::instant")] struct A; ~ imports web
        domain/bank.rs ~ macro_rules! m { () => { $crate::web::f() } } ~ imports web
        domain/bank.rs ~ fn f(c: char) -> bool { c == '"' || crate::web::g(c) } ~ imports web
        domain/bank.rs ~ use kairan::cli; ~ imports cli
        domain/bank.rs ~ use crate::*; ~ the whole crate
        domain/bank.rs ~ use crate as everything; ~ the whole crate
        merkle/mod.rs ~ use crate::domain::id::Uid; ~ neighbours on floor 0
        templates.rs ~ use crate::config::Settings; ~ neighbours on floor 1
        web/routes.rs ~ let x = crate::dispatch::engine::wake(); ~ neighbours on floor 4
        web/routes.rs ~ let x = Vec::<crate::log::Head>::new(); ~ neighbours on floor 4
        log/mod.rs ~ pub(in crate::web) fn f() {} ~ neighbours on floor 4
        storage/store.rs ~ crate::on_either!(tx, c => c.x()); ~ is no room
        helpers/text.rs ~ fn f() {} ~ has no floor
        actions/issue.rs ~ #[path = "../web/x.rs"] mod x; ~ #[path]
        "##,
    );
}

#[test]
fn a_crate_outside_its_home_is_seen_however_it_is_written() {
    expect_complaints(
        r##"
        actions/issue.rs ~ use diesel::prelude::*; ~ diesel lives in storage/
        actions/issue.rs ~ use ::diesel_migrations as m; ~ diesel_migrations lives in
        actions/issue.rs ~ fn f() -> Vec<::uuid::Uuid> {} ~ uuid lives in
        actions/issue.rs ~ extern crate lettre; ~ lettre lives in
        cli/serve.rs ~ #[actix_web::main] async fn f() {} ~ actix_web lives in
        cli/serve.rs ~ use {std::fs, reqwest::Client}; ~ reqwest lives in
        dispatch/chase.rs ~ use tera; ~ tera lives in
        domain/instant.rs ~ use std::{fmt, time::{Duration, SystemTime}}; ~ no clock
        domain/instant.rs ~ pub async fn f() {} ~ no async
        merkle/tree.rs ~ std::fs::read(x) ~ no I/O
        "##,
    );
}

#[test]
fn what_the_house_allows_is_left_alone() {
    let allowed = r##"
        actions/issue.rs ~ use crate::{domain::{id::Uid, fault}, storage::Tx, vault};
        domain/id.rs ~ use uuid::Uuid; use super::instant::Instant; use super::super::domain::fault;
        domain/bank.rs ~ //! See crate::web, `diesel::x`\n/* use crate::log; /* nested */ use crate::web; */
        domain/bank.rs ~ const A: &str = "use crate::web;"; const B: &str = r#"crate::web "quoted""#;
        domain/bank.rs ~ pub(crate) fn f<'a>(x: &'a str) -> &'a str { self::g::<u8>(x) }
        domain/bank.rs ~ mod tests { use super::*; use super::super::instant::Instant; }
        storage/schema.rs ~ diesel::table! { bank (id) { id -> crate::storage::schema::Id, } }
        storage/schema.rs ~ fn f(x: other::uuid::T) {}
        web/api/notice.rs ~ use actix_web::{web, HttpResponse}; use crate::actions::a; web::block(f);
        cli/demo.rs ~ use actix_web::App; use crate::server;
        cli/demo/banks.rs ~ use reqwest::Client;
        cli/bench/fanout.rs ~ use reqwest::Client; use actix_web::App;
        main.rs ~ use kairan::cli; fn main() { kairan::cli::run() }
        lib.rs ~ pub mod web; pub use web::routes;
        "##;
    for case in cases(allowed) {
        let found = complaints(&case[0], &case[1]);
        assert_eq!(found, Vec::<String>::new(), "{}: {}", case[0], case[1]);
    }
}

#[test]
fn an_unescaped_template_value_is_seen() {
    let switched_off = "a\n{{ x | safe }}\n{{ x|safe}}\n{{ x | lower |safe | upper }}";
    assert_eq!(unescaped(switched_off), [2, 3, 4]);
    let harmless = "{{ x | safely }} safe | {{ safe }} {{ x | lower }}";
    assert_eq!(unescaped(harmless), Vec::<usize>::new());
}

/// Law 7: the proof of scope is made where callers are authenticated, and by the mail link, whose token
/// and code are that bank's proof for one notice.
#[test]
fn a_banks_scope_is_made_in_two_places_only() {
    let may = ["web/identity.rs", "actions/mail_link.rs"];
    for (file, text) in sources() {
        let made = text.contains("BankScope::of_authenticated");
        assert!(
            !made || may.contains(&file.as_str()),
            "{file} makes a BankScope"
        );
    }
}

/// Two schemas that drift apart are two products: the same migrations, the same tables, the same columns.
#[test]
fn both_databases_have_the_same_migrations_tables_and_columns() {
    let [sqlite, postgres] = ["sqlite", "postgres"].map(|tree| {
        let tree = root().join("migrations").join(tree);
        let files = files_below(&tree);
        let names: Vec<String> = files
            .iter()
            .map(|path| {
                path.strip_prefix(&tree)
                    .expect("it was listed below")
                    .display()
                    .to_string()
            })
            .collect();
        let text: String = files
            .iter()
            .filter(|path| path.ends_with("up.sql"))
            .map(|path| std::fs::read_to_string(path).expect("readable"))
            .collect();
        (names, columns(&text))
    });
    assert!(
        sqlite.1.len() > 200,
        "only {} columns were found",
        sqlite.1.len()
    );
    assert_eq!(sqlite, postgres);
}

/// What the README says that nothing relies on, for whoever tries a server that speaks PostgreSQL's protocol.
fn relied_on(text: &str) -> Vec<&'static str> {
    const ABSENT: [&str; 8] = [
        "pg_advisory",
        "pg_try_advisory",
        "LISTEN ",
        "NOTIFY ",
        "SKIP LOCKED",
        "FOR UPDATE",
        "for_update(",
        "skip_locked(",
    ];
    ABSENT
        .into_iter()
        .filter(|word| text.contains(word))
        .collect()
}

#[test]
fn nothing_is_asked_of_a_database_that_the_readme_says_is_not() {
    let steps = files_below(&root().join("migrations/postgres"));
    let steps = steps.iter().map(|path| {
        let text = std::fs::read_to_string(path).expect("readable");
        (path.display().to_string(), text)
    });
    for (file, text) in sources().into_iter().chain(steps) {
        assert_eq!(relied_on(&text), [""; 0], "{file}");
    }
    assert_eq!(
        relied_on("SELECT pg_advisory_lock(1) FOR UPDATE"),
        ["pg_advisory", "FOR UPDATE"]
    );
}

/// `table.column` for every column that a migration creates, in order.
fn columns(sql: &str) -> Vec<String> {
    const NOT_A_COLUMN: [&str; 5] = ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "--"];
    let mut table = None;
    let mut found = Vec::new();
    for line in sql.lines() {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.split_whitespace().next();
        } else if line.starts_with(')') {
            table = None;
        } else if let Some(table) = table
            && let Some(indented) = line.strip_prefix("    ")
            && let Some(word) = indented.split_whitespace().next()
            && indented.starts_with(|c: char| c.is_ascii_lowercase())
            && !NOT_A_COLUMN.contains(&word)
        {
            found.push(format!("{table}.{word}"));
        }
    }
    found
}
