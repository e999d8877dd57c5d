//! W3C Trace Context: the trace of a request, written to its journal entries.

use crate::Request;

/// The request's `traceparent`; none where it has none, or one that does not have the shape of version 00.
pub fn parent(request: &Request) -> Option<String> {
    request.header("traceparent").filter(|text| valid(text)).map(str::to_owned)
}

fn valid(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let shaped = part(2) == Some("00")
        && part(32).is_some_and(|trace| !zero(trace))
        && part(16).is_some_and(|span| !zero(span))
        && part(2).is_some();
    shaped && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_trace_parents_are_accepted() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(valid(good));
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &good.replace("00-4", "01-4"),
            &format!("{good}-x"),
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace("b7-01", "b-01"),
            &good.replace("b7-01", "b7-g1"),
        ] {
            assert!(!valid(bad), "{bad}");
        }
    }
}
