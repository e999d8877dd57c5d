//! `spin:postgres/postgres@4.2.0`.

use std::sync::Arc;

use bindings::spin::postgres::postgres::{self, Connection as Handle, ConnectionBuilder as BuilderHandle};
use manifest::Grants;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::{
    Column, Connection, DbValue, Error, ParameterValue, PostgresPools, RowSet,
    connection::{RunningStatement, lost},
};
use crate::{
    rows::Rows,
    state::{HandleResource, Host, InstanceState},
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;
type QueryStream = (Vec<Column>, StreamReader<Vec<DbValue>>, FutureReader<Result<(), Error>>);

/// What a guest says about a connection before it opens it.
#[derive(Clone)]
pub(crate) struct ConnectionBuilder {
    address: String,
    root_ca: Option<String>,
}

impl HandleResource for Handle {
    type Value = Connection;
}

impl HandleResource for BuilderHandle {
    type Value = ConnectionBuilder;
}

/// Everything that is needed to open a connection without the store.
struct ConnectionRequest {
    pools: Option<PostgresPools>,
    grants: Arc<Grants>,
    builder: ConnectionBuilder,
}

impl ConnectionRequest {
    async fn open(self) -> Result<Connection, Error> {
        let pools = self.pools.ok_or_else(|| Error::ConnectionFailed("there is no Postgres here".into()))?;
        pools.open(&self.builder.address, self.builder.root_ca.as_deref(), &self.grants.allowed_outbound_hosts).await
    }
}

impl InstanceState {
    /// Reserves a place among the open connections. It is given back by [`postgres_opened`](Self::postgres_opened)
    /// where opening fails.
    fn open_postgres(&mut self, builder: ConnectionBuilder) -> Result<ConnectionRequest, Error> {
        if !self.open.postgres.add() {
            return Err(Error::ConnectionFailed("too many connections".into()));
        }
        Ok(ConnectionRequest { pools: self.bindings.postgres.clone(), grants: Arc::clone(&self.grants), builder })
    }

    fn postgres_opened(&mut self, outcome: Result<Connection, Error>) -> Answer<Resource<Handle>> {
        match outcome {
            Ok(connection) => self.hold(connection).map(Ok),
            Err(error) => {
                self.open.postgres.remove();
                Ok(Err(error))
            }
        }
    }

    fn postgres(&self, handle: &Resource<Handle>) -> wasmtime::Result<Connection> {
        self.held(handle).cloned()
    }
}

impl postgres::Host for InstanceState {}

impl postgres::HostConnectionBuilder for InstanceState {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<BuilderHandle>> {
        self.hold(ConnectionBuilder { address, root_ca: None })
    }

    async fn set_ca_root(&mut self, handle: Resource<BuilderHandle>, certificate: String) -> Answer<()> {
        if !certificate.contains("-----BEGIN CERTIFICATE-----") {
            return Ok(Err(Error::Other("invalid root certificate: it is not PEM".into())));
        }
        self.held_mut(&handle)?.root_ca = Some(certificate);
        Ok(Ok(()))
    }

    async fn build(&mut self, handle: Resource<BuilderHandle>) -> Answer<Resource<Handle>> {
        let builder = self.held(&handle)?.clone();
        let opening = match self.open_postgres(builder) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error)),
        };
        let outcome = opening.open().await;
        self.postgres_opened(outcome)
    }

    async fn drop(&mut self, handle: Resource<BuilderHandle>) -> wasmtime::Result<()> {
        self.release(handle)
    }
}

impl<T: Send + 'static> postgres::HostConnectionBuilderWithStore<T> for Host {
    async fn build_async(accessor: &Accessor<T, Self>, handle: Resource<BuilderHandle>) -> Answer<Resource<Handle>> {
        let builder = accessor.with(|mut access| access.get().held(&handle).cloned())?;
        open(accessor, builder).await
    }
}

impl postgres::HostConnection for InstanceState {
    async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
        let opening = match self.open_postgres(ConnectionBuilder { address, root_ca: None }) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error)),
        };
        let outcome = opening.open().await;
        self.postgres_opened(outcome)
    }

    async fn query(&mut self, handle: Resource<Handle>, statement: String, parameters: Vec<ParameterValue>) -> Answer<RowSet> {
        Ok(self.postgres(&handle)?.query(statement, parameters).await)
    }

    async fn execute(&mut self, handle: Resource<Handle>, statement: String, parameters: Vec<ParameterValue>) -> Answer<u64> {
        Ok(self.postgres(&handle)?.execute(statement, parameters).await)
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.release(handle)?;
        self.open.postgres.remove();
        Ok(())
    }
}

impl<T: Send + 'static> postgres::HostConnectionWithStore<T> for Host {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Handle>> {
        open(accessor, ConnectionBuilder { address, root_ca: None }).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Handle>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Answer<QueryStream> {
        let connection = accessor.with(|mut access| access.get().postgres(&handle))?;
        match connection.start(statement, parameters).await {
            Ok(started) => accessor.with(|access| stream(access, started)).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Handle>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Answer<u64> {
        let connection = accessor.with(|mut access| access.get().postgres(&handle))?;
        Ok(connection.execute(statement, parameters).await)
    }
}

async fn open<T: Send + 'static>(accessor: &Accessor<T, Host>, builder: ConnectionBuilder) -> Answer<Resource<Handle>> {
    let opening = match accessor.with(|mut access| access.get().open_postgres(builder)) {
        Ok(opening) => opening,
        Err(error) => return Ok(Err(error)),
    };
    let outcome = opening.open().await;
    accessor.with(|mut access| access.get().postgres_opened(outcome))
}

fn stream<T: 'static>(mut access: Access<'_, T, Host>, started: RunningStatement) -> wasmtime::Result<QueryStream> {
    let RunningStatement { columns, rows, ending, .. } = started;
    let rows = StreamReader::new(&mut access, Rows::new(rows, |row| row))?;
    let ending = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(ending.get(lost).await) })?;
    Ok((columns, rows, ending))
}
