//! The server's built-in types, by the numbers that `pg_type.dat` in its source gives them.

use sqlx::postgres::{PgTypeInfo, PgTypeKind};

pub(super) const BOOL: u32 = 16;
pub(super) const BYTEA: u32 = 17;
pub(super) const CHAR: u32 = 18;
pub(super) const NAME: u32 = 19;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
pub(super) const JSON: u32 = 114;
pub(super) const FLOAT4: u32 = 700;
pub(super) const FLOAT8: u32 = 701;
pub(super) const UNKNOWN: u32 = 705;
pub(super) const INT4_ARRAY: u32 = 1007;
pub(super) const TEXT_ARRAY: u32 = 1009;
pub(super) const BPCHAR_ARRAY: u32 = 1014;
pub(super) const VARCHAR_ARRAY: u32 = 1015;
pub(super) const INT8_ARRAY: u32 = 1016;
pub(super) const BPCHAR: u32 = 1042;
pub(super) const VARCHAR: u32 = 1043;
pub(super) const DATE: u32 = 1082;
pub(super) const TIME: u32 = 1083;
pub(super) const TIMESTAMP: u32 = 1114;
pub(super) const TIMESTAMPTZ: u32 = 1184;
pub(super) const INTERVAL: u32 = 1186;
pub(super) const NUMERIC_ARRAY: u32 = 1231;
pub(super) const NUMERIC: u32 = 1700;
pub(super) const UUID: u32 = 2950;
pub(super) const JSONB: u32 = 3802;
pub(super) const INT4RANGE: u32 = 3904;
pub(super) const NUMRANGE: u32 = 3906;
pub(super) const INT8RANGE: u32 = 3926;

/// The number of a type; of a domain, that of the type it narrows. 0 where there is none.
pub(super) fn base(ty: &PgTypeInfo) -> u32 {
    let mut ty = ty;
    while let PgTypeKind::Domain(narrowed) = ty.kind() {
        ty = narrowed;
    }
    ty.oid().map_or(0, |oid| oid.0)
}
