//! Whether a client wants a page or JSON.

use crate::limits;

/// Whether JSON is asked for by name, and more than HTML is. Browsers name HTML; `curl` takes anything, and gets the page.
pub fn prefers_json(accept: Option<&str>) -> bool {
    let accept = accept.filter(|text| text.len() <= limits::ACCEPT_BYTES).unwrap_or_default();
    let (mut json, mut html) = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts
            .find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
            .map_or(1000, thousandths);
        match media.as_str() {
            "application/json" | "application/problem+json" | "application/*" => json = json.max(weight),
            "text/html" | "application/xhtml+xml" | "text/*" => html = html.max(weight),
            _ => {}
        }
    }
    json > html
}

/// A quality value (RFC 9110, 12.4.2) in thousandths; nonsense counts as 0.
fn thousandths(text: &str) -> u32 {
    text.parse::<f32>()
        .ok()
        .filter(|quality| (0.0..=1.0).contains(quality))
        // At most 1000, so that nothing is lost.
        .map_or(0, |quality| (quality * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_be_asked_for() {
        for (accept, json) in [
            (None, false),
            (Some(""), false),
            (Some("*/*"), false),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), false),
            (Some("application/json"), true),
            (Some("Application/Problem+JSON"), true),
            (Some("application/json, text/plain, */*"), true),
            (Some("application/json;q=0.5, text/html;q=0.9"), false),
            (Some("application/json; charset=utf-8; q=0.9, text/html; q=0.5"), true),
            (Some("application/json;q=0"), false),
            (Some("application/json;q=lots"), false),
            (Some("application/json, text/html"), false),
        ] {
            assert_eq!(prefers_json(accept), json, "{accept:?}");
        }
    }
}
