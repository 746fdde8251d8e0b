//! The sections `defaults`, `roles` and `nodes`.

use super::super::extract::{Field, Table, address, entries, interface, list, number, text, word, wrong};
use super::super::finding::{At, Drafts};
use super::super::suggest::{either, nearest};
use super::super::yaml::{Entry, Item, Value};
use super::{Management, Node, Settings, Ssh, mtu, names, vars};
use crate::fabric::{Asn, HostRoutes, Platform, Role};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const SETTINGS: [&str; 7] = ["platform", "mtu", "asn", "management", "ssh", "host_routes", "vars"];
const NODE: [&str; 11] = [
    "role",
    "platform",
    "mtu",
    "asn",
    "loopback",
    "router_id",
    "management",
    "ssh",
    "host_routes",
    "addresses",
    "vars",
];
const PLATFORMS: [(&str, Platform); 3] =
    [("debian", Platform::Debian), ("ubuntu", Platform::Ubuntu), ("cumulus", Platform::Cumulus)];
const HOST_ROUTES: [(&str, HostRoutes); 2] = [("main", HostRoutes::Main), ("table", HostRoutes::Table)];
const ROLES: [(&str, Role); 3] = [("spine", Role::Spine), ("leaf", Role::Leaf), ("server", Role::Server)];

/// Settings that only some roles have: the key, those roles, and why.
const ONLY_FOR: [(&str, &[Role], &str); 4] = [
    ("asn", &[Role::Spine, Role::Leaf], "servers don't speak BGP"),
    ("router_id", &[Role::Spine, Role::Leaf], "servers don't speak BGP"),
    ("host_routes", &[Role::Leaf], "only leafs learn containers"),
    ("addresses", &[Role::Server], "the ports of leafs get theirs from `networks`, BGP links have none"),
];

/// Reads `defaults`.
pub(super) fn defaults(item: &Item, drafts: &mut Drafts) -> Settings {
    let Some(table) = Table::open(item, "`defaults`", &SETTINGS, drafts) else { return Settings::default() };
    if let Some(entry) = table.entry("asn") {
        drafts
            .add(entry.key.span, "`asn` can't be the same for all nodes")
            .help("each leaf has its own AS: give it under `nodes`, and the spines' under `roles: {spine: {asn: …}}`");
    }
    let settings = settings(&table, drafts);
    no_shared_address(&settings, "defaults", drafts);
    settings
}

/// Reads `roles`.
pub(super) fn roles(item: &Item, drafts: &mut Drafts) -> BTreeMap<Role, Settings> {
    let mut roles = BTreeMap::new();
    let entries = entries(item, "`roles`", drafts).unwrap_or_default();
    for entry in entries {
        let name = entry.key.text.as_str();
        if role(name).is_none() {
            unknown_role(entry, drafts);
        }
        // A slip for a role stands for it: one mistake, one finding.
        let meant = near(name).filter(|near| !entries.iter().any(|entry| entry.key.text == *near));
        let Some(role) = role(name).or_else(|| meant.and_then(role)) else { continue };
        let what = format!("role {role}");
        let Some(table) = Table::open(&entry.value, &what, &SETTINGS, drafts) else { continue };
        only_for(&table, role, drafts);
        let settings = settings(&table, drafts);
        no_shared_address(&settings, &what, drafts);
        roles.insert(role, settings);
    }
    roles
}

fn role(name: &str) -> Option<Role> {
    ROLES.iter().find(|(word, _)| *word == name).map(|(_, role)| *role)
}

/// The role that a misspelt one was likely meant to be.
fn near(name: &str) -> Option<&'static str> {
    nearest(name, ROLES.iter().map(|(word, _)| *word))
}

fn unknown_role(entry: &Entry, drafts: &mut Drafts) {
    let draft = drafts.add(entry.key.span, format!("there is no role `{}`", entry.key.text));
    draft.help(match near(&entry.key.text) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("roles are {}", either(ROLES.iter().map(|(word, _)| *word))),
    });
}

/// Reads one node.
pub(super) fn node(name: At<String>, item: &Item, drafts: &mut Drafts) -> Node {
    names::node(&name, drafts);
    let what = format!("node {}", name.value);
    let mut node = Node {
        name,
        role: Field::Broken,
        loopback: Field::Broken,
        router_id: Field::Absent,
        addresses: Vec::new(),
        settings: Settings::default(),
    };
    let Some(table) = Table::open(item, &what, &NODE, drafts) else { return node };
    node.role = table.field("role", |item| word(item, "role", &ROLES, drafts));
    if node.role.is_absent() {
        drafts
            .add(node.name.span, format!("{what} has no role"))
            .help("add `role: spine`, `role: leaf` or `role: server`");
    }
    if let Some(role) = node.role.value() {
        only_for(&table, *role, drafts);
    }
    node.loopback = table.field("loopback", |item| address(item, "`loopback`", drafts));
    if node.loopback.is_absent() {
        drafts
            .add(node.name.span, format!("{what} has no loopback"))
            .help("add `loopback: ADDRESS`; the address must be unique in the fabric");
    }
    node.router_id = table.field("router_id", |item| router_id(item, drafts));
    if let Some(item) = table.item("addresses") {
        node.addresses = list(item, "`addresses`", "a list such as [172.16.1.251]", drafts)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| address(item, "address", drafts))
            .collect();
    }
    node.settings = settings(&table, drafts);
    node
}

/// Reads the settings that defaults, roles and nodes share.
fn settings(table: &Table<'_>, drafts: &mut Drafts) -> Settings {
    Settings {
        platform: table.field("platform", |item| word(item, "platform", &PLATFORMS, drafts)),
        mtu: table.field("mtu", |item| mtu(item, drafts)),
        asn: table.field("asn", |item| asn(item, drafts)),
        host_routes: table.field("host_routes", |item| word(item, "`host_routes`", &HOST_ROUTES, drafts)),
        management: table.item("management").map(|item| management(item, drafts)).unwrap_or_default(),
        ssh: table.item("ssh").map(|item| ssh(item, drafts)).unwrap_or_default(),
        vars: table.item("vars").map(|item| vars::read(item, drafts)).unwrap_or_default(),
    }
}

/// Settings that nodes of a role don't have.
fn only_for(table: &Table<'_>, role: Role, drafts: &mut Drafts) {
    for (key, roles, why) in ONLY_FOR {
        if let Some(entry) = table.entry(key)
            && !roles.contains(&role)
        {
            drafts
                .add(entry.key.span, format!("`{key}` is no setting of a {role}"))
                .label(why)
                .help("remove it");
        }
    }
}

/// An address belongs to one node.
fn no_shared_address(settings: &Settings, what: &str, drafts: &mut Drafts) {
    if let Some(at) = settings.management.address.good() {
        drafts
            .add(at.span, format!("`{what}` can't give nodes a management address: each has its own"))
            .help("give `interface` and `gateway` here and the address under `nodes`");
    }
}

fn management(item: &Item, drafts: &mut Drafts) -> Management {
    let address = |item: &Item, drafts: &mut Drafts| interface(item, "management address", drafts);
    if let Value::Scalar { .. } = item.value {
        let at = address(item, drafts);
        return Management { address: at.map_or(Field::Broken, Field::Good), ..Management::default() };
    }
    let Some(table) = Table::open(item, "`management`", &["interface", "address", "gateway"], drafts) else {
        return Management::default();
    };
    Management {
        interface: table.field("interface", |item| names::interface(item, "management interface", drafts)),
        address: table.field("address", |item| address(item, drafts)),
        gateway: table
            .field("gateway", |item| super::super::extract::address(item, "management gateway", drafts)),
    }
}

fn ssh(item: &Item, drafts: &mut Drafts) -> Ssh {
    let Some(table) = Table::open(item, "`ssh`", &["host", "user", "port"], drafts) else {
        return Ssh::default();
    };
    Ssh {
        host: table.field("host", |item| ssh_word(item, "ssh host", drafts)),
        user: table.field("user", |item| ssh_word(item, "ssh user", drafts)),
        port: table
            .field("port", |item| number(item, "ssh port", 1..=65535, "leave it out where it is 22", drafts)),
    }
}

/// A word on the command line of ssh: never an option, never two words.
fn ssh_word(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<String>> {
    let word = text(item, what, drafts)?;
    let odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\'' | '"' | '`' | '$' | '\\' | ';');
    if word.value.is_empty() || word.value.starts_with('-') || word.value.contains(odd) {
        drafts
            .add(word.span, format!("{what} can't be {:?}", word.value))
            .help("no blanks, no quotes, and not starting with '-'");
        return None;
    }
    Some(word)
}

/// A BGP identifier: any four octets but zero (RFC 6286).
fn router_id(item: &Item, drafts: &mut Drafts) -> Option<At<Ipv4Addr>> {
    let At { value, span } = text(item, "`router_id`", drafts)?;
    match value.parse::<Ipv4Addr>() {
        Ok(id) if !id.is_unspecified() => Some(At { value: id, span }),
        _ => {
            drafts.add(span, format!("`router_id` can't be `{value}`")).help(
                "write it like an IPv4 address other than 0.0.0.0, or leave it out: it is the loopback then",
            );
            None
        }
    }
}

fn asn(item: &Item, drafts: &mut Drafts) -> Option<At<Asn>> {
    if let Value::Scalar { text, plain: true } = &item.value
        && let Some((high, low)) = text.split_once('.')
        && let (Ok(high), Ok(low)) = (high.parse::<u16>(), low.parse::<u16>())
    {
        let plain = u32::from(high) * 65536 + u32::from(low);
        wrong(item, "`asn`", "one number (asplain, RFC 5396)", drafts).help(format!("write {plain}"));
        return None;
    }
    let number = number(
        item,
        "AS number",
        1..=u32::MAX - 1,
        "private use has 64512 to 65534 and 4200000000 to 4294967294 (RFC 6996)",
        drafts,
    )?;
    match Asn::new(number.value) {
        Ok(asn) => Some(At { value: asn, span: number.span }),
        Err(error) => {
            drafts
                .add(number.span, error.to_string())
                .help("private use has 64512 to 65534 and 4200000000 to 4294967294 (RFC 6996)");
            None
        }
    }
}
