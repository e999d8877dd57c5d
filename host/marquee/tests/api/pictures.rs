//! Pictures of events: photographs as cameras make them, logos, and a store of objects that has them in the database's place.

use crate::{
    SHARED,
    client::{Client, OnSale, eventually, unique},
    server::{Form, Server, fresh_folder},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};

/// A JPEG of so many pixels, grey, and of so many bytes at least: the smallest that there can be of its size, with comments before it.
fn photograph(width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    let segment = |file: &mut Vec<u8>, marker: u8, content: &[u8]| {
        file.extend([0xff, marker]);
        file.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
        file.extend(content);
    };
    while file.len() < bytes {
        segment(&mut file, 0xfe, &vec![b'.'; 65_533]);
    }
    // A table of ones to quantize by, 8 bits and one component, and for each kind of value one code of one bit: no difference, nothing more.
    segment(&mut file, 0xdb, &[&[0][..], &[1; 64]].concat());
    let ([h1, h2], [w1, w2]) = (height.to_be_bytes(), width.to_be_bytes());
    segment(&mut file, 0xc0, &[8, h1, h2, w1, w2, 1, 1, 0x11, 0]);
    for table in [0x00, 0x10] {
        segment(&mut file, 0xc4, &[&[table, 1][..], &[0; 15], &[0]].concat());
    }
    segment(&mut file, 0xda, &[1, 1, 0, 0, 63, 0]);
    // Two bits for each block.
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8));
    file.extend(vec![0; (blocks * 2).div_ceil(8)]);
    file.extend([0xff, 0xd9]);
    file
}

/// A small one, and another one.
fn small() -> Vec<u8> {
    photograph(600, 400, 0)
}

fn another() -> Vec<u8> {
    photograph(600, 420, 0)
}

async fn put(client: &Client<'_>, event: &str, picture: Vec<u8>) -> crate::client::Answer {
    client.send(Method::PUT, &format!("/api/events/{event}/image"), &[("content-type", "image/jpeg")], Some(picture)).await
}

fn urls(image: &Value) -> Vec<String> {
    image["sizes"].as_array().unwrap().iter().map(|file| file["url"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_telephones_photograph_is_taken() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    // 24.5 megapixels and 6 MB.
    let sent = photograph(5712, 4284, 6_000_000);
    let image = put(&organiser.elsewhere(), &show.id, sent).await.expect(200)["image"].clone();
    let size = |file: &Value| (file["width"].as_u64().unwrap(), file["height"].as_u64().unwrap());
    assert_eq!(image["sizes"].as_array().unwrap().iter().map(size).collect::<Vec<_>>(), [(480, 360), (1280, 960)]);
    let problem = put(&organiser, &show.id, photograph(6000, 4200, 0)).await.expect_problem(400, "invalid-request");
    assert!(problem["detail"].as_str().unwrap().contains("has 6000 x 4200 pixels: at most 25000000 are taken"), "{problem}");
    let much = put(&organiser, &show.id, vec![0; 10 * 1024 * 1024 + 1]).await;
    much.expect_problem(413, "too-large");
}

/// PNG, 800 x 200: its left half lets everything through, its right half is red.
const SIGN: &str = "iVBORw0KGgoAAAANSUhEUgAAAyAAAADIAQMAAAAqQRdZAAAABlBMVEUA/wDcFBTf5LE/AAAAAXRSTlMAQObYZgAAAGBJREFUeNrtzTEBAAAMAiD7l94yeAsFSGpXi0QikUgkEolEIpFIJBKJRCKRSCQSiUQikUgkEolEIpFIJBKJRCKRSCQSiUQikUgkEolEIpFIJBKJRCKRSCQSiUQikUhWkgdrPesr6nnMMAAAAABJRU5ErkJggg==";

fn sign() -> Vec<u8> {
    STANDARD.decode(SIGN).unwrap()
}

async fn put_logo(client: &Client<'_>, event: &str, kind: &str, logo: Vec<u8>) -> crate::client::Answer {
    client.send(Method::PUT, &format!("/api/events/{event}/logo"), &[("content-type", kind)], Some(logo)).await
}

/// What a PNG says of its pixels: width, height, and of which type its colours are.
fn header(png: &[u8]) -> (u32, u32, u8) {
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20), png[25])
}

#[tokio::test]
async fn a_logo_is_transparent_everywhere_for_good_and_gone_with_its_last_event() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let path = format!("/api/events/{}", show.id);
    assert_eq!(show.document["logo"], Value::Null);
    let stranger = Client::register(&SHARED).await;
    put_logo(&stranger, &show.id, "image/png", sign()).await.expect_problem(403, "forbidden");
    put_logo(&organiser, &show.id, "image/svg+xml", b"<svg/>".to_vec()).await.expect_problem(415, "unsupported-media-type");
    put_logo(&organiser, &show.id, "image/webp", sign()).await.expect_problem(400, "invalid-request");

    let picture = put(&organiser, &show.id, small()).await.expect(200)["image"].clone();
    let given = put_logo(&organiser, &show.id, "image/png", sign()).await.expect(200);
    let logo = &given["logo"];
    assert_eq!((&logo["width"], &logo["height"]), (&json!(512), &json!(128)));
    let elsewhere = organiser.elsewhere();
    for event in [organiser.get(&path).await.expect(200), elsewhere.get(&path).await.expect(200)] {
        assert_eq!((&event["logo"], &event["image"]), (logo, &picture), "who gave it sees it, everywhere");
    }
    let mine = organiser.get(&format!("/api/organisers/{id}/events")).await.expect(200);
    assert_eq!(mine["items"][0]["logo"], *logo);
    let again = put_logo(&organiser, &show.id, "image/png", sign()).await.expect(200);
    assert_eq!(again["revision"], given["revision"], "the same logo is no change");

    let url = logo["url"].as_str().unwrap();
    let reader = Client::new(&SHARED).elsewhere();
    let file = reader.get(url).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, Some("image/png")));
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&file.bytes), (512, 128, 6), "of red, green, blue and alpha");
    let tag = file.header("etag").unwrap().to_owned();
    let known = reader.send(Method::GET, url, &[("if-none-match", &tag)], None).await;
    assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));
    // An address says what it leads to.
    organiser.get(&url.replace(".png", ".jpg")).await.expect_problem(404, "not-found");
    organiser.get(&urls(&picture)[0].replace(".jpg", ".png")).await.expect_problem(404, "not-found");

    let copy =
        organiser.post(&format!("{path}/copies"), &json!({"starts_at": "2037-04-01T19:00:00Z"})).await.expect(201)["items"][0]
            .clone();
    assert_eq!(copy["logo"], *logo, "a copy keeps it");
    let of_copy = format!("/api/events/{}/logo", copy["id"].as_str().unwrap());
    // Of a photograph it is a PNG as well.
    let other = put_logo(&organiser, &show.id, "image/jpeg", small()).await.expect(200)["logo"].clone();
    let other_file = organiser.get(other["url"].as_str().unwrap()).await;
    assert_eq!(header(&other_file.bytes), (512, 341, 2), "of red, green and blue");
    organiser.get(url).await.expect(200);
    stranger.send(Method::DELETE, &of_copy, &[], None).await.expect_problem(403, "forbidden");
    let without = organiser.send(Method::DELETE, &of_copy, &[], None).await.expect(200);
    assert_eq!((&without["logo"], &without["image"]), (&Value::Null, &picture));
    let remembered = if SHARED.form == Form::Composed { 200 } else { 404 };
    eventually("nobody gives it", async || reader.get(url).await.status, |status| *status == remembered).await;
    organiser.get(&urls(&picture)[0]).await.expect(200);
    organiser.get(other["url"].as_str().unwrap()).await.expect(200);
}

/// A way to a server that can be shut.
struct Way {
    url: String,
    open: Arc<AtomicBool>,
}

impl Way {
    async fn to(url: &str) -> Self {
        let (listener, to) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), url.trim_start_matches("http://").to_owned());
        let way = Self { url: format!("http://{}", listener.local_addr().unwrap()), open: Arc::new(AtomicBool::new(true)) };
        let open = Arc::clone(&way.open);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if open.load(Ordering::Relaxed) {
                    let mut server = TcpStream::connect(&to).await.unwrap();
                    // That one of them goes first is as good as any end.
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
                }
            }
        });
        way
    }

    fn shut(&self, shut: bool) {
        self.open.store(!shut, Ordering::Relaxed);
    }
}

/// A bucket of a test's own.
struct Store {
    bucket: Bucket,
    credentials: Credentials,
}

impl Store {
    /// The names of all objects; none: nobody has made the bucket yet.
    async fn keys(&self) -> Vec<String> {
        // Of the bucket itself: a list.
        let url = self.bucket.get_object(Some(&self.credentials), "").sign(Duration::from_secs(60));
        let answer = reqwest::get(url.as_str()).await.unwrap();
        if answer.status() == 404 {
            return Vec::new();
        }
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let keys = text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        keys.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_objects_has_the_pictures() {
    let form = Form::of_this_run();
    if form != Form::Up {
        eprintln!("skipped: pictures are in a store of objects in the form `up`, not in {form:?}");
        return;
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} names a store: cargo xtask services up"));
    let (url, key, secret) =
        (variable("MARQUEE_TEST_S3"), variable("MARQUEE_TEST_S3_ACCESS_KEY"), variable("MARQUEE_TEST_S3_SECRET_KEY"));
    let (way, name) = (Way::to(&url).await, unique("pictures"));
    let bucket = Bucket::new(url.parse().unwrap(), UrlStyle::Path, name.clone(), "us-east-1").unwrap();
    let store = Store { bucket, credentials: Credentials::new(key.clone(), secret.clone()) };
    let settings = [
        ("s3_endpoint", way.url.as_str()),
        ("s3_bucket", name.as_str()),
        ("s3_prefix", "all/of/them/"),
        ("s3_access_key", key.as_str()),
        ("s3_secret_key", secret.as_str()),
    ];

    // Until it is said that pictures are there they are in the database; then they are moved.
    let first = Server::start_in(form, fresh_folder("store"), &settings, &[]);
    let (organiser, id) = Client::organiser(&first).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let image = put(&organiser, &show.id, small()).await.expect(200)["image"].clone();
    let [card, page] = urls(&image).try_into().unwrap();
    assert_eq!(store.keys().await, [""; 0]);
    let (token, user) = (organiser.token.clone(), organiser.user.clone());
    let server = Server::start_in(form, first.kill(), &[&settings[..], &[("images_in", "s3")]].concat(), &[]);
    let mut organiser = Client::new(&server);
    (organiser.token, organiser.user) = (token, user);
    let moved = eventually("both files are moved", async || store.keys().await, |keys| keys.len() == 2).await;
    assert!(moved.iter().all(|key| key.starts_with("all/of/them/local_") && key.ends_with(".jpg")), "{moved:?}");
    // Nobody gets there without a signature.
    let plain = reqwest::get(format!("{url}/{name}/{}", moved[0])).await.unwrap();
    assert_eq!(plain.status(), 403);
    let file = organiser.get(&card).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.bytes[..3], [0xff, 0xd8, 0xff]);

    // Without the store nothing is half done: what an edge has it gives, the rest waits.
    way.shut(true);
    let path = format!("/api/events/{}", show.id);
    for _ in 0..2 {
        let refused = put(&organiser, &show.id, another()).await;
        assert!(refused.header("retry-after").is_some());
        refused.expect_problem(503, "unavailable");
    }
    assert_eq!(organiser.get(&path).await.expect(200)["image"], image);
    organiser.get(&card).await.expect(200);
    organiser.elsewhere().get(&page).await.expect_problem(503, "unavailable");
    assert_eq!(store.keys().await.len(), 2);
    way.shut(false);
    let sent = async || put(&organiser, &show.id, another()).await;
    let other = eventually("it is taken", sent, |answer| answer.status == 200).await.expect(200)["image"].clone();
    assert_ne!(urls(&other), [card.clone(), page.clone()]);

    // What no event has any more is deleted there, once the last one has it no more.
    for url in urls(&other) {
        organiser.elsewhere().get(&url).await.expect(200);
    }
    let of_other = |keys: &Vec<String>| keys.len() == 2 && keys.iter().all(|key| !moved.contains(key));
    let kept = eventually("the first one is deleted", async || store.keys().await, of_other).await;
    eventually("no edge gives it", async || organiser.get(&card).await.status, |status| *status == 404).await;
    // Sent once more it is the same picture.
    assert_eq!(put(&organiser, &show.id, another()).await.expect(200)["image"], other);
    eventually("there once", async || store.keys().await, |keys| *keys == kept).await;
    organiser.send(Method::DELETE, &format!("{path}/image"), &[], None).await.expect(200);
    eventually("all are deleted", async || store.keys().await, Vec::is_empty).await;
}
