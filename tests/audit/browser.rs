//! The report in a real browser: what it shows, that it asks for nothing, and
//! that it can be read without scripts. The browser is alone in a network
//! namespace, and answers over a pipe.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{audit, login};
use crate::kit::{Sandbox, failure, failures, fixture, make_fifo};

/// A browser without a window, spoken to in the `DevTools` protocol.
struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    number: u64,
    /// What it told without being asked.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let pipes = ["in", "out"].map(|name| profile.path().join(name));
        for pipe in &pipes {
            make_fifo(pipe);
        }
        // Opened both ways, so that nobody waits for the other to open it.
        let open = |path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .unwrap()
        };
        let [to, from] = [&pipes[0], &pipes[1]].map(open);
        let script = "exec unshare --net chromium --headless --no-sandbox --disable-gpu \
            --disable-quic --no-first-run --disable-background-networking \
            --disable-component-update --disable-sync --disable-dev-shm-usage \
            --remote-debugging-pipe --user-data-dir=\"$1/profile\" about:blank \
            3<\"$1/in\" 4>\"$1/out\"";
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(profile.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium is installed by tests/run");
        let mut browser = Browser {
            child,
            to,
            from: BufReader::new(from),
            session: None,
            number: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", &attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// The next message; they end with a zero byte.
    fn next(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.number {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// Opens a page and waits until it is there.
    fn open(&mut self, url: &str) {
        self.events.clear();
        self.ask("Page.navigate", &json!({ "url": url }));
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(loaded) {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// What an expression is in the page.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", &params);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Every URL that was asked for.
    fn requests(&self) -> Vec<&str> {
        let requests = self.events.iter();
        requests
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| event["params"]["request"]["url"].as_str().unwrap())
            .collect()
    }

    /// What went to the console, and what the browser had to complain of.
    fn complaints(&self) -> Vec<&Value> {
        let said = [
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ];
        let events = self.events.iter();
        events
            .filter(|event| said.iter().any(|method| event["method"] == *method))
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The shell and unshare have become the browser.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An audit with something in every section, and names that would do harm.
fn busy() -> Sandbox {
    let typed = |second, name: &str| {
        failure("203.0.113.77", second).replace("root", &format!("invalid user {name}"))
    };
    let log = (1..=9)
        .map(|n| failures(&format!("203.0.113.{n}"), n * 3))
        .collect::<String>()
        + &failures("2001:db8::1", 7)
        + &failures("192.88.99.1", 4)
        + &login("203.0.113.9", 40)
        + &typed(50, "<script>document.title='owned'</script>")
        + &typed(51, "<img src=x onerror=document.title='owned'>")
        + &typed(52, "</title></style><style>body{display:none}")
        + &failures("203.0.113.9", 1).replace("2026-03-22", "2026-04-22");
    let geoip = fixture("geo/GeoLite2-Country.mmdb");
    Sandbox::new()
        .log("auth.log", log)
        .set("/geoip/database", geoip.to_str().unwrap())
}

const ARGS: [&str; 4] = [
    "--what-if",
    "failed_attempts=3,5,10",
    "--what-if",
    "window=gap,sliding",
];

/// A number as the page shows it.
fn shown(number: &Value) -> String {
    let digits = number.as_u64().unwrap().to_string();
    assert!(digits.len() < 4, "the log is small");
    digits
}

/// Sections whose first column names what the JSON has under a key.
const NAMED: [(&str, &str, &str); 5] = [
    ("worst", "addresses", "ip"),
    ("networks", "networks", "network"),
    ("aggregation", "aggregated", "ip"),
    ("users", "users", "user"),
    ("bans", "bans", "ip"),
];

/// Sections with a column of the numbers that the JSON has under a key.
const COUNTED: [(&str, &str, u32, &str); 11] = [
    ("time", "timeline", 1, "failures"),
    ("time", "timeline", 2, "bans"),
    ("rules", "rules", 1, "failures"),
    ("worst", "addresses", 1, "failures"),
    ("countries", "countries", 1, "failures"),
    ("countries", "countries", 2, "addresses"),
    ("networks", "networks", 1, "failures"),
    ("users", "users", 1, "failures"),
    ("what-if", "what_if", 4, "banned"),
    ("what-if", "what_if", 5, "stopped"),
    ("sources", "sources", 4, "failures"),
];

/// Expects the numbers and names of the page to be those of the JSON.
fn compare(browser: &mut Browser, found: &Value) {
    for (id, key) in [
        ("failures", "failures"),
        ("banned", "banned"),
        ("logged-in", "banned_logged_in"),
    ] {
        let text = browser.value(&format!("document.getElementById('{id}').firstChild.data"));
        assert_eq!(text, shown(&found[key]), "{id}");
    }
    let mut cells = |section: &str, column: u32| {
        let rows = format!("[...document.querySelectorAll('#{section} tbody tr')]");
        browser.value(&format!(
            "{rows}.map((row) => row.cells[{column}].textContent)"
        ))
    };
    let list = |list: &str| found[list].as_array().unwrap();
    for (section, rows, key) in NAMED {
        let expected: Vec<&Value> = list(rows).iter().map(|row| &row[key]).collect();
        assert!(!expected.is_empty(), "{section}");
        assert_eq!(cells(section, 0), json!(expected), "{section}");
    }
    for (section, rows, column, key) in COUNTED {
        let expected: Vec<String> = list(rows).iter().map(|row| shown(&row[key])).collect();
        assert!(!expected.is_empty(), "{section}");
        assert_eq!(cells(section, column), json!(expected), "{section}");
    }
}

#[test]
#[ignore = "needs root, network namespaces and chromium: run tests/run"]
fn kernel_a_browser_shows_the_report_and_asks_for_nothing() {
    let sandbox = busy();
    let found = audit(&sandbox, &ARGS);
    let html = ["audit", "--html", "report.html"];
    sandbox.run(html.iter().chain(&ARGS)).exits(0);
    let url = format!("file://{}", sandbox.path("report.html").display());
    let mut browser = Browser::start();
    for scripts in [true, false] {
        let disabled = json!({ "value": !scripts });
        browser.ask("Emulation.setScriptExecutionDisabled", &disabled);
        browser.open(&url);
        assert_eq!(browser.requests(), [url.as_str()]);
        assert_eq!(browser.complaints(), [] as [&Value; 0]);
        assert_eq!(browser.value("document.title"), "pyfilter audit of web1");
        compare(&mut browser, &found);
        // A button that does nothing is none.
        let buttons = browser.value("document.querySelectorAll('button').length");
        assert_eq!(buttons.as_u64().unwrap() > 0, scripts);
    }
}

#[test]
#[ignore = "needs root, network namespaces and chromium: run tests/run"]
fn kernel_a_browser_sorts_the_tables_by_mouse_and_keyboard() {
    let sandbox = busy();
    sandbox.run(["audit", "--html", "report.html"]).exits(0);
    let url = format!("file://{}", sandbox.path("report.html").display());
    let mut browser = Browser::start();
    browser.open(&url);
    let order = "[...document.querySelectorAll('#worst tbody tr')].map((row) => Number(row.cells[1].dataset.v))";
    let worst_first = browser.value(order);
    browser.value("document.querySelector('#worst th:nth-child(2) button').click()");
    assert_eq!(
        browser.value(order),
        worst_first,
        "numbers begin with the largest"
    );
    let sort = "document.querySelector('#worst th:nth-child(2)').getAttribute('aria-sort')";
    assert_eq!(browser.value(sort), "descending");
    browser.value("document.querySelector('#worst th:nth-child(2) button').focus()");
    for kind in ["keyDown", "keyUp"] {
        let key = json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        browser.ask("Input.dispatchKeyEvent", &key);
    }
    let mut least_first = worst_first.as_array().unwrap().clone();
    least_first.reverse();
    assert_eq!(browser.value(order), json!(least_first));
    assert_eq!(browser.value(sort), "ascending");
    assert_eq!(browser.complaints(), [] as [&Value; 0]);
}

#[test]
#[ignore = "needs root, network namespaces and chromium: run tests/run"]
fn kernel_a_browser_shows_the_report_on_a_telephone_and_on_paper_and_to_those_who_listen() {
    let sandbox = busy();
    sandbox.run(["audit", "--html", "report.html"]).exits(0);
    let url = format!("file://{}", sandbox.path("report.html").display());
    let mut browser = Browser::start();
    let narrow = json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": true });
    browser.ask("Emulation.setDeviceMetricsOverride", &narrow);
    browser.open(&url);
    // Wide tables and charts scroll by themselves; the page does not.
    assert_eq!(
        browser.value("document.documentElement.scrollWidth <= 400"),
        true
    );
    // Everything that can be pressed or seen has a name.
    browser.ask("Accessibility.enable", &json!({}));
    let tree = browser.ask("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let named = |role: &str| -> Vec<bool> {
        let nodes = nodes.iter().filter(|node| node["role"]["value"] == role);
        nodes
            .map(|node| {
                node["name"]["value"]
                    .as_str()
                    .is_some_and(|name| !name.is_empty())
            })
            .collect()
    };
    for role in ["image", "button", "link", "region", "table", "columnheader"] {
        let roles: &[&str] = if role == "image" {
            &["image", "img", "graphics-document"]
        } else {
            &[role]
        };
        let all: Vec<bool> = roles.iter().flat_map(|role| named(role)).collect();
        assert!(
            !all.is_empty() && all.iter().all(|named| *named),
            "{role}: {all:?}"
        );
    }
    for role in ["main", "banner", "navigation", "contentinfo"] {
        assert_eq!(
            nodes
                .iter()
                .filter(|node| node["role"]["value"] == role)
                .count(),
            1,
            "{role}"
        );
    }
    let printed = browser.ask("Page.printToPDF", &json!({}));
    assert!(printed["data"].as_str().unwrap().len() > 10_000);
    assert_eq!(browser.complaints(), [] as [&Value; 0]);
}
