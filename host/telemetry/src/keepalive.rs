//! TCP keepalive for long-lived connections: the system detects peers that vanished without closing.

use std::io;
use std::os::fd::AsFd;

use socket2::{SockRef, TcpKeepalive};

use crate::limits;

/// Has the system ask now and then whether the other end of this connection is there, and end it where that does not answer, or has not acknowledged what
/// was sent to it for [`limits::UNACKNOWLEDGED`].
///
/// # Errors
/// Where the system does not take it.
pub fn keep(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&settings())?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED))?;
    Ok(())
}

/// The same, for who makes the connection: with it goes [`limits::UNACKNOWLEDGED`].
#[must_use]
pub fn settings() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(limits::KEEPALIVE)
        .with_interval(limits::KEEPALIVE_INTERVAL)
        .with_retries(limits::KEEPALIVE_PROBES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepalive_detects_a_dead_peer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        keep(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), limits::KEEPALIVE);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(limits::UNACKNOWLEDGED));
    }
}
