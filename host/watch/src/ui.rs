//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::documents::Rollout;

/// What somebody may say about a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Pause,
    Resume,
    Promote,
    Abort,
    Rollback,
}

impl Verb {
    pub const ALL: [Self; 5] = [Self::Pause, Self::Resume, Self::Promote, Self::Abort, Self::Rollback];

    /// As the API has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
        }
    }

    pub const fn key(self) -> char {
        match self {
            Self::Pause => 'p',
            Self::Resume => 'r',
            Self::Promote => 'P',
            Self::Abort => 'a',
            Self::Rollback => 'b',
        }
    }

    /// What it does, in a sentence.
    pub const fn does(self) -> &'static str {
        match self {
            Self::Pause => "no further node gets the release until it is resumed",
            Self::Resume => "it goes on where it was",
            Self::Promote => "it goes on past this gate",
            Self::Abort => "it ends, and nodes go back to the release before",
            Self::Rollback => "nodes go back to the release before",
        }
    }
}

/// A word that waits to be confirmed, about what was seen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub verb: Verb,
    pub rollout: u64,
    /// The gate that is meant.
    pub stage: Option<String>,
}

/// What is to be done after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Nothing,
    Leave,
    Say(Question),
}

/// What the screen shows beside the fleet.
#[derive(Clone, Debug, Default)]
pub struct Ui {
    /// The first node that is shown.
    pub offset: usize,
    /// Lines that nodes have; set when it is drawn.
    pub page: usize,
    pub is_helping: bool,
    pub question: Option<Question>,
    /// What came of what was said last.
    pub said: String,
    /// Why the control plane was not heard, if so.
    pub trouble: Option<String>,
    pub has_colours: bool,
}

impl Ui {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent, rollout: Option<&Rollout>) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Action::Leave;
        }
        if let Some(question) = self.question.take() {
            return if matches!(key.code, KeyCode::Char('y' | 'Y')) {
                self.said = format!("{}…", question.verb.name());
                Action::Say(question)
            } else {
                self.said = "nothing was done".to_owned();
                Action::Nothing
            };
        }
        if std::mem::take(&mut self.is_helping) {
            return Action::Nothing;
        }
        self.said.clear();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Leave,
            KeyCode::Char('?') => self.is_helping = true,
            KeyCode::Up | KeyCode::Char('k') => self.offset = self.offset.saturating_sub(1),
            // Drawing holds it within what there is.
            KeyCode::Down | KeyCode::Char('j') => self.offset = self.offset.saturating_add(1),
            KeyCode::PageUp => self.offset = self.offset.saturating_sub(self.page.max(1)),
            KeyCode::PageDown => self.offset = self.offset.saturating_add(self.page.max(1)),
            KeyCode::Home => self.offset = 0,
            KeyCode::End => self.offset = usize::MAX,
            KeyCode::Char(char) => match (Verb::ALL.into_iter().find(|verb| verb.key() == char), rollout) {
                (Some(verb), Some(rollout)) => {
                    let stage = rollout.stage.as_ref().filter(|_| verb == Verb::Promote).map(|stage| stage.0.clone());
                    self.question = Some(Question { verb, rollout: rollout.id, stage });
                }
                (Some(_), None) => self.said = "nothing was rolled out yet".to_owned(),
                (None, _) => {}
            },
            _ => {}
        }
        Action::Nothing
    }
}
