//! Rows into structs.

use super::{Error, Value};
use read_model::rows::{Columns, EventRow, InventoryRow, LineRow, TicketRow};

/// Reads a row's columns, in order.
pub struct RowReader {
    columns: std::vec::IntoIter<Value>,
    number: usize,
}

impl RowReader {
    /// Of these columns.
    pub fn new(columns: Vec<Value>) -> Self {
        Self { columns: columns.into_iter(), number: 0 }
    }

    /// All columns that are left.
    pub fn rest(&mut self) -> Vec<Value> {
        self.columns.by_ref().collect()
    }

    /// The next column.
    pub fn column<T: FromColumn>(&mut self) -> Result<T, Error> {
        self.number += 1;
        let value = self.columns.next().ok_or_else(|| Error::Other(format!("a row has no column {}", self.number)))?;
        T::from_column(value).map_err(|value| Error::Other(format!("column {} does not fit: {value:?}", self.number)))
    }
}

/// What one column can be read into.
pub trait FromColumn: Sized {
    /// The value, or the column given back where it does not fit.
    fn from_column(value: Value) -> Result<Self, Value>;
}

impl FromColumn for i64 {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Integer(number) => Ok(number),
            other => Err(other),
        }
    }
}

impl FromColumn for u32 {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Integer(number) => Self::try_from(number).map_err(|_| value),
            other => Err(other),
        }
    }
}

impl FromColumn for u64 {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Integer(number) => Self::try_from(number).map_err(|_| value),
            other => Err(other),
        }
    }
}

impl FromColumn for bool {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Integer(0) => Ok(false),
            Value::Integer(1) => Ok(true),
            other => Err(other),
        }
    }
}

impl FromColumn for String {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            other => T::from_column(other).map(Some),
        }
    }
}

/// What a row can be read into: a tuple, or a struct of [`row!`](crate::row).
pub trait FromRow: Sized {
    /// Reads the columns in order.
    fn from_row(row: &mut RowReader) -> Result<Self, Error>;
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {
        $(impl<$($name: FromColumn),+> FromRow for ($($name,)+) {
            fn from_row(row: &mut RowReader) -> Result<Self, Error> {
                Ok(($(row.column::<$name>()?,)+))
            }
        })*
    };
}

tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H; }

impl Columns for RowReader {
    type Error = Error;

    fn text(&mut self) -> Result<String, Error> {
        self.column()
    }

    fn integer(&mut self) -> Result<i64, Error> {
        self.column()
    }

    fn maybe_integer(&mut self) -> Result<Option<i64>, Error> {
        self.column()
    }

    fn maybe_text(&mut self) -> Result<Option<String>, Error> {
        self.column()
    }

    fn count<N: TryFrom<i64>>(&mut self) -> Result<N, Error> {
        let number: i64 = self.column()?;
        N::try_from(number).map_err(|_| Error::Other(format!("column {} does not fit: {number}", self.number)))
    }
}

macro_rules! public_rows {
    ($($name:ident)+) => {
        $(impl FromRow for $name {
            fn from_row(row: &mut RowReader) -> Result<Self, Error> {
                Self::take(row)
            }
        })+
    };
}

public_rows! { EventRow TicketRow InventoryRow LineRow }

/// A struct that a row is read into, its fields in the order of the columns.
///
/// ```ignore
/// kit::row! {
///     /// A user as login needs it.
///     pub struct Account { pub id: String, pub password_hash: String, pub blocked_at: Option<i64> }
/// }
/// let account: Option<Account> = tx.one("SELECT id, password_hash, blocked_at FROM users WHERE email = $1", params![email]).await?;
/// ```
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),+ }

        impl $name {
            /// The columns, if its fields are called as they are.
            #[allow(dead_code, reason = "some read what is computed")]
            $vis const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];
        }

        impl $crate::sql::FromRow for $name {
            fn from_row(row: &mut $crate::sql::RowReader) -> Result<Self, $crate::sql::Error> {
                Ok(Self { $($field: row.column()?),+ })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    row! {
        #[derive(Debug, PartialEq)]
        struct Pair { name: String, count: Option<i64> }
    }

    #[test]
    fn mismatched_columns_are_refused() {
        let read = |columns| Pair::from_row(&mut RowReader::new(columns));
        assert_eq!(read(vec![Value::from("a"), Value::Null]).unwrap(), Pair { name: "a".into(), count: None });
        assert_eq!(read(vec![Value::from("a"), Value::from(3i64)]).unwrap(), Pair { name: "a".into(), count: Some(3) });
        assert!(read(vec![Value::Null, Value::Null]).is_err());
        assert!(read(vec![Value::from("a")]).is_err());
        assert!(<(u32,)>::from_row(&mut RowReader::new(vec![Value::from(-1i64)])).is_err());
    }
}
