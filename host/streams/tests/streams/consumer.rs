use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use streams::Disposition::{Done, Reject, Retry};
use streams::consumer::Rules;

use crate::handlers::{ScriptedHandler, consume, rules, value};
use crate::scene::{Topic, by_key, unique, until};

/// So many records of 20 keys by turns.
fn records(numbers: std::ops::Range<usize>) -> impl Iterator<Item = (String, String)> {
    numbers.map(|number| (format!("key{}", number % 20), number.to_string()))
}

fn in_order(done: &[(String, String)]) -> bool {
    by_key(done.iter().map(|(key, value)| (key.as_str(), value.as_str()))).values().all(|values| values.is_sorted())
}

fn values(done: &[(String, String)]) -> BTreeSet<usize> {
    done.iter().map(|(_, value)| value.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_handled_once_in_order_of_their_keys_and_committed() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..1_000)).await;
    let handler = ScriptedHandler::new(|_, _| Ok(Done));
    let consuming = consume(&topic, &group, handler.clone(), rules());
    until("all are done", async || handler.done().len() == 1_000).await;
    until("all is committed", async || topic.committed(&group).await == 1_000).await;
    // With nothing to do, it is told of the time.
    until("it is told of the time", async || handler.ticks.load(Relaxed) > 1).await;
    consuming.end().await;
    assert!(in_order(&handler.done()));
    assert_eq!(values(&handler.done()).len(), 1_000);
    let text = String::from_utf8(topic.metrics.render().unwrap()).unwrap();
    let line = format!("marquee_consumer_records_total{{group=\"{group}\",outcome=\"done\",topic=\"other\"}} 1000");
    assert!(text.contains(&line), "{text}");

    // Whoever comes next has nothing to do.
    let next = ScriptedHandler::new(|_, _| Ok(Done));
    let consuming = consume(&topic, &group, next.clone(), rules());
    topic.write([("new".to_owned(), "1000".to_owned())]).await;
    until("the new one is done", async || !next.done().is_empty()).await;
    consuming.end().await;
    assert_eq!(values(&next.done()), BTreeSet::from([1_000]));
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_dead_lettered_and_block_no_other() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..200)).await;
    let handler =
        ScriptedHandler::new(|record, _| Ok(if value(record) == "77" { Reject("no such thing".to_owned()) } else { Done }));
    let consuming = consume(&topic, &group, handler.clone(), rules());
    let dead = topic.dead(1).await;
    until("all others are done", async || handler.done().len() == 199).await;
    until("all is committed", async || topic.committed(&group).await == 200).await;
    consuming.end().await;
    assert!(in_order(&handler.done()));
    let original = topic.read(200).await.into_iter().find(|record| record.value == "77").unwrap();
    assert_eq!((dead[0].key.as_str(), dead[0].value.as_str()), ("key17", "77"));
    for (header, value) in [
        ("marquee_reason", "no such thing"),
        ("marquee_topic", &topic.name),
        ("marquee_partition", &original.partition.to_string()),
        ("marquee_offset", &original.offset.to_string()),
    ] {
        assert_eq!(dead[0].headers[header], value);
    }
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_blocks_its_key_and_keeps_its_order() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..400)).await;
    let others_first = Arc::new(AtomicBool::new(false));
    let released = Arc::clone(&others_first);
    let handler =
        ScriptedHandler::new(move |record, _| Ok(if value(record) == "5" && !released.load(Relaxed) { Retry(1) } else { Done }));
    // It may be tried as often as it takes here.
    let consuming = consume(&topic, &group, handler.clone(), Rules { attempts: u32::MAX, ..rules() });
    // All of the others, and none of its own key.
    until("others overtake it", async || handler.done().len() == 380).await;
    assert!(handler.done().iter().all(|(key, _)| key != "key5"));
    assert!(topic.committed(&group).await < 400);
    others_first.store(true, Relaxed);
    until("all are done", async || handler.done().len() == 400).await;
    until("all is committed", async || topic.committed(&group).await == 400).await;
    consuming.end().await;
    assert!(in_order(&handler.done()));
    assert_eq!(topic.dead_count().await, 0);
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_a_long_queue_pauses_its_partition_without_loss() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write((0..500).map(|number| ("one".to_owned(), number.to_string()))).await;
    let go = Arc::new(AtomicBool::new(false));
    let going = Arc::clone(&go);
    let handler = ScriptedHandler::new(move |_, _| Ok(if going.load(Relaxed) { Done } else { Retry(1) }));
    let consuming = consume(&topic, &group, handler.clone(), Rules { partition: 50, ..rules() });
    until("it has been tried", async || handler.calls.load(Relaxed) > 5).await;
    go.store(true, Relaxed);
    until("all are done", async || handler.done().len() == 500).await;
    consuming.end().await;
    assert!(in_order(&handler.done()));
    assert_eq!(values(&handler.done()).len(), 500);
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_crashes_the_handler_is_isolated_and_dead_lettered() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..200)).await;
    let handler = ScriptedHandler::new(|record, _| if value(record) == "123" { Err("trapped".to_owned()) } else { Ok(Done) });
    let consuming = consume(&topic, &group, handler.clone(), Rules { tick: rules().outage, ..rules() });
    let dead = topic.dead(1).await;
    until("all others are done", async || values(&handler.done()).len() == 199).await;
    consuming.end().await;
    assert_eq!(dead[0].value, "123");
    assert!(dead[0].headers["marquee_reason"].contains("trapped"));
    assert!(in_order(&handler.done()));
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_never_succeeds_is_dead_lettered() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..20)).await;
    let handler = ScriptedHandler::new(|record, _| Ok(if value(record) == "3" { Retry(1) } else { Done }));
    let consuming = consume(&topic, &group, handler.clone(), rules());
    let mut more = 20;
    until("it is given up", async || {
        topic.write([("others".to_owned(), more.to_string())]).await;
        more += 1;
        topic.dead_count().await == 1
    })
    .await;
    consuming.end().await;
    let dead = topic.dead(1).await;
    assert_eq!((dead[0].value.as_str(), dead[0].headers["marquee_reason"].as_str()), ("3", "not done after 4 tries"));
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_dead_letters_nothing() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..100)).await;
    // Longer than the tries of one record, by far; first the handler fails as a whole, then with nothing done.
    let asked = AtomicUsize::new(0);
    let handler = ScriptedHandler::new(move |_, _| match asked.fetch_add(1, Relaxed) {
        0..100 => Err("no instance".to_owned()),
        100..1_500 => Ok(Retry(1)),
        _ => Ok(Done),
    });
    let consuming = consume(&topic, &group, handler.clone(), rules());
    until("all are done", async || values(&handler.done()).len() == 100).await;
    consuming.end().await;
    assert_eq!(topic.dead_count().await, 0);
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_reassigned_without_loss() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..500)).await;
    let [first, second] = [(); 2].map(|()| ScriptedHandler::new(|_, _| Ok(Done)));
    let small = Rules { batch: 8, ..rules() };
    let one = consume(&topic, &group, first.clone(), small);
    until("the first has begun", async || !first.done().is_empty()).await;
    let two = consume(&topic, &group, second.clone(), small);
    let mut written = 500;
    until("the second has some", async || {
        topic.write(records(written..written + 100)).await;
        written += 100;
        !second.done().is_empty()
    })
    .await;
    // The first leaves while there is something to do, and the second has everything.
    topic.write(records(written..written + 500)).await;
    written += 500;
    one.end().await;
    let all = || first.done().into_iter().chain(second.done()).collect::<Vec<_>>();
    until("all are done", async || values(&all()).len() == written).await;
    two.end().await;
    // Nobody was killed: so nothing came twice.
    assert_eq!(all().len(), written);
    assert!(in_order(&first.done()) && in_order(&second.done()));
    assert_eq!(topic.committed(&group).await, i64::try_from(written).unwrap());
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_partition_is_read_again_after_reassignment() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..1_000)).await;
    let go = Arc::new(AtomicBool::new(false));
    let handler = || {
        let going = Arc::clone(&go);
        ScriptedHandler::new(move |_, _| Ok(if going.load(Relaxed) { Done } else { Retry(1) }))
    };
    // Of 1,000 records of 20 keys, more than so many are in each partition that has any.
    let paused = Rules { partition: 20, attempts: u32::MAX, ..rules() };
    let (first, second) = (handler(), handler());
    let one = consume(&topic, &group, first.clone(), paused);
    until("the first has tried some", async || first.calls.load(Relaxed) > 5).await;
    let two = consume(&topic, &group, second.clone(), paused);
    until("the second has tried some", async || second.calls.load(Relaxed) > 5).await;
    two.end().await;
    go.store(true, Relaxed);
    until("all are done", async || values(&first.done()).len() == 1_000).await;
    one.end().await;
    assert!(second.done().is_empty() && in_order(&first.done()));
    topic.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_consumer_finishes_its_batches() {
    let (topic, group) = (Topic::create().await, unique("group"));
    topic.write(records(0..100)).await;
    let handler = ScriptedHandler::held(0, |_, _| Ok(Done));
    let consuming = consume(&topic, &group, handler.clone(), Rules { batch: 10, batches: 1, ..rules() });
    until("a batch is in hand", async || handler.calls.load(Relaxed) == 1).await;
    consuming.stop();
    handler.gate.add_permits(1);
    consuming.end().await;
    let done = handler.done();
    assert!((1..=10).contains(&done.len()));

    let next = ScriptedHandler::new(|_, _| Ok(Done));
    let consuming = consume(&topic, &group, next.clone(), rules());
    until("the rest is done", async || next.done().len() == 100 - done.len()).await;
    consuming.end().await;
    let all: Vec<_> = done.into_iter().chain(next.done()).collect();
    assert_eq!(values(&all).len(), 100);
    assert!(in_order(&all));
    topic.remove().await;
}
