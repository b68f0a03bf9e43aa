//! `kairan demo --story`: the case that every rule comes from, as it should have gone, in six acts from May 2019 to
//! September 2020. The hub's clock and the banks' are set from act to act; everything else is real.

use super::cast::{self, Bank, Pace, Part};
use super::street::{self, Waiting};
use super::watch::{Picture, Watch};
use super::{Args, Issued, Signals, Stage, register};
use crate::cli::{CliError, Done, say};
use crate::domain::instant::Instant;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// When it begins: 11:11 on a Friday in Tokyo.
pub const BEGINS: i64 = 1_558_059_060_000_000;
const CALLED: i64 = BEGINS + 2 * HOUR;
/// 14 June 2019, 10:00.
const FINAL: i64 = 1_560_474_000_000_000;
/// 1 April 2020, 09:00.
const JOINED: i64 = 1_585_699_200_000_000;
/// 8 September 2020, 12:00.
const WAVE: i64 = 1_599_534_000_000_000;
const HOUR: i64 = 3_600_000_000;
const AS_OF: &str = "2020-08-01T00:00:00+09:00";

/// Exposed, and silent until somebody telephones.
const SILENT: &str = "K107";
/// Whose certificate the auditor asks for.
const ASKED: &str = "K117";

/// How long what an act waits for may take.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The banks of the story: one is silent for a while, and none is down.
pub fn banks() -> Vec<Bank> {
    let mut banks = cast::banks();
    for bank in &mut banks {
        if bank.part == Part::Down || bank.part == Part::Silent && bank.code != SILENT {
            bank.part = Part::Stamps;
        }
    }
    banks
}

/// Tells it, and waits to be looked at unless it is to be told `--once`.
pub async fn tell(args: &Args, pace: Pace, signals: &mut Signals) -> Result<Done, CliError> {
    let began = std::time::Instant::now();
    let mut story = Story {
        stage: super::set_stage(args, pace).await?,
        pace,
        is_silent: args.json,
        come_true: json!({}),
    };
    let told = tokio::select! {
        () = signals.any() => return Ok(Done::Well),
        told = story.play() => told,
    };
    if told.is_ok() && !args.once {
        story.say(format_args!(
            "\nIt is {} on this hub until Ctrl-C; the keys above work on {}/api/docs.",
            Instant::from_micros(WAVE),
            story.stage.url
        ));
        signals.any().await;
    }
    let (mut come_true, findings) = story.end().await?;
    told?;
    if findings > 0 {
        return Err(CliError::Failed(format!(
            "the self-check found {findings} faults; see kairan.log in the demo's folder"
        )));
    }
    if args.json {
        come_true["seconds"] = json!(began.elapsed().as_secs_f64().round());
        say::json(&come_true);
    }
    Ok(Done::Well)
}

struct Story {
    stage: Stage,
    pace: Pace,
    is_silent: bool,
    /// The answer for a script.
    come_true: Value,
}

impl Story {
    async fn play(&mut self) -> Result<(), CliError> {
        if !self.is_silent {
            super::told::introduce(&self.stage);
        }
        let may = self.thefts_at_two_banks().await?;
        self.a_silent_bank_is_called(&may).await?;
        self.the_final_report(&may).await?;
        self.a_bank_joins(&may).await?;
        self.the_same_trick_again(&may).await?;
        self.what_a_bank_had_been_told(&may).await
    }

    async fn thefts_at_two_banks(&mut self) -> Result<String, CliError> {
        self.act("17 May 2019, 11:11 · thefts from accounts at K101 and K102");
        let body = cast::filing(Instant::from_micros(BEGINS));
        let issued = self.file("/api/v1/incidents", &body).await?;
        self.say(format_args!(
            "The officer files {}. Nobody chooses who is told: {} notices, one for every bank of roster version {}.",
            issued.reference, issued.notices, issued.roster_version
        ));
        let picture = self.until(&issued.reference, |picture| {
            picture.delivered == 35 && picture.acknowledged == 34
        });
        let picture = picture.await?;
        self.say(format_args!(
            "All are told within the hour. {}. K101 has suspended new links and lets itself be named: every bank sees it.",
            two_numbers(&picture)
        ));
        self.come_true["told_in_may"] = json!(picture.delivered);
        Ok(issued.reference)
    }

    async fn a_silent_bank_is_called(&mut self, may: &str) -> Result<(), CliError> {
        self.act("17 May 2019, 13:11 · one bank keeps silent");
        self.pass(CALLED).await?;
        let call = self.call().await?;
        self.say(format_args!(
            "{SILENT} links accounts by PIN alone, so its clock was the short one: reminders at 25 and 50 %, then a call that somebody has to make."
        ));
        let people = self.stage.people.clone();
        let contacts: Value = self
            .read(&people.officer, &format!("/api/v1/banks/{SILENT}/contacts"))
            .await?;
        let told = json!({ "channel": "phone", "contact": contacts["contacts"][0]["id"], "person": "Duty officer",
            "role": "Fraud desk", "told_at": Instant::from_micros(CALLED).to_millis_string(), "read_back": call["number"].to_string() });
        let path = format!(
            "/api/v1/tasks/{}/completion",
            call["id"].as_str().unwrap_or_default()
        );
        let asked = self.post(&people.officer, &path, &told).await?;
        let request = asked["request"].as_str().unwrap_or_default();
        let path = format!("/api/v1/approvals/{request}/decision");
        self.post(&people.second, &path, &json!({ "approve": true }))
            .await?;
        self.say(
            "The officer calls the number in the register, the bank reads the notice's number back, and a second person signs \
             it off: told aside, in a colour of its own. It is no stamp, and the notice stays due.",
        );
        // Its machine runs again, and finds what it owes.
        for bank in &mut self.stage.banks {
            if bank.code == SILENT {
                bank.part = Part::Stamps;
            }
        }
        self.pass(CALLED).await?;
        let picture = self
            .until(may, |picture| picture.acknowledged == 35)
            .await?;
        self.say(format_args!(
            "{SILENT} confirms. {}.",
            two_numbers(&picture)
        ));
        self.come_true["called"] = json!(SILENT);
        self.come_true["acknowledged_in_may"] = json!(picture.acknowledged);
        Ok(())
    }

    async fn the_final_report(&mut self, may: &str) -> Result<(), CliError> {
        self.act("14 June 2019 · the final report");
        self.pass(FINAL).await?;
        let body = cast::closing(Instant::from_micros(BEGINS));
        self.file(&format!("/api/v1/incidents/{may}/revisions"), &body)
            .await?;
        let picture = self
            .until(may, |picture| picture.acknowledged == 35)
            .await?;
        self.say(format_args!(
            "Every bank had confirmed, so the incident may be closed; the report goes to all of them. {}.",
            two_numbers(&picture)
        ));
        Ok(())
    }

    async fn a_bank_joins(&mut self, may: &str) -> Result<(), CliError> {
        self.act("1 April 2020 · a bank becomes a partner");
        self.set_clocks(JOINED).await;
        let administrator = self.stage.people.administrator.clone();
        let joiner = cast::joiner();
        let bank = json!({ "code": joiner.code, "profile": { "name_ja": joiner.name_ja, "name_en": joiner.name_en,
            "language": joiner.language, "linking": [joiner.linking] } });
        self.post(&administrator, "/api/v1/banks", &bank).await?;
        let contact = json!({ "name": joiner.person(), "role": joiner.role(), "email": joiner.desk_email(),
            "phone": "+81 3-0000-3000", "level": 1, "language": joiner.language });
        let path = format!("/api/v1/banks/{}/contacts", joiner.code);
        self.post(&administrator, &path, &contact).await?;
        let picture = self
            .until(may, |picture| picture.acknowledged == 36)
            .await?;
        let told = picture.cell(joiner.code).is_some();
        self.say(format_args!(
            "{} gets {may} on its first day, as its number 1, and confirms it by the link in the mail.",
            joiner.code
        ));
        self.come_true["late_joiner_told"] = json!(told);
        Ok(())
    }

    async fn the_same_trick_again(&mut self, may: &str) -> Result<(), CliError> {
        self.act("8 September 2020 · the same trick at eleven other banks");
        self.pass_to_september().await?;
        let body = cast::wave(Instant::from_micros(WAVE), may);
        let issued = self.file("/api/v1/incidents", &body).await?;
        let picture = self
            .until(&issued.reference, |picture| picture.acknowledged == 36)
            .await?;
        self.say(format_args!(
            "{} names {may} as related. {}. No bank has to search for a record of a warning.",
            issued.reference,
            two_numbers(&picture)
        ));
        self.come_true["told_in_september"] = json!(picture.delivered);
        self.come_true["wave"] = json!(issued.reference);
        Ok(())
    }

    async fn what_a_bank_had_been_told(&mut self, may: &str) -> Result<(), CliError> {
        self.act("What had K117 been told by 1 August 2020?");
        let auditor = self.stage.people.auditor.clone();
        let path = format!(
            "/api/v1/certificates?bank={ASKED}&as_of={}",
            AS_OF.replace('+', "%2B")
        );
        let certificate = self.stage.api.get(&auditor, &path).await?;
        let published: Value = self.read(&auditor, "/.well-known/kairan").await?;
        let folder = self.stage.ground.folder.join("evidence");
        let written = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).map_err(|fault| CliError::file("write", path, &fault))
        };
        std::fs::create_dir(&folder)
            .map_err(|fault| CliError::file("make the folder", &folder, &fault))?;
        let (file, key) = (
            folder.join(format!("{ASKED}.txt")),
            folder.join("certificate.vkey"),
        );
        written(&file, &certificate)?;
        let vkey = published["certificate"]["vkey"]
            .as_str()
            .unwrap_or_default();
        written(&key, vkey.as_bytes())?;
        let said = self
            .kairan(&["verify", "certificate", text(&file), "--key", text(&key)])
            .await?;
        for line in said.lines() {
            self.say(format_args!("  {line}"));
        }
        let log = folder.join("log");
        self.kairan(&["export", "log", text(&log)]).await?;
        let said = self
            .kairan(&[
                "verify",
                "log",
                text(&log),
                "--key",
                text(&log.join("kairan/vkey")),
            ])
            .await?;
        self.say(format_args!(
            "And the whole log, offline: {}",
            said.lines().next().unwrap_or_default()
        ));
        self.say(format_args!("The files lie in {}.", folder.display()));
        self.come_true["incident"] = json!(may);
        self.come_true["verified_offline"] = json!(["certificate", "log"]);
        Ok(())
    }

    fn act(&self, title: &str) {
        self.say(format_args!("\n── {title}"));
    }

    fn say(&self, text: impl std::fmt::Display) {
        if !self.is_silent {
            say::line(text);
        }
    }

    /// It becomes `now` on the hub; the banks' machines, which have another clock, are stopped first.
    async fn set_clocks(&mut self, now: i64) {
        if let Some(street) = self.stage.street.take() {
            street.close().await;
        }
        self.stage.opening.now = Some(now);
        self.stage.store.clock().set(Instant::from_micros(now));
    }

    /// It becomes `now` on the hub and at the banks.
    async fn pass(&mut self, now: i64) -> Result<(), CliError> {
        self.set_clocks(now).await;
        let stage = &mut self.stage;
        let plays = street::plays(&stage.banks, self.pace, &stage.ports);
        let waiting = Waiting::start(&plays, &stage.log).await?;
        stage.street = Some(waiting.open(&stage.opening).await?);
        Ok(())
    }

    /// Sixteen months later every key has run out.
    async fn pass_to_september(&mut self) -> Result<(), CliError> {
        self.set_clocks(WAVE).await;
        let stage = &mut self.stage;
        let (people, handovers) = register::renew(
            &stage.store,
            &stage.rules,
            stage.people.clone(),
            stage.opening.banks.clone(),
        )
        .await?;
        stage.people = people;
        stage.opening.banks = handovers;
        self.pass(WAVE).await
    }

    async fn file(&self, path: &str, body: &Value) -> Result<Issued, CliError> {
        let answer = self.post(&self.stage.people.officer, path, body).await?;
        serde_json::from_value(answer).map_err(|fault| unreadable(&fault))
    }

    async fn post(&self, key: &str, path: &str, body: &Value) -> Result<Value, CliError> {
        let once = format!("{}-{path}", self.stage.opening.now.unwrap_or(BEGINS));
        let answer = self.stage.api.post(key, path, Some(&once), body).await?;
        serde_json::from_slice(&answer.good(path)?).map_err(|fault| unreadable(&fault))
    }

    async fn read(&self, key: &str, path: &str) -> Result<Value, CliError> {
        let answer = self.stage.api.get(key, path).await?;
        serde_json::from_slice(&answer).map_err(|fault| unreadable(&fault))
    }

    /// Looks until it is so.
    async fn until(
        &self,
        reference: &str,
        is_so: impl Fn(&Picture) -> bool,
    ) -> Result<Picture, CliError> {
        let watch = Watch::new(
            self.stage.api.clone(),
            self.stage.people.auditor.clone(),
            reference.to_owned(),
        );
        let gives_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            let picture = watch.look().await?;
            if is_so(&picture) {
                return Ok(picture);
            }
            if tokio::time::Instant::now() > gives_up {
                return Err(self.stuck(&two_numbers(&picture)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The call to the silent bank, once the clock has opened it.
    async fn call(&self) -> Result<Value, CliError> {
        let gives_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            let tasks = self
                .read(&self.stage.people.officer, "/api/v1/tasks")
                .await?;
            let mut open = tasks["tasks"].as_array().into_iter().flatten();
            if let Some(call) = open.find(|task| task["kind"] == "phone" && task["bank"] == SILENT)
            {
                return Ok(call.clone());
            }
            if tokio::time::Instant::now() > gives_up {
                return Err(self.stuck("no call was opened"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn stuck(&self, how: &str) -> CliError {
        let complaint = self
            .stage
            .street
            .as_ref()
            .and_then(|street| street.report().fault);
        let complaint = complaint
            .map(|fault| format!("; a bank says: {fault}"))
            .unwrap_or_default();
        CliError::Failed(format!(
            "the story does not go on: {how}{complaint}; see kairan.log in the demo's folder"
        ))
    }

    /// Runs this program beside the hub, with the hub's settings.
    async fn kairan(&self, args: &[&str]) -> Result<String, CliError> {
        let failed = |fault: &dyn std::fmt::Display| {
            CliError::Failed(format!("kairan {} failed: {fault}", args.join(" ")))
        };
        let program = std::env::current_exe().map_err(|fault| failed(&fault))?;
        let ended = Command::new(program)
            .arg("--config")
            .arg(self.stage.ground.settings_file())
            .args(args)
            .env_remove("KAIRAN_KEY")
            .output()
            .await
            .map_err(|fault| failed(&fault))?;
        if !ended.status.success() {
            let said = [ended.stdout, ended.stderr].concat();
            return Err(failed(&String::from_utf8_lossy(&said)));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Ends banks, hub and mail; what came true, and how many faults the self-check finds.
    async fn end(self) -> Result<(Value, usize), CliError> {
        let (_, findings) = self.stage.close().await?;
        Ok((self.come_true, findings))
    }
}

fn unreadable(fault: &serde_json::Error) -> CliError {
    CliError::Failed(format!("the hub's answer cannot be read: {fault}"))
}

/// Never blended.
fn two_numbers(picture: &Picture) -> String {
    let all = picture.notices;
    format!(
        "Delivered {}/{all} · acknowledged {}/{all}",
        picture.delivered, picture.acknowledged
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
