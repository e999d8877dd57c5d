//! The roles of this process, each with its own bindings, all on one version of the application.

use std::sync::Arc;

use capabilities::Bindings;
use http::Method;
use manifest::Route;
use runtime::{Application, Probe, ShareError, Switch, Unhealthy, Version};

/// One role.
#[derive(Clone)]
struct Role {
    switch: Arc<Switch>,
    bindings: Bindings,
}

/// All roles of a process.
#[derive(Clone, Default)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// Adds a role that begins with `version`.
    pub fn add(&mut self, version: &Arc<Version>, bindings: Bindings) -> Arc<Switch> {
        let switch = Arc::new(Switch::new(Application::new(Arc::clone(version), bindings.clone())));
        self.0.push(Role { switch: Arc::clone(&switch), bindings });
        switch
    }

    /// The version that has the traffic; none where there is no role.
    pub fn version(&self) -> Option<Arc<Version>> {
        self.0.first().map(|role| Arc::clone(role.switch.current().version()))
    }

    /// What has the traffic in each role; where several share it, the eldest.
    pub fn current(&self) -> Vec<Arc<Application>> {
        self.0.iter().map(|role| role.switch.current()).collect()
    }

    /// A version in each role, in their order, once it has shown in each that it can answer. It gets no traffic yet.
    pub async fn ready(&self, version: &Arc<Version>) -> Result<Vec<Arc<Application>>, Unhealthy> {
        let probes = probes(version);
        let mut ready = Vec::with_capacity(self.0.len());
        for role in &self.0 {
            let application = Application::new(Arc::clone(version), role.bindings.clone());
            if let Some(export) = role.switch.current().version().exports_beyond(version) {
                let reason = "no component of the version exports it, and this node is driven by it".to_owned();
                return Err(Unhealthy { component: export.to_owned(), reason });
            }
            application.check(&probes).await?;
            ready.push(application);
        }
        Ok(ready)
    }

    /// Gives versions that are [`ready`](Self::ready) their percent of the traffic, the eldest first, in each role alike. See [`Switch::share`].
    pub async fn share(&self, shares: &[(Vec<Arc<Application>>, u8)], salt: u64) -> Result<(), ShareError> {
        for (at, role) in self.0.iter().enumerate() {
            let of_role = |(ready, weight): &(Vec<Arc<Application>>, u8)| Some((Arc::clone(ready.get(at)?), *weight));
            role.switch.share(&shares.iter().filter_map(of_role).collect::<Vec<_>>(), salt).await?;
        }
        Ok(())
    }
}

/// One read for each component: of the first route that answers GET, else of its first, as far as its path is fixed.
fn probes(version: &Version) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    let routes = || version.manifest().routes.iter();
    let read = |route: &&Arc<Route>| route.method.as_ref().is_none_or(|method| method == Method::GET);
    for route in routes().filter(read).chain(routes()) {
        if probes.iter().all(|probe| probe.component != *route.component) {
            probes.push(Probe { component: route.component.to_string(), path: fixed_part(&route.template) });
        }
    }
    probes
}

fn fixed_part(route: &str) -> String {
    let segments: Vec<&str> = route
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take_while(|segment| !segment.starts_with(':') && *segment != "..." && *segment != "*")
        .collect();
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::fixed_part;

    #[test]
    fn probes_use_fixed_paths() {
        for (route, path) in [
            ("/...", "/"),
            ("/api/events/...", "/api/events"),
            ("/a/:id/b", "/a"),
            ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ] {
            assert_eq!(fixed_part(route), path);
        }
    }
}
