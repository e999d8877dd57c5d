//! What an organiser writes to those who come, as who takes it and who sends it both know it.

use serde::{Deserialize, Serialize};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What people have bought: where the door is, what to bring. It goes to all of them.
    Service,
    /// Anything else: it goes to nobody who wants no news of the organiser, and every reader can say so.
    News,
}

impl Kind {
    /// Their names, in SQL and in JSON.
    pub const NAMES: [&str; 2] = ["service", "news"];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::News => "news",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Service, Self::News].into_iter().find(|kind| kind.name() == name)
    }
}

/// What is written. Plain text: nothing in it is markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What it is about.
    pub kind: Kind,
    /// One line.
    pub subject: String,
    /// Its paragraphs have a blank line between them.
    pub text: String,
}

/// What a mail to somebody's own address is called in `mail_log`, and one of a message.
pub const TEMPLATE: &str = "message";
