//! `spin:key-value/key-value@3.0.0`.

use bindings::spin::key_value::key_value::{self, Store as Handle};
use storage::batches::Batches;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::{Error, KeyValueStores, Store};
use crate::{
    rows::Rows,
    state::{HandleResource, Host, InstanceState},
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl HandleResource for Handle {
    type Value = Store;
}

impl InstanceState {
    /// The role's stores, where this one is granted.
    pub(crate) fn granted_stores(&self, label: &str) -> Result<KeyValueStores, Error> {
        if !self.grants.key_value_stores.contains(label) {
            return Err(Error::AccessDenied);
        }
        self.bindings.key_value.clone().ok_or(Error::NoSuchStore)
    }

    /// A handle on a store.
    pub(crate) fn hold_store(&mut self, store: Store) -> Answer<Resource<Handle>> {
        if !self.open.key_value.add() {
            return Ok(Err(Error::StoreTableFull));
        }
        self.hold(store).map(Ok)
    }

    pub(crate) fn store(&self, handle: &Resource<Handle>) -> wasmtime::Result<Store> {
        self.held(handle).cloned()
    }

    pub(crate) fn drop_store(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.release(handle)?;
        self.open.key_value.remove();
        Ok(())
    }
}

impl key_value::Host for InstanceState {}

impl key_value::HostStore for InstanceState {
    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.drop_store(handle)
    }
}

fn store<T: 'static>(accessor: &Accessor<T, Host>, handle: &Resource<Handle>) -> wasmtime::Result<Store> {
    accessor.with(|mut access| access.get().store(handle))
}

impl<T: Send + 'static> key_value::HostStoreWithStore<T> for Host {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Answer<Resource<Handle>> {
        let opened = match accessor.with(|mut access| access.get().granted_stores(&label)) {
            Ok(stores) => stores.open(&label).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(store) => accessor.with(|mut access| access.get().hold_store(store)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn get(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(store(accessor, &handle)?.get(key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(store(accessor, &handle)?.set(key, value).await)
    }

    async fn delete(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<()> {
        Ok(store(accessor, &handle)?.delete(key).await)
    }

    async fn exists(accessor: &Accessor<T, Self>, handle: Resource<Handle>, key: String) -> Answer<bool> {
        Ok(store(accessor, &handle)?.exists(key).await)
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        handle: Resource<Handle>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (keys, ending) = match store(accessor, &handle)?.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, Rows::new(Batches::all(keys), |key| key))?;
            let ending = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(ending) })?;
            Ok((keys, ending))
        })
    }
}
