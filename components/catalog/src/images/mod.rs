//! The picture of an event: sent, taken away, and given to everybody.
//!
//! A picture's address is made of what its files are, and its first part is the region that has them: whoever asks at any edge gets them from there, and
//! then from the edge's memory, for what an address leads to never changes.

mod convert;
mod objects;
mod store;
mod transfer;

use image::ImageFormat;
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, hash, id, identity::Claims, problem, sql};
use read_model::{EventDoc, Image, ImageSize};
use serde::Serialize;

use objects::{Objects as _, Settings};
use store::Place;
pub use store::{Picture, column, hold, save, tidy_replaced};
pub use transfer::tick;

use crate::write::{self, EventCommand};
use crate::{conditions, limits, store as events};

/// `PUT /api/events/{id}/image`
pub async fn put(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let event = check(&request, &claims).await?;
    let format = format(&request)?;
    let files = convert::convert(&request.body, format).map_err(|detail| Problem::fault("", detail))?;
    let contents: Vec<&[u8]> = files.iter().map(|file| &*file.content).collect();
    let digest = hash::sha256(&contents).chars().take(limits::IMAGE_DIGEST).collect();
    let mut picture = Picture { digest, files, keys: None };
    let settings = Settings::read().await?;
    let Some(objects) = settings.for_new() else {
        return write::apply(&request, &claims, &EventCommand::Image(Some(picture))).await;
    };
    let keys = transfer::upload(objects, &picture.image(&event.region).id, &picture.files).await?;
    picture.keys = Some(keys.clone());
    let answer = write::apply(&request, &claims, &EventCommand::Image(Some(picture))).await;
    // Whatever came of it: what is in use by now stays.
    transfer::abandon(&keys).await;
    transfer::clean_later(objects).await;
    answer
}

/// `DELETE /api/events/{id}/image`
pub async fn remove(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let answer = write::apply(&request, &claims, &EventCommand::Image(None)).await?;
    // It is done: what the settings say cannot undo it.
    if let Ok(Settings { store: Some(objects), .. }) = Settings::read().await {
        transfer::clean_later(&objects).await;
    }
    Ok(answer)
}

/// `GET /api/images/{file}`
pub async fn show(request: Request) -> Answer {
    let (id, width) = named(request.parameter("file")).ok_or_else(Problem::not_found)?;
    let place = find(id, width).await?;
    let tag = format!("\"{id}-{width}\"");
    let response = if conditions::not_modified(&request, &tag) {
        Response::empty(304)
    } else {
        Response::new(200, "image/jpeg", content(id, width, place).await?)
    };
    Ok(response.header("etag", tag).header("cache-control", "public, max-age=31536000, immutable"))
}

async fn find(id: &str, width: u32) -> Result<Place, Problem> {
    let mut tx = sql::read().await?;
    let place = store::find(&mut tx, id, width).await?.ok_or_else(Problem::not_found)?;
    tx.rollback().await?;
    Ok(place)
}

/// What is in this place, or in the one where the file is meanwhile: it may have been moved, or deleted.
async fn content(id: &str, width: u32, place: Place) -> Result<Vec<u8>, Problem> {
    let key = match place {
        Place::Here(content) => return Ok(content),
        Place::Object(key) => key,
    };
    let settings = Settings::read().await?;
    let unset = || Problem::internal(format_args!("variable s3_endpoint: {key} is in a store of objects, and it is empty"));
    let objects = settings.store.as_ref().ok_or_else(unset)?;
    if let Some(content) = objects.get(&key).await? {
        return Ok(content);
    }
    match find(id, width).await? {
        Place::Here(content) => Ok(content),
        Place::Object(now) if now == key => Err(transfer::lost(&key)),
        Place::Object(now) => objects.get(&now).await?.ok_or_else(|| transfer::lost(&now)),
    }
}

/// The kind of picture that a request says it has.
///
/// # Errors
/// 415 where that is none that is taken.
fn format(request: &Request) -> Result<ImageFormat, Problem> {
    let said = request.header("content-type").unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    let known = convert::KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(said));
    known.map(|(_, format)| *format).ok_or_else(|| {
        let names = convert::KINDS.map(|(name, _)| name).join(", ");
        Problem::new(problem::UNSUPPORTED_MEDIA_TYPE, format!("Send a picture with a Content-Type of one of these: {names}."))
    })
}

/// The event; who may not change it is refused, before anything is made of what they sent.
async fn check(request: &Request, claims: &Claims) -> Result<EventDoc, Problem> {
    let mut tx = sql::read().await?;
    let stored = events::load(&mut tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
    team::require(&mut tx, claims, &stored.doc.organiser_id, Permission::EditEvents).await?;
    tx.rollback().await?;
    Ok(stored.doc)
}

/// The picture and the width that a file's name says: it has one name only.
fn named(file: &str) -> Option<(&str, u32)> {
    let (id, digits) = file.strip_suffix(".jpg")?.rsplit_once('-')?;
    let width: u32 = digits.parse().ok()?;
    (id::valid(id) && width.to_string() == digits).then_some((id, width))
}

/// A picture as the API shows it.
#[derive(Serialize)]
pub struct ImageDocument {
    #[serde(flatten)]
    largest: FileDocument,
    sizes: Vec<FileDocument>,
}

#[derive(Clone, Serialize)]
struct FileDocument {
    url: String,
    width: u32,
    height: u32,
}

impl ImageDocument {
    /// None without a file, of which there is always one.
    pub fn new(image: &Image) -> Option<Self> {
        let file = |size: &ImageSize| FileDocument {
            url: format!("/api/images/{}-{}.jpg", image.id, size.width),
            width: size.width,
            height: size.height,
        };
        let sizes: Vec<_> = image.sizes.iter().map(file).collect();
        Some(Self { largest: sizes.last()?.clone(), sizes })
    }
}

#[cfg(test)]
mod tests;
