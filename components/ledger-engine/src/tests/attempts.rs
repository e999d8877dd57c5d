//! Failing transactions, as the caller hears of them.

use crate::attempts::{Failure, run};
use crate::{Answer, limits};
use ledger_core::{Action, Command, Outcome, Receipt, Rejection, Subject};
use std::task::{Context, Poll, Waker};

/// Runs what never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

fn commands(count: usize) -> Vec<Command> {
    let command = |number: usize| Command::new(Subject::Platform, number.to_string(), "eu_e", 0, Action::Expire);
    (0..count).map(command).collect()
}

/// What a good transaction answers: each command with its own number.
fn done(commands: &[&Command]) -> Vec<Option<Answer>> {
    let receipt = |command: &&Command| Receipt {
        version: command.idempotency_key.parse().unwrap(),
        replayed: false,
        outcome: Outcome::Swept(0),
    };
    commands.iter().map(|command| Some(Ok(receipt(command)))).collect()
}

/// Answers of `count` commands where `transact` says how the n-th transaction, from 0, fails; and how many transactions it took.
fn answers(count: usize, transact: impl Fn(usize, &[&Command]) -> Option<Failure>) -> (Vec<Answer>, usize) {
    let commands = commands(count);
    let mut transactions = 0;
    let answers = now(run(
        &commands,
        async |members: &[&Command], first| {
            assert_eq!(first, transactions == 0);
            transactions += 1;
            transact(transactions - 1, members).map_or_else(|| Ok(done(members)), Err)
        },
        |_| {},
    ));
    assert_eq!(answers.len(), count);
    for (number, answer) in answers.iter().enumerate() {
        assert!(answer.as_ref().is_err() || answer.as_ref().is_ok_and(|receipt| receipt.version == number as u64), "in order");
    }
    (answers, transactions)
}

const NOT_DONE: Answer = Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS));

fn bad() -> Failure {
    Failure::Bad("CHECK".to_owned())
}

#[test]
fn one_bad_command_fails_alone() {
    let (answers, transactions) = answers(256, |_, members| members.iter().any(|it| it.idempotency_key == "77").then(bad));
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), number != 77, "{number}");
    }
    assert_eq!(answers[77], NOT_DONE);
    assert!(transactions <= 17, "{transactions}");
}

#[test]
fn retries_end_when_the_database_refuses_everything() {
    let (answers, transactions) = answers(256, |_, _| Some(bad()));
    assert!(answers.iter().all(|answer| *answer == NOT_DONE));
    assert_eq!(transactions, limits::TRANSACTIONS as usize);
}

#[test]
fn a_lost_race_is_retried() {
    let lost = |number, _: &[&Command]| (number == 0).then(|| Failure::Race("inventory".to_owned()));
    let (answers, transactions) = answers(3, lost);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(transactions, 2);
}

#[test]
fn without_a_database_commands_are_unavailable() {
    for (failure, expected) in [((|| Failure::Down("gone".to_owned())) as fn() -> Failure, 1), (|| Failure::Busy, 3)] {
        let (answers, transactions) = answers(8, |_, _| Some(failure()));
        assert!(answers.iter().all(|answer| *answer == NOT_DONE));
        assert_eq!(transactions, expected);
    }
}

#[test]
fn a_commit_with_unknown_outcome_is_checked() {
    let doubt = || Failure::Doubt("reset".to_owned());
    let (resolved, transactions) = answers(2, |number, _| (number == 0).then(doubt));
    assert!(resolved.iter().all(Result::is_ok), "the keys say how it was");
    assert_eq!(transactions, 2);
    let (open, transactions) = answers(2, |number, _| Some(if number == 0 { doubt() } else { Failure::Down("gone".to_owned()) }));
    assert_eq!(open, [Err(Rejection::Unknown), Err(Rejection::Unknown)]);
    assert_eq!(transactions, 3);
    // Doubt stays with every part of what was in doubt.
    let (open, _) = answers(2, |number, _| Some(if number == 0 { doubt() } else { bad() }));
    assert_eq!(open, [Err(Rejection::Unknown), Err(Rejection::Unknown)]);
}

#[test]
fn only_commands_of_the_lost_event_are_decided_again() {
    let commands = commands(6);
    let mut asked = Vec::new();
    let answers = now(run(
        &commands,
        async |members: &[&Command], first| {
            asked.push(members.iter().map(|it| it.idempotency_key.clone()).collect::<Vec<_>>());
            let odd = |it: &Command| it.idempotency_key.parse::<u32>().unwrap() % 2 == 1;
            let answers = members.iter().zip(done(members));
            Ok(answers.map(|(it, answer)| answer.filter(|_| !(first && odd(it)))).collect())
        },
        |_| {},
    ));
    assert_eq!(asked, [vec!["0", "1", "2", "3", "4", "5"], vec!["1", "3", "5"]]);
    assert!(answers.iter().enumerate().all(|(number, answer)| answer.as_ref().unwrap().version == number as u64));
    // Who loses every time has certainly not been decided.
    let always = now(run(&commands, async |members: &[&Command], _| Ok(members.iter().map(|_| None).collect()), |_| {}));
    assert!(always.iter().all(|answer| *answer == NOT_DONE));
}
