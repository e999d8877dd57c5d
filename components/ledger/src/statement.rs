//! SQL as text and parameters, made apart from where it is run.

use kit::sql::Value;

/// One statement for both engines.
#[derive(Debug)]
pub struct Statement {
    pub text: String,
    pub parameters: Vec<Value>,
}

impl Statement {
    pub fn new(text: impl Into<String>, parameters: impl Into<Vec<Value>>) -> Self {
        Self { text: text.into(), parameters: parameters.into() }
    }
}

/// `VALUES` rows whose columns have these types, cast so that Postgres need not guess: `(CAST($1 AS TEXT),CAST($2 AS BIGINT)),…`.
pub fn typed_rows(rows: usize, types: &[&str]) -> String {
    let row = |row: usize| {
        let columns: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(column, sql_type)| format!("CAST(${} AS {sql_type})", row * types.len() + column + 1))
            .collect();
        format!("({})", columns.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}
