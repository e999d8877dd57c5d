//! Paths that only the host may ask for.

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use manifest::{Component, Secret};

use crate::RequestBody;

/// A path of a component's that only the host posts to.
#[derive(Clone, Debug)]
pub struct HostRoute {
    /// The component.
    pub component: String,
    /// The path.
    pub path: String,
    /// What tells the component that it is its host who asks.
    secret: HeaderValue,
}

impl HostRoute {
    /// The header that carries the secret. A component that serves without our host in front of it refuses calls without the secret.
    const SECRET: HeaderName = HeaderName::from_static("marquee-host");
    /// The variable that holds it: see [`secret`](Self::secret).
    pub const VARIABLE: &str = "host_secret";

    /// A route; `secret` is the component's [variable](Self::VARIABLE).
    #[must_use]
    pub fn new(component: &str, path: &str, secret: &str) -> Self {
        let mut secret = HeaderValue::from_str(secret).unwrap_or_else(|_| HeaderValue::from_static(""));
        secret.set_sensitive(true);
        Self { component: component.to_owned(), path: path.to_owned(), secret }
    }

    /// A path of this component's.
    #[must_use]
    pub fn of(component: &Component, path: &str) -> Self {
        let secret = component.grants.variables.get(Self::VARIABLE).map_or("", Secret::expose);
        Self::new(&component.name, path, secret)
    }

    /// A new secret for the variable: this process's own.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn secret() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A request to it.
    #[must_use]
    pub fn request(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        // The target has a host, as every request has.
        *request.uri_mut() = Uri::try_from(format!("http://localhost{}", self.path)).unwrap_or_default();
        self.sign(&mut request);
        request
    }

    /// Has a request say that it is the host's.
    pub fn sign(&self, request: &mut Request<RequestBody>) {
        request.headers_mut().insert(Self::SECRET, self.secret.clone());
    }
}
