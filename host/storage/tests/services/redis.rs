use manifest::allowed_hosts::AllowedHosts;
use storage::redis::{Connection, Error, Parameter, RedisConnections, Reply, Script};

use crate::{address, anybody, unique};

async fn open(connections: &RedisConnections) -> Connection {
    connections.open(&address("MARQUEE_TEST_REDIS_URL"), &anybody()).await.unwrap()
}

fn binary(text: &str) -> Parameter {
    Parameter::Binary(text.as_bytes().to_vec())
}

#[tokio::test]
async fn values_numbers_and_sets() {
    let redis = open(&RedisConnections::new()).await;
    let (value, number, set) = (unique("value"), unique("number"), unique("set"));
    assert_eq!(redis.get(value.clone()).await.unwrap(), None);
    redis.set(value.clone(), vec![0, 255]).await.unwrap();
    assert_eq!(redis.get(value.clone()).await.unwrap(), Some(vec![0, 255]));
    assert_eq!((redis.incr(number.clone()).await.unwrap(), redis.incr(number.clone()).await.unwrap()), (1, 2));
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    assert_eq!(redis.sadd(set.clone(), values(&["a", "b", "a"])).await.unwrap(), 2);
    assert_eq!(redis.srem(set.clone(), values(&["b", "c"])).await.unwrap(), 1);
    assert_eq!(redis.smembers(set.clone()).await.unwrap(), ["a"]);
    redis.publish(unique("channel"), b"hello".to_vec()).await.unwrap();
    // What is of the wrong type is told as such.
    assert!(matches!(redis.incr(value.clone()).await, Err(Error::TypeError)));
    assert!(matches!(redis.get(set.clone()).await, Err(Error::TypeError)));
    assert!(matches!(redis.smembers(value.clone()).await, Err(Error::TypeError)));
    assert_eq!(redis.del(vec![value, number, set, unique("missing")]).await.unwrap(), 3);
}

#[tokio::test]
async fn any_command() {
    let redis = open(&RedisConnections::new()).await;
    let list = unique("list");
    let pushed = redis.execute("RPUSH", vec![binary(&list), binary("a"), Parameter::Int64(7)]).await.unwrap();
    assert!(matches!(pushed[..], [Reply::Int64(2)]));
    let range = redis.execute("LRANGE", vec![binary(&list), Parameter::Int64(0), Parameter::Int64(-1)]).await.unwrap();
    assert_eq!(format!("{range:?}"), "[Binary([97]), Binary([55])]");
    assert!(matches!(&redis.execute("PING", vec![]).await.unwrap()[..], [Reply::Status(pong)] if pong == "PONG"));
    assert!(matches!(redis.execute("NOSUCHCOMMAND", vec![]).await, Err(Error::Other(_))));
    redis.del(vec![list]).await.unwrap();
}

#[tokio::test]
async fn handles_do_not_share_connection_state() {
    let connections = RedisConnections::new();
    let (one, other) = (open(&connections).await, open(&connections).await);
    let key = unique("key");
    one.execute("MULTI", vec![]).await.unwrap();
    let queued = one.execute("SET", vec![binary(&key), binary("1")]).await.unwrap();
    assert!(matches!(&queued[..], [Reply::Status(status)] if status == "QUEUED"));
    assert_eq!(other.get(key.clone()).await.unwrap(), None, "and is not queued either");
    one.execute("EXEC", vec![]).await.unwrap();
    assert_eq!(other.get(key.clone()).await.unwrap().as_deref(), Some(&b"1"[..]));
    other.del(vec![key]).await.unwrap();
}

#[tokio::test]
async fn hosts_that_are_not_granted_are_not_called() {
    let address = address("MARQUEE_TEST_REDIS_URL");
    let connections = RedisConnections::new();
    for (hosts, granted) in
        [(vec![], false), (vec!["http://*:*"], false), (vec!["redis://elsewhere.example"], false), (vec!["redis://*:*"], true)]
    {
        let outcome = connections.open(&address, &AllowedHosts::parse(&hosts).unwrap()).await;
        assert_eq!(outcome.is_ok(), granted, "{hosts:?}");
        assert!(granted || matches!(outcome, Err(Error::InvalidAddress)), "{hosts:?}");
    }
}

#[tokio::test]
async fn invalid_addresses_are_refused() {
    for address in ["", "redis://", "redis+unix:///tmp/redis.sock", "http://127.0.0.1"] {
        let outcome = RedisConnections::new().open(address, &anybody()).await;
        assert!(matches!(outcome, Err(Error::InvalidAddress)), "{address}");
    }
}

#[tokio::test]
async fn a_flushed_script_is_loaded_again() {
    let url = address("MARQUEE_TEST_REDIS_URL");
    let redis = RedisConnections::new().handle(&url).unwrap();
    let (script, key) = (Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1]) -- of a test"), unique("script"));
    for expected in [3, 6] {
        assert_eq!(redis.script::<i64>(&script, &[&key], &[3]).await.unwrap(), expected);
    }
    redis.execute("SCRIPT", vec![binary("FLUSH")]).await.unwrap();
    assert_eq!(redis.script::<i64>(&script, &[&key], &[3]).await.unwrap(), 9);
    redis.set(key.clone(), b"text".to_vec()).await.unwrap();
    assert!(matches!(redis.script::<i64>(&script, &[&key], &[3]).await, Err(Error::Other(_))));
    redis.del(vec![key]).await.unwrap();
}
