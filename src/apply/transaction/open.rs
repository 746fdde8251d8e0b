//! The beginning: a snapshot of what a run will touch on a device, and a guard over it.

use super::{TransactionError, restore_script};
use crate::action::{Action, Activation, ContainerSpec, How, NetworkSpec, RunId, Step};
use crate::apply::compile::{DEVICE, header};
use crate::remote::{Attachment, Script, Session, quote};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

/// Runs on the device, constant.
const SNAPSHOT: &str = concat!(include_str!("state.sh"), include_str!("snapshot.sh"));
/// How many closed runs a device remembers with what was there before them.
pub const KEPT_RUNS: usize = 10;
/// What the snapshots may take up together on a device, in MiB; the oldest closed ones go first.
pub const KEPT_MIB: u32 = 256;
/// Paths in the state directory that every run may change.
const RECORDS: [&str; 2] = ["/var/lib/fabricctl/manifest", "/var/lib/fabricctl/original"];
/// Where a device keeps what was put there; see `recorded` in `apply.sh`.
pub(super) const RECORD: &str = "/var/lib/fabricctl/deployed";
/// Where kernel settings are.
const PROC: &str = "/proc/sys/";
/// What takes up files and is no service.
const NO_SERVICES: [&str; 3] = ["interfaces", "sysctl", "systemd"];

/// What a run is about to do on one device.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The fabric's name.
    pub fabric: &'a str,
    /// `user@host` of this machine.
    pub who: &'a str,
    /// When the run began, RFC 3339 in UTC.
    pub began: &'a str,
    /// How long the device waits to hear of the run before it puts everything back.
    pub confirm_within: Duration,
    /// Whether a person confirms it, after the run itself has ended.
    pub by_hand: bool,
    /// The steps that the run plans for the device.
    pub steps: Vec<&'a Step>,
    /// Services of the device, touched or not.
    pub services: BTreeSet<String>,
    /// Ports whose state is to be kept, with the loopback.
    pub ports: Vec<String>,
}

/// Saves on the device what is there now, and starts the guard. When it fails nothing is left of it.
///
/// # Errors
/// When the device has no room, or can't do it.
pub async fn open(
    session: &Session,
    opening: &Opening<'_>,
    timeout: Duration,
) -> Result<(), TransactionError> {
    let output = session.run(&script(opening, timeout), |_| {}).await?;
    match output.status {
        0 => Ok(()),
        status => Err(TransactionError::Device(match output.stderr.trim() {
            "" => format!("it ended with status {status}"),
            said => said.to_owned(),
        })),
    }
}

fn script(opening: &Opening<'_>, timeout: Duration) -> Script {
    let attach = |name: &str, content: &[u8]| Attachment { name: name.to_owned(), content: content.to_vec() };
    let scope = Scope::of(opening);
    let mut attachments = vec![
        attach("restore", restore_script(opening.fabric, opening.run).as_bytes()),
        attach("config", scope.config(opening).as_bytes()),
        attach("paths", lines(&scope.paths).as_bytes()),
        attach("by", format!("{}\n", opening.who).as_bytes()),
        attach("confirm", if opening.by_hand { b"manual\n" } else { b"auto\n" }),
        attach("seconds", format!("{}\n", opening.confirm_within.as_secs().max(1)).as_bytes()),
        attach("meta.json", meta(opening).as_bytes()),
        attach("activations", activations(opening).as_bytes()),
    ];
    for (number, content) in scope.new_settings.iter().enumerate() {
        attachments.push(attach(&format!("sysctl{number}"), content));
    }
    let text = format!(
        "{}keep={KEPT_RUNS}\nroom={}\n{DEVICE}{SNAPSHOT}",
        header(opening.fabric, opening.run, true),
        KEPT_MIB << 10
    );
    Script { text, attachments, timeout }
}

/// What is known of a run besides what it changed.
fn meta(opening: &Opening<'_>) -> String {
    let record = json!({
        "run": opening.run,
        "fabric": opening.fabric,
        "who": opening.who,
        "began": opening.began,
        "version": env!("CARGO_PKG_VERSION"),
    });
    format!("{record}\n")
}

/// What takes up each file that is about to be written: no snapshot could tell.
fn activations(opening: &Opening<'_>) -> String {
    let line = |step: &&Step| {
        let Action::PutFile { file, .. } = &step.action else { return None };
        let Activation { service, how } = file.activates.as_ref()?;
        let how = if *how == How::Restart { "restart" } else { "reload" };
        Some(format!("{service} {how} {}\n", file.path))
    };
    opening.steps.iter().filter_map(line).collect()
}

/// What the steps will touch.
struct Scope<'a> {
    paths: BTreeSet<String>,
    services: BTreeSet<String>,
    /// Files of kernel settings, as they are named.
    settings: BTreeSet<String>,
    /// The same, as they will be.
    new_settings: Vec<Cow<'a, [u8]>>,
}

impl<'a> Scope<'a> {
    fn of(opening: &Opening<'a>) -> Self {
        let mut scope = Self {
            paths: BTreeSet::from([RECORDS[0].to_owned(), format!("{RECORD}/run.json")]),
            services: opening.services.clone(),
            settings: BTreeSet::new(),
            new_settings: Vec::new(),
        };
        for step in &opening.steps {
            scope.add(&step.action);
        }
        scope
    }

    fn add(&mut self, action: &'a Action) {
        match action {
            Action::PutFile { file, .. } => {
                self.path(&file.path);
                if file.activates.as_ref().is_some_and(|activation| activation.service == "sysctl") {
                    self.settings.insert(file.path.clone());
                    self.new_settings.push(Cow::Borrowed(&file.content));
                }
            }
            Action::SetSettings { settings } => {
                let lines = settings.keys().map(|path| format!("{} = \n", path.trim_start_matches(PROC)));
                self.new_settings.push(Cow::Owned(lines.collect::<String>().into_bytes()));
            }
            Action::RestoreRecords { originals, .. } => {
                self.paths.extend(originals.iter().map(|original| original.path.clone()));
            }
            Action::SetBoot { service, .. } => drop(self.services.insert(service.clone())),
            Action::RestoreFile { path } | Action::RemoveFile { path } => {
                self.path(path);
                if path.contains("/sysctl") {
                    self.settings.insert(path.clone());
                }
            }
            Action::ReloadService { service, path } if service == "sysctl" => {
                self.settings.insert(path.clone());
            }
            Action::StartService { service }
            | Action::StopService { service }
            | Action::RestartService { service }
            | Action::ReloadService { service, .. }
                if !NO_SERVICES.contains(&service.as_str()) =>
            {
                self.services.insert(service.clone());
                self.record("services", service);
            }
            Action::CreateNetwork { network: NetworkSpec { name, .. } } | Action::RemoveNetwork { name } => {
                self.record("networks", name);
            }
            Action::RunContainer { container: ContainerSpec { name, .. } }
            | Action::RemoveContainer { name } => self.record("containers", name),
            _ => {}
        }
    }

    /// A file, the place where the one from before the first deployment is kept, and what is recorded of it.
    fn path(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
        self.paths.insert(format!("{}{path}", RECORDS[1]));
        self.paths.extend(["files", "gone"].map(|kind| format!("{RECORD}/{kind}{path}")));
    }

    fn record(&mut self, kind: &str, name: &str) {
        self.paths.insert(format!("{RECORD}/{kind}/{name}"));
    }

    /// Assignments for the scripts on the device.
    fn config(&self, opening: &Opening<'_>) -> String {
        let words = |words: &mut dyn Iterator<Item = &String>| {
            quote(&words.map(String::as_str).collect::<Vec<_>>().join(" "))
        };
        format!(
            "services={}\nports={}\nsysctl_files={}\n",
            words(&mut self.services.iter()),
            words(&mut opening.ports.iter()),
            words(&mut self.settings.iter().filter(|path| !path.is_empty())),
        )
    }
}

fn lines(words: &BTreeSet<String>) -> String {
    words.iter().flat_map(|word| [word.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{File, Original};
    use crate::fabric::NodeName;

    fn file(path: &str, service: &str) -> Action {
        let file = File {
            path: path.to_owned(),
            content: b"net.ipv4.ip_forward = 1\n".to_vec(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o644,
            check: None,
            activates: Some(Activation { service: service.to_owned(), how: How::Reload }),
        };
        Action::PutFile { file, replaces: false }
    }

    /// One of each kind that touches something.
    fn deeds() -> Vec<Action> {
        vec![
            file("/etc/sysctl.d/90-fabricctl.conf", "sysctl"),
            file("/etc/frr/frr.conf", "frr"),
            Action::RestoreFile { path: "/etc/old".to_owned() },
            Action::ReloadService {
                service: "sysctl".to_owned(),
                path: "/etc/sysctl.d/other.conf".to_owned(),
            },
            Action::ReloadService { service: "interfaces".to_owned(), path: String::new() },
            Action::StartService { service: "frr".to_owned() },
            Action::RemoveFile { path: "/etc/gone".to_owned() },
            Action::SetSettings {
                settings: [("/proc/sys/net/ipv4/conf/eth1.100/rp_filter".to_owned(), "1".to_owned())].into(),
            },
            Action::SetBoot { service: "docker".to_owned(), at_boot: false },
            Action::RestoreRecords {
                manifest: None,
                originals: vec![Original {
                    path: "/var/lib/fabricctl/original/etc/kept".to_owned(),
                    file: None,
                }],
            },
        ]
    }

    #[test]
    fn a_snapshot_holds_what_the_steps_will_touch() {
        let node = NodeName::new("leaf01").unwrap();
        let run = RunId::new("r1").unwrap();
        let steps: Vec<Step> = deeds().into_iter().map(|action| Step::new(&node, action, "why")).collect();
        let opening = Opening {
            run: &run,
            fabric: "reference",
            who: "root@here",
            began: "2026-11-22T09:08:34Z",
            confirm_within: Duration::from_millis(10),
            by_hand: true,
            steps: steps.iter().collect(),
            services: BTreeSet::from(["rdnbrd".to_owned()]),
            ports: vec!["lo".to_owned(), "swp1".to_owned()],
        };
        let script = script(&opening, Duration::from_secs(9));
        let attached = |name: &str| {
            let found = script.attachments.iter().find(|attachment| attachment.name == name).unwrap();
            String::from_utf8(found.content.clone()).unwrap()
        };
        assert_eq!(
            attached("paths").lines().collect::<Vec<_>>(),
            [
                "/etc/frr/frr.conf",
                "/etc/gone",
                "/etc/old",
                "/etc/sysctl.d/90-fabricctl.conf",
                "/var/lib/fabricctl/deployed/files/etc/frr/frr.conf",
                "/var/lib/fabricctl/deployed/files/etc/gone",
                "/var/lib/fabricctl/deployed/files/etc/old",
                "/var/lib/fabricctl/deployed/files/etc/sysctl.d/90-fabricctl.conf",
                "/var/lib/fabricctl/deployed/gone/etc/frr/frr.conf",
                "/var/lib/fabricctl/deployed/gone/etc/gone",
                "/var/lib/fabricctl/deployed/gone/etc/old",
                "/var/lib/fabricctl/deployed/gone/etc/sysctl.d/90-fabricctl.conf",
                "/var/lib/fabricctl/deployed/run.json",
                "/var/lib/fabricctl/deployed/services/frr",
                "/var/lib/fabricctl/manifest",
                "/var/lib/fabricctl/original/etc/frr/frr.conf",
                "/var/lib/fabricctl/original/etc/gone",
                "/var/lib/fabricctl/original/etc/kept",
                "/var/lib/fabricctl/original/etc/old",
                "/var/lib/fabricctl/original/etc/sysctl.d/90-fabricctl.conf",
            ]
        );
        assert_eq!(
            attached("config"),
            "services='docker frr rdnbrd'\nports='lo swp1'\n\
             sysctl_files='/etc/sysctl.d/90-fabricctl.conf /etc/sysctl.d/other.conf'\n"
        );
        assert_eq!(attached("sysctl0"), "net.ipv4.ip_forward = 1\n");
        assert_eq!(attached("sysctl1"), "net/ipv4/conf/eth1.100/rp_filter = \n");
        assert_eq!(
            attached("activations"),
            "sysctl reload /etc/sysctl.d/90-fabricctl.conf\nfrr reload /etc/frr/frr.conf\n"
        );
        assert_eq!((attached("seconds").as_str(), attached("confirm").as_str()), ("1\n", "manual\n"));
        assert!(attached("restore").contains("\nrun_label="));
        assert!(attached("meta.json").contains("\"run\":\"r1\""));
    }
}
