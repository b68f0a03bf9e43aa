use super::*;
use crate::dispatch::mail::{MailParts, MailSettings, MailTls, Mailer};
use crate::domain::outcome::ErrorClass;

async fn sink() -> SmtpSink {
    let any = "127.0.0.1:0".parse().expect("an address");
    SmtpSink::start(any).await.expect("a free port")
}

fn mailer(port: u16, tls: MailTls, timeout_ms: u64) -> Mailer {
    Mailer::new(MailSettings {
        host: "127.0.0.1".into(),
        port,
        tls,
        ca_pem: None,
        credentials: None,
        from: "kairan@samplepay.example".into(),
        from_name: "Sample Pay".into(),
        return_path_domain: "bounce.samplepay.example".into(),
        helo: "kairan.samplepay.example".into(),
        pool: 2,
        timeout_ms,
        reports: true,
        dkim: None,
    })
    .expect("good settings")
}

fn parts(number: u32) -> MailParts {
    MailParts {
        message_id: format!("<{number}@samplepay.example>"),
        date: Instant::from_micros(1_558_059_069_120_000),
        boundary: format!("kairan-{number}"),
        to: format!("fraud{number}@bank.example"),
        to_name: String::new(),
        subject: format!("No. {number}"),
        text: "a\n.\nb\n".into(),
        html: "<p>a</p>\n.\n".into(),
        proof: None,
        references: Vec::new(),
        return_path: format!("n+{number}@bounce.samplepay.example"),
    }
}

#[tokio::test]
async fn the_relay_gets_exactly_the_bytes_that_were_built() {
    let sink = sink().await;
    let mailer = mailer(sink.addr.port(), MailTls::LoopbackPlain, 5_000);
    for number in 1..=3 {
        let built = mailer.build(parts(number)).expect("it builds");
        let outcome = mailer.send(&built).await;
        assert!(outcome.accepted(), "{outcome:?}");
        assert_eq!(outcome.status, Some(250));
    }
    let received = sink.wait_for(3, Duration::from_secs(5)).await;
    assert_eq!(received.len(), 3);
    for (number, mail) in (1..).zip(&received) {
        let built = mailer.build(parts(number)).expect("it builds");
        assert_eq!(mail.from, format!("n+{number}@bounce.samplepay.example"));
        assert_eq!(mail.to, vec![format!("fraud{number}@bank.example")]);
        assert!(mail.data.starts_with(&built.bytes()));
        assert!(mail.at > Instant::from_micros(1_558_059_069_120_000));
    }
}

#[tokio::test]
async fn the_relays_answer_says_whether_to_wait_or_to_call_someone() {
    let sink = sink().await;
    let mailer = mailer(sink.addr.port(), MailTls::LoopbackPlain, 5_000);
    let built = mailer.build(parts(1)).expect("it builds");
    for (step, line, class, status) in [
        (
            Step::Greeting,
            "421 4.3.2 busy",
            ErrorClass::MailDeferred,
            421,
        ),
        (Step::Mail, "452 4.3.1 full", ErrorClass::MailDeferred, 452),
        (
            Step::Rcpt,
            "550 5.1.1 no such user",
            ErrorClass::MailRejected,
            550,
        ),
        (
            Step::Content,
            "451 4.7.1 later",
            ErrorClass::MailDeferred,
            451,
        ),
        (
            Step::Content,
            "554 5.7.1 refused",
            ErrorClass::MailRejected,
            554,
        ),
    ] {
        sink.answer_at(step, Some(line));
        let outcome = mailer.send(&built).await;
        sink.answer_at(step, None);
        assert_eq!(
            (outcome.error, outcome.status),
            (Some(class), Some(status)),
            "{line}"
        );
        let said = String::from_utf8_lossy(&outcome.answer_head).into_owned();
        assert!(said.contains(&line[10..]), "{line} became {said}");
    }
    assert!(mailer.send(&built).await.accepted());
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let sink = sink().await;
    let mailer = mailer(sink.addr.port(), MailTls::Required, 5_000);
    let built = mailer.build(parts(1)).expect("it builds");
    assert_eq!(mailer.send(&built).await.error, Some(ErrorClass::Tls));
    assert!(sink.received().is_empty());
}

/// The late answer to the first mail must not be read as the answer to the second.
#[tokio::test]
async fn a_mail_cut_off_by_the_limit_does_not_spoil_the_next() {
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = slow.local_addr().expect("an address").port();
    let connections = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&connections);
    let relay = tokio::spawn(async move {
        let mut sessions = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = slow.accept().await {
            *lock(&seen) += 1;
            let first = *lock(&seen) == 1;
            let shared = Arc::new(Shared::default());
            sessions.spawn(async move {
                if first {
                    tokio::time::sleep(Duration::from_millis(600)).await;
                }
                let _ = Session::new(stream, shared).run().await;
            });
        }
    });
    let mailer = mailer(port, MailTls::LoopbackPlain, 300);
    let built = mailer.build(parts(1)).expect("it builds");
    assert_eq!(mailer.send(&built).await.error, Some(ErrorClass::Timeout));
    assert!(mailer.send(&built).await.accepted());
    assert_eq!(
        *lock(&connections),
        2,
        "the cut-off connection was used again"
    );
    relay.abort();
}

#[tokio::test]
async fn dots_are_unstuffed_and_sizes_are_bounded() {
    let sink = sink().await;
    let mut stream = BufReader::new(TcpStream::connect(sink.addr).await.expect("it listens"));
    let long = format!("{}\r\n", "x".repeat(998)).repeat(1_100);
    for (send, answer) in [
        ("", "220 "),
        ("DATA\r\n", "503 "),
        ("HELO me\r\n", "250 "),
        ("RCPT TO:<a@b.example>\r\n", "503 "),
        ("MAIL FROM:<>\r\n", "250 "),
        ("RCPT TO:<>\r\n", "501 "),
        ("RCPT TO:<a@b.example> NOTIFY=NEVER\r\n", "250 "),
        ("DATA\r\n", "354 "),
        ("..a\r\n...\r\nb\r\n.\r\n", "250 "),
        ("MAIL FROM:<x@y.example>\r\n", "250 "),
        ("RSET\r\n", "250 "),
        ("DATA\r\n", "503 "),
        ("MAIL FROM:<x@y.example> SIZE=9\r\n", "250 "),
        ("RCPT TO:<a@b.example>\r\n", "250 "),
        ("DATA\r\n", "354 "),
        (&format!("{long}.\r\n"), "552 "),
        ("VRFY x\r\n", "502 "),
        ("NOOP\r\n", "250 "),
        ("QUIT\r\n", "221 "),
    ] {
        stream.write_all(send.as_bytes()).await.expect("it is read");
        let line = read_line(&mut stream)
            .await
            .expect("an answer")
            .expect("an answer");
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(
            line.starts_with(answer),
            "{:?} got {line}",
            &send[..send.len().min(40)]
        );
    }
    let received = sink.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].from, "");
    assert_eq!(received[0].data, b".a\r\n..\r\nb\r\n");
}

#[tokio::test]
async fn the_sink_listens_on_this_machine_only() {
    let open = "0.0.0.0:0".parse().expect("an address");
    assert!(SmtpSink::start(open).await.is_err());
}
