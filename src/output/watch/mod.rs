//! `watch`: what is known of a fabric, what has changed, and the screen that shows it.
//!
//! A pure machine: answers, keys and the time in; events and a drawing out. Whoever has the connections and the terminal
//! ([`crate::commands`]) feeds it.

mod draw;
mod event;
mod keys;
mod node;
mod page;
mod paint;
mod routes;
mod topology;
mod view;

pub use event::Event;
pub use keys::{Key, key_of};
pub use paint::Paint;
pub use view::Flow;

use crate::fabric::{Fabric, NodeName, Role};
use crate::verify::overview::{Changes, Mark, Overview, overview};
use crate::verify::{Facts, Scope, World};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};
use view::View;

/// How many events are kept to look back at.
const KEPT: usize = 1000;
/// Devices that say nothing hold up the first judgement so long, and no longer.
const FIRST: Duration = Duration::from_secs(5);

/// What is known, and what is shown of it.
pub struct Watch {
    fabric: Fabric,
    nodes: BTreeSet<NodeName>,
    lab: Option<String>,
    world: World,
    overview: Overview,
    changes: Changes,
    events: VecDeque<Event>,
    /// When each device was heard last.
    heard: BTreeMap<NodeName, SystemTime>,
    /// Since when sessions are up, by node and port.
    since: BTreeMap<(NodeName, String), SystemTime>,
    began: SystemTime,
    fresh: bool,
    ok: Option<bool>,
    view: View,
}

impl Watch {
    /// Nothing is known yet of the selected nodes.
    pub fn new(fabric: Fabric, nodes: BTreeSet<NodeName>, lab: Option<String>, now: SystemTime) -> Self {
        let world = World::new();
        let overview = overview(&Scope { fabric: &fabric, nodes: &nodes }, &world);
        Self {
            fabric,
            nodes,
            lab,
            world,
            overview,
            changes: Changes::default(),
            events: VecDeque::new(),
            heard: BTreeMap::new(),
            since: BTreeMap::new(),
            began: now,
            fresh: false,
            ok: None,
            view: View::default(),
        }
    }

    /// A device has answered: what differs from before, nothing if nothing does. Returns whether that is so.
    pub fn heard(&mut self, node: NodeName, facts: Facts, now: SystemTime) -> bool {
        self.heard.insert(node.clone(), now);
        let is_known = matches!(self.world.get(&node), Some(Ok(_)));
        if is_known && facts == Facts::default() {
            return false;
        }
        self.remember_sessions(&node, &facts, now);
        match self.world.get_mut(&node) {
            Some(Ok(known)) => known.update(facts),
            _ => drop(self.world.insert(node, Ok(facts))),
        }
        self.fresh = true;
        true
    }

    /// A device has stopped to answer, or never did.
    pub fn lost(&mut self, node: NodeName, why: String) {
        let known = self.world.insert(node, Err(why.clone()));
        self.fresh |= known != Some(Err(why));
    }

    /// The selected nodes of a role.
    fn shown(&self, role: Role) -> impl Iterator<Item = NodeName> {
        self.fabric.with_role(role).map(|node| node.name.clone()).filter(|name| self.nodes.contains(name))
    }

    /// When a session came up is the same moment however late it is asked.
    fn remember_sessions(&mut self, node: &NodeName, facts: &Facts, now: SystemTime) {
        let Some(Ok(neighbors)) = &facts.bgp else { return };
        for (port, neighbor) in neighbors {
            let key = (node.clone(), port.clone());
            let ago = neighbor.since_ms.map(Duration::from_millis).filter(|_| neighbor.established());
            match ago.and_then(|ago| now.checked_sub(ago)) {
                Some(since) => drop(self.since.insert(key, since)),
                None => drop(self.since.remove(&key)),
            }
        }
    }

    /// Judges what has come in, and returns what has changed. Until every device has said something, or long enough
    /// nothing, there is nothing to compare with.
    pub fn judge(&mut self, now: SystemTime) -> Vec<Event> {
        let all = self.nodes.iter().all(|node| self.world.contains_key(node));
        let late = now.duration_since(self.began).is_ok_and(|time| time >= FIRST);
        if !self.fresh && (self.ok.is_some() || !late) {
            return Vec::new();
        }
        self.fresh = false;
        self.overview = overview(&Scope { fabric: &self.fabric, nodes: &self.nodes }, &self.world);
        if !all && !late && self.ok.is_none() {
            return Vec::new();
        }
        let mut events: Vec<Event> =
            self.changes.round(&self.overview).into_iter().map(|change| Event::of(change, now)).collect();
        let ok = self.overview.ok() && all;
        if self.ok.replace(ok) != Some(ok) {
            events.push(Event::of_all(&self.overview, ok, now));
        }
        self.events.extend(events.iter().cloned());
        while self.events.len() > KEPT {
            self.events.pop_front();
        }
        events
    }

    /// Whether something has come in that isn't judged yet.
    pub fn is_fresh(&self) -> bool {
        self.fresh || self.ok.is_none()
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Flow {
        let mut view = std::mem::take(&mut self.view);
        let flow = view.press(key, self);
        self.view = view;
        flow
    }

    /// Draws everything as it is at a time.
    pub fn draw(&mut self, frame: &mut ratatui::Frame<'_>, paint: Paint, now: SystemTime) {
        let mut view = std::mem::take(&mut self.view);
        draw::draw(self, &mut view, frame, paint, now);
        self.view = view;
    }

    /// What is known.
    pub fn overview(&self) -> &Overview {
        &self.overview
    }

    /// How a device is.
    fn mark_of(&self, node: &NodeName) -> Mark {
        let Some(device) = self.overview.device(node) else { return Mark::Unknown };
        let failed = self.overview.failed.iter().any(|finding| finding.node == *node);
        if device.reached.ok() && failed { Mark::Failed } else { device.reached.state }
    }
}
