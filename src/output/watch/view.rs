//! Where one is on the screen, and what keys do there.

use super::topology::{self, Place};
use super::{Key, Watch};
use crate::fabric::NodeName;

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pane {
    #[default]
    Topology,
    Routes,
    Events,
}

impl Pane {
    const ALL: [Pane; 3] = [Pane::Topology, Pane::Routes, Pane::Events];
}

/// What one looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Node(NodeName),
    Container(String),
}

/// Whether it goes on after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It has come to its end.
    Quit,
    /// It was interrupted.
    Interrupted,
    /// It goes on later.
    Suspend,
}

/// Where one is.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub pane: Pane,
    /// In the topology: the row, and in the row of spines which one.
    pub row: usize,
    pub spine: usize,
    /// In the matrix of routes.
    pub container: usize,
    /// How many events one has gone back from the last one.
    pub back: usize,
    pub page: Option<Subject>,
    pub scroll: usize,
    pub help: bool,
    /// How many lines the part with the focus has, as it was drawn last.
    pub height: usize,
}

impl View {
    pub(super) fn press(&mut self, key: Key, watch: &Watch) -> Flow {
        match key {
            Key::Quit => return Flow::Quit,
            Key::Interrupt => return Flow::Interrupted,
            Key::Suspend => return Flow::Suspend,
            Key::Help => self.help = !self.help,
            // Whatever closes it is not meant for what is below.
            _ if self.help => self.help = false,
            Key::Back if self.page.is_some() => self.page = None,
            Key::Next => self.turn(1),
            Key::Previous => self.turn(Pane::ALL.len() - 1),
            Key::Enter => self.enter(watch),
            _ if self.page.is_some() && self.pane != Pane::Events => {
                self.scroll = moved(self.scroll, key, self.height, usize::MAX);
            }
            _ => self.go(key, watch),
        }
        Flow::Continue
    }

    /// A page covers topology and routes, so that there are two places left.
    fn turn(&mut self, by: usize) {
        if self.page.is_some() {
            self.pane = if self.pane == Pane::Events { Pane::Topology } else { Pane::Events };
            return;
        }
        let at = Pane::ALL.iter().position(|pane| *pane == self.pane).unwrap_or_default();
        self.pane = Pane::ALL[(at + by) % Pane::ALL.len()];
    }

    fn enter(&mut self, watch: &Watch) {
        if self.page.is_some() {
            return;
        }
        self.page = match self.pane {
            Pane::Topology => self.node(watch).map(Subject::Node),
            Pane::Routes => {
                watch.overview.containers.get(self.container).map(|one| Subject::Container(one.name.clone()))
            }
            Pane::Events => None,
        };
        self.scroll = 0;
    }

    /// The node under the cursor.
    pub(super) fn node(&self, watch: &Watch) -> Option<NodeName> {
        match topology::places(watch).get(self.row)? {
            Place::Spines(spines) => spines.get(self.spine).or(spines.last()).cloned(),
            Place::Leaf(node) | Place::Server { node, .. } => Some(node.clone()),
        }
    }

    fn go(&mut self, key: Key, watch: &Watch) {
        match self.pane {
            Pane::Topology => {
                let places = topology::places(watch);
                match (key, places.get(self.row)) {
                    (Key::Left, Some(Place::Spines(_))) => self.spine = self.spine.saturating_sub(1),
                    (Key::Right, Some(Place::Spines(spines))) => {
                        self.spine = (self.spine + 1).min(spines.len().saturating_sub(1));
                    }
                    (Key::Right, _) => self.pane = Pane::Routes,
                    (Key::Left, _) => {}
                    _ => self.row = moved(self.row, key, self.height, places.len()),
                }
            }
            Pane::Routes if key == Key::Left => self.pane = Pane::Topology,
            Pane::Routes => {
                self.container = moved(self.container, key, self.height, watch.overview.containers.len());
            }
            Pane::Events => {
                // Up leads back in time.
                let key = match key {
                    Key::Up => Key::Down,
                    Key::Down => Key::Up,
                    Key::PageUp => Key::PageDown,
                    Key::PageDown => Key::PageUp,
                    Key::Home => Key::End,
                    Key::End => Key::Home,
                    other => other,
                };
                self.back = moved(self.back, key, self.height, watch.events.len());
            }
        }
    }
}

/// A place in a list after a key.
fn moved(at: usize, key: Key, height: usize, count: usize) -> usize {
    let page = height.saturating_sub(1).max(1);
    let last = count.saturating_sub(1);
    match key {
        Key::Up => at.saturating_sub(1),
        Key::Down => at.saturating_add(1).min(last),
        Key::PageUp => at.saturating_sub(page),
        Key::PageDown => at.saturating_add(page).min(last),
        Key::Home => 0,
        Key::End => last,
        _ => at,
    }
}
