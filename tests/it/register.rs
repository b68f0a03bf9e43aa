//! The register and the people below the web: what changes the roster, what takes two people, and what an
//! invitation and a key are good for.

use crate::support::ground::{Ground, contact, filing, new_bank, on_both, room};
use kairan::actions::accept_invitation::{Accepted, accept_invitation};
use kairan::actions::add_contact::{end_contact, replace_contact};
use kairan::actions::authenticate::authenticate;
use kairan::actions::bootstrap::bootstrap;
use kairan::actions::claim;
use kairan::actions::cut_roster::cut_due;
use kairan::actions::decide::{self, Requested};
use kairan::actions::import_banks::{Effect, Imported, import_banks};
use kairan::actions::invite::{InvitationInput, invite};
use kairan::actions::issue_key::{KeyInput, Owner, issue_key};
use kairan::actions::join_bank::join_bank;
use kairan::actions::on_behalf::{self, OnBehalf};
use kairan::actions::read_register;
use kairan::actions::register_bank::register_bank;
use kairan::actions::rotate_secret::rotate_secret;
use kairan::actions::set_endpoint::{EndpointInput, end_endpoint, replace_endpoint};
use kairan::actions::{Error, change_roles, draft, end_partnership};
use kairan::domain::access::{Role, Roles};
use kairan::domain::id::Uid;
use kairan::domain::refusal::Refusal;
use kairan::storage::{bank, delivery, notice, roster};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Ground {
    /// The newest roster version and how many banks it has.
    async fn roster(&self) -> (i64, i64) {
        let latest = self.store.read(roster::latest).await.expect("read");
        latest.map_or((0, 0), |row| (row.version, row.bank_count))
    }

    async fn decide(&self, by: Uid, request: Requested) -> Result<(), Error> {
        let rules = Arc::clone(&self.rules);
        self.act(move |tx| decide::decide(tx, &rules, by, request.id, true).map(|_| ()))
            .await
    }

    async fn import(&self, csv: &str, dry_run: bool) -> Result<Imported, Error> {
        let (rules, csv) = (Arc::clone(&self.rules), csv.to_owned());
        self.act(move |tx| import_banks(tx, &rules, csv.as_bytes(), dry_run))
            .await
    }

    async fn accept(&self, link: &str) -> Result<Accepted, Error> {
        let rules = Arc::clone(&self.rules);
        let token = link.rsplit('/').next().expect("a token").to_owned();
        self.act(move |tx| accept_invitation(tx, &rules, &token))
            .await
    }
}

fn endpoint(path: &str) -> EndpointInput {
    EndpointInput {
        url: format!("http://127.0.0.1:9/{path}"),
        ed25519: false,
    }
}

on_both! {
    async fn a_roster_version_is_cut_only_when_something_changed(ground) {
        let ids = ground.banks(2).await;
        let before = ground.roster().await;
        assert_eq!(before.1, 2);
        let (bank, rules) = (ids[0], Arc::clone(&ground.rules));
        let live = ground.store.read(move |tx| bank::endpoints_of(tx, bank)).await.expect("read")[0].id;
        ground.act(move |tx| rotate_secret(tx, &rules, bank, live)).await.expect("rotated");
        assert_eq!(ground.roster().await, before);
        let old = ground.store.read(move |tx| bank::contacts_of(tx, bank)).await.expect("read")[0].id;
        ground.act(move |tx| replace_contact(tx, bank, old, &contact("B001", 1))).await.expect("replaced");
        assert_eq!(ground.roster().await, (before.0 + 1, 2));
        let again = ground.act(move |tx| replace_contact(tx, bank, old, &contact("B001", 1))).await;
        assert!(matches!(again, Err(Error::Refused(Refusal::AlreadyReplaced))), "{again:?}");
        ground.assert_sound().await;
    }

    async fn a_bank_entered_for_next_week_is_on_the_roster_next_week(ground) {
        ground.banks(1).await;
        let starts = ground.store.read(|tx| tx.now()).await.expect("time") + 7 * DAY;
        let mut later = new_bank("B777");
        later.valid_from = Some(starts.to_string());
        ground.act(move |tx| register_bank(tx, &later)).await.expect("entered");
        assert_eq!(ground.roster().await.1, 1);
        assert!(!ground.act(cut_due).await.expect("nothing due"));
        ground.clock.advance(8 * DAY);
        assert!(ground.act(cut_due).await.expect("due"));
        assert_eq!(ground.roster().await.1, 2);
        assert!(!ground.act(cut_due).await.expect("done"));
        ground.assert_sound().await;
    }

    async fn ending_a_partnership_takes_two_people_a_day_and_a_mail_to_the_bank(ground) {
        let ids = ground.banks(2).await;
        let (one, other) = (ground.person("administrator").await, ground.person("administrator").await);
        let rules = Arc::clone(&ground.rules);
        let asked = ground
            .act(move |tx| end_partnership::request(tx, &rules, one, "B002", "contract ended"))
            .await
            .expect("asked");
        let alone = ground.decide(one, asked.clone()).await;
        assert!(matches!(alone, Err(Error::Refused(Refusal::SamePerson))), "{alone:?}");
        ground.decide(other, asked).await.expect("approved");
        assert_eq!(ground.roster().await.1, 2);
        let room = room("email");
        let leases = ground.act(move |tx| claim::claim(tx, &room)).await.expect("claimed");
        let due = ground.store.read(move |tx| claim::open(tx, &leases)).await.expect("read");
        let told: Vec<_> = due.iter().map(|one| (one.due.kind.as_str(), one.due.channel.as_str(), one.due.bank_id)).collect();
        assert_eq!(told, [("partnership.ending", "email", Some(ids[1]))]);
        ground.accepted(due).await;
        ground.clock.advance(DAY + Duration::from_secs(1));
        let officer = ground.person("officer").await;
        assert_eq!(ground.file(officer, &filing()).await.expect("filed").notices, 1);
        ground.act(|tx| join_bank(tx, "B002")).await.expect("joined again");
        assert_eq!(ground.roster().await.1, 2);
        let twice = ground.act(|tx| join_bank(tx, "B002")).await;
        assert!(matches!(twice, Err(Error::Refused(Refusal::AlreadyPartner))), "{twice:?}");
        ground.assert_sound().await;
    }

    async fn what_is_still_to_be_sent_goes_to_the_new_endpoint_beside_the_one_that_it_replaces(ground) {
        let ids = ground.banks(1).await;
        let officer = ground.person("officer").await;
        ground.file(officer, &filing()).await.expect("filed");
        let (bank, rules) = (ids[0], Arc::clone(&ground.rules));
        let old = ground.store.read(move |tx| bank::endpoints_of(tx, bank)).await.expect("read")[0].id;
        let made = ground
            .act(move |tx| replace_endpoint(tx, &rules, bank, old, &endpoint("new")))
            .await
            .expect("replaced");
        assert!(made.secret.starts_with("whsec_"));
        let notice = ground.store.read(move |tx| notice::inbox(tx, bank, 0, 1)).await.expect("read")[0].id;
        let sent = ground.store.read(move |tx| delivery::of_notice(tx, notice)).await.expect("read");
        let state = |target: Uid| sent.iter().find(|row| row.target_id == target).map(|row| row.state.as_str());
        assert_eq!((state(old), state(made.id)), (Some("due"), Some("due")));
        ground.assert_sound().await;
    }

    async fn a_partner_always_keeps_one_way_to_be_reached(ground) {
        let bank = ground.banks(1).await[0];
        let contact = ground.store.read(move |tx| bank::contacts_of(tx, bank)).await.expect("read")[0].id;
        let endpoint = ground.store.read(move |tx| bank::endpoints_of(tx, bank)).await.expect("read")[0].id;
        ground.act(move |tx| end_contact(tx, bank, contact)).await.expect("the endpoint is left");
        let Err(Error::Invalid(faults)) = ground.act(move |tx| end_endpoint(tx, bank, endpoint)).await else {
            panic!("the last way was ended")
        };
        assert_eq!(faults.0[0].code, "last_channel");
    }

    async fn one_administrator_alone_cannot_lead_a_banks_notices_elsewhere(ground) {
        let bank = ground.banks(1).await[0];
        let (one, other) = (ground.person("administrator").await, ground.person("administrator").await);
        let rules = Arc::clone(&ground.rules);
        let outcome = ground
            .act(move |tx| on_behalf::add_endpoint(tx, &rules, one, "B001", &endpoint("second"), "they asked"))
            .await
            .expect("asked");
        let OnBehalf::Asked(asked) = outcome else { panic!("it was done at once") };
        let count = move |ground: &Ground| {
            let store = ground.store.clone();
            async move { store.read(move |tx| bank::endpoints_of(tx, bank)).await.expect("read").len() }
        };
        assert_eq!(count(&ground).await, 1);
        ground.decide(other, asked).await.expect("approved");
        assert_eq!(count(&ground).await, 2);
        ground.assert_sound().await;
    }

    async fn an_import_is_all_or_nothing_and_a_dry_run_stores_nothing(ground) {
        let header = "code,name_ja,name_en,language,contact1_name,contact1_email,endpoint_url";
        let good = format!(
            "{header}\n0117,東銀行,East Bank,ja,佐藤,risk@east.example,http://127.0.0.1:9/east\n\
             0118,西銀行,West Bank,en,Suzuki,risk@west.example,\n"
        );
        let dry = ground.import(&good, true).await.expect("would go in");
        assert!(dry.banks.iter().all(|one| one.effect == Effect::Added && one.secret.is_none()));
        assert_eq!(ground.roster().await, (0, 0));
        let bad = good.replace("risk@west.example", "risk@west");
        let Err(Error::Invalid(faults)) = ground.import(&bad, false).await else { panic!("taken") };
        assert_eq!(faults.0[0].pointer, "/3/contact1_email");
        assert_eq!(ground.roster().await, (0, 0));
        let done = ground.import(&good, false).await.expect("goes in");
        assert_eq!((done.roster_version, ground.roster().await), (Some(1), (1, 2)));
        assert!(done.banks[0].secret.is_some() && done.banks[1].secret.is_none());
        let again = ground.import(&good, false).await.expect("goes in again");
        assert!(again.banks.iter().all(|one| one.effect == Effect::Unchanged));
        assert_eq!(ground.roster().await, (1, 2));
        let moved = good.replace("9/east", "9/elsewhere");
        let Err(Error::Invalid(faults)) = ground.import(&moved, false).await else { panic!("taken") };
        assert_eq!((faults.0[0].code, faults.0[0].pointer.as_str()), ("endpoint_differs", "/2/endpoint_url"));
        let renamed = good.replace("West Bank", "West & Bay Bank");
        let amended = ground.import(&renamed, false).await.expect("goes in");
        assert_eq!(amended.banks[1].effect, Effect::Amended);
        ground.assert_sound().await;
    }

    async fn an_invitation_works_once_and_makes_a_caller_with_its_roles(ground) {
        let rules = Arc::clone(&ground.rules);
        let first = ground
            .act(move |tx| bootstrap(tx, &rules, "Ito", "ito@operator.example", "ja"))
            .await
            .expect("bootstrapped");
        let admin = ground.accept(&first.link).await.expect("accepted");
        let again = ground.accept(&first.link).await;
        assert!(matches!(again.map(|_| ()), Err(Error::Refused(Refusal::InvitationEnded))));
        let rules = Arc::clone(&ground.rules);
        let second = ground.act(move |tx| bootstrap(tx, &rules, "Abe", "abe@operator.example", "ja")).await;
        assert!(matches!(second.map(|_| ()), Err(Error::Refused(Refusal::Bootstrapped))));

        let key = admin.key.key.clone();
        let caller = ground.store.read(move |tx| authenticate(tx, &key)).await.expect("read").expect("known");
        assert_eq!((caller.id(), caller.roles()), (admin.person, Roles::of(&[Role::Administrator])));
        let mut wrong = admin.key.key.clone();
        let tail = if wrong.ends_with('A') { "E" } else { "A" };
        wrong.replace_range(wrong.len() - 1.., tail);
        assert_eq!(ground.store.read(move |tx| authenticate(tx, &wrong)).await.expect("read"), None);

        let (rules, by) = (Arc::clone(&ground.rules), admin.person);
        let input = InvitationInput {
            name: "Mori".into(),
            email: "Mori@Operator.Example".into(),
            roles: vec!["officer".into()],
            bank: None,
            language: "en".into(),
        };
        let invited = ground.act(move |tx| invite(tx, &rules, by, &input)).await.expect("invited");
        ground.clock.advance(4 * DAY);
        let late = ground.accept(&invited.link).await;
        assert!(matches!(late.map(|_| ()), Err(Error::Refused(Refusal::InvitationEnded))));
    }

    async fn a_bank_has_two_live_keys_at_most_and_an_expired_one_opens_nothing(ground) {
        let bank = ground.banks(1).await[0];
        let mut keys = Vec::new();
        for _ in 0..2 {
            let rules = Arc::clone(&ground.rules);
            let input = KeyInput { label: "gateway".into(), days: Some(1) };
            keys.push(ground.act(move |tx| issue_key(tx, &rules, Owner::Bank(bank), &input)).await.expect("made").key);
        }
        let rules = Arc::clone(&ground.rules);
        let input = KeyInput { label: "third".into(), days: None };
        let third = ground.act(move |tx| issue_key(tx, &rules, Owner::Bank(bank), &input)).await;
        assert!(matches!(third.map(|_| ()), Err(Error::Refused(Refusal::TooManyKeys))));
        let key = keys.remove(0);
        let caller = ground.store.read({ let key = key.clone(); move |tx| authenticate(tx, &key) }).await;
        assert_eq!(caller.expect("read").and_then(|caller| caller.bank()), Some(bank));
        ground.clock.advance(2 * DAY);
        assert_eq!(ground.store.read(move |tx| authenticate(tx, &key)).await.expect("read"), None);
    }

    async fn roles_change_only_with_a_second_administrator(ground) {
        let (one, other) = (ground.person("administrator").await, ground.person("administrator").await);
        let auditor = ground.person("auditor").await;
        let rules = Arc::clone(&ground.rules);
        let wanted = vec!["officer".to_owned()];
        let asked = ground
            .act(move |tx| change_roles::request(tx, &rules, one, auditor, &wanted, "moved to the desk"))
            .await
            .expect("asked");
        ground.decide(other, asked).await.expect("approved");
        let everybody = ground.store.read(read_register::everybody).await.expect("read");
        let found = everybody.iter().find(|known| known.person.id == auditor).expect("there");
        assert_eq!(found.roles, ["officer"]);
        ground.assert_sound().await;
    }

    async fn two_officers_cannot_overwrite_each_others_draft(ground) {
        let officer = ground.person("officer").await;
        let rules = || std::sync::Arc::clone(&ground.rules);
        let (begins, replaces, late, last) = (rules(), rules(), rules(), rules());
        let begun = ground.act(move |tx| draft::create(tx, &begins, officer, b"{}")).await.expect("begun").row;
        let id = begun.id;
        let body = br#"{"tlp": "AMBER"}"#;
        ground.act(move |tx| draft::replace(tx, &replaces, id, 1, body)).await.expect("replaced");
        let stale = ground.act(move |tx| draft::replace(tx, &late, id, 1, b"{}")).await;
        assert!(matches!(stale, Err(Error::Refused(Refusal::VersionConflict))), "{stale:?}");
        ground.act(move |tx| draft::discard(tx, officer, id, "a rumour")).await.expect("discarded");
        let ended = ground.act(move |tx| draft::replace(tx, &last, id, 2, b"{}")).await;
        assert!(matches!(ended, Err(Error::Refused(Refusal::DraftEnded))), "{ended:?}");
    }
}
