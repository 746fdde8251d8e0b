//! Templates to files: what every device of a fabric is to hold.
//!
//! A template's path says what it is: `templates/<platform>/<path on the device>.j2`. Its first line is a comment
//! that says the rest, see [`FrontMatter`]:
//!
//! ```text
//! {#- fabricctl: roles=leaf owner=frr group=frr mode=0640 check="vtysh -C -f {}" activates=frr:reload -#}
//! ```
//!
//! A template that renders to nothing but white space makes no file, so a template can decide by facts that a
//! device needs none. What a template sees (undefined names are errors):
//!
//! | name | what |
//! |---|---|
//! | `fabric` | the whole [`Fabric`](crate::fabric::Fabric) |
//! | `node` | this [`Node`](crate::fabric::Node); the user's own variables are `node.vars` |
//! | `facts` | the device's [`Facts`](crate::fabric::Facts) |
//! | `routers` | all nodes that speak BGP, in order of their names |
//! | `bgp_ports` | this node's ports towards routers |
//! | `server_ports` | a leaf's ports towards servers |
//! | `workload_subnets` | a leaf's workload networks, those that its server ports carry, in order |
//! | `data_ports` | a server's ports towards leafs |
//! | `networks` | the workload networks, in order of their names |
//! | `host_subnets` | their prefixes, in order |
//! | `bgp_rules` | what BGP may carry, as rules of a prefix-list: `seq`, `action`, `prefix`, `host_routes`, `inside` |
//! | `workloads` | the workloads of this server |
//! | `built_images` | names of the images that this server builds for them |
//!
//! And the test `at_least`: `facts.frr is at_least("10.0")`, false where the version is `none`.

mod context;
mod error;
mod front_matter;
mod rules;
mod templates;

pub use error::{FrontMatterError, RenderCause, RenderError};
pub use front_matter::FrontMatter;
pub use templates::Templates;
