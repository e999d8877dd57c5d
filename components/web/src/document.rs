//! JSON whose objects keep the order in which they were written: a description is read in the order that its author gave it.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`, a boolean or a number, as it is written.
    Plain(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Node>),
    /// An object.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// What a local reference (`#/components/…`) leads to.
    pub fn at(&self, reference: &str) -> Option<&Self> {
        reference
            .strip_prefix("#/")?
            .split('/')
            .try_fold(self, |node, name| node.get(&name.replace("~1", "/").replace("~0", "~")))
    }

    /// Its members, if it is an object, else none.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Its items, if it is an array, else none.
    pub fn items(&self) -> impl Iterator<Item = &Self> {
        if let Self::List(items) = self { items.iter() } else { [].iter() }
    }

    /// A member that is a string; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", Self::as_text)
    }

    /// Its text, if it is a string, a number or the like, else empty.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Text(text) => text,
            Self::List(_) | Self::Object(_) => "",
        }
    }

    /// As JSON, indented.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        match self {
            Self::Plain(plain) => text.push_str(plain),
            Self::Text(string) => text.push_str(&quoted(string)),
            Self::List(items) if items.is_empty() => text.push_str("[]"),
            Self::Object(members) if members.is_empty() => text.push_str("{}"),
            Self::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    begin(text, index, depth + 1);
                    item.write(text, depth + 1);
                }
                end(text, depth, ']');
            }
            Self::Object(members) => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    begin(text, index, depth + 1);
                    text.push_str(&quoted(name));
                    text.push_str(": ");
                    value.write(text, depth + 1);
                }
                end(text, depth, '}');
            }
        }
    }
}

fn begin(text: &mut String, index: usize, depth: usize) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    text.push_str(&"  ".repeat(depth));
}

fn end(text: &mut String, depth: usize, bracket: char) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(bracket);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain("null".to_owned()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order() {
        let text = "{\n  \"b\": [\n    1,\n    null\n  ],\n  \"a\": \"x \\\"y\\\"\",\n  \"c\": {}\n}";
        let node = Node::parse(text).unwrap();
        assert_eq!(node.pretty(), text);
        assert_eq!(node.members().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(node.get("b").unwrap().items().count(), 2);
        assert_eq!(Node::parse("{"), None);
    }

    #[test]
    fn references_are_followed() {
        let node = Node::parse(r#"{"paths": {"/a": {"get": "x"}}}"#).unwrap();
        assert_eq!(node.at("#/paths/~1a/get").map(Node::as_text), Some("x"));
        assert_eq!(node.at("#/paths/~1b"), None);
        assert_eq!(node.at("elsewhere"), None);
    }
}
