//! The kinds of node (`up`, a region's, an edge, a worker), and what they are wired from.
//!
//! A region's parts and an edge's parts are wired once each (`region_side`, `edge_side`); what every process that serves does alike is in
//! `serving`, where the application comes from in `application`, the switch to another version of it in `deployment`, what a control plane has run here in
//! `releases`, and what an application was written for in `needs`.

pub mod application;
pub mod control;
pub mod deployment;
pub mod edge;
pub mod edge_side;
pub mod ledger;
pub mod listeners;
pub mod needs;
mod peers;
pub mod plain;
pub mod platform;
mod prepared;
pub mod ready;
pub mod region;
pub mod region_side;
pub mod releases;
pub mod reporter;
pub mod roles;
pub mod sandbox;
pub mod serving;
pub mod up;
pub mod worker;
