//! The reader of inventories as a function: precedence, derived values, and texts nobody would write.
#![expect(clippy::unwrap_used, reason = "tests")]

use fabricctl::fabric::{
    Fabric, HostRoutes, IfName, ImageSource, NodeName, Platform, Secret, Var, revealing,
};
use fabricctl::inventory::{Absent, SecretFile, Severity, SourceError, Sources, read, read_with};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

const REFERENCE: &str = include_str!("../inventory/reference/fabric.yml");
const MANY: &str = include_str!("errors/many-at-once/fabric.yml");

fn fabric(text: &str) -> Fabric {
    read("fabric.yml", text, Path::new("/base")).unwrap()
}

fn node<'f>(fabric: &'f Fabric, name: &str) -> &'f fabricctl::fabric::Node {
    &fabric.nodes[&NodeName::new(name).unwrap()]
}

const PRECEDENCE: &str = "
fabric: precedence
defaults:
  mtu: 9000
  ssh: { user: admin, port: 2222 }
  management: { gateway: 192.168.200.1 }
  vars: { site: bern, rack: none, ntp: [10.1.1.1] }
roles:
  spine: { asn: 65020, mtu: 9100 }
  leaf: { platform: cumulus, ssh: { user: cumulus }, vars: { rack: top } }
nodes:
  spine01: { role: spine, loopback: 10.0.0.21 }
  leaf01: { role: leaf, asn: 65011, loopback: 10.0.0.11, router_id: 1.1.1.1, mtu: 9200,
            management: { interface: mgmt, address: 192.168.200.11/24 }, ssh: { host: 192.168.200.11 },
            vars: { rack: 7, colour: \"no\" } }
  leaf02: { role: leaf, asn: 65012, loopback: 10.0.0.12, platform: debian, host_routes: table }
  server01: { role: server, loopback: 10.0.0.31, addresses: [172.16.2.9, 172.16.1.251, 172.16.1.250] }
links:
  - [leaf01:swp51, spine01:swp1]
  - { ends: [leaf02:swp51, spine01:swp2], mtu: 1500 }
  - [leaf01:swp10, server01:eth10]
  - [server01:eth2, leaf02:swp2]
networks:
  blue: { subnet: 172.16.1.0/24, gateway: 172.16.1.1, parent: eth10 }
  green: { subnet: 172.16.2.0/24, gateway: 172.16.2.1, parent: eth2 }
  unused: { subnet: 172.16.3.0/24, gateway: 172.16.3.1 }
images:
  app: { archive: images/app.tar }
  base: { pull: nginx:1.27 }
workloads:
  w1: { server: server01, address: 172.16.1.5, image: app, command: [sleep, 5], environment: { LEVEL: 3 } }
  w2: { server: server01, address: 172.16.2.5, image: base, network: green }
";

#[test]
fn a_nodes_own_setting_wins_over_its_roles_and_that_over_the_defaults() {
    let fabric = fabric(PRECEDENCE);
    let leaf01 = node(&fabric, "leaf01");
    assert_eq!((leaf01.platform, leaf01.host_routes), (Platform::Cumulus, HostRoutes::Table));
    let leaf02 = node(&fabric, "leaf02");
    assert_eq!((leaf02.platform, leaf02.host_routes), (Platform::Debian, HostRoutes::Table));
    assert_eq!(node(&fabric, "server01").host_routes, HostRoutes::Main);
    assert_eq!(leaf01.router_id.to_string(), "1.1.1.1");
    assert_eq!(leaf02.router_id, leaf02.loopback);

    assert_eq!(leaf01.ssh.host.as_deref(), Some("192.168.200.11"));
    assert_eq!((leaf01.ssh.user.as_deref(), leaf01.ssh.port), (Some("cumulus"), Some(2222)));
    assert_eq!(node(&fabric, "spine01").ssh.user.as_deref(), Some("admin"));

    let management = leaf01.management.as_ref().unwrap();
    assert_eq!(management.interface.as_str(), "mgmt");
    assert_eq!(management.gateway.unwrap().to_string(), "192.168.200.1");
    assert_eq!(leaf02.management, None, "no address, no management port to set up");

    let vars = serde_json::to_value(&leaf01.vars).unwrap();
    assert_eq!(vars, serde_json::json!({"site": "bern", "rack": 7, "ntp": ["10.1.1.1"], "colour": "no"}));
    assert_eq!(leaf02.vars["rack"], "top".into());
}

#[test]
fn ports_follow_from_links_and_networks() {
    let fabric = fabric(PRECEDENCE);
    let mtus: Vec<u32> = fabric.links.iter().map(|link| link.mtu).collect();
    assert_eq!(mtus, [9100, 1500, 9000, 9000], "the lower of both nodes, or the link's own");
    let show = |name: &str| -> Vec<String> {
        node(&fabric, name)
            .ports
            .iter()
            .map(|port| format!("{} {:?} {:?} {:?}", port.name, port.kind, port.addresses, port.networks))
            .collect()
    };
    assert_eq!(
        show("server01"),
        ["eth2 Data [172.16.2.9/24] [\"green\"]", "eth10 Data [172.16.1.251/24, 172.16.1.250/24] [\"blue\"]"]
    );
    assert_eq!(show("leaf01"), ["swp10 Server [172.16.1.1/24] [\"blue\"]", "swp51 Uplink [] []"]);
    assert_eq!(show("leaf02")[0], "swp2 Server [172.16.2.1/24] [\"green\"]");
    let w1 = &fabric.workloads["w1"];
    assert_eq!((w1.network.as_str(), w1.environment["LEVEL"].reveal()), ("blue", "3"));
    assert_eq!(w1.command.as_deref(), Some(["sleep".to_owned(), "5".to_owned()].as_slice()));
    let attached: Vec<String> = fabric.attachments(w1).map(ToString::to_string).collect();
    assert_eq!(attached, ["leaf01:swp10"]);
    assert_eq!(fabric.images["app"].source, ImageSource::Archive { path: "/base/images/app.tar".into() });
    assert!(node(&fabric, "server01").port(&IfName::new("eth2").unwrap()).is_some());
}

#[test]
fn findings_are_the_same_every_time_and_in_order() {
    let first = read("f", MANY, Path::new(".")).unwrap_err();
    for _ in 0..20 {
        assert_eq!(read("f", MANY, Path::new(".")).unwrap_err(), first);
    }
    let places: Vec<(usize, usize)> =
        first.iter().map(|found| (found.place.line, found.place.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(first.len() > 20);
}

/// A fabric of the given size: half a rack's servers for every leaf.
fn large(leafs: usize) -> String {
    let mut text = "fabric: large\nroles: { spine: { asn: 65020 } }\nnodes:\n".to_owned();
    let (mut links, mut workloads) = (String::new(), String::new());
    for n in 0..4 {
        writeln!(text, "  spine{n}: {{ role: spine, loopback: 10.0.0.{} }}", n + 1).unwrap();
    }
    for n in 0..leafs {
        let (high, low) = (n / 250, n % 250 + 1);
        writeln!(
            text,
            "  leaf{n}: {{ role: leaf, asn: {}, loopback: 10.1.{high}.{low} }}",
            4_200_000_000 + n
        )
        .unwrap();
        writeln!(text, "  server{n}: {{ role: server, loopback: 10.2.{high}.{low} }}").unwrap();
        for spine in 0..4 {
            writeln!(links, "  - [leaf{n}:swp{}, spine{spine}:swp{n}]", spine + 50).unwrap();
        }
        writeln!(links, "  - [leaf{n}:swp1, server{n}:eth1]").unwrap();
        for container in 0..5 {
            let address = format!("172.16.{}.{}", n / 50, (n % 50) * 5 + container + 2);
            writeln!(
                workloads,
                "  w{n}-{container}: {{ server: server{n}, address: {address}, image: app }}"
            )
            .unwrap();
        }
    }
    text + "links:\n"
        + &links
        + "networks: { all: { subnet: 172.16.0.0/16, gateway: 172.16.255.254 } }\n"
        + "images: { app: { build: true } }\nworkloads:\n"
        + &workloads
}

#[test]
fn a_thousand_nodes_are_read() {
    let fabric = fabric(&large(500));
    assert_eq!((fabric.nodes.len(), fabric.workloads.len(), fabric.links.len()), (1004, 2500, 2500));
}

proptest! {
    /// Whatever the text, there is a fabric or at least one finding, and every finding lies in the text.
    #[test]
    fn any_text_is_answered(text in "\\PC*|[-a-z0-9:{}\\[\\], \n\"'&*!|>%#~\t]{0,400}") {
        check(&text);
    }

    /// The same for texts that are nearly right: the reference with one piece cut out and another put in.
    #[test]
    fn nearly_right_texts_are_answered(from in 0..REFERENCE.len(), length in 0usize..60, new in "[-a-z0-9:{}\\[\\], \n\"&*.]{0,20}") {
        let to = (from + length).min(REFERENCE.len());
        if REFERENCE.is_char_boundary(from) && REFERENCE.is_char_boundary(to) {
            check(&format!("{}{new}{}", &REFERENCE[..from], &REFERENCE[to..]));
        }
    }

    #[test]
    fn any_pattern_is_answered(pattern in "[a-z0-9*?!&:,\\[\\]~ -]{0,30}|\\PC*") {
        let fabric = fabric(REFERENCE);
        match fabricctl::inventory::select(&fabric, Some(&pattern)) {
            Ok(selected) => prop_assert!(!selected.is_empty()),
            Err(error) => prop_assert!(!error.hint().is_empty()),
        }
    }
}

fn check(text: &str) {
    if let Err(findings) = read("f", text, Path::new(".")) {
        assert!(!findings.is_empty());
        for finding in &findings {
            assert!(text.get(finding.place.span.clone()).is_some(), "{finding:?}");
            assert!(!finding.message.contains("can't be resolved"), "{finding:?}");
        }
        let problems = fabricctl::output::findings::problems(&findings, text);
        assert_eq!(problems.len(), findings.len());
    }
}

/// Sources as a test wants them: two files and a variable.
struct Fake;

impl Sources for Fake {
    fn file(&self, path: &Path) -> Result<SecretFile, SourceError> {
        let (text, open_to_all) = match path.to_str().unwrap() {
            "/base/keys/bgp" => ("from a file\r\n", false),
            "/etc/open" => ("line one\nline two\n", true),
            "/base/keys/nul" => ("with a \0 in it", false),
            _ => return Err(SourceError::Missing),
        };
        Ok(SecretFile { secret: Secret::new(text), open_to_all })
    }

    fn variable(&self, name: &str) -> Result<String, SourceError> {
        if name == "TOKEN" { Ok(" from the environment\n".to_owned()) } else { Err(SourceError::Missing) }
    }
}

fn with_vars(vars: &str) -> String {
    PRECEDENCE.replace("{ rack: 7, colour: \"no\" }", vars)
}

#[test]
fn secrets_are_read_wherever_free_values_stand() {
    let text = with_vars(
        "{ list: [1, { secret: marked }], b: { x: { secret: { file: keys/bgp } }, a: { secret: { file: /etc/open } } },
                    secret: { secret: 012345 }, again: &again { secret: { env: TOKEN } }, alias: *again }",
    );
    let reading = read_with("f", &text, Path::new("/base"), &Fake, Absent::IsWrong);
    let fabric = reading.fabric.unwrap();
    let vars = &node(&fabric, "leaf01").vars;
    let shown = serde_json::to_string(vars).unwrap();
    assert_eq!(
        shown,
        "{\"again\":\"<secret>\",\"alias\":\"<secret>\",\"b\":{\"x\":\"<secret>\",\"a\":\"<secret>\"},\
         \"list\":[1,\"<secret>\"],\"ntp\":[\"10.1.1.1\"],\"rack\":\"top\",\"secret\":\"<secret>\",\"site\":\"bern\"}"
    );
    let told = revealing(|| serde_json::to_value(vars).unwrap());
    assert_eq!(
        told,
        serde_json::json!({
            "again": " from the environment\n", "alias": " from the environment\n",
            "b": {"x": "from a file", "a": "line one\nline two"}, "list": [1, "marked"], "ntp": ["10.1.1.1"],
            "rack": "top", "secret": "012345", "site": "bern",
        })
    );
    for secret in ["marked", "from a file", "from the environment", "line two", "012345"] {
        assert_eq!(fabric.secrets.mask(secret), "<secret>", "{secret}");
        assert!(!reading.shown.contains(secret), "{}", reading.shown);
        assert!(!format!("{fabric:?}").contains(secret));
    }
    assert_eq!(reading.shown.len(), text.len(), "everything stays in its place");
    assert_eq!(fabric.secrets.variables().collect::<Vec<_>>(), ["TOKEN"]);
    // The only thing to say is who can read one of them; the alias of it would say so once.
    assert_eq!(reading.findings.len(), 1, "{:?}", reading.findings);
    assert_eq!(reading.findings[0].severity, Severity::Warning);
}

#[test]
fn missing_secrets_matter_to_who_needs_them() {
    let text = with_vars("{ a: { secret: { file: nowhere } }, b: { secret: { env: NOWHERE } } }");
    let strict = read_with("f", &text, Path::new("/base"), &Fake, Absent::IsWrong);
    assert!(strict.fabric.is_none());
    assert_eq!(strict.findings.len(), 2);
    let lenient = read_with("f", &text, Path::new("/base"), &Fake, Absent::IsFine);
    let fabric = lenient.fabric.unwrap();
    assert_eq!(node(&fabric, "leaf01").vars["a"], Var::Secret(Secret::unknown()));
    assert_eq!(lenient.findings, []);
    // What is wrong with one that is there is wrong for everybody.
    let nul = with_vars("{ a: { secret: { file: keys/nul } } }");
    assert!(read_with("f", &nul, Path::new("/base"), &Fake, Absent::IsFine).fabric.is_none());
}

#[test]
fn secrets_of_an_inventory_that_is_wrong_are_known_all_the_same() {
    let text = with_vars("{ a: { secret: hunter22 }, b: { Secret: hunter23 } }")
        .replace("role: spine", "role: spin");
    let reading = read_with("f", &text, Path::new("/base"), &Fake, Absent::IsWrong);
    assert!(reading.fabric.is_none());
    assert!(reading.secrets.are_in("it's hunter22"));
    assert!(!reading.shown.contains("hunter"), "{}", reading.shown);
    let broken =
        "a: [\n  key: { \"secret\" : hunter22 }\n  pem: { secret: |\n    hunter23\n\n    hunter24 }\nb: 1\n";
    let broken = read_with("f", broken, Path::new("/base"), &Fake, Absent::IsWrong);
    assert_eq!(
        broken.shown,
        "a: [\n  key: { \"secret\" :***********\n  pem: { secret:**\n************\n\n**************\nb: 1\n"
    );
}
