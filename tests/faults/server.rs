//! A PostgreSQL of the test's own, which it may stop, restart and cut the power of.

use crate::mounts::run;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
        let data = folder.join("pg");
        std::fs::create_dir(&data).expect("a folder");
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
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
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

    pub fn port(&self) -> u16 {
        self.port
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
