//! An application, as who serves it needs it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use manifest::Routes;

use crate::{AccountsComponent, Failure, HostRoute, Visitor};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BodyError(BoxError);

impl BodyError {
    /// For this reason.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

/// A request's body: any `http_body::Body` of `Bytes`, boxed.
pub type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

/// No body.
#[must_use]
pub fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// One version of an application in this node's role.
pub trait Components: Send + Sync + 'static {
    /// The body of an answer. An instance that ends amid a body ends it with an error.
    type Answer: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Which component answers what, and how.
    fn routes(&self) -> &Routes;

    /// A number that no other version has that this process runs; where there is only ever one it need not be given.
    fn version(&self) -> u64 {
        0
    }

    /// Has a component answer.
    fn handle(
        &self,
        component: &str,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Self::Answer>, Failure>> + Send;

    /// The components that apply what has come due, and the paths to post to.
    fn ticks(&self) -> Vec<HostRoute>;

    /// The component that exports `marquee:accounts`; none where no component does.
    fn accounts(&self) -> Option<&dyn AccountsComponent> {
        None
    }
}

/// Says which version takes a request that comes now. It is answered by that one, whatever is switched to meanwhile.
pub trait Traffic: Send + Sync + 'static {
    /// See [`Components`].
    type Components: Components;
    /// The version that takes new requests; where several share them, the eldest.
    fn current(&self) -> Arc<Self::Components>;

    /// The version that takes a visitor's requests: of several always the same, as long as its share does not shrink. Who the visitor is, is asked only
    /// where there are several.
    fn taking(&self, _visitor: impl FnOnce() -> Visitor) -> Arc<Self::Components> {
        self.current()
    }
}
