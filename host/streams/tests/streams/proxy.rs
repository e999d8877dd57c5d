//! A wire that can be cut, or fall silent.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    pub port: u16,
    open: Arc<watch::Sender<bool>>,
    silent: Arc<watch::Sender<()>>,
}

impl Proxy {
    /// To this address, until its end.
    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::Sender::new(true));
        let gate = Arc::clone(&open);
        let silent = Arc::new(watch::Sender::new(()));
        let silence = Arc::clone(&silent);
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut state = gate.subscribe();
                if !*state.borrow_and_update() {
                    continue;
                }
                let (address, mut silence) = (address.clone(), silence.subscribe());
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(address).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => return,
                        _ = silence.changed() => {}
                        _ = state.wait_for(|open| !open) => return,
                    }
                    _ = state.wait_for(|open| !open).await;
                });
            }
        });
        Self { port, open, silent }
    }

    /// Ends what there is, and refuses what comes.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// What there is stays open, and nothing comes through any more. What comes anew does.
    pub fn silence(&self) {
        self.silent.send_replace(());
    }

    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}
