//! `spin:sqlite/sqlite@3.1.0`: the databases of [`storage::sqlite`]. Error texts are SQLite's own, as in Spin.

use bindings::spin::sqlite::sqlite::{self, Connection as Handle, Error, QueryResult, RowResult, Value};
use storage::sqlite::{Connection, Row, RunningStatement, lost};
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use crate::{
    rows::Rows,
    state::{HandleResource, Host, InstanceState},
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;
type QueryStream = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl HandleResource for Handle {
    type Value = Connection;
}

/// Runs one statement to its end.
pub(crate) async fn execute(connection: &Connection, statement: String, parameters: Vec<Value>) -> Result<QueryResult, Error> {
    let parameters = parameters.into_iter().map(parameter).collect();
    let storage::sqlite::Rows { columns, rows } = connection.execute(statement, parameters).await.map_err(error)?;
    Ok(QueryResult { columns, rows: rows.into_iter().map(row).collect() })
}

impl InstanceState {
    pub(crate) fn open_sqlite(&mut self, label: &str) -> Answer<Resource<Handle>> {
        if !self.grants.sqlite_databases.contains(label) {
            return Ok(Err(Error::AccessDenied));
        }
        let connection = match self
            .bindings
            .sqlite
            .as_ref()
            .ok_or(Error::NoSuchDatabase)
            .and_then(|databases| databases.open(label).map_err(error))
        {
            Ok(connection) => connection,
            Err(error) => return Ok(Err(error)),
        };
        if !self.open.sqlite.add() {
            return Ok(Err(Error::Io("too many connections opened".into())));
        }
        self.hold(connection).map(Ok)
    }

    pub(crate) fn sqlite(&self, handle: &Resource<Handle>) -> wasmtime::Result<Connection> {
        self.held(handle).cloned()
    }

    pub(crate) fn drop_sqlite(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.release(handle)?;
        self.open.sqlite.remove();
        Ok(())
    }
}

impl sqlite::Host for InstanceState {}

impl sqlite::HostConnection for InstanceState {
    async fn open(&mut self, database: String) -> Answer<Resource<Handle>> {
        self.open_sqlite(&database)
    }

    async fn execute(&mut self, handle: Resource<Handle>, statement: String, parameters: Vec<Value>) -> Answer<QueryResult> {
        Ok(execute(&self.sqlite(&handle)?, statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, handle: Resource<Handle>) -> wasmtime::Result<i64> {
        Ok(self.sqlite(&handle)?.last_insert_rowid().await)
    }

    async fn changes(&mut self, handle: Resource<Handle>) -> wasmtime::Result<u64> {
        Ok(self.sqlite(&handle)?.changes().await)
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.drop_sqlite(handle)
    }
}

impl<T: Send + 'static> sqlite::HostConnectionWithStore<T> for Host {
    async fn open_async(accessor: &Accessor<T, Self>, database: String) -> Answer<Resource<Handle>> {
        accessor.with(|mut access| access.get().open_sqlite(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Handle>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Answer<QueryStream> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        match connection.start(statement, parameters.into_iter().map(parameter).collect()).await {
            Ok(started) => accessor.with(|access| stream(access, started)).map(Ok),
            Err(failed) => Ok(Err(error(failed))),
        }
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, handle: Resource<Handle>) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        Ok(connection.last_insert_rowid().await)
    }

    async fn changes_async(accessor: &Accessor<T, Self>, handle: Resource<Handle>) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().sqlite(&handle))?;
        Ok(connection.changes().await)
    }
}

fn stream<T: 'static>(mut access: Access<'_, T, Host>, started: RunningStatement) -> wasmtime::Result<QueryStream> {
    let RunningStatement { columns, rows, ending } = started;
    let rows = StreamReader::new(&mut access, Rows::new(rows, row))?;
    let ending = async move { Ok::<_, wasmtime::Error>(ending.get(lost).await.map_err(error)) };
    let ending = FutureReader::new(&mut access, ending)?;
    Ok((columns, rows, ending))
}

fn parameter(value: Value) -> storage::sqlite::Value {
    match value {
        Value::Null => storage::sqlite::Value::Null,
        Value::Integer(number) => storage::sqlite::Value::Integer(number),
        Value::Real(number) => storage::sqlite::Value::Real(number),
        Value::Text(text) => storage::sqlite::Value::Text(text),
        Value::Blob(bytes) => storage::sqlite::Value::Blob(bytes),
    }
}

fn row(Row { values }: Row) -> RowResult {
    let value = |value| match value {
        storage::sqlite::Value::Null => Value::Null,
        storage::sqlite::Value::Integer(number) => Value::Integer(number),
        storage::sqlite::Value::Real(number) => Value::Real(number),
        storage::sqlite::Value::Text(text) => Value::Text(text),
        storage::sqlite::Value::Blob(bytes) => Value::Blob(bytes),
    };
    RowResult { values: values.into_iter().map(value).collect() }
}

fn error(error: storage::sqlite::Error) -> Error {
    match error {
        storage::sqlite::Error::NoSuchDatabase => Error::NoSuchDatabase,
        storage::sqlite::Error::Io(text) => Error::Io(text),
    }
}
