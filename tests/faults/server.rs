//! A PostgreSQL of the test's own, which it may stop, restart, cut the power of, and have followed by another.

use crate::hub::count;
use crate::mounts::run;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    data: PathBuf,
    port: u16,
    environment: Vec<(String, String)>,
}

/// How it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, everything is written.
    Fast,
    /// As a crash.
    Immediate,
}

impl Server {
    /// Makes one in `folder`, and starts it.
    pub fn found(folder: &Path) -> Self {
        Self::found_with(folder, &[])
    }

    /// The same, with more in its environment.
    pub fn found_with(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let data = made(folder);
        let port = free_port();
        let environment = environment.iter();
        let server = Self {
            data,
            port,
            environment: environment
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        };
        server.program(
            "initdb",
            &[
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--auth=trust",
                "--no-sync",
                "-D",
                text(&server.data),
            ],
        );
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 50\nmax_wal_size = '64MB'\nlogging_collector = off\n"
        );
        let file = server.data.join("postgresql.auto.conf");
        std::fs::write(file, settings).expect("the settings are written");
        server.start();
        server
    }

    /// Of the database that every server has.
    pub fn url(&self) -> String {
        self.url_by(self.port)
    }

    /// The same through another port.
    pub fn url_by(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Makes one in `folder` that follows this server, and starts it.
    pub fn follower(&self, folder: &Path) -> Self {
        let data = made(folder);
        let port = free_port();
        let (from, environment) = (self.port.to_string(), self.environment.clone());
        let whom = ["-h", "127.0.0.1", "-p", &from, "-U", "postgres"];
        let how = ["-X", "stream", "-c", "fast", "--no-sync", "-R", "-D"];
        self.program(
            "pg_basebackup",
            &[&whom[..], &how[..], &[text(&data)]].concat(),
        );
        let settings = std::fs::File::options()
            .append(true)
            .open(data.join("postgresql.auto.conf"));
        writeln!(settings.expect("it was copied"), "port = {port}").expect("written");
        let server = Self {
            data,
            port,
            environment,
        };
        server.start();
        server
    }

    /// Waits until a follower has all that its server has by now.
    pub fn catch_up_with(&self, leader: &Self) {
        let position = |server: &Self, function: &str| {
            count(
                &server.url(),
                &format!("SELECT ({function}() - '0/0')::bigint AS n"),
            )
        };
        let wanted = position(leader, "pg_current_wal_flush_lsn");
        let until = Instant::now() + Duration::from_secs(30);
        while position(self, "pg_last_wal_replay_lsn") < wanted {
            assert!(Instant::now() < until, "the follower stays behind");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes a follower a server of its own.
    pub fn promote(&self) {
        self.control(&["-w", "-t", "60", "promote"]);
    }

    /// Changes a setting of the running server; an empty text is a value too.
    pub fn set(&self, name: &str, value: &str) {
        let port = self.port.to_string();
        let whom = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres"];
        let change = format!("ALTER SYSTEM SET {name} = '{value}'");
        let what = ["-q", "-c", &change, "-c", "SELECT pg_reload_conf()"];
        self.program("psql", &[&whom[..], &what[..]].concat());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it has not ended by itself.
    pub fn lives(&self) -> bool {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid"));
        let pid = text
            .ok()
            .and_then(|text| Some(text.lines().next()?.to_owned()));
        pid.is_some_and(|pid| Path::new("/proc").join(pid).exists())
    }

    pub fn start(&self) {
        // Of a server whose power was cut.
        drop(std::fs::remove_file(self.data.join("postmaster.pid")));
        self.control(&["-w", "-t", "60", "start"]);
    }

    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control(&["-w", "-t", "60", "-m", mode, "stop"]);
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.data.join("log");
        let own = ["-D", text(&self.data), "-l", text(&log)];
        self.program("pg_ctl", &[&own, arguments].concat());
    }

    fn program(&self, name: &str, arguments: &[&str]) {
        let path = programs().join(name);
        let mut words: Vec<&str> = Vec::new();
        if rustix::process::geteuid().is_root() {
            words.extend(["runuser", "-u", "postgres", "--"]);
        }
        words.push(text(&path));
        words.extend(arguments);
        // The server keeps what it was started with open: no pipes, on which a reader would wait for its end.
        let status = Command::new(words[0])
            .args(&words[1..])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status = status.expect("the program starts");
        let log = std::fs::read_to_string(self.data.join("log")).unwrap_or_default();
        assert!(status.success(), "{name} {arguments:?}: {status}\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.data.join("postmaster.pid").exists() && !std::thread::panicking() {
            self.stop(Stop::Immediate);
        } else if let Ok(text) = std::fs::read_to_string(self.data.join("postmaster.pid"))
            && let Some(pid) = text.lines().next()
        {
            drop(Command::new("kill").args(["-QUIT", pid]).status());
        }
    }
}

/// A folder for a server's data within this one, its own.
fn made(folder: &Path) -> PathBuf {
    let data = folder.join("pg");
    std::fs::create_dir(&data).expect("a folder");
    let own = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&data, own).expect("it is ours");
    if rustix::process::geteuid().is_root() {
        // PostgreSQL refuses root, and its user must reach the folder.
        for above in folder
            .ancestors()
            .filter(|above| above.starts_with(std::env::temp_dir()))
        {
            let open = std::fs::Permissions::from_mode(0o755);
            if above != std::env::temp_dir() {
                std::fs::set_permissions(above, open).expect("it is ours");
            }
        }
        run("chown", &["postgres", text(&data)]);
    }
    data
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The newest server's programs; Debian keeps them out of PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let number = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = bins
        .filter(|bin| bin.join("initdb").exists())
        .max_by_key(number);
    newest.unwrap_or_else(|| {
        let found = Command::new("sh")
            .args(["-c", "readlink -f \"$(command -v initdb)\""])
            .output();
        let found = String::from_utf8(found.expect("a shell").stdout).expect("UTF-8");
        let bin = Path::new(found.trim()).parent();
        bin.expect("PostgreSQL is installed").to_owned()
    })
}
