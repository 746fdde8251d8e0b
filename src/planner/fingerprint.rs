//! What a plan was made from and what it does, as digests: two plans of the same fingerprint do the same to the same
//! devices. It says where two differ, and holds no content.

use crate::action::{Action, ImageSpec, Plan};
use crate::fabric::{Facts, Node};
use crate::state::{NodeState, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Digests by the names of what they are of.
pub type Digests = BTreeMap<String, String>;

/// The fingerprint of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// What is read here: the inventory, templates, binaries.
    pub inputs: Digests,
    /// What was found on each node.
    pub observed: BTreeMap<String, Digests>,
    /// The steps, in order.
    pub steps: Vec<StepPrint>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPrint {
    /// The wave that it belongs to.
    pub wave: String,
    /// The device.
    pub node: String,
    /// What is done, as a person reads it.
    pub step: String,
    /// Of all that the step brings to the device.
    pub digest: String,
}

/// Where two fingerprints differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The device, if it is one's.
    pub node: Option<String>,
    /// What differs.
    pub what: String,
    /// How.
    pub how: Drift,
}

/// What became of something since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It was another.
    Changed,
    /// It wasn't there.
    Appeared,
    /// It was there.
    Vanished,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "it has changed",
            Self::Appeared => "it is new",
            Self::Vanished => "it is gone",
        })
    }
}

impl Fingerprint {
    /// Where this one, of now, differs from one of before. Steps follow from the rest, so they are only looked at where
    /// nothing else differs.
    pub fn since(&self, before: &Self) -> Vec<Difference> {
        let mut found = differences(None, &before.inputs, &self.inputs);
        let none = Digests::new();
        for node in before
            .observed
            .keys()
            .chain(self.observed.keys().filter(|name| !before.observed.contains_key(*name)))
        {
            let [was, is] = [before, self].map(|print| print.observed.get(node).unwrap_or(&none));
            found.extend(differences(Some(node), was, is));
        }
        if found.is_empty() {
            found = steps(&before.steps, &self.steps);
        }
        found
    }
}

/// Where the inputs of now differ from those of before.
pub fn inputs_since(before: &Digests, now: &Digests) -> Vec<Difference> {
    differences(None, before, now)
}

fn differences(node: Option<&String>, before: &Digests, now: &Digests) -> Vec<Difference> {
    let difference = |what: &String, how| Difference { node: node.cloned(), what: what.clone(), how };
    let was = before.iter().filter_map(|(what, digest)| match now.get(what) {
        None => Some(difference(what, Drift::Vanished)),
        Some(other) => (other != digest).then(|| difference(what, Drift::Changed)),
    });
    let new = now.keys().filter(|what| !before.contains_key(*what));
    was.chain(new.map(|what| difference(what, Drift::Appeared))).collect()
}

fn steps(before: &[StepPrint], now: &[StepPrint]) -> Vec<Difference> {
    let difference = |step: &StepPrint, how| Difference {
        node: Some(step.node.clone()),
        what: format!("step {:?}", step.step),
        how,
    };
    let gone = before.iter().filter(|step| !now.contains(step)).map(|step| difference(step, Drift::Vanished));
    let new = now.iter().filter(|step| !before.contains(step)).map(|step| difference(step, Drift::Appeared));
    let found: Vec<Difference> = gone.chain(new).collect();
    match before.iter().zip(now).find(|(was, is)| was != is) {
        // The same steps in another order.
        Some((was, _)) if found.is_empty() => vec![difference(was, Drift::Changed)],
        _ => found,
    }
}

/// The digests of a plan's steps.
pub fn step_prints(plan: &Plan) -> Vec<StepPrint> {
    let of_stage = |stage: &crate::action::Stage| {
        let wave = stage.wave.to_string();
        let print = |step: &crate::action::Step| StepPrint {
            wave: wave.clone(),
            node: step.node.to_string(),
            step: step.action.to_string(),
            digest: action_digest(&step.action),
        };
        stage.steps.iter().map(print).collect::<Vec<_>>()
    };
    plan.stages.iter().flat_map(of_stage).collect()
}

/// Contents are left out of an action's JSON form, so they are added.
fn action_digest(action: &Action) -> String {
    let content: &[u8] = match action {
        Action::PutFile { file, .. } => &file.content,
        Action::ProvideImage { image: ImageSpec::Archive { content, .. } } => content,
        _ => &[],
    };
    // These plain structs always have a JSON form.
    let mut octets = serde_json::to_vec(action).unwrap_or_default();
    octets.extend(digest(content).as_bytes());
    short(&octets)
}

/// The digests of what was found on a node, as far as a plan depends on it.
pub fn observed_prints(node: &Node, facts: &Facts, state: &NodeState) -> Digests {
    let mut prints = Digests::new();
    let mut print = |kind: &str, name: &str, value: &dyn fmt::Debug| {
        prints.insert(format!("{kind} {name}").trim_end().to_owned(), short(format!("{value:?}").as_bytes()));
    };
    for (path, file) in &state.files {
        let owned = state.owned.contains(path);
        print("file", path, &(&file.digest, &file.owner, &file.group, file.mode, owned));
    }
    // Files of ours that no template makes any more.
    for path in state.owned.iter().filter(|path| !state.files.contains_key(*path)) {
        print("record of", path, &());
    }
    for (name, runs) in &state.services {
        print("service", name, runs);
    }
    let ours = |name: &str| name == "lo" || node.ports.iter().any(|port| port.name.as_str() == name);
    for (name, interface) in state.interfaces.iter().filter(|(name, _)| ours(name.as_str())) {
        print("port", name.as_str(), interface);
    }
    print("FRR's running configuration", "", &state.routing);
    for (key, value) in &state.sysctls {
        print("kernel setting", key, value);
    }
    for (name, mark) in &state.networks {
        print("network", name, mark);
    }
    for (tag, mark) in &state.images {
        print("image", tag, mark);
    }
    for (name, container) in &state.containers {
        print("container", name, container);
    }
    let Ok(serde_json::Value::Object(facts)) = serde_json::to_value(facts) else { return prints };
    for (name, value) in &facts {
        print("fact", name, &value.to_string());
    }
    prints
}

/// Half a SHA-256: enough to tell two things apart.
fn short(octets: &[u8]) -> String {
    digest(octets)[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{File, Stage, Step, Wave};
    use crate::fabric::NodeName;

    fn plan(contents: &[&str]) -> Plan {
        let node = NodeName::new("leaf01").unwrap();
        let step = |(number, content): (usize, &&str)| {
            let file = File {
                path: format!("/etc/{number}"),
                content: content.as_bytes().to_vec(),
                owner: "root".to_owned(),
                group: "root".to_owned(),
                mode: 0o600,
                check: None,
                activates: None,
            };
            Step::new(&node, Action::PutFile { file, replaces: false }, "why")
        };
        let steps = contents.iter().enumerate().map(step).collect();
        Plan { stages: vec![Stage { wave: Wave::Leafs, steps }] }
    }

    fn digests(of: &[(&str, &str)]) -> Digests {
        of.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect()
    }

    fn print(inputs: &[(&str, &str)], observed: &[(&str, &str)], contents: &[&str]) -> Fingerprint {
        Fingerprint {
            inputs: digests(inputs),
            observed: BTreeMap::from([("leaf01".to_owned(), digests(observed))]),
            steps: step_prints(&plan(contents)),
        }
    }

    fn said(differences: &[Difference]) -> Vec<String> {
        let node = |node: &Option<String>| node.clone().unwrap_or_else(|| "-".to_owned());
        differences.iter().map(|d| format!("{} {}: {}", node(&d.node), d.what, d.how)).collect()
    }

    #[test]
    fn what_differs_is_named() {
        let before =
            print(&[("inventory", "1"), ("rdnbrd", "1")], &[("file /a", "1"), ("file /b", "1")], &["x"]);
        assert_eq!(before.since(&before), []);
        let now =
            print(&[("inventory", "2"), ("rdnbrd", "1")], &[("file /b", "2"), ("file /c", "1")], &["y"]);
        let expected = [
            "- inventory: it has changed",
            "leaf01 file /a: it is gone",
            "leaf01 file /b: it has changed",
            "leaf01 file /c: it is new",
        ];
        assert_eq!(said(&now.since(&before)), expected);
        let elsewhere = Fingerprint { observed: BTreeMap::new(), ..before.clone() };
        assert_eq!(said(&elsewhere.since(&before)).len(), 2);
        assert_eq!(said(&before.since(&elsewhere))[0], "leaf01 file /a: it is new");
    }

    #[test]
    fn steps_are_compared_by_all_that_they_bring() {
        let before = print(&[], &[], &["x", "y"]);
        let now = print(&[], &[], &["x", "z"]);
        assert_eq!(
            said(&now.since(&before)),
            ["leaf01 step \"write /etc/1\": it is gone", "leaf01 step \"write /etc/1\": it is new"]
        );
        let mut turned = before.clone();
        turned.steps.reverse();
        assert_eq!(said(&turned.since(&before)), ["leaf01 step \"write /etc/0\": it has changed"]);
    }

    #[test]
    fn no_content_is_in_it() {
        let text = serde_json::to_string(&print(&[], &[], &["the secret"])).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), print(&[], &[], &["the secret"]));
    }
}
