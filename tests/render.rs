//! What templates may and may not do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod common;

use fabricctl::action::File;
use fabricctl::fabric::{Asn, Facts, IfName, Management, Network, NodeName, Platform, Port, Role};
use fabricctl::render::{RenderError, Templates};

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn own(path: &str, text: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), text.to_owned())]
}

/// The files of a node, with one more template.
fn files(node: &str, path: &str, text: &str) -> Result<Vec<File>, Vec<RenderError>> {
    let fabric = common::reference();
    let templates = Templates::new(own(path, text)).map_err(|error| vec![error])?;
    templates.render(&fabric, &fabric.nodes[&name(node)], &Facts::assumed(Platform::Debian))
}

fn file(node: &str, path: &str, text: &str) -> Option<String> {
    let on_device = path.trim_start_matches("debian").trim_end_matches(".j2");
    let found = files(node, path, text).unwrap().into_iter().find(|file| file.path == on_device);
    found.map(|file| String::from_utf8(file.content).unwrap())
}

fn one_error(text: &str) -> RenderError {
    let mut errors = files("leaf01", "debian/etc/motd.j2", text).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn what_is_undefined_is_named_with_its_place() {
    let text = "{#- fabricctl: roles=leaf -#}\nfine\n  {{ node.vars.banner }}\n";
    let error = one_error(text);
    assert_eq!(
        error.to_string(),
        "templates/debian/etc/motd.j2:3:10: for leaf01: `node.vars.banner` is undefined"
    );
    assert!(error.hint().contains("`fabricctl inventory show leaf01`"), "{}", error.hint());
}

#[test]
fn an_attribute_of_nothing_is_an_error_too() {
    let error = one_error("{#- fabricctl: roles=leaf -#}\n{{ node.nothing.at.all }}\n");
    assert!(error.to_string().starts_with("templates/debian/etc/motd.j2:2:"), "{error}");
    assert!(error.to_string().contains("node.nothing"), "{error}");
}

#[test]
fn every_template_with_an_error_is_reported() {
    let fabric = common::reference();
    let bad = "{#- fabricctl: roles=leaf,spine -#}\n{{ nope }}\n";
    let overrides = [own("debian/etc/a.j2", bad), own("debian/etc/b.j2", bad)].concat();
    let templates = Templates::new(overrides).unwrap();
    let facts = Facts::assumed(Platform::Debian);
    let errors = templates.render(&fabric, &fabric.nodes[&name("leaf01")], &facts).unwrap_err();
    assert_eq!(
        errors.iter().map(|e| e.template.as_str()).collect::<Vec<_>>(),
        ["debian/etc/a.j2", "debian/etc/b.j2"]
    );
    let nodes = ["leaf01", "spine01"].map(|node| (&fabric.nodes[&name(node)], facts.clone()));
    let errors = templates.render_all(&fabric, nodes).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn an_error_in_an_included_template_has_that_templates_place() {
    let fabric = common::reference();
    let inner = "{#- fabricctl: roles=server -#}\n\n{{ nope }}\n";
    let outer = "{#- fabricctl: roles=leaf -#}\n{% include \"debian/etc/inner.j2\" %}\n";
    let overrides = [own("debian/etc/inner.j2", inner), own("debian/etc/outer.j2", outer)].concat();
    let templates = Templates::new(overrides).unwrap();
    let facts = Facts::assumed(Platform::Debian);
    let errors = templates.render(&fabric, &fabric.nodes[&name("leaf01")], &facts).unwrap_err();
    assert!(errors[0].to_string().starts_with("templates/debian/etc/inner.j2:3:"), "{}", errors[0]);
}

#[test]
fn secrets_stay_out_of_errors() {
    let mut fabric = common::reference();
    let leaf = fabric.nodes.get_mut(&name("leaf01")).unwrap();
    leaf.vars.insert("password".to_owned(), "hunter2".into());
    let text = "{#- fabricctl: roles=leaf -#}\n{{ node.vars.password }} {{ node.vars.missing }}\n";
    let templates = Templates::new(own("debian/etc/motd.j2", text)).unwrap();
    let facts = Facts::assumed(Platform::Debian);
    let errors = templates.render(&fabric, &fabric.nodes[&name("leaf01")], &facts).unwrap_err();
    assert!(!format!("{errors:?}{}", errors[0]).contains("hunter2"), "{errors:?}");
}

#[test]
fn a_template_that_is_none_is_an_error_with_its_place() {
    let error = one_error("{#- fabricctl: roles=leaf -#}\n{% if node %}\n");
    assert!(error.to_string().starts_with("templates/debian/etc/motd.j2:"), "{error}");
    let error = one_error("{#- fabricctl: roles=leaf -#}\n{{ node|nofilter }}\n");
    assert!(error.to_string().contains("nofilter"), "{error}");
}

#[test]
fn front_matter_errors_name_file_and_key() {
    let error = one_error("{#- fabricctl: roles=leaf mod=0600 -#}\nx\n");
    assert_eq!(error.to_string(), r#"templates/debian/etc/motd.j2:1:1: there is no key "mod""#);
    assert_eq!(error.hint(), "the keys are roles, owner, group, mode, check, activates");
    let error = one_error("no comment\n");
    assert!(error.to_string().ends_with("the first line is not {#- fabricctl: … -#}"), "{error}");
}

#[test]
fn a_path_must_mean_something() {
    for (path, problem) in [
        ("motd.j2", "it is in no platform's folder"),
        ("plan9/etc/motd.j2", "its folder is not one of debian, ubuntu, cumulus"),
        ("debian/etc/motd", "its name doesn't end in .j2"),
        ("debian/etc/../../motd.j2", "what stands after the platform is no path of a file"),
        ("debian/.j2", "what stands after the platform is no path of a file"),
    ] {
        let error = Templates::new(own(path, "{#- fabricctl: roles=leaf -#}\nx\n")).unwrap_err();
        assert_eq!(error.to_string(), format!("templates/{path}:1:1: {problem}"));
        assert!(error.hint().contains("debian/etc/frr/frr.conf.j2"));
    }
}

#[test]
fn marks_that_are_left_over_are_an_error() {
    let error = one_error("{#- fabricctl: roles=leaf -#}\nfine\n{{ '{{ node.name }}' }}\n");
    assert_eq!(
        error.to_string(),
        "templates/debian/etc/motd.j2:1:1: for leaf01: line 2 of the result still holds {{"
    );
    let meant = "{#- fabricctl: roles=leaf -#}\n{% raw %}docker ps --format {{.Names}}\n{% endraw %}";
    assert_eq!(file("leaf01", "debian/etc/motd.j2", meant).unwrap(), "docker ps --format {{.Names}}\n");
}

#[test]
fn the_inventorys_own_templates_win() {
    let text = "{#- fabricctl: roles=leaf mode=0600 activates=frr:restart -#}\nmine, {{ node.name }}\n";
    let found = files("leaf01", "debian/etc/frr/frr.conf.j2", text).unwrap();
    let conf = found.iter().find(|file| file.path == "/etc/frr/frr.conf").unwrap();
    assert_eq!(
        (conf.content.as_slice(), conf.mode, conf.owner.as_str()),
        (&b"mine, leaf01\n"[..], 0o600, "root")
    );
    assert!(found.len() > 1, "the others stay");
    // It is no longer for spines.
    assert!(
        files("spine01", "debian/etc/frr/frr.conf.j2", text).unwrap().iter().all(|f| f.path != conf.path)
    );
}

#[test]
fn ubuntu_takes_its_own_before_debians() {
    let mut fabric = common::reference();
    let server = name("server01");
    fabric.nodes.get_mut(&server).unwrap().platform = Platform::Ubuntu;
    let text = "{#- fabricctl: roles=server -#}\nubuntu's\n";
    let templates = Templates::new(own("ubuntu/etc/docker/daemon.json.j2", text)).unwrap();
    let content = |node: &str| {
        let node = &fabric.nodes[&name(node)];
        let files = templates.render(&fabric, node, &Facts::assumed(node.platform)).unwrap();
        files.into_iter().find(|file| file.path == "/etc/docker/daemon.json").unwrap().content
    };
    assert_eq!(content("server01"), b"ubuntu's\n");
    assert_ne!(content("server02"), b"ubuntu's\n");
}

#[test]
fn a_template_may_decide_that_there_is_no_file() {
    let text =
        "{#- fabricctl: roles=leaf,spine -#}\n{% if facts.frr is at_least(\"10.0\") %}\nx\n{% endif %}\n\n";
    assert_eq!(file("leaf01", "debian/etc/new.j2", text), None);
    let text =
        "{#- fabricctl: roles=leaf,spine -#}\n{% if facts.frr is at_least(\"8.4\") %}\nx\n{% endif %}\n";
    assert_eq!(file("leaf01", "debian/etc/new.j2", text).unwrap(), "x\n");
    let fabric = common::reference();
    let templates = Templates::new(own("debian/etc/new.j2", text)).unwrap();
    let bare = Facts { frr: None, ..Facts::assumed(Platform::Debian) };
    let leaf = &fabric.nodes[&name("leaf01")];
    assert!(templates.paths(leaf).contains(&"/etc/new".to_owned()));
    assert!(templates.render(&fabric, leaf, &bare).unwrap().iter().all(|file| file.path != "/etc/new"));
}

#[test]
fn paths_hold_all_that_is_rendered_and_are_sorted() {
    let fabric = common::reference();
    let templates = Templates::new(Vec::new()).unwrap();
    for node in fabric.nodes.values() {
        let paths = templates.paths(node);
        assert!(paths.is_sorted());
        let files = templates.render(&fabric, node, &Facts::assumed(node.platform)).unwrap();
        assert!(files.is_sorted_by_key(|file| file.path.clone()));
        assert!(files.iter().all(|file| paths.contains(&file.path)));
    }
}

#[test]
fn rendering_twice_gives_the_same() {
    let fabric = common::reference();
    let nodes = || fabric.nodes.values().map(|node| (node, Facts::assumed(node.platform)));
    let first = Templates::new(Vec::new()).unwrap();
    let second = Templates::new(Vec::new()).unwrap();
    let all = first.render_all(&fabric, nodes()).unwrap();
    assert_eq!(all, second.render_all(&fabric, nodes()).unwrap());
    for (node, files) in all {
        assert_eq!(files, first.render(&fabric, node, &Facts::assumed(node.platform)).unwrap());
    }
}

#[test]
fn prefix_list_rules_keep_their_numbers_when_a_node_joins() {
    let mut fabric = common::reference();
    let conf = |fabric: &fabricctl::fabric::Fabric| {
        let templates = Templates::new(Vec::new()).unwrap();
        let files = templates
            .render(fabric, &fabric.nodes[&name("spine01")], &Facts::assumed(Platform::Debian))
            .unwrap();
        let conf = files.into_iter().find(|file| file.path == "/etc/frr/frr.conf").unwrap();
        String::from_utf8(conf.content).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = conf(&fabric);
    let mut leaf = fabric.nodes[&name("leaf01")].clone();
    (leaf.name, leaf.asn) = (name("leaf00"), Asn::new(65010).ok());
    leaf.loopback = "10.0.0.1".parse().unwrap();
    fabric.nodes.insert(leaf.name.clone(), leaf.clone());
    let after = conf(&fabric);
    let added: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(added, ["ip prefix-list FABRIC-ROUTES seq 167772161 permit 10.0.0.1/32"]);
    assert_eq!(after.len(), before.len() + 1);

    // Numbers stay below what FRR orders rightly, and two prefixes never share one.
    leaf.name = name("leaf99");
    leaf.loopback = "138.0.0.1".parse().unwrap();
    fabric.nodes.insert(leaf.name.clone(), leaf);
    let high = "ip prefix-list FABRIC-ROUTES seq 167772162 permit 138.0.0.1/32".to_owned();
    assert!(conf(&fabric).contains(&high), "{:#?}", conf(&fabric));
}

#[test]
fn nothing_but_loopbacks_and_host_routes_may_travel() {
    let mut fabric = common::reference();
    let second = Network {
        name: "storage".to_owned(),
        subnet: "172.16.2.0/25".parse().unwrap(),
        gateway: "172.16.2.1".parse().unwrap(),
        parent: None,
    };
    fabric.networks.insert(second.name.clone(), second);
    let templates = Templates::new(Vec::new()).unwrap();
    for node in fabric.nodes.values().filter(|node| node.role.routes()) {
        let files = templates.render(&fabric, node, &Facts::assumed(node.platform)).unwrap();
        let conf = files.iter().find(|file| file.path == "/etc/frr/frr.conf").unwrap();
        let conf = std::str::from_utf8(&conf.content).unwrap();
        for line in
            conf.lines().filter(|line| line.contains(" permit ") && line.starts_with("ip prefix-list"))
        {
            assert!(line.ends_with("/32") || line.ends_with(" ge 32"), "{line}");
        }
        for gateway in ["172.16.1.1/32", "172.16.2.1/32"] {
            assert!(conf.contains(&format!("deny {gateway}")), "{conf}");
        }
        for redistribution in conf.lines().filter(|line| line.contains("redistribute")) {
            assert!(redistribution.contains("route-map FABRIC-"), "{redistribution}");
        }
        assert_eq!(conf.contains("redistribute kernel"), node.role == Role::Leaf);
    }
}

#[test]
fn management_is_left_alone_where_the_inventory_says_nothing() {
    let mut fabric = common::reference();
    let leaf = fabric.nodes.get_mut(&name("leaf01")).unwrap();
    leaf.management = None;
    let text = |fabric: &fabricctl::fabric::Fabric, node: &str| {
        let node = &fabric.nodes[&name(node)];
        let files =
            Templates::new(Vec::new()).unwrap().render(fabric, node, &Facts::assumed(node.platform)).unwrap();
        files.iter().map(|file| String::from_utf8_lossy(&file.content).into_owned()).collect::<String>()
    };
    assert!(!text(&fabric, "leaf01").contains("eth0"));
    fabric.nodes.get_mut(&name("leaf02")).unwrap().management = Some(Management {
        interface: IfName::new("mgmt0").unwrap(),
        address: "192.0.2.9/24".parse().unwrap(),
        gateway: Some("192.0.2.1".parse().unwrap()),
    });
    let with = text(&fabric, "leaf02");
    assert!(
        with.contains("iface mgmt0 inet static\n    address 192.0.2.9/24\n    gateway 192.0.2.1\n"),
        "{with}"
    );
}

#[test]
fn an_interface_name_with_a_dot_is_one_key() {
    let mut fabric = common::reference();
    let leaf = fabric.nodes.get_mut(&name("leaf01")).unwrap();
    let port = leaf.ports.iter_mut().find(|port| port.name.as_str() == "swp1").unwrap();
    *port = Port { name: IfName::new("swp1.100").unwrap(), ..port.clone() };
    let templates = Templates::new(Vec::new()).unwrap();
    let files =
        templates.render(&fabric, &fabric.nodes[&name("leaf01")], &Facts::assumed(Platform::Debian)).unwrap();
    let sysctl = files.iter().find(|file| file.path.starts_with("/etc/sysctl.d/")).unwrap();
    let sysctl = std::str::from_utf8(&sysctl.content).unwrap();
    assert!(sysctl.contains("net/ipv4/conf/swp1.100/proxy_arp = 1"), "{sysctl}");
}
