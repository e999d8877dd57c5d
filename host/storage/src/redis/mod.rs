//! Redis: one connection for each address, shared by everybody who uses it.
//!
//! Commands of all users go over it as they come, so one that would change it for the others (`SELECT`, `MULTI`,
//! `SUBSCRIBE`, …) or hold them up (`BLPOP`, …) gets its handle a connection of its own. `address.rs` says what addresses there
//! are: a node, the primary that Sentinels name, a cluster.
//!
//! # When Redis is not there
//! Each address has a circuit breaker. A command that could not be sent or was not answered counts against it, what Redis answers does
//! not. While it is open, commands fail at once with [`Error::Other`], certainly not done, without a wait. With Sentinels the next primary
//! is found as soon as they have agreed on one. A command whose answer was lost may have been done: it is not sent again.

mod address;
mod link;
mod results;
mod script;
mod sentinel;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisError, aio::MultiplexedConnection};
use manifest::allowed_hosts::AllowedHosts;
use telemetry::{Breaker, BreakerLine, BreakerOptions, BreakerSource};
use tokio::sync::OnceCell;

pub use script::Script;

use crate::{batches::too_long, limits};
use address::Address;
use link::Link;
use results::Results;

/// Commands that change a shared connection's state, or that block.
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

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A number.
    Int64(i64),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A part of what Redis answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A word that says how it went.
    Status(String),
    /// A number.
    Int64(i64),
    /// Bytes.
    Binary(Vec<u8>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be understood, or its host is not granted.
    #[error("the address is invalid")]
    InvalidAddress,
    /// What is there, or was answered, is of another type.
    #[error("the value is of another type")]
    TypeError,
    /// In Redis' own words.
    #[error("{0}")]
    Other(String),
}

/// A role's Redis connections, made as addresses are first used. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct RedisConnections {
    addresses: Arc<Mutex<BTreeMap<String, Arc<Entry>>>>,
    options: Arc<Options>,
}

#[derive(Default)]
struct Options {
    breaker: BreakerOptions,
    root: Option<Vec<u8>>,
}

/// What there is of one address.
struct Entry {
    address: Address,
    options: Arc<Options>,
    breaker: Breaker,
    link: OnceCell<Link>,
}

/// A handle on an address. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    entry: Arc<Entry>,
    own: Arc<OnceCell<MultiplexedConnection>>,
}

impl RedisConnections {
    /// No connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No connections yet. Each address's breaker opens as `breaker` says; over TLS, nodes must show a certificate of the authority
    /// `root` (PEM; none: of any that the system believes).
    #[must_use]
    pub fn with(breaker: BreakerOptions, root: Option<Vec<u8>>) -> Self {
        Self { addresses: Arc::default(), options: Arc::new(Options { breaker, root }) }
    }

    /// A handle on `address`, if `allowed` permits every host that it names.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`], also for a host that is not permitted, as in Spin; [`Error::Other`] where no server answers.
    pub async fn open(&self, address: &str, allowed: &AllowedHosts) -> Result<Connection, Error> {
        let parsed = Address::parse(address)?;
        if !parsed.granted(allowed) {
            tracing::info!(address = parsed.name(), "a component called a host that it is not granted");
            return Err(Error::InvalidAddress);
        }
        let connection = self.connection(address, parsed);
        connection.entry.guarded(async { connection.entry.link().await.map(drop) }).await?;
        Ok(connection)
    }

    /// A handle for the host itself, which needs no grants. Nothing is connected before it is used.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`].
    pub fn handle(&self, address: &str) -> Result<Connection, Error> {
        Ok(self.connection(address, Address::parse(address)?))
    }

    fn connection(&self, address: &str, parsed: Address) -> Connection {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= limits::REDIS_ADDRESSES && !addresses.contains_key(address) {
            // Its current users keep it; the next one connects anew.
            addresses.pop_first();
        }
        let entry = addresses.entry(address.to_owned()).or_insert_with(|| {
            let breaker = Breaker::new(parsed.name(), self.options.breaker);
            Arc::new(Entry { address: parsed, options: Arc::clone(&self.options), breaker, link: OnceCell::new() })
        });
        Connection { entry: Arc::clone(entry), own: Arc::default() }
    }
}

impl BreakerSource for RedisConnections {
    fn lines(&self) -> Vec<BreakerLine> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).values().map(|entry| entry.breaker.line()).collect()
    }

    fn reset(&self) {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|entry| entry.breaker.reset());
    }
}

impl Entry {
    async fn link(&self) -> ::redis::RedisResult<&Link> {
        self.link.get_or_try_init(|| Link::connect(&self.address, self.options.root.as_deref())).await
    }

    /// Does `work` if the breaker permits, and tells it what came of it.
    async fn guarded<T>(&self, work: impl Future<Output = ::redis::RedisResult<T>>) -> Result<T, Error> {
        let permit = self.breaker.permit().map_err(|rejected| Error::Other(format!("Redis is left alone: {rejected}")))?;
        let outcome = work.await;
        match &outcome {
            Err(error) if link::unreachable(error) => permit.failed(),
            _ => permit.succeeded(),
        }
        outcome.map_err(error)
    }
}

impl Connection {
    /// Runs any command; what it answers, nested lists laid flat.
    ///
    /// # Errors
    /// [`Error::Other`] with Redis' own words, [`Error::TypeError`].
    pub async fn execute(&self, command: &str, arguments: Vec<Parameter>) -> Result<Vec<Reply>, Error> {
        let mut redis = ::redis::cmd(command);
        for argument in arguments {
            match argument {
                Parameter::Int64(number) => redis.arg(number),
                Parameter::Binary(bytes) => redis.arg(bytes),
            };
        }
        if OWN_CONNECTION.iter().any(|name| name.eq_ignore_ascii_case(command)) {
            self.own().await?;
        }
        self.run::<Results>(&redis).await.map(|results| results.0)
    }

    /// Publishes `payload` to `channel`.
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
            Some(own) => command.query_async(&mut own.clone()).await.map_err(error),
            None => self.entry.guarded(async { self.entry.link().await?.query(command).await }).await,
        }
    }

    /// From here on, this handle has a connection of its own.
    async fn own(&self) -> Result<(), Error> {
        let connect = || self.entry.guarded(async { self.entry.link().await?.own().await });
        self.own.get_or_try_init(connect).await?;
        Ok(())
    }
}

fn error(error: RedisError) -> Error {
    let wrong_type = error.code() == Some("WRONGTYPE") || error.kind() == ErrorKind::UnexpectedReturnType;
    if wrong_type { Error::TypeError } else { Error::Other(error.to_string()) }
}
