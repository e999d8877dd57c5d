//! Rows that go over to Postgres as arrays, one a column, each row with the number of its event: the parameters, and the SQL that reads them.
//!
//! The statement that they are for has the time as its first parameter, and a table `fenced` (`no`, `event`) of the events that it may write: rows
//! of any other are passed over.

use kit::sql::postgres::Parameter;
use kit::sql::table::{Change, Column, Row, Source, assignments, conditions, names};

/// A statement as it is being put together: its parameters are numbered as they are named.
pub struct Statement {
    named: usize,
}

/// What a column goes over as.
enum Array {
    Texts(Vec<Option<String>>),
    Numbers(Vec<Option<i64>>),
}

impl Statement {
    /// Of which so many parameters are named already.
    pub fn new(named: usize) -> Self {
        Self { named }
    }

    /// The next parameter, as an array of this type.
    fn array(&mut self, sql_type: &str) -> String {
        self.named += 1;
        format!("${}::{sql_type}[]", self.named)
    }

    /// Numbers of events, for rows that are no table's.
    pub fn numbers(&mut self) -> String {
        self.array("BIGINT")
    }

    /// Texts, likewise.
    pub fn texts(&mut self) -> String {
        self.array("TEXT")
    }

    /// The arrays of these columns, in order.
    pub fn columns<R>(&mut self, columns: &[Column<R>]) -> String {
        let sent = columns.iter().filter_map(|column| match column.source {
            Source::Text(_) => Some(self.array("TEXT")),
            Source::Number(_) => Some(self.array("BIGINT")),
            Source::Event | Source::Now | Source::Literal(_) => None,
        });
        sent.collect::<Vec<_>>().join(", ")
    }

    /// Inserts rows. Also gives the parameter that has the numbers of their events.
    pub fn insert<R: Row>(&mut self) -> (String, String) {
        let columns = R::columns();
        let (of, arrays) = (self.numbers(), self.columns(&columns));
        let said = names(&columns, |column| match column.source {
            Source::Text(_) | Source::Number(_) => format!("n.{}", column.name),
            Source::Event => "f.event".to_owned(),
            Source::Now => "$1::BIGINT".to_owned(),
            Source::Literal(sql) => sql.to_owned(),
        });
        let all = names(&columns, |column| column.name.to_owned());
        let table = R::TABLE;
        let read = sent(&columns);
        let text = format!(
            "INSERT INTO {table} ({all}) SELECT {said} FROM unnest({of}, {arrays}) AS n (no, {read}) JOIN fenced f USING (no)"
        );
        (text, of)
    }

    /// Changes rows. Also gives the parameter that has the numbers of their events.
    pub fn update<R: Row>(&mut self) -> (String, String) {
        let columns = changing::<R>();
        let (of, arrays) = (self.numbers(), self.columns(&columns));
        let said = names(&columns, |column| match column.source {
            Source::Text(_) | Source::Number(_) => format!("n.{}", column.name),
            Source::Event => format!("f.event AS {}", column.name),
            Source::Now => format!("$1::BIGINT AS {}", column.name),
            Source::Literal(sql) => format!("{sql} AS {}", column.name),
        });
        let table = R::TABLE;
        let (read, set, is) = (sent(&columns), assignments(&columns, table, "c"), conditions(&columns, table, "c"));
        let text = format!(
            "UPDATE {table} SET {set} \
             FROM (SELECT {said} FROM unnest({of}, {arrays}) AS n (no, {read}) JOIN fenced f USING (no)) AS c WHERE {is} RETURNING 1"
        );
        (text, of)
    }
}

/// The columns that a change of a row needs.
pub fn changing<R: Row>() -> Vec<Column<R>> {
    R::columns().into_iter().filter(|column| column.change != Change::None).collect()
}

/// The columns that a change of a row sets.
pub fn setting<R: Row>() -> Vec<Column<R>> {
    R::columns().into_iter().filter(|column| column.change == Change::Set).collect()
}

/// The names of those that go over.
pub fn sent<R>(columns: &[Column<R>]) -> String {
    let goes_over = |column: &&Column<R>| matches!(column.source, Source::Text(_) | Source::Number(_));
    columns.iter().filter(goes_over).map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// The parameters that [`Statement::insert`] reads.
pub fn inserted<R: Row>(rows: Vec<(i64, R)>, all: &mut Vec<Parameter>) {
    rows_of(rows, &R::columns(), all);
}

/// The parameters that [`Statement::update`] reads.
pub fn updated<R: Row>(rows: Vec<(i64, R)>, all: &mut Vec<Parameter>) {
    rows_of(rows, &changing::<R>(), all);
}

/// The numbers of events, and an array for each column that goes over.
pub fn rows_of<R>(rows: Vec<(i64, R)>, columns: &[Column<R>], all: &mut Vec<Parameter>) {
    let (mut of, mut arrays) = (Vec::with_capacity(rows.len()), arrays(columns, rows.len()));
    for (number, mut row) in rows {
        of.push(Some(number));
        let goes_over = columns.iter().filter(|column| matches!(column.source, Source::Text(_) | Source::Number(_)));
        for (column, array) in goes_over.zip(&mut arrays) {
            match (&column.source, array) {
                (Source::Text(read), Array::Texts(texts)) => texts.push(read(&mut row)),
                (Source::Number(read), Array::Numbers(numbers)) => numbers.push(read(&mut row)),
                // Arrays are made of the same columns.
                _ => {}
            }
        }
    }
    all.push(of.into());
    all.extend(arrays.into_iter().map(|array| match array {
        Array::Texts(texts) => texts.into(),
        Array::Numbers(numbers) => numbers.into(),
    }));
}

fn arrays<R>(columns: &[Column<R>], rows: usize) -> Vec<Array> {
    let array = |column: &Column<R>| match column.source {
        Source::Text(_) => Some(Array::Texts(Vec::with_capacity(rows))),
        Source::Number(_) => Some(Array::Numbers(Vec::with_capacity(rows))),
        Source::Event | Source::Now | Source::Literal(_) => None,
    };
    columns.iter().filter_map(array).collect()
}
