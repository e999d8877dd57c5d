//! Logs go to stderr: readable on a terminal, JSON lines anywhere else. Standard output is for what a command prints.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::Error;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For eyes.
    Text,
    /// One JSON object a line, fields flat beside `timestamp`, `level`, `target` and `message`.
    Json,
}

impl Form {
    /// `MARQUEE_LOG=json` or `text` decides; without it, whether stderr is a terminal.
    fn choose(asked: Option<&str>, terminal: bool) -> Self {
        match asked {
            Some("json") => Self::Json,
            Some("text") => Self::Text,
            _ if terminal => Self::Text,
            _ => Self::Json,
        }
    }
}

/// What is logged where `RUST_LOG` does not say: our own at `info`, libraries from `warn` on, and nothing of what Postgres remarks about
/// the tidying of connections.
const DEFAULT_FILTER: &str = "warn,sqlx::postgres::notice=off,marquee=info,agent=info,artifact=info,capabilities=info,control=info,edge=info,fleet=info,kubernetes=info,region=info,rollout=info,runtime=info,storage=info,streams=info,telemetry=info,guest=info";

/// Takes the process's logs. Call it once, at start, before anything logs.
pub fn init() -> Result<(), Error> {
    let asked = std::env::var("MARQUEE_LOG").ok();
    let form = Form::choose(asked.as_deref(), std::io::stderr().is_terminal());
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(text).map_err(|error| Error::Filter(error.to_string()))?,
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let done = match form {
        Form::Text => {
            let lines = lines.compact().with_target(true).with_ansi(std::io::stderr().is_terminal());
            registry.with(lines).try_init()
        }
        Form::Json => registry.with(lines.json().flatten_event(true).with_current_span(true)).try_init(),
    };
    done.map_err(|_| Error::LogsTaken)
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_FILTER, Form};
    use std::{fs, path::Path};

    #[test]
    fn the_variable_wins_over_the_terminal() {
        assert_eq!(Form::choose(None, true), Form::Text);
        assert_eq!(Form::choose(None, false), Form::Json);
        assert_eq!(Form::choose(Some("json"), true), Form::Json);
        assert_eq!(Form::choose(Some("text"), false), Form::Text);
        assert_eq!(Form::choose(Some("nonsense"), false), Form::Json);
    }

    /// Whoever logs and is not named there is silent below `warn`.
    #[test]
    fn every_crate_of_ours_that_logs_is_heard() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut heard = 0;
        for entry in fs::read_dir(host).unwrap() {
            let Ok(manifest) = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")) else { continue };
            if manifest.contains("tracing.workspace") {
                let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).unwrap();
                assert!(DEFAULT_FILTER.split(',').any(|one| one == format!("{name}=info")), "{name}");
                heard += 1;
            }
        }
        assert!(heard >= 9, "{heard}");
    }
}
