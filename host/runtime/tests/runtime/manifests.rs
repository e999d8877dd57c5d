//! Manifests, good and bad. Each bad one differs from a good one in one place.

use crate::support::root;
use runtime::{Manifest, ManifestError, VariableSources};
use std::path::Path;

const GOOD: &str = r#"
spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[variables]
host = { default = "db.example.com" }
token = { required = true, secret = true }
[[trigger.http]]
route = "/api/..."
component = "api"
[[trigger.http]]
route = "/health"
component = "api"
[[trigger.http]]
route = { private = true }
component = "api"
[component.api]
source = "api.wasm"
sqlite_databases = ["default"]
key_value_stores = ["default"]
allowed_outbound_hosts = ["postgres://{{ host }}:5432", "https://*.example.com"]
environment = { MODE = "test" }
variables = { token = "Bearer {{ token }}" }
[component.api.dependencies]
"shop:stock@1.0.0" = { component = "stock", inherit_configuration = true }
[component.api.build]
command = ["one", "two"]
workdir = "api"
watch = ["src/**/*.rs"]
[component.api.tool.marquee]
region = ["POST /api/orders/...", "* /api/auth/..."]
tick = "/api/due"
concurrency = 4
[component.stock]
source = "stock.wasm"
[component.stock.tool.marquee]
sqlite_databases = ["default"]
variables = { token = "{{ token }}" }
"#;

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("shop/spin.toml"), &VariableSources::new().set("token", "s3cret"))
}

#[test]
fn a_good_manifest_is_resolved() {
    let manifest = parse(GOOD).unwrap_or_else(|error| panic!("{error}"));
    let api = &manifest.components["api"];
    assert_eq!(api.source, Path::new("shop/api.wasm"));
    assert_eq!(api.grants.variables["token"].expose(), "Bearer s3cret");
    assert!(api.grants.allowed_outbound_hosts.allows("postgres", "db.example.com", Some(5432)));
    assert!(api.grants.sqlite_databases.contains("default") && api.grants.key_value_stores.contains("default"));
    assert_eq!(api.grants.environment["MODE"], "test");
    let build = api.build.as_ref().unwrap();
    assert_eq!((build.commands.len(), build.folder.as_path()), (2, Path::new("shop/api")));
    assert!(api.dependencies[0].inherits && api.dependencies[0].component == "stock");
    assert_eq!((api.limits().concurrency, api.limits().tick.as_deref()), (4, Some("/api/due")));
    let stock = &manifest.components["stock"];
    assert!(!stock.triggered && stock.grants.variables["token"].expose() == "s3cret");
    assert!(!format!("{manifest:?}").contains("s3cret"), "values of variables are not shown");
    assert_eq!(manifest.routes.iter().collect::<Vec<_>>(), [("/health", "api"), ("/api/...", "api")]);
}

#[test]
fn the_applications_own_manifest_is_good() {
    let path = root().join("spin.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let manifest = Manifest::parse(&text, &path, &VariableSources::new()).unwrap_or_else(|error| panic!("{error}"));
    assert!(manifest.components.values().filter(|component| component.triggered).count() >= 5);
}

#[test]
fn a_bad_manifest_says_where_what_and_what_to_do() {
    // What is replaced, by what, and what the message must hold.
    let cases = [
        ("spin_manifest_version = 2", "spin_manifest_version = 1", &["spin_manifest_version", "only version 2"][..]),
        ("name = \"shop\"", "nmae = \"shop\"", &["shop/spin.toml", "line 4", "unknown field `nmae`"]),
        ("name = \"shop\"", "name = ", &["line 4"]),
        ("name = \"shop\"", "name = 7", &["line 4", "expected a string"]),
        ("host = { default = \"db.example.com\" }", "host = { }", &["variables.host", "neither or both", "give a default"]),
        ("host = {", "Host = {", &["variables.Host", "not a variable's name"]),
        (
            "secret = true }",
            "default = \"x\", secret = true }",
            &["variables.token", "neither or both", "a secret stands in the manifest"],
        ),
        ("host = { default", "other = { required = true }\nhost = { default", &["variables.other", "set SPIN_VARIABLE_OTHER"]),
        (
            "[[trigger.http]]\nroute = \"/health\"",
            "[[trigger.redis]]\nchannel = \"orders\"",
            &["trigger.redis", "only HTTP triggers run in this host"],
        ),
        (
            "route = \"/health\"\ncomponent = \"api\"",
            "route = \"/health\"\ncomponent = \"ui\"",
            &["trigger.http[1].component", "there is no component \"ui\""],
        ),
        ("route = \"/health\"", "route = \"/api/*\"", &["trigger.http[1].route", "matches the same paths as \"/api/...\""]),
        ("route = \"/health\"", "route = \"health\"", &["trigger.http[1].route", "begins with /"]),
        ("{ private = true }", "{ private = false }", &["trigger.http[2].route", "{ private = true }"]),
        (
            "route = \"/health\"",
            "route = \"/health\"\nexecutor = { type = \"wagi\" }",
            &["trigger.http[1].executor", "not supported"],
        ),
        ("route = \"/health\"", "route = \"/health\"\nmethod = \"GET\"", &["unknown field `method`"]),
        ("[component.stock]", "[component.a_b]\nsource = \"x\"\n[component.stock]", &["component.a_b", "not a component's name"]),
        (
            "source = \"api.wasm\"",
            "source = { url = \"https://x\", digest = \"sha256:1\" }",
            &["component.api.source", "only files"],
        ),
        (
            "environment =",
            "files = [{ source = \"a\" }]\nenvironment =",
            &["component.api.files[0]", "names no files", "destination"],
        ),
        ("environment =", "files = [\"../a\"]\nenvironment =", &["component.api.files[0]", "out of the application's folder"]),
        ("environment =", "exclude_files = [\"a***\"]\nenvironment =", &["component.api.exclude_files[0]", "write a pattern"]),
        ("environment =", "ai_models = [\"a\"]\nenvironment =", &["component.api.ai_models", "not supported"]),
        (
            "{{ host }}:5432",
            "{{ hots }}:5432",
            &["component.api.allowed_outbound_hosts[0]", "\"hots\" is not declared", "[variables]"],
        ),
        ("{{ host }}:5432", "{{ host:5432", &["component.api.allowed_outbound_hosts[0]", "a template that cannot be read"]),
        (
            "https://*.example.com",
            "example.com",
            &["component.api.allowed_outbound_hosts[1]", "\"example.com\" is not a host", "write scheme://host:port"],
        ),
        ("\"Bearer {{ token }}\"", "\"{{ tokne }}\"", &["component.api.variables.token", "\"tokne\" is not declared"]),
        ("variables = { token = \"B", "variables = { Token = \"B", &["component.api.variables.Token", "not a variable's name"]),
        (
            "sqlite_databases = [\"default\"]\nkey",
            "sqlite_databases = [\"a b\"]\nkey",
            &["component.api.sqlite_databases", "\"a b\" is not a label"],
        ),
        ("\"shop:stock@1.0.0\" =", "\"shop:\" =", &["component.api.dependencies.\"shop:\"", "not the name of an import"]),
        ("{ component = \"stock\"", "{ component = \"stick\"", &["dependencies", "there is no component \"stick\""]),
        (
            "{ component = \"stock\", inherit_configuration = true }",
            "\">= 1\"",
            &["dependencies", "only components of this manifest"],
        ),
        (
            "inherit_configuration = true",
            "inherit_configuration = [\"variables\"]",
            &["inherit_configuration", "write true or false"],
        ),
        ("inherit_configuration = true", "export = \"x\"", &["export", "name an interface"]),
        (
            "[component.api.build]",
            "\"shop:stock/store\" = { component = \"stock\" }\n[component.api.build]",
            &["this package has an entry already"],
        ),
        (
            "source = \"stock.wasm\"",
            "source = \"stock.wasm\"\nkey_value_stores = [\"default\"]",
            &["dependencies", "\"stock\" has a configuration of its own"],
        ),
        (
            "concurrency = 4",
            "concurency = 4",
            &["component.api.tool.marquee", "unknown field `concurency`", "on top of spin.toml"],
        ),
        (
            "concurrency = 4",
            "concurrency = 1000",
            &["component.api.tool.marquee.concurrency", "1000 is out of range", "choose 1 to 64"],
        ),
        (
            "concurrency = 4",
            "sqlite_databases = [\"default\"]",
            &["component.api.tool.marquee", "grants are for dependencies only", "[component.api]"],
        ),
        ("\"* /api/auth/...\"", "\"/api/auth\"", &["component.api.tool.marquee.region[1]", "no method and path"]),
        ("tick = \"/api/due\"", "tick = \"/due\"", &["component.api.tool.marquee.tick", "not under any route"]),
        ("tick = \"/api/due\"", "tick = \"/api/...\"", &["component.api.tool.marquee.tick", "not a plain path"]),
        ("command = [\"one\", \"two\"]", "command = 7", &["component.api.build.command", "not a command"]),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let Err(error) = parse(&text) else { panic!("{to} passed") };
        let message = error.to_string();
        assert!(message.starts_with("shop/spin.toml: "), "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let text =
        GOOD.replace("{{ token }}", "{{ tokne }}").replace("/api/due", "/due").replace("concurrency = 4", "concurrency = 0");
    let error = parse(&text).unwrap_err();
    assert_eq!(error.faults().len(), 4, "{error}");
}

#[test]
fn wasm_files_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spin.toml");
    let load = || Manifest::load(&path, &VariableSources::new().set("token", "t"));
    assert!(load().unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, GOOD).unwrap();
    std::fs::write(folder.path().join("api.wasm"), "").unwrap();
    let error = load().unwrap_err();
    assert_eq!(error.faults().len(), 1);
    let message = error.to_string();
    assert!(message.contains("component.stock.source") && message.contains("run cargo xtask build"), "{message}");
    std::fs::write(folder.path().join("stock.wasm"), "").unwrap();
    assert!(load().is_ok());
}

#[test]
fn a_host_that_is_not_set_grants_nothing() {
    let text = GOOD.replace("\"postgres://{{ host }}:5432\"", "\"{{ host }}\"").replace("db.example.com", "");
    let hosts = &parse(&text).unwrap().components["api"].grants.allowed_outbound_hosts;
    assert!(hosts.allows("https", "a.example.com", None) && !hosts.allows("https", "example.org", None));
}

/// What the document says needs a token is refused without one before the body is read, and nothing else is.
#[test]
fn routes_need_a_token_where_the_document_says_so() {
    let routes = Manifest::load(&root().join("spin.toml"), &VariableSources::new()).unwrap().routes;
    let text = std::fs::read_to_string(root().join("components/web/openapi.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let asked = path.replace(['{', '}'], "x");
        for (method, operation) in
            methods.as_object().unwrap().iter().filter(|(_, operation)| operation.get("responses").is_some())
        {
            let method: http::Method = method.to_uppercase().parse().unwrap();
            // A session that has ended already is logged out of: the component says so.
            let needs =
                operation["operationId"] != "logout" && operation["security"].as_array().is_some_and(|all| !all.is_empty());
            let target = routes.find(&method, &asked).unwrap_or_else(|| panic!("{method} {path} leads nowhere"));
            assert_eq!(target.token, needs, "{method} {path}: `token` in spin.toml against `security` in openapi.json");
            operations += 1;
        }
    }
    assert!(operations > 20, "{operations} operations");
}
