//! `cargo xtask schema`: schemathesis calls every operation of the OpenAPI document, as it says and as it does not, against a platform of its own.
//!
//! Nothing may be a server error, and no answer outside the document. Of the calls that the document permits, fewer than [`REFUSED`] may be refused: what a
//! document can state, this one states.

use crate::{
    build,
    node::{Node, discard},
    step::{command, root, say, write_private},
    tools,
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{path::Path, process::Stdio};

/// Cases by command, by default.
const CASES: u32 = 20_000;
/// The test run's cases.
pub const SHORT: [&str; 2] = ["--cases", "2000"];
/// The seed, by default.
const SEED: u32 = 1;
/// As many calls that the document permits may not be refused.
const REFUSED: usize = 10;

/// Cases of a run for each example of an operation: what the document says by itself already makes some thousands.
const CASES_OF_AN_EXAMPLE: u32 = 200;
/// Examples for each operation.
const EXAMPLES: std::ops::RangeInclusive<u32> = 10..=400;

const USAGE: &str = "cargo xtask schema [--cases N] [--seed N] [--own]";
const EMAIL: &str = "schema@example.com";
const PASSWORD: &str = "what no dictionary has in it";
/// What asks for the caller's own password: whoever guesses it there is slowed down at the login as well.
const GUESSED: &str = r#""/api/auth/email", "/api/auth/password", "/api/auth/reauthenticate""#;

/// Builds what is missing, and runs it.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut cases, mut seed, mut own_built) = (CASES, SEED, false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        // With what has been built already.
        if word == "--own" {
            own_built = true;
            continue;
        }
        let value = words.next().and_then(|value| value.parse().ok()).with_context(|| format!("{word} takes a number: {USAGE}"));
        match word.as_str() {
            "--cases" => cases = value?,
            "--seed" => seed = value?,
            other => bail!("{other} is not understood: {USAGE}"),
        }
    }
    if !own_built {
        build::all()?;
    }
    against_own(cases, seed)
}

fn against_own(cases: u32, seed: u32) -> Result<()> {
    let program = tools::schemathesis()?;
    let admin = [("SPIN_VARIABLE_ADMIN_EMAIL", EMAIL), ("SPIN_VARIABLE_ADMIN_PASSWORD", PASSWORD), ("RUST_LOG", "error")];
    let node = Node::start_with("schema", &["--no-demo"], &admin)?;
    let edge = node.edges.first().context("no edge")?;
    let folder = root().join(format!("target/schema-run-{}", std::process::id()));
    discard(&folder);
    std::fs::create_dir_all(&folder)?;
    let mut done = 0;
    // What one seed makes of the document is bounded; more cases are more seeds.
    for round in 0.. {
        let seed = seed + round;
        let people = [somebody(edge, "guessing", seed)?, somebody(edge, "leaving", seed)?];
        let outcome = once(&program, edge, &folder, seed, cases, &people)?;
        done += outcome.cases;
        say(&format!("    seed {seed}: {} cases, {done} of {cases} so far", outcome.cases));
        judge(&outcome)?;
        if done >= cases as usize || outcome.cases == 0 {
            break;
        }
    }
    drop(node);
    discard(&folder);
    if done < cases as usize {
        bail!("only {done} cases of {cases} were made");
    }
    Ok(())
}

/// What a run of schemathesis came to.
struct Outcome {
    cases: usize,
    failures: Vec<Failure>,
}

/// One kind of failure.
#[derive(Debug)]
struct Failure {
    kind: String,
    title: String,
    count: usize,
    operations: Vec<String>,
}

/// The kind of a failure that says that a call which the document permits was refused.
const PERMITTED: &str = "RejectedPositiveData";

/// One run. Each operation gets as many examples as it takes for so many cases, about.
fn once(program: &Path, edge: &str, folder: &Path, seed: u32, cases: u32, people: &[String; 2]) -> Result<Outcome> {
    let examples = (cases / CASES_OF_AN_EXAMPLE).clamp(*EXAMPLES.start(), *EXAMPLES.end());
    let (configuration, report) = (folder.join("schemathesis.toml"), folder.join("report.json"));
    write_private(&configuration, &settings(seed, examples, people))?;
    let mut run = command(program, &["--config-file"]);
    run.arg(&configuration).arg("run").arg(format!("{edge}/api/openapi.json"));
    // Its answer does not end by itself.
    run.args(["--exclude-path", "/api/live"]);
    run.arg("--report-json-path").arg(&report).args(["--phases", "coverage,fuzzing", "--no-color", "--warnings", "off"]);
    // It fails where it has found something; what that is, the report says.
    run.stdin(Stdio::null()).current_dir(folder).status().context("cannot start schemathesis")?;
    let report: Value = serde_json::from_slice(&std::fs::read(&report).context("schemathesis wrote no report")?)?;
    read(&report)
}

/// An access token of somebody new.
fn somebody(edge: &str, name: &str, seed: u32) -> Result<String> {
    let account = json!({ "email": format!("{name}-{seed}@example.com"), "password": PASSWORD, "name": "Somebody" });
    let answer = ureq::post(format!("{edge}/api/auth/register")).send_json(account);
    let answer: Value = answer.context("nobody can register")?.body_mut().read_json()?;
    answer.get("access_token").and_then(Value::as_str).map(str::to_owned).context("no access token")
}

/// How it is run: by one worker, so that a seed is one run. Its client logs in again when a call of its own has ended the session; so passwords are
/// guessed as somebody else, and a third erases their account; these are their tokens.
fn settings(seed: u32, examples: u32, [guessing, leaving]: &[String; 2]) -> String {
    format!(
        r#"seed = {seed}
workers = 1
continue-on-failure = true
request-timeout = 60

[generation]
mode = "all"
max-examples = {examples}
database = "none"
# No text may have U+0000 in it, which the document says once and not of every text.
allow-x00 = false

[auth.dynamic.openapi.bearer]
path = "/api/auth/login"
payload = {{ email = "{EMAIL}", password = "{PASSWORD}" }}
extract_selector = "/access_token"

# A head that is too large is refused before anything else is looked at; `If-Match` has a status of its own.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "428", "429", "431"]

# What has been changed meanwhile is a conflict, too.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "403", "404", "415", "428", "431"]

[[operations]]
include-path = [{GUESSED}]
headers = {{ Authorization = "Bearer {guessing}" }}

[[operations]]
include-path = ["/api/auth/me"]
headers = {{ Authorization = "Bearer {leaving}" }}

# Which regions there are is no matter of the document.
[parameters]
"query.region" = "local"

# Which secrets are good is no matter of the document either: those that are not are 400 here.
[[operations]]
include-path = [
  "/api/auth/email/confirm", "/api/auth/guest/open", "/api/auth/login/second-factor", "/api/auth/logout", "/api/auth/passkeys", "/api/auth/passkeys/login",
  "/api/auth/password/reset", "/api/auth/verify-email",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403"]

# Which bytes are a picture is not, either.
[[operations]]
include-path = ["/api/events/{{id}}/image", "/api/events/{{id}}/logo"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409", "412", "429"]
"#
    )
}

fn read(report: &Value) -> Result<Outcome> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let cases = report.pointer("/test_cases/generated").and_then(number).context("the report counts no cases")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let operations = |failure: &Value| {
        let listed = failure.get("operations").and_then(Value::as_array).into_iter().flatten();
        listed.map(|operation| operation.as_str().map_or_else(|| operation.to_string(), str::to_owned)).collect()
    };
    let failures =
        report.get("failures").and_then(Value::as_array).context("the report lists no failures")?.iter().map(|failure| Failure {
            kind: text(failure.get("type")),
            title: text(failure.get("title")),
            count: failure.get("count").and_then(number).unwrap_or(1),
            operations: operations(failure),
        });
    let errors = report.get("errors").and_then(Value::as_array).into_iter().flatten().map(|error| Failure {
        kind: "error".to_owned(),
        title: text(error.get("title")),
        count: error.get("count").and_then(number).unwrap_or(1),
        operations: Vec::new(),
    });
    Ok(Outcome { cases, failures: failures.chain(errors).collect() })
}

/// Whether what one run has found is nothing, or little enough.
fn judge(Outcome { cases, failures: found }: &Outcome) -> Result<()> {
    let (refused, wrong): (Vec<_>, Vec<_>) = found.iter().partition(|failure| failure.kind == PERMITTED);
    let count = refused.iter().map(|failure| failure.count).sum::<usize>();
    for Failure { kind, title, count, operations } in found {
        say(&format!("    {count} x {title} ({kind}): {}", operations.join(", ")));
    }
    say(&format!("    {cases} cases; {count} that the document permits were refused, each way of an operation counted once"));
    if !wrong.is_empty() {
        bail!("{} kinds of answers are not as the document says", wrong.len());
    }
    if count >= REFUSED {
        bail!(
            "{count} calls that the document permits were refused, and fewer than {REFUSED} may be: what the document can state, it must"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_parsed_and_evaluated() {
        let report = json!({
            "test_cases": {"generated": 2100},
            "failures": [
                {"type": PERMITTED, "title": "API rejected schema-compliant request", "count": 3, "operations": ["POST /api/events"]},
                {"type": "ServerError", "title": "Server error", "count": 1, "operations": ["GET /api/events"]},
            ],
            "errors": [],
        });
        let mut outcome = read(&report).unwrap();
        assert_eq!((outcome.cases, outcome.failures.len()), (2100, 2));
        assert!(judge(&outcome).is_err());
        outcome.failures.pop();
        judge(&outcome).unwrap();
        outcome.failures[0].count = REFUSED;
        assert!(judge(&outcome).is_err());
    }
}
