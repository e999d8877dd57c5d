//! What is asked about accounts: by nodes of other regions, and by nobody else.

use edge::Accounts as _;
use fleet::client::Route;
use telemetry::BreakerState;
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange, GuestLink};
use vocabulary::limits::{ADDRESSES, GUEST_LINKS};

use crate::scene::{Node, Scene, TestClient};

async fn ask(asker: &TestClient, users: &[&str]) -> Result<Vec<Address>, Error> {
    asker.region.addresses_of(users.iter().map(|id| (*id).to_owned()).collect()).await
}

async fn asker(scene: &Scene, name: &str) -> TestClient {
    let asker = TestClient::new(scene.folder.tls(name), "eu", scene.nodes.iter().map(Node::address).collect(), Route::Ledger);
    for node in &scene.nodes {
        asker.until(&node.name, |state| state == BreakerState::Closed).await;
    }
    asker
}

#[tokio::test]
async fn another_regions_nodes_hear_them_and_nobody_else() {
    let scene = Scene::new(1).await;
    let us = asker(&scene, "us-1").await;
    let known = ask(&us, &["eu_a", "eu_b"]).await.unwrap();
    let emails: Vec<_> = known.iter().map(|address| address.email.as_str()).collect();
    assert_eq!(emails, ["eu_a@eu-1.example", "eu_b@eu-1.example"]);
    assert_eq!(ask(&us, &["nobody"]).await, Err(Error::NotHere));
    assert_eq!(ask(&us, &["broken"]).await, Err(Error::Failed("eu-1: refused".to_owned())));
    let many = vec!["eu_a"; ADDRESSES + 1];
    assert_eq!(ask(&us, &many[1..]).await.map(|known| known.len()), Ok(ADDRESSES));
    assert!(matches!(ask(&us, &many).await, Err(Error::Failed(reason)) if reason.contains("400")));
    // Who asks for erasures is believed to be of the region that its certificate names.
    let erasures = us.region.erasures_after("asia".to_owned(), 7).await.unwrap();
    assert_eq!(erasures, [Erasure { sequence: 8, user: "us".to_owned(), email: None }]);
    for name in ["edge-0", "eu-2"] {
        let asker = asker(&scene, name).await;
        let refused = ask(&asker, &["eu_a"]).await;
        assert!(matches!(refused, Err(Error::Failed(ref reason)) if reason.contains("403")), "{name}: {refused:?}");
        let refused = asker.region.erasures_after(String::new(), 0).await;
        assert!(matches!(refused, Err(Error::Failed(ref reason)) if reason.contains("403")), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn another_regions_nodes_hand_over_links_to_guests_orders_and_nobody_else() {
    let scene = Scene::new(1).await;
    let exchange = |links: usize| {
        let link = |at: usize| GuestLink {
            hash: "h".repeat(64),
            guest: format!("eu_{at:026}"),
            booking: format!("us_{at:026}"),
            created_at: i64::MAX,
            expires_at: i64::MAX,
        };
        GuestExchange { links: (0..links).map(link).collect(), since: 7, after: String::new() }
    };
    let us = asker(&scene, "us-1").await;
    let claims = us.region.exchange_guests(exchange(GUEST_LINKS)).await.unwrap();
    let last = GuestClaim { guest: format!("eu_{:026}", GUEST_LINKS - 1), account: "eu-1".to_owned(), claimed_at: 7 };
    assert_eq!((claims.len(), claims.last()), (GUEST_LINKS, Some(&last)));
    let refused = us.region.exchange_guests(exchange(GUEST_LINKS + 1)).await;
    assert!(matches!(refused, Err(Error::Failed(reason)) if reason.contains("400")));
    for name in ["edge-0", "eu-2"] {
        let refused = asker(&scene, name).await.region.exchange_guests(exchange(1)).await;
        assert!(matches!(refused, Err(Error::Failed(ref reason)) if reason.contains("403")), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn where_one_node_is_away_another_is_asked() {
    let scene = Scene::new(2).await;
    let us = asker(&scene, "us-1").await;
    scene.nodes[0].wire.cut();
    for _ in 0..4 {
        let known = ask(&us, &["eu_a"]).await.unwrap();
        assert_eq!(known[0].email, format!("eu_a@{}.example", scene.nodes[1].name));
    }
    scene.nodes[1].wire.cut();
    assert!(matches!(ask(&us, &["eu_a"]).await, Err(Error::Failed(_))));
}
