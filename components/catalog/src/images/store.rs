//! Pictures in SQL: each once, however many events show it. Their files are in the database, or in a store of objects, whose keys are here.
//!
//! No transaction is open while the store is asked. What is to be written there is written down before, as `writing`; with the event that is to have it, it is
//! `kept`; and what nobody has any more is `unused`, until it is deleted there. A key is used once, so that whoever deletes late deletes nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::params;
use kit::sql::{self, Error, Tx, Value};
use read_model::{EventDoc, Image, ImageSize};

use super::Slot;
use super::convert::{File, Format};
use crate::limits;

/// A picture that an event is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Of its files.
    pub digest: String,
    /// What all its files are.
    pub format: Format,
    /// The largest last.
    pub files: Vec<File>,
    /// Their keys in the store of objects, in the same order; none: the database has them.
    pub keys: Option<Vec<String>>,
}

impl Picture {
    /// As events of this region have it.
    pub fn image(&self, region: &str) -> Image {
        let sizes = self.files.iter().map(|file| file.size.clone()).collect();
        Image { id: format!("{region}_{}", self.digest), sizes }
    }
}

/// An event's picture, as it stands in its row.
pub fn column(image: Option<&Image>) -> Result<String, Error> {
    serde_json::to_string(&image).map_err(|error| Error::Other(format!("a picture does not serialize: {error}")))
}

/// Keeps a picture's files, unless they are there; whether it did. Until this transaction ends nobody else finds that no event has it.
pub async fn save(tx: &mut Tx, id: &str, picture: &Picture) -> Result<bool, Error> {
    let now = tx.now();
    // What is there is locked by being set to what it is.
    let statement =
        "INSERT INTO images (id, format, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET id = excluded.id";
    tx.execute(statement, params![id, picture.format.name(), now]).await?;
    let statement = "SELECT (SELECT COUNT(*) FROM image_files WHERE image = $1) + (SELECT COUNT(*) FROM image_objects WHERE image = $1 AND state = 'kept')";
    let there = tx.one::<(i64,)>(statement, params![id]).await?.map_or(0, |(there,)| there);
    if usize::try_from(there).unwrap_or_default() >= picture.files.len() {
        return Ok(true);
    }
    if let Some(keys) = &picture.keys {
        // Fewer where it took so long that they were taken for forgotten.
        return Ok(take_into_use(tx, keys).await? == keys.len());
    }
    let mut parameters: Vec<Value> = Vec::with_capacity(picture.files.len() * 4);
    for File { size, content } in &picture.files {
        parameters.extend(params![id, size.width, size.height, STANDARD.encode(content)]);
    }
    let rows = sql::rows(picture.files.len(), 4);
    let statement =
        format!("INSERT INTO image_files (image, width, height, content) VALUES {rows} ON CONFLICT (image, width) DO NOTHING");
    tx.execute(&statement, parameters).await?;
    Ok(true)
}

/// Keeps others from deleting a picture until this transaction ends; whether it is there.
pub async fn hold(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    let statement = format!("SELECT 1 FROM images WHERE id = $1{}", tx.shared_lock());
    Ok(tx.one::<(i64,)>(&statement, params![id]).await?.is_some())
}

/// Deletes a picture that no event has, nor is about to have.
pub async fn tidy(tx: &mut Tx, image: &Image) -> Result<(), Error> {
    if !hold_alone(tx, &image.id).await? {
        return Ok(());
    }
    // After the lock, so that whoever had it before is seen with what they did.
    let shown = "SELECT 1 FROM events WHERE image = $1 AND image <> 'null' \
                 UNION ALL SELECT 1 FROM events WHERE logo = $1 AND logo <> 'null' LIMIT 1";
    let pending = "SELECT 1 FROM events WHERE pending IS NOT NULL AND pending LIKE $1 LIMIT 1";
    if tx.one::<(i64,)>(shown, params![column(Some(image))?]).await?.is_some()
        || tx.one::<(i64,)>(pending, params![format!("%{}%", image.id)]).await?.is_some()
    {
        return Ok(());
    }
    let now = tx.now();
    tx.execute("DELETE FROM image_files WHERE image = $1", params![&image.id]).await?;
    let statement = "UPDATE image_objects SET state = 'unused', due_at = $2 WHERE image = $1 AND state = 'kept'";
    tx.execute(statement, params![&image.id, now]).await?;
    tx.execute("DELETE FROM images WHERE id = $1", params![&image.id]).await.map(drop)
}

/// As [`tidy`], of the pictures that `old` had and `new` has not.
pub async fn tidy_replaced(tx: &mut Tx, old: &EventDoc, new: &EventDoc) -> Result<(), Error> {
    for slot in Slot::ALL {
        if let Some(image) = slot.of(old)
            && slot.of(new) != Some(image)
        {
            tidy(tx, image).await?;
        }
    }
    Ok(())
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the database, from where this is.
    Here(Vec<u8>),
    /// In the store of objects, under this key.
    Object(String),
}

/// A file of a picture, by its width, where the picture's files are of this format.
pub async fn find(tx: &mut Tx, id: &str, width: u32, format: Format) -> Result<Option<Place>, Error> {
    let statement = "SELECT f.content FROM image_files f JOIN images i ON i.id = f.image WHERE f.image = $1 AND f.width = $2 AND i.format = $3";
    if let Some((content,)) = tx.one::<(String,)>(statement, params![id, width, format.name()]).await? {
        return decoded(id, width, &content).map(|content| Some(Place::Here(content)));
    }
    let statement = "SELECT o.key FROM image_objects o JOIN images i ON i.id = o.image \
                     WHERE o.image = $1 AND o.width = $2 AND o.state = 'kept' AND i.format = $3";
    Ok(tx.one::<(String,)>(statement, params![id, width, format.name()]).await?.map(|(key,)| Place::Object(key)))
}

fn decoded(id: &str, width: u32, content: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(content).map_err(|error| Error::Other(format!("picture {id}, width {width}: {error}")))
}

/// A file that is to go from the database to the store, or back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving<C> {
    pub image: String,
    pub size: ImageSize,
    /// What it is, or where.
    pub content: C,
}

/// Some file that the database has, and what it is.
pub async fn any_here(tx: &mut Tx) -> Result<Option<(Moving<Vec<u8>>, Format)>, Error> {
    let statement = "SELECT f.image, f.width, f.height, f.content, i.format FROM image_files f JOIN images i ON i.id = f.image \
                     ORDER BY f.image, f.width LIMIT 1";
    let row: Option<(String, u32, u32, String, String)> = tx.one(statement, []).await?;
    let Some((image, width, height, content, format)) = row else { return Ok(None) };
    let content = decoded(&image, width, &content)?;
    let format = Format::named(&format).ok_or_else(|| Error::Other(format!("picture {image} of format {format}")))?;
    Ok(Some((Moving { image, size: ImageSize { width, height }, content }, format)))
}

/// Some file that the store has, by its key.
pub async fn any_object(tx: &mut Tx) -> Result<Option<Moving<String>>, Error> {
    let statement = "SELECT image, width, height, key FROM image_objects WHERE state = 'kept' ORDER BY image, width LIMIT 1";
    let row: Option<(String, u32, u32, String)> = tx.one(statement, []).await?;
    Ok(row.map(|(image, width, height, key)| Moving { image, size: ImageSize { width, height }, content: key }))
}

/// The store has this file now, and the database no more; unless nobody has the picture any more.
pub async fn moved_out(tx: &mut Tx, file: &Moving<String>) -> Result<(), Error> {
    let Moving { image, size, content: key } = file;
    if !hold_alone(tx, image).await? {
        return Ok(());
    }
    let statement = "SELECT 1 FROM image_objects WHERE image = $1 AND width = $2 AND state = 'kept'";
    let there = tx.one::<(i64,)>(statement, params![image, size.width]).await?.is_some();
    if there || take_into_use(tx, std::slice::from_ref(key)).await? == 1 {
        tx.execute("DELETE FROM image_files WHERE image = $1 AND width = $2", params![image, size.width]).await?;
    }
    Ok(())
}

/// The database has this file now, of that key, and the store no more; unless nobody has the picture any more.
pub async fn moved_in(tx: &mut Tx, file: &Moving<Vec<u8>>, key: &str) -> Result<(), Error> {
    let (now, Moving { image, size, content }) = (tx.now(), file);
    if !hold_alone(tx, image).await? {
        return Ok(());
    }
    let statement = "UPDATE image_objects SET state = 'unused', due_at = $2 WHERE key = $1 AND state = 'kept'";
    if tx.execute(statement, params![key, now]).await? == 1 {
        let statement = "INSERT INTO image_files (image, width, height, content) VALUES ($1, $2, $3, $4) ON CONFLICT (image, width) DO NOTHING";
        tx.execute(statement, params![image, size.width, size.height, STANDARD.encode(content)]).await?;
    }
    Ok(())
}

/// Locks a picture; whether it is there.
async fn hold_alone(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    let statement = format!("SELECT 1 FROM images WHERE id = $1{}", tx.exclusive_lock());
    Ok(tx.one::<(i64,)>(&statement, params![id]).await?.is_some())
}

/// Notes files that are about to be written to the store: each key with its picture and size. If it comes to nothing else they are deleted there.
pub async fn announce(tx: &mut Tx, files: &[Moving<String>]) -> Result<(), Error> {
    let due = tx.now() + limits::OBJECTS_WRITTEN;
    let mut parameters: Vec<Value> = Vec::with_capacity(files.len() * 6);
    for Moving { image, size, content: key } in files {
        parameters.extend(params![key, image, size.width, size.height, "writing", due]);
    }
    let rows = sql::rows(files.len(), 6);
    let statement = format!("INSERT INTO image_objects (key, image, width, height, state, due_at) VALUES {rows}");
    tx.execute(&statement, parameters).await.map(drop)
}

/// Takes what was written into use; how many of them.
async fn take_into_use(tx: &mut Tx, keys: &[String]) -> Result<usize, Error> {
    let statement =
        format!("UPDATE image_objects SET state = 'kept' WHERE state = 'writing' AND key IN ({})", sql::list(1, keys.len()));
    let taken = tx.execute(&statement, keys.iter().map(Value::from)).await?;
    Ok(usize::try_from(taken).unwrap_or_default())
}

/// What was written and is not in use will not be.
pub async fn abandon(tx: &mut Tx, keys: &[String]) -> Result<(), Error> {
    let now = tx.now();
    let statement = format!(
        "UPDATE image_objects SET state = 'unused', due_at = $1 WHERE state = 'writing' AND key IN ({})",
        sql::list(2, keys.len())
    );
    tx.execute(&statement, params![now].into_iter().chain(keys.iter().map(Value::from))).await.map(drop)
}

/// Keys of what is to be deleted in the store.
pub async fn due(tx: &mut Tx, limit: i64) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let statement = "SELECT key FROM image_objects WHERE state <> 'kept' AND due_at <= $1 ORDER BY due_at, key LIMIT $2";
    let rows: Vec<(String,)> = tx.all(statement, params![now, limit]).await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Takes it on to delete one there: nobody takes it into use from now on, and nobody else deletes it for a while. Whether there is anything to do.
pub async fn claim(tx: &mut Tx, key: &str) -> Result<bool, Error> {
    let (now, again) = (tx.now(), tx.now() + limits::OBJECTS_AGAIN);
    let statement = "UPDATE image_objects SET state = 'unused', due_at = $3 WHERE key = $1 AND state <> 'kept' AND due_at <= $2";
    Ok(tx.execute(statement, params![key, now, again]).await? > 0)
}

/// It is not there any more.
pub async fn gone(tx: &mut Tx, key: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM image_objects WHERE key = $1 AND state = 'unused'", params![key]).await.map(drop)
}
