//! Between two processes: passes everything on, until it is told to fall silent, or to cut or hold a statement on its way to Postgres.

use crate::messages::{FromClient, Message, Statement, answered};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// What happens to the next statement of this kind, and to nothing else.
pub struct Trap {
    pub statement: Statement,
    pub action: Action,
}

pub enum Action {
    /// The connection breaks before it arrives.
    CutBefore,
    /// The connection breaks when half of it has arrived.
    CutHalfway,
    /// It is done, and the connection breaks before the answer arrives.
    CutAfter,
    /// It does not arrive until the second says so; the first is told when it is here.
    HoldRequest(oneshot::Sender<()>, oneshot::Receiver<()>),
    /// It is done, and the answer does not arrive until the second says so; the first is told when it is here.
    HoldAnswer(oneshot::Sender<()>, oneshot::Receiver<()>),
}

pub struct Link {
    pub address: String,
    open: watch::Sender<bool>,
    /// How many connections there have been, and which of them are dead: those up to this number.
    dead: watch::Sender<u64>,
    made: Arc<AtomicU64>,
    /// How long everything takes, each way.
    delay: watch::Sender<Duration>,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl Link {
    /// A link to an address; to Postgres if it is to understand what passes.
    pub async fn to(target: &str, postgres: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (open, _) = watch::channel(true);
        let address = listener.local_addr().unwrap().to_string();
        let (dead, delay) = (watch::Sender::new(0), watch::Sender::new(Duration::ZERO));
        let link = Self { address, open, dead, made: Arc::default(), delay, trap: Arc::default() };
        let (target, trap, made) = (target.to_owned(), Arc::clone(&link.trap), Arc::clone(&link.made));
        let gate = Gate { open: link.open.subscribe(), dead: link.dead.subscribe(), delay: link.delay.subscribe(), number: 0 };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, trap) = (target.clone(), Arc::clone(&trap));
                let mut open = Gate { number: made.fetch_add(1, Ordering::SeqCst) + 1, ..gate.clone() };
                tokio::spawn(async move {
                    wait(&mut open).await;
                    open.delayed().await;
                    open.delayed().await;
                    // Where nobody listens the client's connection just ends.
                    let Ok(server) = TcpStream::connect(&target).await else { return };
                    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
                        return;
                    }
                    if postgres {
                        let _ = understand(client, server, open, trap).await;
                    } else {
                        pass(client, server, open).await;
                    }
                });
            }
        });
        link
    }

    /// Says nothing any more, not even that it is gone, or goes on: what came meanwhile arrives then.
    pub fn silence(&self, silent: bool) {
        self.open.send_replace(!silent);
    }

    /// Whatever is connected now falls silent for good, and nobody says so; new connections work.
    pub fn forget(&self) {
        self.dead.send_replace(self.made.load(Ordering::SeqCst));
    }

    /// Everything takes so much longer, each way.
    pub fn delay(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    pub fn trap(&self, statement: Statement, action: Action) {
        *self.trap.lock().unwrap() = Some(Trap { statement, action });
    }

    /// Takes a trap away that has not sprung.
    pub fn disarm(&self) {
        *self.trap.lock().unwrap() = None;
    }

    /// Whether the trap still waits.
    pub fn waits(&self) -> bool {
        self.trap.lock().unwrap().is_some()
    }
}

/// What a connection goes by.
#[derive(Clone)]
struct Gate {
    open: watch::Receiver<bool>,
    dead: watch::Receiver<u64>,
    delay: watch::Receiver<Duration>,
    number: u64,
}

impl Gate {
    async fn delayed(&self) {
        let delay = *self.delay.borrow();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

async fn wait(gate: &mut Gate) {
    // It never ends silent: whoever holds the other side is the test.
    let _ = gate.open.wait_for(|open| *open).await;
    if *gate.dead.borrow() >= gate.number {
        std::future::pending::<()>().await;
    }
}

async fn pass(client: TcpStream, server: TcpStream, open: Gate) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let one_way = async |mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf| {
        let (mut open, mut bytes) = (open.clone(), vec![0; 1 << 16]);
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            open.delayed().await;
            wait(&mut open).await;
            if to.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    // When one side is gone the other hears of it, once anything gets through.
    tokio::select! {
        () = one_way(from_client, to_server) => {}
        () = one_way(from_server, to_client) => {}
    }
    wait(&mut open.clone()).await;
}

/// One direction at a time: a client of Postgres waits for its answer.
async fn understand(
    mut client: TcpStream,
    mut server: TcpStream,
    mut open: Gate,
    trap: Arc<Mutex<Option<Trap>>>,
) -> std::io::Result<()> {
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut sent = FromClient::default();
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                open.delayed().await;
                sent.push(&from_client[..read]);
                while let Some(message) = sent.next() {
                    wait(&mut open).await;
                    let Some(action) = sprung(&message, &trap) else {
                        server.write_all(&message.bytes).await?;
                        continue;
                    };
                    let mut whole = message.bytes;
                    let mut complete = message.syncs;
                    while !complete {
                        match sent.next() {
                            Some(message) => {
                                complete = message.syncs;
                                whole.extend(message.bytes);
                            }
                            None => match client.read(&mut from_client).await? {
                                0 => return Ok(()),
                                read => sent.push(&from_client[..read]),
                            },
                        }
                    }
                    match action {
                        Action::CutBefore => return Ok(()),
                        Action::CutHalfway => return server.write_all(&whole[..whole.len() / 2]).await,
                        Action::CutAfter => {
                            server.write_all(&whole).await?;
                            answer(&mut server).await?;
                            return Ok(());
                        }
                        Action::HoldRequest(here, go) => {
                            let _ = here.send(());
                            let _ = go.await;
                            server.write_all(&whole).await?;
                        }
                        Action::HoldAnswer(here, go) => {
                            server.write_all(&whole).await?;
                            let answer = answer(&mut server).await?;
                            let _ = here.send(());
                            let _ = go.await;
                            client.write_all(&answer).await?;
                        }
                    }
                }
            }
            read = server.read(&mut from_server) => {
                let read = read?;
                open.delayed().await;
                wait(&mut open).await;
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&from_server[..read]).await?;
            }
        }
    }
}

fn sprung(message: &Message, trap: &Mutex<Option<Trap>>) -> Option<Action> {
    let runs = message.runs?;
    Some(trap.lock().unwrap().take_if(|trap| trap.statement == runs)?.action)
}

/// All of the server's answer.
async fn answer(server: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
    while !answered(&all) {
        let read = server.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        all.extend_from_slice(&bytes[..read]);
    }
    Ok(all)
}
