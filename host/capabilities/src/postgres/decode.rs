//! Columns and rows, as the guest shall have them.

use sqlx::{
    Column as _, Row as _, TypeInfo as _, ValueRef as _,
    postgres::{PgColumn, PgRow, PgTypeInfo},
};

use super::{Column, DbDataType, DbValue, Error, Interval, RangeBoundKind, numeric, oid, time};

pub(super) fn columns(columns: &[PgColumn]) -> Vec<Column> {
    columns.iter().map(|column| Column { name: column.name().to_owned(), data_type: data_type(column.type_info()) }).collect()
}

fn data_type(ty: &PgTypeInfo) -> DbDataType {
    match oid::base(ty) {
        oid::BOOL => DbDataType::Boolean,
        oid::BYTEA => DbDataType::Binary,
        oid::FLOAT4 => DbDataType::Floating32,
        oid::FLOAT8 => DbDataType::Floating64,
        oid::INT2 => DbDataType::Int16,
        oid::INT4 => DbDataType::Int32,
        oid::INT8 => DbDataType::Int64,
        oid::TEXT | oid::VARCHAR | oid::BPCHAR => DbDataType::Str,
        oid::TIMESTAMP | oid::TIMESTAMPTZ => DbDataType::Datetime,
        oid::DATE => DbDataType::Date,
        oid::TIME => DbDataType::Time,
        oid::UUID => DbDataType::Uuid,
        oid::JSONB => DbDataType::Jsonb,
        oid::NUMERIC => DbDataType::Decimal,
        oid::INT4RANGE => DbDataType::RangeInt32,
        oid::INT8RANGE => DbDataType::RangeInt64,
        oid::NUMRANGE => DbDataType::RangeDecimal,
        oid::INT4_ARRAY => DbDataType::ArrayInt32,
        oid::INT8_ARRAY => DbDataType::ArrayInt64,
        oid::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        oid::TEXT_ARRAY | oid::VARCHAR_ARRAY | oid::BPCHAR_ARRAY => DbDataType::ArrayStr,
        oid::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_ascii_lowercase()),
    }
}

/// One row. Types without a place in the WIT come as the server's own bytes.
pub(super) fn row(row: &PgRow) -> Result<Vec<DbValue>, Error> {
    let decoded = |column: &PgColumn| {
        let failed = |what: &str| Error::ValueConversionFailed(format!("column {}: {what}", column.name()));
        let raw = row.try_get_raw(column.ordinal()).map_err(|error| failed(&error.to_string()))?;
        if raw.is_null() {
            return Ok(DbValue::DbNull);
        }
        let bytes = raw.as_bytes().map_err(|error| failed(&error.to_string()))?;
        value(oid::base(column.type_info()), bytes).ok_or_else(|| failed("its value has no counterpart"))
    };
    row.columns().iter().map(decoded).collect()
}

fn value(oid: u32, bytes: &[u8]) -> Option<DbValue> {
    Some(match oid {
        oid::BOOL => DbValue::Boolean(*bytes.first()? != 0),
        oid::BYTEA => DbValue::Binary(bytes.to_vec()),
        oid::FLOAT4 => DbValue::Floating32(f32::from_be_bytes(bytes.try_into().ok()?)),
        oid::FLOAT8 => DbValue::Floating64(f64::from_be_bytes(bytes.try_into().ok()?)),
        oid::INT2 => DbValue::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
        oid::INT4 => DbValue::Int32(int4(bytes)?),
        oid::INT8 => DbValue::Int64(int8(bytes)?),
        oid::TEXT | oid::VARCHAR | oid::BPCHAR => DbValue::Str(text(bytes)?),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => DbValue::Datetime(time::datetime(int8(bytes)?)?),
        oid::DATE => DbValue::Date(time::date(int4(bytes)?.into())?),
        oid::TIME => DbValue::Time(time::time(int8(bytes)?)?),
        oid::UUID => DbValue::Uuid(uuid(bytes)?),
        oid::JSONB => DbValue::Jsonb(bytes.strip_prefix(&[1])?.to_vec()),
        oid::NUMERIC => DbValue::Decimal(numeric::decode(bytes)?),
        oid::INT4RANGE => DbValue::RangeInt32(range(bytes, int4)?),
        oid::INT8RANGE => DbValue::RangeInt64(range(bytes, int8)?),
        oid::NUMRANGE => DbValue::RangeDecimal(range(bytes, numeric::decode)?),
        oid::INT4_ARRAY => DbValue::ArrayInt32(array(bytes, int4)?),
        oid::INT8_ARRAY => DbValue::ArrayInt64(array(bytes, int8)?),
        oid::NUMERIC_ARRAY => DbValue::ArrayDecimal(array(bytes, numeric::decode)?),
        oid::TEXT_ARRAY | oid::VARCHAR_ARRAY | oid::BPCHAR_ARRAY => DbValue::ArrayStr(array(bytes, text)?),
        oid::INTERVAL => {
            let mut bytes = Bytes(bytes);
            DbValue::Interval(Interval {
                micros: int8(bytes.take(8)?)?,
                days: int4(bytes.take(4)?)?,
                months: int4(bytes.take(4)?)?,
            })
        }
        _ => DbValue::Unsupported(bytes.to_vec()),
    })
}

fn int4(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

fn int8(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(bytes.try_into().ok()?);
    let digits = format!("{number:032x}");
    let parts = [digits.get(..8)?, digits.get(8..12)?, digits.get(12..16)?, digits.get(16..20)?, digits.get(20..)?];
    Some(parts.join("-"))
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A value with its length before it; none is NULL.
    fn value(&mut self) -> Option<Option<&'a [u8]>> {
        match usize::try_from(int4(self.take(4)?)?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Some(None),
        }
    }
}

type Bound<T> = Option<(T, RangeBoundKind)>;

/// A range; one that is empty has no bounds, as in Spin.
fn range<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<T>) -> Option<(Bound<T>, Bound<T>)> {
    let mut bytes = Bytes(bytes);
    let flags = *bytes.take(1)?.first()?;
    if flags & 0x01 != 0 {
        return Some((None, None));
    }
    let mut bound = |inclusive: u8, infinite: u8| {
        if flags & infinite != 0 {
            return Some(None);
        }
        let kind = if flags & inclusive != 0 { RangeBoundKind::Inclusive } else { RangeBoundKind::Exclusive };
        Some(Some((decode(bytes.value()??)?, kind)))
    };
    Some((bound(0x02, 0x08)?, bound(0x04, 0x10)?))
}

/// An array of one dimension, or an empty one.
fn array<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<Option<T>>> {
    let mut bytes = Bytes(bytes);
    let dimensions = int4(bytes.take(4)?)?;
    let _nulls_and_type = bytes.take(8)?;
    match dimensions {
        0 => return Some(Vec::new()),
        1 => {}
        _ => return None,
    }
    let count = int4(bytes.take(4)?)?;
    let _lower_bound = bytes.take(4)?;
    (0..count).map(|_| bytes.value()?.map_or(Some(None), |value| decode(value).map(Some))).collect()
}

/// What a row costs in memory.
pub(super) fn row_bytes(row: &[DbValue]) -> usize {
    let texts = |values: &[Option<String>]| {
        values.iter().map(|value| size_of::<Option<String>>() + value.as_ref().map_or(0, String::len)).sum()
    };
    let value_bytes = |value: &DbValue| {
        size_of::<DbValue>()
            + match value {
                DbValue::Str(text) | DbValue::Uuid(text) | DbValue::Decimal(text) => text.len(),
                DbValue::Binary(bytes) | DbValue::Jsonb(bytes) | DbValue::Unsupported(bytes) => bytes.len(),
                DbValue::ArrayInt32(values) => size_of_val(values.as_slice()),
                DbValue::ArrayInt64(values) => size_of_val(values.as_slice()),
                DbValue::ArrayDecimal(values) | DbValue::ArrayStr(values) => texts(values),
                _ => 0,
            }
    };
    row.iter().map(value_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(oid: u32, bytes: &[u8]) -> String {
        value(oid, bytes).map_or("none".into(), |value| format!("{value:?}"))
    }

    #[test]
    fn values_from_the_servers_bytes() {
        for (oid, bytes, expected) in [
            (oid::BOOL, &[1][..], "DbValue::Boolean(true)"),
            (oid::INT2, &[255, 254], "DbValue::Int16(-2)"),
            (oid::INT8, &[0, 0, 0, 0, 0, 0, 1, 0], "DbValue::Int64(256)"),
            (oid::INT8, &[0, 0, 1, 0], "none"),
            (oid::TEXT, "grün".as_bytes(), "DbValue::Str(\"grün\")"),
            (oid::TEXT, &[0xFF], "none"),
            (oid::DATE, &[0, 0, 0, 59], "DbValue::Date((2000, 2, 29))"),
            (oid::JSONB, b"\x01{}", "DbValue::Jsonb([123, 125])"),
            (oid::TIMESTAMP, &i64::MAX.to_be_bytes(), "none"),
            (oid::INT4RANGE, &[1], "DbValue::RangeInt32((None, None))"),
            (
                oid::INT4RANGE,
                &[0x12, 0, 0, 0, 4, 0, 0, 0, 1],
                "DbValue::RangeInt32((Some((1, RangeBoundKind::Inclusive)), None))",
            ),
            (oid::INT4_ARRAY, &[0; 12], "DbValue::ArrayInt32([])"),
            (99_999, b"x", "DbValue::Unsupported([120])"),
        ] {
            assert_eq!(shown(oid, bytes), expected);
        }
        let uuid: Vec<u8> = (0..16).collect();
        assert_eq!(shown(oid::UUID, &uuid), "DbValue::Uuid(\"00010203-0405-0607-0809-0a0b0c0d0e0f\")");
        let array = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 255, 255, 255, 255];
        assert_eq!(shown(oid::TEXT_ARRAY, &array), "DbValue::ArrayStr([Some(\"a\"), None])");
        assert_eq!(shown(oid::TEXT_ARRAY, &array[..25]), "none");
    }
}
