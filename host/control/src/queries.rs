//! Plans' queries, asked of Prometheus.

use std::collections::BTreeMap;

use futures::future::join_all;
use reqwest::Client;
use rollout::plan::Query;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::error::Error;
use crate::{client, limits};

/// A Prometheus, or what speaks as one.
#[derive(Clone, Debug)]
pub struct Prometheus {
    query: Url,
    client: Client,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

impl Prometheus {
    /// The one at this address, as `http://10.0.0.7:9090`; over TLS its certificate must be one that the system trusts.
    ///
    /// # Errors
    /// Where that is no address.
    pub fn new(address: &str) -> Result<Self, Error> {
        let failed = |reason: String| Error::Prometheus(reason);
        let base = if address.ends_with('/') { address.to_owned() } else { format!("{address}/") };
        let base: Url = base.parse().map_err(|error| failed(format!("its address: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(failed("its address begins with http:// or https://".to_owned()));
        }
        let query = base.join("api/v1/query").map_err(|error| failed(format!("its address: {error}")))?;
        let client = client::builder(None).map_err(&failed)?.timeout(limits::QUERY).build();
        Ok(Self { query, client: client.map_err(|error| failed(error.to_string()))? })
    }

    /// What they are answered now, by name.
    pub(crate) async fn ask(&self, queries: &[Query]) -> BTreeMap<String, Result<f64, String>> {
        let asking = queries.iter().map(|query| async { (query.name.clone(), self.one(&query.promql).await) });
        join_all(asking).await.into_iter().collect()
    }

    async fn one(&self, promql: &str) -> Result<f64, String> {
        // An error of the client would quote the address, which may hold a password.
        let lost = |error: reqwest::Error| format!("Prometheus does not answer: {}", error.without_url());
        let request = self.client.get(self.query.clone()).query(&[("query", promql)]);
        let mut response = request.send().await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&piece);
            if body.len() > limits::QUERY_BYTES {
                return Err(format!("the answer has more than {} bytes: aggregate to one number", limits::QUERY_BYTES));
            }
        }
        number(&body).map_err(|reason| format!("{reason} (status {})", response.status().as_u16()))
    }
}

/// The one number of an answer.
fn number(body: &[u8]) -> Result<f64, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| "what answers is no Prometheus".to_owned())?;
    if answer.status != "success" {
        let said: String = answer.error.chars().take(200).collect();
        return Err(format!("Prometheus refuses the query: {said}"));
    }
    let Some(Data { kind, result }) = answer.data else { return Err("the answer has no data".to_owned()) };
    let sample = match (kind.as_str(), result.as_array().map(Vec::as_slice)) {
        ("scalar", _) => result,
        ("vector", Some([one])) => one.get("value").cloned().unwrap_or_default(),
        ("vector", Some([])) => return Err("the query has no data".to_owned()),
        ("vector", Some(series)) => return Err(format!("the query has {} series: aggregate to one", series.len())),
        _ => return Err("the query gives neither a vector nor a scalar".to_owned()),
    };
    // When, and how much, as text.
    let text = sample.get(1).and_then(Value::as_str).ok_or_else(|| "the answer has no value".to_owned())?;
    let value: f64 = text.parse().map_err(|_| "the value is no number".to_owned())?;
    if value.is_finite() { Ok(value) } else { Err(format!("the value is {text}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_number_or_a_sentence() {
        let data = |data: &str| number(format!(r#"{{"status":"success","data":{data}}}"#).as_bytes());
        assert_eq!(data(r#"{"resultType":"scalar","result":[1.5,"0.25"]}"#), Ok(0.25));
        assert_eq!(data(r#"{"resultType":"vector","result":[{"metric":{},"value":[1.5,"3"]}]}"#), Ok(3.0));
        for (text, said) in [
            (r#"{"resultType":"vector","result":[]}"#, "no data"),
            (r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]},{"metric":{},"value":[1,"1"]}]}"#, "2 series"),
            (r#"{"resultType":"matrix","result":[]}"#, "neither"),
            (r#"{"resultType":"scalar","result":[1.5,"NaN"]}"#, "NaN"),
        ] {
            assert!(data(text).unwrap_err().contains(said), "{text}");
        }
        let refused = number(br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#).unwrap_err();
        assert!(refused.contains("parse error"), "{refused}");
        assert!(number(b"<html>").is_err());
    }
}
