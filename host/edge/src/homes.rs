//! The regions behind an edge, and which of them a request is for.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use runtime::{Home, RequestBody};
use tokio::sync::Semaphore;

use crate::application::Region;
use crate::body::{self, Body};
use crate::limits;
use crate::lists;
use crate::problem::Problem;
use crate::regions::Regions;

/// The regions that an edge asks. Cheap to clone.
#[derive(Clone)]
pub struct Homes {
    regions: Regions<Arc<dyn Region>>,
    accounts: Arc<dyn Region>,
    /// Room for bodies that are looked into.
    looking: Arc<Semaphore>,
}

impl Homes {
    /// These regions, the nearest first, of which one keeps the accounts; none where that is not one of them.
    #[must_use]
    pub fn new(regions: Regions<Arc<dyn Region>>, accounts: &str) -> Option<Self> {
        let accounts = Arc::clone(regions.named(accounts)?);
        Some(Self { regions, accounts, looking: Arc::new(Semaphore::new(limits::BODIES_LOOKED_AT)) })
    }

    /// The only region.
    #[must_use]
    pub fn one(name: &str, region: Arc<dyn Region>) -> Self {
        let looking = Arc::new(Semaphore::new(limits::BODIES_LOOKED_AT));
        Self { regions: Regions::one(name, Arc::clone(&region)), accounts: region, looking }
    }

    /// Has the region answer that a request is for. What names a region that there is not goes to the nearest, which says that it knows no
    /// such thing.
    pub(crate) async fn handle(&self, home: &Home, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let Some(nearest) = self.regions.nearest() else { return Err(Problem::Internal) };
        if self.regions.len() == 1 {
            return nearest.handle(request).await;
        }
        match home {
            Home::Path => self.by_path(request.uri().path()).map_or(nearest, |(_, region)| region).handle(request).await,
            Home::Accounts => self.accounts.handle(request).await,
            Home::Every => lists::merged(&self.regions, request).await,
            Home::Body(member) => {
                let Ok(_room) = self.looking.try_acquire() else {
                    return Err(Problem::Unavailable(limits::RETRY_AFTER_SECONDS));
                };
                let (parts, body) = request.into_parts();
                // Who does not send all of it has asked nothing. It is within its limit already.
                let body = body.collect().await.map_err(|_| Problem::Unavailable(limits::RETRY_AFTER_SECONDS))?.to_bytes();
                let region = named(&body, member).and_then(|name| self.regions.named(&name).or_else(|| self.regions.of(&name)));
                region.unwrap_or(nearest).handle(Request::from_parts(parts, body::known(body))).await
            }
        }
    }

    /// The region that the first id in a path names, and its name; none where no id does.
    pub(crate) fn by_path(&self, path: &str) -> Option<(&Arc<str>, &Arc<dyn Region>)> {
        path.split('/').find_map(|segment| self.regions.iter().find(|(name, _)| self.regions.is_of(segment, name)))
    }

    /// Whether there is only one, of which everything is.
    pub(crate) fn only(&self) -> bool {
        self.regions.len() == 1
    }
}

/// What a member of a JSON object says, where it is a text.
fn named(body: &[u8], member: &str) -> Option<String> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    match object.remove(member)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    }
}
