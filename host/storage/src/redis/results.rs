//! What Redis answers to any command, laid flat as Spin wants it.

use ::redis::{FromRedisValue, ParsingError, Value};

use super::Reply;

pub(super) struct Results(pub(super) Vec<Reply>);

impl FromRedisValue for Results {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut results = Vec::new();
        flatten(value, &mut results)?;
        Ok(Self(results))
    }
}

fn flatten(value: Value, results: &mut Vec<Reply>) -> Result<(), ParsingError> {
    results.push(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int64(number),
        Value::Boolean(truth) => Reply::Int64(truth.into()),
        Value::BulkString(bytes) => Reply::Binary(bytes),
        Value::Double(number) => Reply::Binary(number.to_string().into_bytes()),
        Value::BigNumber(number) => Reply::Binary(number.to_string().into_bytes()),
        Value::VerbatimString { text, .. } => Reply::Binary(text.into_bytes()),
        Value::SimpleString(status) => Reply::Status(status),
        Value::Okay => Reply::Status("OK".into()),
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
    fn nested_answers_are_flattened() {
        let nested = Value::Array(vec![
            Value::Okay,
            Value::Nil,
            Value::Array(vec![Value::Int(7), Value::BulkString(b"x".to_vec())]),
            Value::Map(vec![(Value::SimpleString("key".into()), Value::Double(0.5))]),
            Value::Boolean(true),
        ]);
        let shown = format!("{:?}", Results::from_redis_value(nested).unwrap().0);
        assert_eq!(shown, "[Status(\"OK\"), Nil, Int64(7), Binary([120]), Status(\"key\"), Binary([48, 46, 53]), Int64(1)]");
    }
}
