//! Parameters, as the server's prepared statement wants them.

use sqlx::{
    Arguments as _, Encode, Postgres, Type, TypeInfo as _,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, PgTypeKind, types::Oid},
};

use super::{Error, Interval, ParameterValue, RangeBoundKind, numeric, oid, time};

/// The arguments of a statement whose parameters have these types.
pub(super) fn arguments(types: &[PgTypeInfo], values: Vec<ParameterValue>) -> Result<PgArguments, Error> {
    if types.len() != values.len() {
        return Err(Error::BadParameter(format!("expected {} parameters but got {}", types.len(), values.len())));
    }
    let mut arguments = PgArguments::default();
    for (index, (ty, value)) in types.iter().zip(values).enumerate() {
        let bytes = bytes(&ParameterType::of(ty), value)
            .map_err(|what| Error::BadParameter(format!("parameter ${}: {what}", index + 1)))?;
        let argument = Argument { ty: ty.clone(), bytes };
        arguments.add(argument).map_err(|error| Error::BadParameter(format!("parameter ${}: {error}", index + 1)))?;
    }
    Ok(arguments)
}

/// A parameter in the server's binary form; none is NULL, of whatever type.
struct Argument {
    ty: PgTypeInfo,
    bytes: Option<Vec<u8>>,
}

impl Type<Postgres> for Argument {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(oid::TEXT))
    }
}

impl Encode<'_, Postgres> for Argument {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(match &self.bytes {
            Some(bytes) => {
                buffer.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.ty.clone())
    }
}

/// The type of a parameter.
struct ParameterType {
    oid: u32,
    name: String,
    /// Its binary form is its text.
    textual: bool,
}

impl ParameterType {
    fn of(ty: &PgTypeInfo) -> Self {
        let name = ty.name().to_ascii_lowercase();
        // An enumeration goes over as its label.
        Self { oid: oid::base(ty), textual: matches!(ty.kind(), PgTypeKind::Enum(_)) || name == "citext", name }
    }
}

fn bytes(wanted: &ParameterType, value: ParameterValue) -> Result<Option<Vec<u8>>, String> {
    use ParameterValue as V;
    let kind = name(&value);
    let invalid = || format!("not a valid {kind}");
    let bytes = match (wanted.oid, value) {
        (_, V::DbNull) => return Ok(None),
        (oid::BOOL, V::Boolean(value)) => vec![u8::from(value)],
        (oid::CHAR, V::Int8(value)) => value.to_be_bytes().to_vec(),
        (oid::INT2, V::Int16(value)) => value.to_be_bytes().to_vec(),
        (oid::INT4, V::Int32(value)) => value.to_be_bytes().to_vec(),
        (oid::INT8, V::Int64(value)) => value.to_be_bytes().to_vec(),
        (oid::FLOAT4, V::Floating32(value)) => value.to_be_bytes().to_vec(),
        (oid::FLOAT8, V::Floating64(value)) => value.to_be_bytes().to_vec(),
        (oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::UNKNOWN, V::Str(value)) => value.into_bytes(),
        (_, V::Str(value)) if wanted.textual => value.into_bytes(),
        (oid::BYTEA, V::Binary(value)) => value,
        (oid::DATE, V::Date(value)) => time::days(value).ok_or_else(invalid)?.to_be_bytes().to_vec(),
        (oid::TIME, V::Time(value)) => time::micros(value).ok_or_else(invalid)?.to_be_bytes().to_vec(),
        (oid::TIMESTAMP | oid::TIMESTAMPTZ, V::Datetime(value)) => {
            time::datetime_micros(value).ok_or_else(invalid)?.to_be_bytes().to_vec()
        }
        (oid::TIMESTAMPTZ, V::Timestamp(value)) => time::unix_micros(value).ok_or_else(invalid)?.to_be_bytes().to_vec(),
        (oid::UUID, V::Uuid(value)) => uuid(&value).ok_or_else(invalid)?,
        (oid::JSON, V::Jsonb(value)) => value,
        // A version, then the text.
        (oid::JSONB, V::Jsonb(value)) => [vec![1], value].concat(),
        (oid::NUMERIC, V::Decimal(value)) => numeric::encode(&value).ok_or_else(invalid)?,
        (oid::INT4RANGE, V::RangeInt32((low, high))) => range(
            low.map(|(low, kind)| (low.to_be_bytes().to_vec(), kind)),
            high.map(|(high, kind)| (high.to_be_bytes().to_vec(), kind)),
        ),
        (oid::INT8RANGE, V::RangeInt64((low, high))) => range(
            low.map(|(low, kind)| (low.to_be_bytes().to_vec(), kind)),
            high.map(|(high, kind)| (high.to_be_bytes().to_vec(), kind)),
        ),
        (oid::NUMRANGE, V::RangeDecimal((low, high))) => {
            let bound = |(value, kind): (String, _)| Some((numeric::encode(&value)?, kind));
            range(
                low.map(|low| bound(low).ok_or_else(invalid)).transpose()?,
                high.map(|high| bound(high).ok_or_else(invalid)).transpose()?,
            )
        }
        (oid::INT4_ARRAY, V::ArrayInt32(values)) => {
            array(oid::INT4, values, |value| Some(value.to_be_bytes().to_vec())).ok_or_else(invalid)?
        }
        (oid::INT8_ARRAY, V::ArrayInt64(values)) => {
            array(oid::INT8, values, |value| Some(value.to_be_bytes().to_vec())).ok_or_else(invalid)?
        }
        (oid::NUMERIC_ARRAY, V::ArrayDecimal(values)) => {
            array(oid::NUMERIC, values, |value| numeric::encode(&value)).ok_or_else(invalid)?
        }
        (oid::TEXT_ARRAY, V::ArrayStr(values)) => {
            array(oid::TEXT, values, |value| Some(value.into_bytes())).ok_or_else(invalid)?
        }
        (oid::VARCHAR_ARRAY, V::ArrayStr(values)) => {
            array(oid::VARCHAR, values, |value| Some(value.into_bytes())).ok_or_else(invalid)?
        }
        (oid::BPCHAR_ARRAY, V::ArrayStr(values)) => {
            array(oid::BPCHAR, values, |value| Some(value.into_bytes())).ok_or_else(invalid)?
        }
        (oid::INTERVAL, V::Interval(Interval { micros, days, months })) => {
            [micros.to_be_bytes().as_slice(), &days.to_be_bytes(), &months.to_be_bytes()].concat()
        }
        _ => return Err(format!("a value of type {kind} cannot be given where {} is expected", wanted.name)),
    };
    Ok(Some(bytes))
}

fn uuid(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() != 32 {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn range(low: Option<(Vec<u8>, RangeBoundKind)>, high: Option<(Vec<u8>, RangeBoundKind)>) -> Vec<u8> {
    let flag = |bound: &Option<(Vec<u8>, RangeBoundKind)>, inclusive: u8, infinite: u8| match bound {
        Some((_, RangeBoundKind::Inclusive)) => inclusive,
        Some((_, RangeBoundKind::Exclusive)) => 0,
        None => infinite,
    };
    let mut bytes = vec![flag(&low, 0x02, 0x08) | flag(&high, 0x04, 0x10)];
    for (bound, _) in [low, high].into_iter().flatten() {
        bytes.extend(u32::try_from(bound.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(bound);
    }
    bytes
}

fn array<T>(element: u32, values: Vec<Option<T>>, encode: impl Fn(T) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let count = i32::try_from(values.len()).ok()?;
    let has_nulls = values.iter().any(Option::is_none);
    let mut bytes = Vec::new();
    bytes.extend(i32::from(count > 0).to_be_bytes());
    bytes.extend(i32::from(has_nulls).to_be_bytes());
    bytes.extend(element.to_be_bytes());
    if count > 0 {
        bytes.extend(count.to_be_bytes());
        bytes.extend(1_i32.to_be_bytes());
    }
    for value in values {
        match value {
            Some(value) => {
                let value = encode(value)?;
                bytes.extend(i32::try_from(value.len()).ok()?.to_be_bytes());
                bytes.extend(value);
            }
            None => bytes.extend((-1_i32).to_be_bytes()),
        }
    }
    Some(bytes)
}

/// The name of a value's type in WIT.
fn name(value: &ParameterValue) -> &'static str {
    match value {
        ParameterValue::Boolean(_) => "boolean",
        ParameterValue::Int8(_) => "int8",
        ParameterValue::Int16(_) => "int16",
        ParameterValue::Int32(_) => "int32",
        ParameterValue::Int64(_) => "int64",
        ParameterValue::Floating32(_) => "floating32",
        ParameterValue::Floating64(_) => "floating64",
        ParameterValue::Str(_) => "str",
        ParameterValue::Binary(_) => "binary",
        ParameterValue::Date(_) => "date",
        ParameterValue::Time(_) => "time",
        ParameterValue::Datetime(_) => "datetime",
        ParameterValue::Timestamp(_) => "timestamp",
        ParameterValue::Uuid(_) => "uuid",
        ParameterValue::Jsonb(_) => "jsonb",
        ParameterValue::Decimal(_) => "decimal",
        ParameterValue::RangeInt32(_) => "range-int32",
        ParameterValue::RangeInt64(_) => "range-int64",
        ParameterValue::RangeDecimal(_) => "range-decimal",
        ParameterValue::ArrayInt32(_) => "array-int32",
        ParameterValue::ArrayInt64(_) => "array-int64",
        ParameterValue::ArrayDecimal(_) => "array-decimal",
        ParameterValue::ArrayStr(_) => "array-str",
        ParameterValue::Interval(_) => "interval",
        ParameterValue::DbNull => "db-null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(oid: u32, value: ParameterValue) -> Result<Option<Vec<u8>>, String> {
        bytes(&ParameterType { oid, name: "int4".into(), textual: false }, value)
    }

    #[test]
    fn null_fits_every_type() {
        for oid in [oid::INT8, oid::TEXT, oid::JSONB, oid::INT4_ARRAY, 99_999] {
            assert_eq!(encoded(oid, ParameterValue::DbNull), Ok(None));
        }
    }

    #[test]
    fn values_fit_their_own_type_only() {
        assert_eq!(encoded(oid::INT8, ParameterValue::Int64(-2)), Ok(Some(vec![255, 255, 255, 255, 255, 255, 255, 254])));
        let error = encoded(oid::INT4, ParameterValue::Int64(1)).unwrap_err();
        assert_eq!(error, "a value of type int64 cannot be given where int4 is expected");
        assert!(encoded(oid::INT8, ParameterValue::Str("1".into())).is_err());
        assert!(encoded(oid::TEXT, ParameterValue::Int64(1)).is_err());
        assert_eq!(encoded(oid::DATE, ParameterValue::Date((2023, 2, 29))), Err("not a valid date".into()));
        assert_eq!(encoded(oid::UUID, ParameterValue::Uuid("nope".into())), Err("not a valid uuid".into()));
    }

    #[test]
    fn arrays_and_ranges() {
        assert_eq!(encoded(oid::INT4_ARRAY, ParameterValue::ArrayInt32(vec![])).unwrap().unwrap().len(), 12);
        let array = encoded(oid::INT4_ARRAY, ParameterValue::ArrayInt32(vec![Some(7), None])).unwrap().unwrap();
        assert_eq!(
            array,
            [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255]
        );
        let range =
            encoded(oid::INT4RANGE, ParameterValue::RangeInt32((Some((1, RangeBoundKind::Inclusive)), None))).unwrap().unwrap();
        assert_eq!(range, [0x12, 0, 0, 0, 4, 0, 0, 0, 1]);
    }

    #[test]
    fn a_wrong_number_of_parameters_is_an_error() {
        let error = arguments(&[PgTypeInfo::with_oid(Oid(oid::INT8))], vec![]).unwrap_err();
        assert!(matches!(error, Error::BadParameter(text) if text == "expected 1 parameters but got 0"));
    }
}
