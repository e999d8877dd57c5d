//! Listeners: the three of `up`, two edges and the admin listener, and those that a configuration file names.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::config::settings::{ADMIN_TOKEN, Settings};
use crate::error::Error;
use crate::limits::{BACKLOG, PORT_TRIES};

/// Bound, and not yet served: connections wait.
pub struct Listeners {
    /// The edges, on neighbouring ports where a port was asked for.
    pub edges: [TcpListener; 2],
    /// The admin listener.
    pub admin: TcpListener,
}

/// Where they listen.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The edges.
    pub edges: [SocketAddr; 2],
    /// The admin listener.
    pub admin: SocketAddr,
}

impl Listeners {
    /// Listens on this machine's loopback, on `port`, `port + 1` and `port + 10`; 0: on free ports.
    pub fn bind(port: u16) -> Result<Self, Error> {
        if port != 0 {
            return Ok(Self { edges: [local(port)?, local(port + 1)?], admin: local(port + 10)? });
        }
        // Free ports are free when asked for and may be taken a moment later.
        let mut last = Error::PortTaken(0);
        for _ in 0..PORT_TRIES {
            match (local(0), local(0), local(0)) {
                (Ok(one), Ok(other), Ok(admin)) => return Ok(Self { edges: [one, other], admin }),
                (one, other, admin) => last = [one, other, admin].into_iter().find_map(Result::err).unwrap_or(last),
            }
        }
        Err(last)
    }

    /// Where they listen.
    pub fn addresses(&self) -> Result<Addresses, Error> {
        let [one, other] = &self.edges;
        Ok(Addresses { edges: [one.local_addr()?, other.local_addr()?], admin: self.admin.local_addr()? })
    }
}

fn local(port: u16) -> Result<TcpListener, Error> {
    listen((Ipv4Addr::LOCALHOST, port).into()).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Error::PortTaken(port),
        _ => Error::Listen { port, reason: error.to_string() },
    })
}

/// Listens at an address that a configuration file names.
pub fn at(address: SocketAddr) -> Result<TcpListener, Error> {
    listen(address).map_err(|error| Error::ListenAt { address, reason: error.to_string() })
}

/// Listens for operators. Where others than this machine reach the address, they need a token.
pub fn admin_at(address: SocketAddr, settings: &Settings) -> Result<TcpListener, Error> {
    settings.admin.check(address).map_err(|error| Error::Setting { name: ADMIN_TOKEN, reason: error.to_string() })?;
    at(address)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a start right after a stop finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn remote_operators_need_a_token() {
        let everywhere = (Ipv4Addr::UNSPECIFIED, 0).into();
        let refused = admin_at(everywhere, &Settings::default()).unwrap_err().to_string();
        assert!(refused.starts_with(ADMIN_TOKEN), "{refused}");
        assert!(admin_at((Ipv4Addr::LOCALHOST, 0).into(), &Settings::default()).is_ok());
        let token = |name: &str| (name == ADMIN_TOKEN).then(|| "0123456789abcdef".to_owned());
        assert!(admin_at(everywhere, &Settings::of(token).unwrap()).is_ok());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = Listeners::bind(0).unwrap();
        let port = taken.addresses().unwrap().admin.port();
        assert!(matches!(local(port), Err(Error::PortTaken(taken)) if taken == port));
    }
}
