//! `cargo xtask seed`: the demo catalog into any platform that runs, stock Spin included, through the public API.

use crate::{
    step::{command, say},
    tools,
};
use anyhow::{Context, Result, anyhow, bail};
use demo::{Answer, Api, ApiRequest, Options};
use serde_json::Value;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const USAGE: &str = "cargo xtask seed --url URL [--email ADDRESS] [--password-file FILE]

Who organises the demo's events must be there; an admin has no quota. Without the flags it is the first admin, whom the platform's own variables
name: SPIN_VARIABLE_ADMIN_EMAIL, SPIN_VARIABLE_ADMIN_PASSWORD.";
/// Of the first admin, in the platform's environment and so in this one.
const EMAIL: &str = "SPIN_VARIABLE_ADMIN_EMAIL";
const PASSWORD: &str = "SPIN_VARIABLE_ADMIN_PASSWORD";
/// Seconds that an answer may take, and bytes that it may have.
const ANSWER_SECONDS: &str = "60";
const ANSWER_BYTES: &str = "4194304";
/// Events after which progress is printed.
const TOLD: usize = 25;

/// Loads the catalog. What is there already stays as it is.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut url, mut email, mut file) = (None, None, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--url" => url = Some(value?.trim_end_matches('/').to_owned()),
            "--email" => email = Some(value?.clone()),
            "--password-file" => file = Some(PathBuf::from(value?)),
            other => bail!("{other} is not understood\n\n{USAGE}"),
        }
    }
    let url = url.with_context(|| format!("where does the platform run?\n\n{USAGE}"))?;
    let from_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let email = email.or_else(|| from_environment(EMAIL)).with_context(|| format!("whose events are they to be?\n\n{USAGE}"))?;
    let password = match file {
        Some(file) => std::fs::read_to_string(&file).with_context(|| file.display().to_string())?.trim_end().to_owned(),
        None => from_environment(PASSWORD).with_context(|| format!("what is the password of {email}?\n\n{USAGE}"))?,
    };
    load(&url, &email, &password)
}

/// Loads the catalog into the platform at this address, in the name of somebody who is there.
pub fn load(url: &str, email: &str, password: &str) -> Result<()> {
    let platform = Platform { curl: tools::program("curl", "", &["curl"])?, url: url.to_owned() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let options = Options {
        email,
        password,
        name: None,
        buyers: "seed-buyer",
        now: i64::try_from(now)?,
        // The platform is waited for here, and not in turns.
        at_once: 1,
    };
    say(&format!("loading the demo catalog into {} as {email}", platform.url));
    let loading = demo::load(&platform, &options);
    let loaded = futures::executor::block_on(loading).map_err(|error| {
        anyhow!("{error}\nWhat is loaded stays. Once that is mended, the same command continues where this one stopped.")
    })?;
    say(&format!("{} events are there, {} of them new; {} new bookings", loaded.events, loaded.new, loaded.bookings));
    if loaded.unpaid {
        say(
            "no event is nearly sold out: this platform takes no payments (SPIN_VARIABLE_SANDBOX_PAYMENTS=on takes the sandbox's)",
        );
    }
    Ok(())
}

/// A platform, reached by curl: what is asked goes to its standard input, so that no token and no password is seen among this machine's processes.
struct Platform {
    curl: PathBuf,
    url: String,
}

impl Api for Platform {
    async fn ask(&self, ask: ApiRequest<'_>) -> Result<Answer, String> {
        send(&self.curl, &config(&self.url, &ask)).map_err(|error| format!("{error:#}"))
    }

    async fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn progress(&self, done: usize, of: usize) {
        if done.is_multiple_of(TOLD) || done == of {
            say(&format!("  {done} of {of} events"));
        }
    }
}

/// curl's configuration.
fn config(url: &str, ask: &ApiRequest<'_>) -> String {
    let mut lines = vec![("url", format!("{url}{}", ask.path))];
    // To this machine no proxy leads.
    let here =
        ["127.", "localhost", "[::1]"].iter().any(|host| url.split("://").last().is_some_and(|rest| rest.starts_with(host)));
    lines.extend(here.then(|| ("noproxy", "*".to_owned())));
    lines.extend(ask.token.map(|token| ("header", format!("Authorization: Bearer {token}"))));
    lines.extend(ask.key.map(|key| ("header", format!("Idempotency-Key: {key}"))));
    if let Some(body) = ask.body {
        lines.push(("header", "Content-Type: application/json".to_owned()));
        lines.push(("data-raw", body.to_string()));
    }
    let line = |(name, value): (&str, String)| format!("{name} = \"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""));
    lines.into_iter().map(line).collect()
}

fn send(curl: &Path, config: &str) -> Result<Answer> {
    let mut child = command(curl, &["--config", "-", "--silent", "--show-error", "--include", "--max-time", ANSWER_SECONDS])
        .args(["--max-filesize", ANSWER_BYTES, "--suppress-connect-headers"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start curl")?;
    // Dropped when it is written, which ends it.
    child.stdin.take().context("curl takes no input")?.write_all(config.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    answer(&String::from_utf8_lossy(&output.stdout)).context("the answer is not HTTP")
}

/// Reads a head and a body.
fn answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.trim().parse().ok()?;
    if (100..200).contains(&status) {
        return answer(body);
    }
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("retry-after").then(|| value.trim().parse().ok())?
    };
    let retry_after = head.lines().find_map(header);
    Some(Answer { status, retry_after, body: serde_json::from_str(body).unwrap_or(Value::Null) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_reach_curl_unchanged() {
        let body = json!({"title": "\"Salt\" \\ Sea"});
        let ask = ApiRequest { path: "/api/events", token: Some("t.o.k"), key: Some("demo-1"), body: Some(&body) };
        let expected = "url = \"https://a.example/api/events\"\nheader = \"Authorization: Bearer t.o.k\"\nheader = \"Idempotency-Key: demo-1\"\n\
                        header = \"Content-Type: application/json\"\n\
                        data-raw = \"{\\\"title\\\":\\\"\\\\\\\"Salt\\\\\\\" \\\\\\\\ Sea\\\"}\"\n";
        assert_eq!(config("https://a.example", &ask), expected);
        assert!(config("http://localhost:3000", &ask).contains("noproxy = \"*\"\n"));
    }

    #[test]
    fn an_answer_is_parsed() {
        let read = answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/2 503 \r\nRetry-After: 7\r\n\r\n{\"a\": 1}").unwrap();
        assert_eq!((read.status, read.retry_after, read.body), (503, Some(7), json!({"a": 1})));
        let read = answer("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n").unwrap();
        assert_eq!((read.status, read.retry_after, read.body), (204, None, Value::Null));
        assert!(answer("nonsense").is_none());
    }
}
