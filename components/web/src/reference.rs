//! `GET /docs`: the OpenAPI document as a page.

use crate::{
    content::{Content, OPENAPI},
    document::Node,
    html::escape,
    markup,
    schema::{self, name_of},
};
use kit::{Answer, Request};
use std::sync::LazyLock;

/// Methods as OpenAPI names them, in the order that people look for them.
const METHODS: &[&str] = &["get", "post", "patch", "put", "delete"];

static PAGE: LazyLock<Content> = LazyLock::new(|| {
    // The document is compiled in and tested: it parses.
    let main = Node::parse(OPENAPI).map(|document| render(&document)).unwrap_or_default();
    Content::page("API reference: Marquee", "/docs", &main)
});

/// The reference.
pub async fn page(request: Request) -> Answer {
    Ok(PAGE.answer(&request))
}

/// One operation of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    node: &'a Node,
}

fn operations<'a>(document: &'a Node, tag: &str) -> Vec<Operation<'a>> {
    let paths = document.get("paths").into_iter().flat_map(Node::members);
    paths
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| item.get(method).map(|node| Operation { method, path, node }))
        })
        .filter(|operation| operation.node.get("tags").is_some_and(|tags| tags.items().any(|name| name.as_text() == tag)))
        .collect()
}

fn render(document: &Node) -> String {
    let info = document.get("info");
    let text = |name: &str| info.map_or("", |info| info.text(name));
    let tags: Vec<_> = document.get("tags").into_iter().flat_map(Node::items).collect();
    let (mut contents, mut body) = (String::new(), String::new());
    for tag in &tags {
        let name = tag.text("name");
        let operations = operations(document, name);
        contents.push_str(&format!("<li><a href=\"#tag-{0}\">{0}</a><ul>", escape(name)));
        body.push_str(&format!(
            "<section><h2 id=\"tag-{0}\">{0}</h2>{1}",
            escape(name),
            markup::paragraphs(tag.text("description"))
        ));
        for operation in &operations {
            contents.push_str(&format!(
                "<li><a href=\"#{}\">{}</a></li>",
                escape(operation.node.text("operationId")),
                escape(operation.node.text("summary"))
            ));
            body.push_str(&render_operation(document, operation));
        }
        contents.push_str("</ul></li>");
        body.push_str("</section>\n");
    }
    contents.push_str("<li><a href=\"#schemas\">Schemas</a></li>");
    format!(
        "<div class=\"reference\">\n<nav class=\"contents\" aria-label=\"Contents\"><ul>{contents}</ul></nav>\n<div>\n\
         <h1>API reference</h1>\n<p class=\"small\">Version {}, <a href=\"/api/openapi.json\">OpenAPI document</a></p>\n{}\n{body}{}</div>\n</div>",
        escape(text("version")),
        markup::paragraphs(text("description")),
        render_schemas(document),
    )
}

/// What a node is, or what it refers to.
fn resolve<'a>(document: &'a Node, node: &'a Node) -> &'a Node {
    document.at(node.text("$ref")).unwrap_or(node)
}

fn render_operation(document: &Node, operation: &Operation) -> String {
    let node = operation.node;
    let locked = node.get("security").is_some_and(|all| all.items().next().is_some());
    let lock = if locked { " <span class=\"tag\">access token</span>" } else { "" };
    format!(
        "<section class=\"operation\" aria-labelledby=\"{id}\">\n<h3 id=\"{id}\">{}</h3>\n\
         <p class=\"route\"><span class=\"method {method}\">{}</span> <code>{}</code>{lock}</p>\n{}{}{}{}</section>\n",
        escape(node.text("summary")),
        operation.method.to_uppercase(),
        escape(operation.path),
        markup::paragraphs(node.text("description")),
        render_parameters(document, node),
        render_body(node),
        render_responses(document, node),
        id = escape(node.text("operationId")),
        method = operation.method,
    )
}

fn render_parameters(document: &Node, operation: &Node) -> String {
    let rows: String = operation
        .get("parameters")
        .into_iter()
        .flat_map(Node::items)
        .map(|parameter| resolve(document, parameter))
        // The same everywhere, and said once in the document.
        .filter(|parameter| parameter.text("name") != "X-Request-Id")
        .map(|parameter| {
            let required = parameter.text("required") == "true";
            let schema = parameter.get("schema");
            format!(
                "<tr><th scope=\"row\"><code>{}</code> <span class=\"tag\">{}{}</span></th><td>{}{}<br>{}</td></tr>",
                escape(parameter.text("name")),
                escape(parameter.text("in")),
                if required { "" } else { ", optional" },
                schema.map(schema::kind).unwrap_or_default(),
                schema
                    .map(schema::bounds)
                    .filter(|bounds| !bounds.is_empty())
                    .map(|bounds| format!(", {bounds}"))
                    .unwrap_or_default(),
                markup::inline(parameter.text("description")),
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<h4>Parameters</h4><div class=\"scroll\"><table class=\"fields\"><tbody>{rows}</tbody></table></div>\n")
}

fn render_body(operation: &Node) -> String {
    let Some(body) = operation.get("requestBody") else { return String::new() };
    let optional = if body.text("required") == "true" { "" } else { " <span class=\"tag\">optional</span>" };
    format!("<h4>Body{optional}</h4>\n{}", render_content(body))
}

/// The representations of a body: media type, schema, example.
fn render_content(holder: &Node) -> String {
    let media = holder.get("content").into_iter().flat_map(Node::members);
    media
        .map(|(kind, content)| {
            let schema = content.get("schema").map(schema::kind).unwrap_or_default();
            let named = content.get("schema").is_some_and(|schema| name_of(schema).is_some());
            let fields = content.get("schema").filter(|_| !named).map(schema::describe).unwrap_or_default();
            let example = content
                .get("example")
                .map(|example| format!("<pre tabindex=\"0\"><code>{}</code></pre>", escape(&example.pretty())))
                .unwrap_or_default();
            format!("<p>{schema} <span class=\"tag\">{}</span></p>\n{fields}{example}\n", escape(kind))
        })
        .collect()
}

fn render_responses(document: &Node, operation: &Node) -> String {
    let (mut good, mut problems) = (String::new(), String::new());
    for (status, response) in operation.get("responses").into_iter().flat_map(Node::members) {
        let response = resolve(document, response);
        let examples = response
            .get("content")
            .and_then(|content| content.get("application/problem+json"))
            .and_then(|media| media.get("examples"));
        if let Some(examples) = examples {
            for (slug, example) in examples.members() {
                let title = resolve(document, example).text("summary");
                problems.push_str(&format!(
                    "<li>{} <a href=\"/problems/{1}\">{1}</a>: {2}</li>",
                    escape(status),
                    escape(slug),
                    escape(title)
                ));
            }
            continue;
        }
        let headers: Vec<_> = response
            .get("headers")
            .into_iter()
            .flat_map(Node::members)
            .filter(|(name, _)| *name != "X-Request-Id")
            .map(|(name, _)| format!("<code>{}</code>", escape(name)))
            .collect();
        let headers =
            if headers.is_empty() { String::new() } else { format!(" <span class=\"small\">with {}</span>", headers.join(", ")) };
        good.push_str(&format!(
            "<h4><span class=\"status\">{}</span> {}{headers}</h4>\n{}",
            escape(status),
            markup::inline(response.text("description")),
            render_content(response),
        ));
    }
    format!("{good}<details><summary>Problems</summary><ul class=\"plain\">{problems}</ul></details>\n")
}

fn render_schemas(document: &Node) -> String {
    let all: String = document
        .at("#/components/schemas")
        .into_iter()
        .flat_map(Node::members)
        .map(|(name, schema)| {
            let bounds = schema::bounds(schema);
            let bounds = if bounds.is_empty() { bounds } else { format!("<p>{}: {bounds}.</p>", schema::kind(schema)) };
            format!(
                "<section class=\"operation\" aria-labelledby=\"schema-{name}\"><h3 id=\"schema-{name}\">{name}</h3>{}{bounds}{}</section>\n",
                markup::paragraphs(schema.text("description")),
                schema::describe(schema),
                name = escape(name),
            )
        })
        .collect();
    format!("<section><h2 id=\"schemas\">Schemas</h2>\n{all}</section>\n")
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
