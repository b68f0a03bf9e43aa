//! A hub in a network of its own, where the kernel counts every packet that leaves for a denied address. Whatever
//! stands in its database, none does; a hub that was told to send anywhere shows that the counters count.

use super::name_server::{self, Asked, NAMES};
use super::spellings::{DENIED, every};
use crate::hub::{World, close, open};
use crate::needs::{Need, may};
use crate::support::ground::{Base, Ground, contact, filing, new_bank, rules};
use crate::support::hub::On;
use kairan::actions::Error;
use kairan::actions::add_contact::add_contact;
use kairan::actions::register_bank::register_bank;
use kairan::actions::set_endpoint::EndpointPayload;
use kairan::clock::Clock;
use kairan::domain::id::Uid;
use kairan::domain::json;
use kairan::merkle;
use kairan::storage::bank::{self, EndpointRow, EndpointSecretRow};
use kairan::storage::{Tx, delivery_log, payload};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A public name server's address, which only this test's network leads to.
const NAME_SERVER: &str = "9.9.9.9";
/// Endpoints that one bank has here; at most so many wait for each other's time limits.
const TO_ONE_BANK: usize = 8;
const GUARDED: &str = "[webhook]\nallow_networks = []\n";
/// What the control opens; nobody answers there, which it need not wait for.
const OPEN: &str = "[webhook]\nconnect_timeout_ms = 1000\ntimeout_ms = 2000\nallow_networks = [\"0.0.0.0/0\", \"::/0\"]\n";

/// Two network namespaces: the hub's, with a way to everywhere, and what lies at its other end.
struct Net {
    hub: String,
    far: String,
}

impl Net {
    fn new() -> Self {
        let id = std::process::id();
        let net = Self {
            hub: format!("kguard{id}h"),
            far: format!("kguard{id}f"),
        };
        let (hub, far) = (net.hub.as_str(), net.far.as_str());
        let resolver = Path::new("/etc/netns").join(hub);
        std::fs::create_dir_all(&resolver).expect("root may");
        let named = format!("nameserver {NAME_SERVER}\n");
        std::fs::write(resolver.join("resolv.conf"), named).expect("root may");
        for line in [
            format!("netns add {hub}"),
            format!("netns add {far}"),
            format!("-n {hub} link set lo up"),
            format!("-n {far} link set lo up"),
            format!("-n {hub} link add far type veth peer name near netns {far}"),
            // Its own address is public too, so that nothing here is denied but what is meant to be.
            format!("-n {hub} address add 198.20.0.2/24 dev far"),
            format!("-n {hub} address add 2a00:7::2/64 dev far nodad"),
            format!("-n {hub} link set far up"),
            format!("-n {far} address add 198.20.0.1/24 dev near"),
            format!("-n {far} address add {NAME_SERVER}/32 dev near"),
            format!("-n {far} link set near up"),
            format!("-n {hub} route add default dev far"),
            format!("-n {hub} -6 route add default dev far"),
        ] {
            run("ip", &line.split(' ').collect::<Vec<_>>());
        }
        net
    }

    /// Counts what leaves the hub's namespace for each denied range, by TCP and UDP.
    fn count(&self, folder: &Path) {
        let mut rules = "table inet guard {\n".to_owned();
        for n in 0..DENIED.len() {
            let _ = writeln!(rules, "counter c{n} {{ }}");
        }
        rules.push_str("chain out {\ntype filter hook output priority 0; policy accept;\n");
        for (n, denied) in DENIED.iter().enumerate() {
            let family = if denied.range.contains(':') {
                "ip6"
            } else {
                "ip"
            };
            let range = denied.range;
            let _ = writeln!(
                rules,
                "meta l4proto {{ tcp, udp }} {family} daddr {range} counter name c{n}"
            );
        }
        rules.push_str("}\n}\n");
        let file = folder.join("guard.nft");
        std::fs::write(&file, rules).expect("written");
        run(
            "ip",
            &[
                "netns",
                "exec",
                &self.hub,
                "nft",
                "-f",
                file.to_str().expect("UTF-8"),
            ],
        );
    }

    /// Packets so far, by range.
    fn packets(&self) -> BTreeMap<&'static str, u64> {
        let listed = run(
            "ip",
            &["netns", "exec", &self.hub, "nft", "-j", "list", "counters"],
        );
        let listed: Value = serde_json::from_slice(&listed).expect("JSON");
        let mut packets = BTreeMap::new();
        for one in listed["nftables"].as_array().expect("a list") {
            let counter = &one["counter"];
            let n = counter["name"]
                .as_str()
                .and_then(|name| name[1..].parse::<usize>().ok());
            if let Some(n) = n {
                packets.insert(
                    DENIED[n].range,
                    counter["packets"].as_u64().expect("a count"),
                );
            }
        }
        assert_eq!(packets.len(), DENIED.len(), "a counter for each range");
        packets
    }

    /// Serves names at the other end.
    fn serve_names(&self) -> Asked {
        let asked = Asked::default();
        let (of_thread, far) = (Arc::clone(&asked), format!("/run/netns/{}", self.far));
        let served = std::thread::spawn(move || {
            let place = std::fs::File::open(far).expect("the namespace is there");
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may");
            let at = (
                NAME_SERVER.parse::<std::net::IpAddr>().expect("an address"),
                53,
            );
            name_server::serve(at.into(), of_thread);
        });
        served.join().expect("it serves");
        asked
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in [&self.hub, &self.far] {
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
        let _ = std::fs::remove_dir_all(Path::new("/etc/netns").join(&self.hub));
    }
}

fn run(program: &str, words: &[&str]) -> Vec<u8> {
    let done = Command::new(program).args(words).output();
    let done = done.unwrap_or_else(|fault| panic!("{program}: {fault}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {words:?}: {said}");
    done.stdout
}

/// A hub's process inside the namespace.
struct Hub {
    child: Child,
    config: PathBuf,
}

impl Hub {
    fn start(net: &Net, config: PathBuf) -> Self {
        let log = std::fs::File::create(config.with_extension("log")).expect("a file");
        let child = Command::new("ip")
            .args(["netns", "exec", &net.hub, env!("CARGO_BIN_EXE_kairan")])
            .arg("--config")
            .arg(&config)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the hub starts");
        Self { child, config }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // `ip netns exec` becomes what it starts.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Puts an endpoint into the register past every check.
fn force(tx: &mut Tx<'_>, bank_id: Uid, url: &str) -> Result<Uid, Error> {
    let sealed = EndpointPayload {
        url: url.to_owned(),
        salt: hex::encode([7; 32]),
    };
    let payload_id = payload::seal(tx, bank_id, &json::canonical(&sealed))?;
    let (id, recorded_at) = (tx.new_id()?, tx.now()?);
    let row = EndpointRow {
        id,
        bank_id,
        payload_id,
        commitment: merkle::commit("endpoint", &[7; 32], url.as_bytes()).to_vec(),
        ed25519: false,
        recorded_at,
    };
    bank::insert_endpoint(tx, &row)?;
    let secret = EndpointSecretRow {
        endpoint_id: id,
        revision: 1,
        payload_id: payload::seal(tx, bank_id, &[9; 32])?,
        previous_until: None,
        recorded_at,
    };
    bank::insert_secret(tx, &secret)?;
    Ok(id)
}

/// Banks whose endpoints are these, and an incident that all of them are told of. Returns the endpoints in order.
async fn told(world: &World, urls: &[String]) -> Vec<Uid> {
    let ground = Ground {
        store: open(&world.database, &world.vault).await,
        rules: Arc::new(rules()),
        clock: Clock::new(),
        vault: Arc::clone(&world.vault),
        base: Base::Sqlite(tempfile::tempdir().expect("a folder")),
    };
    let mut endpoints = Vec::new();
    for (n, some) in urls.chunks(TO_ONE_BANK).enumerate() {
        let (code, some) = (format!("B{:03}", n + 1), some.to_vec());
        let made = ground.act(move |tx| {
            let id = register_bank(tx, &new_bank(&code))?;
            add_contact(tx, id, &contact(&code, 1))?;
            some.iter()
                .map(|url| force(tx, id, url))
                .collect::<Result<Vec<_>, _>>()
        });
        endpoints.extend(made.await.expect("a bank"));
    }
    let officer = ground.person("officer").await;
    ground.file(officer, &filing()).await.expect("filed");
    close(ground.store).await;
    endpoints
}

/// Waits for something to hold; says what the hub said if it never does.
async fn until(hub: &Hub, within: Duration, what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < end, "{what}:\n{}", hub.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What came of the first attempt at each endpoint.
async fn outcomes(world: &World) -> BTreeMap<Uid, String> {
    let store = open(&world.database, &world.vault).await;
    let filter = delivery_log::LogFilter::default();
    let rows = store.read(move |tx| delivery_log::page(tx, &filter, None, None, 10_000));
    let rows = rows.await.expect("the database reads");
    close(store).await;
    let first = rows.into_iter().filter(|row| row.number == 1);
    first.map(|row| (row.target_id, row.outcome)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_packet_leaves_for_a_denied_address_however_it_is_spelled_or_resolved() {
    if !may(Need::Networks, "packets to denied addresses") {
        return;
    }
    let world = World::prepare(On::Sqlite, 0, GUARDED).await;
    let net = Net::new();
    let asked = net.serve_names();
    let (config, _) = world.place("guarded");
    net.count(config.parent().expect("in a folder"));
    let spelled = every();
    let named = NAMES.map(|(name, _)| format!("https://{name}.bank.example/hook"));
    let urls: Vec<String> = spelled.iter().cloned().chain(named).collect();
    let endpoints = told(&world, &urls).await;

    let all = i64::try_from(urls.len()).expect("few");
    let tried = || world.count("SELECT count(DISTINCT target_id) AS n FROM attempt_outcome") == all;
    {
        let hub = Hub::start(&net, config);
        until(&hub, Duration::from_secs(30), "not all were tried", tried).await;
    }
    let found = outcomes(&world).await;
    for (n, (url, endpoint)) in urls.iter().zip(&endpoints).enumerate() {
        let by_name = n.checked_sub(spelled.len()).map(|n| NAMES[n].1);
        let expected = by_name.unwrap_or("address_refused");
        assert_eq!(found[endpoint], expected, "{url:?}");
    }
    let leaked = net.packets();
    assert!(leaked.values().all(|packets| *packets == 0), "{leaked:?}");
    let lookups =
        |name: &str| asked.lock().expect("no panic")[&(format!("{name}.bank.example"), 1)];
    assert_eq!(
        lookups("changing"),
        1,
        "who asks twice may be told otherwise"
    );
    assert!(lookups("inner") >= 1, "the resolver never came here");

    // The control: the same database, and a hub that may send anywhere.
    let (config, _) = world.place("open");
    let text = std::fs::read_to_string(&config).expect("settings");
    let text = text.replace(GUARDED, OPEN);
    std::fs::write(&config, text).expect("written");
    let hub = Hub::start(&net, config);
    let uncounted = || {
        let packets = net.packets();
        let reachable = DENIED.iter().filter(|one| one.reachable);
        let without = reachable.filter(|one| packets[one.range] == 0);
        without.map(|one| one.range).collect::<Vec<_>>()
    };
    // What the first hub has refused twice is tried again within 36 s.
    let end = Instant::now() + Duration::from_secs(60);
    while !uncounted().is_empty() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        uncounted(),
        [""; 0],
        "a counter that counts nothing:\n{}",
        hub.log()
    );
}
