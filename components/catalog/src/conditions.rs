//! Conditional requests (RFC 9110, section 13): no update is lost, and nothing is sent twice.

use kit::{Problem, Request, problem};

use crate::document::etag;

/// Whether `If-Match` names this revision; without the header it does.
///
/// # Errors
/// 412 if it names others only.
pub fn if_match(request: &Request, revision: u64) -> Result<(), Problem> {
    match lines(request, "if-match") {
        Some(wanted) if !names(&wanted, &etag(revision), false) => {
            Err(Problem::new(problem::PRECONDITION_FAILED, format!("The event is at revision {revision} now.")))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// 428 if the request has no `If-Match`.
pub fn require_if_match(request: &Request) -> Result<(), Problem> {
    if request.headers.contains_key("if-match") {
        return Ok(());
    }
    Err(Problem::new(problem::PRECONDITION_REQUIRED, "Send the ETag that you read as If-Match."))
}

/// Whether the client has what has this tag already.
pub fn not_modified(request: &Request, tag: &str) -> bool {
    lines(request, "if-none-match").is_some_and(|known| names(&known, tag, true))
}

/// All lines of a header as one list; one that is not ASCII names nothing.
fn lines(request: &Request, name: &str) -> Option<String> {
    let mut values = request.headers.get_all(name).iter().peekable();
    values.peek()?;
    Some(values.map(|value| value.to_str().unwrap_or_default()).collect::<Vec<_>>().join(","))
}

/// Our tags hold no commas, so a list may be split at them.
fn names(list: &str, tag: &str, weakly: bool) -> bool {
    list.split(',').map(str::trim).any(|candidate| {
        let strong = match candidate.strip_prefix("W/") {
            Some(weak) if weakly => weak,
            _ => candidate,
        };
        strong == "*" || strong == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_conditions_select_matching_events() {
        for (list, strongly, weakly) in [
            ("\"7\"", true, true),
            ("\"6\", \"7\"", true, true),
            ("*", true, true),
            ("W/\"7\"", false, true),
            ("\"77\"", false, false),
            ("7", false, false),
            ("", false, false),
        ] {
            assert_eq!(names(list, &etag(7), false), strongly, "{list}");
            assert_eq!(names(list, &etag(7), true), weakly, "{list}");
        }
    }
}
