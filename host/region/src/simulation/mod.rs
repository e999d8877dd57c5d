//! A simulation of the region and its edges, which one seed determines.
//!
//! What runs is the real code: the ledger's engine and core, the coordinator with its partitions and leases, the sequencer, the feed and its
//! snapshots, and an edge's follower and replica. What is simulated is what they stand on: [`postgres`], the [`network`], the clocks, the processes
//! that are killed and paused ([`process`]), and the people ([`workload`]). All of it is on one thread and in paused time: every delay and every
//! fault comes from the seed's randomness, so a seed is one run, whoever runs it.
//!
//! A run is a storm, and then calm. During the storm each commit and each answer is looked at ([`check`]); in the calm everyone who does not
//! know yet asks again, all holds run out, and what has become of everything is looked at.
//!
//! That it finds faults is shown by faults that are planted ([`bugs`]).

pub(crate) mod bugs;
mod check;
mod edge;
mod ledger;
mod network;
mod node;
pub(crate) mod postgres;
pub(crate) mod process;
mod random;
mod tests;
mod workload;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use bugs::Bug;
use check::{CONVERGE, Check, FLOWS, LOST, POSITIONS};
use edge::Edge;
use network::Network;
use node::NodeRun;
use postgres::Server;
use workload::{EVENTS, Workload};
use world::{Violation, World};

/// Nodes of the region.
const NODES: usize = 3;
/// People.
const PEOPLE: usize = 8;
/// How long the calm may take until everything is as it must be.
const CALM: Duration = Duration::from_secs(60);

/// What a run came to.
struct Outcome {
    violation: Option<Violation>,
    trace_hash: u64,
    lines: Vec<String>,
    /// What happened in it, so that a test sees that something did.
    bookings: usize,
}

/// Runs a seed.
fn run(seed: u64, bug: Option<Bug>, whole_trace: bool) -> Outcome {
    bugs::plant(bug);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::task::spawn_local(process::executor());
        let world = Arc::new(World::new(seed, whole_trace));
        let bookings = scene(&world).await;
        process::end();
        Outcome { violation: world.violation(), trace_hash: world.trace_hash(), lines: world.lines(), bookings }
    });
    bugs::plant(None);
    outcome
}

/// A storm, and the calm after it. Returns how many bookings there are.
async fn scene(world: &Arc<World>) -> usize {
    let check = Check::new(world);
    let server = Server::new(world, &check);
    let network = Network::new(world);
    let addresses: Vec<String> = (0..NODES).map(|number| format!("node-{number}")).collect();
    let mut nodes: Vec<NodeRun> = addresses.iter().map(|address| NodeRun::begin(world, &server, &network, address)).collect();
    let workload = Workload::new(&server, &network, &addresses);
    for number in 0..EVENTS {
        workload.publish(number).await;
    }
    world.trace(|| "the storm begins".to_owned());
    world.storms(true);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..PEOPLE {
        tasks.spawn_local(Arc::clone(&workload).person(format!("person{number}")));
    }
    tasks.spawn_local(Arc::clone(&workload).ticker());
    tasks.spawn_local(Arc::clone(&workload).organiser());
    tasks.spawn_local(Arc::clone(&workload).onlooker());
    storm(world, &server, &network, &workload, &addresses, &mut nodes).await;
    world.trace(|| "the storm is over".to_owned());
    world.storms(false);
    world.outage.store(false, Ordering::Relaxed);
    for (node, address) in nodes.iter_mut().zip(&addresses) {
        node.process.pause(false);
        if node.has_left() {
            node.crash();
            *node = NodeRun::begin(world, &server, &network, address);
        }
    }
    workload.edges.iter().for_each(|edge| edge.pause(false));
    tasks.join_all().await;
    if world.violation().is_none() {
        calm(world, &server, &workload).await;
    }
    nodes.iter().for_each(NodeRun::crash);
    server.tables().events.values().map(|rows| rows.bookings.len()).sum()
}

/// What goes wrong on purpose, for as long as the storm lasts.
async fn storm(
    world: &Arc<World>,
    server: &Arc<Server>,
    network: &Arc<Network>,
    workload: &Arc<Workload>,
    addresses: &[String],
    nodes: &mut [NodeRun],
) {
    let ends = world.elapsed() + world.milliseconds(4_000, 9_000);
    let mut stepped = Duration::ZERO;
    let (restores, mut backup) = (world.happens(500), None);
    while world.elapsed() < ends && world.violation().is_none() {
        sleep(world.milliseconds(100, 1200)).await;
        let number = world.index(NODES);
        if restores && backup.is_none() && world.happens(400) {
            backup = Some(server.tables());
        } else if world.happens(350)
            && let Some(backup) = backup.take()
        {
            // A replica is promoted that lacks commits, or an older copy is put back.
            world.outage.store(true, Ordering::Relaxed);
            sleep(world.milliseconds(20, 700)).await;
            server.restore(backup, world.happens(600));
            workload.restored();
            world.outage.store(false, Ordering::Relaxed);
        }
        match world.below(100) {
            0..30 => {
                nodes[number].crash();
                sleep(world.milliseconds(0, 600)).await;
                nodes[number] = NodeRun::begin(world, server, network, &addresses[number]);
            }
            30..45 => {
                nodes[number].leave();
                sleep(world.milliseconds(100, 800)).await;
                nodes[number].crash();
                nodes[number] = NodeRun::begin(world, server, network, &addresses[number]);
            }
            45..70 => {
                world.trace(|| format!("node-{number} is paused"));
                nodes[number].process.pause(true);
                sleep(world.milliseconds(50, 2500)).await;
                nodes[number].process.pause(false);
                world.trace(|| format!("node-{number} resumes"));
            }
            70..78 => {
                world.trace(|| "the database cannot be reached".to_owned());
                world.outage.store(true, Ordering::Relaxed);
                sleep(world.milliseconds(50, 700)).await;
                world.outage.store(false, Ordering::Relaxed);
                world.trace(|| "the database can be reached".to_owned());
            }
            78..84 if stepped.is_zero() => {
                stepped = world.milliseconds(200, 1500);
                world.trace(|| format!("the database's clock is stepped by {stepped:?}"));
                world.step_the_databases_clock(stepped);
            }
            84..94 => workload.edges.iter().for_each(Edge::restart),
            _ => {
                let edge = &workload.edges[world.index(workload.edges.len())];
                edge.pause(true);
                sleep(world.milliseconds(50, 1500)).await;
                edge.pause(false);
            }
        }
    }
}

/// Everything is found out, and then looked at.
async fn calm(world: &Arc<World>, server: &Arc<Server>, workload: &Arc<Workload>) {
    let ends = world.elapsed() + CALM;
    let late = || world.elapsed() >= ends;
    while !workload.settle().await && world.violation().is_none() {
        if late() {
            return world.violated(LOST, "there are orders of which nobody can say what became of them");
        }
        sleep(Duration::from_millis(200)).await;
    }
    // What was late is here by now; what is held runs out.
    sleep(Duration::from_secs(4)).await;
    loop {
        workload.tick().await;
        if !workload.anything_held() {
            break;
        }
        if late() {
            return world.violated(FLOWS, "holds do not run out");
        }
        sleep(Duration::from_millis(500)).await;
    }
    let numbered = || server.tables().unnumbered.is_empty();
    let converged = loop {
        let converged = if numbered() { workload.converged().await } else { Err("rows have no position".to_owned()) };
        if converged.is_ok() || late() || world.violation().is_some() {
            break converged;
        }
        sleep(Duration::from_millis(100)).await;
    };
    if !numbered() {
        return world.violated(POSITIONS, "rows are never numbered");
    }
    if let Err(text) = converged {
        world.violated(CONVERGE, text);
    }
    workload.orders_at_the_end();
    server.check.journal_at_the_end(server);
    workload.publish(EVENTS).await;
    if !workload.books(EVENTS).await {
        world.violated(FLOWS, "nobody can book");
    }
}
