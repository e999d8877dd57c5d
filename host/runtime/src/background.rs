//! Work that nobody waits for, beside requests that somebody does: compiling the next version.

use rayon::ThreadPoolBuilder;

/// How much less a thread's turn counts than that of one that answers requests: as `nice` has it, 19 is the least.
const NICE: libc::c_int = 15;

/// Does it on one thread of low priority, also what wasmtime would spread over all cores. Blocks until it is done.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let pool = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "background".to_owned());
    match pool.start_handler(|_| lower_priority()).build() {
        Ok(pool) => pool.install(work),
        // Better in somebody's way than not at all.
        Err(error) => {
            tracing::warn!(%error, "no thread can be started for work in the background");
            work()
        }
    }
}

/// On Linux a priority is a thread's own; elsewhere it would be the whole process's.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: it takes three numbers and touches no memory.
        let lowered = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
        if lowered != 0 {
            tracing::debug!("a thread's priority could not be lowered");
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// The priority of the calling thread, as the kernel shows it.
    fn nice() -> i32 {
        let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields = text.rsplit_once(')').unwrap().1;
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn work_in_the_background_gives_way() {
        let here = nice();
        let (there, workers) = run(|| (nice(), rayon::current_num_threads()));
        assert_eq!((there, workers), (NICE.max(here), 1));
        assert_eq!(nice(), here, "nobody else's has changed");
    }
}
