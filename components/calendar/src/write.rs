//! Content lines: escaped, folded, ended as the standard says.

use crate::limits;

/// A calendar as text, on its way.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// A line whose value is written as it is. No line may be longer than 75 bytes: it goes on in the next one, behind a space, and never breaks a
    /// character.
    pub fn line(&mut self, name: &str, value: &str) {
        let mut length = 0;
        for letter in name.chars().chain([':']).chain(value.chars()) {
            if length + letter.len_utf8() > limits::LINE {
                self.text.push_str("\r\n ");
                length = 1;
            }
            self.text.push(letter);
            length += letter.len_utf8();
        }
        self.text.push_str("\r\n");
    }

    /// A line whose value is what people have typed.
    pub fn text(&mut self, name: &str, value: &str) {
        let mut escaped = String::with_capacity(value.len());
        for (count, letter) in value.chars().enumerate() {
            if count >= limits::VALUE {
                escaped.push('…');
                break;
            }
            match letter {
                '\\' | ';' | ',' => escaped.extend(['\\', letter]),
                '\n' => escaped.push_str("\\n"),
                '\u{2028}' | '\u{2029}' => escaped.push(' '),
                control if control.is_control() => {}
                other => escaped.push(other),
            }
        }
        self.line(name, &escaped);
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.text
    }
}
