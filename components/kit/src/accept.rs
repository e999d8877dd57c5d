//! Which representation a client wants, and in which language (RFC 9110, 12.5).

use crate::{Problem, Request, limits, problem};

/// The media type, of these, that the request's `Accept` likes best; the earlier one where it likes two the same.
///
/// # Errors
/// 406, which names all of them, where it wants none.
pub fn choose(request: &Request, offered: &[&'static str]) -> Result<&'static str, Problem> {
    best(request.header("accept"), offered).ok_or_else(|| {
        Problem::new(problem::NOT_ACCEPTABLE, format!("This is there as {}.", offered.join(" and as "))).with("vary", "accept")
    })
}

fn best(accept: Option<&str>, offered: &[&'static str]) -> Option<&'static str> {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return offered.first().copied() };
    let liked = offered.iter().map(|media| (quality(accept, media), *media));
    // Of equals the last one would be the greatest.
    liked.rev().max_by_key(|(quality, _)| *quality).filter(|(quality, _)| *quality > 0).map(|(_, media)| media)
}

/// The languages of the request's `Accept-Language`, the best liked one first: as the client writes them, and without those that it wants not at all.
pub fn languages(request: &Request) -> Vec<&str> {
    ranked(request.header("accept-language").unwrap_or_default())
}

fn ranked(accept: &str) -> Vec<&str> {
    let ranges = accept.split(',').take(limits::ACCEPT_RANGES).filter_map(|range| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameters.split_once('=').map_or(Some(1000), |(_, value)| thousandths(value.trim()))?;
        Some((weight, tag.trim())).filter(|(weight, tag)| *weight > 0 && !tag.is_empty())
    });
    let mut ranges: Vec<_> = ranges.collect();
    // Stable: of those that it likes the same, the earlier one.
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(_, tag)| tag).collect()
}

/// How much a media type is liked, in thousandths: what the most specific range that matches it says.
fn quality(accept: &str, media: &str) -> u32 {
    let (kind, subtype) = media.split_once('/').unwrap_or_default();
    let matching = accept.split(',').take(limits::ACCEPT_RANGES).filter_map(|range| {
        let mut parts = range.split(';');
        let range = parts.next()?.trim().to_ascii_lowercase();
        let specificity = match range.split_once('/')? {
            (of, name) if of == kind && name == subtype => 2,
            (of, "*") if of == kind => 1,
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
    use super::{best, ranked};

    const JSON: &str = "application/json";
    const PDF: &str = "application/pdf";
    const CSV: &str = "text/csv";

    #[test]
    fn the_best_liked_one_wins() {
        for (accept, chosen) in [
            (None, Some(JSON)),
            (Some(""), Some(JSON)),
            (Some("*/*"), Some(JSON)),
            (Some("application/json"), Some(JSON)),
            (Some("application/pdf"), Some(PDF)),
            (Some("Application/PDF"), Some(PDF)),
            (Some("application/pdf, application/json"), Some(JSON)),
            (Some("application/pdf, application/json;q=0.9"), Some(PDF)),
            (Some("application/pdf;q=0.5, application/json;q=0.9"), Some(JSON)),
            (Some("application/json;q=0, */*"), Some(PDF)),
            (Some("application/pdf;q=0.1, */*;q=0.05"), Some(PDF)),
            (Some("application/*;q=0.2, application/pdf;q=0.3"), Some(PDF)),
            (Some("text/html, application/pdf;q=0.001"), Some(PDF)),
            (Some("text/html"), None),
            (Some("application/pdf;q=0"), None),
            (Some("application/pdf;q=2"), None),
            (Some("application/pdf;q=high"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(best(accept, &[JSON, PDF]), chosen, "{accept:?}");
        }
    }
    #[test]
    fn languages_come_in_the_order_in_which_they_are_liked() {
        for (accept, expected) in [
            ("", &[][..]),
            ("de", &["de"]),
            ("de-AT, de;q=0.9, en;q=0.8", &["de-AT", "de", "en"]),
            ("en;q=0.8,si, *;q=0.1", &["si", "en", "*"]),
            ("fr;q=0, en ; q=0.5", &["en"]),
            ("de;q=high, ,;q=1", &[]),
        ] {
            assert_eq!(ranked(accept), expected, "{accept}");
        }
        assert_eq!(ranked(&"de,".repeat(10_000)).len(), crate::limits::ACCEPT_RANGES);
    }

    #[test]
    fn types_of_another_kind_are_told_apart() {
        for (accept, chosen) in
            [("text/*", Some(CSV)), ("application/*", Some(JSON)), ("text/csv, */*;q=0.1", Some(CSV)), ("text/html", None)]
        {
            assert_eq!(best(Some(accept), &[JSON, CSV]), chosen, "{accept}");
        }
    }
}
