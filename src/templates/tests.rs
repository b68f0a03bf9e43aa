use super::mails::*;
use super::*;
use crate::domain::instant::Instant;
use crate::domain::notice::Overtaken;
use serde_json::json;
use std::collections::BTreeSet;

fn templates() -> Templates {
    Templates::load().expect("the built-in texts load")
}

fn when(micros: i64) -> When {
    let zone = jiff::tz::TimeZone::get("Asia/Tokyo").expect("a bundled zone");
    When::of(Instant::from_micros(micros), &zone)
}

fn noon() -> When {
    when(1_558_059_069_120_000)
}

fn later() -> When {
    when(1_558_066_269_120_000)
}

/// A word in the reader's language, or the marker that every free text is replaced with.
struct Words {
    lang: &'static str,
    canary: Option<&'static str>,
    /// Of the incident: actual, exercise, test.
    kind: &'static str,
}

impl Words {
    fn say(&self, ja: &str, en: &str) -> String {
        match (self.canary, self.lang) {
            (Some(canary), _) => canary.to_owned(),
            (None, "ja") => ja.to_owned(),
            (None, _) => en.to_owned(),
        }
    }

    fn bank(&self) -> BankName {
        BankName {
            code: self.say("0117", "0117"),
            name: self.say("みなと銀行（架空）", "Example Harbour Bank"),
            is_observer: false,
        }
    }

    fn operator(&self) -> String {
        self.say("サンプルペイ株式会社", "Sample Pay")
    }

    fn notice(&self) -> NoticeMail {
        NoticeMail {
            operator: self.operator(),
            bank: self.bank(),
            number: 42,
            incident_ref: self.say("INC-2019-0003", "INC-2019-0003"),
            revision: 1,
            phase: "initial".into(),
            kind: self.kind.into(),
            tlp: "AMBER".into(),
            urgency: "immediate".into(),
            issued_at: noon(),
            acknowledge_by: later(),
            title: Some(self.say("なりすまし口座連携による不正チャージ", "Top-ups after links in victims’ names")),
            description: Some(self.say(
                "口座番号と暗証番号だけで連携できる銀行で、\n第三者による連携が確認されました。",
                "At banks that link with account number and PIN alone,\nstrangers linked victims’ accounts.",
            )),
            change_summary: Some(self.say("件数を更新しました。", "The counts were updated.")),
            typology: vec!["impersonated_wallet".into(), "pin_spraying".into()],
            auth_exploited: vec!["account_no_cash_card_pin".into()],
            countermeasures: vec![
                Measure {
                    code: "suspend_new_links".into(),
                    scope: "affected_banks".into(),
                    taken_at: Some(noon()),
                    planned_for: None,
                    note: Some(self.say("二行のみ", "two banks")),
                },
                Measure {
                    code: "add_ekyc".into(),
                    scope: "all_banks".into(),
                    taken_at: None,
                    planned_for: Some(later()),
                    note: None,
                },
            ],
            advice: Some(self.say("新規連携の停止をご検討ください。", "Consider suspending new links.")),
            related: vec![self.say("INC-2019-0001", "INC-2019-0001")],
            exposed: true,
            unverified: false,
            concerns_you: true,
            annex: true,
            link: Some(MailLink {
                url: self.say("https://kairan.example/a/AZCzwBwAegCAAA", "https://kairan.example/a/AZCzwBwAegCAAA"),
                code: self.say("7KQM-2XWD", "7KQM-2XWD"),
            }),
            page: self.say("https://kairan.example/inbox/0190", "https://kairan.example/inbox/0190"),
            digest: self.say("sha-256:9f86d081884c7d65", "sha-256:9f86d081884c7d65"),
            incident_digest: self.say("sha-256:60303ae22b998861", "sha-256:60303ae22b998861"),
            recipients: Recipients {
                count: 35,
                roster_version: 12,
                observers: vec![self.say("金融監督庁", "Supervisory Agency")],
            },
            contacts: vec![OperatorContact {
                name: self.say("山田 花子", "Hanako Yamada"),
                role: self.say("不正対策室", "Fraud desk"),
                phone: self.say("+81-3-0000-0000", "+81-3-0000-0000"),
                email: self.say("fraud@samplepay.example", "fraud@samplepay.example"),
            }],
            withdrawn: None,
            reminder: None,
            overtaken: None,
            reason: "affected".into(),
            joined_late: None,
        }
    }

    fn withdrawal(&self) -> NoticeMail {
        NoticeMail {
            phase: "withdrawal".into(),
            withdrawn: Some(Withdrawal {
                reason: first_reason(),
                text: Some(self.say(
                    "調査の結果、正規の取引でした。",
                    "The transactions turned out to be genuine.",
                )),
                replaces: None,
            }),
            ..self.notice()
        }
    }

    fn reminder(&self, at: When) -> NoticeMail {
        NoticeMail {
            reminder: Some(at),
            ..self.notice()
        }
    }

    fn answer(&self) -> ResponseAnsweredMail {
        ResponseAnsweredMail {
            operator: self.operator(),
            bank: self.bank(),
            number: 42,
            incident_ref: self.say("INC-2019-0003", "INC-2019-0003"),
            kind: self.kind.into(),
            tlp: "AMBER".into(),
            text: Some(self.say("新規連携だけが対象です。", "Only new links are concerned.")),
            page: self.say(
                "https://kairan.example/inbox/0190",
                "https://kairan.example/inbox/0190",
            ),
            at: later(),
        }
    }

    /// With nothing but what it is.
    fn alert(&self, alert: Alert) -> AlertMail {
        AlertMail {
            operator: self.operator(),
            alert,
            bank: None,
            banks: vec![],
            incident_ref: None,
            kind: self.kind.into(),
            owed: None,
            due_at: None,
            channel: None,
            bounced: false,
            mail_status: None,
            refusal: None,
            last_exercise: None,
            detail: None,
            joined: None,
            page: None,
            at: noon(),
        }
    }

    fn ending(&self) -> PartnershipEndingMail {
        PartnershipEndingMail {
            operator: self.operator(),
            bank: self.bank(),
            recorded_at: noon(),
            ends_at: later(),
            is_over: false,
            page: self.say(
                "https://kairan.example/inbox",
                "https://kairan.example/inbox",
            ),
        }
    }

    /// Every message, rendered.
    fn all(&self) -> Vec<(&'static str, MailTexts)> {
        let templates = templates();
        let lang = self.lang;
        let (operator, bank) = (self.operator(), self.bank());
        let test = TestMail {
            operator: operator.clone(),
            bank: bank.clone(),
            sent_at: noon(),
        };
        let alert = AlertMail {
            bank: Some(bank.clone()),
            incident_ref: Some(self.say("INC-2019-0003", "INC-2019-0003")),
            channel: Some("email".into()),
            bounced: true,
            mail_status: Some(self.say("5.2.2", "5.2.2")),
            page: Some(self.say(
                "https://kairan.example/incidents/INC-2019-0003",
                "https://kairan.example/incidents/INC-2019-0003",
            )),
            ..self.alert(Alert::ChannelBroken)
        };
        let link = LinkAcknowledgedMail {
            operator: operator.clone(),
            bank: bank.clone(),
            number: 42,
            incident_ref: self.say("INC-2019-0003", "INC-2019-0003"),
            kind: self.kind.into(),
            revision: 1,
            digest: self.say("sha-256:9f86d081884c7d65", "sha-256:9f86d081884c7d65"),
            contact: Some(self.say("高橋 恵", "Megumi Takahashi")),
            name: self.say("佐藤 一郎", "Ichiro Sato"),
            role: self.say("事務統括部", "Operations"),
            at: noon(),
        };
        let recovered = RecoveredMail {
            operator: operator.clone(),
            name: self.say("佐藤 一郎", "Ichiro Sato"),
            at: noon(),
        };
        let answered = ReportAnsweredMail {
            operator: operator.clone(),
            bank: bank.clone(),
            report: self.say(
                "01901234-5678-7abc-8def-0123456789ab",
                "01901234-5678-7abc-8def-0123456789ab",
            ),
            reported_at: noon(),
            reason: self.say(
                "確認の結果、\n正規の取引でした。",
                "We looked into it:\nthe transactions were genuine.",
            ),
            page: self.say(
                "https://kairan.example/reports/0190",
                "https://kairan.example/reports/0190",
            ),
            at: later(),
        };
        let invitation = InvitationMail {
            operator,
            bank: Some(bank),
            name: self.say("佐藤 一郎", "Ichiro Sato"),
            url: self.say(
                "https://kairan.example/invitations/x",
                "https://kairan.example/invitations/x",
            ),
            expires_at: later(),
        };
        let rendered = [
            ("notice.issued", self.notice().mail(&templates, lang)),
            ("notice.withdrawn", self.withdrawal().mail(&templates, lang)),
            ("notice.test", test.mail(&templates, lang)),
            ("operator.alert", alert.mail(&templates, lang)),
            ("link.acknowledged", link.mail(&templates, lang)),
            ("partnership.ending", self.ending().mail(&templates, lang)),
            ("invitation", invitation.mail(&templates, lang)),
            ("sign_in.recovered", recovered.mail(&templates, lang)),
            ("report.answered", answered.mail(&templates, lang)),
            ("response.answered", self.answer().mail(&templates, lang)),
        ];
        rendered
            .into_iter()
            .map(|(message, texts)| (message, texts.unwrap_or_else(|fault| panic!("{fault}"))))
            .collect()
    }
}

fn first_reason() -> String {
    let vocabulary: BTreeMap<String, BTreeMap<String, toml::Value>> =
        toml::from_str(VOCABULARY).expect("the vocabulary parses");
    vocabulary["withdrawal_reason"]
        .keys()
        .next()
        .expect("a reason")
        .clone()
}

fn shown(texts: &MailTexts) -> String {
    format!("{}\n\n{}\n{}", texts.subject, texts.text, texts.html)
}

#[test]
fn every_mail_reads_as_reviewed_in_both_languages() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        for (message, texts) in words.all() {
            insta::assert_snapshot!(format!("{message}.{lang}"), shown(&texts));
        }
    }
}

#[test]
fn a_reminder_reads_as_reviewed_and_stands_under_the_subject_of_its_notice() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let first = words.notice().mail(&templates(), lang).expect("rendered");
        for (name, at) in [("notice.reminder", noon()), ("notice.overdue", later())] {
            let texts = words.reminder(at).mail(&templates(), lang);
            let texts = texts.expect("rendered");
            assert_eq!(texts.subject, format!("Re: {}", first.subject));
            insta::assert_snapshot!(format!("{name}.{lang}"), shown(&texts));
        }
    }
}

#[test]
fn a_reminder_of_what_a_newer_notice_has_overtaken_says_so_at_its_head() {
    let (withdrawn, replaced) = (true, false);
    for (lang, is_withdrawn, said) in [
        ("en", withdrawn, "Withdrawn by notice No. 45"),
        ("en", replaced, "Replaced by notice No. 45"),
        ("ja", withdrawn, "この通知は第45号で取り下げられました。"),
        ("ja", replaced, "この通知のあとに第45号が発行されています。"),
    ] {
        for tlp in ["AMBER", "RED"] {
            let words = Words {
                lang,
                canary: None,
                kind: "exercise",
            };
            let mut mail = words.reminder(later());
            let plain = mail.mail(&templates(), lang).expect("it renders");
            assert!(!shown(&plain).contains("45"), "{}", plain.text);
            mail.tlp = tlp.into();
            mail.overtaken = Some(Overtaken {
                number: 45,
                is_withdrawn,
            });
            let texts = mail.mail(&templates(), lang).expect("it renders");
            let overdue = words.say("期限超過", "Overdue");
            for part in [&texts.text, &texts.html] {
                let place = part.find(said).expect("it is said");
                let after = part.find(&overdue).expect("a reminder");
                assert!(place < after, "{lang} {tlp}: {part}");
            }
            let first = words.say("これは訓練", "This is an exercise");
            assert!(texts.text.starts_with(&first), "{}", texts.text);
            assert!(!texts.text.contains("\n\n\n"), "{}", texts.text);
        }
    }
}

#[test]
fn a_withdrawn_duplicate_says_which_incident_is_read_instead() {
    for (lang, said) in [
        ("en", "Read incident INC-2019-0007 instead."),
        ("ja", "代わりに事案 INC-2019-0007 をご覧ください。"),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut mail = words.withdrawal();
        mail.withdrawn = Some(Withdrawal {
            reason: "duplicate".into(),
            text: None,
            replaces: Some("INC-2019-0007".into()),
        });
        let texts = mail.mail(&templates(), lang).expect("it renders");
        assert!(
            texts.text.contains(said) && texts.html.contains(said),
            "{}",
            texts.text
        );
        assert!(!texts.text.contains("\n\n\n"), "{}", texts.text);
        mail.tlp = "RED".into();
        let texts = mail.mail(&templates(), lang).expect("it renders");
        assert!(!shown(&texts).contains("INC-2019-0007"), "{}", texts.text);
    }
}

#[test]
fn the_end_of_a_partnership_that_has_passed_leaves_no_time_to_object_before_it() {
    for (lang, before, passed) in [
        ("en", "before that time", "That time has passed already."),
        ("ja", "終了日時までに", "この日時はすでに過ぎています。"),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut ending = words.ending();
        for is_over in [false, true] {
            ending.is_over = is_over;
            let texts = ending.mail(&templates(), lang).expect("it renders");
            for part in [&texts.text, &texts.html] {
                assert_eq!(part.contains(before), !is_over, "{part}");
                assert_eq!(part.contains(passed), is_over, "{part}");
                assert!(part.contains("https://kairan.example/inbox"), "{part}");
            }
        }
    }
}

#[test]
fn the_words_for_a_call_say_what_has_overtaken_its_notice() {
    for (lang, withdrawn, replaced) in [
        (
            "en",
            "Notice No. 6 has been withdrawn",
            "Notice No. 6 has been replaced",
        ),
        (
            "ja",
            "第6号は、その後の第8号で取り下げられました",
            "第6号のあとに第8号を発行しております",
        ),
    ] {
        let mut page = desk_page("officer/call");
        for (by, said) in [
            (json!(null), [false, false]),
            (json!({"number": 8, "is_withdrawn": true}), [true, false]),
            (json!({"number": 8, "is_withdrawn": false}), [false, true]),
        ] {
            page["page"]["overtaken"] = by;
            let html = templates().render("desk/officer/call.html", lang, &page);
            let html = html.expect("it renders");
            assert_eq!(
                [withdrawn, replaced].map(|words| html.contains(words)),
                said,
                "{lang}"
            );
        }
    }
}

#[test]
fn every_mail_template_is_among_the_reviewed_ones() {
    let words = Words {
        lang: "en",
        canary: None,
        kind: "actual",
    };
    let reviewed: BTreeSet<String> = words
        .all()
        .iter()
        .flat_map(|(message, _)| {
            ["subject.txt", "body.txt", "body.html"].map(|part| format!("mail/{message}/{part}"))
        })
        .collect();
    let there: BTreeSet<String> = templates()
        .names()
        .into_iter()
        .filter(|name| name.starts_with("mail/"))
        .collect();
    assert_eq!(there, reviewed);
}

#[test]
fn a_notice_under_red_or_amber_strict_tells_nothing_of_the_theft_by_mail() {
    for tlp in ["RED", "AMBER+STRICT", "PURPLE"] {
        for lang in LANGUAGES {
            let words = Words {
                lang,
                canary: None,
                kind: "actual",
            };
            for mut notice in [words.notice(), words.withdrawal()] {
                notice.tlp = tlp.into();
                let all = shown(&notice.mail(&templates(), lang).expect("it renders"));
                let secrets = [
                    &notice.title,
                    &notice.description,
                    &notice.advice,
                    &notice.change_summary,
                ];
                for secret in secrets.into_iter().flatten() {
                    assert!(!all.contains(secret.as_str()), "{tlp} {lang}: {secret}");
                }
                for theft in [
                    "two banks",
                    "二行のみ",
                    "PIN",
                    "暗証番号",
                    "genuine",
                    "正規の取引",
                ] {
                    assert!(!all.contains(theft), "{tlp} {lang}: {theft}");
                }
                assert!(all.contains("https://kairan.example/a/AZCzwBwAegCAAA"));
                assert!(all.contains("7KQM-2XWD"));
            }
        }
    }
}

#[test]
fn an_answer_about_what_is_red_or_amber_strict_says_by_mail_only_where_it_is_read() {
    for tlp in ["RED", "AMBER+STRICT", "PURPLE"] {
        for (lang, why) in [
            ("ja", "メールではお伝えしません"),
            ("en", "not told by mail"),
        ] {
            let words = Words {
                lang,
                canary: None,
                kind: "actual",
            };
            let mut answer = words.answer();
            answer.tlp = tlp.into();
            let texts = answer.mail(&templates(), lang).expect("it renders");
            let said = answer.text.expect("an answer");
            assert!(!shown(&texts).contains(&said), "{tlp} {lang}: {said}");
            for part in [&texts.text, &texts.html] {
                for wanted in [why, &format!("TLP:{tlp}"), answer.page.as_str()] {
                    assert!(part.contains(wanted), "{tlp} {lang}: no {wanted} in {part}");
                }
            }
            assert!(!texts.text.contains("\n\n\n"), "{}", texts.text);
        }
    }
}

#[test]
fn a_restricted_notice_reads_as_reviewed() {
    let words = Words {
        lang: "en",
        canary: None,
        kind: "actual",
    };
    let mut notice = words.notice();
    notice.tlp = "RED".into();
    insta::assert_snapshot!(
        "notice.issued.red.en",
        shown(&notice.mail(&templates(), "en").expect("it renders"))
    );
}

#[test]
fn an_exercise_says_so_before_anything_else() {
    for (lang, prefix, first, kind) in [
        ("ja", "【訓練】", "これは訓練", "exercise"),
        ("en", "[EXERCISE]", "This is a", "exercise"),
        ("en", "[TEST]", "This is a", "test"),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind,
        };
        let about = |message: &str| {
            let other = ["response.answered", "link.acknowledged", "operator.alert"];
            message.starts_with("notice.") && message != "notice.test" || other.contains(&message)
        };
        let mails: Vec<_> = words
            .all()
            .into_iter()
            .filter(|(message, _)| about(message))
            .collect();
        assert_eq!(
            mails.len(),
            5,
            "{:?}",
            mails.iter().map(|(message, _)| message).collect::<Vec<_>>()
        );
        for (message, texts) in mails {
            assert!(
                texts.subject.starts_with(prefix),
                "{message}: {}",
                texts.subject
            );
            assert!(texts.text.starts_with(first), "{message}: {}", texts.text);
            let heading = texts.html.find("<h1").expect("a heading");
            assert!(
                texts.html[..heading].contains(first),
                "{message}: {}",
                texts.html
            );
            insta::assert_snapshot!(format!("{message}.{kind}.{lang}"), shown(&texts));
        }
    }
}

#[test]
fn a_bank_that_asked_for_it_gets_no_link_and_no_code() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut notice = words.notice();
        notice.link = None;
        let all = shown(&notice.mail(&templates(), lang).expect("it renders"));
        assert!(!all.contains("/a/") && !all.contains("7KQM"));
    }
}

#[test]
fn a_notice_with_nothing_but_the_necessary_still_renders() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let bare = NoticeMail {
            title: None,
            description: None,
            change_summary: None,
            typology: vec![],
            auth_exploited: vec![],
            countermeasures: vec![],
            advice: None,
            related: vec![],
            exposed: false,
            concerns_you: false,
            annex: false,
            contacts: vec![],
            ..words.notice()
        };
        let texts = bare.mail(&templates(), lang).expect("it renders");
        assert!(!texts.text.contains("\n\n\n"), "{}", texts.text);
    }
}

#[test]
fn every_alert_has_its_words() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        for alert in Alert::ALL {
            assert_eq!(Alert::from_code(alert.code()), Some(alert));
            let texts = words.alert(alert).mail(&templates(), lang);
            let texts = texts.expect("it renders");
            assert!(!texts.text.contains("\n\n\n"), "{}", texts.text);
        }
    }
}

#[test]
fn what_an_alert_is_about_stands_in_the_readers_words_and_time() {
    for (lang, said) in [
        (
            "en",
            [
                "Owed next: Intermediate",
                "Deadline: 2019-05-17 13:11 JST (2019-05-17T04:11:09.120Z)",
                "Goes out by itself: 2019-05-17 13:11 JST (2019-05-17T04:11:09.120Z)",
                "Channel: E-mail",
                "A mail came back: 5.2.2",
                "Detail: Its journal is missing.",
                "Banks: 0001, 0005",
                "Last exercise: INC-2019-0002",
            ],
        ),
        (
            "ja",
            [
                "次に発行するもの: 続報",
                "期限: 2019-05-17 13:11 JST (2019-05-17T04:11:09.120Z)",
                "自動発出の日時: 2019-05-17 13:11 JST (2019-05-17T04:11:09.120Z)",
                "通知経路: メール",
                "不達で戻ったメール: 5.2.2",
                "詳細: ジャーナルがありません。",
                "銀行: 0001, 0005",
                "前回の訓練: INC-2019-0002",
            ],
        ),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let (missed, held) = (Alert::ClockMissed, Alert::Deferral);
        let mut clock = words.alert(missed);
        (clock.owed, clock.due_at) = (Some("intermediate".into()), Some(later()));
        let mut deferral = words.alert(held);
        deferral.due_at = Some(later());
        let mut broken = words.alert(Alert::ChannelBroken);
        (broken.channel, broken.bounced) = (Some("email".into()), true);
        broken.mail_status = Some("5.2.2".into());
        let mut log = words.alert(Alert::LogRefusing);
        log.refusal = Some("journal_missing".into());
        let mut late = words.alert(Alert::BankLate);
        late.banks = vec!["0001".into(), "0005".into()];
        let mut exercise = words.alert(Alert::ExerciseNear);
        exercise.last_exercise = Some("INC-2019-0002".into());
        let mails = [
            &clock, &clock, &deferral, &broken, &broken, &log, &late, &exercise,
        ];
        for (mail, said) in mails.into_iter().zip(said) {
            let texts = mail.mail(&templates(), lang).expect("it renders");
            assert!(texts.text.contains(said), "no {said} in {}", texts.text);
            let value = said.split_once(": ").map(|(_, value)| value);
            assert!(
                value.is_some_and(|value| texts.html.contains(value)),
                "{}",
                texts.html
            );
        }
    }
}

#[test]
fn whoever_was_let_in_is_named_with_the_roles_and_who_invited() {
    for (lang, told) in [
        (
            "en",
            [
                "Who: <b>x</b>",
                "Roles: Bank member, Bank administrator",
                "Invited by: y",
            ],
        ),
        (
            "ja",
            [
                "氏名: <b>x</b>",
                "役割: 銀行担当者, 銀行管理者",
                "招待者: y",
            ],
        ),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut mail = AlertMail {
            joined: Some(Newcomer {
                name: "<b>x</b>".into(),
                roles: vec!["bank_member".into(), "bank_administrator".into()],
                invited_by: Some("y".into()),
            }),
            ..words.alert(Alert::PersonJoined)
        };
        let texts = mail.mail(&templates(), lang).expect("it renders");
        for line in told {
            assert!(texts.text.contains(line), "{line} in {}", texts.text);
        }
        assert!(!texts.html.contains("<b>x"), "{}", texts.html);
        mail.joined.as_mut().expect("somebody").invited_by = None;
        let texts = mail.mail(&templates(), lang).expect("it renders");
        assert!(!texts.text.contains(told[2]), "{}", texts.text);
    }
}

const CANARY: &str = "<i>canary</i>\"'&\r\nBcc: x";

fn without_markup(html: &str, name: &str) {
    assert!(html.contains("canary"), "{name} shows no free text");
    assert!(!html.contains("<i>"), "{name} lets markup through");
    assert!(!html.contains("canary</"), "{name} lets markup through");
    assert!(!html.contains("\"'&\r"), "{name} lets quotes through");
}

#[test]
fn markup_in_free_text_is_shown_and_never_obeyed() {
    for lang in LANGUAGES {
        let words = Words {
            lang,
            canary: Some(CANARY),
            kind: "actual",
        };
        for (message, texts) in words.all() {
            without_markup(&texts.html, message);
            assert!(
                texts.subject.chars().all(|c| !c.is_control()),
                "{}",
                texts.subject
            );
        }
        for (page, context) in pages(CANARY) {
            let html = templates()
                .render(page, lang, &context)
                .expect("it renders");
            without_markup(&html, page);
        }
    }
}

fn pages(text: &str) -> Vec<(&'static str, serde_json::Value)> {
    let (noon, later) = (noon(), later());
    let bank = json!({"code": "0117", "name": text});
    let languages = json!([{"code": "ja", "name": "日本語", "url": "?lang=ja", "current": true}]);
    let link = json!({
        "languages": languages, "number": 42, "bank": bank, "incident_ref": "INC-2019-0003", "revision": 1,
        "kind": "exercise", "tlp": "AMBER", "urgency": "immediate", "issued_at": noon,
        "acknowledge_by": later, "digest": text, "action": text, "page": text, "restricted": false,
        "title": text, "advice": text, "acknowledged": null, "problem": text, "name": text, "role": text,
    });
    let mut seen = link.clone();
    seen["acknowledged"] = json!({"name": text, "at": noon});
    seen["newer"] = json!({"number": 43, "withdrawn": false});
    vec![
        ("pages/link.html", link),
        ("pages/link.html", seen),
        (
            "pages/link_done.html",
            json!({"number": 42, "kind": "exercise", "bank": bank, "at": noon, "digest": text, "page": text}),
        ),
        (
            "pages/problem.html",
            json!({"status": 404, "title": text, "detail": text, "code": "not_found",
                "reference": text, "next": text, "back": text}),
        ),
    ]
}

#[test]
fn the_link_page_asks_for_the_code_until_it_is_confirmed() {
    for lang in LANGUAGES {
        let shown: Vec<String> = pages("x")
            .iter()
            .map(|(page, context)| templates().render(page, lang, context).expect("it renders"))
            .collect();
        assert!(shown[0].contains("<form") && shown[0].contains("name=\"code\""));
        assert!(!shown[1].contains("<form"));
        for html in &shown {
            assert!(
                !html.contains(" style=") && !html.contains("<script"),
                "inline code: {html}"
            );
        }
    }
}

#[test]
fn no_mail_fetches_anything_from_anywhere() {
    for lang in LANGUAGES {
        for (message, texts) in (Words {
            lang,
            canary: None,
            kind: "actual",
        })
        .all()
        {
            for bad in [
                "<img", "<link", "<script", "src=", "url(", "@import", "http://", "<form",
            ] {
                assert!(!texts.html.contains(bad), "{message}: {bad}");
            }
        }
    }
}

#[test]
fn a_missing_label_code_or_variable_is_an_error_and_not_an_empty_place() {
    let templates = templates();
    assert!(matches!(
        templates.render("pages/problem.html", "fr", &json!({})),
        Err(TemplateFault::Language(_))
    ));
    let fault = templates
        .render(
            "mail/operator.alert/subject.txt",
            "en",
            &json!({"alert": "unheard-of", "kind": "actual"}),
        )
        .expect_err("no such label");
    assert!(fault.to_string().contains("alert-unheard-of"), "{fault}");
    let mut notice = (Words {
        lang: "en",
        canary: None,
        kind: "actual",
    })
    .notice();
    notice.typology = vec!["unheard_of".into()];
    let fault = notice.mail(&templates, "en").expect_err("no such code");
    assert!(fault.to_string().contains("unheard_of"), "{fault}");
    templates
        .render("pages/problem.html", "en", &json!({"status": 404}))
        .expect_err("no title");
}

#[test]
fn both_languages_have_the_same_labels() {
    let labels = |lang: &str| -> BTreeSet<String> {
        let folder = format!("locales/{lang}/");
        Files::iter()
            .filter(|file| file.starts_with(&folder))
            .flat_map(|file| {
                let short = file.trim_start_matches(&folder).to_owned();
                let text = text_of(&file).expect("it is embedded");
                text.lines()
                    .filter_map(|line| line.split_once(" ="))
                    .filter(|(id, _)| {
                        id.chars()
                            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
                    })
                    .map(|(id, _)| format!("{short}: {id}"))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(labels("ja"), labels("en"));
}

/// The literals among the arguments of a call whose text begins behind its parenthesis.
fn literals_of_call(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut found, mut argument) = (1, false, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1 && !quoted) {
            let literal = argument.trim().strip_prefix('"');
            found.extend(
                literal
                    .and_then(|text| text.strip_suffix('"'))
                    .map(str::to_owned),
            );
            argument.clear();
        } else {
            argument.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// Every code of a fault or problem that the sources name.
fn codes_in(source: &str) -> BTreeSet<String> {
    let is_code = |text: &String| {
        text.len() > 2
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut codes = BTreeSet::new();
    let calls = [
        "add(",
        "refuse(",
        "Error::invalid(",
        "fault(",
        "bad_request(",
        "Problem::new(",
        "Self::new(",
        "later(",
        "note(",
        "unknown(",
    ];
    for call in calls {
        for after in source.split(call).skip(1) {
            let given = literals_of_call(after);
            // The column of a file, before a code that is a variable.
            let code = given
                .into_iter()
                .rfind(is_code)
                .filter(|code| code != "endpoint_url");
            codes.extend(code);
        }
    }
    codes
}

fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
    for file in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = file.path();
        if path.is_dir() {
            sources(&path, found);
        } else if !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).expect("read");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            found.push((path.display().to_string(), text.to_owned()));
        }
    }
}

#[test]
fn whatever_can_be_refused_has_its_words_in_both_languages() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for room in ["domain", "actions", "web"] {
        sources(&root.join(room), &mut files);
    }
    let mut codes = BTreeSet::from(["amount_form", "currency_form", "invalid"].map(str::to_owned));
    // What a proof is found to be goes to the verifier's report, which is not a page.
    let told = |file: &str| !file.contains("/tests/") && !file.contains("/proof/");
    for (file, text) in files.iter().filter(|(file, _)| told(file)) {
        codes.extend(codes_in(text));
        let lists = [
            "domain/refusal.rs",
            "domain/text.rs",
            "domain/email.rs",
            "domain/address.rs",
        ];
        if lists.iter().any(|list| file.ends_with(list)) {
            let arms = text
                .split(" => \"")
                .skip(1)
                .filter_map(|arm| arm.split_once('"'));
            codes.extend(arms.map(|(code, _)| code.to_owned()));
        }
    }
    assert!(
        codes.len() > 120 && codes.contains("version_conflict") && codes.contains("field_type")
    );
    let labels = Labels::load().expect("the labels load");
    let silent: Vec<String> = codes
        .iter()
        .flat_map(|code| LANGUAGES.map(|lang| (lang, code)))
        .filter(|(lang, code)| !labels.has(lang, &format!("fault-{code}")))
        .map(|(lang, code)| format!("fault-{code} in {lang}"))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn a_refusal_names_its_field_in_the_readers_language() {
    let labels = Labels::load().expect("the labels load");
    for (lang, pointer, expected) in [
        ("ja", "", "入力してください。"),
        ("ja", "/title/ja", "件名（日本語）：入力してください。"),
        (
            "en",
            "/operator_contacts/1/phone",
            "Phone of an operator’s contact: Nothing is written here.",
        ),
        ("en", "/victims/count", "Victims: Nothing is written here."),
        ("ja", "/3/code", "3行目「code」：入力してください。"),
    ] {
        assert_eq!(
            labels
                .refusal(lang, pointer, "text_empty", "")
                .expect("words"),
            expected
        );
    }
    let unheard = labels.refusal("en", "", "unheard_of", "say it otherwise");
    assert_eq!(unheard.expect("words"), "say it otherwise");
}

#[test]
fn every_label_that_a_template_names_exists() {
    let labels = Labels::load().expect("the labels load");
    for file in Files::iter().filter(|file| !file.starts_with("locales/")) {
        let text = text_of(&file).expect("it is embedded");
        for rest in text.split("t(key=\"").skip(1) {
            let (key, after) = rest.split_once('"').expect("a closing quote");
            // The rest of such a key is put together while rendering.
            if after.trim_start().starts_with('~') {
                continue;
            }
            for lang in LANGUAGES {
                assert!(
                    labels.bundles[lang].has_message(key),
                    "{file}: no label {key} in {lang}"
                );
            }
        }
    }
}

/// The contexts of all pages behind a sign-in: `tests/pages/<room>/<page>[.<variant>].json`.
fn desk_pages() -> Vec<(String, serde_json::Value)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let mut found = Vec::new();
    for room in std::fs::read_dir(root).expect("rooms").flatten() {
        for file in std::fs::read_dir(room.path()).expect("pages").flatten() {
            let (room, file) = (room.file_name(), file.path());
            let stem = file
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a name");
            let page = stem.split('.').next().expect("a page");
            let context = std::fs::read_to_string(&file).expect("read");
            found.push((
                format!("desk/{}/{page}.html", room.to_str().expect("a name")),
                serde_json::from_str(&context).unwrap_or_else(|fault| panic!("{file:?}: {fault}")),
            ));
        }
    }
    found
}

/// The context of one page, as `room/page`.
fn desk_page(name: &str) -> serde_json::Value {
    let all = desk_pages().into_iter();
    let mut found = all.filter(|(page, _)| *page == format!("desk/{name}.html"));
    found.next().expect("a context").1
}

#[test]
fn banks_and_observers_are_counted_apart_in_both_languages() {
    let templates = templates();
    for (banks, observers, filed, previewed, lang) in [
        (
            34,
            1,
            "Issue to all 34 banks and 1 observer<",
            "It goes to all 34 banks and 1 observer, each",
            "en",
        ),
        (
            34,
            2,
            "Goes to 34 of 34 partner banks and 2 observers<",
            "Issue to all 34 banks and 2 observers<",
            "en",
        ),
        (
            35,
            0,
            "Issue to all 35 banks<",
            "It goes to all 35 banks, each",
            "en",
        ),
        (
            1,
            0,
            "Goes to 1 of 1 partner bank<",
            "Issue to 1 bank<",
            "en",
        ),
        (
            34,
            1,
            "提携銀行34行中34行とオブザーバー1件に通知されます",
            "34行とオブザーバー1件のすべてに発出する",
            "ja",
        ),
        (35, 0, ">35行すべてに発出<", "35行すべてに、それぞれ", "ja"),
    ] {
        let mut form = desk_page("officer/file");
        let told = &mut form["page"]["recipients"];
        (told["count"], told["observers"]) = (json!(banks + observers), json!(observers));
        let mut preview = desk_page("officer/preview");
        let page = &mut preview["page"];
        (page["partners"], page["observers"]) = (json!(banks), json!(observers));
        for (name, context, wanted) in [("file", form, filed), ("preview", preview, previewed)] {
            let html = templates
                .render(&format!("desk/officer/{name}.html"), lang, &context)
                .expect("it renders");
            assert!(html.contains(wanted), "{name} {lang}: no {wanted:?}");
        }
    }
}

#[test]
fn a_bank_reads_how_many_banks_and_which_observers_are_told() {
    let templates = templates();
    let english = "This notice goes to 34 banks and 2 observers: everybody on the register (version 12). Nobody chose them. Observers: One, Other";
    let japanese = "この通知は台帳（第12版）に載っている提携銀行34行とオブザーバー2件のすべてに送られます。宛先を選んだ人はいません。 オブザーバー： 一、二";
    for (lang, wanted) in [("en", english), ("ja", japanese)] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut mail = words.notice();
        mail.recipients.count = 36;
        mail.recipients.observers = vec![words.say("一", "One"), words.say("二", "Other")];
        let texts = mail.mail(&templates, lang).expect("it renders");
        assert!(texts.text.contains(wanted), "{}", texts.text);
        assert!(texts.html.contains(wanted), "{}", texts.html);
        let mut page = desk_page("bank/notice");
        page["page"]["recipients"] = json!({ "count": 36, "roster_version": 12,
            "observers": [{ "ja": "一", "en": "One" }, { "ja": "二", "en": "Other" }] });
        let html = templates.render("desk/bank/notice.html", lang, &page);
        assert!(html.expect("it renders").contains(wanted), "{lang}");
        mail.recipients = Recipients {
            count: 1,
            roster_version: 1,
            observers: vec![],
        };
        let alone = words.say(
            "提携銀行すべて、1行に送られます。",
            "goes to 1 bank: every bank on",
        );
        let texts = mail.mail(&templates, lang).expect("it renders");
        assert!(texts.text.contains(&alone), "{}", texts.text);
    }
}

#[test]
fn whoever_joined_later_or_has_left_reads_why_it_is_told_beside_the_register() {
    let (late, former) = ("late_joiner", "former");
    for (lang, reason, observers, said) in [
        (
            "en",
            late,
            0,
            "This notice went to 35 banks on the register (version 12). You joined later and get it for that reason.",
        ),
        (
            "en",
            late,
            2,
            "This notice went to 33 banks and 2 observers on the register (version 12). You joined later",
        ),
        (
            "en",
            former,
            0,
            "goes to 35 banks on the register (version 12), and to everybody who has left it and got an earlier notice of this incident, as you did.",
        ),
        (
            "en",
            former,
            1,
            "goes to 34 banks and 1 observer on the register (version 12), and to everybody who has left it",
        ),
        (
            "ja",
            late,
            0,
            "発行時に台帳（第12版）に載っていた提携銀行すべて、35行に送られました。その後に加わられたため",
        ),
        (
            "ja",
            late,
            2,
            "提携銀行33行とオブザーバー2件のすべてに送られました。その後に加わられたため",
        ),
        (
            "ja",
            former,
            0,
            "提携銀行すべて（35行）と、この事案の以前の通知をお送りした、すでに提携を終了した先に送られます。",
        ),
        (
            "ja",
            former,
            1,
            "提携銀行34行とオブザーバー1件のすべてと、この事案の以前の通知をお送りした",
        ),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut mail = words.notice();
        mail.reason = reason.into();
        mail.recipients.observers = vec!["Agency".into(); observers];
        let texts = mail.mail(&templates(), lang).expect("it renders");
        for part in [&texts.text, &texts.html] {
            assert!(part.contains(said), "{reason} {lang}: {part}");
            for untrue in ["every bank on", "everybody on the register"] {
                assert!(!part.contains(untrue), "{reason} {lang}: {part}");
            }
        }
    }
}

#[test]
fn an_observer_is_not_addressed_as_a_bank() {
    for (lang, bank, organisation) in [
        ("ja", "貴行", "貴機関"),
        ("en", "your bank", "your organisation"),
    ] {
        let words = Words {
            lang,
            canary: None,
            kind: "actual",
        };
        let mut mail = words.notice();
        (mail.reason, mail.exposed, mail.concerns_you) = ("observer".into(), false, false);
        for is_observer in [false, true] {
            mail.bank.is_observer = is_observer;
            for mail in [
                &mail,
                &NoticeMail {
                    tlp: "RED".into(),
                    reminder: Some(later()),
                    ..mail.clone()
                },
            ] {
                let texts = mail.mail(&templates(), lang).expect("it renders");
                for part in [&texts.text, &texts.html] {
                    assert_eq!(part.contains(bank), !is_observer, "{part}");
                    assert_eq!(part.contains(organisation), is_observer, "{part}");
                }
            }
        }
    }
}

#[test]
fn what_has_no_deadline_is_open_and_not_before_it() {
    let context = desk_page("auditor/service_levels");
    for (lang, open, before) in [("ja", "未了", "期限前"), ("en", "Open", "Running")] {
        let html = templates()
            .render("desk/auditor/service_levels.html", lang, &context)
            .expect("it renders");
        let card = |clock: &str| {
            let from = html.find(&format!("aria-labelledby=\"clock-{clock}\""));
            let card = &html[from.expect("the card")..];
            card[..card.find("</section>").expect("its end")].to_owned()
        };
        for (clock, shown, hidden) in [("deliver", open, before), ("acknowledge", before, open)] {
            let (card, heads) = (card(clock), |word| format!(">{word}</"));
            assert!(card.contains(&heads(shown)), "{clock} {lang}: {card}");
            assert!(!card.contains(&heads(hidden)), "{clock} {lang}: {card}");
        }
    }
}

#[test]
fn of_one_thing_the_pages_speak_in_the_singular() {
    let templates = templates();
    let mut pages = Vec::new();
    for (name, mut context) in desk_pages() {
        let page = &mut context["page"];
        let said = match name.as_str() {
            "desk/auditor/matrix.html"
                if page["rows"].as_array().is_some_and(|rows| !rows.is_empty()) =>
            {
                page["banks"] = json!([{ "code": "B001", "name": "One" }]);
                (page["rows"], page["total"]) = (json!([page["rows"][0].clone()]), json!(1));
                page["rows"][0]["cells"] = json!([null]);
                vec!["One incident, one bank, newest first", "Name of the bank"]
            }
            "desk/auditor/service_levels.html" => {
                page["left_out"] = json!({ "exercises": 1, "tests": 0 });
                vec!["left out: one revision of an exercise, 0 of tests."]
            }
            "desk/auditor/evidence.html" => {
                page["fanout"]["notice_count"] = json!(1);
                vec!["One notice, for the one bank on roster version"]
            }
            _ => continue,
        };
        pages.push((name, context, said));
    }
    assert!(pages.len() >= 3);
    for (name, context, said) in pages {
        let html = templates.render(&name, "en", &context).expect("it renders");
        for words in said {
            assert!(html.contains(words), "{name}: no {words:?}");
        }
    }
}

#[test]
fn every_desk_page_renders_in_both_languages_from_its_context() {
    let templates = templates();
    let pages = desk_pages();
    for (page, context) in &pages {
        for lang in LANGUAGES {
            let html = templates
                .render(page, lang, context)
                .unwrap_or_else(|fault| panic!("{page} {lang}: {fault}"));
            let without_files = html.replace("<script src=\"/static/", "");
            for refused in ["<script", "<style", " style=", " onclick=", "javascript:"] {
                assert!(
                    !without_files.contains(refused),
                    "{page} {lang}: {refused} is refused by the page's policy"
                );
            }
        }
    }
    let known: std::collections::BTreeSet<&str> =
        pages.iter().map(|(page, _)| page.as_str()).collect();
    let all = templates.names();
    let unshown: Vec<&String> = all
        .iter()
        .filter(|name| {
            name.starts_with("desk/") && name.matches('/').count() == 2 && !name.contains("/parts/")
        })
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    assert!(
        unshown.is_empty(),
        "without a context in tests/pages: {unshown:?}"
    );
}
