//! A browser without a window, driven by its developer tools' protocol over a pair of pipes: file descriptors 3 and 4,
//! messages that end in NUL.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest time that a browser may take for anything, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Programs that are or bring such a browser; on some systems the first ones only say how to install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    number: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// The browser of this machine; a test without one fails.
fn program() -> String {
    let named = std::env::var("FABRICCTL_BROWSER").ok().filter(|name| !name.is_empty());
    let candidates: Vec<String> = match named {
        Some(name) => vec![name],
        None => NAMES.iter().map(|name| (*name).to_owned()).collect(),
    };
    let works = |name: &String| {
        let version = Command::new(name).arg("--version").stderr(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    };
    let found = candidates.iter().find(|name| works(name)).cloned();
    found.unwrap_or_else(|| {
        panic!(
            "there is no browser (tried {}): `make browser` installs Debian's chromium; or name a Chromium or Chrome \
             with FABRICCTL_BROWSER",
            candidates.join(", ")
        )
    })
}

/// A pipe whose ends are far from the descriptors that the browser wants.
fn pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = nix::unistd::pipe().unwrap();
    let far = |fd: OwnedFd| {
        let moved = nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(50)).unwrap();
        // SAFETY: the kernel has just made it, for nobody else.
        unsafe { OwnedFd::from_raw_fd(moved) }
    };
    (far(read), far(write))
}

impl Browser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (their_in, our_out) = pipe();
        let (our_in, their_out) = pipe();
        let mut command = Command::new(program());
        command.args(["--headless", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars"]);
        command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-sync", "--disable-dev-shm-usage", "--mute-audio"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        if nix::unistd::geteuid().is_root() {
            // Its sandbox refuses to be root's.
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (read, write) = (their_in.as_raw_fd(), their_out.as_raw_fd());
        // SAFETY: dup2 and prctl are async-signal-safe, and nothing else runs between fork and exec.
        unsafe {
            command.pre_exec(move || {
                if libc::dup2(read, 3) < 0 || libc::dup2(write, 4) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let (sender, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(File::from(our_in)).split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
            }
        });
        let to = File::from(our_out);
        let mut browser =
            Self { child, to, from, number: 0, session: None, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session =
            browser.call("Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        browser.session = Some(session);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Asks for something, and waits for the answer.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let number = self.number;
        let mut message = json!({ "id": number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut octets = message.to_string().into_bytes();
        octets.push(0);
        self.to.write_all(&octets).unwrap();
        let mut answer = self.wait(|message| message["id"] == number, method);
        assert_eq!(answer["error"], Value::Null, "{method}");
        answer["result"].take()
    }

    /// The next message that fits; events that come before it are kept.
    fn wait(&mut self, fits: impl Fn(&Value) -> bool, what: &str) -> Value {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let message = self.from.recv_timeout(left).unwrap_or_else(|_| panic!("{what}: no answer"));
            if message["method"].is_string() {
                self.events.push(message.clone());
            }
            if fits(&message) {
                return message;
            }
        }
    }

    /// Opens a page and waits until all of it is there.
    pub fn open(&mut self, url: &str) {
        self.events.clear();
        self.call("Page.navigate", &json!({ "url": url }));
        if !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.wait(|event| event["method"] == "Page.loadEventFired", url);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].take()
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    pub fn scheme(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    pub fn scripts(&mut self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": !on }));
    }

    pub fn pointer(&mut self, x: f64, y: f64) {
        self.call("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    pub fn key(&mut self, key: &str) {
        let text = if key.len() == 1 { key } else { "" };
        self.call(
            "Input.dispatchKeyEvent",
            &json!({ "type": "keyDown", "key": key, "code": key, "text": text,
            "windowsVirtualKeyCode": if key == "Tab" { 9 } else { 0 } }),
        );
        self.call("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key, "code": key }));
    }

    /// What the page asked the network for since it was opened, itself not counted.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = sent.map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned());
        // The page itself, and addresses that are their own content.
        urls.skip(1).filter(|url| !url.starts_with("data:")).collect()
    }

    /// What the page and the browser complained about since it was opened.
    pub fn complaints(&self) -> Vec<String> {
        let kinds = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];
        let complaints = self.events.iter().filter(|event| kinds.iter().any(|kind| event["method"] == *kind));
        complaints.map(|event| event["params"].to_string()).collect()
    }

    /// A picture of what is seen, as PNG.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        base64(shot["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Vec<u8> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from(bits >> held).unwrap());
            bits &= (1 << held) - 1;
        }
    }
    octets
}
