//! A list that every region has a part of, as one.
//!
//! Each region answers `{"items": […], "next_cursor": …}`, newest first: by `created_at`, then by `id`. A cursor says behind which item a page begins,
//! as `MICROSECONDS.ID`, in all of them alike: so the cursor of a merged page is that of its last item, and each region continues from there.
//!
//! Where regions answer with archives instead, their files become one archive: each has its own in a folder of its name. It has all of them or is none.

use std::convert::Infallible;
use std::sync::Arc;

use archive::Archive;
use bytes::Bytes;
use contracts::RequestBody;
use futures::future::join_all;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::application::Region;
use crate::body::Body;
use crate::limits;
use crate::problem::Problem;
use crate::regions::Regions;

/// A region's part, and a merged page.
#[derive(Deserialize, Serialize)]
struct Page {
    items: Vec<Value>,
    next_cursor: Option<String>,
    /// Regions that did not answer in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<String>,
}

enum RegionPage {
    Page(HeaderMap, Page),
    Archive(HeaderMap, Bytes),
    /// The request's own fault: each region would say the same.
    Refused(Response<Body>),
    /// It did not answer, or could not.
    Missing,
}

const ZIP: &str = "application/zip";

/// Permits for archives that are made or sent.
static ARCHIVES: Semaphore = Semaphore::const_new(limits::ARCHIVES);

/// Asks every region, and merges what they answer in time. Of a list it is an error only where none does, of an archive where one does not.
pub(crate) async fn merged(regions: &Regions<Arc<dyn Region>>, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
    let limit = size(request.uri().query().unwrap_or_default());
    let (parts, _) = request.into_parts();
    let archive = wants_archive(&parts.headers);
    let room = match archive.then(|| ARCHIVES.try_acquire()).transpose() {
        Ok(room) => room,
        Err(_) => return Err(Problem::Unavailable(limits::RETRY_AFTER_SECONDS)),
    };
    let patience = if archive { limits::ARCHIVE } else { limits::LIST };
    let asking = regions.iter().map(|(name, region)| {
        let mut request = Request::new(contracts::empty());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        // Its route, too.
        *request.extensions_mut() = parts.extensions.clone();
        async move {
            let part = tokio::time::timeout(patience, part(region, request)).await.unwrap_or(RegionPage::Missing);
            (name.to_string(), part)
        }
    });
    let (mut pages, mut archives, mut incomplete) = (Vec::new(), Vec::new(), Vec::new());
    for (name, part) in join_all(asking).await {
        match part {
            RegionPage::Page(headers, page) => pages.push((headers, page)),
            RegionPage::Archive(headers, archive) => archives.push((headers, archive)),
            RegionPage::Refused(response) => return Ok(response),
            RegionPage::Missing => incomplete.push(name),
        }
    }
    if let (Some((headers, _)), Some(room)) = (archives.first(), room) {
        let headers = headers.clone();
        let complete = pages.is_empty() && incomplete.is_empty();
        return if complete {
            joined(headers, archives, room).await
        } else {
            Err(Problem::Unavailable(limits::RETRY_AFTER_SECONDS))
        };
    }
    let Some(mut headers) = pages.first().map(|(headers, _)| headers.clone()) else {
        return Err(Problem::Unavailable(limits::RETRY_AFTER_SECONDS));
    };
    let page = merge(pages.into_iter().map(|(_, page)| page), limit, incomplete);
    headers.remove(CONTENT_LENGTH);
    let text = serde_json::to_vec(&page).map_err(|_| Problem::Internal)?;
    let mut response = Response::new(Body::full(Bytes::from(text)));
    *response.headers_mut() = headers;
    Ok(response)
}

async fn part(region: &Arc<dyn Region>, request: Request<RequestBody>) -> RegionPage {
    let response = match region.handle(request).await {
        Ok(response) if response.status() == StatusCode::OK => response,
        Ok(response) if !response.status().is_server_error() => return RegionPage::Refused(response),
        Ok(_) | Err(_) => return RegionPage::Missing,
    };
    let (parts, body) = response.into_parts();
    let archive = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == ZIP);
    let most = if archive { limits::ARCHIVE_BYTES } else { limits::LIST_BYTES };
    let Ok(body) = Limited::new(body, most).collect().await else { return RegionPage::Missing };
    if archive {
        return RegionPage::Archive(parts.headers, body.to_bytes());
    }
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(page) => RegionPage::Page(parts.headers, page),
        Err(error) => {
            tracing::error!(%error, "a region's answer to a list cannot be parsed");
            RegionPage::Missing
        }
    }
}

/// Whether an archive may be what is answered with; which of what it takes the client likes best, the regions find out.
fn wants_archive(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.any(|accept| accept.to_ascii_lowercase().contains(ZIP))
}

/// One archive of all, which keeps its permit until its client has taken it.
async fn joined(
    mut headers: HeaderMap,
    parts: Vec<(HeaderMap, Bytes)>,
    room: SemaphorePermit<'static>,
) -> Result<Response<Body>, Problem> {
    let archive = tokio::task::spawn_blocking(move || join_archives(parts.iter().map(|(_, part)| part.as_ref())));
    let archive = archive.await.map_err(|_| Problem::Internal)?.map_err(|error| {
        tracing::error!(%error, "a region's archive cannot be read");
        Problem::Internal
    })?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(archive.len()));
    let mut rest = Bytes::from(archive);
    let pieces = std::iter::from_fn(move || {
        let _held = &room;
        let piece = rest.split_to(rest.len().min(limits::ARCHIVE_PIECE_BYTES));
        (!piece.is_empty()).then(|| Ok::<_, Infallible>(Frame::data(piece)))
    });
    let body = Body::taken(StreamBody::new(futures::stream::iter(pieces))).await.map_err(|_| Problem::Internal)?;
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

fn join_archives<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, archive::Error> {
    let mut all = Archive::new();
    for part in parts {
        for (name, content) in archive::files(part)? {
            all.add(name, content)?;
        }
    }
    all.finish()
}

/// The newest of all pages.
fn merge(pages: impl Iterator<Item = Page>, limit: usize, incomplete: Vec<String>) -> Page {
    let (mut keyed, mut more) = (Vec::new(), false);
    for page in pages {
        more |= page.next_cursor.is_some();
        keyed.extend(page.items.into_iter().filter_map(|item| Some((key(&item)?, item))));
    }
    keyed.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    more |= keyed.len() > limit;
    keyed.truncate(limit);
    let next_cursor = keyed.last().filter(|_| more).map(|((instant, id), _)| format!("{instant}.{id}"));
    Page { items: keyed.into_iter().map(|(_, item)| item).collect(), next_cursor, incomplete }
}

/// What an item is sorted by.
fn key(item: &Value) -> Option<(i64, String)> {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    let created_at: jiff::Timestamp = text("created_at")?.parse().ok()?;
    Some((created_at.as_microsecond(), text("id")?.to_owned()))
}

/// What a query says of a parameter, as it is written.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// How many items are asked for. What is wrong with it the regions say.
fn size(query: &str) -> usize {
    parameter(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(limits::LIST_ITEMS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(second: i64, id: &str) -> Value {
        let created_at = jiff::Timestamp::from_second(second).unwrap().to_string();
        json!({"id": id, "created_at": created_at})
    }

    /// A region's page of its items, newest first, as its component makes it.
    fn page(items: &[(i64, &'static str)], cursor: Option<&str>, limit: usize) -> Page {
        let after = cursor.map(|cursor| {
            let (instant, id) = cursor.split_once('.').unwrap();
            (instant.parse::<i64>().unwrap() / 1_000_000, id.to_owned())
        });
        let mut left: Vec<_> =
            items.iter().filter(|(second, id)| after.as_ref().is_none_or(|after| (*second, (*id).to_owned()) < *after)).collect();
        left.sort_unstable_by(|one, other| other.cmp(one));
        let more = left.len() > limit;
        left.truncate(limit);
        let next_cursor = left.last().filter(|_| more).map(|(second, id)| format!("{}.{id}", second * 1_000_000));
        Page { items: left.iter().map(|(second, id)| item(*second, id)).collect(), next_cursor, incomplete: vec![] }
    }

    #[test]
    fn each_region_continues_from_its_own_cursor() {
        let eu = [(9, "eu_9"), (7, "eu_7"), (5, "eu_5"), (5, "eu_4")];
        let us = [(8, "us_8"), (5, "us_5"), (1, "us_1")];
        for limit in 1..=8 {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let pages = [&eu[..], &us[..]].map(|items| page(items, cursor.as_deref(), limit));
                let merged = merge(pages.into_iter(), limit, vec![]);
                assert!(merged.items.len() <= limit);
                seen.extend(merged.items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
                cursor = merged.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, ["eu_9", "us_8", "eu_7", "us_5", "eu_5", "eu_4", "us_1"], "{limit} at a time");
        }
    }

    #[test]
    fn regions_that_did_not_answer_are_named() {
        let merged = merge([page(&[(1, "eu_1")], None, 5)].into_iter(), 5, vec!["us".to_owned()]);
        let json = serde_json::to_value(&merged).unwrap();
        assert_eq!((&json["incomplete"], &json["next_cursor"]), (&json!(["us"]), &Value::Null));
        let whole = merge([page(&[], None, 5)].into_iter(), 5, vec![]);
        assert!(serde_json::to_value(&whole).unwrap().get("incomplete").is_none());
    }

    #[test]
    fn archives_of_regions_become_one() {
        let of = |files: &[(&str, &[u8])]| {
            let mut archive = Archive::new();
            files.iter().for_each(|(name, content)| archive.add(name, content).unwrap());
            archive.finish().unwrap()
        };
        let (eu, us) = ([("eu/data.json", &b"{}"[..]), ("eu/papers/a.pdf", b"%PDF")], [("us/data.json", &b"[]"[..])]);
        let all = join_archives([of(&eu), of(&us)].iter().map(Vec::as_slice)).unwrap();
        assert_eq!(archive::files(&all).unwrap(), [&eu[..], &us].concat());
        assert!(join_archives([of(&eu).as_slice(), b"{}"].into_iter()).is_err());
    }

    #[test]
    fn who_takes_an_archive_waits_for_one() {
        for (accept, waits) in [
            ("application/zip", true),
            ("application/json;q=0.2, Application/ZIP", true),
            ("application/json", false),
            ("*/*", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_archive(&headers), waits, "{accept}");
        }
        assert!(!wants_archive(&HeaderMap::new()));
    }

    #[test]
    fn page_sizes_are_parsed() {
        for (query, limit) in [("", limits::LIST_ITEMS), ("status=held&limit=7", 7), ("limit=x", limits::LIST_ITEMS)] {
            assert_eq!(size(query), limit, "{query}");
        }
    }
}
