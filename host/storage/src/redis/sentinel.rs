//! The primary that Sentinels name, and the next one.
//!
//! Sentinels are asked when there is no connection, when one was lost, when a node answers that it may only read (it has been
//! demoted), and every [`limits::REDIS_LOOK`] while it is used: a primary that was cut off from its Sentinels may still answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::timeout;

use super::{address::Address, link};
use crate::limits;

/// A connection to the primary, kept.
pub(super) struct Primary {
    state: Mutex<State>,
    sentinels: Arc<Sentinels>,
}

/// Asks Sentinels, one question at a time.
struct Sentinels {
    client: tokio::sync::Mutex<SentinelClient>,
    service: String,
}

struct State {
    /// Which connection this is, so that word of one that was lost does not cost its successor.
    number: u64,
    connection: Connecting,
    looked: Instant,
}

/// A connection, or what will be one: everybody who needs it waits for the same.
type Connecting = Shared<BoxFuture<'static, RedisResult<Connected>>>;

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    /// The node's address.
    node: String,
}

impl Primary {
    pub(super) fn new(address: &Address, service: &str, root: Option<&[u8]>) -> RedisResult<Self> {
        let mut builder = SentinelClientBuilder::new(address.addresses(), service, SentinelServerType::Master)?
            .set_client_to_redis_db(address.user().db());
        for (name, password, sentinels) in [
            (address.user().username(), address.user().password(), false),
            (address.sentinel_user().username(), address.sentinel_user().password(), true),
        ] {
            if let Some(name) = name {
                let set = if sentinels {
                    SentinelClientBuilder::set_client_to_sentinel_username
                } else {
                    SentinelClientBuilder::set_client_to_redis_username
                };
                builder = set(builder, name);
            }
            if let Some(password) = password {
                let set = if sentinels {
                    SentinelClientBuilder::set_client_to_sentinel_password
                } else {
                    SentinelClientBuilder::set_client_to_redis_password
                };
                builder = set(builder, password);
            }
        }
        if address.tls {
            builder = builder.set_client_to_redis_tls_mode(::redis::TlsMode::Secure);
            if let Some(root) = root {
                let certificates = || link::certificates(root);
                builder = builder.set_client_to_sentinel_certificates(certificates());
                builder = builder.set_client_to_redis_certificates(certificates());
            }
        }
        let sentinels = Arc::new(Sentinels { client: tokio::sync::Mutex::new(builder.build()?), service: service.to_owned() });
        let connection = sentinels.connecting();
        Ok(Self { state: Mutex::new(State { number: 0, connection, looked: Instant::now() }), sentinels })
    }

    /// Runs a command on the primary. One that was not run because its node had been demoted is run on the next.
    pub(super) async fn query<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> RedisResult<T> {
        match self.try_query(command).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) => self.try_query(command).await,
            outcome => outcome,
        }
    }

    async fn try_query<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> RedisResult<T> {
        let (number, connecting) = self.current();
        let outcome = match connecting.await {
            Ok(mut connected) => command.query_async(&mut connected.connection).await,
            Err(error) => Err(error),
        };
        if outcome.as_ref().is_err_and(asks_for_another) {
            self.replace(number, self.sentinels.connecting());
        }
        outcome
    }

    /// Waits until there is a connection.
    pub(super) async fn connected(self: &Arc<Self>) -> RedisResult<()> {
        let (number, connecting) = self.current();
        match connecting.await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.replace(number, self.sentinels.connecting());
                Err(error)
            }
        }
    }

    /// A connection of its own to the primary as it is now.
    pub(super) async fn own(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        self.sentinels.find().await?.get_multiplexed_async_connection_with_config(config).await
    }

    fn current(self: &Arc<Self>) -> (u64, Connecting) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= limits::REDIS_LOOK {
            state.looked = Instant::now();
            let primary = Arc::clone(self);
            tokio::spawn(async move { primary.look().await });
        }
        (state.number, state.connection.clone())
    }

    fn replace(&self, number: u64, connection: Connecting) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number == number {
            *state = State { number: number.wrapping_add(1), connection, looked: Instant::now() };
        }
    }

    /// Looks whether the primary is still the one that is connected.
    async fn look(&self) {
        let (number, connected) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.number, state.connection.peek().cloned())
        };
        // A connection in progress has just asked; and silent Sentinels say nothing about the primary.
        let Some(Ok(connected)) = connected else { return };
        let Ok(client) = self.sentinels.find().await else { return };
        if node(&client) != connected.node {
            tracing::info!(
                service = self.sentinels.service,
                from = connected.node,
                to = node(&client),
                "Redis has another primary"
            );
            self.replace(number, connecting_to(client));
        }
    }
}

impl Sentinels {
    async fn find(&self) -> RedisResult<Client> {
        let finding = async { self.client.lock().await.async_get_client().await };
        timeout(limits::REDIS_FIND, finding).await.unwrap_or_else(|_| Err(late("Sentinels")))
    }

    fn connecting(self: &Arc<Self>) -> Connecting {
        let sentinels = Arc::clone(self);
        async move { connect(sentinels.find().await?).await }.boxed().shared()
    }
}

fn connecting_to(client: Client) -> Connecting {
    connect(client).boxed().shared()
}

async fn connect(client: Client) -> RedisResult<Connected> {
    let config = link::config(limits::REDIS_RESPONSE);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connection = timeout(limits::REDIS_CONNECT, connecting).await.unwrap_or_else(|_| Err(late("the primary")))?;
    Ok(Connected { connection, node: node(&client) })
}

fn node(client: &Client) -> String {
    client.get_connection_info().addr().to_string()
}

/// Whether the connection is of no more use after this.
fn asks_for_another(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
                | ErrorKind::MasterNameNotFoundBySentinel
                | ErrorKind::EmptySentinelList
        )
}

fn late(who: &str) -> RedisError {
    RedisError::from(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{who} did not answer in time")))
}
