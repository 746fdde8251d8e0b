//! What `docker inspect` and its relatives print (Docker Engine API, v1.24 and later).

use super::{ParseError, json, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name, without the API's leading slash.
    pub name: String,
    /// Its full id.
    pub id: String,
    /// The image as it was named when the container was made.
    pub image: String,
    /// The id of the image it was made from; another one than the name's once the image was rebuilt.
    pub image_id: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub status: String,
    /// Its main process lives (also while paused).
    pub running: bool,
    /// The main process, as the server numbers it.
    pub pid: Option<u32>,
    /// When it was last started (RFC 3339); `None` if never.
    pub started_at: Option<String>,
    /// How often the engine has started it again since somebody started it.
    pub restarts: u64,
    /// The exit code of its last end.
    pub exit_code: Option<i64>,
    /// Labels. **Those of its image are among them.**
    pub labels: BTreeMap<String, String>,
    /// Networks by name.
    pub networks: BTreeMap<String, Attachment>,
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub restart: String,
    /// The entry point; the image's unless overridden.
    pub entrypoint: Vec<String>,
    /// The command, the image's unless overridden.
    pub command: Vec<String>,
    /// The environment, the image's included.
    pub environment: BTreeMap<String, String>,
}

/// How a container is on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// The address that was asked for.
    pub configured: Option<Ipv4Addr>,
    /// The address it has now; none while it is stopped.
    pub address: Option<Ipv4Addr>,
    /// The MAC it has now; none while it is stopped.
    pub mac: Option<String>,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerNetwork {
    /// Its name.
    pub name: String,
    /// Its full id.
    pub id: String,
    /// `macvlan`, `bridge`, `host`, `null`, …
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its first IPv4 prefix.
    pub subnet: Option<Ipv4Net>,
    /// The gateway in that prefix.
    pub gateway: Option<Ipv4Addr>,
    /// The parent interface of a macvlan network.
    pub parent: Option<String>,
    /// The names of the running containers on it.
    pub containers: Vec<String>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerImage {
    /// Its id, `sha256:…`.
    pub id: String,
    /// Its names, `name:tag`; none for a layer of a build or a replaced image.
    pub tags: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerAnswer {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    image: String,
    #[serde(default, deserialize_with = "or_default")]
    restart_count: u64,
    #[serde(default, deserialize_with = "or_default")]
    state: State,
    #[serde(default, deserialize_with = "or_default")]
    config: Config,
    #[serde(default, deserialize_with = "or_default")]
    host_config: HostConfig,
    #[serde(default, deserialize_with = "or_default")]
    network_settings: NetworkSettings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    running: bool,
    pid: Option<u32>,
    started_at: Option<String>,
    exit_code: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    #[serde(deserialize_with = "or_default")]
    image: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    #[serde(deserialize_with = "or_default")]
    restart_policy: RestartPolicy,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    #[serde(deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    #[serde(deserialize_with = "or_default")]
    networks: BTreeMap<String, EndpointAnswer>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EndpointAnswer {
    #[serde(rename = "IPAMConfig", deserialize_with = "or_default")]
    ipam: EndpointIpam,
    #[serde(rename = "IPAddress")]
    address: Option<String>,
    #[serde(rename = "MacAddress")]
    mac: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EndpointIpam {
    #[serde(rename = "IPv4Address")]
    address: Option<String>,
}

/// Reads `docker inspect CONTAINER…`; an empty answer and `[]` mean no containers.
///
/// # Errors
/// When the answer is no JSON of that shape, or an address is none.
pub fn docker_containers(text: &str) -> Result<Vec<Container>, ParseError> {
    const WHAT: &str = "docker inspect";
    list::<ContainerAnswer>(WHAT, text)?.into_iter().map(|answer| answer.read(WHAT)).collect()
}

impl ContainerAnswer {
    fn read(self, what: &'static str) -> Result<Container, ParseError> {
        let mut networks = BTreeMap::new();
        for (name, end) in self.network_settings.networks {
            let attachment = Attachment {
                configured: address(what, end.ipam.address)?,
                address: address(what, end.address)?,
                mac: end.mac.filter(|mac| !mac.is_empty()),
            };
            networks.insert(name, attachment);
        }
        let environment = self.config.env.iter().map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        });
        Ok(Container {
            name: self.name.trim_start_matches('/').to_owned(),
            id: self.id,
            image: self.config.image,
            image_id: self.image,
            status: self.state.status,
            running: self.state.running,
            pid: self.state.pid.filter(|pid| *pid != 0),
            restarts: self.restart_count,
            exit_code: self.state.exit_code,
            // The API says year 1 for never.
            started_at: self.state.started_at.filter(|time| !time.is_empty() && !time.starts_with("0001-")),
            labels: self.config.labels,
            networks,
            restart: self.host_config.restart_policy.name,
            entrypoint: self.config.entrypoint,
            command: self.config.cmd,
            environment: environment.collect(),
        })
    }
}

#[derive(Deserialize)]
struct NetworkAnswer {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Id", default, deserialize_with = "or_default")]
    id: String,
    #[serde(rename = "Driver", default, deserialize_with = "or_default")]
    driver: String,
    #[serde(rename = "Labels", default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(rename = "Options", default, deserialize_with = "or_default")]
    options: BTreeMap<String, String>,
    #[serde(rename = "IPAM", default, deserialize_with = "or_default")]
    ipam: Ipam,
    #[serde(rename = "Containers", default, deserialize_with = "or_default")]
    containers: BTreeMap<String, Member>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Ipam {
    #[serde(deserialize_with = "or_default")]
    config: Vec<Pool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Pool {
    subnet: Option<String>,
    gateway: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Member {
    #[serde(deserialize_with = "or_default")]
    name: String,
}

/// Reads `docker network inspect NETWORK…`; an empty answer and `[]` mean none.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn docker_networks(text: &str) -> Result<Vec<DockerNetwork>, ParseError> {
    let answers: Vec<NetworkAnswer> = list("docker network inspect", text)?;
    Ok(answers.into_iter().map(NetworkAnswer::read).collect())
}

impl NetworkAnswer {
    fn read(mut self) -> DockerNetwork {
        // A network may have IPv6 pools beside the IPv4 one.
        let pool = self.ipam.config.into_iter().find_map(|pool| {
            let subnet: Ipv4Net = pool.subnet?.parse().ok()?;
            Some((subnet, pool.gateway.and_then(|gateway| gateway.parse().ok())))
        });
        let mut containers: Vec<_> = self.containers.into_values().map(|member| member.name).collect();
        containers.sort();
        DockerNetwork {
            name: self.name,
            id: self.id,
            driver: self.driver,
            labels: self.labels,
            subnet: pool.map(|(subnet, _)| subnet),
            gateway: pool.and_then(|(_, gateway)| gateway),
            parent: self.options.remove("parent"),
            containers,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageAnswer {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    config: ImageConfig,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ImageConfig {
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

/// Reads `docker image inspect IMAGE…`; an empty answer and `[]` mean none.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn docker_images(text: &str) -> Result<Vec<DockerImage>, ParseError> {
    let answers: Vec<ImageAnswer> = list("docker image inspect", text)?;
    let read = |answer: ImageAnswer| DockerImage {
        id: answer.id,
        tags: answer.repo_tags,
        labels: answer.config.labels,
    };
    Ok(answers.into_iter().map(read).collect())
}

/// `docker inspect` without a name to look for prints nothing but its usage, and that on stderr.
fn list<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<Vec<T>, ParseError> {
    if text.trim().is_empty() { Ok(Vec::new()) } else { json(what, text) }
}

/// An address, where the API's empty text means none.
fn address(what: &'static str, text: Option<String>) -> Result<Option<Ipv4Addr>, ParseError> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => Err(ParseError::Value { what, wanted: "an IPv4 address", found: text }),
        },
    }
}
