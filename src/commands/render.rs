//! `fabricctl render`: the files of every device, offline.

use super::context;
use super::exposed::exposed;
use crate::action::File;
use crate::cli::{Format, Global, RenderArgs};
use crate::fabric::{Facts, Node, NodeName};
use crate::output::{self, Exit, Failure, Location, Problem};
use crate::render::{RenderError, Templates};
use crate::store::{self, TreeFile};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Runs the verb.
///
/// # Errors
/// With everything that is wrong with the inventory or its templates, or the folder that can't be written.
pub fn run(global: &Global, args: &RenderArgs) -> Result<Exit, Failure> {
    let fabric = context::load(global)?;
    let selected = context::selected(global, &fabric)?;
    let templates = templates(global)?;

    let nodes = fabric.nodes.values().filter(|node| selected.contains(&node.name));
    let rendered = templates
        .render_all(&fabric, nodes.map(|node| (node, Facts::assumed(node.platform))))
        .map_err(|errors| failure(&errors))?;

    context::warn(global, exposed(&fabric.secrets, each(&rendered)));
    if let Some(folder) = &args.out {
        let count = write(folder, &rendered, args.reveal_secrets)?;
        if !global.quiet {
            let (nodes, folder) = (rendered.len(), folder.display());
            output::note(&format!("wrote {count} files of {nodes} nodes to {folder}"));
        }
    }
    match global.output {
        Format::Json => output::json(&rows(&rendered).collect::<Vec<_>>())?,
        _ if args.out.is_none() => output::document(&text(&rendered)),
        _ => {}
    }
    Ok(Exit::Ok)
}

/// The built-in templates and the inventory's own.
pub(super) fn templates(global: &Global) -> Result<Templates, Failure> {
    let overrides =
        store::templates_folder(&global.inventory).map_err(|error| context::store_failure(&error))?;
    Templates::new(overrides).map_err(|error| failure(&[error]))
}

fn failure(errors: &[RenderError]) -> Failure {
    Failure { exit: Exit::Usage, problems: errors.iter().map(problem).collect() }
}

/// What is wrong with a template, as a problem with its place.
pub(super) fn problem(error: &RenderError) -> Problem {
    Problem {
        message: error.cause.to_string(),
        node: error.node.as_ref().map(ToString::to_string),
        location: Some(Location {
            file: format!("templates/{}", error.template),
            line: error.line,
            column: error.column,
        }),
        hint: Some(error.hint()),
        ..Problem::default()
    }
}

/// One file, for programs.
#[derive(Serialize)]
struct Row<'a> {
    node: &'a NodeName,
    path: &'a str,
    owner: &'a str,
    group: &'a str,
    /// Octal, as `chmod` takes it.
    mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activates: Option<&'a crate::action::Activation>,
    content: Cow<'a, str>,
}

type Rendered<'a> = [(&'a Node, Vec<File>)];

fn each<'a>(rendered: &'a Rendered<'a>) -> impl Iterator<Item = (&'a NodeName, &'a File)> {
    rendered.iter().flat_map(|(node, files)| files.iter().map(|file| (&node.name, file)))
}

fn rows<'a>(rendered: &'a Rendered<'a>) -> impl Iterator<Item = Row<'a>> {
    each(rendered).map(|(node, file)| Row {
        node,
        path: &file.path,
        owner: &file.owner,
        group: &file.group,
        mode: format!("{:04o}", file.mode),
        check: file.check.as_deref(),
        activates: file.activates.as_ref(),
        content: String::from_utf8_lossy(&file.content),
    })
}

fn text(rendered: &Rendered<'_>) -> String {
    let mut text = String::new();
    for row in rows(rendered) {
        if !text.is_empty() {
            text.push('\n');
        }
        let Row { node, path, owner, group, mode, content, .. } = row;
        let _ = write!(text, "==> {node}:{path} ({owner}:{group} {mode}) <==\n{content}");
        if !content.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// Writes the files as they would be on the devices, but for secrets, unless those were asked for.
fn write(folder: &Path, rendered: &Rendered<'_>, reveal: bool) -> Result<usize, Failure> {
    let content = |file: &File| match std::str::from_utf8(&file.content) {
        Ok(text) if !reveal => output::masked(text).into_owned().into_bytes(),
        _ => file.content.clone(),
    };
    let paths: Vec<(PathBuf, Vec<u8>, u32)> = each(rendered)
        .map(|(node, file)| {
            let path = Path::new(node.as_str()).join(file.path.trim_start_matches('/'));
            (path, content(file), file.mode)
        })
        .collect();
    let files = paths.iter().map(|(path, content, mode)| TreeFile { path, content, mode: *mode });
    store::write_tree(folder, files).map_err(|error| Failure::from_error(Exit::Usage, &error))
}
