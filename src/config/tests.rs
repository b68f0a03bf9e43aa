use super::*;
use std::collections::BTreeSet;

fn faults(text: &str) -> Vec<(String, String)> {
    let faults = Settings::parse("hub.toml", text).expect_err("mistakes");
    assert!(faults.iter().all(|fault| fault.file == "hub.toml"));
    faults
        .into_iter()
        .map(|fault| (fault.key, fault.message))
        .collect()
}

fn keys(text: &str) -> Vec<String> {
    faults(text).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn the_manual_lists_exactly_the_settings_that_exist() {
    let mut reader = Reader::new("the defaults", "").expect("the embedded file is TOML");
    let settings = Settings::read(&mut reader);
    check::together(&settings, &mut reader);
    let table = EMBEDDED.parse::<toml::Table>().expect("TOML");
    let written: BTreeSet<String> = table
        .iter()
        .flat_map(|(section, value)| {
            let keys = value.as_table().expect("only sections").keys();
            keys.map(move |key| format!("{section}.{key}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(reader.asked, written);
    assert!(
        reader.finish(()).is_ok(),
        "the defaults keep their own bounds"
    );
}

#[test]
fn a_file_says_only_what_differs() {
    let text = "[hub]\npublic_url = \"https://kairan.operator.example/\"\n[webhook]\nallow_networks = [\"127.0.0.0/8\"]";
    let settings = Settings::parse("hub.toml", text).expect("good settings");
    assert_eq!(settings.hub.public_url, "https://kairan.operator.example");
    assert_eq!(settings.hub.public_host, "kairan.operator.example");
    assert_eq!(settings.webhook.allow_networks.len(), 1);
    assert_eq!(settings.engine.in_flight, 512);
    assert_eq!(
        settings.register.ending_delay,
        Duration::from_secs(24 * 3600)
    );
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text = r#"
        colour = "red"
        [hub]
        public_url = "kairan.example"
        zone = "Asia/Edo"
        [engine]
        lease_s = 30
        per_bnak = 3
        [database]
        url = "mysql://hub:secret@db/kairan"
        readers = 0
        [webhook]
        timeout_ms = "15 s"
        allow_networks = ["10.0.0.0/8", "intranet", 7]
        [register]
        ending_delay_hours = 1
        [speed]
        fast = true
    "#;
    let found = keys(text);
    for key in [
        "colour",
        "speed",
        "hub.public_url",
        "hub.zone",
        "engine.lease_s",
        "engine.per_bnak",
        "database.url",
        "database.readers",
        "webhook.timeout_ms",
        "webhook.allow_networks",
        "register.ending_delay_hours",
    ] {
        assert!(
            found.iter().any(|one| one == key),
            "{key} is missing in {found:?}"
        );
    }
    assert_eq!(found.len(), 12, "the list has two bad networks");
    assert!(
        faults(text)
            .iter()
            .all(|(_, message)| !message.contains("secret"))
    );
}

#[test]
fn a_fault_says_what_would_be_taken() {
    let [(key, message)] = &faults("[limits]\npage = 500")[..] else {
        unreachable!("one fault")
    };
    assert_eq!(
        (key.as_str(), message.as_str()),
        ("limits.page", "500 is not a whole number from 1 to 200")
    );
    assert_eq!(faults("[hub\n")[0].0, "");
    assert!(
        faults("[hub]\nzone = \"a\"\nzone = \"b\"")[0]
            .1
            .starts_with("line 3 ")
    );
}

#[test]
fn plain_mail_never_leaves_this_machine() {
    assert_eq!(
        keys("[mail]\nrelay_host = \"mail.operator.example\""),
        ["mail.tls"]
    );
    assert!(
        Settings::parse(
            "f",
            "[mail]\nrelay_host = \"mail.operator.example\"\ntls = \"required\""
        )
        .is_ok()
    );
    assert!(Settings::parse("f", "[mail]\nrelay_host = \"\"").is_ok());
    assert_eq!(keys("[mail]\nusername = \"hub\""), ["mail.password_file"]);
    assert_eq!(
        keys("[mail]\ndkim_domain = \"operator.example\""),
        ["mail.dkim_selector", "mail.dkim_key_file"]
    );
}

#[test]
fn a_password_in_the_database_url_is_not_shown() {
    let text = "[database]\nurl = \"postgres://hub:hunter2@db.internal/kairan?sslmode=require\"";
    let settings = Settings::parse("f", text).expect("good settings");
    assert_eq!(
        settings.database.shown(),
        "postgres://hub@db.internal/kairan"
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
}
