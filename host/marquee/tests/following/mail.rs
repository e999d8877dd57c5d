//! What has arrived in the mail sink, a Maildir.

use std::path::Path;
use test_support::variable;

/// A mail as it arrived, its lines not folded.
pub struct Mail(String);

impl Mail {
    pub fn header(&self, name: &str) -> &str {
        let head = self.0.split("\n\n").next().unwrap();
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
        line.map_or("", |line| line.split_once(':').unwrap().1.trim())
    }

    /// The id of the booking that it is about.
    pub fn booking(&self) -> Option<&str> {
        let from = self.0.find("\nBooking ")? + "\nBooking ".len();
        self.0[from..].split_whitespace().next()
    }

    /// The token that it carries, by itself or in a link.
    pub fn token(&self) -> Option<String> {
        let text = self.0.replace("=\n", "");
        let secret = |word: &&str| word.starts_with("eu_") && word.split_once('.').is_some_and(|(_, secret)| secret.len() == 52);
        let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_.".contains(letter);
        text.split(|other| !letter(other)).find(secret).map(str::to_owned)
    }

    pub fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }
}

/// Everything that has come for this address.
pub fn of(address: &str) -> Vec<Mail> {
    all().into_iter().filter(|mail| mail.header("To").contains(address)).collect()
}

/// Everything that has come at all.
pub fn all() -> Vec<Mail> {
    let new = Path::new(&variable("MARQUEE_TEST_MAILDIR")).join("new");
    let Ok(files) = new.read_dir() else { return Vec::new() };
    let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).ok();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    files.filter_map(read).map(text).map(Mail).collect()
}
