//! A registry, by OCI's distribution API: what of it is needed to send and fetch artifacts.
//!
//! Nothing that a registry says is believed but for what a digest confirms. It is spoken to over TLS, and in the clear only where it is on this machine
//! or that is said outright. Credentials go to it, and to the server of tokens that it names; where it sends for a layer, they never do.

mod access;
mod redirect;

use crate::credentials::{Credentials, Login};
use crate::digest::Digest;
use crate::error::Error;
use crate::limits;
use crate::oci::{Blob, Content, DOCKER_MANIFEST, Descriptor, INDEX, MANIFEST};
use crate::reference::Reference;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// How a registry is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// In the clear, although it is another machine.
    pub plain_http: bool,
    /// Who asks.
    pub credentials: Credentials,
}

/// A repository of a registry.
pub(crate) struct Registry {
    name: String,
    repository: String,
    origin: Url,
    client: Client,
    /// For where it sends: it looks names up and goes to public addresses alone.
    outside: Client,
    login: Option<Login>,
    /// What `Authorization` says, once it is known.
    authorization: Mutex<Option<http::HeaderValue>>,
}

/// A manifest as it came.
pub(crate) struct Found {
    pub digest: Digest,
    pub bytes: Bytes,
}

impl Registry {
    /// The one that a reference names.
    pub(crate) fn of(reference: &Reference, options: &Options) -> Result<Self, Error> {
        let plain = options.plain_http || reference.is_loopback();
        let scheme = if plain { "http" } else { "https" };
        let name = reference.registry().to_owned();
        let failed = |reason: String| Error::Unreachable { registry: name.clone(), reason };
        // Docker's own registry has another name than its images say.
        let host = if name == "docker.io" { "registry-1.docker.io" } else { &name };
        let origin = format!("{scheme}://{host}/").parse::<Url>().map_err(|error| failed(error.to_string()))?;
        let tls = tls().map_err(&failed)?;
        let client = |builder: ClientBuilder| builder.build().map_err(|error| failed(error.to_string()));
        let basic = || {
            Client::builder()
                .use_preconfigured_tls(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(limits::CONNECT)
                .read_timeout(limits::SILENCE)
                .user_agent(concat!("marquee/", env!("CARGO_PKG_VERSION")))
        };
        let key = if name == "docker.io" { "index.docker.io/v1/" } else { &name };
        Ok(Self {
            repository: reference.repository().to_owned(),
            client: client(basic())?,
            outside: client(basic().https_only(true).dns_resolver(Arc::new(redirect::PublicNames)))?,
            login: options.credentials.for_registry(key)?,
            authorization: Mutex::new(None),
            origin,
            name,
        })
    }

    /// Fetches a manifest by tag or digest; none where there is none.
    pub(crate) async fn manifest(&self, version: &str) -> Result<Option<Found>, Error> {
        let url = self.url(&format!("manifests/{version}"))?;
        let accept = format!("{MANIFEST}, {DOCKER_MANIFEST}");
        let what = format!("the manifest {version}");
        let response = self.send(Method::GET, &url, &|request| request.header(header::ACCEPT, &accept)).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = self.expect(response, &what, &[StatusCode::OK]).await?;
        let bytes = self.bounded(response, &what, limits::DOCUMENT_BYTES).await?;
        let digest = Digest::of(&bytes);
        match version.parse::<Digest>() {
            Ok(asked) if asked != digest => Err(Error::Tampered { what, reason: format!("it has the digest {digest}") }),
            _ => Ok(Some(Found { digest, bytes })),
        }
    }

    /// The manifests that say of themselves that they are about another: as the registry knows, or where it does not as the tag says at which clients
    /// keep it in its place.
    pub(crate) async fn referrers(&self, digest: Digest, tag: &str) -> Result<Vec<Digest>, Error> {
        #[derive(serde::Deserialize)]
        struct Index {
            #[serde(default)]
            manifests: Vec<One>,
        }
        #[derive(serde::Deserialize)]
        struct One {
            digest: Digest,
        }
        let url = self.url(&format!("referrers/{digest}"))?;
        let response = self.send(Method::GET, &url, &|request| request.header(header::ACCEPT, INDEX)).await?;
        let bytes = if response.status() == StatusCode::OK {
            self.bounded(response, "the referrers", limits::DOCUMENT_BYTES).await?
        } else {
            let url = self.url(&format!("manifests/{tag}"))?;
            let response = self.send(Method::GET, &url, &|request| request.header(header::ACCEPT, INDEX)).await?;
            if response.status() != StatusCode::OK {
                return Ok(Vec::new());
            }
            self.bounded(response, "the referrers", limits::DOCUMENT_BYTES).await?
        };
        let Ok(Index { manifests }) = serde_json::from_slice(&bytes) else { return Ok(Vec::new()) };
        Ok(manifests.into_iter().map(|One { digest }| digest).collect())
    }

    /// Whether it has a layer.
    pub(crate) async fn has(&self, digest: Digest) -> Result<bool, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.send(Method::HEAD, &url, &|request| request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            // Where else it would send for it, it has it.
            status if status.is_success() || status.is_redirection() => Ok(true),
            _ => self.expect(response, &format!("whether it has {digest}"), &[]).await.map(|_| false),
        }
    }

    /// Sends what it does not have. Returns whether that was needed.
    pub(crate) async fn send_blob(&self, blob: &Blob) -> Result<bool, Error> {
        let digest = blob.descriptor.digest;
        if self.has(digest).await? {
            return Ok(false);
        }
        let bytes = match &blob.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::File(path) => tokio::fs::read(path).await.map_err(|error| Error::file(path, &error))?.into(),
        };
        if Digest::of(&bytes) != digest {
            return Err(Error::Pack("a file has changed while it was sent: try again".to_owned()));
        }
        let what = format!("the layer {digest}");
        let begun = self.send(Method::POST, &self.url("blobs/uploads/")?, &|request| request.body("")).await?;
        let begun = self.expect(begun, &what, &[StatusCode::ACCEPTED]).await?;
        let mut place = self.location(&begun, &what)?;
        place.query_pairs_mut().append_pair("digest", &digest.to_string());
        let with = |request: RequestBuilder| request.header(header::CONTENT_TYPE, "application/octet-stream").body(bytes.clone());
        let sent = self.send(Method::PUT, &place, &with).await?;
        self.expect(sent, &what, &[StatusCode::CREATED]).await?;
        Ok(true)
    }

    /// Sends a manifest under a tag or its digest.
    pub(crate) async fn send_manifest(&self, version: &str, bytes: &[u8]) -> Result<(), Error> {
        let url = self.url(&format!("manifests/{version}"))?;
        let body = Bytes::copy_from_slice(bytes);
        let with = |request: RequestBuilder| request.header(header::CONTENT_TYPE, MANIFEST).body(body.clone());
        let sent = self.send(Method::PUT, &url, &with).await?;
        self.expect(sent, &format!("the manifest {version}"), &[StatusCode::CREATED]).await.map(drop)
    }

    /// Begins to fetch a layer, from this byte on. Returns the answer, and from which byte on it really is.
    pub(crate) async fn open(&self, layer: &Descriptor, from: u64) -> Result<(Response, u64), Error> {
        let what = format!("the layer {}", layer.digest);
        let url = self.url(&format!("blobs/{}", layer.digest))?;
        let ranged = |request: RequestBuilder| match from {
            0 => request,
            from => request.header(header::RANGE, format!("bytes={from}-")),
        };
        let mut response = self.send(Method::GET, &url, &ranged).await?;
        let mut here = url;
        for _ in 0..limits::REDIRECTS {
            if !response.status().is_redirection() {
                break;
            }
            let to = self.redirected(&response, &here, &what)?;
            // Nothing of ours goes along: what it needs stands in its address.
            let client = if self.is_own(&to) { &self.client } else { &self.outside };
            response = ranged(client.get(to.clone())).send().await.map_err(|error| self.unreachable(&error))?;
            here = to;
        }
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Error::NotFound(format!("{what} of {}/{}", self.name, self.repository)));
        }
        let response = self.expect(response, &what, &[StatusCode::OK, StatusCode::PARTIAL_CONTENT]).await?;
        if response.status() == StatusCode::OK {
            return Ok((response, 0));
        }
        let begins = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = begins.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok());
        match begins {
            Some(begins) if begins == from => Ok((response, from)),
            _ => Err(self.odd(&what, "another range than was asked for")),
        }
    }

    /// Fetches something small whole.
    pub(crate) async fn small(&self, descriptor: &Descriptor, most: u64) -> Result<Bytes, Error> {
        let what = format!("the layer {}", descriptor.digest);
        if descriptor.size > most {
            return Err(self.odd(&what, &format!("{} bytes, which is more than {most}", descriptor.size)));
        }
        let (response, _) = self.open(descriptor, 0).await?;
        let bytes = self.bounded(response, &what, descriptor.size).await?;
        if bytes.len() as u64 != descriptor.size || Digest::of(&bytes) != descriptor.digest {
            return Err(Error::Tampered { what, reason: format!("its {} bytes have another digest", bytes.len()) });
        }
        Ok(bytes)
    }

    /// What goes wrong on the way to it.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Error {
        // The innermost cause says most: "connection refused", "certificate has expired".
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Error::Unreachable { registry: self.name.clone(), reason: said(&cause.to_string()) }
    }

    /// A layer that ended early.
    pub(crate) fn broke_off(&self, length: u64, size: u64) -> Error {
        Error::Unreachable { registry: self.name.clone(), reason: format!("a layer broke off after {length} of {size} bytes") }
    }

    fn url(&self, rest: &str) -> Result<Url, Error> {
        self.origin
            .join(&format!("v2/{}/{rest}", self.repository))
            .map_err(|error| self.odd(rest, &format!("no address: {error}")))
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.origin.origin()
    }

    /// Sends a request to the registry itself, and logs in where it asks for that.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        with: &(dyn Fn(RequestBuilder) -> RequestBuilder + Sync),
    ) -> Result<Response, Error> {
        let attempt = async || {
            let mut request = with(self.client.request(method.clone(), url.clone()));
            let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(authorization) = known {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            // A layer may take as long as it comes on; all else is bounded as a whole.
            if method != Method::GET {
                request = request.timeout(limits::REQUEST);
            }
            request.send().await.map_err(|error| self.unreachable(&error))
        };
        let response = attempt().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let authorization = self.log_in(response.headers(), &method).await?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        attempt().await
    }

    /// Where a layer is to be sent to: on the same registry.
    fn location(&self, response: &Response, what: &str) -> Result<Url, Error> {
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| self.origin.join(location).ok());
        let mut url = url.ok_or_else(|| self.odd(what, "no place to send it to"))?;
        // Behind a proxy that speaks TLS many a registry says http of itself.
        if url.scheme() == "http" && self.origin.scheme() == "https" {
            // What cannot be changed is refused below.
            _ = url.set_scheme("https");
        }
        if self.is_own(&url) {
            return Ok(url);
        }
        Err(Error::Redirect { registry: self.name.clone(), to: place(&url), reason: "layers are sent to the registry alone" })
    }

    /// The answer, if it is one of these.
    async fn expect(&self, response: Response, what: &str, statuses: &[StatusCode]) -> Result<Response, Error> {
        let status = response.status();
        if statuses.contains(&status) {
            return Ok(response);
        }
        let words = self.bounded(response, what, limits::ANSWER_BYTES).await.map(|bytes| words(&bytes)).unwrap_or_default();
        let reason = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Unauthorized { registry: self.name.clone(), reason },
            StatusCode::TOO_MANY_REQUESTS => Error::Unreachable { registry: self.name.clone(), reason },
            status if status.is_server_error() => Error::Unreachable { registry: self.name.clone(), reason },
            _ => Error::Registry { registry: self.name.clone(), what: what.to_owned(), reason },
        })
    }

    /// A body, which must not be longer than this, whatever it says of itself.
    async fn bounded(&self, mut response: Response, what: &str, most: u64) -> Result<Bytes, Error> {
        let reading = async {
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
                if (bytes.len() + piece.len()) as u64 > most {
                    return Err(self.odd(what, &format!("more than {most} bytes")));
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes.into())
        };
        tokio::time::timeout(limits::REQUEST, reading).await.unwrap_or_else(|_| {
            let reason = format!("{what} had not come after {} s", limits::REQUEST.as_secs());
            Err(Error::Unreachable { registry: self.name.clone(), reason })
        })
    }

    fn odd(&self, what: &str, reason: &str) -> Error {
        Error::Registry { registry: self.name.clone(), what: what.to_owned(), reason: reason.to_owned() }
    }
}

/// What the system trusts, as the other servers that a node calls are trusted.
fn tls() -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}

/// An address without what may be a secret in it.
fn place(url: &Url) -> String {
    said(&format!("{}://{}", url.scheme(), url.authority()))
}

/// What a stranger says, fit for a log: short, and nothing that moves a cursor.
fn said(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::SAID).collect()
}

/// The messages of an error as registries write it.
fn words(bytes: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let Ok(Errors { errors }) = serde_json::from_slice(bytes) else { return String::new() };
    let errors: Vec<String> = errors.into_iter().take(3).map(|One { code, message }| format!("{code} {message}")).collect();
    said(errors.join("; ").trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use http_body_util::combinators::BoxBody;

    #[tokio::test(start_paused = true)]
    async fn what_comes_drop_by_drop_is_given_up() {
        let registry = Registry::of(&"registry.example/shop:1".parse().unwrap(), &Options::default()).unwrap();
        let drops = futures::stream::unfold((), |()| async {
            tokio::time::sleep(limits::SILENCE / 2).await;
            Some((Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b" "))), ()))
        });
        let body = reqwest::Body::wrap(BoxBody::new(StreamBody::new(drops)));
        let response = Response::from(http::Response::new(body));
        let error = registry.bounded(response, "the manifest 1", limits::DOCUMENT_BYTES).await.unwrap_err();
        assert!(error.is_away() && error.to_string().contains("the manifest 1"), "{error}");
    }
}
