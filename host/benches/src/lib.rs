//! What the benchmarks have in common. Each is a program of its own: `cargo xtask bench NAME`.

use std::io;
use std::path::Path;
use std::time::Duration;

/// The repository: paths that a benchmark is given are relative to it.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What a benchmark was called with, beside what `cargo bench` says to every one.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench")
}

/// CPU time of this process, as the kernel counts it: in hundredths of a second.
///
/// # Errors
/// The kernel does not say.
pub fn cpu() -> io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok()).ok_or(io::ErrorKind::InvalidData);
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}

/// Bytes of memory that this process has.
///
/// # Errors
/// The kernel does not say.
pub fn memory() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or(io::ErrorKind::InvalidData)?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(kib * 1_024)
}
