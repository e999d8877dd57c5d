//! Files of pictures on their way to a store of objects, from there, and out of it.
//!
//! The database is the judge: an object that it does not say is kept is nobody's. So nothing has to be undone where the store, the database or this program
//! ends in between: what was written for nothing is deleted when it is due.

use std::sync::atomic::{AtomicI64, Ordering};

use kit::{Problem, id, sql, time};

use super::convert::{File, Format};
use super::objects::{Objects, Settings};
use super::store::{self, Moving};
use crate::limits;

/// Writes a picture's files to the store; their keys. Nobody has them yet: they are to be taken into use, or given up by [`abandon`].
pub async fn upload(objects: &impl Objects, image: &str, files: &[File], format: Format) -> Result<Vec<String>, Problem> {
    let mut tx = sql::write().await?;
    let attempt = id::unique(tx.now());
    let announced: Vec<Moving<String>> = files
        .iter()
        .map(|File { size, .. }| Moving {
            image: image.to_owned(),
            size: size.clone(),
            content: format!("{image}/{attempt}-{}.{}", size.width, format.name()),
        })
        .collect();
    store::announce(&mut tx, &announced).await?;
    tx.commit().await?;
    let keys: Vec<String> = announced.into_iter().map(|file| file.content).collect();
    for (key, file) in keys.iter().zip(files) {
        if let Err(failure) = objects.put(key, file.content.clone(), format).await {
            abandon(&keys).await;
            return Err(failure.into());
        }
    }
    Ok(keys)
}

/// Gives up what was written and is not in use. What fails here is found when it is due.
pub async fn abandon(keys: &[String]) {
    let abandoned = async {
        let mut tx = sql::write().await?;
        store::abandon(&mut tx, keys).await?;
        Ok::<(), Problem>(tx.commit().await?)
    };
    if let Err(problem) = abandoned.await {
        report(&problem);
    }
}

/// Deletes in the store what nobody has any more, so much of it; how much that was.
pub async fn clean(objects: &impl Objects, most: i64) -> Result<usize, Problem> {
    let mut tx = sql::read().await?;
    let due = store::due(&mut tx, most).await?;
    tx.rollback().await?;
    let mut deleted = 0;
    for key in &due {
        let mut tx = sql::write().await?;
        let claimed = store::claim(&mut tx, key).await?;
        tx.commit().await?;
        if claimed {
            objects.delete(key).await?;
            let mut tx = sql::write().await?;
            store::gone(&mut tx, key).await?;
            tx.commit().await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Moves a file from the database to the store; whether there was one.
async fn move_out(objects: &impl Objects) -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let found = store::any_here(&mut tx).await?;
    tx.rollback().await?;
    let Some((Moving { image, size, content }, format)) = found else { return Ok(false) };
    let keys = upload(objects, &image, &[File { size: size.clone(), content }], format).await?;
    for key in &keys {
        let mut tx = sql::write().await?;
        store::moved_out(&mut tx, &Moving { image: image.clone(), size: size.clone(), content: key.clone() }).await?;
        tx.commit().await?;
    }
    abandon(&keys).await;
    Ok(true)
}

/// Moves a file from the store to the database; whether there was one.
async fn move_in(objects: &impl Objects) -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let found = store::any_object(&mut tx).await?;
    tx.rollback().await?;
    let Some(Moving { image, size, content: key }) = found else { return Ok(false) };
    let Some(content) = objects.get(&key).await? else { return Err(lost(&key)) };
    let mut tx = sql::write().await?;
    store::moved_in(&mut tx, &Moving { image, size, content }, &key).await?;
    tx.commit().await?;
    Ok(true)
}

/// An object that should be there is not.
pub fn lost(key: &str) -> Problem {
    let detail =
        "The file of this picture is missing where pictures are kept. Take the picture from the event and send it again.";
    let mut problem = Problem::unavailable(detail, limits::OBJECTS_RETRY_MILLISECONDS);
    problem.log =
        Some(format!("the store of pictures has lost {key}: put it back, or take the picture from its events and send it again"));
    problem
}

/// Deletes what nobody has any more, for those who have their answer already: what fails now is done later.
pub async fn clean_later(objects: &impl Objects) {
    if let Err(problem) = clean(objects, limits::OBJECTS_DELETED_BESIDE).await {
        report(&problem);
    }
}

/// Until when this is left alone, after it has failed.
static PAUSED: AtomicI64 = AtomicI64::new(0);

/// What is due: something is deleted, and some files are moved to where they belong.
pub async fn tick() {
    if time::now() < PAUSED.load(Ordering::Relaxed) {
        return;
    }
    let done = async {
        let settings = Settings::read().await?;
        let Some(objects) = &settings.store else { return Ok(()) };
        work(objects, settings.for_new().is_some()).await
    };
    if let Err(problem) = done.await {
        PAUSED.store(time::now() + limits::OBJECTS_PAUSE, Ordering::Relaxed);
        report(&problem);
    }
}

/// A tick's share, with this store; `out` of the database is where files belong.
pub async fn work(objects: &impl Objects, out: bool) -> Result<(), Problem> {
    clean(objects, limits::OBJECTS_DELETED).await?;
    for _ in 0..limits::OBJECTS_MOVED {
        let moved = if out { move_out(objects).await? } else { move_in(objects).await? };
        if !moved {
            break;
        }
    }
    Ok(())
}

fn report(problem: &Problem) {
    kit::router::log(&format!("pictures: not done yet: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
}
