//! The document against what the platform knows, and the page against the document.

use super::*;
use kit::problem::KINDS;
use std::collections::BTreeSet;

fn document() -> Node {
    Node::parse(OPENAPI).unwrap()
}

/// Every node of a document, with where it stands.
fn walk<'a>(node: &'a Node, pointer: &str, visit: &mut impl FnMut(&str, &'a Node)) {
    visit(pointer, node);
    for (name, value) in node.members() {
        walk(value, &format!("{pointer}/{name}"), visit);
    }
    for (index, item) in node.items().enumerate() {
        walk(item, &format!("{pointer}/{index}"), visit);
    }
}

#[test]
fn every_documented_problem_exists_with_its_status() {
    let document = document();
    let mut named = BTreeSet::new();
    walk(&document, "#", &mut |pointer, node| {
        let Some(slug) = node.as_text().strip_prefix("/problems/") else { return };
        let kind = KINDS.iter().find(|kind| kind.slug == slug);
        assert!(kind.is_some(), "{pointer}: {slug}");
        named.insert(slug);
    });
    assert_eq!(named, KINDS.iter().map(|kind| kind.slug).collect(), "the schema Problem names all of them");

    for (slug, example) in document.at("#/components/examples").unwrap().members() {
        let kind = KINDS.iter().find(|kind| kind.slug == slug).unwrap();
        let value = example.get("value").unwrap();
        assert_eq!(value.text("type"), format!("/problems/{slug}"));
        assert_eq!(value.text("title"), kind.title, "{slug}");
        assert_eq!(value.text("status"), kind.status.to_string(), "{slug}");
    }
}

#[test]
fn a_response_shows_only_problems_of_its_status() {
    let document = document();
    for tag in document.get("tags").unwrap().items() {
        for operation in operations(&document, tag.text("name")) {
            for (status, response) in operation.node.get("responses").unwrap().members() {
                let response = resolve(&document, response);
                let problem = response.at("#/content/application~1problem+json/examples");
                assert_eq!(problem.is_some(), status >= "400", "{} {} {status}", operation.method, operation.path);
                for (slug, example) in problem.into_iter().flat_map(Node::members) {
                    assert_eq!(resolve(&document, example).get("value").unwrap().text("status"), status, "{slug}");
                }
            }
        }
    }
}

#[test]
fn every_write_may_be_refused_to_a_page_of_another_site() {
    let document = document();
    for (path, item) in document.get("paths").unwrap().members() {
        for (method, operation) in item.members().filter(|(method, _)| *method != "get") {
            let refused = operation.at("#/responses/403").map(|response| resolve(&document, response));
            let shown =
                refused.and_then(|response| response.at("#/content/application~1problem+json/examples/cross-site-request"));
            assert!(shown.is_some(), "{method} {path}: its 403 is CrossSiteRequest, or that with others");
        }
    }
}

#[test]
fn every_reference_resolves() {
    let document = document();
    walk(&document, "#", &mut |pointer, node| {
        let reference = node.text("$ref");
        assert!(reference.is_empty() || document.at(reference).is_some(), "{pointer}: {reference}");
    });
}

#[test]
fn every_write_names_its_key_and_every_operation_its_id() {
    let document = document();
    let mut ids = BTreeSet::new();
    let mut count = 0;
    for (path, item) in document.get("paths").unwrap().members() {
        for (method, operation) in item.members() {
            count += 1;
            assert!(ids.insert(operation.text("operationId").to_owned()), "{method} {path}");
            let names: Vec<_> = operation
                .get("parameters")
                .unwrap()
                .items()
                .map(|parameter| resolve(&document, parameter).text("name"))
                .collect();
            let own_identity = ["/api/auth/", "/api/payments/webhooks/", "/api/unsubscribe/"];
            let own_identity = own_identity.iter().any(|prefix| path.starts_with(prefix));
            let write = method != "get" && !own_identity;
            assert_eq!(names.contains(&"Idempotency-Key"), write, "{method} {path}");
            for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                assert!(names.contains(&name), "{method} {path}: {name}");
            }
        }
    }
    let tags = document.get("tags").unwrap();
    let shown: usize = tags.items().map(|tag| operations(&document, tag.text("name")).len()).sum();
    assert_eq!(shown, count, "every operation has one known tag");
}

#[test]
fn the_page_shows_every_operation_and_schema() {
    let document = document();
    let page = PAGE.body();
    for tag in document.get("tags").unwrap().items() {
        for operation in operations(&document, tag.text("name")) {
            let id = operation.node.text("operationId");
            assert!(page.contains(&format!("<h3 id=\"{id}\">")), "{id}");
            assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
        }
    }
    // Every link within the page has its target, once.
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.matches(&format!(" id=\"{target}\"")).count(), 1, "{target}");
    }
}

/// The kit's reader of bodies takes `null` for what is not there.
#[test]
fn what_may_be_left_out_of_a_body_may_be_null() {
    fn permits_null(document: &Node, schema: &Node) -> bool {
        let schema = resolve(document, schema);
        let kinds = schema.get("type").map(|kind| kind.as_text() == "null" || kind.items().any(|kind| kind.as_text() == "null"));
        kinds == Some(true)
            || schema.get("oneOf").is_some_and(|choices| choices.items().any(|choice| permits_null(document, choice)))
    }
    fn look(document: &Node, schema: &Node, place: &str, looked: &mut usize) {
        let schema = resolve(document, schema);
        let required: Vec<_> = schema.get("required").map(|all| all.items().map(Node::as_text).collect()).unwrap_or_default();
        for (name, field) in schema.get("properties").into_iter().flat_map(Node::members) {
            let place = format!("{place}/{name}");
            let known = resolve(document, field);
            // Anything at all.
            let wild = ["type", "oneOf", "allOf"].iter().all(|key| known.get(key).is_none());
            assert!(required.contains(&name) || wild || permits_null(document, field), "{place} may be left out, and be null");
            *looked += 1;
            look(document, field, &place, looked);
        }
        for one in schema.get("items").into_iter().chain(schema.get("oneOf").into_iter().flat_map(Node::items)) {
            look(document, one, place, looked);
        }
    }
    let document = document();
    let mut looked = 0;
    for tag in document.get("tags").unwrap().items() {
        for operation in operations(&document, tag.text("name")) {
            let bodies = operation.node.at("#/requestBody/content").into_iter().flat_map(Node::members);
            for schema in bodies.filter_map(|(_, content)| content.get("schema")) {
                look(&document, schema, operation.path, &mut looked);
            }
        }
    }
    assert!(looked > 100, "{looked}");
}
