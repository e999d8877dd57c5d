//! Debian's `docker-registry`.

use crate::support::{application, key, packed};
use artifact::{Options, Place, Reference, pack, push, sign, verify};

/// A repository of this run's own.
fn repository(name: &str) -> Reference {
    let registry = std::env::var("MARQUEE_TEST_REGISTRY").expect(
        "MARQUEE_TEST_REGISTRY is not set: `cargo xtask test` sets it, and `cargo xtask services up --only registry` prints it",
    );
    let run = std::process::id();
    format!("{registry}/test-{run}/{name}:1").parse().unwrap()
}

#[tokio::test]
async fn a_registry_takes_a_version_its_signature_and_gives_them_back() {
    let (reference, options) = (repository("whole"), Options::default());
    let there = push(&packed(), &reference, &options).await.unwrap();
    assert_eq!((there.sent, there.present), (6, 0));
    let folder = tempfile::tempdir().unwrap();
    let mut next = application(folder.path());
    next.components.insert("cart".to_owned(), crate::support::wasm("another cart"));
    let next = push(&pack(&next).unwrap(), &reference, &options).await.unwrap();
    assert_eq!((next.sent, next.present), (3, 3));

    let ((own, public), (second, of_second)) = (key(), key());
    sign(&there.reference, &own, &options).await.unwrap();
    sign(&there.reference, &second, &options).await.unwrap();
    assert_eq!(verify(&there.reference, &of_second, &options).await.unwrap().key, of_second[0].id());
    // The tag is another version now, which nobody has signed.
    assert!(verify(&reference, &public, &options).await.is_err());
    let store = tempfile::tempdir().unwrap();
    let pulled = artifact::pull(&there.reference, Some(&public), &options, Place::Store { folder: store.path(), running: None })
        .await
        .unwrap();
    assert_eq!((pulled.digest, pulled.key), (packed().digest(), Some(public[0].id())));
}

#[tokio::test]
async fn a_registry_goes_on_with_a_layer() {
    let (reference, options) = (repository("resumed"), Options::default());
    let there = push(&packed(), &reference, &options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    std::fs::create_dir(&blobs).unwrap();
    std::fs::write(folder.path().join("artifact.json"), "{}").unwrap();
    // As a pull leaves it that was killed.
    let wasm = crate::support::wasm("web");
    std::fs::write(blobs.join(format!("{}.part", artifact::Digest::of(&wasm).hex())), &wasm[..150_000]).unwrap();
    let pulled = artifact::pull(&there.reference, None, &options, Place::Folder(folder.path())).await.unwrap();
    let whole = 3 * wasm.len() as u64 + 5_000;
    assert!(pulled.traffic.bytes < whole - 140_000, "{}", pulled.traffic.bytes);
}
