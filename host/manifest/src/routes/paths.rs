//! Patterns of paths, and which of many a path matches.
//!
//! The router crates that are well kept do not fit: `matchit` refuses `/a/:name` beside `/a/...`, which Spin allows and our own manifest has, and
//! `routefinder`, which Spin uses, looks at every route for every request.

use std::collections::BTreeMap;

/// A path with `:name` for any one segment and perhaps a trailing `...`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    segments: Vec<Segment>,
    /// Ends in `...`: whatever follows matches, and nothing, too.
    open: bool,
}

#[derive(Clone, Debug)]
enum Segment {
    Text(String),
    Any(String),
}

impl Pattern {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err("a path begins with /".to_owned());
        }
        // Older manifests write the trailing wildcard as a star.
        let (path, open) = match path.strip_suffix("/...").or_else(|| path.strip_suffix("/*")) {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        let mut segments = Vec::new();
        let path = path.trim_matches('/');
        if !path.is_empty() {
            for segment in path.split('/') {
                segments.push(match segment.strip_prefix(':') {
                    Some(name) if !name.is_empty() && !name.contains([':', '.', '*']) => Segment::Any(name.to_owned()),
                    None if segment.is_empty() => return Err("an empty segment".to_owned()),
                    None if !segment.contains([':', '*', '?', '#']) && segment != "..." => Segment::Text(segment.to_owned()),
                    _ => return Err(format!("the segment {segment:?} is neither text nor :name; ... may only end a path")),
                });
            }
        }
        Ok(Self { segments, open })
    }

    /// Whether it matches one path only.
    pub(crate) fn is_literal(&self) -> bool {
        !self.open && self.segments.iter().all(|segment| matches!(segment, Segment::Text(_)))
    }

    /// Which segment `:name` stands for, counted from 0; none where no segment has this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|segment| matches!(segment, Segment::Any(known) if known == name))
    }
}

/// One value for each pattern, found by the paths that match it.
///
/// Of several patterns that match a path, the one wins that is more specific at the first segment where they differ: text before `:name` before `...`.
/// That is Spin's rule, so both hosts send every path to the same component.
#[derive(Clone, Debug)]
pub(crate) struct Paths<T> {
    /// Of the pattern that ends here.
    here: Option<T>,
    /// Of the pattern that ends here in `...`.
    rest: Option<T>,
    text: BTreeMap<String, Self>,
    any: Option<Box<Self>>,
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self { here: None, rest: None, text: BTreeMap::new(), any: None }
    }
}

impl<T> Paths<T> {
    /// Where the value of a pattern stands. Patterns that differ in the names of their parameters only are the same.
    pub(crate) fn slot(&mut self, pattern: &Pattern) -> &mut Option<T> {
        let mut node = self;
        for segment in &pattern.segments {
            node = match segment {
                Segment::Text(text) => node.text.entry(text.clone()).or_default(),
                Segment::Any(_) => node.any.get_or_insert_default(),
            };
        }
        if pattern.open { &mut node.rest } else { &mut node.here }
    }

    /// The value of the most specific pattern that matches a request's path (without its query). Slashes at the path's ends do not count.
    pub(crate) fn find(&self, path: &str) -> Option<&T> {
        let path = path.trim_matches('/');
        // By `split_once` an empty path has one segment; by Spin's rule it has none.
        self.matching((!path.is_empty()).then_some(path))
    }

    fn matching(&self, path: Option<&str>) -> Option<&T> {
        let Some(path) = path else { return self.here.as_ref().or(self.rest.as_ref()) };
        let (segment, after) = path.split_once('/').map_or((path, None), |(segment, after)| (segment, Some(after)));
        let text = self.text.get(segment).and_then(|node| node.matching(after));
        text.or_else(|| self.any.as_ref().and_then(|node| node.matching(after))).or(self.rest.as_ref())
    }

    /// The value of the most specific pattern that matches every path of this one.
    pub(crate) fn covering(&self, pattern: &Pattern) -> Option<&T> {
        self.matching_all(&pattern.segments, pattern.open)
    }

    fn matching_all(&self, segments: &[Segment], open: bool) -> Option<&T> {
        let Some((segment, after)) = segments.split_first() else {
            return self.here.as_ref().filter(|_| !open).or(self.rest.as_ref());
        };
        let text = match segment {
            Segment::Text(text) => self.text.get(text).and_then(|node| node.matching_all(after, open)),
            Segment::Any(_) => None,
        };
        text.or_else(|| self.any.as_ref().and_then(|node| node.matching_all(after, open))).or(self.rest.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths<'a>(patterns: &[&'a str]) -> Paths<&'a str> {
        let mut paths = Paths::default();
        for pattern in patterns {
            let taken = paths.slot(&Pattern::parse(pattern).unwrap()).replace(*pattern);
            assert_eq!(taken, None, "{pattern}");
        }
        paths
    }

    #[test]
    fn the_more_specific_pattern_wins_in_any_order() {
        let mut patterns = ["/...", "/", "/one/...", "/one/two/...", "/one/two/three", "/one/:x/three", "/one/:x/..."];
        let cases = [
            ("/", "/"),
            ("", "/"),
            ("/abc/", "/..."),
            ("/one", "/one/..."),
            ("/one/", "/one/..."),
            ("/onetwo", "/..."),
            ("/one/two", "/one/two/..."),
            ("/one/two/three", "/one/two/three"),
            ("/one/two/three/", "/one/two/three"),
            ("/one/two/four", "/one/two/..."),
            ("/one/zwei/three", "/one/:x/three"),
            ("/one/zwei/four/five", "/one/:x/..."),
        ];
        for _ in 0..patterns.len() {
            patterns.rotate_left(1);
            let paths = paths(&patterns);
            for (path, expected) in cases {
                assert_eq!(paths.find(path), Some(&expected), "{path} with {patterns:?}");
            }
        }
    }

    #[test]
    fn matching_backtracks_from_a_dead_end() {
        let paths = paths(&["/a/b/c", "/a/:x/d", "/:y/b/e", "/a/..."]);
        for (path, expected) in [
            ("/a/b/c", Some("/a/b/c")),
            ("/a/b/d", Some("/a/:x/d")),
            ("/a/b/e", Some("/a/...")),
            ("/z/b/e", Some("/:y/b/e")),
            ("/z/b/c", None),
        ] {
            assert_eq!(paths.find(path).copied(), expected, "{path}");
        }
    }

    #[test]
    fn without_a_catch_all_some_paths_match_nothing() {
        let paths = paths(&["/a", "/b/:id"]);
        for path in ["/", "/b", "/b/1/2", "/A", "/a/b"] {
            assert_eq!(paths.find(path), None, "{path}");
        }
        assert_eq!(paths.find("/b/1"), Some(&"/b/:id"));
    }

    #[test]
    fn a_pattern_covers_another_if_it_matches_all_of_its_paths() {
        let paths = paths(&["/a/...", "/a/:x/left", "/b", "/c/:x", "/c/new"]);
        for (pattern, expected) in [
            ("/a", Some("/a/...")),
            ("/a/...", Some("/a/...")),
            ("/a/:id", Some("/a/...")),
            ("/a/:id/left", Some("/a/:x/left")),
            ("/a/7/left", Some("/a/:x/left")),
            ("/a/:id/...", Some("/a/...")),
            ("/b", Some("/b")),
            ("/b/...", None),
            ("/c/new", Some("/c/new")),
            ("/c/:id", Some("/c/:x")),
            ("/c/:id/x", None),
            ("/...", None),
        ] {
            assert_eq!(paths.covering(&Pattern::parse(pattern).unwrap()).copied(), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_that_match_the_same_paths_are_one() {
        for (first, second) in [("/a", "/a/"), ("/a/:x", "/a/:y"), ("/...", "/*")] {
            let mut paths = paths(&[first]);
            assert_eq!(*paths.slot(&Pattern::parse(second).unwrap()), Some(first), "{second}");
        }
    }

    #[test]
    fn parameters_have_their_place() {
        let pattern = Pattern::parse("/api/webhooks/:provider/:region").unwrap();
        assert_eq!(
            (pattern.parameter("provider"), pattern.parameter("region"), pattern.parameter("id")),
            (Some(2), Some(3), None)
        );
        assert!(!pattern.is_literal() && Pattern::parse("/a/b").unwrap().is_literal());
        assert!(!Pattern::parse("/a/...").unwrap().is_literal());
    }

    #[test]
    fn patterns_that_are_refused() {
        for bad in ["", "a", "/a//b", "/.../a", "/a/:", "/a/x:y", "/a/:x.json", "/a*", "/a?b=c"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
