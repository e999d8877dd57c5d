//! `marquee:passwords/hasher`: argon2id, on a few threads of its own.
//!
//! A hash takes tens of milliseconds of a core. On the threads that decide and serve it would take them from everybody else; here a few hashes
//! run at once, at a lower priority, and the others wait in a bounded queue.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use bindings::passwords::hasher;
pub use bindings::passwords::hasher::Error;
use tokio::sync::oneshot;
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
};

/// Hashes passwords. Cheap to clone; the threads end with the last clone.
#[derive(Clone, Debug)]
pub struct PasswordHasher(mpsc::SyncSender<Job>);

/// A thread's next job. Skipped where its caller no longer waits.
enum Job {
    Hash(String, oneshot::Sender<Result<String, Error>>),
    Verify(String, Option<String>, oneshot::Sender<Result<bool, Error>>),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl PasswordHasher {
    /// Starts [`limits::HASHING_THREADS`].
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start() -> io::Result<Self> {
        let (sender, jobs) = mpsc::sync_channel(limits::HASHING_QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..limits::HASHING_THREADS {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name("passwords".to_owned()).spawn(move || work(&jobs))?;
        }
        Ok(Self(sender))
    }

    /// A PHC string of this password, with a new salt.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.ask(|reply| Job::Hash(password, reply)).await
    }

    /// Whether this is the password.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.ask(|reply| Job::Verify(password, stored, reply)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(job(reply)).map_err(|_| Error::Unavailable(limits::RETRY_AFTER_MS))?;
        answer.await.unwrap_or(Err(Error::Unavailable(limits::RETRY_AFTER_MS)))
    }
}

fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    yield_to_others();
    loop {
        // One thread waits with the lock, the others for the lock: a job goes to one of them.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(Job::Hash(password, reply)) if !reply.is_closed() => _ = reply.send(hash(&password)),
            Ok(Job::Verify(password, stored, reply)) if !reply.is_closed() => {
                let verified = password_hashing::verify(&password, stored.as_deref());
                _ = reply.send(verified.map_err(|error| Error::Failed(error.to_string())));
            }
            Ok(_) => {}
            Err(mpsc::RecvError) => return,
        }
    }
}

fn hash(password: &str) -> Result<String, Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Error::Failed(format!("no randomness: {error}")))?;
    password_hashing::hash(password, &salt).map_err(|error| Error::Failed(error.to_string()))
}

/// Lets every other thread of this machine go first. On Linux a thread has a niceness of its own; that it could not be set costs only that.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    // SAFETY: takes three numbers and touches no memory; 0 is the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, limits::HASHING_NICENESS);
    }
}

impl hasher::Host for InstanceState {}

impl<T: Send> hasher::HostWithStore<T> for Host {
    async fn hash(accessor: &Accessor<T, Self>, password: String) -> Result<String, Error> {
        let binding = accessor.with(|mut access| access.get().bindings.passwords.clone());
        binding.ok_or(Error::Unavailable(limits::RETRY_AFTER_MS))?.hash(password).await
    }

    async fn verify(accessor: &Accessor<T, Self>, password: String, stored: Option<String>) -> Result<bool, Error> {
        let binding = accessor.with(|mut access| access.get().bindings.passwords.clone());
        binding.ok_or(Error::Unavailable(limits::RETRY_AFTER_MS))?.verify(password, stored).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_hash_verifies_its_password() {
        let hasher = PasswordHasher::start().unwrap();
        let stored = hasher.hash("correct horse battery".to_owned()).await.unwrap();
        assert_ne!(stored, hasher.hash("correct horse battery".to_owned()).await.unwrap(), "each has a salt of its own");
        for (password, stored, right) in [
            ("correct horse battery", Some(&stored), true),
            ("correct horse batterz", Some(&stored), false),
            ("correct horse battery", None, false),
        ] {
            assert_eq!(hasher.verify(password.to_owned(), stored.cloned()).await, Ok(right));
        }
        assert!(matches!(hasher.verify("x".to_owned(), Some("nonsense".to_owned())).await, Err(Error::Failed(_))));
    }

    #[tokio::test]
    async fn concurrent_logins_are_bounded_by_the_queue() {
        // There is no worker thread: jobs stay queued.
        let (sender, jobs) = mpsc::sync_channel(limits::HASHING_QUEUE);
        let hasher = PasswordHasher(sender);
        let mut waiting: Vec<_> = (0..limits::HASHING_QUEUE).map(|_| Box::pin(hasher.verify("x".to_owned(), None))).collect();
        for asked in &mut waiting {
            assert!(asked.now_or_never().is_none());
        }
        assert_eq!(hasher.hash("x".to_owned()).await, Err(Error::Unavailable(limits::RETRY_AFTER_MS)));
        drop(jobs);
        for asked in waiting {
            assert_eq!(asked.await, Err(Error::Unavailable(limits::RETRY_AFTER_MS)));
        }
    }
}
