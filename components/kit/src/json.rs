//! JSON bodies, read strictly: every fault is named with its JSON Pointer, all of them at once.
//!
//! Unknown fields, duplicate keys, wrong types and values out of range are faults. `null` counts as absent, but for
//! [`Reader::nullable_instant`].
//!
//! A reader of our own, for serde and what is built on it stop at the first fault, and of a schema's validators none tells of a key that came twice.

use crate::{Problem, Request, id, limits, problem, problem::Fault, text, time};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{cell::RefCell, collections::BTreeSet, fmt, ops::RangeInclusive};

/// A JSON value that remembers which keys came twice.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    Fraction,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Fraction, Json::Integer))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Fraction)
    }
    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json, E> {
        // Postgres cannot store this character in TEXT, so it is refused.
        if value.contains('\0') {
            return Err(E::custom("the character U+0000 is not accepted"));
        }
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

/// Reads a request's JSON object with `shape`, and refuses it with all its faults if there are any.
///
/// `shape` reads every field there may be; what it does not read is unknown. Where a value is at fault its reader gives a
/// placeholder, which is never used, since the whole is refused.
pub fn read<T>(request: &Request, shape: impl FnOnce(&mut Reader) -> T) -> Result<T, Problem> {
    if let Some(kind) = request.header("content-type")
        && !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    {
        return Err(Problem::new(problem::UNSUPPORTED_MEDIA_TYPE, format!("{kind} is not application/json.")));
    }
    read_bytes(&request.body, shape)
}

/// As [`read`], where an absent body means an empty object.
pub fn read_optional<T>(request: &Request, shape: impl FnOnce(&mut Reader) -> T) -> Result<T, Problem> {
    if request.body.is_empty() { read_bytes(b"{}", shape) } else { read(request, shape) }
}

/// A member of a request's JSON object, as it was sent, to the byte; none where it is not there. The object has been [`read`] before.
pub fn raw<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    member(std::str::from_utf8(&request.body).ok()?, name)
}

/// As [`raw`], in a JSON object that is known to be one.
fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let (mut begin, mut key) = (None, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b':' if depth == 1 => {
                key = serde_json::from_str::<String>(text.get(begin?..at)?.trim()).ok();
                begin = Some(at + 1);
            }
            b',' | b'}' if depth == 1 => {
                if key.as_deref() == Some(name) {
                    return text.get(begin?..at).map(str::trim);
                }
                begin = Some(at + 1);
            }
            b'[' | b'{' => {
                depth += 1;
                begin = begin.or(Some(at + 1));
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn read_bytes<T>(bytes: &[u8], shape: impl FnOnce(&mut Reader) -> T) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::fault("", "the body is not UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Problem::fault("", "a JSON object is required"));
    }
    check_depth(text)?;
    let json: Json = serde_json::from_str(text).map_err(|error| Problem::fault("", format!("not JSON: {error}")))?;
    let Json::Object(members) = &json else {
        return Err(Problem::fault("", "must be a JSON object"));
    };
    let faults = RefCell::default();
    let value = object(members, String::new(), &faults, shape);
    let faults = faults.into_inner();
    if faults.is_empty() { Ok(value) } else { Err(Problem::invalid(faults)) }
}

fn check_depth(text: &str) -> Result<(), Problem> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::JSON_DEPTH {
            return Err(Problem::fault("", format!("nested deeper than {} levels", limits::JSON_DEPTH)));
        }
    }
    Ok(())
}

fn object<T>(
    members: &[(String, Json)],
    pointer: String,
    faults: &RefCell<Vec<Fault>>,
    shape: impl FnOnce(&mut Reader) -> T,
) -> T {
    let mut reader = Reader { members, pointer, faults, known: BTreeSet::new() };
    let value = shape(&mut reader);
    let mut seen = BTreeSet::new();
    for (name, _) in members {
        if !reader.known.contains(name.as_str()) {
            reader.fault(name, "unknown field");
        } else if !seen.insert(name) {
            reader.fault(name, "given twice");
        }
    }
    value
}

/// A value of [`Reader::optional_values`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// `null`.
    Nothing,
    /// A string.
    Text(String),
    /// true or false.
    Bool(bool),
    /// A list of strings.
    Texts(Vec<String>),
}

impl Given {
    fn read(value: &Json) -> Option<Self> {
        let text = |item: &Json| match item {
            Json::Text(text) => Some(text.clone()),
            _ => None,
        };
        match value {
            Json::Null => Some(Self::Nothing),
            Json::Bool(value) => Some(Self::Bool(*value)),
            Json::Text(text) => Some(Self::Text(text.clone())),
            Json::List(items) => items.iter().map(text).collect::<Option<_>>().map(Self::Texts),
            Json::Integer(_) | Json::Fraction | Json::Object(_) => None,
        }
    }
}

/// Reads the fields of one object.
pub struct Reader<'a> {
    members: &'a [(String, Json)],
    pointer: String,
    faults: &'a RefCell<Vec<Fault>>,
    known: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// Whether the field is there, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// This object's place in the body, as a JSON Pointer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Notes a fault of a field that only the caller can see.
    pub fn fault(&self, name: &str, detail: impl Into<String>) {
        let name = name.replace('~', "~0").replace('/', "~1");
        let mut faults = self.faults.borrow_mut();
        if faults.len() < limits::FAULTS {
            faults.push(Fault { pointer: format!("{}/{name}", self.pointer), detail: detail.into() });
        }
    }

    fn field(&mut self, name: &'static str) -> Option<&'a Json> {
        self.known.insert(name);
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| **value != Json::Null)
    }

    fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        // A field that is there but at fault has been noted already.
        if value.is_none() && !self.members.iter().any(|(key, json)| key == name && *json != Json::Null) {
            self.fault(name, "required");
        }
        value
    }

    /// Text with so many characters, not only blanks.
    pub fn optional_text(&mut self, name: &'static str, characters: RangeInclusive<usize>) -> Option<String> {
        match self.field(name)? {
            Json::Text(text)
                if characters.contains(&text.chars().count()) && (*characters.start() == 0 || !text.trim().is_empty()) =>
            {
                return Some(text.clone());
            }
            Json::Text(_) => self.fault(name, format!("must have {} to {} characters", characters.start(), characters.end())),
            _ => self.fault(name, "must be a string"),
        }
        None
    }

    /// As [`Self::optional_text`], required.
    pub fn text(&mut self, name: &'static str, characters: RangeInclusive<usize>) -> String {
        let value = self.optional_text(name, characters);
        self.required(name, value).unwrap_or_default()
    }

    /// A name or a title of so many characters, cleaned as [`text::line`] says.
    pub fn optional_name(&mut self, name: &'static str, characters: RangeInclusive<usize>) -> Option<String> {
        let Json::Text(given) = self.field(name)? else {
            self.fault(name, "must be a string");
            return None;
        };
        match text::line(given) {
            Ok(line) if characters.contains(&line.chars().count()) => return Some(line),
            Ok(_) => self.fault(name, format!("must have {} to {} characters", characters.start(), characters.end())),
            Err(why) => self.fault(name, why),
        }
        None
    }

    /// As [`Self::optional_name`], required.
    pub fn name(&mut self, name: &'static str, characters: RangeInclusive<usize>) -> String {
        let value = self.optional_name(name, characters);
        self.required(name, value).unwrap_or_default()
    }

    /// One of these words.
    pub fn optional_word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let found = match self.field(name)? {
            Json::Text(text) => words.iter().find(|word| *word == text).copied(),
            _ => None,
        };
        if found.is_none() {
            self.fault(name, format!("must be one of: {}", words.join(", ")));
        }
        found
    }

    /// As [`Self::optional_word`], required.
    pub fn word(&mut self, name: &'static str, words: &[&'static str]) -> &'static str {
        let value = self.optional_word(name, words);
        self.required(name, value).unwrap_or_default()
    }

    /// One of these words, or an object.
    pub fn optional_word_or_object<T>(
        &mut self,
        name: &'static str,
        words: &[&'static str],
        shape: impl FnOnce(&mut Reader) -> T,
    ) -> Option<Result<&'static str, T>> {
        match self.members.iter().find(|(key, _)| key == name) {
            Some((_, Json::Object(_))) => self.optional_object(name, shape).map(Err),
            _ => self.optional_word(name, words).map(Ok),
        }
    }

    /// A whole number in a range.
    pub fn optional_integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        match self.field(name)? {
            Json::Integer(value) if range.contains(value) => return Some(*value),
            Json::Integer(_) | Json::Fraction => {
                self.fault(name, format!("must be a whole number from {} to {}", range.start(), range.end()))
            }
            _ => self.fault(name, "must be a number"),
        }
        None
    }

    /// As [`Self::optional_integer`], required; the range's start is the placeholder.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        let start = *range.start();
        let value = self.optional_integer(name, range);
        self.required(name, value).unwrap_or(start)
    }

    /// true or false.
    pub fn optional_boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.field(name)? {
            Json::Bool(value) => return Some(*value),
            _ => self.fault(name, "must be true or false"),
        }
        None
    }

    /// An RFC 3339 instant, as microseconds.
    pub fn optional_instant(&mut self, name: &'static str) -> Option<i64> {
        if let Json::Text(text) = self.field(name)?
            && let Some(instant) = time::parse(text)
        {
            return Some(instant);
        }
        self.fault(name, "must be an RFC 3339 instant, for example 2027-03-01T19:00:00Z");
        None
    }

    /// As [`Self::optional_instant`], required.
    pub fn instant(&mut self, name: &'static str) -> i64 {
        let value = self.optional_instant(name);
        self.required(name, value).unwrap_or_default()
    }

    /// For changes: absent (none), taken away (`null`) or an instant.
    pub fn nullable_instant(&mut self, name: &'static str) -> Option<Option<i64>> {
        let value = self.optional_instant(name);
        self.has(name).then_some(value)
    }

    /// An id. One that has not the shape of an id is a fault; whether it names anything is another matter.
    pub fn optional_id(&mut self, name: &'static str) -> Option<String> {
        match self.field(name)? {
            Json::Text(text) if id::valid(text) => return Some(text.clone()),
            _ => self.fault(name, "must be an id"),
        }
        None
    }

    /// As [`Self::optional_id`], required.
    pub fn id(&mut self, name: &'static str) -> String {
        let value = self.optional_id(name);
        self.required(name, value).unwrap_or_default()
    }

    /// A list of ids, none twice.
    pub fn optional_ids(&mut self, name: &'static str, count: &RangeInclusive<usize>) -> Option<Vec<String>> {
        let items = self.list(name, count)?;
        let mut ids: Vec<String> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::Text(text) if ids.contains(text) => self.fault_in(name, index, "given twice"),
                Json::Text(text) if id::valid(text) => ids.push(text.clone()),
                _ => self.fault_in(name, index, "must be an id"),
            }
        }
        Some(ids)
    }

    /// A list of names of so many characters, cleaned as [`text::line`] says, none twice.
    pub fn optional_names(
        &mut self,
        name: &'static str,
        count: &RangeInclusive<usize>,
        characters: &RangeInclusive<usize>,
    ) -> Option<Vec<String>> {
        let items = self.list(name, count)?;
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let line = match item {
                Json::Text(text) => text::line(text),
                _ => Err("must be a string"),
            };
            match line {
                Ok(line) if names.contains(&line) => self.fault_in(name, index, "given twice"),
                Ok(line) if characters.contains(&line.chars().count()) => names.push(line),
                Ok(_) => {
                    self.fault_in(name, index, &format!("must have {} to {} characters", characters.start(), characters.end()));
                }
                Err(why) => self.fault_in(name, index, why),
            }
        }
        Some(names)
    }

    /// An object whose members are values by names that only the caller knows: so many at most.
    pub fn optional_values(&mut self, name: &'static str, most: usize) -> Option<Vec<(String, Given)>> {
        let Json::Object(members) = self.field(name)? else {
            self.fault(name, "must be an object");
            return None;
        };
        if members.len() > most {
            self.fault(name, format!("must have {most} members at most"));
            return None;
        }
        let mut values: Vec<(String, Given)> = Vec::with_capacity(members.len());
        let inner =
            Reader { members: &[], pointer: format!("{}/{name}", self.pointer), faults: self.faults, known: BTreeSet::new() };
        for (key, value) in members {
            match Given::read(value) {
                _ if values.iter().any(|(known, _)| known == key) => inner.fault(key, "given twice"),
                Some(value) => values.push((key.clone(), value)),
                None => inner.fault(key, "must be a string, true, false, a list of strings, or null"),
            }
        }
        Some(values)
    }

    /// As [`Self::optional_values`], required.
    pub fn values(&mut self, name: &'static str, most: usize) -> Vec<(String, Given)> {
        let value = self.optional_values(name, most);
        self.required(name, value).unwrap_or_default()
    }

    /// A required object of whatever members: [`raw`] gives it as it was sent.
    pub fn any_object(&mut self, name: &'static str) {
        let value = self.field(name).map(|value| matches!(value, Json::Object(_)));
        if value == Some(false) {
            self.fault(name, "must be an object");
        }
        self.required(name, value);
    }

    /// An object, read by `shape`.
    pub fn optional_object<T>(&mut self, name: &'static str, shape: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        match self.field(name)? {
            Json::Object(members) => return Some(object(members, format!("{}/{name}", self.pointer), self.faults, shape)),
            _ => self.fault(name, "must be an object"),
        }
        None
    }

    /// As [`Self::optional_object`], required; none only beside a fault.
    pub fn object<T>(&mut self, name: &'static str, shape: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        let value = self.optional_object(name, shape);
        self.required(name, value)
    }

    /// A list of objects, each read by `shape`.
    pub fn optional_objects<T>(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        mut shape: impl FnMut(&mut Reader) -> T,
    ) -> Option<Vec<T>> {
        let items = self.list(name, &count)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::Object(members) => {
                    values.push(object(members, format!("{}/{name}/{index}", self.pointer), self.faults, &mut shape))
                }
                _ => self.fault_in(name, index, "must be an object"),
            }
        }
        Some(values)
    }

    /// As [`Self::optional_objects`], required.
    pub fn objects<T>(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        shape: impl FnMut(&mut Reader) -> T,
    ) -> Vec<T> {
        let value = self.optional_objects(name, count, shape);
        self.required(name, value).unwrap_or_default()
    }

    /// A required list of words out of these, none twice.
    pub fn words(&mut self, name: &'static str, count: RangeInclusive<usize>, words: &[&'static str]) -> Vec<&'static str> {
        let Some(items) = self.list(name, &count) else {
            self.required::<()>(name, None);
            return Vec::new();
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let found = match item {
                Json::Text(text) => words.iter().find(|word| *word == text),
                _ => None,
            };
            match found {
                Some(word) if values.contains(word) => self.fault_in(name, index, "given twice"),
                Some(word) => values.push(*word),
                None => self.fault_in(name, index, &format!("must be one of: {}", words.join(", "))),
            }
        }
        values
    }

    fn list(&mut self, name: &'static str, count: &RangeInclusive<usize>) -> Option<&'a [Json]> {
        match self.field(name)? {
            Json::List(items) if count.contains(&items.len()) => return Some(items),
            Json::List(_) => self.fault(name, format!("must have {} to {} items", count.start(), count.end())),
            _ => self.fault(name, "must be a list"),
        }
        None
    }

    fn fault_in(&self, name: &str, index: usize, detail: &str) {
        let inner =
            Reader { members: &[], pointer: format!("{}/{name}", self.pointer), faults: self.faults, known: BTreeSet::new() };
        inner.fault(&index.to_string(), detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Order = (String, Vec<(String, i64)>, Option<i64>);

    fn order(text: &str) -> Result<Order, Vec<String>> {
        read_bytes(text.as_bytes(), |body| {
            (
                body.id("event_id"),
                body.objects("items", 1..=2, |item| (item.text("name", 1..=5), item.integer("quantity", 1..=9))),
                body.optional_instant("at"),
            )
        })
        .map_err(|problem| problem.faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn a_good_body_is_read() {
        let read = order(r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 2}], "at": null}"#);
        assert_eq!(read, Ok(("eu_1".into(), vec![("a".into(), 2)], None)));
    }

    #[test]
    fn every_fault_is_pointed_at() {
        for (body, pointers) in [
            ("", vec![""]),
            ("{", vec![""]),
            ("[]", vec![""]),
            ("{} {}", vec![""]),
            ("{}", vec!["/event_id", "/items"]),
            (r#"{"event_id": "eu_1", "items": []}"#, vec!["/items"]),
            (r#"{"event_id": 1, "items": 2}"#, vec!["/event_id", "/items"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 10}, 3]}"#, vec!["/items/0/quantity", "/items/1"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 1.5}]}"#, vec!["/items/0/quantity"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 99999999999999999999}]}"#, vec!["/items/0/quantity"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "  ", "quantity": 1}]}"#, vec!["/items/0/name"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 1, "x/y": 1}]}"#, vec!["/items/0/x~1y"]),
            (r#"{"event_id": "eu_1", "event_id": "eu_2", "items": [{"name": "a", "quantity": 1}]}"#, vec!["/event_id"]),
            (r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 1}], "at": "now"}"#, vec!["/at"]),
            ("{\"event_id\": \"eu_1\", \"items\": [{\"name\": \"\\u0000\", \"quantity\": 1}]}", vec![""]),
        ] {
            assert_eq!(order(body), Err(pointers.into_iter().map(str::to_owned).collect()), "{body}");
        }
    }

    #[test]
    fn ids_are_ids_and_none_comes_twice() {
        let read = |text: &str| {
            read_bytes(text.as_bytes(), |body| body.optional_ids("ids", &(1..=3)))
                .map_err(|problem| problem.faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
        };
        assert_eq!(read(r#"{"ids": ["eu_1", "eu_2"]}"#), Ok(Some(vec!["eu_1".to_owned(), "eu_2".to_owned()])));
        assert_eq!((read("{}"), read(r#"{"ids": null}"#)), (Ok(None), Ok(None)));
        for (text, pointers) in [
            (r#"{"ids": []}"#, vec!["/ids"]),
            (r#"{"ids": "eu_1"}"#, vec!["/ids"]),
            (r#"{"ids": ["eu_1", "EU", 3]}"#, vec!["/ids/1", "/ids/2"]),
            (r#"{"ids": ["eu_1", "eu_1"]}"#, vec!["/ids/1"]),
            (r#"{"ids": ["eu_1", "eu_2", "eu_3", "eu_4"]}"#, vec!["/ids"]),
        ] {
            assert_eq!(read(text), Err(pointers.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn lists_of_names_and_values_by_name_point_at_their_faults() {
        let read = |text: &str| {
            read_bytes(text.as_bytes(), |body| {
                (body.optional_names("names", &(1..=3), &(1..=5)), body.optional_values("values", 2))
            })
            .map_err(|problem| problem.faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
        };
        let values = vec![("a/b".to_owned(), Given::Texts(vec!["x".to_owned()])), ("c".to_owned(), Given::Nothing)];
        let names = vec!["a b".to_owned(), "c".to_owned()];
        assert_eq!(read(r#"{"names": ["a  b", "c"], "values": {"a/b": ["x"], "c": null}}"#), Ok((Some(names), Some(values))));
        for (text, pointers) in [
            (r#"{"names": ["a", "a "], "values": 1}"#, vec!["/names/1", "/values"]),
            (
                r#"{"names": ["abcdef", 1], "values": {"a/b": 1, "c": {}}}"#,
                vec!["/names/0", "/names/1", "/values/a~1b", "/values/c"],
            ),
            (r#"{"names": [], "values": {"a": true, "b": true, "c": true}}"#, vec!["/names", "/values"]),
            (r#"{"values": {"a": "x", "a": "y"}}"#, vec!["/values/a"]),
            (r#"{"values": {"a": ["x", 1]}}"#, vec!["/values/a"]),
        ] {
            assert_eq!(read(text), Err(pointers.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn a_raw_member_is_returned_unchanged() {
        let text = r#" { "a" : [1, {"data": 2}] , "d\u0061ta" :{"n": 1.50, "s": "},\"", "big": 123456789012345678901234567890}, "z": "" } "#;
        assert_eq!(member(text, "data"), Some(r#"{"n": 1.50, "s": "},\"", "big": 123456789012345678901234567890}"#));
        assert_eq!((member(text, "a"), member(text, "z"), member(text, "n")), (Some(r#"[1, {"data": 2}]"#), Some("\"\""), None));
        assert_eq!((member("{}", "data"), member(r#"{"data":{}}"#, "data")), (None, Some("{}")));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert_eq!(order(&"[".repeat(100_000)), Err(vec![String::new()]));
    }

    #[test]
    fn fuzz_bodies() {
        let good = [
            r#"{"event_id": "eu_1", "items": [{"name": "a", "quantity": 2}, {"name": "b", "quantity": 1}], "at": null}"#,
            r#"{"event_id":"eu_2","items":[{"name":"\u00e9","quantity":9}],"at":"2027-03-01T19:00:00+01:00"}"#,
        ];
        fuzz::bytes(&good.map(str::as_bytes), |bytes| {
            let read = read_bytes(bytes, |body| {
                let items = body.objects("items", 1..=2, |item| (item.text("name", 1..=5), item.integer("quantity", 1..=9)));
                (body.id("event_id"), items, body.optional_instant("at"))
            });
            match read {
                Ok((id, items, _)) => {
                    // What is taken is what any reader of JSON sees, and every bound holds.
                    let text = std::str::from_utf8(bytes).unwrap();
                    assert_eq!(member(text, "event_id").and_then(|raw| serde_json::from_str(raw).ok()), Some(id));
                    let bounded =
                        |(name, quantity): &(String, i64)| (1..=5).contains(&name.chars().count()) && (1..=9).contains(quantity);
                    assert!((1..=2).contains(&items.len()) && items.iter().all(bounded), "{items:?}");
                }
                Err(problem) => assert!(problem.kind.status == 400 && (1..=limits::FAULTS).contains(&problem.faults.len())),
            }
        });
    }
}
