//! Addresses that people can follow.

use kit::{Problem, Request, config};

/// What comes before the path of a link to this platform: the variable `public_url`, or else what the request was sent to.
pub async fn base(request: &Request) -> Result<String, Problem> {
    Ok(match config::optional("public_url").await? {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => requested(request.header("host"), request.header("x-forwarded-proto")),
    })
}

/// Without a host a link stays a path, which a client resolves by itself.
fn requested(host: Option<&str>, scheme: Option<&str>) -> String {
    let plausible =
        |host: &&str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    let scheme = if scheme == Some("https") { "https" } else { "http" };
    host.filter(plausible).map(|host| format!("{scheme}://{host}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::requested;

    #[test]
    fn links_use_the_requests_origin() {
        for (host, scheme, base) in [
            (Some("127.0.0.1:8080"), None, "http://127.0.0.1:8080"),
            (Some("tickets.example"), Some("https"), "https://tickets.example"),
            (Some("tickets.example"), Some("javascript"), "http://tickets.example"),
            (Some("[::1]:80"), None, "http://[::1]:80"),
            (Some("evil\"><script>"), None, ""),
            (None, None, ""),
        ] {
            assert_eq!(requested(host, scheme), base, "{host:?}");
        }
    }
}
