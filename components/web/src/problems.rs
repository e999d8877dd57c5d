//! `GET /problems` and `GET /problems/{slug}`: where every problem's `type` leads.

use crate::{accept::prefers_json, content::Content, html::escape, markup};
use kit::{
    Answer, Problem, Request, Response,
    problem::{KINDS, Kind},
};
use serde_json::{Value, json};
use std::sync::LazyLock;

static LIST: LazyLock<Content> = LazyLock::new(|| {
    let rows: String = KINDS
        .iter()
        .map(|kind| {
            format!(
                "<tr><td class=\"status\">{}</td><th scope=\"row\"><a href=\"/problems/{slug}\">{}</a><br><code>{slug}</code></th><td>{}</td></tr>\n",
                kind.status,
                escape(kind.title),
                markup::inline(kind.explanation),
                slug = kind.slug,
            )
        })
        .collect();
    let main = format!(
        "<h1>Problems</h1>\n<p class=\"lead\">What is wrong comes as a problem document (RFC 9457). Its <code>type</code> is the address of a page \
         here; it never changes, so a program may go by it.</p>\n<div class=\"scroll\"><table class=\"problems\">\n\
         <thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Type</th><th scope=\"col\">What it means</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>"
    );
    Content::page("Problems: Marquee", "/problems", &main)
});

static PAGES: LazyLock<Vec<Content>> = LazyLock::new(|| KINDS.iter().map(|kind| page(kind)).collect());

fn page(kind: &Kind) -> Content {
    let example = json!({
        "type": format!("/problems/{}", kind.slug),
        "title": kind.title,
        "status": kind.status,
        "detail": "What happened this time, in a sentence.",
        "instance": "/api/…",
        "request_id": "06f9zk5c1wv7r3h9d0x2nq6ta8",
    });
    let main = format!(
        "<nav class=\"crumbs\" aria-label=\"Above\"><a href=\"/problems\">All problems</a></nav>\n\
         <h1>{}</h1>\n<p class=\"lead\">{}</p>\n\
         <dl class=\"facts\"><dt>Type</dt><dd><code>/problems/{slug}</code></dd><dt>Status</dt><dd>{}</dd></dl>\n\
         <h2>What it looks like</h2>\n<pre tabindex=\"0\"><code>{}</code></pre>\n\
         <p>The <code>request_id</code> is that of the header <code>X-Request-Id</code>: name it when you ask for help.</p>",
        escape(kind.title),
        markup::inline(kind.explanation),
        kind.status,
        escape(&format!("{example:#}")),
        slug = kind.slug,
    );
    Content::page(&format!("{}: Marquee", kind.title), "/problems", &main)
}

fn document(kind: &Kind) -> Value {
    json!({ "type": format!("/problems/{}", kind.slug), "title": kind.title, "status": kind.status, "explanation": kind.explanation })
}

/// All kinds.
pub async fn list(request: Request) -> Answer {
    if prefers_json(request.header("accept")) {
        let items: Vec<_> = KINDS.iter().map(|kind| document(kind)).collect();
        return Ok(negotiated(Response::json(200, &json!({ "items": items, "next_cursor": null }))?));
    }
    Ok(negotiated(LIST.answer(&request)))
}

/// One kind.
pub async fn one(request: Request) -> Answer {
    let slug = request.parameter("slug");
    let (kind, page) = KINDS.iter().zip(PAGES.iter()).find(|(kind, _)| kind.slug == slug).ok_or_else(Problem::not_found)?;
    if prefers_json(request.header("accept")) {
        return Ok(negotiated(Response::json(200, &document(kind))?));
    }
    Ok(negotiated(page.answer(&request)))
}

fn negotiated(response: Response) -> Response {
    response.header("vary", "accept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_page() {
        for (kind, page) in KINDS.iter().zip(PAGES.iter()) {
            assert!(page.body().contains(&format!("<h1>{}</h1>", escape(kind.title))), "{}", kind.slug);
            assert!(page.body().contains(&format!("/problems/{}</code>", kind.slug)), "{}", kind.slug);
            assert!(LIST.body().contains(&format!("href=\"/problems/{}\"", kind.slug)), "{}", kind.slug);
        }
    }
}
