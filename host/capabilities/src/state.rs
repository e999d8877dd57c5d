//! What every component instance carries with it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use manifest::{Grants, Mount};
use wasmtime::{
    ResourceLimiter,
    component::{HasData, Resource, ResourceTable},
};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView, sockets::SocketAddrUse};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{Bindings, guest_log::GuestLog, limits, memory::MemoryLimiter, outbound_http::Hooks};

/// The store data of every component instance: what it was granted, what its role offers, and what it holds open.
///
/// Dropping it closes all of that; a transaction left open is rolled back.
pub struct InstanceState {
    pub(crate) grants: Arc<Grants>,
    pub(crate) bindings: Bindings,
    table: ResourceTable,
    pub(crate) open: OpenHandles,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    http_hooks: Hooks,
    memory: MemoryLimiter,
}

/// Handles open in one instance, by kind; each at most [`limits::INSTANCE_CONNECTIONS`].
#[derive(Default)]
pub(crate) struct OpenHandles {
    pub(crate) sqlite: ConnectionCount,
    pub(crate) key_value: ConnectionCount,
    pub(crate) postgres: ConnectionCount,
    pub(crate) redis: ConnectionCount,
}

/// A count that refuses to pass its limit.
#[derive(Default)]
pub(crate) struct ConnectionCount(u32);

impl ConnectionCount {
    /// False where there are too many already.
    #[must_use]
    pub(crate) fn add(&mut self) -> bool {
        let free = self.0 < limits::INSTANCE_CONNECTIONS;
        self.0 += u32::from(free);
        free
    }

    pub(crate) fn remove(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

impl InstanceState {
    /// The state of a new instance of the component called `component`, which may use up to `memory_bytes` of memory.
    ///
    /// Give its [`limiter`](Self::limiter) to the store: `store.limiter(InstanceState::limiter)`.
    #[must_use]
    pub fn new(component: &Arc<str>, grants: &Arc<Grants>, bindings: &Bindings, memory_bytes: usize) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::INSTANCE_HANDLES);
        Self {
            grants: Arc::clone(grants),
            bindings: bindings.clone(),
            table,
            open: OpenHandles::default(),
            wasi: wasi(component, grants),
            http: WasiHttpCtx::new(),
            http_hooks: Hooks::new(Arc::clone(grants), bindings.outbound_http.clone()),
            memory: MemoryLimiter::new(memory_bytes),
        }
    }

    /// Has the instance raise this to the bytes of memory that it has, whenever those are more.
    #[must_use]
    pub fn raising(mut self, peak: Arc<AtomicU64>) -> Self {
        self.memory = self.memory.raising(peak);
        self
    }

    /// The bound on this instance's memory, for `Store::limiter`.
    pub fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }

    /// Whether the instance has ever asked for more memory than it may have. A trap after that is most likely its
    /// consequence.
    #[must_use]
    pub fn memory_limit_hit(&self) -> bool {
        self.memory.hit()
    }

    /// Bytes of linear memory that the instance has.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.used_bytes()
    }
}

/// A resource of an interface. A guest's handle on one stands for a value of ours.
pub(crate) trait HandleResource: 'static {
    /// What it stands for.
    type Value: Send + 'static;
}

impl InstanceState {
    /// A new handle, on this.
    pub(crate) fn hold<R: HandleResource>(&mut self, value: R::Value) -> wasmtime::Result<Resource<R>> {
        Ok(Resource::new_own(self.table.push(value)?.rep()))
    }

    /// What a handle stands for.
    pub(crate) fn held<R: HandleResource>(&self, handle: &Resource<R>) -> wasmtime::Result<&R::Value> {
        Ok(self.table.get(&Resource::new_borrow(handle.rep()))?)
    }

    /// The same, to be changed.
    pub(crate) fn held_mut<R: HandleResource>(&mut self, handle: &Resource<R>) -> wasmtime::Result<&mut R::Value> {
        Ok(self.table.get_mut(&Resource::new_borrow(handle.rep()))?)
    }

    /// Takes a handle back.
    pub(crate) fn release<R: HandleResource>(&mut self, handle: Resource<R>) -> wasmtime::Result<()> {
        self.table.delete::<R::Value>(Resource::new_own(handle.rep()))?;
        Ok(())
    }
}

/// The variable of the environment by which a component knows that it runs in this host; stock Spin has none of this name. A connection to a database
/// comes clean, for one.
const HOST: &str = "MARQUEE_HOST";

/// WASI without arguments, and with no files but those that are granted, to read. Its output goes to the log, its sockets where `allowed_outbound_hosts` permits.
fn wasi(component: &Arc<str>, grants: &Arc<Grants>) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(GuestLog::stdout(Arc::clone(component))).stderr(GuestLog::stderr(Arc::clone(component)));
    for (name, value) in &grants.environment {
        wasi.env(name, value);
    }
    for Mount { source, destination } in grants.files.iter().filter(|mount| mount.source.is_dir()) {
        if let Err(error) = wasi.preopened_dir(source, destination, FsPerms::ReadOnly) {
            tracing::warn!(component = %component, folder = %source.display(), %error, "a component's files cannot be read");
        }
    }
    // Last, so that it is certain: a component may rely on what this host promises and Spin does not.
    wasi.env(HOST, env!("CARGO_PKG_VERSION"));
    if !grants.allowed_outbound_hosts.is_empty() {
        let grants = Arc::clone(grants);
        wasi.allow_ip_name_lookup(true).allow_tcp(true).allow_udp(true).socket_addr_check(move |address, purpose| {
            let hosts = &grants.allowed_outbound_hosts;
            let allowed = match purpose {
                // The system binds before it connects or sends; that alone reaches no peer.
                SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => address.ip().is_unspecified() && address.port() == 0,
                SocketAddrUse::TcpConnect => hosts.allows_address("tcp", address),
                SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => hosts.allows_address("udp", address),
                // A component is called only through its host.
                SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
            };
            Box::pin(async move { allowed })
        });
    }
    wasi.build()
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.http_hooks }
    }
}

/// Ties the host side of every interface to [`InstanceState`].
pub(crate) struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut InstanceState;
}
