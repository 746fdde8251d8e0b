//! One `docker inspect` of containers, networks and images together: one start of a client in place of three.

use super::{
    Container, DockerImage, DockerNetwork, ParseError, docker_containers, docker_images, docker_networks,
    json,
};
use serde_json::Value;

/// What an engine holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DockerObjects {
    /// Containers.
    pub containers: Vec<Container>,
    /// Networks.
    pub networks: Vec<DockerNetwork>,
    /// Images.
    pub images: Vec<DockerImage>,
}

/// Reads `docker inspect OBJECT…`, where the objects are of any kind; an empty answer means none.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn docker_objects(text: &str) -> Result<DockerObjects, ParseError> {
    if text.trim().is_empty() {
        return Ok(DockerObjects::default());
    }
    let all: Vec<Value> = json("docker inspect", text)?;
    // Each kind has a key that the others lack.
    let (containers, rest): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|object| object.get("HostConfig").is_some());
    let (networks, images): (Vec<Value>, Vec<Value>) =
        rest.into_iter().partition(|object| object.get("IPAM").is_some());
    Ok(DockerObjects {
        containers: docker_containers(&Value::from(containers).to_string())?,
        networks: docker_networks(&Value::from(networks).to_string())?,
        images: docker_images(&Value::from(images).to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart() {
        let text = r#"[
            {"Id": "c1", "Name": "/web11", "HostConfig": {}, "State": {"Running": true}},
            {"Id": "n1", "Name": "containers", "IPAM": {"Config": [{"Subnet": "172.16.1.0/24"}]}},
            {"Id": "i1", "RepoTags": ["a:1"], "Config": {"Labels": {"k": "v"}}}
        ]"#;
        let objects = docker_objects(text).unwrap();
        assert_eq!(objects.containers[0].name, "web11");
        assert_eq!(objects.networks[0].name, "containers");
        assert_eq!(objects.images[0].tags, ["a:1"]);
        assert_eq!(docker_objects("").unwrap(), DockerObjects::default());
        assert!(docker_objects("Cannot connect to the Docker daemon").is_err());
    }
}
