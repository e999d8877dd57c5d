//! Why something was not done.

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is neither a kubeconfig nor a service account.
    #[error("no way to Kubernetes' API is known: set KUBECONFIG, or run in a pod with a service account: {0}")]
    Unknown(String),
    /// The API refuses, or does not answer. The text has no token in it.
    #[error("Kubernetes' API: {0}")]
    Api(String),
    /// The control plane's own.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// The definition cannot be written.
    #[error("the definition cannot be written: {0}")]
    Definition(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Api(match error {
            kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
            other => {
                let mut said = other.to_string();
                let mut source = std::error::Error::source(&other);
                // Libraries repeat in each what is within it.
                while let Some(cause) = source {
                    let text = cause.to_string();
                    if !said.contains(&text) {
                        said = format!("{said}: {text}");
                    }
                    source = cause.source();
                }
                said
            }
        })
    }
}
