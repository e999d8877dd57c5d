//! Rollouts by objects of Kubernetes: the real server of its API, instances of the control plane on a real Postgres with the rights that the manifest
//! gives them, and simulated agents. Needs what `MARQUEE_TEST_KUBERNETES_BIN` and `MARQUEE_TEST_POSTGRES_URL` name.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking, and its names say what they are"
)]

#[allow(dead_code, reason = "the control plane's own tests need more of it")]
#[path = "../../../control/tests/control/fleet_of_agents.rs"]
mod fleet_of_agents;
#[allow(dead_code, reason = "the control plane's own tests need more of it")]
#[path = "../../../control/tests/control/instances.rs"]
mod instances;
mod refusals;
mod rollouts;
mod scene;
mod server;

use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Api, Client};

/// What is followed, in a namespace.
fn objects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("marquee.dev", "v1alpha1", "FleetRelease"));
    Api::namespaced_with(client.clone(), namespace, &resource)
}
