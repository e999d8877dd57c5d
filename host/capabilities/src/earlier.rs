//! What components import that were built with an earlier SDK of Spin's (3 to 5): `fermyon:spin/key-value`, `sqlite` and `variables`, all `@2.0.0`.
//!
//! They say the same as the interfaces of today, by the same types, but that a guest waits in every call. So they are a few lines over what those do,
//! and nothing is granted here that is not granted there. `spin:sqlite@3.0.0` is today's without what has been added since.

use bindings::spin::{
    key_value::key_value::Store,
    sqlite::sqlite::{Connection, Value},
};
use wasmtime::component::{Linker, Resource, ResourceType};

use crate::{sqlite, state::InstanceState, variables};

/// Adds these interfaces to `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    key_value(linker)?;
    sqlite(linker)?;
    variables(linker)
}

fn key_value(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    type Handle = Resource<Store>;
    let mut interface = linker.instance("fermyon:spin/key-value@2.0.0")?;
    interface.resource("store", ResourceType::host::<Store>(), |mut store, handle| {
        store.data_mut().drop_store(Resource::new_own(handle))
    })?;
    interface.func_wrap_async("[static]store.open", |mut store, (label,): (String,)| {
        Box::new(async move {
            let state = store.data_mut();
            let opened = match state.granted_stores(&label) {
                Ok(stores) => stores.open(&label).await,
                Err(error) => Err(error),
            };
            Ok((match opened {
                Ok(opened) => state.hold_store(opened)?,
                Err(error) => Err(error),
            },))
        })
    })?;
    interface.func_wrap_async("[method]store.get", |store, (handle, key): (Handle, String)| {
        let held = store.data().store(&handle);
        Box::new(async move { Ok((held?.get(key).await,)) })
    })?;
    interface.func_wrap_async("[method]store.set", |store, (handle, key, value): (Handle, String, Vec<u8>)| {
        let held = store.data().store(&handle);
        Box::new(async move { Ok((held?.set(key, value).await,)) })
    })?;
    interface.func_wrap_async("[method]store.delete", |store, (handle, key): (Handle, String)| {
        let held = store.data().store(&handle);
        Box::new(async move { Ok((held?.delete(key).await,)) })
    })?;
    interface.func_wrap_async("[method]store.exists", |store, (handle, key): (Handle, String)| {
        let held = store.data().store(&handle);
        Box::new(async move { Ok((held?.exists(key).await,)) })
    })?;
    interface.func_wrap_async("[method]store.get-keys", |store, (handle,): (Handle,)| {
        let held = store.data().store(&handle);
        Box::new(async move { Ok((held?.keys().await,)) })
    })
}

fn sqlite(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    type Handle = Resource<Connection>;
    let mut interface = linker.instance("fermyon:spin/sqlite@2.0.0")?;
    interface.resource("connection", ResourceType::host::<Connection>(), |mut store, handle| {
        store.data_mut().drop_sqlite(Resource::new_own(handle))
    })?;
    interface.func_wrap("[static]connection.open", |mut store, (database,): (String,)| {
        Ok((store.data_mut().open_sqlite(&database)?,))
    })?;
    interface.func_wrap_async(
        "[method]connection.execute",
        |store, (handle, statement, parameters): (Handle, String, Vec<Value>)| {
            let connection = store.data().sqlite(&handle);
            Box::new(async move { Ok((sqlite::execute(&connection?, statement, parameters).await,)) })
        },
    )
}

fn variables(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("fermyon:spin/variables@2.0.0")?;
    interface.func_wrap("get", |store, (name,): (String,)| Ok((variables::value(store.data(), &name),)))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    };

    use manifest::{Grants, Secret};
    use storage::sqlite::SqliteDatabases;
    use wasmtime::{
        Engine, Store,
        component::{Component, Linker, Val},
    };

    use super::*;
    use crate::{Bindings, LinkSet, key_value::KeyValueStores};

    /// What a component of an earlier SDK imports.
    const IMPORTS: &str = r#"
        (import "fermyon:spin/variables@2.0.0" (instance $variables
            (type $error (variant
                (case "invalid-name" string) (case "undefined" string) (case "provider" string) (case "other" string)))
            (export "error" (type $e (eq $error)))
            (export "get" (func (param "name" string) (result (result string (error $e)))))))
        (alias export $variables "error" (type $variable-error))
        (import "fermyon:spin/key-value@2.0.0" (instance $stores
            (export "store" (type $store (sub resource)))
            (type $error (variant (case "store-table-full") (case "no-such-store") (case "access-denied") (case "other" string)))
            (export "error" (type $e (eq $error)))
            (export "[static]store.open" (func (param "label" string) (result (result (own $store) (error $e)))))
            (export "[method]store.get"
                (func (param "self" (borrow $store)) (param "key" string) (result (result (option (list u8)) (error $e)))))
            (export "[method]store.set"
                (func (param "self" (borrow $store)) (param "key" string) (param "value" (list u8)) (result (result (error $e)))))
            (export "[method]store.delete" (func (param "self" (borrow $store)) (param "key" string) (result (result (error $e)))))
            (export "[method]store.exists"
                (func (param "self" (borrow $store)) (param "key" string) (result (result bool (error $e)))))
            (export "[method]store.get-keys" (func (param "self" (borrow $store)) (result (result (list string) (error $e)))))))
        (alias export $stores "store" (type $store))
        (alias export $stores "error" (type $store-error))
        (import "fermyon:spin/sqlite@2.0.0" (instance $sqlite
            (export "connection" (type $connection (sub resource)))
            (type $error (variant (case "no-such-database") (case "access-denied") (case "invalid-connection") (case "database-full")
                (case "io" string)))
            (export "error" (type $e (eq $error)))
            (type $value (variant (case "integer" s64) (case "real" f64) (case "text" string) (case "blob" (list u8)) (case "null")))
            (export "value" (type $v (eq $value)))
            (type $row (record (field "values" (list $v))))
            (export "row-result" (type $r (eq $row)))
            (type $rows (record (field "columns" (list string)) (field "rows" (list $r))))
            (export "query-result" (type $q (eq $rows)))
            (export "[static]connection.open" (func (param "database" string) (result (result (own $connection) (error $e)))))
            (export "[method]connection.execute" (func (param "self" (borrow $connection)) (param "statement" string)
                (param "parameters" (list $v)) (result (result $q (error $e)))))))
        (alias export $sqlite "connection" (type $connection))
        (alias export $sqlite "error" (type $sqlite-error))
        (alias export $sqlite "value" (type $value))
        (alias export $sqlite "query-result" (type $rows))
        (core module $lib
            (memory (export "memory") 16)
            (global $top (mut i32) (i32.const 4096))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $top (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                (global.get $top)
                (global.set $top (i32.add (global.get $top) (local.get 3)))))
        (core instance $lib (instantiate $lib))"#;

    /// Each of these functions, as it is exported: from where, its name, its type, how many numbers its parameters are, and whose method it is.
    const FUNCTIONS: [(&str, &str, &str, usize, &str); 9] = [
        ("variables", "get", r#"(param "name" string) (result (result string (error $variable-error)))"#, 2, ""),
        ("stores", "[static]store.open", r#"(param "label" string) (result (result (own $store) (error $store-error)))"#, 2, ""),
        (
            "stores",
            "[method]store.get",
            r#"(param "of" (borrow $store)) (param "key" string) (result (result (option (list u8)) (error $store-error)))"#,
            3,
            "store",
        ),
        (
            "stores",
            "[method]store.set",
            r#"(param "of" (borrow $store)) (param "key" string) (param "value" (list u8)) (result (result (error $store-error)))"#,
            5,
            "store",
        ),
        (
            "stores",
            "[method]store.delete",
            r#"(param "of" (borrow $store)) (param "key" string) (result (result (error $store-error)))"#,
            3,
            "store",
        ),
        (
            "stores",
            "[method]store.exists",
            r#"(param "of" (borrow $store)) (param "key" string) (result (result bool (error $store-error)))"#,
            3,
            "store",
        ),
        (
            "stores",
            "[method]store.get-keys",
            r#"(param "of" (borrow $store)) (result (result (list string) (error $store-error)))"#,
            1,
            "store",
        ),
        (
            "sqlite",
            "[static]connection.open",
            r#"(param "database" string) (result (result (own $connection) (error $sqlite-error)))"#,
            2,
            "",
        ),
        (
            "sqlite",
            "[method]connection.execute",
            r#"(param "of" (borrow $connection)) (param "statement" string) (param "parameters" (list $value))
               (result (result $rows (error $sqlite-error)))"#,
            5,
            "connection",
        ),
    ];

    /// A component that passes on what it is called with, so that a test can call what it imports.
    fn passing_on() -> Vec<u8> {
        let (mut lowered, mut given, mut core, mut lifted) = (String::new(), String::new(), String::new(), String::new());
        const WITH: &str = r#"(memory (core memory $lib "memory")) (realloc (core func $lib "realloc"))"#;
        for (n, (instance, name, kind, parameters, resource)) in FUNCTIONS.into_iter().enumerate() {
            lowered += &format!(
                r#"(alias export ${instance} "{name}" (func $i{n})) (core func $l{n} (canon lower (func $i{n}) {WITH}))"#
            );
            given += &format!(r#"(export "f{n}" (func $l{n}))"#);
            let numbers = " i32".repeat(parameters);
            core += &format!(r#"(import "h" "f{n}" (func $f{n} (param{numbers} i32)))"#);
            if !resource.is_empty() {
                lowered += &format!("(core func $d{n} (canon resource.drop ${resource}))");
                given += &format!(r#"(export "d{n}" (func $d{n}))"#);
                core += &format!(r#"(import "h" "d{n}" (func $d{n} (param i32)))"#);
            }
            lifted +=
                &format!(r#"(func $e{n} {kind} (canon lift (core func $main "e{n}") {WITH})) (export "f{n}" (func $e{n}))"#);
        }
        // The results are at 1024. What is borrowed is given back.
        for (n, (.., parameters, resource)) in FUNCTIONS.into_iter().enumerate() {
            let numbers = " i32".repeat(parameters);
            let passed: String = (0..parameters).map(|nth| format!("(local.get {nth})")).collect();
            let back = if resource.is_empty() { String::new() } else { format!("(call $d{n} (local.get 0))") };
            core += &format!(
                r#"(func (export "e{n}") (param{numbers}) (result i32) (call $f{n} {passed} (i32.const 1024)) {back} (i32.const 1024))"#
            );
        }
        let text = format!(
            r#"(component {IMPORTS} {lowered} (core module $main {core})
               (core instance $main (instantiate $main (with "h" (instance {given})))) {lifted})"#
        );
        wat::parse_str(text).unwrap()
    }

    struct Guest {
        store: Store<InstanceState>,
        instance: wasmtime::component::Instance,
    }

    impl Guest {
        async fn new(grants: Grants, bindings: &Bindings) -> Self {
            let engine = Engine::default();
            let component = Component::new(&engine, passing_on()).unwrap();
            let mut linker = Linker::new(&engine);
            crate::add_to_linker(&mut linker, LinkSet::SpinOnly).unwrap();
            let state = InstanceState::new(&"test".into(), &Arc::new(grants), bindings, 1 << 20);
            let mut store = Store::new(&engine, state);
            let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
            Self { store, instance }
        }

        /// Calls a function, and gives what is in its result: what was asked for, or the error.
        async fn call(&mut self, interface: &str, name: &str, parameters: &[Val]) -> Result<Option<Val>, String> {
            let number = FUNCTIONS.iter().position(|function| (function.0, function.1) == (interface, name)).unwrap();
            let function = self.instance.get_func(&mut self.store, format!("f{number}")).unwrap();
            let mut results = [Val::Bool(false)];
            function.call_async(&mut self.store, parameters, &mut results).await.unwrap();
            let [Val::Result(result)] = results else { panic!("{results:?}") };
            match result {
                Ok(value) => Ok(value.map(|value| *value)),
                Err(error) => Err(format!("{error:?}")),
            }
        }
    }

    fn text(text: &str) -> Val {
        Val::String(text.to_owned())
    }

    #[tokio::test]
    async fn granted_handles_work() {
        let folder = tempfile::tempdir().unwrap();
        let labels = BTreeSet::from(["default".to_owned()]);
        let grants = Grants {
            key_value_stores: labels.clone(),
            sqlite_databases: labels.clone(),
            variables: BTreeMap::from([("city".to_owned(), Secret::from("Colombo"))]),
            ..Grants::default()
        };
        let databases = BTreeMap::from([("default".to_owned(), folder.path().join("default.db"))]);
        let bindings = Bindings {
            key_value: Some(KeyValueStores::new(folder.path().join("stores.db"), labels)),
            sqlite: Some(SqliteDatabases::new(databases)),
            ..Bindings::default()
        };
        let mut guest = Guest::new(grants, &bindings).await;
        assert_eq!(guest.call("variables", "get", &[text("city")]).await, Ok(Some(text("Colombo"))));
        assert!(guest.call("variables", "get", &[text("country")]).await.unwrap_err().contains("undefined"));

        let store = guest.call("stores", "[static]store.open", &[text("default")]).await.unwrap().unwrap();
        let value = Val::List(vec![Val::U8(7), Val::U8(0)]);
        let set = [store.clone(), text("a"), value.clone()];
        assert_eq!(guest.call("stores", "[method]store.set", &set).await, Ok(None));
        let of = |key: &str| [store.clone(), text(key)];
        let there = guest.call("stores", "[method]store.get", &of("a")).await.unwrap();
        assert_eq!(there, Some(Val::Option(Some(Box::new(value)))));
        assert_eq!(
            guest.call("stores", "[method]store.get-keys", std::slice::from_ref(&store)).await,
            Ok(Some(Val::List(vec![text("a")])))
        );
        assert_eq!(guest.call("stores", "[method]store.delete", &of("a")).await, Ok(None));
        assert_eq!(guest.call("stores", "[method]store.exists", &of("a")).await, Ok(Some(Val::Bool(false))));

        let connection = guest.call("sqlite", "[static]connection.open", &[text("default")]).await.unwrap().unwrap();
        let number = Val::Variant("integer".to_owned(), Some(Box::new(Val::S64(41))));
        let select = [connection, text("SELECT ?1 + 1 AS next"), Val::List(vec![number])];
        let rows = format!("{:?}", guest.call("sqlite", "[method]connection.execute", &select).await.unwrap());
        assert!(rows.contains("next") && rows.contains("S64(42)"), "{rows}");
    }

    #[tokio::test]
    async fn ungranted_handles_are_denied() {
        let mut guest = Guest::new(Grants::default(), &Bindings::default()).await;
        for (interface, function) in [("stores", "[static]store.open"), ("sqlite", "[static]connection.open")] {
            let denied = guest.call(interface, function, &[text("default")]).await.unwrap_err();
            assert!(denied.contains("access-denied"), "{interface}: {denied}");
        }
    }
}
