//! The program itself beside a `TestHub`, on the same database, with all that it logs kept: for what a
//! server in the test's own process would hide.

use super::hub::TestHub;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `kairan serve`, ended with this value.
pub struct Served {
    child: Child,
    pub address: String,
    log: std::path::PathBuf,
}

impl Served {
    /// Starts it with the hub's settings and all that it can log, and waits until it answers.
    pub async fn beside(hub: &TestHub) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = format!("127.0.0.1:{}", port.expect("a free port").port());
        let settings = hub.settings.replace("127.0.0.1:0", &address);
        let place = hub
            .folder
            .path()
            .join(format!("served-{}.toml", address.replace(':', "-")));
        std::fs::write(&place, format!("{settings}[log]\nlevel = \"trace\"\n")).expect("written");
        let log = place.with_extension("log");
        let child = Command::new(env!("CARGO_BIN_EXE_kairan"))
            .arg("--config")
            .arg(&place)
            .arg("serve")
            .env_remove("KAIRAN_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the program starts");
        let mut served = Self {
            child,
            address,
            log,
        };
        served.wait().await;
        served
    }

    async fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            let ended = self.child.try_wait().expect("our child");
            assert!(
                ended.is_none() && Instant::now() < until,
                "it does not answer ({ended:?}):\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
