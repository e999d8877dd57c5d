//! A schema in words, and as a table of its fields. What has a name of its own is linked to and not repeated.

use crate::{document::Node, html::escape, limits, markup};

/// A schema's type in a few words; one that has a name is a link.
pub fn kind(schema: &Node) -> String {
    if let Some(name) = name_of(schema) {
        return link(name);
    }
    let parts = |key: &str| schema.get(key).map(|all| all.items().map(kind).collect::<Vec<_>>()).filter(|all| !all.is_empty());
    if let Some(parts) = parts("allOf") {
        return parts.join(" and ");
    }
    if let Some(parts) = parts("oneOf") {
        return parts.join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escape(&value.pretty()));
    }
    let types: Vec<_> = match schema.get("type") {
        Some(list @ Node::List(_)) => list.items().map(Node::as_text).collect(),
        Some(one) => vec![one.as_text()],
        None => vec!["any"],
    };
    let words: Vec<_> = types.into_iter().map(|name| typed(name, schema)).collect();
    words.join(" or ")
}

fn typed(name: &str, schema: &Node) -> String {
    match (name, schema.get("items"), schema.text("format")) {
        ("array", Some(items), _) => format!("list of {}", kind(items)),
        ("string", _, "date-time") => "instant".to_owned(),
        ("string", _, "binary") => "bytes".to_owned(),
        ("integer", ..) => "whole number".to_owned(),
        (other, ..) => escape(other),
    }
}

/// Bounds and the like, in words.
pub fn bounds(schema: &Node) -> String {
    let mut words = Vec::new();
    for (low, high, unit) in
        [("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items")]
    {
        match (schema.text(low), schema.text(high)) {
            ("", "") => {}
            (low, "") => words.push(format!("at least {low}{unit}")),
            ("", high) => words.push(format!("at most {high}{unit}")),
            (low, high) if low == high => words.push(format!("exactly {low}{unit}")),
            (low, high) => words.push(format!("{low} to {high}{unit}")),
        }
    }
    if let Some(values) = schema.get("enum") {
        let values: Vec<_> = values.items().map(|value| format!("<code>{}</code>", escape(value.as_text()))).collect();
        words.push(format!("one of {}", values.join(", ")));
    }
    if !schema.text("pattern").is_empty() {
        words.push(format!("matches <code>{}</code>", escape(schema.text("pattern"))));
    }
    if let Some(value) = schema.get("default") {
        words.push(format!("default <code>{}</code>", escape(value.as_text())));
    }
    words.join("; ")
}

/// The fields of an object as a table; a description of anything else.
pub fn describe(schema: &Node) -> String {
    describe_at(schema, 0)
}

fn describe_at(schema: &Node, depth: usize) -> String {
    if depth >= limits::SCHEMA_DEPTH {
        return String::new();
    }
    if let Some(choices) = schema.get("oneOf") {
        return choices.items().map(|choice| describe_at(choice, depth + 1)).collect::<Vec<_>>().join("<p>or</p>");
    }
    let Some(properties) = schema.get("properties") else {
        return String::new();
    };
    let required: Vec<_> = schema.get("required").map(|all| all.items().map(Node::as_text).collect()).unwrap_or_default();
    let rows: String = properties.members().map(|(name, field)| row(name, field, required.contains(&name), depth)).collect();
    if rows.is_empty() {
        return "<p>No fields.</p>".to_owned();
    }
    format!("<div class=\"scroll\"><table class=\"fields\"><tbody>{rows}</tbody></table></div>")
}

fn row(name: &str, field: &Node, required: bool, depth: usize) -> String {
    let optional = if required { "" } else { " <span class=\"tag\">optional</span>" };
    // What has no name of its own is described where it is used.
    let inner = match field.get("items") {
        Some(items) if name_of(items).is_none() => describe_at(items, depth + 1),
        _ if name_of(field).is_none() => describe_at(field, depth + 1),
        _ => String::new(),
    };
    format!(
        "<tr><th scope=\"row\"><code>{}</code>{optional}</th><td>{}{}{inner}</td></tr>",
        escape(name),
        kind(field),
        remarks(field),
    )
}

/// Bounds and description, each led by what sets it apart.
pub fn remarks(schema: &Node) -> String {
    let bounds = bounds(schema);
    let bounds = if bounds.is_empty() { bounds } else { format!(", {bounds}") };
    let description = schema.text("description");
    let description = if description.is_empty() { String::new() } else { format!("<br>{}", markup::inline(description)) };
    format!("{bounds}{description}")
}

/// The name of the schema that this refers to.
pub fn name_of(schema: &Node) -> Option<&str> {
    schema.text("$ref").strip_prefix("#/components/schemas/")
}

fn link(name: &str) -> String {
    let name = escape(name);
    format!("<a href=\"#schema-{name}\">{name}</a>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::parse(text).unwrap()
    }

    #[test]
    fn types_are_described() {
        for (schema, words) in [
            (r#"{"type": "string", "format": "date-time"}"#, "instant"),
            (
                r##"{"type": "array", "items": {"$ref": "#/components/schemas/Event"}}"##,
                "list of <a href=\"#schema-Event\">Event</a>",
            ),
            (r#"{"type": ["string", "null"]}"#, "string or null"),
            (r#"{"const": true}"#, "<code>true</code>"),
            (r##"{"allOf": [{"$ref": "#/components/schemas/Id"}]}"##, "<a href=\"#schema-Id\">Id</a>"),
            (r#"{"type": "<b>"}"#, "&lt;b&gt;"),
        ] {
            assert_eq!(kind(&node(schema)), words, "{schema}");
        }
    }

    #[test]
    fn bounds_are_described() {
        for (schema, words) in [
            (r#"{"minimum": 1, "maximum": 100, "default": 20}"#, "1 to 100; default <code>20</code>"),
            (r#"{"minLength": 8}"#, "at least 8 characters"),
            (r#"{"minItems": 1, "maxItems": 1}"#, "exactly 1 items"),
            (r#"{"enum": ["a", "<"]}"#, "one of <code>a</code>, <code>&lt;</code>"),
            ("{}", ""),
        ] {
            assert_eq!(bounds(&node(schema)), words, "{schema}");
        }
    }

    #[test]
    fn optional_fields_are_marked() {
        let table = describe(&node(
            r#"{"properties": {"b": {"type": "string"}, "a": {"properties": {"c": {"type": "boolean"}}}}, "required": ["b"]}"#,
        ));
        assert!(table.contains("<code>b</code></th>"));
        assert!(table.contains("<code>a</code> <span class=\"tag\">optional</span>"));
        assert!(table.contains("<code>c</code>"), "fields of a nested object are described in place");
        assert!(table.find("<code>b</code>") < table.find("<code>a</code>"), "in the author's order");
    }
}
