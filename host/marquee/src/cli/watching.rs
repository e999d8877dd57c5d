//! `marquee fleet watch`: the control plane's API for the crate `watch`, and how the command ends.

use std::io::IsTerminal as _;
use std::sync::Arc;

use control::{Answer, Client};
use serde_json::Value;
use watch::{Answering, Api, Ended, Form, Options, Refusal};

use crate::cli::artifacts::Output;
use crate::error::Error;

struct People(Client);

impl Api for People {
    fn get<'a>(&'a self, path: &'a str) -> Answering<'a> {
        Box::pin(async move { answered(self.0.get(path).await) })
    }

    fn post<'a>(&'a self, path: &'a str, body: &'a Value) -> Answering<'a> {
        Box::pin(async move { answered(self.0.post(path, body).await) })
    }
}

fn answered(answer: Result<Answer, String>) -> Result<Value, Refusal> {
    let answer = answer.map_err(|reason| Refusal { status: None, reason })?;
    match answer.refusal() {
        None => Ok(answer.body),
        Some(reason) => Err(Refusal { status: Some(answer.status), reason }),
    }
}

/// Shows what happens until somebody leaves, or the rollout is over.
pub(super) async fn run(client: Client, output: Output, application: Option<String>, until_done: bool) -> Result<(), Error> {
    let form = match output {
        Output::Json => Form::Documents,
        Output::Text if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() => Form::Screen,
        Output::Text => Form::Lines,
    };
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let options = Options { application, until_done, form, colours };
    ended(watch::run(Arc::new(People(client)), options).await, until_done)
}

/// As `deploy --wait` ends.
fn ended(outcome: Result<Ended, watch::Error>, until_done: bool) -> Result<(), Error> {
    match outcome {
        Ok(Ended::Left) if until_done => Err(Error::Refused("left before the rollout was over".to_owned())),
        Ok(Ended::Left | Ended::Completed) => Ok(()),
        Ok(Ended::NotRolledOut(how)) => Err(Error::NotRolledOut(how)),
        Err(watch::Error::Refused(reason)) => Err(Error::Refused(reason)),
        Err(watch::Error::Output(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_as_a_deployment_that_was_waited_for() {
        let code = |outcome, until_done| ended(outcome, until_done).map_or_else(|error| error.exit_code(), |()| 0);
        assert_eq!(code(Ok(Ended::Left), false), 0);
        assert_eq!(code(Ok(Ended::Left), true), 1);
        assert_eq!(code(Ok(Ended::Completed), true), 0);
        assert_eq!(code(Ok(Ended::NotRolledOut(String::new())), true), 3);
        assert_eq!(code(Err(watch::Error::Refused(String::new())), true), 1);
    }
}
