//! Pictures in both databases, and what their files are called.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use kit::sql::testing::{Database, ready};
use read_model::{EventDoc, EventStatus, ImageSize};

use super::convert::File;
use super::objects::{Failure, Objects};
use super::*;
use crate::draft::{self, tests::event};
use crate::store as events;

#[test]
fn a_file_has_one_name() {
    assert_eq!(named("eu_0a1-480.jpg"), Some(("eu_0a1", 480, Format::Jpeg)));
    assert_eq!(named("eu_0a1-480.png"), Some(("eu_0a1", 480, Format::Png)));
    for other in
        ["eu_0a1-0480.jpg", "eu_0a1-+480.jpg", "eu_0a1-480.jpeg", "eu_0a1-480", "eu_0a1.jpg", "0a1-480.jpg", "-480.jpg", ""]
    {
        assert_eq!(named(other), None, "{other}");
    }
    let image = Image { id: "eu_0a1".to_owned(), sizes: Vec::new() };
    assert!(ImageDocument::new(&image).is_none() && FileDocument::of_logo(&image).is_none());
}

fn picture(digest: &str) -> Picture {
    let file = |width, content: &[u8]| File { size: ImageSize { width, height: 9 }, content: content.to_vec() };
    let files = vec![file(48, b"small\xff"), file(128, b"large\0")];
    Picture { digest: digest.to_owned(), format: Format::Jpeg, files, keys: None }
}

/// The same files, as a logo.
fn logo(digest: &str) -> Picture {
    Picture { format: Format::Png, ..picture(digest) }
}

#[test]
fn a_picture_is_kept_once_and_as_long_as_an_event_has_it() {
    for database in Database::all() {
        database.enter();
        database.set_now(event().starts_at - 1);
        database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 1)");
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let (one, other) = (picture("one"), picture("other"));
            let (image, another) = (one.image("eu"), other.image("eu"));
            let first = EventDoc { image: Some(image.clone()), ..event() };
            let mut copy = EventDoc { id: "eu_2".to_owned(), ..first.clone() };
            copy.ticket_types[0].id = "eu_t2".to_owned();
            for (doc, picture) in [(&first, &one), (&copy, &one)] {
                assert!(save(&mut tx, "eu_one", picture).await.unwrap());
                events::insert(&mut tx, doc, "u", 24).await.unwrap();
            }
            save(&mut tx, "eu_other", &other).await.unwrap();
            let stored = events::load(&mut tx, "eu_1").await.unwrap().unwrap().doc;
            assert_eq!(stored, first, "the event says which picture it has");
            for (width, place) in [(48, Some(b"small\xff".to_vec())), (128, Some(b"large\0".to_vec())), (64, None)] {
                assert_eq!(store::find(&mut tx, "eu_one", width, Format::Jpeg).await.unwrap(), place.map(Place::Here));
            }

            let replaced = draft::set_image(&first, Slot::Picture, Some(another.clone())).unwrap();
            assert_eq!((replaced.revision, &replaced.image), (first.revision + 1, &Some(another.clone())));
            assert!(events::update(&mut tx, &replaced, first.revision, None, None, None).await.unwrap());
            tidy_replaced(&mut tx, &first, &replaced).await.unwrap();
            assert!(hold(&mut tx, "eu_one").await.unwrap(), "the copy has it");
            tidy_replaced(&mut tx, &replaced, &replaced).await.unwrap();
            assert!(hold(&mut tx, "eu_other").await.unwrap());

            let without = draft::set_image(&copy, Slot::Picture, None).unwrap();
            // Somebody wants it by a step that is not finished.
            let wanted = r#"{"doc":{"image":{"id":"eu_one"}}}"#;
            assert!(events::update(&mut tx, &without, copy.revision, None, Some(wanted), None).await.unwrap());
            tidy_replaced(&mut tx, &copy, &without).await.unwrap();
            assert!(hold(&mut tx, "eu_one").await.unwrap(), "an event is about to have it");
            assert!(events::set_pending(&mut tx, &copy.id, without.revision, Some(wanted), None).await.unwrap());
            tidy_replaced(&mut tx, &copy, &without).await.unwrap();
            assert!(!hold(&mut tx, "eu_one").await.unwrap());
            assert_eq!(store::find(&mut tx, "eu_one", 48, Format::Jpeg).await.unwrap(), None);
            tx.rollback().await.unwrap();
        });
    }
}

#[test]
fn a_logo_is_kept_beside_the_picture() {
    for database in Database::all() {
        database.enter();
        database.set_now(event().starts_at - 1);
        database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 1)");
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let (cover, sign) = (picture("one"), logo("two"));
            let both = EventDoc { image: Some(cover.image("eu")), logo: Some(sign.image("eu")), ..event() };
            assert!(save(&mut tx, "eu_one", &cover).await.unwrap() && save(&mut tx, "eu_two", &sign).await.unwrap());
            events::insert(&mut tx, &both, "u", 24).await.unwrap();
            assert_eq!(events::load(&mut tx, "eu_1").await.unwrap().unwrap().doc, both);
            for (id, format, there) in [
                ("eu_one", Format::Jpeg, true),
                ("eu_one", Format::Png, false),
                ("eu_two", Format::Png, true),
                ("eu_two", Format::Jpeg, false),
            ] {
                assert_eq!(store::find(&mut tx, id, 48, format).await.unwrap().is_some(), there, "{id} {format:?}");
            }
            // What has either is not deleted; what had it is.
            for image in [&both.image, &both.logo] {
                store::tidy(&mut tx, image.as_ref().unwrap()).await.unwrap();
            }
            assert!(hold(&mut tx, "eu_one").await.unwrap() && hold(&mut tx, "eu_two").await.unwrap());
            let without = draft::set_image(&both, Slot::Logo, None).unwrap();
            assert_eq!((without.revision, &without.image), (both.revision + 1, &both.image));
            assert!(events::update(&mut tx, &without, both.revision, None, None, None).await.unwrap());
            tidy_replaced(&mut tx, &both, &without).await.unwrap();
            assert!(hold(&mut tx, "eu_one").await.unwrap() && !hold(&mut tx, "eu_two").await.unwrap());
            tx.rollback().await.unwrap();
        });
    }
}

#[test]
fn a_cancelled_event_keeps_its_picture() {
    let off = EventDoc { status: EventStatus::Cancelled, image: Some(picture("one").image("eu")), ..event() };
    assert!(draft::set_image(&off, Slot::Picture, None).is_err());
    let same = draft::set_image(&event(), Slot::Logo, None).unwrap();
    assert_eq!(same.revision, event().revision, "nothing changes");
}

/// A store of objects that may be away.
#[derive(Default)]
struct Shelf {
    objects: RefCell<BTreeMap<String, Vec<u8>>>,
    away: Cell<bool>,
    /// Of what is asked so much is done before it is away.
    left: Cell<Option<usize>>,
}

impl Shelf {
    fn ask(&self) -> Result<(), Failure> {
        let left = self.left.get();
        self.left.set(left.map(|left| left.saturating_sub(1)));
        if self.away.get() || left == Some(0) { Err(Failure::Away("it is away".to_owned())) } else { Ok(()) }
    }

    fn contents(&self) -> Vec<Vec<u8>> {
        let mut contents: Vec<_> = self.objects.borrow().values().cloned().collect();
        contents.sort();
        contents
    }
}

impl Objects for Shelf {
    async fn put(&self, key: &str, content: Vec<u8>, format: Format) -> Result<(), Failure> {
        self.ask()?;
        assert_eq!(key.rsplit_once('.').and_then(|(_, name)| Format::named(name)), Some(format), "{key}");
        assert_eq!(self.objects.borrow_mut().insert(key.to_owned(), content), None, "a key is used once");
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.ask()?;
        Ok(self.objects.borrow().get(key).cloned())
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.ask()?;
        self.objects.borrow_mut().remove(key);
        Ok(())
    }
}

const NOW: i64 = 1_790_000_000_000_000;

/// Two databases with an organiser, and a store for each.
fn shelves() -> impl Iterator<Item = (Arc<Database>, Shelf)> {
    Database::all().into_iter().map(|database| {
        database.enter();
        database.set_now(NOW);
        database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 1)");
        (database, Shelf::default())
    })
}

async fn written<T>(work: impl AsyncFnOnce(&mut sql::Tx) -> Result<T, sql::Error>) -> T {
    let mut tx = sql::write().await.unwrap();
    let done = work(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    done
}

/// Sends a picture as `put` does: whether it was kept.
async fn send(shelf: &Shelf, digest: &str) -> Result<bool, &'static str> {
    let mut picture = picture(digest);
    let id = picture.image("eu").id;
    let keys = transfer::upload(shelf, &id, &picture.files, picture.format).await.map_err(|problem| problem.kind.slug)?;
    picture.keys = Some(keys.clone());
    let kept = written(async |tx| save(tx, &id, &picture).await).await;
    transfer::abandon(&keys).await;
    Ok(kept)
}

async fn remove(digest: &str) {
    let image = picture(digest).image("eu");
    written(async |tx| store::tidy(tx, &image).await).await;
}

fn states(database: &Database) -> Vec<(String, i64)> {
    database.all_rows("SELECT state, COUNT(*) FROM image_objects GROUP BY state ORDER BY state")
}

fn state(name: &str, count: i64) -> (String, i64) {
    (name.to_owned(), count)
}

#[test]
fn objects_are_there_as_long_as_an_event_has_the_picture() {
    for (database, shelf) in shelves() {
        database.enter();
        ready(async {
            assert_eq!(send(&shelf, "one").await, Ok(true));
            let place = written(async |tx| store::find(tx, "eu_one", 128, Format::Jpeg).await).await;
            let Some(Place::Object(key)) = place else { panic!("{place:?}") };
            assert_eq!(shelf.get(&key).await, Ok(Some(b"large\0".to_vec())));
            assert_eq!(written(async |tx| store::find(tx, "eu_one", 64, Format::Jpeg).await).await, None);
            // Once more: it is there, so what was written for it is nobody's.
            assert_eq!(send(&shelf, "one").await, Ok(true));
            assert_eq!((states(&database), shelf.contents().len()), (vec![state("kept", 2), state("unused", 2)], 4));
            assert_eq!(transfer::clean(&shelf, 10).await.unwrap(), 2);
            assert_eq!((states(&database), shelf.contents().len()), (vec![state("kept", 2)], 2));
            assert_eq!(shelf.get(&key).await, Ok(Some(b"large\0".to_vec())));

            // Away when it is to be deleted: it is tried again, and not at once.
            remove("one").await;
            assert_eq!(written(async |tx| store::find(tx, "eu_one", 128, Format::Jpeg).await).await, None);
            shelf.away.set(true);
            assert!(transfer::clean(&shelf, 1).await.is_err());
            shelf.away.set(false);
            assert_eq!((transfer::clean(&shelf, 10).await.unwrap(), shelf.contents().len()), (1, 1));
            database.set_now(NOW + limits::OBJECTS_AGAIN);
            assert_eq!((transfer::clean(&shelf, 10).await.unwrap(), shelf.contents().len()), (1, 0));
            assert!(states(&database).is_empty());
        });
    }
}

#[test]
fn a_picture_that_comes_to_nothing_leaves_nothing() {
    for (database, shelf) in shelves() {
        database.enter();
        ready(async {
            // The store goes away after the first file.
            shelf.left.set(Some(1));
            assert_eq!(send(&shelf, "one").await, Err("unavailable"));
            assert!(!written(async |tx| hold(tx, "eu_one").await).await);
            shelf.left.set(None);
            assert_eq!((states(&database), shelf.contents().len()), (vec![state("unused", 2)], 1));
            assert_eq!((transfer::clean(&shelf, 10).await.unwrap(), shelf.contents().len()), (2, 0));

            // Whoever wrote it ends before anybody has it.
            let mut picture = picture("two");
            picture.keys = Some(transfer::upload(&shelf, "eu_two", &picture.files, picture.format).await.unwrap());
            assert_eq!(transfer::clean(&shelf, 10).await.unwrap(), 0, "it may still be at it");
            database.set_now(NOW + limits::OBJECTS_WRITTEN);
            assert_eq!((transfer::clean(&shelf, 1).await.unwrap(), shelf.contents().len()), (1, 1));
            // And was only slow: it is too late, for one of its files is gone.
            let mut tx = sql::write().await.unwrap();
            assert!(!save(&mut tx, "eu_two", &picture).await.unwrap());
            tx.rollback().await.unwrap();
            transfer::clean(&shelf, 10).await.unwrap();
            assert_eq!((states(&database), shelf.contents().len()), (vec![], 0));
        });
    }
}

#[test]
fn files_move_to_where_they_belong() {
    for (database, shelf) in shelves() {
        database.enter();
        ready(async {
            let expected = [b"large\0".to_vec(), b"large\0".to_vec(), b"small\xff".to_vec(), b"small\xff".to_vec()];
            for picture in [picture("one"), logo("two")] {
                let digest = &picture.digest;
                assert!(written(async |tx| save(tx, &format!("eu_{digest}"), &picture).await).await);
            }
            shelf.left.set(Some(3));
            assert!(transfer::work(&shelf, true).await.is_err(), "the store goes away in between");
            shelf.left.set(None);
            let here = || database.all_rows::<(i64,)>("SELECT COUNT(*) FROM image_files")[0].0;
            assert_eq!((here(), shelf.contents().len()), (1, 3));
            // What is on its way is found wherever it is by then.
            for (id, format) in [("eu_one", Format::Jpeg), ("eu_two", Format::Png)] {
                for width in [48, 128] {
                    assert!(written(async |tx| store::find(tx, id, width, format).await).await.is_some(), "{id} {width}");
                }
            }
            transfer::work(&shelf, true).await.unwrap();
            assert_eq!((here(), shelf.contents(), states(&database)), (0, expected.to_vec(), vec![state("kept", 4)]));
            transfer::work(&shelf, true).await.unwrap();
            assert_eq!(shelf.contents().len(), 4);

            // And back.
            transfer::work(&shelf, false).await.unwrap();
            assert_eq!((here(), states(&database)), (4, vec![state("unused", 4)]));
            let place = written(async |tx| store::find(tx, "eu_two", 48, Format::Png).await).await;
            assert_eq!(place, Some(Place::Here(b"small\xff".to_vec())));
            transfer::work(&shelf, false).await.unwrap();
            assert_eq!((here(), shelf.contents().len(), states(&database)), (4, 0, vec![]));
            for digest in ["one", "two"] {
                remove(digest).await;
            }
            assert_eq!(here(), 0);
        });
    }
}

#[test]
fn what_is_lost_is_said_and_not_made_up() {
    for (database, shelf) in shelves() {
        database.enter();
        ready(async {
            assert_eq!(send(&shelf, "one").await, Ok(true));
            shelf.objects.borrow_mut().clear();
            let problem = transfer::work(&shelf, false).await.unwrap_err();
            assert!(problem.log.unwrap().contains("has lost eu_one/"));
            assert_eq!(states(&database), [state("kept", 2)]);
        });
    }
}
