//! The picture and the logo of an event: sent, taken away, and given to everybody.
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

use convert::Format;
use objects::{Objects as _, Settings};
use store::Place;
pub use store::{Picture, column, hold, save, tidy_replaced};
pub use transfer::tick;

use crate::write::{self, EventCommand};
use crate::{conditions, limits, store as events};

/// Which of an event's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// What its cards and its page begin with.
    Picture,
    /// Whose it is, beside its title.
    Logo,
}

impl Slot {
    pub const ALL: [Self; 2] = [Self::Picture, Self::Logo];

    /// The event's.
    pub const fn of(self, event: &EventDoc) -> Option<&Image> {
        match self {
            Self::Picture => event.image.as_ref(),
            Self::Logo => event.logo.as_ref(),
        }
    }

    /// Where the event has it.
    pub const fn of_mut(self, event: &mut EventDoc) -> &mut Option<Image> {
        match self {
            Self::Picture => &mut event.image,
            Self::Logo => &mut event.logo,
        }
    }
}

/// `PUT /api/events/{id}/image`
pub async fn put(request: Request) -> Answer {
    give(&request, Slot::Picture).await
}

/// `PUT /api/events/{id}/logo`
pub async fn put_logo(request: Request) -> Answer {
    give(&request, Slot::Logo).await
}

/// `DELETE /api/events/{id}/image`
pub async fn remove(request: Request) -> Answer {
    take_away(&request, Slot::Picture).await
}

/// `DELETE /api/events/{id}/logo`
pub async fn remove_logo(request: Request) -> Answer {
    take_away(&request, Slot::Logo).await
}

async fn give(request: &Request, slot: Slot) -> Answer {
    let claims = team::claims(request).await?;
    let event = check(request, &claims).await?;
    let sent = sent_format(request)?;
    let (made, format) = match slot {
        Slot::Picture => (convert::convert(&request.body, sent), Format::Jpeg),
        Slot::Logo => (convert::logo(&request.body, sent), Format::Png),
    };
    let files = made.map_err(|detail| Problem::fault("", detail))?;
    let contents: Vec<&[u8]> = files.iter().map(|file| &*file.content).collect();
    let digest = hash::sha256(&contents).chars().take(limits::IMAGE_DIGEST).collect();
    let mut picture = Picture { digest, format, files, keys: None };
    let settings = Settings::read().await?;
    let Some(objects) = settings.for_new() else {
        return write::apply(request, &claims, &EventCommand::Image(slot, Some(picture))).await;
    };
    let keys = transfer::upload(objects, &picture.image(&event.region).id, &picture.files, format).await?;
    picture.keys = Some(keys.clone());
    let answer = write::apply(request, &claims, &EventCommand::Image(slot, Some(picture))).await;
    // Whatever came of it: what is in use by now stays.
    transfer::abandon(&keys).await;
    transfer::clean_later(objects).await;
    answer
}

async fn take_away(request: &Request, slot: Slot) -> Answer {
    let claims = team::claims(request).await?;
    let answer = write::apply(request, &claims, &EventCommand::Image(slot, None)).await?;
    // It is done: what the settings say cannot undo it.
    if let Ok(Settings { store: Some(objects), .. }) = Settings::read().await {
        transfer::clean_later(&objects).await;
    }
    Ok(answer)
}

/// `GET /api/images/{file}`
pub async fn show(request: Request) -> Answer {
    let (id, width, format) = named(request.parameter("file")).ok_or_else(Problem::not_found)?;
    let place = find(id, width, format).await?;
    let tag = format!("\"{id}-{width}\"");
    let response = if conditions::not_modified(&request, &tag) {
        Response::empty(304)
    } else {
        Response::new(200, format.media_type(), content(id, width, format, place).await?)
    };
    Ok(response.header("etag", tag).header("cache-control", "public, max-age=31536000, immutable"))
}

async fn find(id: &str, width: u32, format: Format) -> Result<Place, Problem> {
    let mut tx = sql::read().await?;
    let place = store::find(&mut tx, id, width, format).await?.ok_or_else(Problem::not_found)?;
    tx.rollback().await?;
    Ok(place)
}

/// What is in this place, or in the one where the file is meanwhile: it may have been moved, or deleted.
async fn content(id: &str, width: u32, format: Format, place: Place) -> Result<Vec<u8>, Problem> {
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
    match find(id, width, format).await? {
        Place::Here(content) => Ok(content),
        Place::Object(now) if now == key => Err(transfer::lost(&key)),
        Place::Object(now) => objects.get(&now).await?.ok_or_else(|| transfer::lost(&now)),
    }
}

/// The kind of picture that a request says it has.
///
/// # Errors
/// 415 where that is none that is taken.
fn sent_format(request: &Request) -> Result<ImageFormat, Problem> {
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

/// The picture, the width and the format that a file's name says: it has one name only.
fn named(file: &str) -> Option<(&str, u32, Format)> {
    let (name, format) = file.rsplit_once('.')?;
    let (id, digits) = name.rsplit_once('-')?;
    let width: u32 = digits.parse().ok()?;
    (id::valid(id) && width.to_string() == digits).then_some((id, width, Format::named(format)?))
}

/// A picture as the API shows it.
#[derive(Serialize)]
pub struct ImageDocument {
    #[serde(flatten)]
    largest: FileDocument,
    sizes: Vec<FileDocument>,
}

/// A file of one; of a logo, which has no other.
#[derive(Clone, Serialize)]
pub struct FileDocument {
    url: String,
    width: u32,
    height: u32,
}

impl FileDocument {
    fn new(image: &Image, size: &ImageSize, format: Format) -> Self {
        let url = format!("/api/images/{}-{}.{}", image.id, size.width, format.name());
        Self { url, width: size.width, height: size.height }
    }

    /// None without a file, of which there is always one.
    pub fn of_logo(logo: &Image) -> Option<Self> {
        logo.sizes.last().map(|size| Self::new(logo, size, Format::Png))
    }
}

impl ImageDocument {
    /// None without a file, of which there is always one.
    pub fn new(image: &Image) -> Option<Self> {
        let sizes: Vec<_> = image.sizes.iter().map(|size| FileDocument::new(image, size, Format::Jpeg)).collect();
        Some(Self { largest: sizes.last()?.clone(), sizes })
    }
}

#[cfg(test)]
mod tests;
