//! The channel as a WebSocket: one task, which reads what little a client has to say, and writes when there is something and room for it.

use std::future::poll_fn;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::session::{Output, Session};
use crate::limits::{LIVE_BYE, LIVE_MESSAGE_BYTES, LIVE_READ_BYTES, LIVE_STALL, LIVE_VALUE_BYTES};

/// What happens next.
enum Next {
    Said(Option<Result<Message, Error>>),
    ToSend(Output),
}

/// Serves a session until either side ends it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, mut session: Session) {
    let config = WebSocketConfig::default()
        .read_buffer_size(LIVE_READ_BYTES)
        // What is written leaves at once.
        .write_buffer_size(0)
        .max_write_buffer_size(2 * LIVE_VALUE_BYTES)
        .max_message_size(Some(LIVE_MESSAGE_BYTES))
        .max_frame_size(Some(LIVE_MESSAGE_BYTES));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let (code, reason) = loop {
        let next = tokio::select! {
            said = socket.next() => Next::Said(said),
            output = poll_fn(|context| session.poll_output(context)) => Next::ToSend(output),
        };
        let message = match next {
            Next::Said(None) => return,
            Next::Said(Some(Err(error))) => match fault(&error) {
                Some(fault) => break fault,
                None => return,
            },
            Next::Said(Some(Ok(message))) => {
                session.heard();
                match message {
                    Message::Text(text) => match session.message(&text) {
                        Ok(()) => continue,
                        Err(fault) => break (CloseCode::Policy, fault),
                    },
                    Message::Binary(_) => break (CloseCode::Unsupported, "A message is text."),
                    // The library answers these.
                    Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
                }
            }
            Next::ToSend(Output::Update(update)) => Message::Text(update.text.clone()),
            Next::ToSend(Output::Ping) => Message::Ping(Bytes::new()),
            Next::ToSend(Output::End(ending)) => break (CloseCode::from(ending as u16), ending.reason()),
        };
        // Meanwhile what is newer takes the place of what waits. Who takes nothing for so long is not there.
        if !matches!(tokio::time::timeout(LIVE_STALL, socket.send(message)).await, Ok(Ok(()))) {
            return;
        }
    };
    // Who is sent away holds no place any more.
    drop(session);
    let bye = async {
        if socket.close(Some(CloseFrame { code, reason: reason.into() })).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    _ = tokio::time::timeout(LIVE_BYE, bye).await;
}

/// What a client is told of its fault; none where it cannot be told.
fn fault(error: &Error) -> Option<(CloseCode, &'static str)> {
    match error {
        Error::Capacity(_) => Some((CloseCode::Size, "A message has at most 8192 bytes.")),
        Error::Utf8(_) => Some((CloseCode::Invalid, "A message is UTF-8.")),
        Error::Protocol(_) => Some((CloseCode::Protocol, "This is no WebSocket.")),
        _ => None,
    }
}
