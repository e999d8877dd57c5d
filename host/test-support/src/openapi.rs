//! The OpenAPI document is kept true here: every answer that a test gets is held against it.

use crate::{client::Answer, server::Server};
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::OnceCell;

static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

pub async fn document(server: &Server) -> &'static Value {
    DOCUMENT
        .get_or_init(async || reqwest::get(format!("{}/api/openapi.json", server.edges[0])).await.unwrap().json().await.unwrap())
        .await
}

/// The documented path that this one is an instance of; literal segments win over parameters.
fn template<'d>(document: &'d Value, path: &str) -> Option<&'d str> {
    let path = path.split('?').next()?;
    let matching = document["paths"].as_object()?.keys().filter(|template| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(expected, segment)| expected.starts_with('{') || expected == segment)
    });
    matching.min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Fails unless the document knows this path, method, status and shape of body.
pub async fn check(server: &Server, method: &Method, path: &str, answer: &Answer) {
    let document = document(server).await;
    let status = answer.status.as_u16();
    let Some(template) = template(document, path) else {
        assert!(matches!(status, 404 | 405), "{method} {path} is not documented, yet answers {status}");
        return;
    };
    let name = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let operation = &document["paths"][template][&name];
    if operation.is_null() {
        assert_eq!(status, 405, "{method} {template} is not documented");
        return;
    }
    let pointer = |rest: &str| format!("#/paths/{}/{name}/responses/{rest}", template.replace('~', "~0").replace('/', "~1"));
    let mut response = &operation["responses"][status.to_string()];
    let mut at = pointer(&status.to_string());
    assert!(
        !response.is_null(),
        "{method} {template} answers {status}, which is not documented: {}",
        String::from_utf8_lossy(&answer.bytes)
    );
    if let Some(reference) = response["$ref"].as_str() {
        at = reference.to_owned();
        response = document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    if *method == Method::HEAD || answer.bytes.is_empty() {
        return;
    }
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
    let content = &response["content"][&kind];
    assert!(!content.is_null(), "{method} {template} {status}: content type {kind} is not documented");
    if content["schema"].is_null() || answer.json.is_null() {
        return;
    }
    let validator = validator(document, &format!("{at}/content/{}/schema", kind.replace('~', "~0").replace('/', "~1")));
    let faults: Vec<_> = validator.iter_errors(&answer.json).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(faults.is_empty(), "{method} {template} {status} is not as documented: {}\n{}", faults.join("\n"), answer.json);
}

fn validator(document: &Value, pointer: &str) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::clone(validators.get_or_insert_default().entry(pointer.to_owned()).or_insert_with(|| {
        // The whole document is the base, so that its references lead somewhere.
        let mut schema = document.clone();
        // A pointer in a URI's fragment: braces must be encoded.
        schema["$ref"] = json!(pointer.replace('{', "%7B").replace('}', "%7D"));
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        Arc::new(jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}")))
    }))
}
