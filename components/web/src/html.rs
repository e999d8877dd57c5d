//! The frame of every page that is not the app's, and escaping.

/// What a page may load and do: our own files, and calls to this node. No inline scripts or styles.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Text as it may stand in an element or a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole page. `title` is text, `main` is HTML; `here` is the path of the entry in the navigation that the page belongs to.
pub fn frame(title: &str, here: &str, main: &str) -> String {
    let title = escape(title);
    let links: String =
        [("/", "Events"), ("/developers", "For developers"), ("/docs", "API reference"), ("/problems", "Problems")]
            .into_iter()
            .map(|(path, name)| {
                let current = if path == here { " aria-current=\"page\"" } else { "" };
                format!("<li><a href=\"{path}\"{current}>{name}</a></li>")
            })
            .collect();
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/style.css">
<script src="/assets/app.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="site">
<a class="brand" href="/"><img src="/favicon.svg" alt="" width="28" height="28">Marquee</a>
<nav aria-label="Site"><ul>{links}</ul></nav>
</header>
<main id="main">
{main}
</main>
<footer class="site"><p>Marquee, event booking. <a href="/api/openapi.json">OpenAPI document</a></p></footer>
</body>
</html>
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape(r#"<a href='x' title="y">&"#), "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;");
        assert!(frame("<script>", "/", "").contains("<title>&lt;script&gt;</title>"));
    }

    #[test]
    fn the_navigation_marks_the_current_page() {
        let page = frame("Problems", "/problems", "");
        assert_eq!(page.matches("aria-current").count(), 1);
        assert!(page.contains("<a href=\"/problems\" aria-current=\"page\">"));
    }

    #[test]
    fn pages_keep_their_own_policy() {
        let page = frame("For developers", "/developers", include_str!("../assets/developers.html"));
        for forbidden in [" onclick", " onload", " style=", "javascript:", "http://", "https://", "<style"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        // Scripts come from files only.
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/assets/").count());
    }
}
