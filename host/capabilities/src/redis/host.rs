//! `spin:redis/redis@3.0.0`.

use wasmtime::component::{Accessor, Resource};

use super::{Connection, Error, RedisParameter, RedisResult};
use crate::{
    state::{Host, InstanceState},
    wit::spin::spin::redis::redis,
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl redis::Host for InstanceState {}

impl redis::HostConnection for InstanceState {
    async fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open.redis.remove();
        Ok(())
    }
}

fn connection<T: 'static>(accessor: &Accessor<T, Host>, handle: &Resource<Connection>) -> wasmtime::Result<Connection> {
    Ok(accessor.with(|mut access| access.get().table.get(handle).cloned())?)
}

impl<T: Send + 'static> redis::HostConnectionWithStore<T> for Host {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Connection>> {
        let (connections, grants) = accessor.with(|mut access| {
            let state = access.get();
            (state.bindings.redis.clone(), state.grants.clone())
        });
        let opened = match connections {
            Some(connections) => connections.open(&address, &grants.allowed_outbound_hosts).await,
            None => Err(Error::Other("there is no Redis here".into())),
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let state = access.get();
            if !state.open.redis.add() {
                return Ok(Err(Error::TooManyConnections));
            }
            Ok(Ok(state.table.push(connection)?))
        })
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> Answer<()> {
        Ok(connection(accessor, &handle)?.publish(channel, payload).await)
    }

    async fn get(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(connection(accessor, &handle)?.get(key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(connection(accessor, &handle)?.set(key, value).await)
    }

    async fn incr(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String) -> Answer<i64> {
        Ok(connection(accessor, &handle)?.incr(key).await)
    }

    async fn del(accessor: &Accessor<T, Self>, handle: Resource<Connection>, keys: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.del(keys).await)
    }

    async fn sadd(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.sadd(key, values).await)
    }

    async fn smembers(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String) -> Answer<Vec<String>> {
        Ok(connection(accessor, &handle)?.smembers(key).await)
    }

    async fn srem(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.srem(key, values).await)
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        Ok(connection(accessor, &handle)?.execute(&command, arguments).await)
    }
}
