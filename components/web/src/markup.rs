//! The little markup of descriptions: paragraphs, `code` and **strong**.

use crate::html::escape;

/// One run of text as HTML.
pub fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    // Odd parts stand between backticks, where nothing else is markup.
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str(&format!("<code>{}</code>", escape(part)));
            continue;
        }
        for (index, part) in part.split("**").enumerate() {
            if index % 2 == 1 {
                html.push_str(&format!("<strong>{}</strong>", escape(part)));
            } else {
                html.push_str(&escape(part));
            }
        }
    }
    html
}

/// Paragraphs, divided by empty lines.
pub fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p>{}</p>\n", inline(paragraph)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_limited_and_safe() {
        assert_eq!(
            inline("**Send** `If-Match: <\"2\">` & wait"),
            "<strong>Send</strong> <code>If-Match: &lt;&quot;2&quot;&gt;</code> &amp; wait"
        );
        assert_eq!(paragraphs("a\n\nb <i>\n\n"), "<p>a</p>\n<p>b &lt;i&gt;</p>\n");
    }
}
