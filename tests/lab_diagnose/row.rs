//! One row of the matrix: a fault, what was said of it, and how long that took.

use crate::faults::Fault;
use crate::support::{Lab, Ran};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How long it may take until a fault is seen. Most are at once; the limit is for noisy machines.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const REST: Duration = Duration::from_millis(100);

/// Checks that say what is wrong where it is; what others say is felt from afar.
const OF_PLACES: [&str; 6] = ["services", "time", "links", "bgp", "workloads", "neighbors"];

/// What became of one fault.
pub struct Row {
    fault: &'static Fault,
    /// The verdict of `diagnose SUBJECT`, or what was wrong with it.
    named: Result<String, String>,
    /// What was wrong with `diagnose DEVICE` of the broken device.
    owned: Result<(), String>,
    /// What was wrong with `diagnose`.
    explained: Result<(), String>,
    /// What was wrong with `verify all`.
    verified: Result<String, String>,
    /// How long each part took.
    times: Vec<(&'static str, f64)>,
}

impl Row {
    /// All that isn't as it should be.
    pub fn complaints(&self) -> Vec<String> {
        let all = [
            self.named.as_ref().err(),
            self.owned.as_ref().err(),
            self.explained.as_ref().err(),
            self.verified.as_ref().err(),
        ];
        all.into_iter().flatten().map(|what| format!("{}: {what}", self.fault.name)).collect()
    }
}

/// Fault → verdict.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let mark = if row.complaints().is_empty() { '✔' } else { '✖' };
        let said = row.named.as_ref().map_or_else(Clone::clone, Clone::clone);
        let verified = row.verified.as_deref().unwrap_or("wrong");
        let _ = writeln!(text, "{mark} {:36} → {said}  [verify: {verified}]", row.fault.name);
    }
    text
}

/// Whoever asks, and holds every document against its schema.
pub struct Asker<'a> {
    pub lab: &'a Lab,
    diagnose: jsonschema::Validator,
    verify: jsonschema::Validator,
}

impl<'a> Asker<'a> {
    /// Takes the schemas from the program itself.
    pub fn new(lab: &'a Lab) -> Self {
        let schema = |verb: &str| {
            let schema = lab.fabricctl(&[verb, "--schema"]).exits(0).json();
            jsonschema::draft202012::new(&schema).unwrap()
        };
        Self { lab, diagnose: schema("diagnose"), verify: schema("verify") }
    }

    /// A document that must be as its schema says, from a run that must end with that code.
    pub fn document(&self, args: &[&str], code: i32) -> Value {
        let ran = self.lab.on(&[args, &["-o", "json", "-q"]].concat());
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        self.valid(args, &ran)
    }

    fn valid(&self, args: &[&str], ran: &Ran) -> Value {
        let document = ran.json();
        let schema = if args[0] == "verify" { &self.verify } else { &self.diagnose };
        let wrong: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{args:?}: {wrong:?}\n{document:#}");
        document
    }

    /// What a run says. None of these faults cuts a device off; a machine that is too busy for a connection does.
    fn asked(&self, args: &[&str]) -> Value {
        let ask = || self.lab.on(&[args, &["-o", "json", "-q"]].concat());
        for _ in 0..3 {
            let ran = ask();
            if ran.code != 4 {
                return self.valid(args, &ran);
            }
            println!("  a device couldn't be reached, asked again: {}", ran.stderr.trim());
        }
        self.valid(args, &ask())
    }

    /// Breaks it, asks, mends it, and waits until all is well again.
    pub fn row(&self, fault: &'static Fault) -> Row {
        let mut times = Vec::new();
        let mut clock = Instant::now();
        let mut lap = |what: &'static str| {
            times.push((what, clock.elapsed().as_secs_f64()));
            clock = Instant::now();
        };
        self.lab.ssh(fault.node, fault.inject);
        lap("break");
        // All at once: each is its own run with its own connections, and most of its time is waiting.
        let (named, owned, explained, verified) = std::thread::scope(|scope| {
            let owned = scope.spawn(|| self.owned(fault));
            let explained = scope.spawn(|| self.explained(fault));
            let verified = scope.spawn(|| self.verified(fault));
            (self.named(fault), owned.join().unwrap(), explained.join().unwrap(), verified.join().unwrap())
        });
        lap("name");
        self.lab.ssh(fault.node, fault.undo);
        lap("mend");
        self.heal(fault);
        lap("well again");
        let row = Row { fault, named, owned, explained, verified, times };
        let times: Vec<String> = row.times.iter().map(|(what, time)| format!("{what} {time:.1}")).collect();
        println!("{} ({})", fault.name, times.join(", "));
        for wrong in row.complaints() {
            println!("  ✖ {wrong}");
        }
        row
    }

    /// Waits until all is well. What FRR itself doesn't get over is mended as the diagnosis says.
    fn heal(&self, fault: &Fault) {
        for _ in 0..12 {
            if self.lab.on(&["verify", "all", "--wait", "3s", "--grace", "0s", "-q"]).code == 0 {
                return;
            }
            let explanation = self.asked(&["diagnose"]);
            for cause in explanation["causes"].as_array().unwrap() {
                let verdict = &cause["verdict"];
                if verdict["fix"].as_str().is_some_and(|fix| fix.contains("service frr restart")) {
                    println!("  after {}: {} needs its FRR restarted", fault.name, verdict["device"]);
                    self.lab.ssh(verdict["device"].as_str().unwrap(), "service frr restart");
                }
            }
        }
        let healed = self.lab.on(&["verify", "all", "--wait", "60s", "-q"]);
        assert_eq!(healed.code, 0, "{}: not mended\n{}{}", fault.name, healed.stdout, healed.stderr);
    }

    /// The subject's verdict, asked for until the fault shows; no healthy device may be blamed meanwhile.
    fn named(&self, fault: &Fault) -> Result<String, String> {
        let began = Instant::now();
        loop {
            let walk = self.asked(&["diagnose", fault.subject]);
            let verdict = &walk["verdict"];
            let word = |key: &str| verdict[key].as_str().unwrap_or("nothing").to_owned();
            let told = format!("{}, {}: {}", word("device"), word("hop"), word("cause"));
            let right = fault.devices.contains(&&*word("device"));
            if right && word("hop").starts_with(fault.hop) {
                return if verdict["fix"].is_string() {
                    Ok(told)
                } else {
                    Err(format!("{told}, without a fix"))
                };
            }
            if !right && !verdict.is_null() {
                return Err(format!("{told} (a healthy device)"));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{told} (never {}, {})", fault.devices.join(" or "), fault.hop));
            }
            std::thread::sleep(REST);
        }
    }

    /// The broken device's own verdict: it, and no other, is broken.
    fn owned(&self, fault: &Fault) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let walk = self.asked(&["diagnose", fault.devices[0]]);
            match walk["verdict"]["device"].as_str() {
                Some(device) if fault.devices.contains(&device) => return Ok(()),
                Some(_) => return Err(format!("diagnose {} blames {}", fault.devices[0], walk["verdict"])),
                None if began.elapsed() > PATIENCE => {
                    return Err(format!("diagnose {} finds nothing wrong", fault.devices[0]));
                }
                None => std::thread::sleep(REST),
            }
        }
    }

    /// What explains the failing checks, once they fail: causes on the broken device alone.
    fn explained(&self, fault: &Fault) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let explanation = self.asked(&["diagnose"]);
            let causes = explanation["causes"].as_array().unwrap();
            let foreign = causes.iter().find(|cause| {
                let device = cause["verdict"]["device"].as_str().unwrap_or_default();
                !fault.devices.contains(&device)
            });
            match foreign {
                Some(cause) => {
                    let (verdict, first) = (&cause["verdict"], &cause["explains"][0]);
                    return Err(format!("a healthy device is blamed: {verdict} for {first}"));
                }
                None if !causes.is_empty() => return Ok(()),
                None if began.elapsed() > PATIENCE => return Err("nothing is explained".to_owned()),
                None => std::thread::sleep(REST),
            }
        }
    }

    /// What `verify all` finds, once it is felt: it names the broken device, and what a check says of a place, it says
    /// of that device.
    fn verified(&self, fault: &Fault) -> Result<String, String> {
        let began = Instant::now();
        loop {
            let report = self.asked(&["verify", "all"]);
            let all = report["checks"].as_array().unwrap();
            let failed: Vec<&Value> = all.iter().filter(|one| one["status"] == "failed").collect();
            if !failed.is_empty() {
                return told_by_checks(fault, &failed);
            }
            if began.elapsed() > PATIENCE {
                return Err("verify finds nothing".to_owned());
            }
            std::thread::sleep(REST);
        }
    }
}

fn told_by_checks(fault: &Fault, failed: &[&Value]) -> Result<String, String> {
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let about = |finding: &&&Value| {
        let related = finding["related"].as_array().unwrap().iter();
        let mut nodes = related.chain([&finding["node"]]).filter_map(Value::as_str);
        nodes.any(|node| fault.devices.contains(&node))
    };
    let told = |finding: &&Value| {
        let words = ["check", "node", "subject", "reason"].map(|key| word(finding, key));
        format!("{}, related {}", words.join(" "), finding["related"])
    };
    let of_place = |finding: &&&Value| OF_PLACES.contains(&&*word(finding, "check"));
    let foreign = failed.iter().filter(of_place).find(|one| !about(one));
    if let Some(foreign) = foreign {
        return Err(format!("verify blames a healthy device: {}", told(foreign)));
    }
    let Some(first) = failed.iter().find(about) else {
        let all: Vec<String> = failed.iter().map(told).collect();
        return Err(format!("verify doesn't name {}: {}", fault.devices.join(" or "), all.join("; ")));
    };
    Ok(format!("{} {}, {} failed", word(first, "check"), word(first, "node"), failed.len()))
}
