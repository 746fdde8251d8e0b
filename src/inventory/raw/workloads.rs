//! The sections `networks`, `images` and `workloads`.

use super::super::extract::{Field, Table, address, boolean, entries, prefix, text, wrong};
use super::super::finding::{At, Drafts, Span};
use super::super::yaml::{Item, Value};
use super::{Image, Network, Workload, names};
use crate::fabric::{ImageSource, Text};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads one network.
pub(super) fn network(name: At<String>, item: &Item, drafts: &mut Drafts) -> Network {
    names::docker(&name, "network", drafts);
    let what = format!("network {}", name.value);
    let mut network = Network { name, subnet: Field::Broken, gateway: Field::Broken, parent: Field::Absent };
    let Some(table) = Table::open(item, &what, &["subnet", "gateway", "parent"], drafts) else {
        return network;
    };
    network.subnet = table.field("subnet", |item| prefix(item, "subnet", drafts));
    network.gateway = table.field("gateway", |item| address(item, "gateway", drafts));
    network.parent = table.field("parent", |item| names::interface(item, "parent", drafts));
    missing(&network.subnet, network.name.span, &what, "subnet", "`subnet: 172.16.1.0/24`", drafts);
    missing(&network.gateway, network.name.span, &what, "gateway", "`gateway: 172.16.1.1`", drafts);
    network
}

/// Reads one image.
pub(super) fn image(name: At<String>, item: &Item, base: &Path, drafts: &mut Drafts) -> Image {
    names::is_slug(&name.value, name.span, "an image", drafts);
    let what = format!("image {}", name.value);
    let source = image_source(&what, &name, item, base, drafts);
    Image { name, source }
}

fn image_source(
    what: &str,
    name: &At<String>,
    item: &Item,
    base: &Path,
    drafts: &mut Drafts,
) -> Option<ImageSource> {
    const WAYS: [&str; 3] = ["build", "archive", "pull"];
    const HELP: &str = "write one of { build: true }, { archive: FILE } or { pull: REFERENCE }";
    let table = Table::open(item, what, &WAYS, drafts)?;
    let given: Vec<&str> = WAYS.into_iter().filter(|way| table.item(way).is_some()).collect();
    match given.as_slice() {
        [one] => {
            let item = table.item(one)?;
            match *one {
                "build" => build(item, drafts),
                "archive" => archive(item, base, drafts),
                _ => pull(item, drafts),
            }
        }
        [] => {
            drafts.add(name.span, format!("{what} comes from nowhere")).help(HELP);
            None
        }
        _ => {
            drafts.add(name.span, format!("{what} comes from {} places", given.len())).help(HELP);
            None
        }
    }
}

fn build(item: &Item, drafts: &mut Drafts) -> Option<ImageSource> {
    let build = boolean(item, "`build`", drafts)?;
    if !build.value {
        drafts
            .add(build.span, "an image with `build: false` comes from nowhere")
            .help("write `build: true`, or `archive` or `pull` instead");
        return None;
    }
    Some(ImageSource::Build)
}

fn archive(item: &Item, base: &Path, drafts: &mut Drafts) -> Option<ImageSource> {
    let file = text(item, "`archive`", drafts)?;
    if file.value.trim().is_empty() {
        drafts.add(file.span, "`archive` names no file");
        return None;
    }
    Some(ImageSource::Archive { path: base.join(file.value) })
}

fn pull(item: &Item, drafts: &mut Drafts) -> Option<ImageSource> {
    let reference = text(item, "`pull`", drafts)?;
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !reference.value.starts_with(|c: char| c.is_ascii_alphanumeric()) || !reference.value.chars().all(ok) {
        drafts
            .add(reference.span, format!("{:?} is no image reference", reference.value))
            .help("write NAME:TAG or REGISTRY/NAME:TAG, as `docker pull` takes it");
        return None;
    }
    Some(ImageSource::Pull { reference: reference.value })
}

/// Reads one workload.
pub(super) fn workload(name: At<String>, item: &Item, drafts: &mut Drafts) -> Workload {
    const KNOWN: [&str; 6] = ["server", "address", "network", "image", "command", "environment"];
    names::docker(&name, "workload", drafts);
    let what = format!("workload {}", name.value);
    let mut workload = Workload {
        name,
        server: Field::Broken,
        address: Field::Broken,
        network: Field::Absent,
        image: Field::Broken,
        command: None,
        environment: BTreeMap::new(),
    };
    let Some(table) = Table::open(item, &what, &KNOWN, drafts) else { return workload };
    workload.server = table.field("server", |item| text(item, "`server`", drafts));
    workload.address = table.field("address", |item| address(item, "address", drafts));
    workload.network = table.field("network", |item| text(item, "`network`", drafts));
    workload.image = table.field("image", |item| text(item, "`image`", drafts));
    let span = workload.name.span;
    missing(&workload.server, span, &what, "server", "`server: NODE`", drafts);
    missing(&workload.address, span, &what, "address", "`address: ADDRESS`", drafts);
    missing(&workload.image, span, &what, "image", "`image: NAME`, one of those under `images`", drafts);
    workload.command = table.item("command").and_then(|item| command(item, drafts));
    workload.environment =
        table.item("environment").map(|item| environment(item, drafts)).unwrap_or_default();
    workload
}

/// Reports a setting that must be there.
fn missing<T>(field: &Field<T>, span: Span, what: &str, key: &str, example: &str, drafts: &mut Drafts) {
    if field.is_absent() {
        drafts.add(span, format!("{what} has no {key}")).help(format!("add {example}"));
    }
}

/// A command is a list of words: how a shell would split one text is nobody's guess here.
fn command(item: &Item, drafts: &mut Drafts) -> Option<Vec<String>> {
    match &item.value {
        Value::List(items) if !items.is_empty() => {
            items.iter().map(|item| text(item, "`command`", drafts).map(|word| word.value)).collect()
        }
        Value::List(_) => {
            drafts
                .add(item.span, "`command` is empty")
                .help("leave it out: the image's own command runs then");
            None
        }
        Value::Scalar { text, .. } if !text.trim().is_empty() => {
            let line = serde_json::Value::from(text.trim());
            wrong(item, "`command`", "a list of words", drafts)
                .help(format!("write one word for each argument, or have a shell read it: [sh, -c, {line}]"));
            None
        }
        _ => {
            wrong(item, "`command`", "a list of words", drafts);
            None
        }
    }
}

fn environment(item: &Item, drafts: &mut Drafts) -> BTreeMap<String, Text> {
    let mut variables = BTreeMap::new();
    for entry in entries(item, "`environment`", drafts).unwrap_or_default() {
        let name = &entry.key.text;
        if name.is_empty() || name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
            drafts
                .add(entry.key.span, format!("an environment variable can't be named {name:?}"))
                .help("write `NAME: VALUE`; no blanks and no '=' in the name");
        }
        if let Value::Secret(secret) = &entry.value.value {
            variables.insert(name.clone(), Text::Secret(secret.clone()));
        } else if let Some(value) = text(&entry.value, &format!("`{name}`"), drafts) {
            variables.insert(name.clone(), Text::Plain(value.value));
        }
    }
    variables
}
