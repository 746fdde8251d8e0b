//! What a lab is made of, on disk: `lab.json`, written before anything else is made.

use super::LabError;
use super::management::{self, Port};
use crate::fabric::{Endpoint, Fabric, NodeName, Role};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The longest path that a Unix socket can have (`sockaddr_un`, less its NUL).
const SOCKET_PATH: usize = 107;

/// A lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its name.
    pub(super) name: String,
    /// The inventory it was made from.
    pub(super) inventory: PathBuf,
    /// The root filesystem under every node.
    pub(super) rootfs: PathBuf,
    /// The program to run: nodes, hub and SSH's way in.
    pub(super) executable: PathBuf,
    /// The user and group that the key and the way in belong to.
    pub(super) owner: (u32, u32),
    /// Everything was made: set at the very end.
    pub(super) complete: bool,
    /// The hub's addresses on the management network.
    pub(super) hub: Vec<Ipv4Net>,
    /// The nodes.
    pub(super) nodes: Vec<NodeRecord>,
    /// The links between them.
    pub(super) links: Vec<LinkRecord>,
}

/// A node of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeRecord {
    /// Its name.
    pub(super) name: NodeName,
    /// Its role.
    pub(super) role: Role,
    /// Its port on the management network.
    pub(super) management: Port,
    /// Whether the inventory knows that port, and so the deployment configures it.
    pub(super) management_known: bool,
    /// Another name by which the inventory has SSH reach it.
    pub(super) ssh_host: Option<String>,
    /// The login name that the inventory gives.
    pub(super) ssh_user: Option<String>,
    /// The TCP port that the inventory gives.
    pub(super) ssh_port: Option<u16>,
}

/// A link of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkRecord {
    /// One end.
    pub(super) a: Endpoint,
    /// The other end.
    pub(super) b: Endpoint,
    /// MTU in octets.
    pub(super) mtu: u32,
}

impl Record {
    /// What a fabric becomes as a lab.
    pub(super) fn plan(
        fabric: &Fabric,
        options: &super::UpOptions,
        rootfs: PathBuf,
    ) -> Result<Self, LabError> {
        let mut management = management::assign(fabric)?;
        let nodes = fabric
            .nodes
            .values()
            .filter_map(|node| {
                Some(NodeRecord {
                    management: management.ports.remove(&node.name)?,
                    management_known: node.management.is_some(),
                    name: node.name.clone(),
                    role: node.role,
                    ssh_host: node.ssh.host.clone(),
                    ssh_user: node.ssh.user.clone(),
                    ssh_port: node.ssh.port,
                })
            })
            .collect();
        let links = fabric
            .links
            .iter()
            .map(|link| LinkRecord { a: link.a.clone(), b: link.b.clone(), mtu: link.mtu })
            .collect();
        Ok(Self {
            name: options.name.clone(),
            inventory: options.inventory.clone(),
            rootfs,
            executable: options.executable.clone(),
            owner: options.owner,
            complete: false,
            hub: management.hub,
            nodes,
            links,
        })
    }

    /// What makes this lab another one than `other`, in words.
    pub(super) fn difference(&self, other: &Record) -> Option<&'static str> {
        if self.nodes != other.nodes {
            Some("other nodes")
        } else if self.links != other.links {
            Some("other links")
        } else if self.rootfs != other.rootfs {
            Some("another root filesystem")
        } else {
            None
        }
    }
}

impl NodeRecord {
    /// What its sshd is started with: the usual port, and the one that the inventory gives.
    pub(super) fn sshd_arguments(&self) -> Vec<String> {
        let ports = [Some(22), self.ssh_port.filter(|port| *port != 22)];
        ports.into_iter().flatten().flat_map(|port| ["-p".to_owned(), port.to_string()]).collect()
    }
}

/// The directory of a lab and what is where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabDir(PathBuf);

impl LabDir {
    /// The directory of the lab of that name; the path is made absolute, for it stands on command lines.
    pub(super) fn new(state_root: &Path, name: &str) -> Result<Self, LabError> {
        NodeName::new(name)?;
        let root = std::path::absolute(state_root).map_err(LabError::file("finding", state_root))?;
        // A link in the path would make two names of one lab.
        let dir = Self(fs::canonicalize(&root).unwrap_or(root).join(name));
        let socket = dir.hub_socket();
        if socket.as_os_str().len() > SOCKET_PATH {
            return Err(LabError::LongPath { path: socket });
        }
        Ok(dir)
    }

    /// The directory that a command line of this tool names.
    pub(super) fn given(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn record_file(&self) -> PathBuf {
        self.0.join("lab.json")
    }

    pub(super) fn ssh_config(&self) -> PathBuf {
        self.0.join("ssh_config")
    }

    pub(super) fn known_hosts(&self) -> PathBuf {
        self.0.join("known_hosts")
    }

    /// The private key; the public one stands beside it.
    pub(super) fn key(&self) -> PathBuf {
        self.0.join("id_ed25519")
    }

    pub(super) fn public_key(&self) -> PathBuf {
        self.0.join("id_ed25519.pub")
    }

    pub(super) fn hub_socket(&self) -> PathBuf {
        self.0.join("hub.sock")
    }

    pub(super) fn hub_log(&self) -> PathBuf {
        self.0.join("hub.log")
    }

    pub(super) fn node(&self, name: &NodeName) -> NodeDir {
        NodeDir(self.0.join("nodes").join(name.as_str()))
    }

    /// Reads the record.
    pub(super) fn load(&self) -> Result<Record, LabError> {
        let path = self.record_file();
        let text = fs::read(&path).map_err(LabError::file("reading", &path))?;
        serde_json::from_slice(&text).map_err(|source| LabError::Record { path, source })
    }

    /// Writes the record in one go: a reader sees the old one or the new one.
    pub(super) fn save(&self, record: &Record) -> Result<(), LabError> {
        let path = self.record_file();
        let text = serde_json::to_vec_pretty(record)
            .map_err(|source| LabError::Record { path: path.clone(), source })?;
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.write_all(&text)?;
            file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(LabError::file("writing", &path))
    }
}

/// The directory of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeDir(PathBuf);

impl NodeDir {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What the node writes over the root filesystem.
    pub(super) fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }

    /// Scratch space of the overlay.
    pub(super) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// Docker's directory: no overlay can be the upper layer of another.
    pub(super) fn docker(&self) -> PathBuf {
        self.0.join("docker")
    }

    /// Where the node's root is mounted, in the node's own mount namespace.
    pub(super) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// What the node's init had to say.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("init.log")
    }

    /// The node's public host key.
    pub(super) fn host_key(&self) -> PathBuf {
        self.0.join("host_key.pub")
    }

    /// Makes it anew, empty.
    pub(super) fn make(&self) -> Result<(), LabError> {
        for directory in [self.upper(), self.work(), self.docker(), self.root()] {
            fs::create_dir_all(&directory).map_err(LabError::file("making", &directory))?;
        }
        // Docker looks into it as root only, as it would set it up itself.
        let docker = self.docker();
        fs::set_permissions(&docker, PermissionsExt::from_mode(0o710))
            .map_err(LabError::file("making", &docker))
    }
}
