//! A wire that can be cut: what stands between two nodes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Whole,
    /// Nothing gets through, and nobody is told.
    Held,
    /// Connections break, and none can be made.
    Cut,
}

/// Passes bytes on to an address.
pub struct Proxy {
    pub address: SocketAddr,
    wire: watch::Sender<Wire>,
    connections: Arc<Mutex<CancellationToken>>,
    _end: tokio_util::sync::DropGuard,
}

impl Proxy {
    pub async fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = watch::Sender::new(Wire::Whole);
        let connections = Arc::new(Mutex::new(CancellationToken::new()));
        let end = CancellationToken::new();
        let (state, current, ended) = (wire.clone(), Arc::clone(&connections), end.clone());
        tokio::spawn(async move {
            while let Some(Ok((stream, _))) = ended.run_until_cancelled(listener.accept()).await {
                let cut = current.lock().unwrap().clone();
                if *state.borrow() == Wire::Cut {
                    continue;
                }
                tokio::spawn(cut.run_until_cancelled_owned(pass(stream, to, state.subscribe())));
            }
        });
        Self { address, wire, connections, _end: end.drop_guard() }
    }

    pub fn cut(&self) {
        self.wire.send_replace(Wire::Cut);
        std::mem::take(&mut *self.connections.lock().unwrap()).cancel();
    }

    pub fn hold(&self) {
        self.wire.send_replace(Wire::Held);
    }

    pub fn mend(&self) {
        self.wire.send_replace(Wire::Whole);
    }
}

async fn pass(mut here: TcpStream, to: SocketAddr, mut wire: watch::Receiver<Wire>) {
    let Ok(mut there) = TcpStream::connect(to).await else { return };
    loop {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut here, &mut there) => return,
            _ = wire.wait_for(|wire| *wire == Wire::Held) => {}
        }
        if wire.wait_for(|wire| *wire != Wire::Held).await.is_err() {
            return;
        }
    }
}
