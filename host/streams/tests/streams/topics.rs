use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use streams::topics;

use crate::scene::{PARTITIONS, Topic, until};

async fn look(topic: &Topic, name: &str) -> (usize, String) {
    let admin: AdminClient<DefaultClientContext> = topic.config().create().unwrap();
    let mut found = None;
    // A topic that was just made is not known everywhere at once.
    until("the topic is there", async || {
        let metadata = tokio::task::block_in_place(|| admin.inner().fetch_metadata(Some(name), crate::scene::LONG)).unwrap();
        let partitions = metadata.topics()[0].partitions().len();
        found = (partitions > 0).then_some(partitions);
        found.is_some()
    })
    .await;
    let config =
        admin.describe_configs(&[ResourceSpecifier::Topic(name)], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    (found.unwrap(), config.get("retention.ms").unwrap().value.clone().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_created_as_documented_and_then_left_unchanged() {
    let topic = Topic::create().await;
    let day = 86_400_000_u64;
    assert_eq!(look(&topic, &topic.name).await, (PARTITIONS as usize, (7 * day).to_string()));
    let dead = topics::dead_letter(&topic.name);
    assert_eq!(look(&topic, &dead).await, (PARTITIONS as usize, (30 * day).to_string()));

    let other = Topic { name: format!("{}_other", topic.name), settings: topic.settings.clone(), metrics: topic.metrics.clone() };
    let admin: AdminClient<DefaultClientContext> = topic.config().create().unwrap();
    let made = NewTopic::new(&other.name, 1, TopicReplication::Fixed(1)).set("retention.ms", "1000000");
    admin.create_topics(&[made], &AdminOptions::new()).await.unwrap();
    topics::create_these(&topic.settings, &[&topic.name, &other.name]).await.unwrap();
    assert_eq!(look(&topic, &other.name).await, (1, "1000000".to_owned()));
    other.remove().await;
    topic.remove().await;
}
