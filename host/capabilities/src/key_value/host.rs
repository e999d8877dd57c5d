//! `spin:key-value/key-value@3.0.0`.

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::{Error, Store};
use crate::{
    batches::Batches,
    state::{Host, InstanceState},
    wit::spin::spin::key_value::key_value,
};

/// The outer error traps the guest: only a fault of the host. The inner one is the guest's to handle.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl key_value::Host for InstanceState {}

impl key_value::HostStore for InstanceState {
    async fn drop(&mut self, handle: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open.key_value.remove();
        Ok(())
    }
}

fn store<T: 'static>(accessor: &Accessor<T, Host>, handle: &Resource<Store>) -> wasmtime::Result<Store> {
    Ok(accessor.with(|mut access| access.get().table.get(handle).cloned())?)
}

impl<T: Send + 'static> key_value::HostStoreWithStore<T> for Host {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Answer<Resource<Store>> {
        let stores = accessor.with(|mut access| {
            let state = access.get();
            match (state.grants.key_value_stores.contains(&label), &state.bindings.key_value) {
                (false, _) => Err(Error::AccessDenied),
                (true, None) => Err(Error::NoSuchStore),
                (true, Some(stores)) => Ok(stores.clone()),
            }
        });
        let opened = match stores {
            Ok(stores) => stores.open(&label).await,
            Err(error) => Err(error),
        };
        let store = match opened {
            Ok(store) => store,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let state = access.get();
            if !state.open.key_value.add() {
                return Ok(Err(Error::StoreTableFull));
            }
            Ok(Ok(state.table.push(store)?))
        })
    }

    async fn get(accessor: &Accessor<T, Self>, handle: Resource<Store>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(store(accessor, &handle)?.get(key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, handle: Resource<Store>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(store(accessor, &handle)?.set(key, value).await)
    }

    async fn delete(accessor: &Accessor<T, Self>, handle: Resource<Store>, key: String) -> Answer<()> {
        Ok(store(accessor, &handle)?.delete(key).await)
    }

    async fn exists(accessor: &Accessor<T, Self>, handle: Resource<Store>, key: String) -> Answer<bool> {
        Ok(store(accessor, &handle)?.exists(key).await)
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        handle: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (keys, ending) = match store(accessor, &handle)?.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, Batches::all(keys))?;
            let ending = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(ending) })?;
            Ok((keys, ending))
        })
    }
}
