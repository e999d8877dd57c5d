//! Which representation a client wants (RFC 9110, 12.5.1).

use crate::limits;

/// What a receipt can be had as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// `application/json`
    Json,
    /// `application/pdf`
    Pdf,
}

/// The one that `Accept` likes best; JSON where it likes both the same; none where it wants neither.
pub fn choose(accept: Option<&str>) -> Option<Representation> {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return Some(Representation::Json) };
    let (json, pdf) = (quality(accept, "json"), quality(accept, "pdf"));
    match json.max(pdf) {
        0 => None,
        _ if json >= pdf => Some(Representation::Json),
        _ => Some(Representation::Pdf),
    }
}

/// How much `application/<subtype>` is liked, in thousandths: what the most specific range that matches it says.
fn quality(accept: &str, subtype: &str) -> u32 {
    let matching = accept.split(',').take(limits::ACCEPT_RANGES).filter_map(|range| {
        let mut parts = range.split(';');
        let kind = parts.next()?.trim().to_ascii_lowercase();
        let specificity = match kind.split_once('/')? {
            ("application", name) if name == subtype => 2,
            ("application", "*") => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let weight =
            parts.filter_map(|parameter| parameter.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        Some((specificity, weight.map_or(Some(1000), |(_, value)| thousandths(value.trim()))?))
    });
    matching.max_by_key(|(specificity, _)| *specificity).map_or(0, |(_, quality)| quality)
}

/// `0.5` as 500; none where it is not a weight.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u32 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", _) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Representation::*, choose};

    #[test]
    fn the_best_liked_one_wins() {
        for (accept, chosen) in [
            (None, Some(Json)),
            (Some(""), Some(Json)),
            (Some("*/*"), Some(Json)),
            (Some("application/json"), Some(Json)),
            (Some("application/pdf"), Some(Pdf)),
            (Some("Application/PDF"), Some(Pdf)),
            (Some("application/pdf, application/json"), Some(Json)),
            (Some("application/pdf, application/json;q=0.9"), Some(Pdf)),
            (Some("application/pdf;q=0.5, application/json;q=0.9"), Some(Json)),
            (Some("application/json;q=0, */*"), Some(Pdf)),
            (Some("application/pdf;q=0.1, */*;q=0.05"), Some(Pdf)),
            (Some("application/*;q=0.2, application/pdf;q=0.3"), Some(Pdf)),
            (Some("text/html, application/pdf;q=0.001"), Some(Pdf)),
            (Some("text/html"), None),
            (Some("application/pdf;q=0"), None),
            (Some("application/pdf;q=2"), None),
            (Some("application/pdf;q=high"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(choose(accept), chosen, "{accept:?}");
        }
    }
}
