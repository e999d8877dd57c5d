//! Processes: what can be stopped, and killed, as a whole; and what runs their tasks.
//!
//! Of the tasks that can go on, the one that was begun first is next, in whatever order they were woken: some of tokio's primitives wake
//! those who wait in an order of chance, and a seed is to be one run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::world::World;

/// A process, and its own idea of the time.
pub(crate) struct Process {
    pub(super) name: String,
    pub(super) world: Arc<World>,
    /// How wrong its clock is, in microseconds.
    pub(super) skew: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    paused: bool,
    killed: bool,
    tasks: BTreeSet<u64>,
}

/// A task of a process.
struct Task {
    process: Arc<Process>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// What runs the tasks of all processes of a simulation.
#[derive(Default)]
struct Executor {
    tasks: RefCell<BTreeMap<u64, Task>>,
    begun: RefCell<u64>,
    /// Tasks that ended themselves while they ran.
    aborted: RefCell<BTreeSet<u64>>,
    ready: Arc<Ready>,
}

/// Tasks that can go on.
#[derive(Default)]
struct Ready {
    tasks: Mutex<BTreeSet<u64>>,
    executor: Mutex<Option<Waker>>,
}

struct TaskWaker(u64, Arc<Ready>);

thread_local! {
    static CURRENT: RefCell<Option<Arc<Process>>> = const { RefCell::new(None) };
    static EXECUTOR: RefCell<Option<Rc<Executor>>> = const { RefCell::new(None) };
}

/// The process whose code is running; none outside of simulations.
pub(crate) fn current() -> Option<Arc<Process>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Its clock: microseconds since the Unix epoch.
pub(crate) fn wall_clock() -> Option<i64> {
    current().map(|process| process.now())
}

/// A number that only this life of a process has.
pub(crate) fn life() -> Option<u64> {
    current().map(|process| process.world.below(u64::MAX))
}

/// Runs the tasks of processes for as long as it is polled: those of a simulation that begins.
pub(super) fn executor() -> impl Future<Output = ()> {
    let executor = Rc::new(Executor::default());
    EXECUTOR.set(Some(Rc::clone(&executor)));
    // As many tasks as there are share one budget otherwise.
    tokio::task::unconstrained(std::future::poll_fn(move |context| executor.poll(context)))
}

/// Ends all of them.
pub(super) fn end() {
    if let Some(executor) = EXECUTOR.take() {
        let tasks = executor.tasks.take();
        drop(tasks);
    }
}

impl Process {
    pub(super) fn new(world: &Arc<World>, name: String, skew: i64) -> Arc<Self> {
        Arc::new(Self { name, world: Arc::clone(world), skew, state: Mutex::default() })
    }

    pub(super) fn now(&self) -> i64 {
        self.world.now() + self.skew
    }

    /// Runs this as a part of the process: not polled while that is paused, dropped when it is killed.
    pub(crate) fn spawn(self: &Arc<Self>, future: impl Future<Output = ()> + 'static) -> Handle {
        let executor = EXECUTOR.with_borrow(Clone::clone).expect("a simulation runs");
        let number = {
            let mut begun = executor.begun.borrow_mut();
            *begun += 1;
            *begun
        };
        self.state.lock().unwrap().tasks.insert(number);
        executor.tasks.borrow_mut().insert(number, Task { process: Arc::clone(self), future: Box::pin(future) });
        executor.ready.add(number);
        Handle(number)
    }

    pub(super) fn pause(&self, paused: bool) {
        self.change(|state| state.paused = paused);
    }

    pub(super) fn kill(&self) {
        self.change(|state| state.killed = true);
    }

    pub(super) fn is_killed(&self) -> bool {
        self.state.lock().unwrap().killed
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let tasks = {
            let mut state = self.state.lock().unwrap();
            change(&mut state);
            state.tasks.clone()
        };
        if let Some(executor) = EXECUTOR.with_borrow(Clone::clone) {
            tasks.into_iter().for_each(|task| executor.ready.add(task));
        }
    }
}

/// A task that was begun.
pub(crate) struct Handle(u64);

impl Handle {
    /// Ends it now.
    pub(super) fn abort(&self) {
        if let Some(executor) = EXECUTOR.with_borrow(Clone::clone) {
            let task = executor.tasks.borrow_mut().remove(&self.0);
            if task.is_none() {
                executor.aborted.borrow_mut().insert(self.0);
            }
        }
    }
}

impl Ready {
    fn add(&self, task: u64) {
        self.tasks.lock().unwrap().insert(task);
        let executor = self.executor.lock().unwrap().take();
        if let Some(executor) = executor {
            executor.wake();
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.1.add(self.0);
    }
}

impl Executor {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            *self.ready.executor.lock().unwrap() = Some(context.waker().clone());
            let next = self.ready.tasks.lock().unwrap().pop_first();
            let Some(number) = next else { return Poll::Pending };
            let task = self.tasks.borrow_mut().remove(&number);
            let Some(mut task) = task else { continue };
            let before = CURRENT.replace(Some(Arc::clone(&task.process)));
            let (paused, killed) = {
                let state = task.process.state.lock().unwrap();
                (state.paused, state.killed)
            };
            let waker = Waker::from(Arc::new(TaskWaker(number, Arc::clone(&self.ready))));
            let done = killed || (!paused && task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
            if done || self.aborted.borrow_mut().remove(&number) {
                task.process.state.lock().unwrap().tasks.remove(&number);
                drop(task);
            } else {
                self.tasks.borrow_mut().insert(number, task);
            }
            CURRENT.set(before);
        }
    }
}
