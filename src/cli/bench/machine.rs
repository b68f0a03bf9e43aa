//! What the kernel tells of processes and of this machine. Knows nothing of hubs.

use serde_json::{Value, json};
use std::path::Path;

/// CLOCK_MONOTONIC in nanoseconds: the same clock in every process of a machine.
pub fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// CPU time and memory of a process, or of several together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    pub cpu_s: f64,
    pub peak_kib: u64,
}

/// The figures of `/proc/PID/stat` that count here (proc(5)), CPU in ticks.
struct Stat {
    parent: i32,
    own: u64,
    /// Of children that ended.
    children: u64,
}

fn stat(pid: &str) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, blanks too.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        children: ticks(13)? + ticks(14)?,
    })
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// A line of `/proc/PID/status` in KiB.
fn status_kib(pid: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim_start_matches(':')
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// One process.
pub fn used(pid: u32) -> Used {
    let pid = pid.to_string();
    Used {
        cpu_s: stat(&pid).map_or(0.0, |stat| seconds(stat.own)),
        peak_kib: status_kib(&pid, "VmHWM").unwrap_or_default(),
    }
}

/// What a process holds now.
pub fn resident_kib(pid: u32) -> u64 {
    status_kib(&pid.to_string(), "VmRSS").unwrap_or_default()
}

/// A PostgreSQL server on this machine, by one of its backends: its first process and all that came of it.
/// Memory shared between them counts once.
pub fn server_used(backend: i32) -> Option<Used> {
    let name = std::fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
    if !name.starts_with("postgres") {
        return None;
    }
    let first = stat(&backend.to_string())?.parent;
    let server = stat(&first.to_string())?;
    let mut ticks = server.own + server.children;
    let (mut own_kib, mut shared_kib) = (0, 0);
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let Some(one) = pid.parse::<i32>().ok().and_then(|_| stat(&pid)) else {
            continue;
        };
        if one.parent != first && pid != first.to_string() {
            continue;
        }
        if one.parent == first {
            ticks += one.own;
        }
        let part = |key| status_kib(&pid, key).unwrap_or_default();
        let shared = part("RssFile") + part("RssShmem");
        own_kib += part("VmHWM").saturating_sub(shared);
        shared_kib = shared_kib.max(shared);
    }
    Some(Used {
        cpu_s: seconds(ticks),
        peak_kib: own_kib + shared_kib,
    })
}

/// What a figure must be read with. `folder` is where the database lies.
pub fn facts(folder: &Path) -> Value {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let system = rustix::system::uname();
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": model,
        "kernel": system.release().to_string_lossy(),
        "load_before": load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        "in_memory_disk": is_in_memory(folder),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

/// Does a flush cost nothing there? Then durable figures mean little.
fn is_in_memory(folder: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    rustix::fs::statfs(folder).is_ok_and(|found| [TMPFS, RAMFS].contains(&found.f_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_at_work_is_seen_with_its_time_and_memory() {
        let before = monotonic_nanos();
        while monotonic_nanos() - before < 50_000_000 {
            std::hint::spin_loop();
        }
        let own = used(std::process::id());
        assert!(own.cpu_s > 0.0 && own.peak_kib > 0, "{own:?}");
        assert!(
            server_used(i32::try_from(std::process::id()).expect("pids are small")).is_none(),
            "a test is no database server"
        );
    }
}
