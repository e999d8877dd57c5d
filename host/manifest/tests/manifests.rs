//! Manifests, good and bad. Each bad one differs from a good one in one place.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use manifest::{Manifest, ManifestError, Rate, RegionSource, Route, Routes, RunLocation, VariableSources};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
concurrency = 4
[component.api.tool.marquee.routes]
"GET /health" = { runs = "edge" }
"GET /api/orders/:id" = { runs = "edge", by = { path = "id" } }
"POST /api/orders" = { runs = "region", by = { body = "customer" }, token = true, roles = true }
"POST /api/auth/:how" = { runs = "accounts", rate = "attempts" }
"POST /api/due" = { host = "tick" }
[component.stock]
source = "stock.wasm"
[component.stock.tool.marquee]
sqlite_databases = ["default"]
variables = { token = "{{ token }}" }
"#;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

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
    assert_eq!(api.limits().concurrency, 4);
    let stock = &manifest.components["stock"];
    assert!(!stock.triggered && stock.grants.variables["token"].expose() == "s3cret");
    assert!(!format!("{manifest:?}").contains("s3cret"), "values of variables are not shown");
    let listed: Vec<_> = manifest.routes.iter().map(|route| route.to_string()).collect();
    assert_eq!(listed, ["GET /api/orders/:id", "GET /health", "POST /api/auth/:how", "POST /api/orders"]);
    assert_eq!(manifest.routes.ticks().collect::<Vec<_>>(), [("api", "/api/due")]);
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
            "[application]\n",
            "[application.tool.marquee]\nshema = 4\n[application]\n",
            &["application.tool.marquee", "unknown field `shema`", "on top of spin.toml"],
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
fn every_fault_is_reported_at_once() {
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
fn an_unset_host_variable_grants_nothing() {
    let text = GOOD.replace("\"postgres://{{ host }}:5432\"", "\"{{ host }}\"").replace("db.example.com", "");
    let hosts = &parse(&text).unwrap().components["api"].grants.allowed_outbound_hosts;
    assert!(hosts.allows("https", "a.example.com", None) && !hosts.allows("https", "example.org", None));
}

/// Rows of the table that are wrong: by what GOOD's are replaced, and what the message must hold. Each names the row.
#[test]
fn whoever_may_be_called_wherever_they_are_is_said_by_a_word() {
    let with = |word: &str| {
        parse(&GOOD.replace(
            "source = \"stock.wasm\"\n[component.stock.tool.marquee]\n",
            &format!("source = \"stock.wasm\"\n[component.stock.tool.marquee]\ninternet = \"{word}\"\n"),
        ))
    };
    let granted = |word: &str| with(word).unwrap().components["stock"].grants.internet.map(|receivers| format!("{receivers:?}"));
    assert_eq!((granted(""), granted("public").as_deref(), granted("any").as_deref()), (None, Some("Public"), Some("Any")));
    assert!(parse(GOOD).unwrap().components.values().all(|component| component.grants.internet.is_none()));
    let error = with("everybody").unwrap_err().to_string();
    assert!(
        error.contains("component.stock.tool.marquee.internet") && error.contains("choose public, any, or nothing"),
        "{error}"
    );
}

#[test]
fn a_bad_table_of_routes_says_which_row_what_and_what_to_do() {
    const ORDERS: &str = "\"POST /api/orders\" = { runs = \"region\", by = { body = \"customer\" }, token = true, roles = true }";
    const SHOWN: &str = "\"GET /api/orders/:id\" = { runs = \"edge\", by = { path = \"id\" } }";
    const DUE: &str = "\"POST /api/due\" = { host = \"tick\" }";
    const POSTED_AT: &str = "component.api.tool.marquee.routes.\"POST /api/orders\"";
    const SHOWN_AT: &str = "component.api.tool.marquee.routes.\"GET /api/orders/:id\"";
    const DUE_AT: &str = "component.api.tool.marquee.routes.\"POST /api/due\"";
    let edge = |row: &str| format!("{row:?} = {{ runs = \"edge\" }}");
    let orders = |said: &str| format!("\"POST /api/orders\" = {{ {said} }}");
    let more = |row: &str, others: &str| format!("{row}\n{others}");
    let cases: Vec<(&str, String, &[&str])> = vec![
        // Rows that no trigger leads to, and triggers that lead to no row.
        (DUE, more(DUE, &edge("GET /shop")), &["routes.\"GET /shop\"", "no route leads there", "\"api\" has no trigger"]),
        (DUE, "\"POST /due\" = { host = \"tick\" }".to_owned(), &["routes.\"POST /due\"", "no route leads there"]),
        (DUE, more(DUE, &edge("GET /health/:part")), &["routes.\"GET /health/:part\"", "no route leads there"]),
        (
            "\"GET /health\" = { runs = \"edge\" }",
            String::new(),
            &["trigger.http[1].route", "\"/health\" leads to no row of \"api\""],
        ),
        (
            "[component.stock.tool.marquee]",
            "[component.stock.tool.marquee.routes]\n\"GET /api/stock\" = { runs = \"edge\" }\n[component.stock.tool.marquee]"
                .to_owned(),
            &[
                "component.stock.tool.marquee.routes.\"GET /api/stock\"",
                "by \"/api/...\" the path is \"api\"'s",
                "move the row to \"api\"",
            ],
        ),
        // Keys and values that there are not.
        (
            ORDERS,
            orders("runs = \"edge\", tokn = true"),
            &[POSTED_AT, "unknown field `tokn`, expected one of `runs`", "top of spin.toml"],
        ),
        (ORDERS, orders("runs = \"edgy\""), &[POSTED_AT, "unknown variant `edgy`, expected one of `edge`"]),
        (ORDERS, orders("runs = \"accounts\", rate = \"tries\""), &[POSTED_AT, "unknown variant `tries`, expected `attempts`"]),
        (ORDERS, orders("runs = \"edge\", token = \"yes\""), &[POSTED_AT, "expected a boolean"]),
        (ORDERS, "\"POST /api/orders\" = \"edge\"".to_owned(), &[POSTED_AT, "expected a table like { runs ="]),
        (ORDERS, orders("runs = \"region\", by = \"id\""), &[POSTED_AT, "expected a table with one of path, body and query"]),
        (ORDERS, orders("runs = \"region\", by = { header = \"x\" }"), &[POSTED_AT, "unknown field `header`"]),
        (
            DUE,
            "\"POST /api/due\" = { host = \"tock\" }".to_owned(),
            &[DUE_AT, "unknown variant `tock`, expected `tick` or `command`"],
        ),
        (DUE, more(DUE, &edge("/api/x")), &["routes.\"/api/x\"", "not a method and a path"]),
        (DUE, more(DUE, &edge("get /api/x")), &["routes.\"get /api/x\"", "\"get\" is not a method, in capitals"]),
        (DUE, more(DUE, &edge("BREW /api/x")), &["routes.\"BREW /api/x\"", "\"BREW\" is not a method"]),
        (DUE, more(DUE, &edge("HEAD /api/x")), &["routes.\"HEAD /api/x\"", "HEAD goes where GET goes"]),
        (DUE, more(DUE, &edge("GET  /api/x")), &["routes.\"GET  /api/x\"", "a path begins with /"]),
        (DUE, more(DUE, &edge("GET /api//x")), &["routes.\"GET /api//x\"", "an empty segment"]),
        // Twice, and once so and once so.
        (DUE, more(DUE, ORDERS), &["line", "duplicate key"]),
        (
            DUE,
            more(DUE, &edge("GET /api/orders/:number")),
            &["routes.\"GET /api/orders/:number\"", "what \"GET /api/orders/:id\" says"],
        ),
        (
            DUE,
            more(DUE, &edge("GET /api/orders/:id/")),
            &["routes.\"GET /api/orders/:id/\"", "what \"GET /api/orders/:id\" says"],
        ),
        (DUE, more(DUE, &edge("* /api/orders")), &["routes.\"POST /api/orders\"", "what \"* /api/orders\" says"]),
        (DUE, more(DUE, &edge("GET /api/due")), &[DUE_AT, "hidden from everybody, yet \"GET /api/due\" is not"]),
        (
            DUE,
            more(DUE, "\"POST /api/then\" = { host = \"tick\" }"),
            &["routes.\"POST /api/then\"", "a component has one such path, and this one has \"POST /api/due\""],
        ),
        // What contradicts itself.
        (ORDERS, orders("token = true"), &[POSTED_AT, "it is not said where it runs"]),
        (ORDERS, orders("runs = \"edge\", host = \"tick\""), &[POSTED_AT, "remove runs, or host"]),
        (ORDERS, orders("runs = \"region\", token = true"), &[POSTED_AT, "it is not said in which region", "add by ="]),
        (ORDERS, orders("runs = \"region\", by = { path = \"id\" }"), &[POSTED_AT, "its path has no :id"]),
        (SHOWN, SHOWN.replace("\"id\"", "\"order\""), &[SHOWN_AT, "its path has no :order"]),
        (SHOWN, SHOWN.replace("path = ", "query = "), &[SHOWN_AT, "by the path only"]),
        (SHOWN, SHOWN.replace("GET", "PUT"), &["routes.\"PUT /api/orders/:id\"", "an edge asks a region for what it reads only"]),
        (SHOWN, SHOWN.replace("edge", "region").replace("path", "body"), &[SHOWN_AT, "GET has no body"]),
        (ORDERS, orders("runs = \"region\", by = { body = \"a\", query = \"b\" }"), &[POSTED_AT, "none or several"]),
        (ORDERS, orders("runs = \"accounts\", by = { body = \"a\" }"), &[POSTED_AT, "known without by", "remove by"]),
        (ORDERS, orders("runs = \"every-region\""), &[POSTED_AT, "only what is read is asked of every region"]),
        (ORDERS, ORDERS.replace("token = true, ", ""), &[POSTED_AT, "no token says who that is", "add token = true"]),
        (
            ORDERS,
            orders("runs = \"accounts\", token = true, roles = true"),
            &[POSTED_AT, "only a region that may lack the accounts"],
        ),
        (ORDERS, orders("runs = \"edge\", immutable = true"), &[POSTED_AT, "gives what never changes to everybody", "write GET"]),
        (
            SHOWN,
            SHOWN.replace("runs", "token = true, immutable = true, runs"),
            &[SHOWN_AT, "gives what never changes to everybody"],
        ),
        (ORDERS, ORDERS.replace("roles = true", "recent = true"), &[POSTED_AT, "asked for with its roles", "add roles = true"]),
        (ORDERS, orders("runs = \"edge\", rate = \"attempts\""), &[POSTED_AT, "attempts are counted by regions"]),
        (ORDERS, orders("runs = \"edge\", body_mib = 8"), &[POSTED_AT, "nobody sends a large body without a token", "add token"]),
        (
            ORDERS,
            ORDERS.replace("token = true", "token = true, body_mib = 1"),
            &[POSTED_AT, "body_mib = 1 is not", "from 2 to 16"],
        ),
        (ORDERS, ORDERS.replace("token = true", "token = true, body_mib = 17"), &[POSTED_AT, "body_mib = 17 is not"]),
        (SHOWN, SHOWN.replace("runs", "token = true, body_mib = 8, runs"), &[SHOWN_AT, "a file is sent by PUT or POST"]),
        (DUE, DUE.replace("POST", "GET"), &["routes.\"GET /api/due\"", "the host posts to one plain path"]),
        (DUE, DUE.replace("/api/due", "/api/:due"), &["routes.\"POST /api/:due\"", "the host posts to one plain path"]),
        (DUE, DUE.replace("\"tick\"", "\"tick\", token = true"), &[DUE_AT, "nobody but the host asks here"]),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let Err(error) = parse(&GOOD.replacen(from, &to, 1)) else { panic!("{to} passed") };
        let message = error.to_string();
        for part in expected {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert!(error.faults().len() <= 1, "{message}");
    }
}

#[test]
fn an_application_without_a_routing_table_is_a_plain_spin_application() {
    let table = GOOD.find("[component.api.tool.marquee.routes]").unwrap();
    let text = GOOD[..table].to_owned() + &GOOD[GOOD.find("[component.stock]").unwrap()..];
    let routes = parse(&text).unwrap_or_else(|error| panic!("{error}")).routes;
    assert_eq!(routes.iter().map(|route| route.to_string()).collect::<Vec<_>>(), ["* /api/...", "* /health"]);
    assert_eq!(routes.find(&http::Method::DELETE, "/api/x").unwrap().runs, RunLocation::Edge);
}

/// The application's own routes.
fn own() -> Routes {
    let path = root().join("spin.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    Manifest::parse(&text, &path, &VariableSources::new()).unwrap_or_else(|error| panic!("{error}")).routes
}

/// What the host answers itself, without a component: no row leads there.
const NATIVE: &str = "/api/live";

/// The OpenAPI document, and each of its operations by the row of the table that it is.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations =
        paths.flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |(method, is)| (path, method, is)));
    operations
        .filter(|(path, _, operation)| operation.get("responses").is_some() && *path != NATIVE)
        .map(|(path, method, operation)| {
            (format!("{} {}", method.to_uppercase(), path.replace('{', ":").replace('}', "")), operation)
        })
        .collect()
}

fn document() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("components/web/openapi.json")).unwrap()).unwrap()
}

/// What is answered and is no part of the API.
const BESIDE_THE_API: &[&str] = &[
    // The app's pages, and what they are made of.
    "GET /",
    "GET /e/:id",
    "GET /checkout/:id",
    "GET /checkout/:id/:step",
    "GET /pay/:id",
    "GET /orders",
    "GET /orders/:id",
    "GET /login",
    "GET /register",
    "GET /forgot-password",
    "GET /reset-password",
    "GET /verify-email",
    "GET /account",
    "GET /confirm-email",
    "GET /guest-order",
    "GET /accept-ticket",
    "GET /door",
    "GET /organise",
    "GET /organise/:organiser",
    "GET /organise/:organiser/:part",
    "GET /organise/:organiser/events/:event",
    "GET /organise/:organiser/events/:event/:part",
    "GET /organise/:organiser/events/:event/orders/:order",
    "GET /admin",
    "GET /admin/:part",
    "GET /admin/:part/:id",
    "GET /accessibility",
    "GET /app/:file",
    "GET /sw.js",
    "GET /icons/:file",
    // The element for other sites.
    "GET /embed.js",
    // Other pages, and what they are made of.
    "GET /developers",
    "GET /docs",
    "GET /problems",
    "GET /problems/:slug",
    "GET /assets/style.css",
    "GET /assets/app.js",
    "GET /favicon.svg",
    "GET /robots.txt",
    // What is not there.
    "* /...",
    // The page of the sandbox provider, where a buyer does what a payment requires.
    "GET /api/payments/sandbox/:id",
    "POST /api/payments/sandbox/:id",
];

#[test]
fn the_routing_table_and_the_openapi_document_have_the_same_operations() {
    let (routes, document) = (own(), document());
    let mut expected: Vec<String> =
        operations(&document).into_keys().chain(BESIDE_THE_API.iter().map(|row| (*row).to_owned())).collect();
    let mut listed: Vec<String> = routes.iter().map(|route| route.to_string()).collect();
    expected.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, expected, "left: the routes in spin.toml; right: openapi.json, and what is no part of the API");
    let mut ticks: Vec<_> = routes.ticks().collect();
    ticks.sort_unstable();
    let hidden = [
        ("auth", "/api/auth/due"),
        ("booking", "/api/bookings/due"),
        ("catalog", "/api/events/due"),
        ("payment", "/api/payments/due"),
    ];
    assert_eq!(ticks, hidden);
    assert_eq!(routes.commands().collect::<Vec<_>>(), [("export", "/api/auth/me/export/of-person")]);
}

/// What the document says needs a token is refused without one before the body is read, and nothing else is; where it takes a password, tries are counted;
/// and what names a region is something that the document knows.
#[test]
fn the_routing_table_agrees_with_the_openapi_document() {
    let (routes, document) = (own(), document());
    let resolve = |node: &Value| {
        let reference = node.get("$ref").and_then(Value::as_str);
        reference.map_or_else(|| node.clone(), |reference| document.pointer(&reference[1..]).unwrap().clone())
    };
    let mut counted = 0;
    for (row, operation) in operations(&document) {
        let route: &Route = routes.iter().find(|route| route.to_string() == row).unwrap_or_else(|| panic!("{row} has no row"));
        // A session that has ended already is logged out of: the component says so.
        let needs = operation["operationId"] != "logout" && operation["security"].as_array().is_some_and(|all| !all.is_empty());
        assert_eq!(route.token, needs, "{row}: `token` in spin.toml against `security` in openapi.json");

        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = resolve(schema);
        // A password, a code, the secret of a mail; whose mailbox is to be filled; and what anybody may have written down.
        let password = body["properties"].as_object().is_some_and(|all| all.values().any(|it| it["format"] == "password"));
        let guessable = password
            || [
                "MailToken",
                "EmailVerification",
                "ForgottenPassword",
                "PasskeyLogin",
                "PasskeyLoginBegin",
                "NewGuest",
                "GuestLink",
                "GuestAddress",
            ]
            .iter()
            .any(|name| schema["$ref"] == format!("#/components/schemas/{name}"));
        assert_eq!(
            route.rate == Some(Rate::Attempts),
            guessable,
            "{row}: `rate` in spin.toml against what can be guessed in openapi.json"
        );
        counted += usize::from(guessable);

        let parameters = operation["parameters"].as_array().map_or_else(Vec::new, |all| all.iter().map(resolve).collect());
        match &route.by {
            Some(RegionSource::Body(members)) => {
                let missing: Vec<_> = members.iter().filter(|member| body["properties"].get(member).is_none()).collect();
                assert!(missing.is_empty(), "{row}: no members {missing:?}");
            }
            Some(RegionSource::Query(name)) => {
                assert!(parameters.iter().any(|it| it["in"] == "query" && it["name"] == **name), "{row}: no parameter {name}");
            }
            Some(RegionSource::Path(_)) | None => {}
        }
    }
    assert_eq!(
        counted, 19,
        "registration, login, API keys, guests, erasure, and what has to do with passwords, second factors, passkeys and mails"
    );
}
