//! A query's parameters, read as strictly as a body.

use crate::{Problem, Request, limits, problem::Fault, time};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Reads the parameters with `shape`; unknown ones, ones given twice and values out of range are faults.
pub fn read<T>(request: &Request, shape: impl FnOnce(&mut Reader) -> T) -> Result<T, Problem> {
    let mut reader = Reader { parameters: &request.query, faults: Vec::new(), known: BTreeSet::new() };
    let value = shape(&mut reader);
    let mut seen = BTreeSet::new();
    for (name, _) in &request.query {
        if !reader.known.contains(name.as_str()) {
            reader.fault(name, "unknown parameter");
        } else if !seen.insert(name) {
            reader.fault(name, "given twice");
        }
    }
    if reader.faults.is_empty() { Ok(value) } else { Err(Problem::invalid(reader.faults)) }
}

/// Reads the parameters of one query.
pub struct Reader<'a> {
    parameters: &'a [(String, String)],
    faults: Vec<Fault>,
    known: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// Notes a fault of a parameter.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        if self.faults.len() < limits::FAULTS {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.faults.push(Fault { pointer: format!("/{name}"), detail: detail.into() });
        }
    }

    fn value(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.insert(name);
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Text with so many characters.
    pub fn text(&mut self, name: &'static str, characters: RangeInclusive<usize>) -> Option<String> {
        let text = self.value(name)?;
        if characters.contains(&text.chars().count()) && !text.contains('\0') {
            return Some(text.to_owned());
        }
        self.fault(name, format!("must have {} to {} characters", characters.start(), characters.end()));
        None
    }

    /// One of these words.
    pub fn word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.value(name)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            self.fault(name, format!("must be one of: {}", words.join(", ")));
        }
        found
    }

    /// A whole number in a range.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let found = self.value(name)?.parse().ok().filter(|number| range.contains(number));
        if found.is_none() {
            self.fault(name, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        found
    }

    /// true or false.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.word(name, &["true", "false"]).map(|word| word == "true")
    }

    /// An RFC 3339 instant, as microseconds.
    pub fn instant(&mut self, name: &'static str) -> Option<i64> {
        let found = time::parse(self.value(name)?);
        if found.is_none() {
            self.fault(name, "must be an RFC 3339 instant, for example 2027-03-01T19:00:00Z");
        }
        found
    }

    /// `limit`: how many items a page may have.
    pub fn limit(&mut self) -> i64 {
        self.integer("limit", limits::PAGE).unwrap_or(limits::PAGE_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};

    fn pointers(query: &[(&str, &str)]) -> Vec<String> {
        let mut request = Request::head(Method::GET, "/", HeaderMap::new());
        request.query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let read = read(&request, |query| (query.limit(), query.boolean("available"), query.instant("from")));
        read.err().map(|problem| problem.faults.into_iter().map(|fault| fault.pointer).collect()).unwrap_or_default()
    }

    #[test]
    fn every_fault_is_pointed_at() {
        assert!(pointers(&[]).is_empty());
        assert!(pointers(&[("limit", "100"), ("available", "true"), ("from", "2027-03-01T19:00:00Z")]).is_empty());
        assert_eq!(pointers(&[("limit", "0")]), ["/limit"]);
        assert_eq!(pointers(&[("limit", "1"), ("limit", "1")]), ["/limit"]);
        assert_eq!(pointers(&[("available", "yes"), ("from", ""), ("page", "2")]), ["/available", "/from", "/page"]);
    }
}
