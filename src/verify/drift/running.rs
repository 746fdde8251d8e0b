//! What is in effect, against what the files that were put there ask for: a file that was edited by hand is one
//! difference, what FRR or the kernel was told by hand another.

use super::{Difference, Judge, Kind, difference, unified_lines};
use crate::parse::{self, AskedInterface, Interface};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Judge<'_> {
    /// The texts of the recorded files whose paths are like that.
    fn texts(&self, like: impl Fn(&str) -> bool) -> impl Iterator<Item = (&String, &str)> {
        let files = self.record.files.iter().filter(move |(path, _)| like(path));
        files.filter_map(|(path, file)| Some((path, file.text.as_deref()?)))
    }

    pub(super) fn routing(&self) -> Vec<Difference> {
        let ours = |path: &str| matches!(path, "/etc/frr/frr.conf" | "/etc/quagga/Quagga.conf");
        let Some((path, put)) = self.texts(ours).next() else { return Vec::new() };
        let daemon = if path.starts_with("/etc/frr/") { "frr" } else { "quagga" };
        let Some(running) = self.found.routing.as_deref().filter(|text| !text.trim().is_empty()) else {
            // One that doesn't run is told as a service.
            let told = self.record.services.contains(daemon) && !self.found.services.contains(daemon);
            let unheard =
                || difference(Kind::Routing, daemon, "it has no running configuration to show", None);
            return (!told).then(unheard).into_iter().collect();
        };
        let (put, running) = (parse::frr_running_config(put), parse::frr_running_config(running));
        let differs = parse::compare(&put, &running);
        if differs.is_empty() {
            return Vec::new();
        }
        let mut message = Vec::new();
        for (lines, what) in
            [(differs.missing.len(), "not in effect"), (differs.extra.len(), "not in the file")]
        {
            if lines > 0 {
                message.push(format!("{lines} line{} {what}", if lines == 1 { "" } else { "s" }));
            }
        }
        let message =
            format!("its running configuration is not {path} as it was put there: {}", message.join(", "));
        vec![difference(Kind::Routing, daemon, message, Some(by_context(path, &differs)))]
    }

    pub(super) fn interfaces(&self) -> Vec<Difference> {
        let mut asked: BTreeMap<String, AskedInterface> = BTreeMap::new();
        for (_, text) in self.texts(|path| path.starts_with("/etc/network/interfaces")) {
            asked.extend(parse::interfaces_file(text));
        }
        asked.iter().filter_map(|(name, asked)| self.interface(name, asked)).collect()
    }

    fn interface(&self, name: &str, asked: &AskedInterface) -> Option<Difference> {
        let Some(found) = self.found.interfaces.get(name) else {
            return asked.auto.then(|| difference(Kind::Interface, name, "it doesn't exist", None));
        };
        let mut messages = Vec::new();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut line = |asked: Option<String>, found: Option<String>| {
            before.extend(asked);
            after.extend(found);
        };
        if asked.auto && !found.admin_up {
            messages.push("it is down".to_owned());
            line(Some("up".to_owned()), Some("down".to_owned()));
        }
        if let (Some(asked), found) = (asked.mtu, found.mtu.unwrap_or_default())
            && asked != found
        {
            messages.push(format!("its MTU is {found}"));
            line(Some(format!("mtu {asked}")), Some(format!("mtu {found}")));
        }
        for address in asked.addresses.difference(&found.addresses) {
            messages.push(format!("it lacks {address}"));
            line(Some(format!("address {address}")), None);
        }
        for address in strangers(name, asked, found) {
            messages.push(format!("it has {address}"));
            line(None, Some(format!("address {address}")));
        }
        // Those are judged above, with more to say.
        let known = |attribute: &str| matches!(attribute, "address" | "mtu");
        let failed =
            self.found.failed.iter().filter(|failed| failed.interface == name && !known(&failed.attribute));
        for failed in failed {
            messages
                .push(format!("{} {} is not in effect", failed.attribute, failed.value).replace("  ", " "));
            line(Some(format!("{} {}", failed.attribute, failed.value)), None);
        }
        let diff = unified_lines(name, &before, &after);
        (!messages.is_empty()).then(|| difference(Kind::Interface, name, messages.join("; "), diff))
    }

    pub(super) fn settings(&self) -> Vec<Difference> {
        let mut put: BTreeMap<String, String> = BTreeMap::new();
        // Later files win, and the last line of one; sysctl(8) reads them by name.
        for (_, text) in self.texts(|path| path.starts_with("/etc/sysctl")) {
            put.extend(parse::sysctl_file(text));
        }
        let wrong = put.iter().filter(|(key, value)| self.found.settings.get(*key) != Some(value));
        wrong
            .map(|(key, value)| {
                let found = self.found.settings.get(key);
                let message =
                    found.map_or("it isn't there".to_owned(), |found| format!("it is {found}, not {value}"));
                let line = |value: &String| format!("{key} = {value}");
                let diff =
                    unified_lines(key, &[line(value)], &found.map(line).into_iter().collect::<Vec<_>>());
                difference(Kind::Setting, key, message, diff)
            })
            .collect()
    }

    pub(super) fn services(&self) -> Vec<Difference> {
        let stopped = self.record.services.difference(&self.found.services);
        stopped
            .map(|name| {
                let diff = unified_lines(name, &["running".to_owned()], &["stopped".to_owned()]);
                difference(Kind::Service, name, "it doesn't run", diff)
            })
            .collect()
    }
}

/// Addresses that the file doesn't ask for, where it is the one to ask for them: the loopback also holds 127.0.0.1/8 and
/// whatever else a machine keeps there, and what DHCP brings nobody knows.
fn strangers<'a>(
    name: &str,
    asked: &'a AskedInterface,
    found: &'a Interface,
) -> impl Iterator<Item = &'a Ipv4Net> {
    let all = name != "lo" && !asked.others;
    found.addresses.difference(&asked.addresses).filter(move |_| all)
}

/// Differing lines as a unified diff whose hunks are the contexts that the lines stand in.
fn by_context(path: &str, differs: &parse::ConfigDifference) -> String {
    let mut hunks: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (sign, lines) in [('-', &differs.missing), ('+', &differs.extra)] {
        for line in lines {
            let (context, line) = parse::context(line);
            hunks.entry(context).or_default().push(format!("{sign}{line}"));
        }
    }
    let mut diff = format!("--- {path} (put there)\n+++ running configuration\n");
    for (context, lines) in hunks {
        if !context.is_empty() {
            let _ = writeln!(diff, "@@ {context} @@");
        }
        for line in lines {
            let _ = writeln!(diff, "{line}");
        }
    }
    diff
}
