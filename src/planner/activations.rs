//! Which services take up changes, how, and in which order.

use crate::action::{Action, File, How, Step};
use crate::fabric::Node;
use crate::state::NodeState;
use std::collections::BTreeMap;

/// What has to be told, each service once.
#[derive(Default)]
pub(super) struct Activations {
    by_service: BTreeMap<String, Wanted>,
}

struct Wanted {
    how: How,
    path: String,
    reasons: Vec<String>,
    start: bool,
}

/// In this order services take up changes: kernel settings before ports, for links that come up read them (no
/// duplicate address detection on links between routers), and both before routing.
const ACTIVATION_ORDER: [&str; 3] = ["systemd", "sysctl", "interfaces"];

impl Activations {
    fn entry(&mut self, service: &str) -> &mut Wanted {
        self.by_service.entry(service.to_owned()).or_insert_with(|| Wanted {
            how: How::Reload,
            path: String::new(),
            reasons: Vec::new(),
            start: false,
        })
    }

    /// A file changed.
    pub(super) fn file(&mut self, file: &File) {
        let Some(activation) = &file.activates else { return };
        let wanted = self.entry(&activation.service);
        wanted.how = wanted.how.max(activation.how);
        if activation.how == How::Reload {
            wanted.path.clone_from(&file.path);
        }
        wanted.reasons.push(format!("{} changed", file.path));
    }

    /// What is in effect differs from an unchanged file.
    pub(super) fn reload(&mut self, service: &str, path: &str, reason: &str) {
        let wanted = self.entry(service);
        if wanted.path.is_empty() {
            path.clone_into(&mut wanted.path);
        }
        wanted.reasons.push(reason.to_owned());
    }

    /// The service doesn't run.
    pub(super) fn start(&mut self, service: &str, reason: &str) {
        let wanted = self.entry(service);
        wanted.start = true;
        wanted.reasons.insert(0, reason.to_owned());
    }

    /// One step a service.
    pub(super) fn into_steps(self, node: &Node, current: &NodeState) -> Vec<Step> {
        let mut services: Vec<(String, Wanted)> = self.by_service.into_iter().collect();
        services.sort_by_key(|(service, _)| {
            ACTIVATION_ORDER.iter().position(|name| name == service).unwrap_or(ACTIVATION_ORDER.len())
        });
        let is_kernel = |service: &str| ACTIVATION_ORDER.contains(&service);
        services
            .into_iter()
            .filter(|(service, wanted)| {
                // A service that is stopped and stays so takes nothing up.
                is_kernel(service) || wanted.start || current.services.get(service).copied().unwrap_or(false)
            })
            .map(|(service, wanted)| {
                let action = match (wanted.start, wanted.how) {
                    (true, _) => Action::StartService { service },
                    (false, How::Restart) => Action::RestartService { service },
                    (false, How::Reload) => Action::ReloadService { service, path: wanted.path },
                };
                Step::new(&node.name, action, wanted.reasons.join("; "))
            })
            .collect()
    }
}
