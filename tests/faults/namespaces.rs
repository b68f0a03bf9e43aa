//! Networks of the test's own: a namespace in which the hub lives, and one for each group of banks, joined by a
//! bridge. Faults are rules of nftables within a group's namespace; the machine's own network is never touched.
//! Needs root, `ip` and `nft`.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// What happens to packets that reach a group of banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Clear,
    /// Nothing gets through, and nobody says so.
    BlackHole,
    /// Every packet is answered with a reset.
    Reset,
    /// Three in ten are dropped by chance, either way.
    Lossy,
}

/// The networks; gone when dropped.
pub struct Networks {
    name: String,
    groups: Vec<&'static str>,
    folder: TempDir,
}

impl Networks {
    /// One for the hub, at 10.99.0.1, and one for each group, at 10.99.1.1, 10.99.2.1 and so on.
    pub fn lay(groups: &[&'static str]) -> Self {
        static LAID: AtomicU32 = AtomicU32::new(0);
        let laid = LAID.fetch_add(1, Ordering::Relaxed);
        sweep();
        let networks = Self {
            name: format!("kairan-{}-{laid}", std::process::id()),
            groups: groups.to_vec(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let hub = networks.of("hub");
        ip(&format!("netns add {hub}"));
        ip(&format!("-n {hub} link set lo up"));
        ip(&format!("-n {hub} link add banks type bridge"));
        ip(&format!("-n {hub} addr add 10.99.0.1/16 dev banks"));
        ip(&format!("-n {hub} link set banks up"));
        for (n, group) in groups.iter().enumerate() {
            let there = networks.of(group);
            ip(&format!("netns add {there}"));
            ip(&format!(
                "-n {hub} link add to{n} type veth peer name eth0 netns {there}"
            ));
            ip(&format!("-n {hub} link set to{n} master banks up"));
            ip(&format!("-n {there} addr add {}/16 dev eth0", address(n)));
            ip(&format!("-n {there} link set eth0 up"));
            ip(&format!("-n {there} link set lo up"));
        }
        networks
    }

    /// A listener in a group's network.
    pub fn listener(&self, group: &'static str) -> TcpListener {
        let place = self
            .groups
            .iter()
            .position(|one| *one == group)
            .expect("a group");
        let there = self.of(group);
        let bound = std::thread::spawn(move || {
            enter(&there);
            TcpListener::bind((address(place).as_str(), 0))
        });
        bound.join().expect("no panic").expect("a free port")
    }

    /// A listener in the hub's own network, at 127.0.0.1.
    pub fn beside_the_hub(&self) -> TcpListener {
        let there = self.of("hub");
        let bound = std::thread::spawn(move || {
            enter(&there);
            TcpListener::bind("127.0.0.1:0")
        });
        bound.join().expect("no panic").expect("a free port")
    }

    /// From now on nothing gets through to or from this port beside the hub, and nobody says so; `None` = all does.
    pub fn swallow(&self, port: Option<u16>) {
        let rules = port.map_or_else(String::new, |port| {
            format!("tcp dport {port} drop\n    tcp sport {port} drop")
        });
        self.rule("hub", &rules, "");
    }

    /// Runs all of it, threads and processes that it starts too, in the hub's network.
    pub fn within_the_hubs<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let there = self.of("hub");
        let done = std::thread::spawn(move || {
            enter(&there);
            work()
        });
        match done.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// From now on packets to a group fare so.
    pub fn set(&self, group: &str, weather: Weather) {
        let rule = match weather {
            Weather::Clear => "",
            Weather::BlackHole => "meta l4proto tcp drop",
            Weather::Reset => "meta l4proto tcp reject with tcp reset",
            Weather::Lossy => "meta l4proto tcp numgen random mod 100 < 30 drop",
        };
        let answers = match weather {
            Weather::Lossy => rule,
            _ => "",
        };
        self.rule(group, rule, answers);
    }

    /// What comes in and what goes out fares so.
    fn rule(&self, whose: &str, arriving: &str, leaving: &str) {
        // In a file, with real ends of lines: that is how nft reads them.
        let rules = format!(
            "flush ruleset\ntable inet faults {{\n  chain arriving {{\n    type filter hook input priority 0; policy accept;\n    {arriving}\n  }}\n  \
             chain leaving {{\n    type filter hook output priority 0; policy accept;\n    {leaving}\n  }}\n}}\n"
        );
        let file = self.folder.path().join(format!("{whose}.nft"));
        std::fs::write(&file, rules).expect("a file");
        ip(&format!(
            "netns exec {} nft -f {}",
            self.of(whose),
            file.display()
        ));
    }

    fn of(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for what in self.groups.iter().chain(&["hub"]) {
            remove(&self.of(what));
        }
    }
}

fn address(group: usize) -> String {
    format!("10.99.{}.1", group + 1)
}

fn enter(namespace: &str) {
    let file = File::open(Path::new("/run/netns").join(namespace)).expect("the namespace is there");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
}

/// What a test that was killed has left behind.
fn sweep() {
    let left = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    for name in left.filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name
            .strip_prefix("kairan-")
            .and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(&name);
        }
    }
}

fn remove(namespace: &str) {
    // At the end of a test that failed halfway, it may not be there.
    drop(
        Command::new("ip")
            .args(["netns", "del", namespace])
            .output(),
    );
}

fn ip(arguments: &str) {
    let done = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    let done = done.expect("ip runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {arguments}: {said}");
}
