//! A rollout's events, told as Kubernetes' events. Each has a name that follows from what it says, so that it is told once, whichever instance tells it.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use rollout::machine::{self, EventKind};
use rollout::protocol::ReleaseId;
use sha2::{Digest as _, Sha256};

use crate::limits;

/// Who tells them.
pub(crate) const REPORTER: &str = "marquee.dev/control";

/// Something to be told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Follows from what it says and of which object.
    pub(crate) name: String,
    at: jiff::Timestamp,
    reason: String,
    is_warning: bool,
    note: String,
}

impl Notice {
    /// Of a rollout's event.
    pub(crate) fn of_rollout(object: &ObjectReference, release: ReleaseId, event: &machine::Event) -> Self {
        let named = serde_json::to_value(event.kind).ok();
        let kind = named.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        let note = format!("rollout {}: {}", release.0, event.text);
        let at = i64::try_from(event.at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        Self::new(object, at.unwrap_or_default(), &pascal(kind), is_warning(event.kind), &note)
    }

    /// Of an object that cannot be followed. The same words of one generation are one event.
    pub(crate) fn of_object(object: &ObjectReference, at: jiff::Timestamp, reason: &str, note: &str) -> Self {
        let mut notice = Self::new(object, at, reason, true, note);
        notice.name = name(object, &[reason, note]);
        notice
    }

    fn new(object: &ObjectReference, at: jiff::Timestamp, reason: &str, is_warning: bool, note: &str) -> Self {
        let name = name(object, &[&at.to_string(), reason, note]);
        let note = note.chars().take(limits::NOTE_CHARS).collect();
        Self { name, at, reason: reason.to_owned(), is_warning, note }
    }

    /// As Kubernetes has it.
    pub(crate) fn event(&self, object: &ObjectReference, instance: &str) -> Event {
        Event {
            metadata: ObjectMeta { name: Some(self.name.clone()), namespace: object.namespace.clone(), ..ObjectMeta::default() },
            event_time: Some(MicroTime(self.at)),
            reporting_controller: Some(REPORTER.to_owned()),
            // 128 characters are the most that it takes.
            reporting_instance: Some(instance.chars().take(128).collect()),
            action: Some("Rollout".to_owned()),
            reason: Some(self.reason.clone()),
            regarding: Some(object.clone()),
            note: Some(self.note.clone()),
            type_: Some(if self.is_warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}

fn name(object: &ObjectReference, said: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in [object.uid.as_deref().unwrap_or_default()].iter().chain(said) {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // A name has 253 characters at most, and so has the object's.
    let of: String = object.name.as_deref().unwrap_or_default().chars().take(200).collect();
    format!("{of}.{digest}")
}

fn is_warning(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::LookFailed
            | EventKind::NodeSkipped
            | EventKind::LookedAgain
            | EventKind::RollingBack
            | EventKind::RolledBack
            | EventKind::Aborted
            | EventKind::Failed
    )
}

/// `stage-began` as `StageBegan`.
fn pascal(kind: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    kind.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uid: &str) -> ObjectReference {
        ObjectReference { name: Some("shop".to_owned()), uid: Some(uid.to_owned()), ..ObjectReference::default() }
    }

    #[test]
    fn what_has_happened_has_one_name() {
        let event = |at_ms, text: &str| machine::Event { at_ms, kind: EventKind::RollingBack, text: text.to_owned() };
        let of = |uid, release, event: &machine::Event| Notice::of_rollout(&object(uid), ReleaseId(release), event).name;
        let one = of("u", 1, &event(1, "a"));
        assert_eq!(one, of("u", 1, &event(1, "a")));
        for other in
            [of("v", 1, &event(1, "a")), of("u", 2, &event(1, "a")), of("u", 1, &event(2, "a")), of("u", 1, &event(1, "b"))]
        {
            assert_ne!(one, other);
        }
        let said =
            Notice::of_rollout(&object("u"), ReleaseId(3), &event(1, &"x".repeat(5_000))).event(&object("u"), "control-0/1");
        assert_eq!((said.reason.as_deref(), said.type_.as_deref()), (Some("RollingBack"), Some("Warning")));
        assert!(said.note.unwrap().starts_with("rollout 3: xxx"));
    }
}
