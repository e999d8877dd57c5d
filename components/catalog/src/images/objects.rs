//! A store of objects by the protocol of S3: where it is, and what is asked of it.
//!
//! Requests are signed (Signature V4) in their address, for a few minutes and for one object each. The store never learns who reads what: files go through this
//! component to edges, which keep them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use kit::{Problem, config};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use spin_sdk::http::{FullBody, Request, StatusCode};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

use super::convert::Format;
use crate::limits;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The store is not there, or has no time: it may be asked again.
    Away(String),
    /// It refuses, and will do so again: its settings are wrong.
    Refused(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(why) => {
                let detail = "The store of pictures does not answer. Nothing was changed.";
                let mut problem = Self::unavailable(detail, limits::OBJECTS_RETRY_MILLISECONDS);
                problem.log = Some(format!("the store of pictures does not answer: {why}"));
                problem
            }
            Failure::Refused(why) => Self::internal(format_args!("the store of pictures refuses, look at s3_…: {why}")),
        }
    }
}

/// Objects by their keys.
pub trait Objects {
    /// Writes one of this format, instead of what there was.
    fn put(&self, key: &str, content: Vec<u8>, format: Format) -> impl Future<Output = Result<(), Failure>>;

    /// One, whole; none: there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>>;

    /// Deletes one. That there is none is as good.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Failure>>;
}

/// Where files of pictures are.
pub struct Settings {
    /// The store, where one is set: it may have files even where new ones go to the database.
    pub store: Option<S3>,
    /// Whether files go there.
    writes: bool,
}

impl Settings {
    /// As the variables of the application say.
    pub async fn read() -> Result<Self, Problem> {
        let writes = match config::get("images_in").await?.as_str() {
            "database" => false,
            "s3" => true,
            other => return Err(Problem::internal(format_args!("variable images_in: {other:?} is neither database nor s3"))),
        };
        let store = match config::optional("s3_endpoint").await? {
            Some(endpoint) => Some(S3::read(&endpoint).await?),
            None if writes => return Err(Problem::internal("variable s3_endpoint: images_in is s3, and it is empty")),
            None => None,
        };
        Ok(Self { store, writes })
    }

    /// Where new files go, if not to the database.
    pub fn for_new(&self) -> Option<&S3> {
        self.store.as_ref().filter(|_| self.writes)
    }
}

/// A bucket, and the key that opens it.
pub struct S3 {
    bucket: Bucket,
    credentials: Credentials,
    /// What every key begins with.
    prefix: String,
}

impl S3 {
    async fn read(endpoint: &str) -> Result<Self, Problem> {
        let (bucket, region) = (config::get("s3_bucket").await?, config::get("s3_region").await?);
        let prefix = config::get("s3_prefix").await?;
        let (key, secret) = (config::get("s3_access_key").await?, config::get("s3_secret_key").await?);
        Self::new(endpoint, bucket, region, prefix, (key, secret))
            .map_err(|(name, why)| Problem::internal(format_args!("variable {name}: {why}")))
    }

    /// Of these settings; else which of them is wrong, and why.
    fn new(
        endpoint: &str,
        bucket: String,
        region: String,
        prefix: String,
        (key, secret): (String, String),
    ) -> Result<Self, (&'static str, &'static str)> {
        let origin = ("s3_endpoint", "is no origin, such as https://s3.eu-central-1.amazonaws.com or http://127.0.0.1:9000");
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let endpoint: url::Url = endpoint.parse().map_err(|_| origin)?;
        if endpoint.path() != "/"
            || endpoint.query().is_some()
            || endpoint.fragment().is_some()
            || !endpoint.username().is_empty()
        {
            return Err(origin);
        }
        if !limits::S3_BUCKET.contains(&bucket.len()) || !plain(&bucket) || bucket.starts_with('.') {
            return Err(("s3_bucket", "is not the name of a bucket"));
        }
        if region.is_empty() || !plain(&region) {
            return Err(("s3_region", "is not the name of a region, such as us-east-1"));
        }
        // Nothing that an address could be understood to say of folders.
        let segments = prefix.strip_suffix('/').unwrap_or(&prefix);
        if prefix.len() > limits::S3_PREFIX
            || !prefix.is_empty() && segments.split('/').any(|segment| segment.trim_matches('.').is_empty() || !plain(segment))
        {
            return Err(("s3_prefix", "is not letters, digits, hyphens, dots and underscores, with single slashes between them"));
        }
        for (name, value) in [("s3_access_key", &key), ("s3_secret_key", &secret)] {
            if value.is_empty() {
                return Err((name, "is empty"));
            }
        }
        let bucket = Bucket::new(endpoint, UrlStyle::Path, bucket, region).map_err(|_| origin)?;
        Ok(Self { bucket, credentials: Credentials::new(key, secret), prefix })
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

impl Objects for S3 {
    async fn put(&self, key: &str, content: Vec<u8>, format: Format) -> Result<(), Failure> {
        let name = self.name(key);
        let mut action = self.bucket.put_object(Some(&self.credentials), &name);
        action.headers_mut().insert("content-type", format.media_type());
        let (status, body) = ask(action, Bytes::from(content), Some(format)).await?;
        if status.is_success() { Ok(()) } else { Err(refused(status, &body)) }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let name = self.name(key);
        let (status, body) = ask(self.bucket.get_object(Some(&self.credentials), &name), Bytes::new(), None).await?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refused(status, &body)),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        let name = self.name(key);
        let (status, body) = ask(self.bucket.delete_object(Some(&self.credentials), &name), Bytes::new(), None).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND { Ok(()) } else { Err(refused(status, &body)) }
    }
}

/// What an answer that is none of the expected ones says.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    // <Error><Code>SignatureDoesNotMatch</Code>…
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(limits::S3_CODE).collect();
    let why = format!("it answered {} {code}", status.as_u16());
    let later = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if later { Failure::Away(why) } else { Failure::Refused(why) }
}

/// Sends a request, signed, with a body of this format if it has one, and reads the answer.
async fn ask<'a, A: S3Action<'a>>(action: A, body: Bytes, format: Option<Format>) -> Result<(StatusCode, Vec<u8>), Failure> {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let options = RequestOptions::new();
    // What a host does not know of it has its own bounds for.
    _ = options.set_connect_timeout(nanoseconds(limits::OBJECTS_CONNECT));
    _ = options.set_first_byte_timeout(nanoseconds(limits::OBJECTS_FIRST_BYTE));
    _ = options.set_between_bytes_timeout(nanoseconds(limits::OBJECTS_BETWEEN_BYTES));
    let url = action.sign(limits::OBJECTS_SIGNED);
    let mut request = Request::<()>::builder().method(A::METHOD.to_str()).uri(url.as_str());
    // Without its length a body goes in chunks, which S3 does not take.
    request = request.extension(RequestOptionsExtension(options)).header("content-length", body.len());
    if let Some(format) = format {
        request = request.header("content-type", format.media_type());
    }
    let request = request.body(FullBody::new(body)).map_err(|error| Failure::Refused(error.to_string()))?;
    let response = spin_sdk::http::send(request).await.map_err(|error| match error {
        ErrorCode::HttpRequestDenied => Failure::Refused("its endpoint may not be called".to_owned()),
        error => Failure::Away(format!("{error:?}")),
    })?;
    let (head, mut body) = response.into_parts();
    let (mut content, until) = (Vec::new(), Instant::now() + limits::OBJECTS_BODY);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Away(format!("its answer broke off: {error:?}")))?;
        content.extend_from_slice(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default());
        if content.len() > limits::IMAGE_FILE_BYTES {
            return Err(Failure::Refused("an object is larger than any file of a picture".to_owned()));
        }
        if Instant::now() > until {
            return Err(Failure::Away("its answer takes too long".to_owned()));
        }
    }
    Ok((head.status, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(endpoint: &str, bucket: &str, region: &str, prefix: &str, secret: &str) -> Result<S3, (&'static str, &'static str)> {
        S3::new(endpoint, bucket.to_owned(), region.to_owned(), prefix.to_owned(), ("AKIA".to_owned(), secret.to_owned()))
    }

    #[test]
    fn settings_are_good_or_say_which_one_is_not() {
        for (endpoint, bucket, region, prefix, secret, wrong) in [
            ("https://s3.eu-central-1.amazonaws.com", "pictures", "eu-central-1", "", "s", None),
            ("http://127.0.0.1:9000/", "my.pictures", "us-east-1", "marquee/eu/", "s", None),
            ("https://s3.example.com/under", "pictures", "us-east-1", "", "s", Some("s3_endpoint")),
            ("https://me:secret@s3.example.com", "pictures", "us-east-1", "", "s", Some("s3_endpoint")),
            ("ftp://s3.example.com", "pictures", "us-east-1", "", "s", Some("s3_endpoint")),
            ("s3.example.com", "pictures", "us-east-1", "", "s", Some("s3_endpoint")),
            ("https://s3.example.com", "", "us-east-1", "", "s", Some("s3_bucket")),
            ("https://s3.example.com", "..", "us-east-1", "", "s", Some("s3_bucket")),
            ("https://s3.example.com", "a/b", "us-east-1", "", "s", Some("s3_bucket")),
            ("https://s3.example.com", "pictures", "", "", "s", Some("s3_region")),
            ("https://s3.example.com", "pictures", "us-east-1", "../", "s", Some("s3_prefix")),
            ("https://s3.example.com", "pictures", "us-east-1", "a//b", "s", Some("s3_prefix")),
            ("https://s3.example.com", "pictures", "us-east-1", "/a", "s", Some("s3_prefix")),
            ("https://s3.example.com", "pictures", "us-east-1", "a?b", "s", Some("s3_prefix")),
            ("https://s3.example.com", "pictures", "us-east-1", "", "", Some("s3_secret_key")),
        ] {
            let made = store(endpoint, bucket, region, prefix, secret);
            assert_eq!(made.err().map(|(name, _)| name), wrong, "{endpoint} {bucket} {region} {prefix}");
        }
    }

    #[test]
    fn an_object_is_asked_for_under_the_prefix_by_a_signature_that_ends() {
        let store = store("http://127.0.0.1:9000", "pictures", "us-east-1", "eu/", "secret").unwrap();
        let name = store.name("eu_a/1-480.jpg");
        let url = store.bucket.get_object(Some(&store.credentials), &name).sign(limits::OBJECTS_SIGNED);
        assert_eq!(
            (url.origin().ascii_serialization().as_str(), url.path()),
            ("http://127.0.0.1:9000", "/pictures/eu/eu_a/1-480.jpg")
        );
        let query = url.query().unwrap();
        assert!(query.contains("X-Amz-Algorithm=AWS4-HMAC-SHA256") && query.contains("X-Amz-Expires=300"), "{query}");
        assert!(!url.as_str().contains("secret"));
    }

    #[test]
    fn what_will_pass_is_told_from_what_will_not() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>x</Message></Error>";
        let refusal = refused(StatusCode::FORBIDDEN, body);
        assert_eq!(refusal, Failure::Refused("it answered 403 SignatureDoesNotMatch".to_owned()));
        assert_eq!(Problem::from(refusal).kind.status, 500);
        for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
            let away = refused(status, b"");
            assert!(matches!(away, Failure::Away(_)), "{status}");
            assert_eq!(Problem::from(away).kind.status, 503);
        }
    }
}
