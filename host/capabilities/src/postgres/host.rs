//! `spin:postgres/postgres@4.2.0`.

use std::sync::Arc;

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::{
    Column, Connection, DbValue, Error, ParameterValue, PostgresPools, RowSet,
    connection::{Started, lost},
};
use crate::{
    Grants,
    state::{Host, InstanceState},
    wit::spin::spin::postgres::postgres,
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;
type Streamed = (Vec<Column>, StreamReader<Vec<DbValue>>, FutureReader<Result<(), Error>>);

/// What a guest says about a connection before it opens it.
#[derive(Clone)]
pub struct ConnectionBuilder {
    address: String,
    root_ca: Option<String>,
}

/// Everything that is needed to open a connection without the store.
struct Opening {
    pools: Option<PostgresPools>,
    grants: Arc<Grants>,
    builder: ConnectionBuilder,
}

impl Opening {
    async fn open(self) -> Result<Connection, Error> {
        let pools = self.pools.ok_or_else(|| Error::ConnectionFailed("there is no Postgres here".into()))?;
        pools.open(&self.builder.address, self.builder.root_ca.as_deref(), &self.grants.allowed_outbound_hosts).await
    }
}

impl InstanceState {
    /// Reserves a place among the open connections. It is given back by [`postgres_opened`](Self::postgres_opened)
    /// where opening fails.
    fn open_postgres(&mut self, builder: ConnectionBuilder) -> Result<Opening, Error> {
        if !self.open.postgres.add() {
            return Err(Error::ConnectionFailed("too many connections".into()));
        }
        Ok(Opening { pools: self.bindings.postgres.clone(), grants: Arc::clone(&self.grants), builder })
    }

    fn postgres_opened(&mut self, outcome: Result<Connection, Error>) -> Answer<Resource<Connection>> {
        match outcome {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => {
                self.open.postgres.remove();
                Ok(Err(error))
            }
        }
    }

    fn postgres(&self, handle: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(handle)?.clone())
    }
}

impl postgres::Host for InstanceState {}

impl postgres::HostConnectionBuilder for InstanceState {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder { address, root_ca: None })?)
    }

    async fn set_ca_root(&mut self, handle: Resource<ConnectionBuilder>, certificate: String) -> Answer<()> {
        if !certificate.contains("-----BEGIN CERTIFICATE-----") {
            return Ok(Err(Error::Other("invalid root certificate: it is not PEM".into())));
        }
        self.table.get_mut(&handle)?.root_ca = Some(certificate);
        Ok(Ok(()))
    }

    async fn build(&mut self, handle: Resource<ConnectionBuilder>) -> Answer<Resource<Connection>> {
        let builder = self.table.get(&handle)?.clone();
        let opening = match self.open_postgres(builder) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error)),
        };
        let outcome = opening.open().await;
        self.postgres_opened(outcome)
    }

    async fn drop(&mut self, handle: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T: Send + 'static> postgres::HostConnectionBuilderWithStore<T> for Host {
    async fn build_async(accessor: &Accessor<T, Self>, handle: Resource<ConnectionBuilder>) -> Answer<Resource<Connection>> {
        let builder = accessor.with(|mut access| access.get().table.get(&handle).cloned())?;
        open(accessor, builder).await
    }
}

impl postgres::HostConnection for InstanceState {
    async fn open(&mut self, address: String) -> Answer<Resource<Connection>> {
        let opening = match self.open_postgres(ConnectionBuilder { address, root_ca: None }) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error)),
        };
        let outcome = opening.open().await;
        self.postgres_opened(outcome)
    }

    async fn query(
        &mut self,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Answer<RowSet> {
        Ok(self.postgres(&handle)?.query(statement, parameters).await)
    }

    async fn execute(&mut self, handle: Resource<Connection>, statement: String, parameters: Vec<ParameterValue>) -> Answer<u64> {
        Ok(self.postgres(&handle)?.execute(statement, parameters).await)
    }

    async fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open.postgres.remove();
        Ok(())
    }
}

impl<T: Send + 'static> postgres::HostConnectionWithStore<T> for Host {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Connection>> {
        open(accessor, ConnectionBuilder { address, root_ca: None }).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Answer<Streamed> {
        let connection = accessor.with(|mut access| access.get().postgres(&handle))?;
        match connection.start(statement, parameters).await {
            Ok(started) => accessor.with(|access| stream(access, started)).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Answer<u64> {
        let connection = accessor.with(|mut access| access.get().postgres(&handle))?;
        Ok(connection.execute(statement, parameters).await)
    }
}

async fn open<T: Send + 'static>(accessor: &Accessor<T, Host>, builder: ConnectionBuilder) -> Answer<Resource<Connection>> {
    let opening = match accessor.with(|mut access| access.get().open_postgres(builder)) {
        Ok(opening) => opening,
        Err(error) => return Ok(Err(error)),
    };
    let outcome = opening.open().await;
    accessor.with(|mut access| access.get().postgres_opened(outcome))
}

fn stream<T: 'static>(mut access: Access<'_, T, Host>, started: Started) -> wasmtime::Result<Streamed> {
    let Started { columns, rows, ending, .. } = started;
    let rows = StreamReader::new(&mut access, rows)?;
    let ending = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(ending.get(lost).await) })?;
    Ok((columns, rows, ending))
}
