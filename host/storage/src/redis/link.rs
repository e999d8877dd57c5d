//! One address's connection, whatever it names.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
};
use telemetry::keepalive;

use super::{
    address::{Address, Form},
    sentinel::Primary,
};
use crate::limits;

/// A connection that everybody with the same address shares. Cheap to clone.
#[derive(Clone)]
pub(super) enum Link {
    Node { manager: ConnectionManager, client: Box<Client> },
    Primary(Arc<Primary>),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects. `root` is the authority (PEM) whose certificates are believed; none: those that the system believes.
    pub(super) async fn connect(address: &Address, root: Option<&[u8]>) -> RedisResult<Self> {
        match &address.form {
            Form::Node => {
                let info = address.nodes().into_iter().next().ok_or((ErrorKind::InvalidClientConfig, "no host"))?;
                let client = match root.filter(|_| address.tls) {
                    Some(root) => Client::build_with_tls(info, certificates(root))?,
                    None => Client::open(info)?,
                };
                let manager = ConnectionManager::new_with_config(client.clone(), manager()).await?;
                Ok(Self::Node { manager, client: Box::new(client) })
            }
            Form::Sentinels { service } => {
                let primary = Arc::new(Primary::new(address, service, root)?);
                primary.connected().await?;
                Ok(Self::Primary(primary))
            }
            Form::Cluster => {
                let mut builder = ClusterClient::builder(address.nodes())
                    .retries(limits::REDIS_CLUSTER_RETRIES)
                    .tcp_settings(tcp())
                    .connection_timeout(limits::REDIS_CONNECT)
                    .response_timeout(limits::REDIS_RESPONSE)
                    .overall_response_timeout(Some(limits::REDIS_RESPONSE * 2));
                if let Some(root) = root.filter(|_| address.tls) {
                    builder = builder.certs(certificates(root));
                }
                Ok(Self::Cluster(builder.build()?.get_async_connection().await?))
            }
        }
    }

    /// Runs one command.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Node { manager, .. } => command.query_async(&mut manager.clone()).await,
            Self::Primary(primary) => primary.query(command).await,
            Self::Cluster(cluster) => command.query_async(&mut cluster.clone()).await,
        }
    }

    /// A connection that is not shared.
    pub(super) async fn own(&self) -> RedisResult<MultiplexedConnection> {
        let config = config(limits::REDIS_OWN_RESPONSE);
        match self {
            Self::Node { client, .. } => client.get_multiplexed_async_connection_with_config(&config).await,
            Self::Primary(primary) => primary.own(&config).await,
            Self::Cluster(_) => Err((ErrorKind::Client, "a cluster has no connection that this could be said to").into()),
        }
    }
}

/// Whether this is Redis not being there, and not its answer.
pub(super) fn unreachable(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    error.is_io_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly)
                | ErrorKind::MasterNameNotFoundBySentinel
                | ErrorKind::EmptySentinelList
                | ErrorKind::ClusterConnectionNotFound
        )
}

/// A connection whose other end is gone is found out.
pub(super) fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive::settings());
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(telemetry::limits::UNACKNOWLEDGED);
    settings
}

pub(super) fn config(response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limits::REDIS_CONNECT))
        .set_response_timeout(Some(response))
        .set_pipeline_buffer_size(limits::REDIS_QUEUE)
}

fn manager() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_number_of_retries(limits::REDIS_RETRIES)
        .set_connection_timeout(Some(limits::REDIS_CONNECT))
        .set_response_timeout(Some(limits::REDIS_RESPONSE))
        .set_pipeline_buffer_size(limits::REDIS_QUEUE)
}

pub(super) fn certificates(root: &[u8]) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: Some(root.to_vec()) }
}
