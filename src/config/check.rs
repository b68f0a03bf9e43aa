//! The sections one by one, with their bounds, and what must hold between settings.

use super::reader::Reader;
use super::{
    Access, Database, Dkim, Engine, Hub, Limits, Listen, Log, LogFormat, MAILS_PER_PLACE, Mail,
    RelayTls, Settings, WEBHOOKS_PER_PLACE, Webhook,
};
use jiff::tz::TimeZone;
use std::net::IpAddr;
use url::Url;

impl Hub {
    pub(super) fn read(r: &mut Reader) -> Self {
        let (public_url, public_host) = r.parsed("hub.public_url", public_url);
        Self {
            public_url,
            public_host,
            operator_name: r.line("hub.operator_name"),
            zone: r.parsed("hub.zone", |name| {
                TimeZone::get(name).map_err(|_| {
                    "not a time zone; give an IANA name like \"Asia/Tokyo\"".to_owned()
                })
            }),
        }
    }
}

/// The URL without its trailing slash, and its host.
fn public_url(text: &str) -> Result<(String, String), String> {
    let form =
        || "not an address like \"https://kairan.operator.example\", without a path".to_owned();
    let url = Url::parse(text).map_err(|_| form())?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    match url.host_str() {
        Some(host) if bare && matches!(url.scheme(), "http" | "https") => Ok((
            url.as_str().trim_end_matches('/').to_owned(),
            host.trim_matches(['[', ']']).to_owned(),
        )),
        _ => Err(form()),
    }
}

impl Listen {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            address: r.parsed("listen.address", |text| {
                text.parse()
                    .map_err(|_| "not an address and port like \"127.0.0.1:8480\"".to_owned())
            }),
            workers: r.number("listen.workers", 0, 256),
            trusted_proxies: r.number("listen.trusted_proxies", 0, 8),
        }
    }
}

impl Database {
    pub(super) fn read(r: &mut Reader) -> Self {
        // Judged apart from `parsed`, which repeats the value: this one may hold a password.
        let url = r.text("database.url");
        let file = url
            .strip_prefix("sqlite:")
            .map(|path| path.trim_start_matches("//"));
        let fits = match file {
            Some(path) => !path.is_empty() && path != ":memory:",
            None => url.starts_with("postgres://") || url.starts_with("postgresql://"),
        };
        if !fits {
            r.fault(
                "database.url",
                "write \"sqlite:PATH\" or \"postgres://USER@HOST/NAME\"",
            );
        }
        Self {
            url,
            readers: r.number("database.readers", 1, 128),
            writers: r.number("database.writers", 1, 128),
            group: r.number("database.group", 3, 32),
            queue: r.number("database.queue", 16, 65_536),
        }
    }
}

impl Limits {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            body_bytes: r.number("limits.body_bytes", 4096, 16 << 20),
            page: r.number("limits.page", 1, 200),
            requests_per_second: r.number("limits.requests_per_second", 1, 100_000),
            burst: r.number("limits.burst", 1, 100_000),
            free_floor_mib: r.number("limits.free_floor_mib", 0, 1 << 30),
        }
    }
}

impl Engine {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            in_flight: r.number("engine.in_flight", 1, 4096),
            per_bank: r.number("engine.per_bank", 1, 64),
            batch: r.number("engine.batch", 1, 1000),
            batch_wait: r.millis("engine.batch_wait_ms", 0, 1000),
            lease: r.seconds("engine.lease_s", 1, 3600),
            scan: r.millis("engine.scan_ms", 50, 60_000),
            stop: r.seconds("engine.stop_s", 1, 600),
        }
    }
}

impl Webhook {
    pub(super) fn read(r: &mut Reader) -> Self {
        let network = "not a network like \"10.20.0.0/16\"";
        let prefix = "not an IPv6 prefix like \"2001:db8:64::/96\"";
        Self {
            connect_timeout: r.millis("webhook.connect_timeout_ms", 100, 60_000),
            timeout: r.millis("webhook.timeout_ms", 100, 120_000),
            answer_read_bytes: r.number("webhook.answer_read_bytes", 1024, 1 << 20),
            answer_kept_bytes: r.number("webhook.answer_kept_bytes", 0, 65_536),
            allow_networks: r.list("webhook.allow_networks", |text| {
                text.parse().map_err(|_| network.to_owned())
            }),
            nat64: r.list("webhook.nat64", |text| {
                text.parse().map_err(|_| prefix.to_owned())
            }),
        }
    }
}

impl Mail {
    pub(super) fn read(r: &mut Reader) -> Self {
        let tls = [
            ("required", RelayTls::Required),
            ("loopback_plain", RelayTls::LoopbackPlain),
        ];
        Self {
            relay_host: r.parsed("mail.relay_host", host_or_nothing),
            relay_port: r.number("mail.relay_port", 1, 65_535),
            tls: r.choice("mail.tls", &tls),
            ca_file: r.optional_path("mail.ca_file"),
            sign_in: sign_in(r),
            from: r.parsed("mail.from", address),
            from_name: r.line("mail.from_name"),
            return_path_domain: r.parsed("mail.return_path_domain", host),
            helo: r.parsed("mail.helo", host),
            pool: r.number("mail.pool", 1, 64),
            timeout: r.millis("mail.timeout_ms", 1000, 120_000),
            dkim: dkim(r),
            report_maildir: r.optional_path("mail.report_maildir"),
        }
    }
}

fn host(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if text.is_empty() || text.len() > 253 || !text.chars().all(fits) {
        return Err("not a host name like \"mail.operator.example\"".into());
    }
    Ok(text.to_owned())
}

fn host_or_nothing(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Ok(String::new())
    } else {
        host(text)
    }
}

fn address(text: &str) -> Result<String, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte));
    match text.split_once('@') {
        Some((name, domain))
            if plain && !name.is_empty() && text.len() <= 254 && host(domain).is_ok() =>
        {
            Ok(text.to_owned())
        }
        _ => Err("not an address like \"kairan@operator.example\"".into()),
    }
}

fn sign_in(r: &mut Reader) -> Option<(String, std::path::PathBuf)> {
    let (user, file) = (
        r.text("mail.username"),
        r.optional_path("mail.password_file"),
    );
    match (user.is_empty(), file) {
        (false, Some(file)) => Some((user, file)),
        (false, None) => {
            r.fault(
                "mail.password_file",
                "name the file that holds the password of mail.username",
            );
            None
        }
        (true, Some(_)) => {
            r.fault(
                "mail.username",
                "name the user whose password mail.password_file holds",
            );
            None
        }
        (true, None) => None,
    }
}

fn dkim(r: &mut Reader) -> Option<Dkim> {
    let (domain, selector) = (r.text("mail.dkim_domain"), r.text("mail.dkim_selector"));
    let key_file = r.optional_path("mail.dkim_key_file");
    if domain.is_empty() && selector.is_empty() && key_file.is_none() {
        return None;
    }
    for (key, text) in [
        ("mail.dkim_domain", &domain),
        ("mail.dkim_selector", &selector),
    ] {
        if host(text).is_err() {
            r.fault(
                key,
                "takes a DNS name; set all three dkim settings, or leave all three empty",
            );
        }
    }
    match key_file {
        Some(key_file) => Some(Dkim {
            domain,
            selector,
            key_file,
        }),
        None => {
            r.fault(
                "mail.dkim_key_file",
                "name a key file; set all three dkim settings, or leave all three empty",
            );
            None
        }
    }
}

impl Access {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            approval_window: r.hours("access.approval_window_hours", 1, 720),
            link_window: r.days("access.link_days", 1, 90),
            code_guesses: r.number("access.code_guesses", 1, 20),
            invitation_window: r.hours("access.invitation_hours", 1, 720),
            confirmation_window: r.minutes("access.confirmation_minutes", 1, 60),
            key_lifetime: r.days("access.key_days", 1, 400),
        }
    }
}

impl Log {
    pub(super) fn read(r: &mut Reader) -> Self {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
        Self {
            format: r.choice("log.format", &formats),
            level: r.choice("log.level", &levels).to_owned(),
        }
    }
}

/// What must hold between settings.
pub(super) fn together(settings: &Settings, r: &mut Reader) {
    let Settings {
        engine,
        webhook,
        mail,
        ..
    } = settings;
    if webhook.connect_timeout > webhook.timeout {
        r.fault(
            "webhook.connect_timeout_ms",
            "must not be longer than webhook.timeout_ms",
        );
    }
    if webhook.answer_kept_bytes > webhook.answer_read_bytes {
        r.fault(
            "webhook.answer_kept_bytes",
            "must not be more than webhook.answer_read_bytes",
        );
    }
    // A lease that ends while its delivery is under way would let a second node send the same; and a claim may
    // wait for the sends before it.
    let webhooks = webhook.timeout * WEBHOOKS_PER_PLACE;
    let mails = mail.timeout * MAILS_PER_PLACE;
    if engine.lease <= webhooks.max(mails) {
        let least = webhooks.max(mails).as_secs() + 1;
        let message = format!(
            "must be longer than {WEBHOOKS_PER_PLACE} times webhook.timeout_ms and {MAILS_PER_PLACE} times \
             mail.timeout_ms: at least {least}"
        );
        r.fault("engine.lease_s", message);
    }
    // A claim that waits too long is given back at a scan, before its lease ends.
    if engine.scan * 8 > engine.lease {
        r.fault(
            "engine.scan_ms",
            "must be at most an eighth of engine.lease_s",
        );
    }
    let plain = mail.tls == RelayTls::LoopbackPlain;
    if plain && !mail.relay_host.is_empty() && !is_this_machine(&mail.relay_host) {
        r.fault(
            "mail.tls",
            "\"loopback_plain\" is for a relay on this machine; set \"required\"",
        );
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
