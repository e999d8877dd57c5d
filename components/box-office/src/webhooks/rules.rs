//! What a webhook may be, and what a change makes of it. Pure.

use super::store::Row;
use crate::limits;
use ::webhooks::receiver::Receiver;
use ::webhooks::{KINDS, Receivers};
use kit::{Problem, journal, json};

/// A change of a webhook: what is not there stays as it is.
#[derive(Debug, Default, PartialEq)]
pub struct Change {
    url: Option<String>,
    types: Option<Vec<&'static str>>,
    /// As JSON has it: left out, taken away, or another.
    description: Option<Option<String>>,
    paused: Option<bool>,
}

/// Notes what is wrong with an address that messages are to go to.
pub fn check_url(body: &json::Reader, url: &str, receivers: Receivers) {
    if !url.is_empty()
        && let Err(why) = Receiver::parse(url, receivers)
    {
        body.fault("url", why);
    }
}

impl Change {
    /// Reads it.
    pub fn read(body: &mut json::Reader, receivers: Receivers) -> Self {
        let url = body.optional_text("url", limits::WEBHOOK_URL);
        check_url(body, url.as_deref().unwrap_or_default(), receivers);
        let types = body.has("types").then(|| body.words("types", 1..=KINDS.len(), &KINDS));
        let description = body.optional_name("description", limits::WEBHOOK_DESCRIPTION);
        let description = body.has("description").then_some(description);
        Self { url, types, description, paused: body.optional_boolean("paused") }
    }

    /// Whether what failed before says nothing any more: another server is told, or somebody says that it works again.
    pub fn begins_anew(&self, row: &Row) -> bool {
        self.paused == Some(false) || self.url.as_ref().is_some_and(|url| *url != row.url)
    }

    /// The webhook after it.
    pub fn of(&self, mut row: Row) -> Result<Row, Problem> {
        if let Some(url) = &self.url {
            row.url.clone_from(url);
        }
        if let Some(types) = &self.types {
            row.types = journal::text(types)?;
        }
        if let Some(description) = &self.description {
            row.description.clone_from(description);
        }
        if let Some(paused) = self.paused {
            row.state = if paused { "paused" } else { "active" }.to_owned();
            row.reason = None;
        }
        row.version += 1;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str, reason: Option<&str>) -> Row {
        Row {
            id: "eu_w".to_owned(),
            organiser_id: "eu_o".to_owned(),
            url: "https://example.com/hooks".to_owned(),
            types: r#"["order.confirmed"]"#.to_owned(),
            description: Some("Till".to_owned()),
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            previous_until: None,
            failing_since: None,
            version: 3,
            created_by: "eu_u".to_owned(),
            created_at: 0,
        }
    }

    #[test]
    fn a_change_changes_what_it_names() {
        let unchanged = Change::default().of(row("active", None)).unwrap();
        assert_eq!(unchanged, Row { version: 4, ..row("active", None) });
        let change = Change { types: Some(vec!["ticket.admitted"]), description: Some(None), ..Change::default() };
        let changed = change.of(row("disabled", Some("gone"))).unwrap();
        assert_eq!((changed.types.as_str(), changed.description.as_deref()), (r#"["ticket.admitted"]"#, None));
        assert_eq!((changed.state.as_str(), changed.reason.as_deref()), ("disabled", Some("gone")), "nobody said that it works");
    }

    #[test]
    fn a_disabled_one_works_again_when_somebody_says_so() {
        for (paused, state) in [(true, "paused"), (false, "active")] {
            let change = Change { paused: Some(paused), ..Change::default() };
            let changed = change.of(row("disabled", Some("failing"))).unwrap();
            assert_eq!((changed.state.as_str(), changed.reason), (state, None));
            assert_eq!(change.begins_anew(&row("disabled", Some("failing"))), !paused);
        }
        let moved = Change { url: Some("https://example.org/".to_owned()), ..Change::default() };
        let same = Change { url: Some("https://example.com/hooks".to_owned()), ..Change::default() };
        assert!(moved.begins_anew(&row("active", None)) && !same.begins_anew(&row("active", None)));
    }
}
