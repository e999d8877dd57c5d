//! The PROXY protocol (haproxy.org/download/3.0/doc/proxy-protocol.txt), versions 1 and 2: a proxy that forwards connections says before anything else
//! whose they are. It is read from trusted proxies only, and from those it must come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::limits::PROXY_BYTES;

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 1's line, its end included.
const LINE_BYTES: usize = 107;

/// Why a connection's beginning is no header of the protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it ended: {0}")]
    Io(#[from] std::io::Error),
    #[error("it does not begin with the PROXY protocol")]
    NotOne,
}

/// Reads the header and not a byte more. None: the proxy speaks for itself, or cannot tell.
pub(crate) async fn read<R: AsyncRead + Unpin>(stream: &mut R) -> Result<Option<SocketAddr>, Error> {
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await?;
    if &begin == SIGNATURE { binary(stream).await } else { line(stream, &begin).await }
}

async fn binary<R: AsyncRead + Unpin>(stream: &mut R) -> Result<Option<SocketAddr>, Error> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 2 || length > PROXY_BYTES {
        return Err(Error::NotOne);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (version & 0xf, family) {
        // LOCAL: a health check.
        (0, _) => Ok(None),
        // Over TCP or UDP: source and destination, then their ports.
        (1, 0x11 | 0x12) => socket::<4>(&rest).map(Some),
        (1, 0x21 | 0x22) => socket::<16>(&rest).map(Some),
        // Unspecified, or a Unix socket.
        (1, 0x00 | 0x31 | 0x32) => Ok(None),
        _ => Err(Error::NotOne),
    }
}

/// The first of two addresses, and its port, which stands behind both.
fn socket<const N: usize>(bytes: &[u8]) -> Result<SocketAddr, Error>
where
    IpAddr: From<[u8; N]>,
{
    let address: [u8; N] = bytes.get(..N).and_then(|bytes| bytes.try_into().ok()).ok_or(Error::NotOne)?;
    let Some([high, low, _, _]) = bytes.get(2 * N..2 * N + 4) else { return Err(Error::NotOne) };
    Ok(SocketAddr::new(address.into(), u16::from_be_bytes([*high, *low])))
}

async fn line<R: AsyncRead + Unpin>(stream: &mut R, begin: &[u8]) -> Result<Option<SocketAddr>, Error> {
    let mut line = begin.to_vec();
    if !line.starts_with(b"PROXY ") {
        return Err(Error::NotOne);
    }
    // What follows is not ours: it is read to its end and no further.
    while !line.ends_with(b"\r\n") {
        if line.len() >= LINE_BYTES {
            return Err(Error::NotOne);
        }
        line.push(stream.read_u8().await?);
    }
    let text = std::str::from_utf8(&line).map_err(|_| Error::NotOne)?.trim_end_matches("\r\n");
    let mut words = text.split(' ').skip(1);
    let family = words.next().ok_or(Error::NotOne)?;
    let address: Result<IpAddr, Error> = match (family, words.next()) {
        ("UNKNOWN", _) => return Ok(None),
        ("TCP4", Some(source)) => source.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Error::NotOne),
        ("TCP6", Some(source)) => source.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Error::NotOne),
        _ => Err(Error::NotOne),
    };
    match (words.next(), words.next().map(str::parse), words.next().map(str::parse::<u16>), words.next()) {
        (Some(_), Some(Ok(port)), Some(Ok(_)), None) => Ok(Some(SocketAddr::new(address?, port))),
        _ => Err(Error::NotOne),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what is left.
    async fn reads(bytes: &[u8]) -> Result<(Option<SocketAddr>, Vec<u8>), Error> {
        let stream = [bytes, b"GET /"].concat();
        let mut reader = stream.as_slice();
        let client = read(&mut reader).await?;
        Ok((client, reader.to_vec()))
    }

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    #[tokio::test]
    async fn the_proxy_header_names_the_client() {
        let four = [203, 0, 113, 7, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];
        let with_more = [four.as_slice(), &[0x04, 0x00, 0x01, 0xff]].concat();
        let six = [&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets()[..], &[0; 16], &[0, 80, 1, 187]].concat();
        for (bytes, client) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n".to_vec(), Some("203.0.113.7:56324")),
            (b"PROXY TCP6 2001:db8::7 ::1 80 443\r\n".to_vec(), Some("[2001:db8::7]:80")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (second(0x21, 0x11, &four), Some("203.0.113.7:56324")),
            (second(0x21, 0x11, &with_more), Some("203.0.113.7:56324")),
            (second(0x21, 0x21, &six), Some("[2001:db8::7]:80")),
            (second(0x20, 0x00, &[]), None),
            (second(0x21, 0x31, &[0; 216]), None),
        ] {
            let (read, rest) = reads(&bytes).await.unwrap();
            assert_eq!((read, rest.as_slice()), (client.map(|client| client.parse().unwrap()), &b"GET /"[..]), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_malformed_proxy_header_is_refused() {
        for bytes in [
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.1 99999 443\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 ::1 80 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2 3\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7\r\n".to_vec(),
            [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(),
            second(0x11, 0x11, &[0; 12]),
            second(0x21, 0x11, &[0; 11]),
            second(0x21, 0x99, &[0; 12]),
            second(0x21, 0x11, &[0; PROXY_BYTES + 1]),
            b"PROXY".to_vec(),
        ] {
            assert!(reads(&bytes).await.is_err(), "{bytes:?}");
        }
    }
}
