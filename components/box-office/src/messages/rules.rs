//! What a message may be, and to whom it may go. Pure.

use crate::limits;
use kit::Problem;
use kit::json::Reader;
use kit::messages::{Draft, Kind};
use kit::problem;

/// To whom a message goes: whoever has a ticket for which all of this holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// It is of one of these types; none: of any.
    pub ticket_types: Option<Vec<String>>,
    /// Somebody was let in by it, or nobody was; none: either.
    pub admitted: Option<bool>,
    /// Also to whom tickets were transferred, and not to buyers alone.
    pub holders: bool,
}

/// What a request says.
pub fn read(body: &mut Reader) -> (Draft, Audience) {
    let kind = Kind::named(body.word("kind", &Kind::NAMES)).unwrap_or(Kind::News);
    let subject = body.name("subject", limits::MESSAGE_SUBJECT);
    let given = body.text("text", limits::MESSAGE_TEXT);
    let text = cleaned(&given);
    if text.is_empty() && !given.is_empty() {
        body.fault("text", "must have a character that can be seen");
    }
    let audience = body.optional_object("to", |to| Audience {
        ticket_types: to.optional_ids("ticket_type_ids", &limits::LIST_TYPES),
        admitted: to.optional_boolean("admitted"),
        holders: to.optional_boolean("holders").unwrap_or(true),
    });
    (Draft { kind, subject, text }, audience.unwrap_or(Audience { holders: true, ..Audience::default() }))
}

/// Lines as all systems read them, without what shows nothing.
fn cleaned(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
    let shown: String = lines.chars().filter(|character| *character == '\n' || !character.is_control()).collect();
    kit::text::paragraphs(&shown).trim().to_owned()
}

impl Audience {
    /// Refuses ticket types that the event does not have.
    pub fn check(&self, of_event: &[String]) -> Result<(), Problem> {
        let wanted = self.ticket_types.as_deref().unwrap_or_default();
        match wanted.iter().position(|id| !of_event.contains(id)) {
            None => Ok(()),
            Some(index) => Err(Problem::fault(format!("/to/ticket_type_ids/{index}"), "is not a ticket type of this event")),
        }
    }
}

/// What a deployment can do.
#[derive(Debug, Clone, Copy)]
pub struct Deployment {
    /// Whether a worker sends mail.
    pub sends_mail: bool,
    /// Whether readers can end news: where mail programs ask, over https.
    pub ends_news: bool,
}

impl Deployment {
    /// Refuses what it would have to hold for good, or could not be ended.
    pub fn check(self, kind: Kind) -> Result<(), Problem> {
        let detail = if !self.sends_mail {
            "This deployment sends no mail."
        } else if kind == Kind::News && !self.ends_news {
            "This deployment has no address (public_url) where readers could end news."
        } else {
            return Ok(());
        };
        Err(Problem::new(problem::MESSAGES_OFF, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_lines_and_loses_what_shows_nothing() {
        for (given, kept) in [
            ("One\r\n\r\ntwo\rthree", "One\n\ntwo\nthree"),
            ("  a\tb \u{7}\u{202e}c\n ", "a b c"),
            ("<b>no</b> HTML", "<b>no</b> HTML"),
            ("\u{200b}\n\u{7}", ""),
            ("ශ්\u{200d}රී", "ශ්\u{200d}රී"),
        ] {
            assert_eq!(cleaned(given), kept, "{given:?}");
        }
    }

    #[test]
    fn a_message_is_refused_where_nobody_sends_it_and_news_where_nobody_can_end_them() {
        for (sends_mail, ends_news, service, news) in
            [(true, true, true, true), (true, false, true, false), (false, true, false, false), (false, false, false, false)]
        {
            let deployment = Deployment { sends_mail, ends_news };
            assert_eq!((deployment.check(Kind::Service).is_ok(), deployment.check(Kind::News).is_ok()), (service, news));
        }
    }

    #[test]
    fn only_an_events_own_ticket_types_can_be_named() {
        let of = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let audience = |ids: &[&str]| Audience { ticket_types: Some(of(ids)), ..Audience::default() };
        assert!(Audience::default().check(&[]).is_ok() && audience(&["eu_a"]).check(&of(&["eu_b", "eu_a"])).is_ok());
        let refused = audience(&["eu_a", "eu_c"]).check(&of(&["eu_a"])).unwrap_err();
        assert_eq!(refused.faults[0].pointer, "/to/ticket_type_ids/1");
    }
}
