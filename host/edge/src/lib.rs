//! An edge node: the public listener, and what a node knows by itself.
//!
//! [`Edge`] answers requests: it checks and cleans what comes in, routes it by the manifest to a component here or to a
//! [`Region`] ([`RegionRouter`] says to which), and finishes what goes out. A [`Follower`] for each region keeps a [`Replica`] and an [`Identity`] up to date with its [`feed`], so that reads
//! and token checks need no network. The region's own node uses both, too.
//!
//! # Invariants
//! - No database and no secret: what is here comes from the feed, and the feed is public.
//! - A request is answered by the version of the application that it began with.
//! - A component never sees what concerns one hop only, nor what a client says about itself that only a host may say.
//! - Nothing scarce (an instance, a permit, a place in a queue) is held while a client is waited for.
//! - What this node knows of an event never goes backwards.

mod accept;
mod accounts;
mod application;
mod body;
mod certificate;
mod clock;
mod connection;
pub mod feed;
mod follower;
mod headers;
#[cfg(test)]
mod http_tests;
mod identity;
mod immutable;
mod ledgers;
pub mod limits;
mod listener;
mod lists;
mod live;
mod networks;
mod problem;
mod proxy;
pub mod rates;
mod recent;
mod region_router;
mod regions;
mod replica;
mod request_id;
mod search;
mod service;
mod slots;
#[cfg(test)]
mod testing;
mod tokens;

pub use accept::accept;
pub use accounts::Accounts;
pub use application::{Region, answer, route};
pub use body::{Body, drain, known, received};
pub use browser_policy::{Cors, Error as CorsError};
pub use certificate::{Certificate, Error as CertificateError};
pub use clock::now;
pub use connection::ClientTimeouts;
pub use contracts::RequestBody;
pub use follower::Follower;
pub use headers::{Client, MARQUEE_SEEN, ViaEdge, client, credential, handed_over, say_whose};
pub use identity::Identity;
pub use ledgers::Ledgers;
pub use listener::{Clients, Edge, Options};
pub use manifest::Methods;
pub use networks::{InvalidNetworks, Networks};
pub use problem::Problem;
pub use region_router::RegionRouter;
pub use regions::Regions;
pub use replica::Replica;
pub use service::shown;
