//! `spin:redis/redis@3.0.0`: the connections of [`storage::redis`].

use bindings::spin::redis::redis::{self, Connection as Handle, Error, RedisParameter, RedisResult};
use storage::redis::{Connection, Parameter, Reply};
use wasmtime::component::{Accessor, Resource};

use crate::state::{HandleResource, Host, InstanceState};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl HandleResource for Handle {
    type Value = Connection;
}

impl redis::Host for InstanceState {}

impl redis::HostConnection for InstanceState {
    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.release(handle)?;
        self.open.redis.remove();
        Ok(())
    }
}

fn connection<T: 'static>(accessor: &Accessor<T, Host>, handle: &Resource<Handle>) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| access.get().held(handle).cloned())
}

impl<T: Send + 'static> redis::HostConnectionWithStore<T> for Host {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Handle>> {
        let (connections, grants) = accessor.with(|mut access| {
            let state = access.get();
            (state.bindings.redis.clone(), state.grants.clone())
        });
        let opened = match connections {
            Some(connections) => connections.open(&address, &grants.allowed_outbound_hosts).await.map_err(error),
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
            state.hold(connection).map(Ok)
        })
    }

    async fn publish(accessor: &Accessor<T, Self>, handle: Resource<Handle>, channel: String, payload: Vec<u8>) -> Answer<()> {
        Ok(connection(accessor, &handle)?.publish(channel, payload).await.map_err(error))
    }

    async fn get(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(connection(accessor, &handle)?.get(key).await.map_err(error))
    }

    async fn set(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(connection(accessor, &handle)?.set(key, value).await.map_err(error))
    }

    async fn incr(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<i64> {
        Ok(connection(accessor, &handle)?.incr(key).await.map_err(error))
    }

    async fn del(accessor: &Accessor<T, Self>, handle: Resource<Handle>, keys: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.del(keys).await.map_err(error))
    }

    async fn sadd(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.sadd(key, values).await.map_err(error))
    }

    async fn smembers(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<Vec<String>> {
        Ok(connection(accessor, &handle)?.smembers(key).await.map_err(error))
    }

    async fn srem(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(connection(accessor, &handle)?.srem(key, values).await.map_err(error))
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Resource<Handle>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        let arguments = arguments.into_iter().map(parameter).collect();
        let replies = connection(accessor, &handle)?.execute(&command, arguments).await;
        Ok(replies.map(|replies| replies.into_iter().map(result).collect()).map_err(error))
    }
}

fn parameter(parameter: RedisParameter) -> Parameter {
    match parameter {
        RedisParameter::Int64(number) => Parameter::Int64(number),
        RedisParameter::Binary(bytes) => Parameter::Binary(bytes),
    }
}

fn result(reply: Reply) -> RedisResult {
    match reply {
        Reply::Nil => RedisResult::Nil,
        Reply::Status(status) => RedisResult::Status(status),
        Reply::Int64(number) => RedisResult::Int64(number),
        Reply::Binary(bytes) => RedisResult::Binary(bytes),
    }
}

fn error(error: storage::redis::Error) -> Error {
    match error {
        storage::redis::Error::InvalidAddress => Error::InvalidAddress,
        storage::redis::Error::TypeError => Error::TypeError,
        storage::redis::Error::Other(text) => Error::Other(text),
    }
}
