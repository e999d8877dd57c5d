//! The ledgers of several regions, as one: each command goes to its event's home.

use std::sync::Arc;

use contracts::Ledger;
use futures::future::{BoxFuture, join_all};
use vocabulary::booking::{Command, Receipt, Rejection};

use crate::regions::Regions;

type Answer = Result<Receipt, Rejection>;

/// Decides wherever an event is at home.
pub struct Ledgers(Regions<Arc<dyn Ledger>>);

impl Ledgers {
    /// Of these regions.
    #[must_use]
    pub fn new(regions: Regions<Arc<dyn Ledger>>) -> Self {
        Self(regions)
    }
}

impl Ledger for Ledgers {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        let unknown = || Err(Rejection::UnknownEvent);
        // Nearly always it is one command, or all are of one event.
        let first = commands.first().map(|command| command.event_id.clone());
        if commands.iter().all(|command| Some(&command.event_id) == first.as_ref()) {
            return match first.as_deref().and_then(|event| self.0.of(event)) {
                Some(ledger) => ledger.apply(commands),
                None => Box::pin(std::future::ready(commands.iter().map(|_| unknown()).collect())),
            };
        }
        Box::pin(async move {
            let mut answers: Vec<Answer> = commands.iter().map(|_| unknown()).collect();
            let mut parts: Vec<(Vec<usize>, Vec<Command>)> = self.0.iter().map(|_| Default::default()).collect();
            for (place, command) in commands.into_iter().enumerate() {
                let region = self.0.iter().position(|(name, _)| self.0.is_of(&command.event_id, name));
                if let Some((places, commands)) = region.and_then(|region| parts.get_mut(region)) {
                    places.push(place);
                    commands.push(command);
                }
            }
            // Each region's commands stay together and in order; regions do not wait for each other.
            let deciding = self.0.iter().zip(parts).filter(|(_, (places, _))| !places.is_empty());
            let deciding =
                deciding.map(|((_, ledger), (places, commands))| async move { (places, ledger.apply(commands).await) });
            for (places, decided) in join_all(deciding).await {
                for (place, answer) in places.into_iter().zip(decided) {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = answer;
                    }
                }
            }
            answers
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use vocabulary::booking::{Action, Subject};

    /// Answers with its name and the event's.
    struct NamedLedger(&'static str, Mutex<Vec<usize>>);

    impl Ledger for NamedLedger {
        fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
            self.1.lock().unwrap().push(commands.len());
            let answer = |command: Command| Err(Rejection::Invalid(format!("{} {}", self.0, command.event_id)));
            Box::pin(std::future::ready(commands.into_iter().map(answer).collect()))
        }
    }

    #[tokio::test]
    async fn commands_go_to_the_region_of_their_event_and_answers_keep_their_order() {
        let (eu, us) = (Arc::new(NamedLedger("eu", Mutex::default())), Arc::new(NamedLedger("us", Mutex::default())));
        let regions = [("eu".into(), Arc::clone(&eu) as Arc<dyn Ledger>), ("us".into(), Arc::clone(&us) as _)];
        let ledgers = Ledgers::new(Regions::new(regions));
        let ask = async |events: &[&str]| {
            let person = || Subject::Person("eu_p".to_owned());
            let command = |event: &&str| Command::new(person(), "k", *event, i64::MAX, Action::Cancel("eu_b".to_owned()));
            let answers = ledgers.apply(events.iter().map(command).collect()).await;
            answers
                .into_iter()
                .map(|answer| match answer {
                    Err(Rejection::Invalid(text)) => text,
                    Err(Rejection::UnknownEvent) => "unknown".to_owned(),
                    other => format!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        let mixed = ask(&["us_1", "eu_1", "ap_1", "us_2", "eu_1"]).await;
        assert_eq!(mixed, ["us us_1", "eu eu_1", "unknown", "us us_2", "eu eu_1"]);
        assert_eq!(ask(&["us_1", "us_1"]).await, ["us us_1", "us us_1"]);
        assert_eq!((ask(&["ap_1"]).await, ask(&[]).await.len()), (vec!["unknown".to_owned()], 0));
        assert_eq!((eu.1.lock().unwrap().clone(), us.1.lock().unwrap().clone()), (vec![2], vec![2, 2]));
    }
}
