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
            Home::Query(name) => {
                let named = lists::parameter(request.uri().query().unwrap_or_default(), name);
                named.and_then(|name| self.regions.named(name)).unwrap_or(nearest).handle(request).await
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::future::BoxFuture;
    use http::StatusCode;
    use serde_json::json;

    /// A region that says its name and what it was sent, or is not there.
    struct Named(&'static str, Option<StatusCode>);

    impl Region for Named {
        fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
            Box::pin(async {
                let status = self.1.ok_or(Problem::Unavailable(1))?;
                let sent = request.into_body().collect().await.map_err(|_| Problem::Internal)?.to_bytes();
                let item = json!({"id": format!("{}_1", self.0), "created_at": "2027-03-01T19:00:00Z"});
                let answer = json!({"items": [item], "next_cursor": null, "sent": String::from_utf8_lossy(&sent)});
                let mut response = Response::new(Body::full(Bytes::from(answer.to_string())));
                *response.status_mut() = status;
                Ok(response)
            })
        }
    }

    fn homes(eu: Option<StatusCode>, us: Option<StatusCode>) -> Homes {
        let regions: [(Arc<str>, Arc<dyn Region>); 2] =
            [("eu".into(), Arc::new(Named("eu", eu))), ("us".into(), Arc::new(Named("us", us)))];
        Homes::new(Regions::new(regions), "us").unwrap()
    }

    async fn ask(homes: &Homes, home: &Home, path: &str, body: &str) -> Result<serde_json::Value, Problem> {
        let request = Request::post(path).body(body::known(Bytes::from(body.to_owned()))).unwrap();
        let answer = homes.handle(home, request).await?.into_body().collect().await.unwrap().to_bytes();
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    #[tokio::test]
    async fn requests_go_where_the_manifest_says() {
        let homes = homes(Some(StatusCode::OK), Some(StatusCode::OK));
        let (member, parameter) = (Home::Body("at".into()), Home::Query("at".into()));
        for (home, path, body, region) in [
            (&Home::Path, "/api/bookings/us_1/cancel", "", "us_1"),
            (&Home::Path, "/api/bookings/eu_1", "", "eu_1"),
            (&Home::Path, "/api/bookings/ap_1", "", "eu_1"),
            (&Home::Path, "/api/events", "", "eu_1"),
            (&Home::Accounts, "/api/auth/eu_1", "", "us_1"),
            (&member, "/api/events", r#"{"at": "us"}"#, "us_1"),
            (&member, "/api/payments", r#"{"at": "us_7"}"#, "us_1"),
            (&member, "/api/payments", r#"{"at": "mars"}"#, "eu_1"),
            (&member, "/api/payments", r#"{"at": 7}"#, "eu_1"),
            (&member, "/api/payments", "nonsense", "eu_1"),
            (&parameter, "/api/audit?limit=1&at=us", "", "us_1"),
            (&parameter, "/api/audit?at=mars&flag", "", "eu_1"),
            (&parameter, "/api/audit", "", "eu_1"),
        ] {
            let answer = ask(&homes, home, path, body).await.unwrap();
            assert_eq!((answer["items"][0]["id"].as_str(), answer["sent"].as_str()), (Some(region), Some(body)), "{path} {body}");
        }
        assert!(Homes::new(Regions::one("eu", Arc::new(Named("eu", None)) as _), "us").is_none());
    }

    #[tokio::test]
    async fn every_region_has_its_part_of_a_list() {
        let ok = Some(StatusCode::OK);
        for (eu, us, items, incomplete) in [
            (ok, ok, json!(["us_1", "eu_1"]), serde_json::Value::Null),
            (ok, None, json!(["eu_1"]), json!(["us"])),
            (Some(StatusCode::SERVICE_UNAVAILABLE), ok, json!(["us_1"]), json!(["eu"])),
        ] {
            let answer = ask(&homes(eu, us), &Home::Every, "/api/bookings", "").await.unwrap();
            let ids: Vec<_> = answer["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
            assert_eq!((json!(ids), &answer["incomplete"]), (items, &incomplete));
        }
        assert_eq!(ask(&homes(None, None), &Home::Every, "/api/bookings", "").await, Err(Problem::Unavailable(1)));
        // What is wrong with the request all would say.
        let refusing = homes(Some(StatusCode::BAD_REQUEST), ok);
        let request = Request::get("/api/bookings").body(runtime::empty()).unwrap();
        assert_eq!(refusing.handle(&Home::Every, request).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
}
