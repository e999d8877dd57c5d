use contracts::Ledger;
use region::{Database, migrate};
use vocabulary::booking::Rejection;

use crate::support::{PARTITIONS, Region, STUCK, command, empty_database, until, until_led};

fn events() -> Vec<String> {
    (0..64).map(|number| format!("eu_{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_partitions_and_forward_commands() {
    let region = Region::new().await;
    let a = region.node("a").await;
    until_led(&[&a], &[16]).await;
    let b = region.node("b").await;
    until_led(&[&a, &b], &[8, 8]).await;

    // Each event twice, by one call: the first before the second, wherever it is led.
    let commands = events().iter().flat_map(|event| [command(event, "first"), command(event, "second")]).collect();
    let answers = a.coordinator.apply(commands).await;
    let versions: Vec<u64> = answers.iter().map(|answer| answer.as_ref().unwrap().version).collect();
    assert_eq!(versions, [0, 1].repeat(64));
    assert!(region.handed_on() > 0 && region.handed_on() < 128);
    let by_node = region.book.by_node.lock().unwrap().clone();
    assert!(by_node["a"] > 0 && by_node["b"] > 0, "{by_node:?}");

    // What is handed on is not handed on once more: each event is led by one of the two, and the other says so.
    let before = region.handed_on();
    for event in events() {
        let command = || vec![command(&event, "third")];
        let (here, there) = (a.coordinator.decide_here(command()).await, b.coordinator.decide_here(command()).await);
        assert!(
            matches!(
                (&here[..], &there[..]),
                ([Ok(_)], [Err(Rejection::Unavailable(_))]) | ([Err(Rejection::Unavailable(_))], [Ok(_)])
            ),
            "{event}: {here:?} {there:?}"
        );
    }
    assert_eq!(region.handed_on(), before);
    a.ended().await;
    b.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_of_three_is_replaced() {
    let region = Region::new().await;
    let (a, b, c) = (region.node("a").await, region.node("b").await, region.node("c").await);
    let fair = || [&a, &b, &c].iter().map(|node| node.led()).collect::<Vec<_>>();
    until("fair shares", || fair().iter().sum::<usize>() == PARTITIONS && fair().iter().all(|led| *led <= 6)).await;

    region.kill(b).await;
    until_led(&[&a, &c], &[8, 8]).await;
    for node in [&a, &c] {
        // Word of the new holders is on its way.
        let mut left = events();
        while !left.is_empty() {
            let answers = node.coordinator.apply(left.iter().map(|event| command(event, &node.name)).collect()).await;
            assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Rejection::Unavailable(_)))), "{answers:?}");
            left = left.into_iter().zip(answers).filter_map(|(event, answer)| answer.is_err().then_some(event)).collect();
        }
    }
    a.ended().await;
    c.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_node_loses_its_leases_and_decides_nothing_stale() {
    let region = Region::new().await;
    let (a, b) = (region.node("a").await, region.node("b").await);
    until_led(&[&a, &b], &[8, 8]).await;
    b.pause();
    until_led(&[&a], &[PARTITIONS]).await;
    let decided = |node: &str| region.book.by_node.lock().unwrap().get(node).copied().unwrap_or(0);
    let before = decided("b");
    // Nobody has told it, but its own clock has: it refuses what it led, and hands on what it knows to be another's.
    let answers = b.coordinator.apply(events().iter().map(|event| command(event, "b")).collect()).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Rejection::Unavailable(_)))), "{answers:?}");
    assert!(answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err));
    assert_eq!(decided("b"), before);
    b.resume();
    until_led(&[&a, &b], &[8, 8]).await;
    a.ended().await;
    b.ended().await;
}

/// Its connection to the database is dead, and the other node has its share of partitions already.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_node_is_stuck_is_taken_by_one_that_has_its_share() {
    let region = Region::new().await;
    let (a, b) = (region.node("a").await, region.node("b").await);
    until_led(&[&a, &b], &[8, 8]).await;
    let mut of_b = None;
    for event in events() {
        if b.coordinator.decide_here(vec![command(&event, "first")]).await[0].is_ok() {
            of_b = Some(event);
            break;
        }
    }
    let event = of_b.unwrap();
    *region.book.stuck.lock().unwrap() = Some("b".to_owned());
    let (asked, waiting) = (b.coordinator.clone(), vec![command(&event, STUCK)]);
    let waits = tokio::spawn(async move { asked.decide_here(waiting).await });
    let sold = async {
        while a.coordinator.decide_here(vec![command(&event, "second")]).await[0].is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), sold).await.expect("the other node sells");
    // One of its others goes the other way.
    until_led(&[&a, &b], &[8, 8]).await;
    assert!(a.coordinator.decide_here(vec![command(&event, "third")]).await[0].is_ok());
    *region.book.stuck.lock().unwrap() = None;
    assert_eq!(waits.await.unwrap().len(), 1);
    a.ended().await;
    b.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_start_at_once() {
    let url = empty_database().await;
    let starting = (0..6).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { migrate(&Database::postgres(&url).await.unwrap()).await.unwrap() })
    });
    let applied: Vec<(usize, usize)> = futures::future::join_all(starting).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(applied.iter().map(|(applied, _)| applied).sum::<usize>(), applied[0].1, "each migration once");

    // What people read.
    let database = Database::postgres(&url).await.unwrap();
    let statement = "INSERT INTO leases (name, owner, address, epoch, expires_at) VALUES ('x', '', '', 1, 1700000000123456)";
    database.ask(statement, &[]).await.unwrap();
    let statement = "SELECT CAST(expires_at AT TIME ZONE 'UTC' AS TEXT) FROM readable_leases";
    assert_eq!(database.ask(statement, &[]).await.unwrap().remove(0).text().unwrap(), "2023-11-14 22:13:20.123456");
    for view in ["events", "bookings", "payments", "refunds", "journal"] {
        assert!(database.ask(&format!("SELECT 1 FROM readable_{view} WHERE FALSE"), &[]).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_node_runs_ticks() {
    let region = Region::new().await;
    let (a, b) = (region.node("a").await, region.node("b").await);
    until("a runner", || a.coordinator.runner().leads() || b.coordinator.runner().leads()).await;
    until_led(&[&a, &b], &[8, 8]).await;
    let (runner, other) = if a.coordinator.runner().leads() { (a, b) } else { (b, a) };
    assert!(!other.coordinator.runner().leads());
    runner.coordinator.drain().await;
    assert!(!runner.coordinator.runner().leads());
    until("the other one runs", || other.coordinator.runner().leads()).await;
    runner.ended().await;
    other.ended().await;
}
