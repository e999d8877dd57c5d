//! What Redis answers to any command, laid flat as the WIT wants it.

use ::redis::{FromRedisValue, ParsingError, Value};

use super::RedisResult;

pub(super) struct Results(pub(super) Vec<RedisResult>);

impl FromRedisValue for Results {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut results = Vec::new();
        flatten(value, &mut results)?;
        Ok(Self(results))
    }
}

fn flatten(value: Value, results: &mut Vec<RedisResult>) -> Result<(), ParsingError> {
    results.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::Boolean(truth) => RedisResult::Int64(truth.into()),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::BigNumber(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::VerbatimString { text, .. } => RedisResult::Binary(text.into_bytes()),
        Value::SimpleString(status) => RedisResult::Status(status),
        Value::Okay => RedisResult::Status("OK".into()),
        Value::Array(values) | Value::Set(values) => return values.into_iter().try_for_each(|value| flatten(value, results)),
        Value::Map(pairs) => {
            return pairs.into_iter().try_for_each(|(key, value)| {
                flatten(key, results)?;
                flatten(value, results)
            });
        }
        Value::Attribute { data, .. } => return flatten(*data, results),
        other => return Err(ParsingError::from(format!("an answer of this kind is not supported: {other:?}"))),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_laid_flat() {
        let nested = Value::Array(vec![
            Value::Okay,
            Value::Nil,
            Value::Array(vec![Value::Int(7), Value::BulkString(b"x".to_vec())]),
            Value::Map(vec![(Value::SimpleString("key".into()), Value::Double(0.5))]),
            Value::Boolean(true),
        ]);
        let shown = format!("{:?}", Results::from_redis_value(nested).unwrap().0);
        assert_eq!(
            shown,
            "[RedisResult::Status(\"OK\"), RedisResult::Nil, RedisResult::Int64(7), RedisResult::Binary([120]), \
             RedisResult::Status(\"key\"), RedisResult::Binary([48, 46, 53]), RedisResult::Int64(1)]"
        );
    }
}
