//! Between a ledger and its Postgres: stops the statement that writes a batch on its way, or its answer.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What happens to the next batch that is written.
pub enum ProxyFault {
    /// It never arrives, and the connection breaks.
    LoseRequest,
    /// It is done, and the connection breaks before the answer comes.
    LoseAnswer,
    /// The first is told when it is there; then the connection breaks when the second says so, and it arrives when the third does. The fourth is
    /// told when it has been answered.
    Delay(oneshot::Sender<()>, oneshot::Receiver<()>, oneshot::Receiver<()>, oneshot::Sender<()>),
    /// It waits: the first is told when it is there, and it goes on when the second says so.
    Pause(oneshot::Sender<()>, oneshot::Receiver<()>),
}

/// Passes everything on but what it was told to trouble.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    next: Arc<Mutex<Option<ProxyFault>>>,
}

/// Stands among the parameters of a batch that holds something, and of no other statement with so many.
const MARK: &[u8] = b"booking.created";

impl Proxy {
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), next: Arc::default() };
        let next = Arc::clone(&proxy.next);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&next)));
            }
        });
        proxy
    }

    pub fn trouble(&self, next: ProxyFault) {
        *self.next.lock().unwrap() = Some(next);
    }

    /// Whether the trouble has happened.
    pub fn is_calm(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, next: Arc<Mutex<Option<ProxyFault>>>) {
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(read @ 1..) = read else { return };
                let bytes = &from_client[..read];
                let troubled = bytes.windows(MARK.len()).any(|window| window == MARK).then(|| next.lock().unwrap().take()).flatten();
                match troubled {
                    Some(ProxyFault::LoseRequest) => return,
                    Some(ProxyFault::LoseAnswer) => {
                        server.write_all(bytes).await.unwrap();
                        // An answer comes after the commit.
                        let _ = server.read(&mut from_server).await;
                        return;
                    }
                    Some(ProxyFault::Delay(there, part, deliver, done)) => {
                        there.send(()).unwrap();
                        part.await.unwrap();
                        client.shutdown().await.unwrap();
                        deliver.await.unwrap();
                        server.write_all(bytes).await.unwrap();
                        assert!(server.read(&mut from_server).await.unwrap() > 0);
                        done.send(()).unwrap();
                        return;
                    }
                    Some(ProxyFault::Pause(there, go)) => {
                        there.send(()).unwrap();
                        go.await.unwrap();
                        server.write_all(bytes).await.unwrap();
                    }
                    None => if server.write_all(bytes).await.is_err() { return },
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&from_server[..read]).await.is_err() { return }
            }
        }
    }
}
