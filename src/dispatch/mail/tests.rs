use super::*;
use crate::domain::instant::Instant;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, SigningKey, Verifier};
use mail_parser::{HeaderValue as Parsed, MessageParser};

fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".into(),
        port,
        tls: MailTls::LoopbackPlain,
        ca_pem: None,
        credentials: None,
        from: "kairan@samplepay.example".into(),
        from_name: "サンプルペイ 回覧".into(),
        return_path_domain: "bounce.samplepay.example".into(),
        helo: "kairan.samplepay.example".into(),
        pool: 2,
        timeout_ms: 2_000,
        reports: false,
        dkim: None,
    }
}

fn mailer() -> Mailer {
    Mailer::new(settings(25)).expect("good settings")
}

fn parts() -> MailParts {
    MailParts {
        message_id: "<0190b3c0-1c00-7a00-8000-0123456789ab@samplepay.example>".into(),
        date: Instant::from_micros(1_558_059_069_120_000),
        boundary: "kairan-0190b3c01c007a0080000123456789ab".into(),
        to: "fraud@bank.example".into(),
        to_name: "佐藤 一郎".into(),
        subject: "【至急】第42号 INC-2019-0003 TLP:AMBER 受領確認期限 2019-05-17 13:11 JST".into(),
        text: "みなと銀行御中\n\nConfirm receipt.\n".into(),
        html: "<!doctype html><p>みなと銀行御中</p>\n".into(),
        proof: None,
        references: vec!["<INC-2019-0003.0117.thread@samplepay.example>".into()],
        return_path: "n+0190b3c01c007a0080000123456789ab-0123456789@bounce.samplepay.example"
            .into(),
    }
}

#[test]
fn a_retry_is_the_same_bytes() {
    let first = mailer().build(parts()).expect("it builds");
    std::thread::sleep(Duration::from_millis(20));
    let second = mailer().build(parts()).expect("it builds");
    assert_eq!(first.bytes(), second.bytes());
    assert_eq!(first.body_hash, second.body_hash);
    let mut other = parts();
    other.text.push('x');
    assert_ne!(
        first.body_hash,
        mailer().build(other).expect("it builds").body_hash
    );
}

#[test]
fn a_built_message_reads_as_reviewed() {
    let built = mailer().build(parts()).expect("it builds");
    insta::assert_snapshot!("raw", String::from_utf8(built.bytes()).expect("ASCII only"));
}

#[test]
fn a_mail_program_reads_what_was_put_in() {
    let built = mailer().build(parts()).expect("it builds");
    let bytes = built.bytes();
    let parsed = MessageParser::default().parse(&bytes).expect("it parses");
    assert_eq!(parsed.subject(), Some(parts().subject.as_str()));
    assert_eq!(
        parsed.body_text(0).expect("a text").replace("\r\n", "\n"),
        parts().text
    );
    assert_eq!(
        parsed.body_html(0).expect("an html").replace("\r\n", "\n"),
        parts().html
    );
    assert_eq!(
        parsed.message_id(),
        Some("0190b3c0-1c00-7a00-8000-0123456789ab@samplepay.example")
    );
    assert_eq!(
        parsed.date().map(|date| date.to_timestamp()),
        Some(1_558_059_069)
    );
    let to = parsed.to().and_then(|to| to.first()).expect("a recipient");
    assert_eq!(to.address(), Some("fraud@bank.example"));
    assert_eq!(to.name(), Some("佐藤 一郎"));
    let header = |name: &'static str| parsed.header(name).and_then(Parsed::as_text);
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(
        header("References"),
        Some("INC-2019-0003.0117.thread@samplepay.example")
    );
    assert!(parsed.header("List-Unsubscribe").is_none());
    let (from, to) = built.addresses();
    assert_eq!(from, Some(parts().return_path.as_str()));
    assert_eq!(to, vec!["fraud@bank.example"]);
}

#[test]
fn no_header_can_be_smuggled_in() {
    let breaks = [
        "\r",
        "\n",
        "\r\nBcc: x@y.example",
        "\u{2028}",
        "\0",
        "\u{85}",
    ];
    for bad in breaks {
        type Change<'a> = Box<dyn Fn(&mut MailParts) + 'a>;
        let changes: Vec<(&str, Change)> = vec![
            ("to", Box::new(|p| p.to.push_str(bad))),
            ("to_name", Box::new(|p| p.to_name.push_str(bad))),
            ("subject", Box::new(|p| p.subject.push_str(bad))),
            ("message_id", Box::new(|p| p.message_id.insert_str(3, bad))),
            ("boundary", Box::new(|p| p.boundary.push_str(bad))),
            (
                "references",
                Box::new(|p| p.references[0].insert_str(3, bad)),
            ),
            ("return_path", Box::new(|p| p.return_path.push_str(bad))),
        ];
        for (name, change) in changes {
            let mut parts = parts();
            change(&mut parts);
            assert!(
                mailer().build(parts).is_err(),
                "{bad:?} in {name} was taken"
            );
        }
        for change in [
            |s: &mut MailSettings, bad: &str| s.from_name.push_str(bad),
            |s: &mut MailSettings, bad: &str| s.from.push_str(bad),
            |s: &mut MailSettings, bad: &str| s.helo.push_str(bad),
        ] {
            let mut settings = settings(25);
            change(&mut settings, bad);
            assert!(
                Mailer::new(settings).is_err(),
                "{bad:?} in the settings was taken"
            );
        }
    }
}

#[test]
fn odd_addresses_are_refused() {
    for bad in [
        "",
        "x",
        "a@b@c",
        "\"a b\"@c.example",
        "a@[127.0.0.1]",
        "<a@b.example>",
        "a,b@c.example",
        "ä@b.example",
        "a@bänk.example",
        "a b@c.example",
        "a@b.example>",
        "a%0d%0a@",
    ] {
        let mut parts = parts();
        parts.to = bad.into();
        assert!(mailer().build(parts).is_err(), "{bad} was taken");
    }
}

#[test]
fn a_title_that_looks_like_an_encoded_word_stays_as_typed() {
    let mut parts = parts();
    parts.subject = "No. 42 =?utf-8?B?RkFLRQ==?= end".into();
    let bytes = mailer().build(parts).expect("it builds").bytes();
    let parsed = MessageParser::default().parse(&bytes).expect("it parses");
    assert!(!parsed.subject().expect("a subject").contains("FAKE"));
}

/// Regression for RUSTSEC-2026-0561: bodies that a relay could read as the end of the message.
#[test]
fn a_body_never_ends_the_message_or_starts_a_command() {
    for evil in [
        "a\n.\nMAIL FROM:<x@y.example>\n",
        "a\r.\rRCPT TO:<x@y.example>",
        "a\r\n.\r\nQUIT\r\n",
        ".",
        "\n.\r\n",
        "--kairan-0190b3c01c007a0080000123456789ab--\n",
        &"x".repeat(5_000),
    ] {
        let mut parts = parts();
        parts.text = evil.into();
        parts.html = evil.into();
        let built = mailer().build(parts).expect("it builds");
        let bytes = built.bytes();
        let text = String::from_utf8(bytes.clone()).expect("ASCII only");
        assert!(text.is_ascii());
        let rest = text.replace("\r\n", "");
        assert!(!rest.contains(['\r', '\n']), "a bare line end in {evil:?}");
        for line in text.split("\r\n") {
            assert!(line.len() <= 998 && !line.starts_with('.'), "{line}");
        }
        let encoded = text
            .matches("Content-Transfer-Encoding: base64\r\n")
            .count();
        assert_eq!(encoded, 2, "both parts are base64");
        assert_eq!(text.matches("Content-Transfer-Encoding").count(), 2);
        let parsed = MessageParser::default().parse(&bytes).expect("it parses");
        assert_eq!((parsed.text_body_count(), parsed.html_body_count()), (1, 1));
    }
}

#[test]
fn plain_mail_never_leaves_this_machine() {
    for host in [
        "mail.example",
        "192.0.2.1",
        "localhost.example",
        "0.0.0.0",
        "::",
    ] {
        let mut settings = settings(25);
        settings.host = host.into();
        assert_eq!(
            Mailer::new(settings).err(),
            Some(MailFault::PlainBeyondLoopback(host.into()))
        );
    }
    for host in ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"] {
        let mut settings = settings(25);
        settings.host = host.into();
        assert!(Mailer::new(settings).is_ok(), "{host}");
    }
}

#[test]
fn a_broken_key_or_certificate_is_named_at_the_start() {
    let mut bad = settings(25);
    bad.dkim = Some(DkimSettings {
        domain: "samplepay.example".into(),
        selector: "k1".into(),
        pem: "nonsense".into(),
    });
    assert!(matches!(Mailer::new(bad).err(), Some(MailFault::Dkim(_))));
    let mut bad = settings(25);
    bad.tls = MailTls::Required;
    bad.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
    assert!(matches!(
        Mailer::new(bad).err(),
        Some(MailFault::Certificate(_))
    ));
}

/// RFC 6376 §3.4.2, written again here so that signer and verifier share nothing.
fn relaxed(header: &str) -> String {
    let (name, value) = header.split_once(':').expect("a header");
    let words: Vec<_> = value.split_whitespace().collect();
    format!("{}:{}", name.trim().to_lowercase(), words.join(" "))
}

#[test]
fn a_verifier_accepts_the_dkim_signature() {
    let seed = [9u8; 32];
    let mut signing = settings(25);
    signing.dkim = Some(DkimSettings {
        domain: "samplepay.example".into(),
        selector: "k1".into(),
        pem: STANDARD.encode(seed),
    });
    let mailer = Mailer::new(signing).expect("good settings");
    let built = mailer.build(parts()).expect("it builds");
    let signed = String::from_utf8(mailer.signed(&built)).expect("ASCII only");
    let (head, body) = signed.split_once("\r\n\r\n").expect("head and body");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers: Vec<&str> = unfolded.split("\r\n").collect();
    let find = |name: &str| {
        headers
            .iter()
            .find(|header| header.to_lowercase().starts_with(&format!("{name}:")))
    };
    let dkim = find("dkim-signature").expect("a signature");
    let tag = |name: &str| -> String {
        dkim.split_once(':')
            .expect("a header")
            .1
            .split(';')
            .filter_map(|tag| tag.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.replace(' ', ""))
            .expect("the tag is there")
    };
    assert_eq!(
        (tag("a").as_str(), tag("c").as_str()),
        ("ed25519-sha256", "relaxed/relaxed")
    );
    let body = format!("{}\r\n", body.trim_end_matches("\r\n"));
    assert_eq!(tag("bh"), STANDARD.encode(Sha256::digest(body.as_bytes())));
    let mut hashed = String::new();
    for name in tag("h").split(':') {
        if let Some(header) = find(name) {
            hashed.push_str(&relaxed(header));
            hashed.push_str("\r\n");
        }
    }
    let (bare, _) = dkim.rsplit_once("; b=").expect("b= comes last");
    hashed.push_str(relaxed(&format!("{bare}; b=")).trim_end());
    let signature = STANDARD.decode(tag("b")).expect("base64");
    let key = SigningKey::from_bytes(&seed).verifying_key();
    key.verify(
        &Sha256::digest(hashed.as_bytes()),
        &Signature::from_slice(&signature).expect("64 bytes"),
    )
    .expect("the signature holds");
    for name in ["from", "to", "subject", "date", "message-id", "references"] {
        assert!(
            tag("h").split(':').any(|signed| signed == name),
            "{name} is signed"
        );
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_a_failed_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let mailer = Mailer::new(settings(port)).expect("good settings");
    let built = mailer.build(parts()).expect("it builds");
    assert_eq!(mailer.send(&built).await.error, Some(ErrorClass::Connect));
}

#[tokio::test]
async fn a_relay_that_keeps_silent_costs_no_more_than_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mut settings = settings(listener.local_addr().expect("an address").port());
    settings.timeout_ms = 100;
    let mailer = Mailer::new(settings).expect("good settings");
    let built = mailer.build(parts()).expect("it builds");
    let outcome = mailer.send(&built).await;
    assert_eq!(outcome.error, Some(ErrorClass::Timeout));
    assert!(outcome.duration < Duration::from_secs(2));
}

/// A relay that offers STARTTLS, says this to it, and hangs up on whatever comes then. Returns its port.
fn hanging_up(said: &'static str) -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a hub");
        let mut lines = BufReader::new(stream.try_clone().expect("a handle"));
        let answers = ["220 relay\r\n", "250-relay\r\n250 STARTTLS\r\n", said];
        for answer in answers.into_iter().filter(|answer| !answer.is_empty()) {
            stream.write_all(answer.as_bytes()).expect("said");
            lines.fill_buf().expect("heard");
            let heard = lines.buffer().len();
            lines.consume(heard);
        }
    });
    port
}

#[tokio::test]
async fn a_relay_that_hangs_up_at_starttls_has_said_nothing_about_tls() {
    for (said, class) in [
        ("", ErrorClass::Connect),
        ("220 Go on\r\n", ErrorClass::Tls),
        ("what\r\n", ErrorClass::Connect),
    ] {
        let mut encrypted = settings(hanging_up(said));
        encrypted.tls = MailTls::Required;
        let mailer = Mailer::new(encrypted).expect("good settings");
        let built = mailer.build(parts()).expect("it builds");
        let outcome = mailer.send(&built).await;
        assert_eq!(outcome.error, Some(class), "{said:?}: {outcome:?}");
    }
}
