//! Who has signed, and who is believed.

use crate::registry::Registry;
use crate::support::{key, packed, pushed, reference};
use artifact::{Claim, Digest, Error, Options, Place, attest, attestations, sign, verify};
use serde_json::json;

fn options() -> Options {
    Options::default()
}

#[tokio::test]
async fn only_what_a_trusted_key_has_signed_is_verified() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let ((one, of_one), (_, of_other)) = (key(), key());
    assert!(matches!(verify(&reference, &of_one, &options()).await, Err(Error::Unsigned { .. })));
    let signed = sign(&reference, &one, &options()).await.unwrap();
    assert!(!signed.before && signed.key == of_one[0].id());
    assert!(sign(&reference, &one, &options()).await.unwrap().before, "nothing is added a second time");
    let verified = verify(&reference, &of_one, &options()).await.unwrap();
    assert_eq!((verified.reference, verified.key), (reference.clone(), of_one[0].id()));
    let untrusted = verify(&reference, &of_other, &options()).await.unwrap_err();
    assert!(matches!(&untrusted, Error::Untrusted { reason, .. } if reason.contains("another key")), "{untrusted}");
    assert!(matches!(verify(&reference, &[], &options()).await, Err(Error::Untrusted { .. })));
}

#[tokio::test]
async fn keys_rotate_and_signatures_stay() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let ((old, of_old), (new, of_new)) = (key(), key());
    sign(&reference, &old, &options()).await.unwrap();
    // While they rotate, both are trusted, and either suffices.
    let both = [of_old.clone(), of_new.clone()].concat();
    assert_eq!(verify(&reference, &both, &options()).await.unwrap().key, of_old[0].id());
    sign(&reference, &new, &options()).await.unwrap();
    assert!(verify(&reference, &of_old, &options()).await.is_ok() && verify(&reference, &of_new, &options()).await.is_ok());
}

#[tokio::test]
async fn a_signature_of_another_artifact_says_nothing_of_this_one() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let (own, public) = key();
    sign(&reference, &own, &options()).await.unwrap();
    let tag = |digest: Digest| format!("shop:sha256-{}.sig", digest.hex());
    let moved = registry.manifest(&tag(reference.digest().unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut application = crate::support::application(folder.path());
    application.components.insert("cart".to_owned(), crate::support::wasm("malicious"));
    let (packed, place) = (artifact::pack(&application).unwrap(), crate::support::reference(&registry, "shop:2"));
    let other = artifact::push(&packed, &place, &options()).await.unwrap().reference;
    registry.put_manifest(&tag(other.digest().unwrap()), moved);
    let refused = verify(&other, &public, &options()).await.unwrap_err();
    assert!(matches!(&refused, Error::Untrusted { reason, .. } if reason.contains("another artifact")), "{refused}");
}

#[tokio::test]
async fn nothing_unsigned_is_fetched_where_keys_are_trusted() {
    let registry = Registry::start().await;
    let there = pushed(&registry).await;
    let (own, public) = key();
    let folder = tempfile::tempdir().unwrap();
    registry.log();
    let refused = artifact::pull(&there, Some(&public), &options(), Place::Store { folder: folder.path(), running: None }).await;
    assert!(matches!(refused, Err(Error::Unsigned { .. })), "{refused:?}");
    let log = registry.log();
    assert!(log.iter().all(|line| !line.contains("/blobs/")), "no layer was asked for: {log:?}");
    sign(&there, &own, &options()).await.unwrap();
    let pulled =
        artifact::pull(&there, Some(&public), &options(), Place::Store { folder: folder.path(), running: None }).await.unwrap();
    assert_eq!(pulled.key, Some(public[0].id()));
    // Signed, and all of it there: a start needs no registry. A key that is trusted no more is asked about anew, and refused.
    registry.fails(crate::registry::Fault::Overloaded);
    assert!(
        artifact::pull(&there, Some(&public), &options(), Place::Store { folder: folder.path(), running: None }).await.is_ok()
    );
    let other = key().1;
    assert!(
        artifact::pull(&there, Some(&other), &options(), Place::Store { folder: folder.path(), running: None })
            .await
            .unwrap_err()
            .is_away()
    );
    registry.fails(crate::registry::Fault::None);
    let refused = artifact::pull(&there, Some(&other), &options(), Place::Store { folder: folder.path(), running: None }).await;
    assert!(matches!(refused, Err(Error::Untrusted { .. })), "{refused:?}");
    // A node runs digests: a tag may be another thing tomorrow.
    let tag = artifact::pull(
        &reference(&registry, "shop:1"),
        Some(&public),
        &options(),
        Place::Store { folder: folder.path(), running: None },
    )
    .await;
    assert!(matches!(tag, Err(Error::Reference { .. })), "{tag:?}");
    assert_eq!(packed().digest(), there.digest().unwrap());
}

#[tokio::test]
async fn what_trusted_keys_say_of_an_artifact_is_told_and_nothing_else() {
    let registry = Registry::start().await;
    let there = pushed(&registry).await;
    let ((own, public), (stranger, _)) = (key(), key());
    let claims = [Claim::materials(json!({ "components": [] })), Claim::commit("94a8fc8a7804ec2519bb8d12df70ab77ad2e4f60")];
    assert!(attestations(&there, &public, &options()).await.unwrap().1.is_empty());
    assert_eq!(attest(&there, &own, &claims, &options()).await.unwrap().added, 2);
    assert_eq!(attest(&there, &own, &claims, &options()).await.unwrap().added, 0, "it has been said");
    attest(&there, &stranger, &[Claim::commit("another")], &options()).await.unwrap();
    let (reference, all) = attestations(&there, &public, &options()).await.unwrap();
    assert_eq!(reference, there);
    assert_eq!(all.iter().map(|one| one.claim.clone()).collect::<Vec<_>>(), claims);
    assert!(all.iter().all(|one| one.key == public[0].id()));
    // What is said of one artifact says nothing of another, and is no signature.
    let tag = |digest: Digest| format!("shop:sha256-{}.att", digest.hex());
    let moved = registry.manifest(&tag(there.digest().unwrap())).unwrap();
    let other = Digest::of(b"{}");
    registry.put_manifest("shop:other", "{}");
    registry.put_manifest(&format!("shop:{other}"), "{}");
    registry.put_manifest(&tag(other), moved);
    assert!(attestations(&reference.at(other), &public, &options()).await.unwrap().1.is_empty());
    assert!(matches!(verify(&there, &public, &options()).await, Err(Error::Unsigned { .. })));
}
