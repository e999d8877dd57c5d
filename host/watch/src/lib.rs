//! What operators see of a rollout in a terminal: where it is, every node, both releases beside each other, and what happened last.
//!
//! On a terminal it is a screen with keys (`screen`, `ui`, `terminal`), else a line for everything that changes (`lines`). Both are made of what the
//! control plane's API answers (`documents`), which is asked every second (`look`). How the API is reached is the caller's business ([`Api`]).
//!
//! # Invariants
//! - Nothing is done that nobody has confirmed.
//! - Whatever ends it, the terminal is as it was.
//! - No text of others moves the cursor.

mod documents;
pub mod limits;
mod lines;
mod look;
mod screen;
mod terminal;
mod ui;

use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

pub use lines::Form;

/// What an API answers in time.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that was answered; none: nobody did.
    pub status: Option<u16>,
    /// Why, in a sentence.
    pub reason: String,
}

/// The control plane's API for people. Paths begin without a slash.
pub trait Api: Send + Sync + 'static {
    /// Asks.
    fn get<'a>(&'a self, path: &'a str) -> Answering<'a>;

    /// Has something done.
    fn post<'a>(&'a self, path: &'a str, body: &'a Value) -> Answering<'a>;
}

/// What somebody wants to see.
#[derive(Clone, Debug)]
pub struct Options {
    /// The application, where it has to be this one.
    pub application: Option<String>,
    /// Ends with the rollout.
    pub until_done: bool,
    /// A screen; else lines, or documents.
    pub form: Form,
    /// Whether the screen may have colours.
    pub colours: bool,
}

/// How it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody wanted it to end.
    Left,
    /// The new release is on every node.
    Completed,
    /// The rollout has ended otherwise: how, in a sentence.
    NotRolledOut(String),
}

/// Why it could not go on.
#[derive(Debug)]
pub enum Error {
    /// The control plane refuses, or was silent for too long.
    Refused(String),
    /// The terminal, or what is written to.
    Output(std::io::Error),
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Shows what happens until somebody leaves or, where that is wanted, the rollout is over.
///
/// # Errors
/// It cannot go on.
pub async fn run(api: Arc<dyn Api>, options: Options) -> Result<Ended, Error> {
    match options.form {
        Form::Screen => terminal::run(api, options).await,
        Form::Lines | Form::Documents => lines::run(&*api, &options).await,
    }
}
