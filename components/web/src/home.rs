//! `GET /`

use crate::content::Content;
use kit::{Answer, Request};
use std::sync::LazyLock;

static PAGE: LazyLock<Content> =
    LazyLock::new(|| Content::page("Marquee: event booking that sells from the edge", "/", include_str!("../assets/home.html")));

/// The landing page. What is live on it the page asks for itself.
pub async fn page(request: Request) -> Answer {
    Ok(PAGE.answer(&request))
}

#[cfg(test)]
mod tests {
    use crate::content::OPENAPI;

    /// The page measures real endpoints: each must be one.
    #[test]
    fn the_page_measures_what_there_is() {
        let page = include_str!("../assets/home.html");
        let paths: Vec<_> = page.split("data-probe=\"").skip(1).filter_map(|rest| rest.split(['"', '?']).next()).collect();
        assert_eq!(paths, ["/api/events", "/.well-known/jwks.json", "/api/openapi.json"]);
        for path in paths {
            assert!(OPENAPI.contains(&format!("\"{path}\": {{")), "{path}");
        }
    }

    #[test]
    fn the_script_finds_what_it_looks_for() {
        let (page, script) = (include_str!("../assets/home.html"), include_str!("../assets/app.js"));
        for id in script.split("getElementById(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
}
