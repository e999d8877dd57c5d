//! Lua scripts, for the host itself.

use ::redis::{Cmd, FromRedisValue};

use super::{Connection, Error};

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
    /// Runs a script over these keys, which in a cluster must live together. A Redis that has forgotten it is told it again.
    ///
    /// # Errors
    /// See [`execute`](Self::execute).
    pub async fn script<T: FromRedisValue>(&self, script: &Script, keys: &[&str], arguments: &[i64]) -> Result<T, Error> {
        match self.run(&script.command(true, keys, arguments)).await {
            Err(Error::Other(text)) if text.contains("NOSCRIPT") => self.run(&script.command(false, keys, arguments)).await,
            outcome => outcome,
        }
    }

    /// Tells the breaker that whoever asked gave up waiting: to the breaker that is no answer.
    pub fn gave_up(&self) {
        self.entry.breaker.failure();
    }
}
