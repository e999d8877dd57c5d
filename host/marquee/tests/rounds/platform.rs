//! What the faults happen to: a Postgres, two nodes of a region, three edges, and links between them.

use crate::fleet::{Node, certificates, edge_config, region_config};
use crate::link::Link;
use crate::postgres::Postgres;
use crate::server::fresh_folder;
use std::path::{Path, PathBuf};

/// Much longer than a run: nothing expires, whatever a clock says.
const HOLD_SECONDS: &str = "86400";

pub struct Platform {
    // Nodes end before their database does.
    pub regions: Vec<Node>,
    pub edges: Vec<Node>,
    /// From each node of the region to Postgres.
    pub to_postgres: Vec<Link>,
    /// From each edge to each node of the region.
    pub to_regions: Vec<Vec<Link>>,
    pub postgres: Postgres,
    pub folder: PathBuf,
}

impl Platform {
    pub async fn start() -> Self {
        let postgres = tokio::task::block_in_place(Postgres::start);
        let folder = fresh_folder("rounds");
        certificates(&folder, &["eu/eu-1", "eu/eu-2", "edge-0", "edge-1", "edge-2"]);
        let (mut regions, mut to_postgres) = (Vec::new(), Vec::new());
        for name in ["eu-1", "eu-2"] {
            let link = Link::to(&postgres.address(), true).await;
            let mut environment = clock_of(&folder, name);
            environment.push(("SPIN_VARIABLE_DATABASE".to_owned(), postgres.url(&link.address)));
            environment.push(("SPIN_VARIABLE_SANDBOX_PAYMENTS".to_owned(), "on".to_owned()));
            environment.push(("SPIN_VARIABLE_HOLD_SECONDS".to_owned(), HOLD_SECONDS.to_owned()));
            environment.push(("SPIN_VARIABLE_PAYING_CAP_SECONDS".to_owned(), HOLD_SECONDS.to_owned()));
            // Everybody asks from one address.
            environment.push(("SPIN_VARIABLE_HELD_PLACES_PER_ADDRESS".to_owned(), "1000000".to_owned()));
            regions.push(tokio::task::block_in_place(|| Node::start("region", &folder, name, &region_config(name), environment)));
            to_postgres.push(link);
        }
        let (mut edges, mut to_regions) = (Vec::new(), Vec::new());
        for name in ["edge-0", "edge-1", "edge-2"] {
            let links = [Link::to(&regions[0].addresses[0], false).await, Link::to(&regions[1].addresses[0], false).await];
            let nodes: Vec<_> = links.iter().map(|link| link.address.clone()).collect();
            let environment = clock_of(&folder, name);
            edges.push(tokio::task::block_in_place(|| {
                Node::start("edge", &folder, name, &edge_config(name, &nodes), environment)
            }));
            to_regions.push(links.into());
        }
        Self { regions, edges, to_postgres, to_regions, postgres, folder }
    }

    /// Base URLs of the edges.
    pub fn urls(&self) -> Vec<String> {
        self.edges.iter().map(|edge| format!("http://{}", edge.addresses[0])).collect()
    }

    /// The database, past all links.
    pub fn database(&self) -> String {
        self.postgres.url(&self.postgres.address())
    }

    /// Moves a node's clock by so many seconds from what it should say.
    pub fn set_clock(&self, name: &str, seconds: i64) {
        // In one step: the node reads the file whenever it looks at its clock.
        let file = clock_file(&self.folder, name);
        let next = file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}")).unwrap();
        std::fs::rename(next, file).unwrap();
    }
}

fn clock_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.clock"))
}

/// Has a process believe the clock that its file says; its monotonic clock stays what it is.
fn clock_of(folder: &Path, name: &str) -> Vec<(String, String)> {
    let library =
        std::env::var("MARQUEE_TEST_FAKETIME").expect("MARQUEE_TEST_FAKETIME names libfaketime.so.1: cargo xtask faults");
    let file = clock_file(folder, name);
    std::fs::write(&file, "+0").unwrap();
    let variables = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
