//! `spin:redis`: one connection for each address, shared by everybody who uses it.
//!
//! Commands of all guests go over it as they come, so one that would change it for the others (`SELECT`, `MULTI`,
//! `SUBSCRIBE`, …) or hold them up (`BLPOP`, …) gets its handle a connection of its own.

mod host;
mod results;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};
use tokio::sync::OnceCell;
use url::Url;

pub use crate::wit::spin::spin::redis::redis::{Error, RedisParameter, RedisResult};
use crate::{allowed_hosts::AllowedHosts, batches::too_long, limits};
use results::Results;

/// Commands that change a connection for whoever uses it next, or that wait.
const OWN_CONNECTION: [&str; 28] = [
    "ASKING",
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "UNWATCH",
    "WAIT",
    "WATCH",
];

type Shared = Arc<OnceCell<ConnectionManager>>;

/// A role's Redis connections, made as addresses are first used. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct RedisConnections {
    addresses: Arc<Mutex<BTreeMap<String, Shared>>>,
}

/// A handle of a guest. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    shared: ConnectionManager,
    own: Arc<OnceCell<MultiplexedConnection>>,
}

impl RedisConnections {
    /// No connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle on `address`, a `redis://` URL, if `allowed` permits its host.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`], also for a host that is not permitted, as in Spin; [`Error::Other`] where nobody answers.
    pub async fn open(&self, address: &str, allowed: &AllowedHosts) -> Result<Connection, Error> {
        // Without a scheme, Redis is meant.
        let url = if address.contains("://") { Url::parse(address) } else { Url::parse(&format!("redis://{address}")) };
        let url = url.map_err(|_| Error::InvalidAddress)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Error::InvalidAddress)?;
        if !allowed.allows(url.scheme(), host, Some(url.port().unwrap_or(6379))) {
            tracing::info!(scheme = url.scheme(), host, "a component called a host that it is not granted");
            return Err(Error::InvalidAddress);
        }
        let client = Client::open(url.as_str()).map_err(|_| Error::InvalidAddress)?;
        let shared = self.shared(url.as_str());
        let shared =
            shared.get_or_try_init(|| ConnectionManager::new_with_config(client.clone(), manager())).await.map_err(error)?;
        Ok(Connection { shared: shared.clone(), client, own: Arc::default() })
    }

    fn shared(&self, address: &str) -> Shared {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= limits::REDIS_ADDRESSES && !addresses.contains_key(address) {
            // Whoever still uses it keeps it; the next one connects anew.
            addresses.pop_first();
        }
        Arc::clone(addresses.entry(address.to_owned()).or_default())
    }
}

fn manager() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_number_of_retries(limits::REDIS_RETRIES)
        .set_connection_timeout(Some(limits::REDIS_CONNECT))
        .set_response_timeout(Some(limits::REDIS_RESPONSE))
}

impl Connection {
    /// Runs any command; what it answers, nested lists laid flat.
    ///
    /// # Errors
    /// [`Error::Other`] with Redis' own words, [`Error::TypeError`].
    pub async fn execute(&self, command: &str, arguments: Vec<RedisParameter>) -> Result<Vec<RedisResult>, Error> {
        let mut redis = ::redis::cmd(command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => redis.arg(number),
                RedisParameter::Binary(bytes) => redis.arg(bytes),
            };
        }
        if OWN_CONNECTION.iter().any(|name| name.eq_ignore_ascii_case(command)) {
            self.own().await?;
        }
        self.run::<Results>(&redis).await.map(|results| results.0)
    }

    /// Sends `payload` to whoever listens to `channel`.
    ///
    /// # Errors
    /// See [`execute`](Self::execute), as for all that follow.
    pub async fn publish(&self, channel: String, payload: Vec<u8>) -> Result<(), Error> {
        self.run(&Cmd::publish(channel, payload)).await
    }

    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// Also where the value is longer than [`limits::RESULT_BYTES`].
    pub async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        match self.run(&Cmd::get(key)).await? {
            Some(value) if Vec::len(&value) > limits::RESULT_BYTES => Err(Error::Other(too_long())),
            value => Ok(value),
        }
    }

    /// Gives `key` this value, instead of any it had.
    ///
    /// # Errors
    /// See [`publish`](Self::publish).
    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.run(&Cmd::set(key, value)).await
    }

    /// Adds one to the number at `key`, which is 0 where there is none.
    ///
    /// # Errors
    /// [`Error::TypeError`] where it is no number.
    pub async fn incr(&self, key: String) -> Result<i64, Error> {
        self.run(&Cmd::incr(key, 1)).await.map_err(|error| match error {
            // The WIT asks for this; Redis has no code of its own for it.
            Error::Other(text) if text.contains("not an integer") => Error::TypeError,
            error => error,
        })
    }

    /// Removes keys; how many there were.
    ///
    /// # Errors
    /// See [`publish`](Self::publish).
    pub async fn del(&self, keys: Vec<String>) -> Result<u32, Error> {
        self.run(&Cmd::del(keys)).await
    }

    /// Adds values to the set at `key`; how many are new.
    ///
    /// # Errors
    /// See [`publish`](Self::publish).
    pub async fn sadd(&self, key: String, values: Vec<String>) -> Result<u32, Error> {
        self.run(&Cmd::sadd(key, values)).await
    }

    /// The values of the set at `key`, in no order.
    ///
    /// # Errors
    /// See [`publish`](Self::publish).
    pub async fn smembers(&self, key: String) -> Result<Vec<String>, Error> {
        self.run(&Cmd::smembers(key)).await
    }

    /// Removes values from the set at `key`; how many there were.
    ///
    /// # Errors
    /// See [`publish`](Self::publish).
    pub async fn srem(&self, key: String, values: Vec<String>) -> Result<u32, Error> {
        self.run(&Cmd::srem(key, values)).await
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        match self.own.get() {
            Some(own) => command.query_async(&mut own.clone()).await,
            None => command.query_async(&mut self.shared.clone()).await,
        }
        .map_err(error)
    }

    /// From here on, this handle has a connection of its own.
    async fn own(&self) -> Result<(), Error> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limits::REDIS_CONNECT))
            .set_response_timeout(Some(limits::REDIS_RESPONSE));
        self.own.get_or_try_init(|| self.client.get_multiplexed_async_connection_with_config(&config)).await.map_err(error)?;
        Ok(())
    }
}

fn error(error: RedisError) -> Error {
    let wrong_type = error.code() == Some("WRONGTYPE") || error.kind() == ErrorKind::UnexpectedReturnType;
    if wrong_type { Error::TypeError } else { Error::Other(error.to_string()) }
}
