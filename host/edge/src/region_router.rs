//! The regions behind an edge, and which of them a request is for.

use std::sync::Arc;

use contracts::RequestBody;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use manifest::{RegionSource, Route, RunLocation};
use read_model::region_of_code;
use tokio::sync::Semaphore;

use crate::application::Region;
use crate::body::{self, Body};
use crate::headers;
use crate::limits;
use crate::lists;
use crate::problem::Problem;
use crate::regions::Regions;

/// The regions that an edge asks. Cheap to clone.
#[derive(Clone)]
pub struct RegionRouter {
    regions: Regions<Arc<dyn Region>>,
    accounts: Arc<dyn Region>,
    /// Permits for bodies that are parsed.
    looking: Arc<Semaphore>,
}

impl RegionRouter {
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

    /// Has the region answer that a request is for: its route, which goes with it, says which. What names a region that there is not goes to the nearest,
    /// which says that it knows no such thing.
    pub(crate) async fn handle(&self, route: &Arc<Route>, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let Some(nearest) = self.regions.nearest() else { return Err(Problem::Internal) };
        request.extensions_mut().insert(Arc::clone(route));
        headers::only_our_cookies(&mut request);
        if self.regions.len() == 1 {
            return nearest.handle(request).await;
        }
        let region = match (route.runs, &route.by) {
            (RunLocation::Accounts, _) => &self.accounts,
            (RunLocation::EveryRegion, _) => return lists::merged(&self.regions, request).await,
            (_, None) => nearest,
            (_, Some(RegionSource::Path(_))) => self.by_path(route, request.uri().path()).map_or(nearest, |(_, region)| region),
            (_, Some(RegionSource::Query(name))) => {
                let named = lists::parameter(request.uri().query().unwrap_or_default(), name);
                named.and_then(|name| self.regions.named(name)).unwrap_or(nearest)
            }
            (_, Some(RegionSource::Body(members))) => {
                let Ok(_room) = self.looking.try_acquire() else {
                    return Err(Problem::Unavailable(limits::RETRY_AFTER_SECONDS));
                };
                let (parts, body) = request.into_parts();
                // Who does not send all of it has asked nothing. It is within its limit already.
                let body = body.collect().await.map_err(|_| Problem::Unavailable(limits::RETRY_AFTER_SECONDS))?.to_bytes();
                let region = named(&body, members).find_map(|name| self.region(&name)).map(|(_, region)| region);
                return region.unwrap_or(nearest).handle(Request::from_parts(parts, body::known(body))).await;
            }
        };
        region.handle(request).await
    }

    /// The region that a request's path names, and its name; none where it names none.
    pub(crate) fn by_path(&self, route: &Route, path: &str) -> Option<(&Arc<str>, &Arc<dyn Region>)> {
        self.region(route.named_in(path)?)
    }

    /// The region that is named so, or is the home of what has this id or of the ticket that has this code.
    fn region(&self, named: &str) -> Option<(&Arc<str>, &Arc<dyn Region>)> {
        let code = region_of_code(named);
        self.regions.iter().find(|(name, _)| {
            ***name == *named || self.regions.is_of(named, name) || code.is_some_and(|region| region.eq_ignore_ascii_case(name))
        })
    }

    /// Whether there is only one, of which everything is.
    pub(crate) fn only(&self) -> bool {
        self.regions.len() == 1
    }
}

/// What these members of a JSON object say, where they are texts.
fn named(body: &[u8], members: &[String]) -> impl Iterator<Item = String> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
    members.iter().filter_map(move |member| match object.remove(member)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::future::BoxFuture;
    use http::StatusCode;
    use manifest::{Manifest, Routes, VariableSources};
    use serde_json::json;

    /// A region that says its name, what it was sent and by which route, or is not there.
    struct NamedRegion(&'static str, Option<StatusCode>);

    impl Region for NamedRegion {
        fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
            Box::pin(async {
                let status = self.1.ok_or(Problem::Unavailable(1))?;
                let template = request.extensions().get::<Arc<Route>>().ok_or(Problem::Internal)?.template.clone();
                let route = template.split('/').nth(1).unwrap();
                let sent = request.into_body().collect().await.map_err(|_| Problem::Internal)?.to_bytes();
                let item = json!({"id": format!("{}_1", self.0), "created_at": "2027-03-01T19:00:00Z"});
                let answer =
                    json!({"items": [item], "next_cursor": null, "sent": String::from_utf8_lossy(&sent), "route": route});
                let mut response = Response::new(Body::full(Bytes::from(answer.to_string())));
                *response.status_mut() = status;
                Ok(response)
            })
        }
    }

    fn region_router(eu: Option<StatusCode>, us: Option<StatusCode>) -> RegionRouter {
        let regions: [(Arc<str>, Arc<dyn Region>); 2] =
            [("eu".into(), Arc::new(NamedRegion("eu", eu))), ("us".into(), Arc::new(NamedRegion("us", us)))];
        RegionRouter::new(Regions::new(regions), "us").unwrap()
    }

    /// The routes of an application that has one of every kind.
    fn routes() -> Routes {
        let text = r#"
spin_manifest_version = 2
[application]
name = "a"
[[trigger.http]]
route = "/..."
component = "c"
[component.c]
source = "c.wasm"
[component.c.tool.marquee.routes]
"POST /things/:id/cancel" = { runs = "region", by = { path = "id" } }
"POST /told/:region" = { runs = "region", by = { path = "region" } }
"POST /accounts/:id" = { runs = "accounts" }
"POST /made" = { runs = "region", by = { body = "at" } }
"POST /scanned" = { runs = "region", by = { body = "event", or = "code" } }
"POST /asked" = { runs = "region", by = { query = "at" } }
"GET /shown/:id" = { runs = "edge", by = { path = "id" } }
"GET /list" = { runs = "every-region" }
"#;
        let path = std::path::Path::new("spin.toml");
        Manifest::parse(text, path, &VariableSources::new()).unwrap_or_else(|error| panic!("{error}")).routes
    }

    async fn ask(region_router: &RegionRouter, method: &str, path: &str, body: &str) -> Result<Response<Body>, Problem> {
        let request = Request::builder().method(method).uri(path).body(body::known(Bytes::from(body.to_owned()))).unwrap();
        region_router.handle(routes().find(request.method(), request.uri().path()).unwrap(), request).await
    }

    async fn json(answer: Response<Body>) -> serde_json::Value {
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn requests_go_to_the_region_that_the_manifest_names() {
        let region_router = region_router(Some(StatusCode::OK), Some(StatusCode::OK));
        for (method, path, body, region) in [
            ("POST", "/things/us_1/cancel", "", "us_1"),
            ("POST", "/things/eu_1/cancel", "", "eu_1"),
            ("POST", "/things/ap_1/cancel", "", "eu_1"),
            // A body is not looked at where the path says it.
            ("POST", "/told/us", r#"{"at": "eu"}"#, "us_1"),
            ("POST", "/told/eu", r#"{"at": "us"}"#, "eu_1"),
            ("POST", "/told/mars", "nonsense", "eu_1"),
            ("POST", "/accounts/eu_1", "", "us_1"),
            ("POST", "/made", r#"{"at": "us"}"#, "us_1"),
            ("POST", "/made", r#"{"at": "us_7"}"#, "us_1"),
            ("POST", "/made", r#"{"at": "mars"}"#, "eu_1"),
            ("POST", "/made", r#"{"at": 7}"#, "eu_1"),
            ("POST", "/scanned", r#"{"code": "US.T1.06F9ZK.3-1.4D", "event": "eu_7"}"#, "eu_1"),
            ("POST", "/scanned", r#"{"code": "US.T1.06F9ZK.3-1.4D", "event": "mars_7"}"#, "us_1"),
            ("POST", "/scanned", r#"{"code": "us.t1.06f9zk.3-1.4d"}"#, "us_1"),
            ("POST", "/scanned", r#"{"code": "us.06f9zk"}"#, "eu_1"),
            ("POST", "/made", "nonsense", "eu_1"),
            ("POST", "/asked?limit=1&at=us", "", "us_1"),
            ("POST", "/asked?at=mars&flag", "", "eu_1"),
            ("POST", "/asked", "", "eu_1"),
            ("GET", "/shown/us_1", "", "us_1"),
        ] {
            let answer = json(ask(&region_router, method, path, body).await.unwrap()).await;
            assert_eq!((answer["items"][0]["id"].as_str(), answer["sent"].as_str()), (Some(region), Some(body)), "{path} {body}");
            assert_eq!(answer["route"].as_str(), path.split(['?', '/']).nth(1), "its route goes with it");
        }
        assert!(RegionRouter::new(Regions::one("eu", Arc::new(NamedRegion("eu", None)) as _), "us").is_none());
    }

    #[tokio::test]
    async fn every_region_has_its_part_of_a_list() {
        let ok = Some(StatusCode::OK);
        for (eu, us, items, incomplete) in [
            (ok, ok, json!(["us_1", "eu_1"]), serde_json::Value::Null),
            (ok, None, json!(["eu_1"]), json!(["us"])),
            (Some(StatusCode::SERVICE_UNAVAILABLE), ok, json!(["us_1"]), json!(["eu"])),
        ] {
            let answer = json(ask(&region_router(eu, us), "GET", "/list", "").await.unwrap()).await;
            let ids: Vec<_> = answer["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
            assert_eq!((json!(ids), &answer["incomplete"]), (items, &incomplete));
        }
        assert_eq!(ask(&region_router(None, None), "GET", "/list", "").await.err(), Some(Problem::Unavailable(1)));
        // What is wrong with the request all would say.
        let refusing = region_router(Some(StatusCode::BAD_REQUEST), ok);
        assert_eq!(ask(&refusing, "GET", "/list", "").await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
}
