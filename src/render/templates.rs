//! The templates of every platform, and rendering them for a node.

use super::{FrontMatter, RenderCause, RenderError, context};
use crate::action::File;
use crate::fabric::{Fabric, Facts, Node, Platform, Version};
use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, merge_maps};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::BTreeMap;

/// The templates that ship with the tool.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");
/// How a template's file name ends.
const SUFFIX: &str = ".j2";

/// Every template, compiled: the built-in ones, and the inventory's own, which win.
#[derive(Debug)]
pub struct Templates {
    engine: Environment<'static>,
    /// First lines, by path below `templates/`.
    front: BTreeMap<String, FrontMatter>,
}

impl Templates {
    /// Takes the built-in templates and the inventory's own: (path below its `templates/`, text).
    ///
    /// # Errors
    /// When a path has no meaning, a first line can't be used, or the text isn't a template.
    pub fn new(overrides: Vec<(String, String)>) -> Result<Self, RenderError> {
        let mut sources = BTreeMap::new();
        built_in(&BUILT_IN, &mut sources);
        sources.extend(overrides);
        let mut templates = Self { engine: engine(), front: BTreeMap::new() };
        for (path, source) in sources {
            templates.add(&path, &source)?;
        }
        Ok(templates)
    }

    fn add(&mut self, path: &str, source: &str) -> Result<(), RenderError> {
        let at = |place: (usize, usize), cause| RenderError {
            template: path.to_owned(),
            line: place.0,
            column: place.1,
            node: None,
            cause,
        };
        check_path(path).map_err(|problem| at((1, 1), RenderCause::Path(problem)))?;
        let front =
            FrontMatter::parse(source).map_err(|error| at((1, 1), RenderCause::FrontMatter(error)))?;
        self.engine
            .add_template_owned(path.to_owned(), source.to_owned())
            .map_err(|error| at(place(&error, source), RenderCause::Syntax(said(&error))))?;
        self.front.insert(path.to_owned(), front);
        Ok(())
    }

    /// The templates of a node: device path to path below `templates/`.
    fn of(&self, node: &Node) -> BTreeMap<&str, &str> {
        let mut found = BTreeMap::new();
        // From the last folder to the first, so that the first one's template is the one that stays.
        for folder in node.platform.template_folders().iter().rev() {
            for (path, front) in &self.front {
                let on_device = path.strip_prefix(folder).and_then(|rest| rest.strip_suffix(SUFFIX));
                if let Some(on_device) = on_device.filter(|rest| rest.starts_with('/'))
                    && front.roles.contains(&node.role)
                {
                    found.insert(on_device, path.as_str());
                }
            }
        }
        found
    }

    /// Every template: path below `templates/`, and text.
    pub fn sources(&self) -> impl Iterator<Item = (&str, String)> {
        self.engine.templates().map(|(path, template)| (path, template.source().to_owned()))
    }

    /// Paths of all files that the node may get, sorted; whether it gets one may also depend on its facts.
    pub fn paths(&self, node: &Node) -> Vec<String> {
        self.of(node).into_keys().map(str::to_owned).collect()
    }

    /// The files that a node is to hold, sorted by path.
    ///
    /// # Errors
    /// With everything that is wrong, one error for each template.
    pub fn render(&self, fabric: &Fabric, node: &Node, facts: &Facts) -> Result<Vec<File>, Vec<RenderError>> {
        self.render_with(&context::shared(fabric), fabric, node, facts)
    }

    /// The files of several nodes, in their order: each as [`Templates::render`] makes them.
    ///
    /// # Errors
    /// With everything that is wrong, of all nodes.
    pub fn render_all<'f>(
        &self,
        fabric: &'f Fabric,
        nodes: impl IntoIterator<Item = (&'f Node, Facts)>,
    ) -> Result<Vec<(&'f Node, Vec<File>)>, Vec<RenderError>> {
        let shared = context::shared(fabric);
        let (mut rendered, mut errors) = (Vec::new(), Vec::new());
        for (node, facts) in nodes {
            match self.render_with(&shared, fabric, node, &facts) {
                Ok(files) => rendered.push((node, files)),
                Err(found) => errors.extend(found),
            }
        }
        if errors.is_empty() { Ok(rendered) } else { Err(errors) }
    }

    fn render_with(
        &self,
        shared: &Value,
        fabric: &Fabric,
        node: &Node,
        facts: &Facts,
    ) -> Result<Vec<File>, Vec<RenderError>> {
        let context = merge_maps([context::own(fabric, node, facts), shared.clone()]);
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for (on_device, path) in self.of(node) {
            match self.render_one(path, on_device, &context, node) {
                Ok(file) => files.extend(file),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(files) } else { Err(errors) }
    }

    fn render_one(
        &self,
        path: &str,
        on_device: &str,
        context: &Value,
        node: &Node,
    ) -> Result<Option<File>, RenderError> {
        let fail = |error: Error| self.failed(path, node, &error);
        let template = self.engine.get_template(path).map_err(fail)?;
        let text = template.render(context).map_err(fail)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        if !template.source().contains("{% raw %}")
            && let Some((line, marker)) = leftover(&text)
        {
            return Err(RenderError {
                template: path.to_owned(),
                line: 1,
                column: 1,
                node: Some(node.name.clone()),
                cause: RenderCause::Leftover { line, marker },
            });
        }
        Ok(self.front.get(path).map(|front| File {
            path: on_device.to_owned(),
            content: text.into_bytes(),
            owner: front.owner.clone(),
            group: front.group.clone(),
            mode: front.mode,
            check: front.check.clone(),
            activates: front.activates.clone(),
        }))
    }

    /// An error while rendering, at the innermost place that is known: an included template's own line.
    fn failed(&self, path: &str, node: &Node, error: &Error) -> RenderError {
        let causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |e| e.source());
        let innermost = causes.filter_map(|cause| cause.downcast_ref::<Error>()).last().unwrap_or(error);
        let template = innermost.name().or(error.name()).unwrap_or(path).to_owned();
        let source = self.engine.get_template(&template).map(|found| found.source().to_owned());
        let (line, column) = place(innermost, source.as_deref().unwrap_or_default());
        let cause = match innermost.kind() {
            ErrorKind::UndefinedError => RenderCause::Undefined(said(innermost)),
            kind if innermost.detail().is_some() => {
                RenderCause::Failed(format!("{kind}: {}", said(innermost)))
            }
            kind => RenderCause::Failed(kind.to_string()),
        };
        RenderError { template, line, column, node: Some(node.name.clone()), cause }
    }
}

/// The template language: Jinja2 as Ansible's users know it, but strict.
fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        // Only marks of one's own can be wrong.
        .unwrap_or_default();
    engine.set_syntax(syntax);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    // Errors then say which expression is undefined. They also carry every variable in sight, secrets too, in what
    // they print of themselves; so only their kind, detail and place are ever taken.
    engine.set_debug(true);
    engine.add_test("at_least", at_least);
    engine
}

/// `facts.frr is at_least("10.0")`; what isn't installed has no version and isn't.
fn at_least(version: &Value, least: &str) -> Result<bool, Error> {
    let read = |text: &str| {
        text.parse::<Version>()
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("at_least: {error}")))
    };
    match version.as_str() {
        Some(version) => Ok(read(version)? >= read(least)?),
        None if version.is_none() => Ok(false),
        None => Err(Error::new(ErrorKind::InvalidOperation, "at_least: this is not a version")),
    }
}

fn built_in(folder: &Dir<'static>, sources: &mut BTreeMap<String, String>) {
    for file in folder.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
            sources.insert(path.to_owned(), text.to_owned());
        }
    }
    for inner in folder.dirs() {
        built_in(inner, sources);
    }
}

/// A path must name a platform and a file on the device, and nothing else.
fn check_path(path: &str) -> Result<(), &'static str> {
    let Some((folder, rest)) = path.split_once('/') else {
        return Err("it is in no platform's folder");
    };
    if ![Platform::Debian, Platform::Ubuntu, Platform::Cumulus].iter().any(|p| p.as_str() == folder) {
        return Err("its folder is not one of debian, ubuntu, cumulus");
    }
    let Some(on_device) = rest.strip_suffix(SUFFIX) else {
        return Err("its name doesn't end in .j2");
    };
    if on_device.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("what stands after the platform is no path of a file");
    }
    Ok(())
}

/// What the engine says, without the place, which is said otherwise.
fn said(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Where the engine's error is in its template: line and column, from 1.
fn place(error: &Error, source: &str) -> (usize, usize) {
    let before = error.range().and_then(|range| source.get(..range.start));
    match before {
        Some(before) => {
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        }
        None => (error.line().unwrap_or(1), 1),
    }
}

/// The first line with a mark of the template language in it: a value that someone took for a template.
fn leftover(text: &str) -> Option<(usize, &'static str)> {
    text.lines().enumerate().find_map(|(n, line)| {
        ["{{", "{%"].into_iter().find(|mark| line.contains(mark)).map(|mark| (n + 1, mark))
    })
}
