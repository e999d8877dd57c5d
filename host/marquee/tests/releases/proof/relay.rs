//! A line between two ends, which can be cut, and can be made deaf to one of them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Open,
    /// Nobody gets through, and connections that there were are cut off.
    Cut,
    /// What who has called says does not arrive; what is said to them does.
    Deaf,
}

#[derive(Clone)]
pub struct Relay {
    pub address: String,
    line: watch::Sender<Line>,
}

impl Relay {
    /// A line to this address.
    pub async fn to(target: String) -> Self {
        let line = watch::Sender::new(Line::Open);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let how = line.subscribe();
        tokio::spawn(async move {
            loop {
                let (caller, _) = listener.accept().await.unwrap();
                let (mut how, target) = (how.clone(), target.clone());
                tokio::spawn(async move {
                    if *how.borrow_and_update() == Line::Cut {
                        return;
                    }
                    let Ok(called) = TcpStream::connect(target).await else { return };
                    let until_cut = async { drop(how.clone().wait_for(|line| *line == Line::Cut).await) };
                    tokio::select! {
                        () = talk(caller, called, how.clone()) => {}
                        () = until_cut => {}
                    }
                });
            }
        });
        Self { address, line }
    }

    pub fn is(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn talk(caller: TcpStream, called: TcpStream, mut how: watch::Receiver<Line>) {
    let ((mut from_caller, mut to_caller), (mut from_called, mut to_called)) = (caller.into_split(), called.into_split());
    let there = async {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from_caller.read(&mut piece).await {
            _ = how.wait_for(|line| *line != Line::Deaf).await;
            if to_called.write_all(&piece[..length]).await.is_err() {
                break;
            }
        }
        _ = to_called.shutdown().await;
    };
    let back = async {
        _ = tokio::io::copy(&mut from_called, &mut to_caller).await;
        _ = to_caller.shutdown().await;
    };
    tokio::join!(there, back);
}
