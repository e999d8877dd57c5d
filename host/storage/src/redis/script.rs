//! Lua scripts, for the host itself.

use ::redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind};

use telemetry::BreakerState;

use super::{Connection, Error};

/// What Redis says of a digest whose script it has not been told.
const UNKNOWN: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);

/// A script, known to Redis by its digest once it has run there.
pub struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    /// A script of ours; none is made of what others say.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text, digest: ::redis::Script::new(text).get_hash().to_owned() }
    }

    fn command(&self, by_digest: bool, keys: &[&str], arguments: &[i64]) -> Cmd {
        let mut command = if by_digest { ::redis::cmd("EVALSHA") } else { ::redis::cmd("EVAL") };
        command.arg(if by_digest { self.digest.as_str() } else { self.text }).arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

impl Connection {
    /// Runs a script over these keys, which in a cluster must live together. A Redis that has lost it gets it again.
    ///
    /// # Errors
    /// See [`execute`](Self::execute).
    pub async fn script<T: FromRedisValue>(&self, script: &Script, keys: &[&str], arguments: &[i64]) -> Result<T, Error> {
        let running = async {
            let link = self.entry.link().await?;
            match link.query(&script.command(true, keys, arguments)).await {
                Err(error) if error.kind() == UNKNOWN => link.query(&script.command(false, keys, arguments)).await,
                outcome => outcome,
            }
        };
        self.entry.guarded(running).await
    }

    /// Whether Redis is left alone.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.entry.breaker.line().state
    }

    /// Counts a timeout of the caller as a failure of the breaker.
    pub fn gave_up(&self) {
        self.entry.breaker.failure();
    }
}
