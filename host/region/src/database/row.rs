//! Values and rows.

use read_model::rows::Columns;

use super::Error;

/// A parameter, or a column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// BIGINT.
    Integer(i64),
    /// TEXT.
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A row, whose columns are taken from left to right.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    fn next(&mut self) -> Result<Value, Error> {
        self.0.next().ok_or_else(|| Error::Row("too few columns".to_owned()))
    }

    /// The next column, which must be a number.
    ///
    /// # Errors
    /// Where it is not.
    pub fn integer(&mut self) -> Result<i64, Error> {
        self.maybe_integer()?.ok_or_else(|| Error::Row("NULL instead of a number".to_owned()))
    }

    /// The next column, a number or NULL.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn maybe_integer(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(Error::Row("a text instead of a number".to_owned())),
        }
    }

    /// The next column, which must be a number that is not negative and fits.
    ///
    /// # Errors
    /// Where it is not.
    pub fn count<N: TryFrom<i64>>(&mut self) -> Result<N, Error> {
        let number = self.integer()?;
        N::try_from(number).map_err(|_| Error::Row(format!("{number} is out of range")))
    }

    /// The next column, which must be a text.
    ///
    /// # Errors
    /// Where it is not.
    pub fn text(&mut self) -> Result<String, Error> {
        self.maybe_text()?.ok_or_else(|| Error::Row("NULL instead of a text".to_owned()))
    }

    /// The next column, a text or NULL.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn maybe_text(&mut self) -> Result<Option<String>, Error> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Integer(_) => Err(Error::Row("a number instead of a text".to_owned())),
        }
    }
}

impl Columns for Row {
    type Error = Error;

    fn text(&mut self) -> Result<String, Error> {
        Self::text(self)
    }

    fn integer(&mut self) -> Result<i64, Error> {
        Self::integer(self)
    }

    fn maybe_integer(&mut self) -> Result<Option<i64>, Error> {
        Self::maybe_integer(self)
    }

    fn maybe_text(&mut self) -> Result<Option<String>, Error> {
        Self::maybe_text(self)
    }

    fn count<N: TryFrom<i64>>(&mut self) -> Result<N, Error> {
        Self::count(self)
    }
}
