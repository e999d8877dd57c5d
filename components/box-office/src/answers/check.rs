//! Whether an answer is one to its question. Pure.

use super::respondent::Respondent;
use super::store::Stored;
use crate::limits;
use kit::problem::Fault;
use kit::questions::{About, Question, QuestionKind};
use kit::text;
use serde_json::Value as Json;

pub use kit::json::Given;

/// An order or a ticket, and what is answered of it.
#[derive(Debug)]
pub struct Unit<'a> {
    pub about: About,
    /// Of its answers in the body.
    pub pointer: String,
    /// That are asked of it.
    pub questions: Vec<&'a Question>,
    pub given: &'a [(String, Given)],
}

/// An answer that becomes another.
#[derive(Debug, PartialEq)]
pub struct Change<'a> {
    pub about: About,
    pub question: &'a Question,
    /// None: it is taken back.
    pub value: Option<Json>,
}

/// What changes; or what is wrong with what is given.
pub fn changes<'a>(respondent: &Respondent, unit: &Unit<'a>, stored: &[Stored], now: i64) -> Result<Vec<Change<'a>>, Vec<Fault>> {
    let (mut changes, mut faults) = (Vec::new(), Vec::new());
    let mut fault = |id: &str, detail: String| {
        let id = id.replace('~', "~0").replace('/', "~1");
        faults.push(Fault { pointer: format!("{}/{id}", unit.pointer), detail });
    };
    for (id, _) in unit.given.iter().filter(|(id, _)| unit.questions.iter().all(|question| question.id != *id)) {
        fault(id, "is no question that is asked here".to_owned());
    }
    let mut characters = 0;
    for question in unit.questions.iter().copied() {
        let given = unit.given.iter().find(|(id, _)| *id == question.id).map_or(&Given::Nothing, |(_, given)| given);
        let value = match value(question, given) {
            Ok(value) => value,
            Err(detail) => {
                fault(&question.id, detail);
                continue;
            }
        };
        characters += value.as_ref().map_or(0, |value| value.to_string().chars().count());
        let before = stored.iter().find(|known| known.about == unit.about && known.question == question.id);
        let same = before.is_some_and(|before| Some(&before.value) == value.as_ref());
        if value.is_none() && question.required && !respondent.is_team() {
            fault(&question.id, "required".to_owned());
        } else if question.kind == QuestionKind::Consent && respondent.is_team() && value.is_some() && !same {
            fault(&question.id, "is consented to by nobody but who is asked".to_owned());
        } else if same && before.is_some_and(|before| before.label == question.label || respondent.is_team()) {
            // As it was asked and answered before.
        } else if same && respondent.has_begun(now) {
            // Asked in other words since; what was answered stays as it is.
        } else if value.is_some() || before.is_some() {
            changes.push(Change { about: unit.about, question, value });
        }
    }
    if characters > limits::ANSWERS {
        let detail = format!("must have {} characters at most in all", limits::ANSWERS);
        faults.push(Fault { pointer: unit.pointer.clone(), detail });
    }
    if faults.is_empty() { Ok(changes) } else { Err(faults) }
}

/// An answer as it is kept; none where there is none.
fn value(question: &Question, given: &Given) -> Result<Option<Json>, String> {
    let is_blank = |text: &str| text.trim().is_empty();
    let is_long = |text: &str, most: usize| text.chars().count() > most;
    let chosen = |choice: &String| question.choices.contains(choice);
    let no_choice = || Err(format!("must be one of: {}", question.choices.join(", ")));
    match (question.kind, given) {
        (_, Given::Nothing) => Ok(None),
        (QuestionKind::Text | QuestionKind::Paragraph | QuestionKind::Choice, Given::Text(text)) if is_blank(text) => Ok(None),
        (QuestionKind::Text, Given::Text(given)) => match text::line(given)? {
            line if is_long(&line, limits::ANSWER_LINE) => Err(format!("must have {} characters at most", limits::ANSWER_LINE)),
            line => Ok(Some(line.into())),
        },
        (QuestionKind::Paragraph, Given::Text(given)) => match text::paragraphs(given) {
            text if is_long(&text, limits::ANSWER) => Err(format!("must have {} characters at most", limits::ANSWER)),
            text if is_blank(&text) => Ok(None),
            text => Ok(Some(text.into())),
        },
        (QuestionKind::Choice, Given::Text(choice)) if chosen(choice) => Ok(Some(choice.as_str().into())),
        (QuestionKind::Choice, Given::Text(_)) => no_choice(),
        (QuestionKind::Choices, Given::Texts(choices)) if !choices.iter().all(chosen) => no_choice(),
        (QuestionKind::Choices, Given::Texts(choices)) => {
            let some: Vec<&String> = question.choices.iter().filter(|choice| choices.contains(choice)).collect();
            if some.len() < choices.len() {
                return Err("has something twice".to_owned());
            }
            Ok((!some.is_empty()).then(|| some.into_iter().map(String::as_str).collect()))
        }
        (QuestionKind::Consent, Given::Bool(given)) => Ok(given.then_some(true.into())),
        (QuestionKind::Text | QuestionKind::Paragraph | QuestionKind::Choice, _) => Err("must be a string".to_owned()),
        (QuestionKind::Choices, _) => Err("must be a list of strings".to_owned()),
        (QuestionKind::Consent, _) => Err("must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_fit_their_questions() {
        let question = |kind| Question { kind, choices: vec!["Meat".to_owned(), "Rice".to_owned()], ..Question::default() };
        let (text, texts) = (
            |text: &str| Given::Text(text.to_owned()),
            |all: &[&str]| Given::Texts(all.iter().map(|text| (*text).to_owned()).collect()),
        );
        let long = |characters| Given::Text("é".repeat(characters));
        use QuestionKind::{Choice, Choices, Consent, Paragraph, Text};
        for (kind, given, kept) in [
            (Text, text("  No  nuts "), Some(json!("No nuts"))),
            (Text, text(" "), None),
            (Text, long(limits::ANSWER_LINE), Some(json!("é".repeat(limits::ANSWER_LINE)))),
            (Paragraph, text("One\ntwo"), Some(json!("One\ntwo"))),
            (Paragraph, text("\u{200b}"), None),
            (Choice, text("Rice"), Some(json!("Rice"))),
            (Choice, text(""), None),
            (Choices, texts(&["Rice", "Meat"]), Some(json!(["Meat", "Rice"]))),
            (Choices, texts(&[]), None),
            (Consent, Given::Bool(true), Some(json!(true))),
            (Consent, Given::Bool(false), None),
            (Consent, Given::Nothing, None),
        ] {
            assert_eq!(value(&question(kind), &given), Ok(kept), "{kind:?} {given:?}");
        }
        for (kind, given) in [
            (Text, text("two\nlines")),
            (Text, long(limits::ANSWER_LINE + 1)),
            (Text, Given::Bool(true)),
            (Paragraph, long(limits::ANSWER + 1)),
            (Choice, text("Fish")),
            (Choice, texts(&["Rice"])),
            (Choices, texts(&["Rice", "Fish"])),
            (Choices, texts(&["Rice", "Rice"])),
            (Choices, text("Rice")),
            (Consent, text("true")),
        ] {
            assert!(value(&question(kind), &given).is_err(), "{kind:?} {given:?}");
        }
    }
}
