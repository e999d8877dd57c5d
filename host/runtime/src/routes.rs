//! Which component answers a request, and whether at the edge or in the region.
//!
//! Routes are Spin's: a path matches exactly, by `:name` for one segment, or by a trailing `/...` for the rest, which
//! may be nothing; slashes at the path's ends do not count. Of several that match, the one wins that is more specific at
//! the first segment where they differ (text before `:name` before `...`), so both hosts send every path to the same
//! component. What depends on the method as well is said in the lists of a component's `tool.marquee` table.

use http::Method;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a request is worked on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// At the edge node that it reached.
    Edge,
    /// In a region: it needs the database.
    Region,
}

/// In which region a request is worked on, where there are several. Nobody has to guess: the manifest says it for each route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Home {
    /// In the one that an id in the path names; the nearest where none does.
    Path,
    /// In the one that keeps the accounts.
    Accounts,
    /// In all of them, and their lists are merged.
    Every,
    /// In the one that this member of the JSON body names, by its name or by an id; the nearest where it does not.
    Body(Arc<str>),
    /// In the one that this parameter of the query names; the nearest where it does not.
    Query(Arc<str>),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<'a> {
    /// The component's name.
    pub component: &'a str,
    /// Where it runs.
    pub place: Place,
    /// In which region, where it runs in one.
    pub home: &'a Home,
    /// Whether the caller's roles are read from SQL.
    pub roles: bool,
    /// Whether a password or a secret can be guessed here: whoever tries is counted.
    pub attempts: bool,
    /// Whether nothing is done here without a valid access token: who has none is refused before the body is read.
    pub token: bool,
    /// The route that led here, as the manifest has it: what metrics and traces are labelled with.
    pub route: &'a str,
}

/// Every public route of an application.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Most specific first.
    entries: Vec<Entry>,
    rules: BTreeMap<Arc<str>, Rules>,
    /// Normal forms of the paths that only the host itself may post to.
    hidden: Vec<Vec<String>>,
}

/// Of one component.
#[derive(Clone, Debug, Default)]
struct Rules {
    region: Vec<RegionRule>,
    lists: Lists,
}

/// What else the manifest says of a component's methods and paths.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Methods and paths whose caller's roles are read from SQL.
    pub roles: Vec<Rule>,
    /// Methods and paths at which a password or a secret can be guessed.
    pub attempts: Vec<Rule>,
    /// Methods and paths that need an access token.
    pub token: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Entry {
    pattern: Pattern,
    route: String,
    component: Arc<str>,
}

impl Routes {
    /// Where a request from outside goes; none where nothing answers such a path. What only the
    /// host may ask, however it is spelled, leads nowhere.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Option<Target<'_>> {
        let entry = self.entries.iter().find(|entry| entry.pattern.matches(path))?;
        if self.is_hidden(path) {
            return None;
        }
        let rules = self.rules.get(&entry.component);
        let rule = rules.and_then(|rules| rules.region.iter().find(|rule| rule.rule.matches(method, path)));
        let (place, home) = rule.map_or((Place::Edge, &Home::Path), |rule| (Place::Region, &rule.home));
        let any = |list: fn(&Lists) -> &Vec<Rule>| {
            rules.is_some_and(|rules| list(&rules.lists).iter().any(|rule| rule.matches(method, path)))
        };
        let (roles, attempts, token) = (any(|lists| &lists.roles), any(|lists| &lists.attempts), any(|lists| &lists.token));
        Some(Target { component: &entry.component, place, home, roles, attempts, token, route: &entry.route })
    }

    /// Every route and its component, most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.route.as_str(), &*entry.component))
    }

    pub(crate) fn add(&mut self, route: &str, component: &str) -> Result<(), String> {
        let pattern = Pattern::parse(route)?;
        if route.starts_with("/.well-known/spin/") {
            return Err("Spin keeps paths under /.well-known/spin/ to itself".to_owned());
        }
        if let Some(other) = self.entries.iter().find(|entry| entry.pattern.same_as(&pattern)) {
            return Err(format!("matches the same paths as {:?}, which leads to {:?}", other.route, other.component));
        }
        let index = self.entries.partition_point(|entry| entry.pattern.specificity(&pattern) != Ordering::Less);
        self.entries.insert(index, Entry { pattern, route: route.to_owned(), component: component.into() });
        Ok(())
    }

    pub(crate) fn add_rules(&mut self, component: &str, region: &[RegionRule], lists: &Lists) {
        let rules = self.rules.entry(component.into()).or_default();
        rules.region.extend_from_slice(region);
        rules.lists.roles.extend_from_slice(&lists.roles);
        rules.lists.attempts.extend_from_slice(&lists.attempts);
        rules.lists.token.extend_from_slice(&lists.token);
    }

    /// False where the path leads to another component, or nowhere.
    pub(crate) fn add_hidden(&mut self, component: &str, path: &str) -> bool {
        let leads = self.entries.iter().find(|entry| entry.pattern.matches(path));
        let leads_there = leads.is_some_and(|entry| &*entry.component == component);
        self.hidden.push(normal(path));
        leads_there
    }

    /// A component may read a path more generously than we do: escapes, doubled slashes and dots must not open the door.
    fn is_hidden(&self, path: &str) -> bool {
        if self.hidden.is_empty() {
            return false;
        }
        let suspicious = path.contains(['%', '.']) || path.contains("//") || path.ends_with('/');
        if suspicious {
            let path = normal(path);
            return self.hidden.contains(&path);
        }
        self.hidden.iter().any(|hidden| hidden.iter().map(String::as_str).eq(path.trim_matches('/').split('/')))
    }
}

/// Segments of a path with escapes undone and without empty, `.` and `..` ones.
fn normal(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    for segment in unescape(path).split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other.to_owned()),
        }
    }
    segments
}

fn unescape(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Methods and paths of a component that run in a region, and in which.
#[derive(Clone, Debug)]
pub struct RegionRule {
    rule: Rule,
    home: Home,
}

impl RegionRule {
    pub(crate) fn new(rule: Rule, home: Home) -> Self {
        Self { rule, home }
    }
}

/// A method, or all of them, and a component's paths.
#[derive(Clone, Debug)]
pub struct Rule {
    /// None: every method.
    method: Option<Method>,
    pattern: Pattern,
}

impl Rule {
    /// Reads `METHOD /path`, or `* /path`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (method, path) = text.split_once(' ').ok_or("no method and path")?;
        let method = match method {
            "*" => None,
            // Methods are case sensitive: "get" would never match.
            name if name.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Some(Method::from_bytes(name.as_bytes()).map_err(|_| "not a method")?)
            }
            _ => return Err("not a method, in capitals".to_owned()),
        };
        Ok(Self { method, pattern: Pattern::parse(path)? })
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        // Whoever answers GET answers HEAD, too.
        let method_matches =
            self.method.as_ref().is_none_or(|rule| rule == method || (*rule == Method::GET && *method == Method::HEAD));
        method_matches && self.pattern.matches(path)
    }
}

/// A path with `:name` for any one segment and perhaps a trailing `...`.
#[derive(Clone, Debug)]
pub struct Pattern {
    segments: Vec<Segment>,
    /// Ends in `...`: whatever follows matches, and nothing, too.
    open: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    Text(String),
    Any,
}

impl Pattern {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(path: &str) -> Result<Self, String> {
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
                    Some(name) if !name.is_empty() && !name.contains([':', '.', '*']) => Segment::Any,
                    None if segment.is_empty() => return Err("an empty segment".to_owned()),
                    None if !segment.contains([':', '*', '?', '#']) && segment != "..." => Segment::Text(segment.to_owned()),
                    _ => return Err(format!("the segment {segment:?} is neither text nor :name; ... may only end a path")),
                });
            }
        }
        Ok(Self { segments, open })
    }

    /// Whether a request's path (without its query) is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        // "" has one segment by `split`, none by us.
        let mut rest = (!path.is_empty()).then(|| path.split('/')).into_iter().flatten();
        for segment in &self.segments {
            match (segment, rest.next()) {
                (Segment::Text(text), Some(segment)) if text == segment => {}
                (Segment::Any, Some(_)) => {}
                _ => return false,
            }
        }
        self.open || rest.next().is_none()
    }

    pub(crate) fn is_literal(&self) -> bool {
        !self.open && self.segments.iter().all(|segment| matches!(segment, Segment::Text(_)))
    }

    fn same_as(&self, other: &Self) -> bool {
        self.segments == other.segments && self.open == other.open
    }

    /// Greater: more specific. Equal: they never match the same path, or it does not matter.
    fn specificity(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self, index: usize| match pattern.segments.get(index) {
            Some(Segment::Text(_)) => 3,
            Some(Segment::Any) => 2,
            None if pattern.open => 1,
            None => 4,
        };
        let longest = self.segments.len().max(other.segments.len());
        (0..=longest)
            .map(|index| rank(self, index).cmp(&rank(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(entries: &[(&str, &str)]) -> Routes {
        let mut routes = Routes::default();
        for (route, component) in entries {
            routes.add(route, component).unwrap();
        }
        routes
    }

    fn component<'a>(routes: &'a Routes, path: &str) -> Option<&'a str> {
        routes.find(&Method::GET, path).map(|target| target.component)
    }

    #[test]
    fn the_more_specific_route_wins_in_whatever_order_they_stand() {
        let mut entries = [
            ("/...", "web"),
            ("/", "home"),
            ("/one/...", "one"),
            ("/one/two/...", "two"),
            ("/one/two/three", "three"),
            ("/one/:x/three", "param"),
            ("/one/:x/...", "param-rest"),
        ];
        let cases = [
            ("/", Some("home")),
            ("", Some("home")),
            ("/abc/", Some("web")),
            ("/one", Some("one")),
            ("/one/", Some("one")),
            ("/onetwo", Some("web")),
            ("/one/two", Some("two")),
            ("/one/two/three", Some("three")),
            ("/one/two/three/", Some("three")),
            ("/one/two/four", Some("two")),
            ("/one/zwei/three", Some("param")),
            ("/one/zwei/four/five", Some("param-rest")),
        ];
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            let routes = routes(&entries);
            for (path, expected) in cases {
                assert_eq!(component(&routes, path), expected, "{path} with {entries:?}");
            }
        }
    }

    #[test]
    fn without_a_catch_all_some_paths_lead_nowhere() {
        let routes = routes(&[("/a", "a"), ("/b/:id", "b")]);
        for path in ["/", "/b", "/b/1/2", "/A", "/a/b"] {
            assert_eq!(component(&routes, path), None, "{path}");
        }
        assert_eq!(component(&routes, "/b/1"), Some("b"));
    }

    #[test]
    fn routes_that_match_the_same_paths_are_refused() {
        for (first, second) in [("/a", "/a/"), ("/a/:x", "/a/:y"), ("/...", "/*")] {
            let mut routes = routes(&[(first, "first")]);
            assert!(routes.add(second, "second").unwrap_err().contains("first"), "{first} {second}");
        }
    }

    #[test]
    fn patterns_that_are_refused() {
        for bad in ["", "a", "/a//b", "/.../a", "/a/:", "/a/x:y", "/a/:x.json", "/a*", "/a?b=c", "/.well-known/spin/x"] {
            assert!(Routes::default().add(bad, "c").is_err(), "{bad}");
        }
    }

    #[test]
    fn methods_and_paths_decide_between_edge_and_region() {
        let mut routes =
            routes(&[("/api/bookings/...", "booking"), ("/api/events/:id/availability", "booking"), ("/api/auth/...", "auth")]);
        let rule = |text: &str, home: Home| RegionRule::new(Rule::parse(text).unwrap(), home);
        let rules = [rule("GET /api/bookings", Home::Every), rule("GET /api/bookings/:id", Home::Path)];
        let roles = vec![Rule::parse("POST /api/bookings/:id/cancel").unwrap()];
        let token = vec![Rule::parse("* /api/bookings/...").unwrap()];
        routes.add_rules("booking", &rules, &Lists { roles, token, ..Lists::default() });
        let attempts = vec![Rule::parse("POST /api/auth/login").unwrap()];
        routes.add_rules("auth", &[rule("* /api/auth/...", Home::Accounts)], &Lists { attempts, ..Lists::default() });
        let attempts = |method: Method, path: &str| routes.find(&method, path).unwrap().attempts;
        assert!(attempts(Method::POST, "/api/auth/login") && !attempts(Method::GET, "/api/auth/me"));
        let token = |method: Method, path: &str| routes.find(&method, path).unwrap().token;
        assert!(token(Method::HEAD, "/api/bookings/7") && !token(Method::GET, "/api/events/7/availability"));
        let cases = [
            (Method::GET, "/api/bookings", Place::Region),
            (Method::HEAD, "/api/bookings/7", Place::Region),
            (Method::GET, "/api/bookings/7/", Place::Region),
            (Method::POST, "/api/bookings", Place::Edge),
            (Method::POST, "/api/bookings/7/cancel", Place::Edge),
            (Method::GET, "/api/events/7/availability", Place::Edge),
            (Method::POST, "/api/auth/login", Place::Region),
            (Method::DELETE, "/api/auth", Place::Region),
        ];
        for (method, path, expected) in cases {
            assert_eq!(routes.find(&method, path).unwrap().place, expected, "{method} {path}");
        }
        for (method, path, home, roles) in [
            (Method::GET, "/api/bookings", Home::Every, false),
            (Method::GET, "/api/bookings/7", Home::Path, false),
            (Method::POST, "/api/bookings/7/cancel", Home::Path, true),
            (Method::POST, "/api/auth/login", Home::Accounts, false),
        ] {
            let target = routes.find(&method, path).unwrap();
            assert_eq!((target.home, target.roles), (&home, roles), "{method} {path}");
        }
        for bad in ["", "GET", "get /a", "GET a", "G@T /a", "*  /a"] {
            assert!(Rule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_from_outside_reaches_a_tick_however_it_is_spelled() {
        let mut routes = routes(&[("/api/auth/...", "auth"), ("/...", "web")]);
        assert!(routes.add_hidden("auth", "/api/auth/due"));
        assert!(!routes.add_hidden("auth", "/elsewhere"));
        for path in [
            "/api/auth/due",
            "/api/auth/due/",
            "/api/auth//due",
            "//api/auth/due//",
            "/api/auth/%64ue",
            "/api/auth/%64%75%65",
            "/api/auth%2fdue",
            "/api/auth/./due",
            "/api/auth/x/../due",
            "/api/auth/x/%2e%2E/due",
        ] {
            assert_eq!(routes.find(&Method::POST, path), None, "{path}");
        }
        for path in ["/api/auth/duet", "/api/auth/due/x", "/api/auth/DUE", "/api/auth/%zz", "/api/auth/%6"] {
            assert!(routes.find(&Method::POST, path).is_some(), "{path}");
        }
    }
}
