//! Handlers that do as a test says, and consumers that run them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use streams::consumer::{Consumer, Options, Rules};
use streams::{Disposition, Error, Handler, Record};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::scene::Topic;

type HandlerScript = dyn Fn(&Record, usize) -> Result<Disposition, String> + Send + Sync;

/// Says of each record what a test says, which is also told how often the record has come before. An error fails the whole call.
pub struct ScriptedHandler {
    says: Box<HandlerScript>,
    /// Keys and values of what was done, in order.
    pub done: Mutex<Vec<(String, String)>>,
    seen: Mutex<std::collections::HashMap<(i32, i64), usize>>,
    pub ticks: AtomicUsize,
    pub calls: AtomicUsize,
    /// A permit for each call; many, where nobody wants to hold it up.
    pub gate: Semaphore,
}

pub fn value(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap()).unwrap()
}

impl ScriptedHandler {
    pub fn new(says: impl Fn(&Record, usize) -> Result<Disposition, String> + Send + Sync + 'static) -> Arc<Self> {
        Self::held(Semaphore::MAX_PERMITS, says)
    }

    pub fn held(calls: usize, says: impl Fn(&Record, usize) -> Result<Disposition, String> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            says: Box::new(says),
            done: Mutex::default(),
            seen: Mutex::default(),
            ticks: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            gate: Semaphore::new(calls),
        })
    }

    pub fn done(&self) -> Vec<(String, String)> {
        self.done.lock().unwrap().clone()
    }
}

impl Handler for ScriptedHandler {
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<Disposition>, String>> {
        async move {
            if records.is_empty() {
                self.ticks.fetch_add(1, Relaxed);
                return Ok(Vec::new());
            }
            self.calls.fetch_add(1, Relaxed);
            self.gate.acquire().await.unwrap().forget();
            let mut said = Vec::new();
            for record in &records {
                let before = {
                    let mut seen = self.seen.lock().unwrap();
                    let seen = seen.entry((record.partition, record.offset)).or_default();
                    std::mem::replace(seen, *seen + 1)
                };
                said.push((self.says)(record, before)?);
            }
            let mut done = self.done.lock().unwrap();
            for (record, said) in records.iter().zip(&said) {
                if *said == Disposition::Done {
                    done.push((String::from_utf8(record.key.clone()).unwrap(), value(record)));
                }
            }
            Ok(said)
        }
        .boxed()
    }
}

pub struct RunningConsumer {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

/// Quicker than in earnest.
pub fn rules() -> Rules {
    let ms = Duration::from_millis;
    Rules { retry: (ms(5), ms(50)), outage: ms(50), attempts: 4, ..Rules::default() }
}

pub fn consume(topic: &Topic, group: &str, handler: Arc<dyn Handler>, rules: Rules) -> RunningConsumer {
    let options = Options {
        settings: topic.settings.clone(),
        group: group.to_owned(),
        topics: vec![topic.name.clone()],
        metrics: Arc::clone(&topic.metrics),
        rules,
    };
    let consumer = Consumer::new(options, handler).unwrap();
    let stop = CancellationToken::new();
    RunningConsumer { task: tokio::spawn(consumer.run(stop.clone())), stop }
}

impl RunningConsumer {
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}
