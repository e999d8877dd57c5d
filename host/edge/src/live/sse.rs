//! The channel as server-sent events (WHATWG HTML §9.2): a body that does not end by itself. Its client takes it as any other.

use std::task::Poll;

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use telemetry::jittered;

use super::session::{Output, Session};
use crate::connection::LongAnswer;
use crate::limits::LIVE_RETRY;

/// Where in its life such a body is.
enum Phase {
    Begins,
    Goes,
    Over,
}

/// What a session is to be sent, as it is taken. `answer` is dropped with it.
pub(crate) fn events(mut session: Session, answer: LongAnswer) -> impl Stream<Item = Bytes> + Send + 'static {
    let mut phase = Phase::Begins;
    stream::poll_fn(move |context| {
        _ = &answer;
        match phase {
            // So that who is between sees that there is something.
            Phase::Begins => {
                phase = Phase::Goes;
                Poll::Ready(Some(Bytes::from(format!("retry: {}\n\n", jittered(LIVE_RETRY).as_millis()))))
            }
            Phase::Goes => session.poll_output(context).map(|output| {
                Some(match output {
                    Output::Update(update) => update.event.clone(),
                    Output::Ping => Bytes::from_static(b":\n\n"),
                    Output::End(ending) => {
                        phase = Phase::Over;
                        let said = serde_json::json!({"code": ending as u16, "reason": ending.reason()});
                        Bytes::from(format!("event: close\ndata: {said}\n\n"))
                    }
                })
            }),
            Phase::Over => Poll::Ready(None),
        }
    })
}
