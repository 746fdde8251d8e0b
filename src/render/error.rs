//! What can be wrong with templates, each with its place and what to do.

use super::front_matter::KEYS;
use crate::fabric::NodeName;

/// Why the first line of a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontMatterError {
    /// The first line is something else.
    #[error("the first line is not {{#- fabricctl: … -#}}")]
    Missing,
    /// No role is given.
    #[error("roles is missing")]
    NoRoles,
    /// A key that doesn't exist.
    #[error("there is no key {key:?}")]
    UnknownKey {
        /// The key as written.
        key: String,
    },
    /// A key that was given before.
    #[error("{key} stands there twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// A word without `=`.
    #[error("{word:?} has no value")]
    NoValue {
        /// The word.
        word: String,
    },
    /// A quote that isn't closed.
    #[error("{key}: the quote has no end")]
    OpenQuote {
        /// The key.
        key: String,
    },
    /// A value of the wrong form.
    #[error("{key}: {value:?} is not {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What can stand there.
        expected: &'static str,
    },
}

/// Why a template makes no file: where, for whom, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("templates/{template}:{line}:{column}: {}{cause}", .node.as_ref().map(|node| format!("for {node}: ")).unwrap_or_default())]
pub struct RenderError {
    /// The template's path below `templates/`; of the included one, where it happened there.
    pub template: String,
    /// Line in the template, from 1.
    pub line: usize,
    /// Column in that line, in characters, from 1.
    pub column: usize,
    /// The node it was rendered for, where that matters.
    pub node: Option<NodeName>,
    /// What is wrong.
    pub cause: RenderCause,
}

/// What can be wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderCause {
    /// Its path has no meaning.
    #[error("{0}")]
    Path(&'static str),
    /// Its first line says nothing that can be used.
    #[error("{0}")]
    FrontMatter(FrontMatterError),
    /// It isn't a template.
    #[error("{0}")]
    Syntax(String),
    /// It uses what this node doesn't have.
    #[error("{0}")]
    Undefined(String),
    /// It can't be worked out for this node.
    #[error("{0}")]
    Failed(String),
    /// What it makes still holds marks of the template language.
    #[error("line {line} of the result still holds {marker}")]
    Leftover {
        /// Line of the result, from 1.
        line: usize,
        /// The mark.
        marker: &'static str,
    },
}

impl RenderError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let node = self.node.as_ref().map_or("NODE", NodeName::as_str);
        match &self.cause {
            RenderCause::Path(_) => {
                "a template's path is PLATFORM/PATH-ON-THE-DEVICE.j2, as in debian/etc/frr/frr.conf.j2".to_owned()
            }
            RenderCause::FrontMatter(FrontMatterError::UnknownKey { .. }) => {
                format!("the keys are {}", KEYS.join(", "))
            }
            RenderCause::FrontMatter(_) => {
                "the first line reads like {#- fabricctl: roles=leaf mode=0644 activates=frr:reload -#}".to_owned()
            }
            RenderCause::Syntax(_) => "the template language is that of Jinja2".to_owned(),
            RenderCause::Undefined(_) => format!(
                "`fabricctl inventory show {node}` lists what the node has; your own values stand under vars: and are \
                 node.vars.NAME here, `is defined` asks whether one is there"
            ),
            RenderCause::Failed(_) => {
                format!("`fabricctl inventory show {node}` shows the values that the template works on")
            }
            RenderCause::Leftover { .. } => {
                "values aren't templates themselves; marks that are meant stand between {% raw %} and {% endraw %}"
                    .to_owned()
            }
        }
    }
}
