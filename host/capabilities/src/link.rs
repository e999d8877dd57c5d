//! The assembly: one line an interface.

use wasmtime::component::Linker;

use crate::{
    state::{Host, InstanceState},
    wit::{own::marquee, spin::spin},
};

/// Which interfaces a linker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSet {
    /// WASI, Spin's standard interfaces and our own.
    All,
    /// WASI and Spin's standard interfaces only, as stock Spin offers them: our own must be composed in.
    SpinOnly,
}

/// Adds every interface of `set` to `linker`. None is ever left out for a role: what a role lacks answers with an error.
///
/// # Errors
/// Where `linker` has one of these already.
pub fn add_to_linker(linker: &mut Linker<InstanceState>, set: LinkSet) -> wasmtime::Result<()> {
    // Components built today import wasi:cli and wasi:io 0.2 beside 0.3.
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    // spin::key_value::key_value::add_to_linker::<_, Host>(linker, |state| state)?;
    // spin::postgres::postgres::add_to_linker::<_, Host>(linker, |state| state)?;
    // spin::redis::redis::add_to_linker::<_, Host>(linker, |state| state)?;
    spin::sqlite::sqlite::add_to_linker::<_, Host>(linker, |state| state)?;
    // spin::variables::variables::add_to_linker::<_, Host>(linker, |state| state)?;
    if set == LinkSet::All {
        marquee::booking::types::add_to_linker::<_, Host>(linker, |state| state)?;
        marquee::booking::ledger::add_to_linker::<_, Host>(linker, |state| state)?;
        marquee::edge::types::add_to_linker::<_, Host>(linker, |state| state)?;
        marquee::edge::replica::add_to_linker::<_, Host>(linker, |state| state)?;
        marquee::edge::identity::add_to_linker::<_, Host>(linker, |state| state)?;
        marquee::mail::mailer::add_to_linker::<_, Host>(linker, |state| state)?;
    }
    Ok(())
}
