//! What verifying an access token costs: the first time, when its signature is checked, and after that.
//!
//! `cargo xtask bench tokens`

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::Identity as _;

use edge::feed::{self, Cursor, Snapshot, Source, Subscription};
use edge::{Follower, Identity, Replica};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use read_model::Fact;
use tokio_util::sync::CancellationToken;

/// RFC 8032, section 7.1, test 1: the seed in PKCS#8 DER, and the public key.
const SEED: &str = "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const TOKENS: usize = 10_000;

/// A feed of one key.
struct KeyFeed;

impl Source for KeyFeed {
    fn open(&self, _cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
        let key = Fact::Key { kid: "k1".to_owned(), public_key: PUBLIC.to_owned(), until: None };
        let snapshot = Snapshot { epoch: "e".into(), position: 0, facts: vec![key] };
        let opened = Subscription { snapshot: Some(snapshot), batches: futures::stream::pending().boxed() };
        Box::pin(std::future::ready(Ok(opened)))
    }
}

fn tokens() -> Result<Vec<String>, Box<dyn Error>> {
    let pairs = (0..SEED.len()).step_by(2).map(|at| SEED.get(at..at + 2).unwrap_or_default());
    let key = EncodingKey::from_ed_der(&pairs.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<_>, _>>()?);
    let header = Header { typ: Some("at+jwt".to_owned()), kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    (0..TOKENS)
        .map(|n| {
            let claims = serde_json::json!({
                "iss": "marquee", "aud": "marquee-api", "sub": format!("eu_user{n:026}"), "sid": format!("eu_session{n:023}"),
                "roles": ["user"], "iat": edge::now() / 1_000_000, "exp": edge::now() / 1_000_000 + 900,
            });
            Ok(encode(&header, &claims, &key)?)
        })
        .collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (identity, stop) = (Identity::new("eu"), CancellationToken::new());
    let follower = Follower::new("edge-0", "eu", Arc::new(KeyFeed), &Replica::new(["eu"]), &identity);
    let following = tokio::spawn(follower.run(stop.clone()));
    while !identity.ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let tokens = tokens()?;
    for round in ["the first time", "after that"] {
        let began = Instant::now();
        for token in &tokens {
            identity.verify(token.clone()).await.map_err(|refusal| format!("{refusal:?}"))?;
        }
        println!("{round:<16} {:>8.2} us a token", began.elapsed().as_secs_f64() * 1e6 / TOKENS as f64);
    }
    stop.cancel();
    following.await?;
    Ok(())
}
