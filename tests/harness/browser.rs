//! Chromium without a window, told what to do in its DevTools protocol: JSON, each message ended by a zero byte, through two pipes.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::from_environment;

/// How long an answer may take before the test has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The browser reads commands from file 3 and writes to file 4; a child of ours has only its first three.
const WITH_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A browser with one page and a profile of its own. It ends with the value, and by itself if the test is killed, because the pipes
/// are closed then.
pub(crate) struct Browser {
    process: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    profile: TempDir,
    session: Option<String>,
    calls: u64,
    /// The address of the page, which alone may be asked for.
    page: String,
    /// What identifies the page that was loaded last.
    loaded: Value,
    problems: Vec<String>,
}

impl Browser {
    /// A browser with an empty page.
    pub(crate) fn start() -> Option<Self> {
        let binary = from_environment("KINFOLD_TEST_CHROMIUM")?;
        let profile = TempDir::with_prefix("kinfold-test-").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", WITH_PIPES, &binary, "--headless", "--remote-debugging-pipe", "--no-startup-window"]);
        command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
        // In containers the shared memory that it would take is often too small.
        command.arg("--disable-dev-shm-usage").arg(format!("--user-data-dir={}", profile.path().display()));
        // Its sandbox cannot be built by root, to whom this folder belongs then.
        if profile.path().metadata().unwrap().uid() == 0 {
            command.arg("--no-sandbox");
        }
        command.env("HOME", profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(File::create(profile.path().join("log")).unwrap()).spawn().unwrap();
        let (commands, answers) = (process.stdin.take(), process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                // It may die within one: whoever waits is told by its log.
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            profile,
            session: None,
            calls: 0,
            page: String::new(),
            loaded: Value::Null,
            problems: vec![],
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].take();
        let attached = browser.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.call("Page.setLifecycleEventsEnabled", &json!({"enabled": true}));
        Some(browser)
    }

    /// Opens a file, anew if it is open, and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.page = format!("file://{}", file.display());
        let begun = self.call("Page.navigate", &json!({"url": self.page}));
        assert!(begun["loaderId"].is_string(), "{}: {begun}", self.page);
        let end = Instant::now() + PATIENCE;
        while self.loaded != begun["loaderId"] {
            assert!(Instant::now() < end, "{} does not load\n{:#?}", self.page, self.problems);
            self.receive();
        }
    }

    /// Makes the page so many pixels wide, for people who prefer this colour scheme: `light` or `dark`.
    pub(crate) fn look(&mut self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// What a script gives, as JSON; what it promises is waited for.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let words = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", &words);
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Evaluates an expression at each frame that is drawn until it is as wanted; fails if it never is.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str, wanted: &Value) {
        let limit = PATIENCE.as_millis() / 2;
        let last = self.evaluate(&format!(
            "new Promise((done) => {{
               const end = performance.now() + {limit};
               const look = () => {{
                 const value = {expression};
                 if (JSON.stringify(value) === JSON.stringify({wanted}) || performance.now() > end) done(value);
                 else requestAnimationFrame(look);
               }};
               look();
             }})"
        ));
        assert_eq!(&last, wanted, "waited in vain: {expression}\n{:#?}", self.problems);
    }

    /// Presses a key that has this code on Windows, and lets it go.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// What went wrong in pages since the last call: errors and warnings of scripts and of the browser, and whatever was asked for
    /// besides the page.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        // Its answer comes after whatever happened before.
        self.evaluate("0");
        std::mem::take(&mut self.problems)
    }

    /// Sends a command, and gives its answer.
    #[track_caller]
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut command = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let sent = self.commands.as_mut().unwrap().write_all(format!("{command}\0").as_bytes());
        sent.unwrap_or_else(|e| panic!("{method}: {e}\n{}", self.log()));
        loop {
            let mut message = self.receive();
            if message["id"] == self.calls {
                assert!(message.get("error").is_none(), "{command}: {}", message["error"]);
                return message["result"].take();
            }
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE);
        let message = message.unwrap_or_else(|e| panic!("Chromium is silent: {e}\n{}", self.log()));
        self.hear(&message["method"], &message["params"]);
        message
    }

    /// Keeps what an event tells.
    fn hear(&mut self, event: &Value, told: &Value) {
        let bad = |level: &Value| ["error", "assert", "warning"].iter().any(|name| level == name);
        let elsewhere = |url: &Value| {
            let url = url.as_str().unwrap_or_default();
            url != self.page && !url.starts_with("data:") && !url.starts_with("blob:")
        };
        let problem = match event.as_str().unwrap_or_default() {
            "Page.lifecycleEvent" if told["name"] == "load" => {
                self.loaded = told["loaderId"].clone();
                return;
            }
            "Runtime.exceptionThrown" => format!("exception: {}", told["exceptionDetails"]["exception"]),
            "Runtime.consoleAPICalled" if bad(&told["type"]) => format!("console: {}", told["args"]),
            "Log.entryAdded" if bad(&told["entry"]["level"]) => format!("browser: {}", told["entry"]["text"]),
            "Network.requestWillBeSent" if elsewhere(&told["request"]["url"]) => {
                format!("request: {}", told["request"]["url"])
            }
            "Network.webSocketCreated" | "Network.webTransportCreated" => format!("request: {}", told["url"]),
            _ => return,
        };
        self.problems.push(problem);
    }

    /// What the browser wrote about itself.
    fn log(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without commands it ends by itself, and its own children before it; and if not, it is killed.
        self.commands = None;
        let end = Instant::now() + Duration::from_secs(10);
        while self.messages.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
