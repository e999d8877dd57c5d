//! What a consumer has to do: the records of each of its partitions that are not done, and which may be handed over. No I/O.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::Rules;
use super::judge::DeliveryAttempts;
use crate::record::TopicPartition;
use crate::{Record, limits};

/// The records of all partitions that this consumer has.
#[derive(Debug)]
pub(super) struct PartitionQueues {
    pub(super) rules: Rules,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    /// Grows with every partition that is given to this consumer: one that comes back is another.
    epoch: u64,
    /// The partition that is looked at first, so that all have their turn.
    turn: usize,
    /// Entries that wait for nothing but their key.
    ready: usize,
    /// Entries that wait to be tried again.
    pub(super) waits: usize,
    /// Records that were done.
    pub(super) done: u64,
    /// Calls of the handler that did not fail.
    pub(super) answered: u64,
}

/// A partition that this consumer has.
#[derive(Debug)]
pub(super) struct Partition {
    epoch: u64,
    /// What is not done, by offset.
    pub(super) entries: BTreeMap<i64, Entry>,
    bytes: usize,
    /// Behind the last one that was taken from Kafka; none before the first.
    next: Option<i64>,
    /// What was committed last.
    committed: Option<i64>,
    /// Some of it is being handled.
    flying: bool,
    /// Nothing of it is handed over any more.
    leaving: bool,
    paused: bool,
}

/// A record that is not done.
#[derive(Debug)]
pub(super) struct Entry {
    record: Arc<Record>,
    pub(super) state: State,
    pub(super) trial: DeliveryAttempts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Flying,
    Until(Instant),
}

/// Records that are handed over together: of partitions that nothing else is handed over of meanwhile, none with the key of another.
#[derive(Debug)]
pub(super) struct Batch {
    records: Vec<Arc<Record>>,
    partitions: Vec<(TopicPartition, u64)>,
}

impl Batch {
    pub(super) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Under which epoch it has a partition.
    fn epoch(&self, place: &TopicPartition) -> Option<u64> {
        self.partitions.iter().find(|(of, _)| of == place).map(|(_, epoch)| *epoch)
    }
}

pub(super) fn place(record: &Record) -> TopicPartition {
    TopicPartition { topic: Arc::clone(&record.topic), partition: record.partition }
}

impl PartitionQueues {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, partitions: BTreeMap::new(), epoch: 0, turn: 0, ready: 0, waits: 0, done: 0, answered: 0 }
    }

    /// This consumer has this partition from now on.
    pub(super) fn assign(&mut self, place: TopicPartition) {
        self.epoch += 1;
        let partition = Partition {
            epoch: self.epoch,
            entries: BTreeMap::new(),
            bytes: 0,
            next: None,
            committed: None,
            flying: false,
            leaving: false,
            paused: false,
        };
        self.remove(&place);
        self.partitions.insert(place, partition);
    }

    /// Nothing of these is handed over any more. None: of all.
    pub(super) fn leave(&mut self, places: Option<&[TopicPartition]>) {
        for (place, partition) in &mut self.partitions {
            partition.leaving |= places.is_none_or(|places| places.contains(place));
        }
    }

    /// Whether one that is leaving is being handled.
    pub(super) fn leaving_in_flight(&self) -> bool {
        self.partitions.values().any(|partition| partition.leaving && partition.flying)
    }

    /// This consumer has it no more.
    pub(super) fn remove(&mut self, place: &TopicPartition) {
        if let Some(partition) = self.partitions.remove(place) {
            let count = |of: fn(&State) -> bool| partition.entries.values().filter(|entry| of(&entry.state)).count();
            self.ready -= count(|state| *state == State::Ready);
            self.waits -= count(|state| matches!(state, State::Until(_)));
        }
    }

    /// A record came. Returns whether its partition has too many now, and is to be paused.
    pub(super) fn push(&mut self, record: Record) -> bool {
        let Some(partition) = self.partitions.get_mut(&place(&record)) else { return false };
        // What was fetched ahead when a partition was paused may come twice.
        if partition.next.is_some_and(|next| record.offset < next) {
            return false;
        }
        partition.next = Some(record.offset + 1);
        partition.bytes += record.bytes();
        let entry = Entry { state: State::Ready, trial: DeliveryAttempts::default(), record: Arc::new(record) };
        partition.entries.insert(entry.record.offset, entry);
        self.ready += 1;
        let full = partition.entries.len() >= self.rules.partition || partition.bytes >= limits::PARTITION_BYTES;
        full && !std::mem::replace(&mut partition.paused, full)
    }

    /// Partitions that were paused and have room again. They count as resumed.
    pub(super) fn resumed(&mut self) -> Vec<TopicPartition> {
        let most = self.rules.partition / 2;
        let roomy = self.partitions.iter_mut().filter(|(_, partition)| {
            partition.paused && partition.entries.len() <= most && partition.bytes <= limits::PARTITION_BYTES / 2
        });
        roomy
            .map(|(place, partition)| {
                partition.paused = false;
                place.clone()
            })
            .collect()
    }

    /// Records that wait for nothing but those before them.
    pub(super) const fn ready(&self) -> usize {
        self.ready
    }

    /// Records that wait to be tried again.
    pub(super) const fn waiting(&self) -> usize {
        self.waits
    }

    /// When the first of those that wait may be tried again.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.waits == 0 {
            return None;
        }
        let free = self.partitions.values().filter(|partition| !partition.flying && !partition.leaving);
        free.flat_map(|partition| partition.entries.values())
            .filter_map(|entry| match entry.state {
                State::Until(due) => Some(due),
                _ => None,
            })
            .min()
    }

    /// The next batch; none where nothing may be handed over.
    pub(super) fn take(&mut self, now: Instant) -> Option<Batch> {
        let mut batch = Batch { records: Vec::new(), partitions: Vec::new() };
        let mut bytes = 0;
        let count = self.partitions.len();
        self.turn = if count == 0 { 0 } else { (self.turn + 1) % count };
        let (done, answered) = (self.done, self.answered);
        let (before, after): (Vec<_>, Vec<_>) =
            self.partitions.iter_mut().enumerate().partition(|(number, _)| *number < self.turn);
        let (mut taken, mut again) = (0, 0);
        'partitions: for (_, (place, partition)) in after.into_iter().chain(before) {
            if partition.flying || partition.leaving {
                continue;
            }
            // One that waits, or is in this batch, holds back those of its key.
            let mut held: HashSet<&[u8]> = HashSet::new();
            for Entry { record, state, trial } in partition.entries.values_mut() {
                let record: &Arc<Record> = record;
                let size = record.bytes();
                if batch.records.len() >= self.rules.batch || (bytes + size > limits::BATCH_SIZE && !batch.records.is_empty()) {
                    break 'partitions;
                }
                if !record.key.is_empty() && !held.insert(&record.key) {
                    continue;
                }
                let due = match *state {
                    State::Ready => true,
                    State::Until(due) => due <= now,
                    State::Flying => false,
                };
                if !due || (trial.alone && !batch.records.is_empty()) {
                    continue;
                }
                taken += usize::from(*state == State::Ready);
                again += usize::from(*state != State::Ready);
                *state = State::Flying;
                trial.begins(done, answered);
                bytes += size;
                batch.records.push(Arc::clone(record));
                if !std::mem::replace(&mut partition.flying, true) {
                    batch.partitions.push((place.clone(), partition.epoch));
                }
                if trial.alone {
                    break 'partitions;
                }
            }
        }
        self.ready -= taken;
        self.waits -= again;
        (!batch.records.is_empty()).then_some(batch)
    }

    /// The entry of a record in a batch, while this consumer still has it.
    pub(super) fn entry(&mut self, batch: &Batch, record: &Record) -> Option<&mut Entry> {
        let place = place(record);
        let partition = self.partitions.get_mut(&place).filter(|partition| Some(partition.epoch) == batch.epoch(&place))?;
        partition.entries.get_mut(&record.offset)
    }

    /// A record in a batch is done with.
    pub(super) fn finish(&mut self, batch: &Batch, record: &Record) {
        let place = place(record);
        let partition = self.partitions.get_mut(&place).filter(|partition| Some(partition.epoch) == batch.epoch(&place));
        if let Some(partition) = partition
            && let Some(entry) = partition.entries.remove(&record.offset)
        {
            debug_assert_eq!(entry.state, State::Flying);
            partition.bytes -= entry.record.bytes();
        }
    }

    /// Calls of the handler that did not fail.
    pub(super) fn answered(&mut self, calls: u64) {
        self.answered += calls;
    }

    /// All of a batch is judged: its partitions are free again.
    pub(super) fn landed(&mut self, batch: &Batch) {
        for (place, epoch) in &batch.partitions {
            if let Some(partition) = self.partitions.get_mut(place).filter(|partition| partition.epoch == *epoch) {
                debug_assert!(partition.entries.values().all(|entry| entry.state != State::Flying));
                partition.flying = false;
            }
        }
    }

    /// Where everything before is done: what may be committed. None before the first record.
    pub(super) fn position(&self, place: &TopicPartition) -> Option<i64> {
        self.partitions.get(place).and_then(Partition::position)
    }

    /// What is to be committed since it was last asked. None: of all partitions.
    pub(super) fn commits(&mut self, places: Option<&[TopicPartition]>) -> Vec<(TopicPartition, i64)> {
        let chosen = self.partitions.iter_mut().filter(|(place, _)| places.is_none_or(|places| places.contains(place)));
        chosen
            .filter_map(|(place, partition)| {
                let position = partition.position().filter(|position| partition.committed != Some(*position))?;
                partition.committed = Some(position);
                Some((place.clone(), position))
            })
            .collect()
    }

    /// A commit failed: everything is to be committed again.
    pub(super) fn forget_commits(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.committed = None);
    }
}

impl Partition {
    fn position(&self) -> Option<i64> {
        self.entries.keys().next().copied().or(self.next)
    }
}
