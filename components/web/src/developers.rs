//! `GET /developers`

use crate::content::Content;
use kit::{Answer, Request, config};
use std::sync::LazyLock;

/// What the page says of the host that it is served by.
struct Host {
    title: &'static str,
    /// The page's texts.
    texts: [(&'static str, &'static str); 5],
}

/// Our own: edges and regions.
const EDGE: Host = Host {
    title: "Marquee: event booking that sells from the edge",
    texts: [
        ("{{headline}}", "Book from the edge."),
        (
            "{{lead}}",
            "You browse and book through the nearest node; every booking for an event is decided in one place, its home region. \
             Reading is fast everywhere, and what is sold is sold once.",
        ),
        ("{{reading}}", "Read close by"),
        ("{{reads}}", "the node's own memory"),
        ("{{decided}}", " in the event's home region"),
    ],
};

/// Stock Spin: one process on one database.
const ALONE: Host = Host {
    title: "Marquee: event booking",
    texts: [
        ("{{headline}}", "Sell every seat."),
        ("{{lead}}", "This is the whole of it in one process, on one database: what is sold is sold once, whatever crashes."),
        ("{{reading}}", "Read what is true"),
        ("{{reads}}", "the database"),
        ("{{decided}}", ""),
    ],
};

static PAGE: LazyLock<Content> = LazyLock::new(|| {
    let host = if config::own_host() { &EDGE } else { &ALONE };
    Content::page(host.title, "/developers", &main(host))
});

/// What this is, for those who write programs. What is live on it the page asks for itself.
pub async fn page(request: Request) -> Answer {
    Ok(PAGE.answer(&request))
}

fn main(host: &Host) -> String {
    host.texts.iter().fold(include_str!("../assets/developers.html").to_owned(), |page, (place, text)| page.replace(place, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::OPENAPI;

    #[test]
    fn the_page_describes_the_actual_host() {
        let (edge, alone) = (main(&EDGE), main(&ALONE));
        for page in [&edge, &alone] {
            assert!(!page.contains("{{") && page.contains("Never sell a seat twice."));
        }
        for claim in ["from the edge", "nearest node", "home region", "own memory"] {
            assert!(edge.contains(claim) && !alone.contains(claim), "{claim}");
        }
        assert!(!ALONE.title.contains("edge"));
    }

    /// The page measures real endpoints: each must be one.
    #[test]
    fn the_page_measures_existing_routes() {
        let page = include_str!("../assets/developers.html");
        let paths: Vec<_> = page.split("data-probe=\"").skip(1).filter_map(|rest| rest.split(['"', '?']).next()).collect();
        assert_eq!(paths, ["/api/events", "/.well-known/jwks.json", "/api/openapi.json"]);
        for path in paths {
            assert!(OPENAPI.contains(&format!("\"{path}\": {{")), "{path}");
        }
    }

    #[test]
    fn the_scripts_elements_exist() {
        let (page, script) = (include_str!("../assets/developers.html"), include_str!("../assets/app.js"));
        for id in script.split("getElementById(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
}
