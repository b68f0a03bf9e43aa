//! The command line on a machine where something is wrong: each time one clear sentence, the promised
//! exit code, and never a panic.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than the program waits for a locked database.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with settings of its own, in which commands run.
struct Host {
    folder: TempDir,
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Host {
    /// With settings but nothing made yet.
    fn new() -> Self {
        let host = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        host.write("kairan.toml", "");
        host
    }

    /// With a key file and a database.
    fn installed() -> Self {
        let host = Self::new();
        assert_eq!(host.run(&["admin", "new-key"]).code, 0);
        assert_eq!(host.run(&["migrate"]).code, 0);
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("kairan-data/kairan.db")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn connect(&self) -> SqliteConnection {
        let path = self.database();
        SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens")
    }

    /// Runs the program and holds it to what is promised of every ending.
    fn run(&self, args: &[&str]) -> Ended {
        let child = Command::new(env!("CARGO_BIN_EXE_kairan"))
            .args(args)
            .current_dir(self.folder.path())
            .env("KAIRAN_CONFIG", self.path("kairan.toml"))
            .env_remove("KAIRAN_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Ended::new(until_its_end(child))
    }
}

/// A hub that starts where it must not would run on: it is stopped, and the test fails.
fn until_its_end(mut child: Child) -> Output {
    let mut stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let read = stderr
            .read_to_end(&mut err)
            .and(stdout.read_to_end(&mut out));
        // Nobody listens any more where the wait was given up.
        let _ = sender.send(read.map(|_| (out, err)));
    });
    let Ok(read) = ended.recv_timeout(PATIENCE) else {
        child.kill().expect("stopped");
        panic!("the program runs on");
    };
    let (stdout, stderr) = read.expect("its output");
    let status = child.wait().expect("its end");
    Output {
        status,
        stdout,
        stderr,
    }
}

impl Ended {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let ended = Self {
            code: output.status.code().expect("an exit code, not a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert_eq!(
            ended.code == 1 || ended.code == 2,
            ended.stderr.contains("kairan: "),
            "{}",
            ended.stderr
        );
        ended
    }

    fn failed_saying(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.stderr);
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is missing in {}",
                self.stderr
            );
        }
    }
}

#[test]
fn every_mistake_in_the_files_of_clocks_is_told_before_anything_starts() {
    let host = Host::new();
    host.write(
        "kairan.toml",
        "[clocks]\nfile = \"clocks.toml\"\nholidays_file = \"holidays.csv\"\n",
    );
    let clocks = kairan::domain::deadline::EMBEDDED
        .replace("offset = \"2 hours\"", "offset = \"soon\"")
        .replace("opens = \"09:00\"", "opens = \"nine\"")
        .replace(
            "start = \"approved\"\noffset = \"72 hours\"",
            "start = \"approved\"\noffset = \"96 hours\"",
        );
    host.write("clocks.toml", &clocks);
    let line = clocks.lines().position(|line| line.contains("96 hours"));
    let line = line.expect("the shipped file has the longest deferral") + 1;
    let too_long = format!(
        "clocks.toml: clocks.file: profile DEFERRAL, clock for longest: line {line}: offset: takes at most 72 hours"
    );
    host.write("holidays.csv", "2027/13/1,元日\n");
    let told = [
        "clocks.toml: clocks.file: calendar business: opens",
        "clocks.toml: clocks.file: profile ACK-IMMEDIATE, clock 1: offset",
        &too_long,
        "holidays.csv: clocks.holidays_file: line 1",
        "nothing was started",
    ];
    for command in [&["serve"][..], &["check"], &["admin", "accept", "x"]] {
        host.run(command).failed_saying(2, &told);
    }
    assert!(
        !host.path("kairan-data").exists(),
        "nothing is made under wrong settings"
    );
}

#[test]
fn three_mistakes_in_the_settings_are_told_at_once() {
    let host = Host::new();
    host.write(
        "kairan.toml",
        "[engine]\nlease_s = 30\n[hub]\nzone = \"Asia/Edo\"\n[listen]\nport = 80\n",
    );
    let told = [
        "3 mistakes",
        "kairan.toml: engine.lease_s: ",
        "kairan.toml: hub.zone: ",
        "kairan.toml: listen.port: ",
    ];
    for command in [&["migrate"][..], &["serve"], &["check"]] {
        host.run(command).failed_saying(2, &told);
    }
    assert!(
        !host.path("kairan-data").exists(),
        "nothing is made under wrong settings"
    );
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let host = Host::new();
    host.run(&["--config", "nowhere.toml", "check"])
        .failed_saying(2, &["nowhere.toml: cannot be read"]);
    host.write("kairan.toml", "[hub\n");
    host.run(&["check"])
        .failed_saying(2, &["line 1 is not TOML"]);
}

#[test]
fn without_its_key_file_nothing_starts() {
    let host = Host::new();
    for command in [&["serve"][..], &["migrate"], &["check"]] {
        host.run(command)
            .failed_saying(1, &["no key file", "kairan admin new-key"]);
    }
}

#[test]
fn a_key_file_that_others_can_read_is_refused_and_one_is_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::installed();
    host.run(&["admin", "new-key"])
        .failed_saying(1, &["already a key file"]);
    let key = host.path("kairan-data/kairan.key");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    host.run(&["check"]).failed_saying(1, &["chmod 600"]);
}

#[test]
fn a_key_file_of_another_database_is_refused() {
    let host = Host::installed();
    std::fs::remove_file(host.path("kairan-data/kairan.key")).expect("removed");
    assert_eq!(host.run(&["admin", "new-key"]).code, 0);
    host.run(&["check"])
        .failed_saying(1, &["does not belong to this database"]);
}

/// Root may write everywhere; below a file not even root can.
#[test]
fn a_database_that_cannot_be_made_is_told_with_its_path() {
    let host = Host::installed();
    host.write("a-file", "");
    host.write(
        "kairan.toml",
        "[database]\nurl = \"sqlite:a-file/below/kairan.db\"\n",
    );
    host.run(&["migrate"])
        .failed_saying(1, &["cannot make the folder a-file/below"]);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let host = Host::installed();
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    host.connect().batch_execute(insert).expect("inserted");
    for command in [&["serve"][..], &["migrate"], &["check"]] {
        host.run(command)
            .failed_saying(1, &["newer kairan", "9999"]);
    }
}

#[test]
fn a_locked_database_is_told_as_such() {
    let host = Host::installed();
    let mut holder = host.connect();
    holder.batch_execute("BEGIN EXCLUSIVE").expect("held");
    host.run(&["migrate"])
        .failed_saying(1, &["locked", "try again"]);
    holder.batch_execute("ROLLBACK").expect("released");
    assert_eq!(host.run(&["migrate"]).code, 0);
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|free| free.local_addr());
    address.expect("a free port")
}

/// A hub that runs, and where it listens.
fn serve(host: &Host, log: Stdio) -> (Child, SocketAddr) {
    let address = free_address();
    let settings = format!("[listen]\naddress = \"{address}\"\n[log]\nlevel = \"trace\"\n");
    host.write("kairan.toml", &settings);
    let hub = Command::new(env!("CARGO_BIN_EXE_kairan"))
        .arg("serve")
        .current_dir(host.folder.path())
        .env("KAIRAN_CONFIG", host.path("kairan.toml"))
        .env_remove("KAIRAN_KEY")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    (hub.expect("the program starts"), address)
}

fn is_ready(address: SocketAddr) -> bool {
    let mut answer = [0; 12];
    let asked = TcpStream::connect(address).and_then(|mut hub| {
        hub.set_read_timeout(Some(Duration::from_secs(5)))?;
        hub.write_all(b"GET /health/ready HTTP/1.1\r\nHost: hub.example\r\n\r\n")?;
        hub.read_exact(&mut answer)
    });
    asked.is_ok() && answer.ends_with(b"200")
}

#[test]
fn a_reader_of_its_log_who_stopped_holds_up_no_hub() {
    let host = Host::installed();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // As much as it holds: the first line has no room.
    writer.write_all(&[b'.'; 1 << 16]).expect("room");
    let (mut hub, address) = serve(&host, writer.into());
    let until = Instant::now() + PATIENCE;
    while !is_ready(address) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let was_ready = is_ready(address);
    kill_process(Pid::from_child(&hub), Signal::TERM).expect("it is told to stop");
    while hub.try_wait().expect("our child").is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    // It may have ended by itself.
    let _ = hub.kill();
    let status = hub.wait().expect("its end");
    drop(reader);
    assert!(was_ready);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_hub_on_one_embedded_database_is_refused() {
    let host = Host::installed();
    let (mut hub, address) = serve(&host, Stdio::null());
    let until = Instant::now() + PATIENCE;
    while !is_ready(address) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let was_ready = is_ready(address);
    let other = format!("[listen]\naddress = \"{}\"\n", free_address());
    host.write("kairan.toml", &other);
    let second = host.run(&["serve"]);
    let looked = host.run(&["check"]);
    // It may have ended by itself, where the test fails.
    let _ = hub.kill();
    hub.wait().expect("its end");
    assert!(was_ready);
    second.failed_saying(1, &["another hub works on", "stop that one first"]);
    assert_eq!(looked.code, 0, "whoever only looks may: {}", looked.stderr);
}

#[test]
fn who_only_looks_founds_no_database() {
    let host = Host::new();
    assert_eq!(host.run(&["admin", "new-key"]).code, 0);
    for command in [
        &["check"][..],
        &["log"],
        &["export", "log", "out"],
        &["admin", "accept", "x"],
    ] {
        host.run(command)
            .failed_saying(1, &["there is no database of a hub at", "kairan migrate"]);
    }
    assert!(!host.database().exists());
}

#[test]
fn another_programs_database_is_not_touched() {
    let host = Host::new();
    assert_eq!(host.run(&["admin", "new-key"]).code, 0);
    let mut conn = host.connect();
    conn.batch_execute("CREATE TABLE moz_places (id INTEGER PRIMARY KEY)")
        .expect("made");
    drop(conn);
    let before = std::fs::read(host.database()).expect("read");
    for command in [&["serve"][..], &["migrate"], &["check"]] {
        host.run(command)
            .failed_saying(1, &["another program's tables", "database.url"]);
    }
    assert_eq!(std::fs::read(host.database()).expect("read"), before);
}

#[test]
fn a_file_that_is_no_database_is_not_touched() {
    let host = Host::installed();
    let letter = "Dear bank, ".repeat(1000);
    host.write("letter.txt", &letter);
    host.write("kairan.toml", "[database]\nurl = \"sqlite:letter.txt\"\n");
    host.run(&["migrate"])
        .failed_saying(1, &["not a database", "database.url"]);
    assert_eq!(
        std::fs::read_to_string(host.path("letter.txt")).expect("there"),
        letter
    );
}

#[test]
fn the_first_administrator_gets_a_key_on_the_host_once() {
    let host = Host::installed();
    let bootstrap = [
        "admin",
        "bootstrap",
        "--name",
        "Sato Hanako",
        "--email",
        "sato@operator.example",
    ];
    let invited = host.run(&bootstrap);
    assert_eq!(invited.code, 0, "{}", invited.stderr);
    let link = invited.stdout.trim();
    let accepted = host.run(&["admin", "accept", link]);
    assert!(
        accepted.stdout.starts_with("kairan_"),
        "{}",
        accepted.stderr
    );
    host.run(&["admin", "accept", link])
        .failed_saying(1, &["ask for a new one"]);
    host.run(&bootstrap)
        .failed_saying(1, &["an administrator exists already"]);
    let bad = ["admin", "bootstrap", "--name", "", "--email", "nobody"];
    host.run(&bad).failed_saying(1, &["administrator exists"]);
}

const BANKS: &str = "code,name_ja,name_en,language,linking,endpoint_url\n\
    0117,東銀行,East Bank,ja,sms_otp,https://hooks.east.example/kairan\n\
    0118,西銀行,West Bank,en,,\n";

#[test]
fn banks_are_imported_whole_and_their_secrets_go_where_they_were_told_to() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::installed();
    host.write("banks.csv", BANKS);
    let dry = host.run(&["import", "banks", "banks.csv", "--dry-run"]);
    assert!(
        dry.stdout
            .contains("2 added, 0 amended, 0 unchanged; nothing was stored"),
        "{}",
        dry.stdout
    );
    host.run(&["import", "banks", "banks.csv"])
        .failed_saying(2, &["--secrets-out", "nothing was stored"]);
    let done = host.run(&[
        "import",
        "banks",
        "banks.csv",
        "--secrets-out",
        "secrets.json",
    ]);
    assert!(
        done.stdout.contains("2 added") && done.stdout.contains("roster version 1"),
        "{}",
        done.stderr
    );
    let secrets = host.path("secrets.json");
    assert_eq!(
        std::fs::metadata(&secrets)
            .expect("there")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let text = std::fs::read_to_string(secrets).expect("there");
    assert!(text.contains("whsec_") && text.contains("0117"));
    assert!(!done.stdout.contains("whsec_") && !done.stderr.contains("whsec_"));
    let again = host.run(&["import", "banks", "banks.csv", "--secrets-out", "none.json"]);
    assert!(again.stdout.contains("2 unchanged"), "{}", again.stdout);
    assert!(!host.path("none.json").exists(), "no secrets, no file");
    assert_eq!(host.run(&["admin", "key", "--bank", "0117"]).code, 0);
    host.run(&["admin", "key", "--bank", "0999"])
        .failed_saying(1, &["no bank has the code"]);
}

#[test]
fn one_bad_line_keeps_every_bank_out_and_is_named() {
    let host = Host::installed();
    host.write("banks.csv", &format!("{BANKS}bad code,,South Bank,fr,,\n"));
    let told = [
        "line 4, column code",
        "line 4, column name_ja",
        "line 4, column language",
        "nothing was stored",
    ];
    host.run(&["import", "banks", "banks.csv", "--json"])
        .failed_saying(1, &told);
    host.write("banks.csv", BANKS);
    let dry = host.run(&["import", "banks", "banks.csv", "--dry-run"]);
    assert!(dry.stdout.contains("2 added"), "{}", dry.stdout);
}

#[test]
fn a_sound_database_passes_the_check_and_a_broken_one_ends_with_three() {
    let host = Host::installed();
    let sound = host.run(&["check", "--rebuild", "--json"]);
    assert_eq!(sound.code, 0, "{}", sound.stderr);
    assert!(
        sound.stdout.contains("\"findings\": []"),
        "{}",
        sound.stdout
    );
    host.write("banks.csv", BANKS);
    assert_eq!(
        host.run(&["import", "banks", "banks.csv", "--json"]).code,
        0
    );
    break_roster(&host.database());
    let broken = host.run(&["check"]);
    assert_eq!(broken.code, 3, "{}", broken.stderr);
    assert!(
        broken
            .stdout
            .contains("BROKEN the newest roster version counts its leaves (1)"),
        "{}",
        broken.stdout
    );
}

/// What no program of ours can do: somebody with the file takes the triggers away.
fn break_roster(path: &Path) {
    #[derive(QueryableByName)]
    struct Trigger {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    let list = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'roster_leaf'";
    let triggers: Vec<Trigger> = diesel::sql_query(list).load(&mut conn).expect("listed");
    for trigger in triggers {
        conn.batch_execute(&format!("DROP TRIGGER {}", trigger.name))
            .expect("dropped");
    }
    conn.batch_execute("PRAGMA foreign_keys = OFF; DELETE FROM roster_leaf WHERE position = 0")
        .expect("deleted");
}

#[test]
fn a_filing_without_a_key_or_a_hub_fails_with_what_to_do() {
    let host = Host::new();
    host.write("incident.json", "{\"recipients\": [\"0117\"]}");
    host.run(&["file", "incident.json"])
        .failed_saying(2, &["no API key", "--key-file", "KAIRAN_KEY"]);
    let plain = [
        "file",
        "incident.json",
        "--hub",
        "http://hub.operator.example",
    ];
    host.run(&plain).failed_saying(2, &["not https"]);
    host.run(&["file", "incident.json", "--dry-run"])
        .failed_saying(1, &["nothing was sent"]);
    host.run(&["file", "nowhere.json"])
        .failed_saying(1, &["nowhere.json"]);
}
