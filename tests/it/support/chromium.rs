//! A real browser: Debian's Chromium, driven over WebDriver. Looks at each page as people do, at every width and
//! in both themes, with axe-core, and keeps a picture.

use base64::prelude::*;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// MPL-2.0; as published on npm, axe-core 4.14.1.
const AXE: &str = include_str!("../../fixtures/axe.min.js");
const WIDTHS: [(u32, u32); 3] = [(360, 800), (1280, 900), (2560, 1440)];

/// One browser at a time: each takes a core.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub struct Chromium {
    pub client: Client,
    session: String,
    port: u16,
    driver: Child,
    _profile: TempDir,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// A command of ChromeDriver's own, below the session's address.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser outlives a driver that is killed: it is asked to end it first. As good if it is gone.
        let _ = self.end_session();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A driver and its port. It wants the same number under IPv4 and IPv6, and ends where the one it was given is taken under
/// the other: `None`.
fn driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver runs: scripts/test installs it");
    let lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
    let port = lines
        .map_while(Result::ok)
        .filter_map(|line| {
            line.split("on port ")
                .nth(1)?
                .trim_end_matches('.')
                .parse()
                .ok()
        })
        // It says 0 first, which was asked for.
        .find(|port| *port > 0);
    if port.is_none() {
        driver.wait().expect("it has ended");
    }
    Some((driver, port?))
}

impl Chromium {
    /// WebDriver §8.2; written by hand, because a drop cannot wait for the client.
    fn end_session(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            self.session
        )?;
        stream.read(&mut [0; 16]).map(drop)
    }

    pub async fn start() -> Self {
        let alone = ONE.lock().await;
        let (driver, port) = (0..9).find_map(|_| driver()).expect("a driver with a port");
        let profile = tempfile::tempdir().expect("a folder");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            // Of its own it asks for updates and lists from hosts that no test may reach.
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--no-first-run".to_owned(),
            // As on a telephone: else a page is laid out wider than its picture.
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({ "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 120_000, "pageLoad": 120_000 } });
        let client = ClientBuilder::rustls()
            .expect("a client")
            .capabilities(wanted.as_object().expect("a map").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        let session = client.session_id().await.expect("a session");
        Self {
            session: session.expect("a session"),
            port,
            client,
            driver,
            _profile: profile,
            _alone: alone,
        }
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let own = Own {
            path: "goog/cdp/execute",
            body,
        };
        self.client.issue_cmd(own).await.expect(command)
    }

    async fn theme(&self, theme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    async fn width(&self, (width, height): (u32, u32)) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// Opens a page, and finds whatever is wrong with it in both themes and at every width. `name` is the picture's.
    pub async fn look(&self, url: &str, name: &str, complaints: &mut Vec<String>) {
        self.client.goto(url).await.expect("it opens");
        self.look_here(name, complaints).await;
    }

    /// The same of the page that is open, which may be the answer to a form.
    pub async fn look_here(&self, name: &str, complaints: &mut Vec<String>) {
        self.client
            .execute(AXE, Vec::new())
            .await
            .expect("axe-core loads");
        for theme in ["light", "dark"] {
            self.theme(theme).await;
            // What differs in the dark are colours, not widths.
            let sizes = if theme == "light" {
                &WIDTHS[..]
            } else {
                &WIDTHS[1..2]
            };
            for size in sizes.iter().copied() {
                self.width(size).await;
                let wide = self
                    .run("return document.documentElement.scrollWidth - window.innerWidth")
                    .await;
                if wide.as_i64().is_some_and(|over| over > 0) {
                    complaints.push(format!("{name} {theme} {}: {wide} px too wide", size.0));
                }
                self.picture(&format!("{name}.{theme}.{}", size.0)).await;
            }
            self.width(WIDTHS[1]).await;
            let run = "const done = arguments[arguments.length - 1];
                axe.run(document, { resultTypes: ['violations'] }).then(found => done(found.violations.map(one =>
                    one.id + ': ' + one.nodes.map(node => node.target.join(' ')).join(' | '))))";
            let found = self
                .client
                .execute_async(run, Vec::new())
                .await
                .expect("axe-core runs");
            for one in found.as_array().into_iter().flatten() {
                complaints.push(format!("{name} {theme}: {one}"));
            }
        }
        self.theme("light").await;
        // The answer to a refused form is a page like any other.
        let console = self.console().await.into_iter();
        for line in console.filter(|line| !line.contains("a status of 422")) {
            complaints.push(format!("{name}: console: {line}"));
        }
    }

    /// Lays a page out as on a sheet of A4, upright, and finds what would be cut off.
    pub async fn look_on_paper(&self, url: &str, name: &str, complaints: &mut Vec<String>) {
        self.client.goto(url).await.expect("it opens");
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" }))
            .await;
        // 210 mm less the margins that Chromium leaves, in CSS pixels.
        self.width((718, 1047)).await;
        let wide = self
            .run("return [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 719
                && getComputedStyle(one).position !== 'absolute').map(one => one.tagName + '.' + one.className).join(' ')")
            .await;
        if wide != "" {
            complaints.push(format!("{name} on paper: cut off: {wide}"));
        }
        self.picture(&format!("{name}.paper")).await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "" }))
            .await;
    }

    async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .expect("it runs")
    }

    /// What the browser complained of since last time: errors, and what the content security policy refused.
    async fn console(&self) -> Vec<String> {
        let own = Own {
            path: "se/log",
            body: json!({ "type": "browser" }),
        };
        let lines = self.client.issue_cmd(own).await.expect("the console");
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter(|line| {
                ["WARNING", "SEVERE"].contains(&line["level"].as_str().unwrap_or_default())
            })
            .map(|line| line["message"].to_string())
            .collect()
    }

    async fn picture(&self, name: &str) {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.devtools("Page.captureScreenshot", whole).await;
        let png = BASE64_STANDARD
            .decode(shot["data"].as_str().expect("a picture"))
            .expect("base64");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screens");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("written");
    }
}
