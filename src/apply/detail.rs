//! What a plan's steps are on the device: the very words its shell gets.

use super::compile;
use crate::action::{Plan, Step};
use crate::fabric::NodeName;
use std::collections::{BTreeMap, BTreeSet};

/// One step as the device's shell gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The call of a function of the script.
    pub call: String,
    /// Files that travel with it: their names in the call, and how many octets they have.
    pub files: Vec<(String, usize)>,
}

/// A plan's commands, and what they call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// One for each step, in the order of [`Plan::steps`].
    pub commands: Vec<Command>,
    /// The text of every function that they call, directly or not, in the order of the script.
    pub functions: Vec<(&'static str, &'static str)>,
}

/// The commands that a plan runs on the devices.
pub fn detail(fabric: &str, plan: &Plan) -> Detail {
    let mut commands = Vec::new();
    for stage in &plan.stages {
        // Files are numbered anew in each node's script.
        let mut of_node: BTreeMap<&NodeName, Vec<Command>> = BTreeMap::new();
        for step in &stage.steps {
            of_node.entry(&step.node).or_default();
        }
        for (node, of_node) in &mut of_node {
            let steps: Vec<&Step> = stage.steps.iter().filter(|step| step.node == **node).collect();
            *of_node = compile::commands(fabric, steps);
            of_node.reverse();
        }
        commands.extend(stage.steps.iter().filter_map(|step| of_node.get_mut(&step.node)?.pop()));
    }
    let functions = called(&commands);
    Detail { commands, functions }
}

/// The functions that commands call, and those that these call.
fn called(commands: &[Command]) -> Vec<(&'static str, &'static str)> {
    let all: Vec<_> = [compile::DEVICE, compile::LIBRARY].into_iter().flat_map(functions).collect();
    let mut open: Vec<&str> = commands.iter().filter_map(|command| command.call.split(' ').next()).collect();
    let mut wanted = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some((name, text)) = all.iter().find(|(known, _)| *known == name) else { continue };
        if wanted.insert(*name) {
            open.extend(text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
        }
    }
    all.into_iter().filter(|(name, _)| wanted.contains(name)).collect()
}

/// The functions of a script: `NAME() { … }`, closed on the same line or by a brace at the beginning of one.
fn functions(script: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < script.len() {
        let rest = &script[at..];
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let name = line.split_once("() {").map(|(name, _)| name);
        let is_name =
            |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let Some(name) = name.filter(is_name) else {
            at += line.len();
            continue;
        };
        let length = if line.matches('{').count() == line.matches('}').count() {
            line.len()
        } else {
            rest.find("\n}\n").map_or(rest.len(), |end| end + "\n}\n".len())
        };
        found.push((name, rest[..length].trim_end()));
        at += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, File, ImageSpec, Stage, Wave};

    fn put(node: &str, path: &str, content: &[u8]) -> Step {
        let file = File {
            path: path.to_owned(),
            content: content.to_vec(),
            owner: "frr".to_owned(),
            group: "frr".to_owned(),
            mode: 0o640,
            check: Some("vtysh -C -f {}".to_owned()),
            activates: None,
        };
        let node = NodeName::new(node).unwrap();
        Step::new(&node, Action::PutFile { file, replaces: false }, "")
    }

    #[test]
    fn commands_are_those_of_the_script_in_the_order_of_the_plan() {
        let archive =
            ImageSpec::Archive { tag: "fabric/x:1".to_owned(), inputs: "1".to_owned(), content: vec![0; 70] };
        let load = Step::new(&NodeName::new("b").unwrap(), Action::ProvideImage { image: archive }, "");
        let steps =
            vec![put("b", "/etc/1", b"1"), put("a", "/etc/2", b"22"), put("b", "/etc/3", b"333"), load];
        let plan = Plan { stages: vec![Stage { wave: Wave::Spines, steps }] };
        let detail = detail("f", &plan);
        let check = r#"'vtysh -C -f "$new"'"#;
        let calls: Vec<&str> = detail.commands.iter().map(|command| command.call.as_str()).collect();
        assert_eq!(
            calls,
            [
                format!("put_file file0 /etc/1 0640 frr frr {check}"),
                format!("put_file file0 /etc/2 0640 frr frr {check}"),
                format!("put_file file1 /etc/3 0640 frr frr {check}"),
                "load_image fabric/x:1 file2 fabricctl.image.fabric=f fabricctl.image.spec=1".to_owned(),
            ]
        );
        assert_eq!(detail.commands[3].files, [("file2".to_owned(), 70)]);
        let names: Vec<&str> = detail.functions.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"put_file") && names.contains(&"remember_file"), "{names:?}");
        assert!(!names.contains(&"restore_file") && !names.contains(&"run_container"), "{names:?}");
    }

    #[test]
    fn every_function_of_the_script_is_found_whole() {
        let scripts = [compile::DEVICE, compile::LIBRARY];
        let found: Vec<_> = scripts.into_iter().flat_map(functions).collect();
        let defined = scripts.into_iter().flat_map(str::lines).filter(|line| {
            line.split_once("()").is_some_and(|(name, rest)| {
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && rest.starts_with(" {")
            })
        });
        assert_eq!(found.len(), defined.count());
        for (name, text) in &found {
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{name}: {text}");
        }
        let text = |name: &str| found.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!(text("pull_image"), "pull_image() { new_image \"$1\" && docker pull -q \"$1\"; }");
        assert!(text("put_file").ends_with("\n}"), "{}", text("put_file"));
    }
}
