//! `spin:sqlite/sqlite@3.1.0`.

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::{Connection, Error, QueryResult, RowResult, Value, connection::Started};
use crate::{
    state::{Host, InstanceState},
    wit::spin::spin::sqlite::sqlite,
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;
type Streamed = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl InstanceState {
    pub(crate) fn open_sqlite(&mut self, label: &str) -> Answer<Resource<Connection>> {
        if !self.grants.sqlite_databases.contains(label) {
            return Ok(Err(Error::AccessDenied));
        }
        let connection =
            match self.bindings.sqlite.as_ref().ok_or(Error::NoSuchDatabase).and_then(|databases| databases.open(label)) {
                Ok(connection) => connection,
                Err(error) => return Ok(Err(error)),
            };
        if !self.open.sqlite.add() {
            return Ok(Err(Error::Io("too many connections opened".into())));
        }
        Ok(Ok(self.table.push(connection)?))
    }

    pub(crate) fn sqlite(&self, handle: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(handle)?.clone())
    }

    pub(crate) fn drop_sqlite(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open.sqlite.remove();
        Ok(())
    }
}

impl sqlite::Host for InstanceState {}

impl sqlite::HostConnection for InstanceState {
    async fn open(&mut self, database: String) -> Answer<Resource<Connection>> {
        self.open_sqlite(&database)
    }

    async fn execute(&mut self, handle: Resource<Connection>, statement: String, parameters: Vec<Value>) -> Answer<QueryResult> {
        Ok(self.sqlite(&handle)?.execute(statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, handle: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.sqlite(&handle)?.last_insert_rowid().await)
    }

    async fn changes(&mut self, handle: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.sqlite(&handle)?.changes().await)
    }

    async fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.drop_sqlite(handle)
    }
}

impl<T: Send + 'static> sqlite::HostConnectionWithStore<T> for Host {
    async fn open_async(accessor: &Accessor<T, Self>, database: String) -> Answer<Resource<Connection>> {
        accessor.with(|mut access| access.get().open_sqlite(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Answer<Streamed> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        match connection.start(statement, parameters).await {
            Ok(started) => accessor.with(|access| stream(access, started)).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, handle: Resource<Connection>) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        Ok(connection.last_insert_rowid().await)
    }

    async fn changes_async(accessor: &Accessor<T, Self>, handle: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        Ok(connection.changes().await)
    }
}

fn stream<T: 'static>(mut access: Access<'_, T, Host>, started: Started) -> wasmtime::Result<Streamed> {
    let Started { columns, rows, ending } = started;
    let rows = StreamReader::new(&mut access, rows)?;
    let ending = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(ending.get(super::lost).await) })?;
    Ok((columns, rows, ending))
}
