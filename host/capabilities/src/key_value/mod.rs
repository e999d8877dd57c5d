//! `spin:key-value`: named stores in one SQLite file.

mod host;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

pub use bindings::spin::key_value::key_value::Error;
use storage::sqlite::{self, SqliteDatabases, Value};
use tokio::sync::OnceCell;

use crate::limits;

const DATABASE: &str = "key-value";
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS key_value (store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, \
                      PRIMARY KEY (store, key)) WITHOUT ROWID";

/// A role's key-value stores. Cheap to clone.
#[derive(Clone)]
pub struct KeyValueStores {
    database: SqliteDatabases,
    ready: Arc<OnceCell<()>>,
    labels: Arc<BTreeSet<String>>,
}

/// One store.
#[derive(Clone)]
pub struct Store {
    database: SqliteDatabases,
    label: String,
}

impl KeyValueStores {
    /// The stores called `labels`, all in `file`, which is made on first use; its folder must exist.
    #[must_use]
    pub fn new(file: PathBuf, labels: BTreeSet<String>) -> Self {
        let database = SqliteDatabases::new(BTreeMap::from([(DATABASE.to_owned(), file)]));
        Self { database, ready: Arc::default(), labels: Arc::new(labels) }
    }

    /// The store called `label`.
    ///
    /// # Errors
    /// [`Error::NoSuchStore`], or [`Error::Other`] where the file cannot be used.
    pub async fn open(&self, label: &str) -> Result<Store, Error> {
        if !self.labels.contains(label) {
            return Err(Error::NoSuchStore);
        }
        let store = Store { database: self.database.clone(), label: label.to_owned() };
        self.ready.get_or_try_init(|| async { store.run(SCHEMA, vec![]).await.map(drop) }).await?;
        Ok(store)
    }
}

impl Store {
    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// [`Error::Other`], as of all that follow.
    pub async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        let rows =
            self.run("SELECT value FROM key_value WHERE store = ?1 AND key = ?2", vec![self.label(), Value::Text(key)]).await?;
        match rows.into_iter().next() {
            None => Ok(None),
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(_) => Err(Error::Other("the value is not bytes".into())),
        }
    }

    /// Gives `key` this value, instead of any it had.
    ///
    /// # Errors
    /// Also where key or value are longer than [`limits::KEY_BYTES`] and [`limits::VALUE_BYTES`].
    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        if key.len() > limits::KEY_BYTES {
            return Err(Error::Other(format!("a key may have {} bytes", limits::KEY_BYTES)));
        }
        if value.len() > limits::VALUE_BYTES {
            return Err(Error::Other(format!("a value may have {} bytes", limits::VALUE_BYTES)));
        }
        let statement = "INSERT INTO key_value (store, key, value) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";
        self.run(statement, vec![self.label(), Value::Text(key), Value::Blob(value)]).await.map(drop)
    }

    /// Takes `key` and its value away, if it is there.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    pub async fn delete(&self, key: String) -> Result<(), Error> {
        self.run("DELETE FROM key_value WHERE store = ?1 AND key = ?2", vec![self.label(), Value::Text(key)]).await.map(drop)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    pub async fn exists(&self, key: String) -> Result<bool, Error> {
        let rows =
            self.run("SELECT 1 FROM key_value WHERE store = ?1 AND key = ?2", vec![self.label(), Value::Text(key)]).await?;
        Ok(!rows.is_empty())
    }

    /// All keys, in order.
    ///
    /// # Errors
    /// Also where they are more than [`RESULT_BYTES`](storage::limits::RESULT_BYTES) together.
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        let rows = self.run("SELECT key FROM key_value WHERE store = ?1 ORDER BY key", vec![self.label()]).await?;
        let key = |value| match value {
            Value::Text(key) => Ok(key),
            _ => Err(Error::Other("a key is not text".into())),
        };
        rows.into_iter().map(key).collect()
    }

    fn label(&self) -> Value {
        Value::Text(self.label.clone())
    }

    /// The first column of every row.
    async fn run(&self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Value>, Error> {
        let connection = self.database.open(DATABASE).map_err(error)?;
        let result = connection.execute(statement.to_owned(), parameters).await.map_err(error)?;
        Ok(result.rows.into_iter().filter_map(|row| row.values.into_iter().next()).collect())
    }
}

fn error(error: sqlite::Error) -> Error {
    match error {
        sqlite::Error::Io(text) => Error::Other(text),
        sqlite::Error::NoSuchDatabase => Error::NoSuchStore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(folder: &tempfile::TempDir) -> KeyValueStores {
        KeyValueStores::new(folder.path().join("key-value.db"), BTreeSet::from(["default".to_owned(), "other".to_owned()]))
    }

    #[tokio::test]
    async fn stores_are_separate_and_persistent() {
        let folder = tempfile::tempdir().unwrap();
        let store = stores(&folder).open("default").await.unwrap();
        let other = stores(&folder).open("other").await.unwrap();
        assert_eq!(store.get("a".into()).await.unwrap(), None);
        store.set("b".into(), vec![1, 0, 255]).await.unwrap();
        store.set("a".into(), vec![]).await.unwrap();
        store.set("a".into(), b"again".to_vec()).await.unwrap();
        other.set("a".into(), b"another".to_vec()).await.unwrap();
        // As after a restart: nothing but the file is shared.
        let store = stores(&folder).open("default").await.unwrap();
        assert_eq!(store.get("a".into()).await.unwrap().as_deref(), Some(&b"again"[..]));
        assert_eq!(store.get("b".into()).await.unwrap(), Some(vec![1, 0, 255]));
        assert_eq!(store.keys().await.unwrap(), ["a", "b"]);
        store.delete("a".into()).await.unwrap();
        store.delete("a".into()).await.unwrap();
        assert!(!store.exists("a".into()).await.unwrap());
        assert!(other.exists("a".into()).await.unwrap());
    }

    #[tokio::test]
    async fn missing_stores_and_oversized_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(stores(&folder).open("missing").await, Err(Error::NoSuchStore)));
        let store = stores(&folder).open("default").await.unwrap();
        assert!(matches!(store.set("k".repeat(limits::KEY_BYTES + 1), vec![]).await, Err(Error::Other(_))));
        assert!(matches!(store.set("k".into(), vec![0; limits::VALUE_BYTES + 1]).await, Err(Error::Other(_))));
        store.set("k".repeat(limits::KEY_BYTES), vec![7; limits::VALUE_BYTES]).await.unwrap();
        let nowhere = KeyValueStores::new(folder.path().join("no/such/folder/file.db"), BTreeSet::from(["default".to_owned()]));
        assert!(matches!(nowhere.open("default").await, Err(Error::Other(_))));
    }
}
