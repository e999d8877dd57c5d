//! `[breakers]` of a node's file: when what is outside is left alone, and for how long.

use std::time::Duration;

use serde::Deserialize;
use telemetry::BreakerOptions;

use crate::limits;

/// For each kind of thing outside. What the file does not say is as it is without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BreakersFile")]
pub struct Breakers {
    /// Each database that components use.
    pub postgres: BreakerOptions,
    /// Each Redis that components or nodes use.
    pub redis: BreakerOptions,
    /// Each web server that components call.
    pub web: BreakerOptions,
    /// The mail server.
    pub mail: BreakerOptions,
    /// Kafka.
    pub kafka: BreakerOptions,
    /// RabbitMQ.
    pub rabbitmq: BreakerOptions,
    /// Each node of a region.
    pub regions: BreakerOptions,
}

impl Default for Breakers {
    fn default() -> Self {
        let usual = BreakerOptions::default();
        Self {
            postgres: usual,
            redis: usual,
            web: usual,
            mail: usual,
            kafka: streams::limits::KAFKA_BREAKER,
            rabbitmq: streams::limits::AMQP_BREAKER,
            regions: fleet::limits::BREAKER,
        }
    }
}

/// As the file has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BreakersFile {
    postgres: Threshold,
    redis: Threshold,
    web: Threshold,
    mail: Threshold,
    kafka: Threshold,
    rabbitmq: Threshold,
    regions: Threshold,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Threshold {
    failures: Option<u32>,
    open_ms: Option<u64>,
    longest_ms: Option<u64>,
}

impl TryFrom<BreakersFile> for Breakers {
    type Error = String;

    fn try_from(said: BreakersFile) -> Result<Self, String> {
        let Self { postgres, redis, web, mail, kafka, rabbitmq, regions } = Self::default();
        Ok(Self {
            postgres: said.postgres.over("postgres", postgres)?,
            redis: said.redis.over("redis", redis)?,
            web: said.web.over("web", web)?,
            mail: said.mail.over("mail", mail)?,
            kafka: said.kafka.over("kafka", kafka)?,
            rabbitmq: said.rabbitmq.over("rabbitmq", rabbitmq)?,
            regions: said.regions.over("regions", regions)?,
        })
    }
}

impl Threshold {
    fn over(self, name: &str, usual: BreakerOptions) -> Result<BreakerOptions, String> {
        let time = |milliseconds: Option<u64>, usual| milliseconds.map_or(usual, Duration::from_millis);
        let options = BreakerOptions {
            failures: self.failures.unwrap_or(usual.failures),
            open: time(self.open_ms, usual.open),
            longest: time(self.longest_ms, usual.longest),
        };
        let (failures, pause) = (limits::BREAKER_FAILURES, limits::BREAKER_PAUSE);
        let possible = failures.contains(&options.failures) && pause.contains(&options.open) && pause.contains(&options.longest);
        if possible && options.open <= options.longest {
            return Ok(options);
        }
        Err(format!(
            "breakers.{name}: failures is {} to {}, open_ms and longest_ms {} to {}, open_ms the smaller one",
            failures.start(),
            failures.end(),
            pause.start().as_millis(),
            pause.end().as_millis()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_settings_have_their_defaults() {
        let breakers: Breakers = toml::from_str("kafka = { failures = 4 }\nregions = { open_ms = 5, longest_ms = 6 }").unwrap();
        let usual = Breakers::default();
        let [open, longest] = [5, 6].map(Duration::from_millis);
        let expected = Breakers {
            kafka: BreakerOptions { failures: 4, ..usual.kafka },
            regions: BreakerOptions { open, longest, ..usual.regions },
            ..usual
        };
        assert_eq!(breakers, expected);
        assert_eq!(toml::from_str::<Breakers>("").unwrap(), usual);
    }

    #[test]
    fn an_invalid_setting_is_refused_by_name() {
        for (text, said) in [
            ("mail = { failures = 0 }", "breakers.mail"),
            ("web = { open_ms = 20, longest_ms = 10 }", "breakers.web"),
            ("redis = { longest_ms = 600001 }", "breakers.redis"),
            ("sql = { failures = 1 }", "sql"),
            ("regions = { failure = 1 }", "failure"),
        ] {
            let error = toml::from_str::<Breakers>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
