//! From steps to the script that one device runs in one exec.

use super::Command;
use crate::action::{
    ASIDE_IMAGE, ASIDE_MARK, Action, ContainerSpec, DEFINITION_LABEL, FABRIC_LABEL, File, IMAGE_FABRIC_LABEL,
    IMAGE_SPEC_LABEL, ImageSpec, Original, RUN_LABEL, RunId, SPEC_LABEL, Step,
};
use crate::remote::{Attachment, Script, quote, quote_all};
use crate::state::spec_hash;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// What all scripts that change a device have in common, constant.
pub(super) const DEVICE: &str = include_str!("device.sh");
/// The functions that steps call, constant.
pub(super) const LIBRARY: &str =
    concat!(include_str!("transaction/state.sh"), include_str!("rollback.sh"), include_str!("apply.sh"));

/// What the scripts are told of the run and of the names by which things are marked. A run that is `guarded` has a
/// snapshot on the device.
pub(super) fn header(fabric: &str, run: &RunId, guarded: bool) -> String {
    format!(
        "fabric={}\nrun={run}\nguarded={}\nkept={ASIDE_MARK}\nkept_image={ASIDE_IMAGE}\nrun_label={RUN_LABEL}\n\
         fabric_label={FABRIC_LABEL}\nspec_label={SPEC_LABEL}\ndefinition_label={DEFINITION_LABEL}\n",
        quote(fabric),
        if guarded { "yes" } else { "" },
    )
}

/// The script that runs one device's steps of one stage, in order.
pub(super) fn script<'a>(
    fabric: &str,
    run: &RunId,
    guarded: bool,
    steps: impl IntoIterator<Item = &'a Step>,
    timeout: Duration,
) -> Script {
    let mut compiled = Compiled { fabric, calls: String::new(), attachments: Vec::new() };
    let steps: Vec<&Step> = steps.into_iter().collect();
    for (number, step) in steps.iter().enumerate() {
        let mut call = compiled.call(&step.action);
        if let Action::RemoveContainer { .. } = step.action {
            let next = steps[number + 1..].iter().map_while(|step| match &step.action {
                Action::RemoveContainer { name } => Some(name.as_str()),
                _ => None,
            });
            call.extend(next.map(|name| format!(" {}", quote(name))));
        }
        let _ = writeln!(compiled.calls, "step {number} {call}");
    }
    let text = format!("{}{DEVICE}{LIBRARY}{}boundary end\n", header(fabric, run, guarded), compiled.calls);
    Script { text, attachments: compiled.attachments, timeout }
}

/// The same steps one by one, for whoever wants to see them.
pub(super) fn commands<'a>(fabric: &str, steps: impl IntoIterator<Item = &'a Step>) -> Vec<Command> {
    let mut compiled = Compiled { fabric, calls: String::new(), attachments: Vec::new() };
    let mut command = |step: &Step| {
        let before = compiled.attachments.len();
        let call = compiled.call(&step.action);
        let files = compiled.attachments[before..].iter();
        Command { call, files: files.map(|file| (file.name.clone(), file.content.len())).collect() }
    };
    steps.into_iter().map(&mut command).collect()
}

struct Compiled<'a> {
    fabric: &'a str,
    calls: String,
    attachments: Vec<Attachment>,
}

impl Compiled<'_> {
    /// The call of the library's function for an action.
    fn call(&mut self, action: &Action) -> String {
        let words = |words: &[&str]| quote_all(words.iter().copied());
        match action {
            Action::PutFile { file, .. } => self.put_file(file),
            Action::RestoreFile { path } => words(&["restore_file", path]),
            Action::StartService { service } => words(&["start_service", service]),
            Action::StopService { service } => words(&["stop_service", service]),
            Action::RestartService { service } => words(&["restart_service", service]),
            Action::ReloadService { service, path } => words(&["reload_service", service, path]),
            Action::CreateNetwork { network } => words(&[
                "new_network",
                &network.name,
                &network.subnet.to_string(),
                &network.gateway.to_string(),
                &network.parent,
                &self.label(FABRIC_LABEL),
                &label(SPEC_LABEL, &spec_hash(network)),
                &label(DEFINITION_LABEL, &definition(network)),
            ]),
            Action::RemoveNetwork { name } => words(&["remove_network", name]),
            Action::ProvideImage { image } => self.provide_image(image),
            Action::RemoveImage { tag } => words(&["remove_image", tag]),
            Action::RunContainer { container } => self.run_container(container),
            Action::StartContainer { name } => words(&["start_container", name]),
            Action::RemoveContainer { name } => words(&["remove_container", name]),
            Action::RemoveFile { path } => words(&["remove_file", path]),
            Action::SetSettings { settings } => {
                let lines: String =
                    settings.iter().flat_map(|(path, value)| [path.as_str(), ":", value, "\n"]).collect();
                let name = self.attach(lines.as_bytes());
                words(&["set_settings", &name])
            }
            Action::SetPorts { ports } => {
                let lines: String = ports.values().flatten().flat_map(|line| [line.as_str(), "\n"]).collect();
                let name = self.attach(lines.as_bytes());
                words(&["set_ports", &name])
            }
            Action::SetBoot { service, at_boot: true } => words(&["set_boot", service, "yes"]),
            Action::SetBoot { service, at_boot: false } => words(&["set_boot", service, "no"]),
            Action::StopContainer { name } => words(&["stop_container", name]),
            Action::RestoreRecords { manifest, originals } => self.records(manifest.as_ref(), originals),
            Action::Forget => "forget".to_owned(),
        }
    }

    /// Adds octets that travel with the script; returns their name there.
    fn attach(&mut self, content: &[u8]) -> String {
        let name = format!("file{}", self.attachments.len());
        self.attachments.push(Attachment { name: name.clone(), content: content.to_vec() });
        name
    }

    fn put_file(&mut self, file: &File) -> String {
        let source = self.attach(&file.content);
        // The library's function evaluates this with the new file's path in $new.
        let check = file.check.as_deref().map_or(String::new(), |check| check.replace("{}", "\"$new\""));
        let mode = format!("{:04o}", file.mode);
        quote_all(["put_file", &source, &file.path, &mode, &file.owner, &file.group, &check])
    }

    /// Of each file its source, path, mode, owner and group; no source where it is to be gone.
    fn records(&mut self, manifest: Option<&File>, originals: &[Original]) -> String {
        let mut words = vec!["restore_records".to_owned()];
        words.push(manifest.map_or_else(String::new, |manifest| self.attach(&manifest.content)));
        for Original { path, file } in originals {
            let source = file.as_ref().map_or_else(String::new, |file| self.attach(&file.content));
            words.extend([source, path.clone()]);
            let (mode, owner, group) =
                file.as_ref().map_or((0, "", ""), |file| (file.mode, &*file.owner, &*file.group));
            words.extend([format!("{mode:04o}"), owner.to_owned(), group.to_owned()]);
        }
        quote_all(words.iter().map(String::as_str))
    }

    /// The label that says whose an object is.
    fn label(&self, key: &str) -> String {
        label(key, self.fabric)
    }

    fn provide_image(&mut self, image: &ImageSpec) -> String {
        let labels = [self.label(IMAGE_FABRIC_LABEL), label(IMAGE_SPEC_LABEL, image.inputs())];
        match image {
            ImageSpec::Build { tag, directory, .. } => {
                quote_all(["build_image", tag, directory, &labels[0], &labels[1]])
            }
            ImageSpec::Archive { tag, content, .. } => {
                let archive = self.attach(content);
                quote_all(["load_image", tag, &archive, &labels[0], &labels[1]])
            }
            ImageSpec::Pull { tag } => quote_all(["pull_image", tag]),
        }
    }

    fn run_container(&mut self, container: &ContainerSpec) -> String {
        // Arguments can be read by everybody on the device while they are given, a file of ours by root alone.
        let secrets = container.secrets.iter().map(|(name, secret)| format!("{name}={}\n", secret.reveal()));
        let secrets: String = secrets.collect();
        let secrets = if secrets.is_empty() { String::new() } else { self.attach(secrets.as_bytes()) };
        let mut words = vec!["run_container".to_owned(), secrets];
        let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
        option("--name", &container.name);
        option("--hostname", &container.name);
        option("--network", &container.network);
        option("--ip", &container.address.to_string());
        option("--label", &self.label(FABRIC_LABEL));
        option("--label", &label(SPEC_LABEL, &spec_hash(container)));
        option("--label", &label(DEFINITION_LABEL, &definition(container)));
        for (key, value) in &container.environment {
            option("--env", &format!("{key}={value}"));
        }
        words.push(container.image.clone());
        words.extend(container.command.iter().cloned());
        words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A specification as its object's own label says it.
fn definition<T: Serialize>(spec: &T) -> String {
    // Serialising these plain structs can't fail; without the label the object is only not made again by itself.
    serde_json::to_string(spec).unwrap_or_default()
}

fn label(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::{NodeName, Secret};
    use std::collections::BTreeMap;

    #[test]
    fn secrets_of_a_container_travel_in_a_file_and_not_in_arguments() {
        let container = ContainerSpec {
            name: "web11".to_owned(),
            network: "containers".to_owned(),
            address: std::net::Ipv4Addr::new(172, 16, 1, 11),
            image: "app:1".to_owned(),
            command: Vec::new(),
            environment: BTreeMap::from([("LEVEL".to_owned(), "3".to_owned())]),
            secrets: BTreeMap::from([
                ("KEY".to_owned(), Secret::new("it's a key")),
                ("TOKEN".to_owned(), Secret::new("hunter22")),
            ]),
        };
        let node = NodeName::new("server01").unwrap();
        let without = ContainerSpec { secrets: BTreeMap::new(), ..container.clone() };
        let step = |container| Step::new(&node, Action::RunContainer { container }, "");
        let steps = [step(without), step(container)];
        let script =
            script("lab", &RunId::of("2026-11-22T09:00:00Z", 1), true, &steps, Duration::from_secs(1));
        let calls: Vec<&str> = script.text.lines().filter(|line| line.starts_with("step ")).collect();
        assert!(calls[0].starts_with("step 0 run_container '' --name web11 "), "{}", calls[0]);
        assert!(calls[1].starts_with("step 1 run_container file0 --name web11 "), "{}", calls[1]);
        assert!(calls[1].contains(" --env LEVEL=3 "), "{}", calls[1]);
        assert!(!script.text.contains("hunter22") && !script.text.contains("it's a key"));
        assert_eq!(script.attachments.len(), 1);
        assert_eq!(script.attachments[0].content, b"KEY=it's a key\nTOKEN=hunter22\n");
    }
}
