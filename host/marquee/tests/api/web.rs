//! The pages, and the document that this suite holds every answer against.

use crate::{SHARED, client::Client, openapi, server::Form};
use reqwest::Method;

#[tokio::test]
async fn the_pages_are_there() {
    let client = Client::new(&SHARED);
    for path in ["/", "/e/local_x", "/checkout/local_x/pay", "/orders", "/developers", "/docs", "/problems", "/problems/sold-out"]
    {
        let page = client.send_unchecked(Method::GET, path, &[("accept", "text/html")], None).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(String::from_utf8(page.bytes).unwrap().contains("<title>"), "{path}");
    }
    // It claims what is so: stock Spin has no edges and no regions.
    let home = client.send_unchecked(Method::GET, "/developers", &[("accept", "text/html")], None).await;
    let claims = String::from_utf8(home.bytes).unwrap().contains("from the edge");
    assert_eq!(claims, SHARED.form != Form::Spin);
    let page = client.send_unchecked(Method::GET, "/no/such/page", &[("accept", "text/html")], None).await;
    assert_eq!(page.status, 404);
}

#[tokio::test]
async fn the_app_is_sent_compressed_once_and_under_a_strict_policy() {
    let client = Client::new(&SHARED);
    let get = |path: String, headers: Vec<(&'static str, String)>| {
        let client = &client;
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.send_unchecked(Method::GET, &path, &headers, None).await
        }
    };
    let page = get("/".to_owned(), vec![]).await;
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(page.bytes).unwrap();
    let script = html.split('"').find(|text| text.starts_with("/app/") && text.ends_with(".js")).unwrap().to_owned();

    let plain = get(script.clone(), vec![]).await;
    assert!(plain.header("cache-control").unwrap().contains("immutable"));
    assert!(plain.header("content-type").unwrap().starts_with("text/javascript"));
    let small = get(script.clone(), vec![("accept-encoding", "br".to_owned())]).await;
    assert_eq!((small.status.as_u16(), small.header("content-encoding")), (200, Some("br")));
    assert!(small.bytes.len() < plain.bytes.len());
    let tag = small.header("etag").unwrap().to_owned();
    let known = get(script, vec![("accept-encoding", "br".to_owned()), ("if-none-match", tag)]).await;
    assert_eq!(known.status, 304);
    assert_eq!(get("/app/no-such-file.js".to_owned(), vec![]).await.status, 404);
}

#[tokio::test]
async fn an_installed_app_has_its_icons() {
    let client = Client::new(&SHARED);
    for (file, pixels) in [("apple-touch-icon", 180u32), ("icon-192", 192), ("icon-512", 512), ("maskable-512", 512)] {
        let icon = client.send_unchecked(Method::GET, &format!("/icons/{file}.png"), &[], None).await;
        assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, Some("image/png")), "{file}");
        // A PNG begins with its signature, and says its width and height in its first chunk.
        let side = pixels.to_be_bytes();
        assert!(icon.bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{file}");
        assert_eq!(icon.bytes[16..24], [side, side].concat(), "{file}");
    }
    assert_eq!(client.send_unchecked(Method::GET, "/icons/none.png", &[], None).await.status, 404);
}

#[tokio::test]
async fn every_operation_of_the_document_exists() {
    let client = Client::new(&SHARED);
    let document = openapi::document(&SHARED).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    for (template, path) in document["paths"].as_object().unwrap() {
        for method in
            path.as_object().unwrap().keys().filter(|key| ["get", "post", "patch", "put", "delete"].contains(&key.as_str()))
        {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let real =
                template.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
            let answer = client.send_unchecked(method.clone(), &real, &[], None).await;
            assert!(answer.status.as_u16() != 405 && answer.status.as_u16() < 500, "{method} {template}: {}", answer.status);
            operations += 1;
        }
    }
    assert!(operations >= 25, "{operations}");
}
