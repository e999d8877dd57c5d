//! Tables as they are written: each column once, with what it says of a row and what a change does with it.
//!
//! Statements and their parameters are made of that: here those that both engines understand; the ledger makes one of its own for Postgres.

use super::Value;
use crate::limits;

/// Something that is a row of a table once it is written.
pub trait Row: Sized {
    /// The table's name.
    const TABLE: &'static str;

    /// Its columns.
    fn columns() -> Vec<Column<Self>>;
}

/// A column.
pub struct Column<R> {
    /// As SQL has it.
    pub name: &'static str,
    /// What it says.
    pub source: Source<R>,
    /// What a change of a row does with it.
    pub change: Change,
}

/// Where what a column says comes from. A row is read once, so that what it owns can be taken out of it.
pub enum Source<R> {
    /// TEXT of the row.
    Text(fn(&mut R) -> Option<String>),
    /// BIGINT of the row.
    Number(fn(&mut R) -> Option<i64>),
    /// The event that the row belongs to.
    Event,
    /// The time at which it is written.
    Now,
    /// The same in each row, as SQL.
    Literal(&'static str),
}

/// What a change of a row does with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it stays as it was when the row was new.
    None,
    /// Finds the row by it.
    Key,
    /// Sets it.
    Set,
    /// Adds to it.
    Add,
    /// Sets it, and changes nothing of a row where it would not grow.
    Grow,
}

impl<R> Column<R> {
    /// TEXT.
    pub fn text(name: &'static str, read: fn(&mut R) -> Option<String>) -> Self {
        Self { name, source: Source::Text(read), change: Change::None }
    }

    /// BIGINT.
    pub fn number(name: &'static str, read: fn(&mut R) -> Option<i64>) -> Self {
        Self { name, source: Source::Number(read), change: Change::None }
    }

    /// The id of the event that the row belongs to.
    pub fn event(name: &'static str) -> Self {
        Self { name, source: Source::Event, change: Change::None }
    }

    /// When the row is written.
    pub fn now(name: &'static str) -> Self {
        Self { name, source: Source::Now, change: Change::None }
    }

    /// The same in each row.
    pub fn literal(name: &'static str, sql: &'static str) -> Self {
        Self { name, source: Source::Literal(sql), change: Change::None }
    }

    /// It finds the row that is changed.
    pub fn key(self) -> Self {
        Self { change: Change::Key, ..self }
    }

    /// A change sets it.
    pub fn set(self) -> Self {
        Self { change: Change::Set, ..self }
    }

    /// A change adds to it.
    pub fn add(self) -> Self {
        Self { change: Change::Add, ..self }
    }

    /// A change makes it grow, or is none.
    pub fn grow(self) -> Self {
        Self { change: Change::Grow, ..self }
    }

    fn value(&self, event: &str, row: &mut R, now: i64) -> Option<Value> {
        match &self.source {
            Source::Text(read) => Some(read(row).into()),
            Source::Number(read) => Some(read(row).into()),
            Source::Event => Some(event.into()),
            Source::Now => Some(now.into()),
            Source::Literal(_) => None,
        }
    }
}

/// A statement, and how many rows it must touch: anything else means that the rows are not what was read.
#[derive(Debug)]
pub struct Write {
    /// For both engines.
    pub text: String,
    /// `$1` and so on.
    pub parameters: Vec<Value>,
    /// As many as were given.
    pub rows: u64,
}

/// Inserts rows, each with its event, in as few statements as can be.
pub fn insert<R: Row>(rows: Vec<(&str, R)>, now: i64) -> Vec<Write> {
    let columns = R::columns();
    let names = names(&columns, |column| column.name.to_owned());
    chunks(rows, &columns, now, |source, number| match source {
        Source::Literal(sql) => (*sql).to_owned(),
        _ => format!("${number}"),
    })
    .map(|(values, parameters, rows)| {
        let text = format!("INSERT INTO {} ({names}) VALUES {values}", R::TABLE);
        Write { text, parameters, rows }
    })
    .collect()
}

/// Changes rows, each with its event, in as few statements as can be.
pub fn update<R: Row>(rows: Vec<(&str, R)>, now: i64) -> Vec<Write> {
    let columns: Vec<_> = R::columns().into_iter().filter(|column| column.change != Change::None).collect();
    let names = names(&columns, |column| column.name.to_owned());
    let (set, is) = (assignments(&columns, R::TABLE, "v"), conditions(&columns, R::TABLE, "v"));
    // Cast, so that Postgres need not guess.
    chunks(rows, &columns, now, |source, number| match source {
        Source::Text(_) | Source::Event => format!("CAST(${number} AS TEXT)"),
        Source::Number(_) | Source::Now => format!("CAST(${number} AS BIGINT)"),
        Source::Literal(sql) => (*sql).to_owned(),
    })
    .map(|(values, parameters, rows)| {
        let text = format!("WITH v ({names}) AS (VALUES {values}) UPDATE {} SET {set} FROM v WHERE {is}", R::TABLE);
        Write { text, parameters, rows }
    })
    .collect()
}

/// Columns as a list.
pub fn names<R>(columns: &[Column<R>], name: impl FnMut(&Column<R>) -> String) -> String {
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What a change sets: columns of `table` from those of `with`.
pub fn assignments<R>(columns: &[Column<R>], table: &str, with: &str) -> String {
    let assignments = columns.iter().filter_map(|Column { name, change, .. }| match change {
        Change::None | Change::Key => None,
        Change::Set | Change::Grow => Some(format!("{name} = {with}.{name}")),
        Change::Add => Some(format!("{name} = {table}.{name} + {with}.{name}")),
    });
    assignments.collect::<Vec<_>>().join(", ")
}

/// Which row of `table` a change is of.
pub fn conditions<R>(columns: &[Column<R>], table: &str, with: &str) -> String {
    let conditions = columns.iter().filter_map(|Column { name, change, .. }| match change {
        Change::Key => Some(format!("{table}.{name} = {with}.{name}")),
        Change::Grow => Some(format!("{table}.{name} < {with}.{name}")),
        Change::None | Change::Set | Change::Add => None,
    });
    conditions.collect::<Vec<_>>().join(" AND ")
}

/// Rows of one statement: `($1,$2),($3,$4)`, the parameters, and their number.
fn chunks<'a, R>(
    rows: Vec<(&'a str, R)>,
    columns: &'a [Column<R>],
    now: i64,
    place: impl Fn(&Source<R>, usize) -> String + 'a,
) -> impl Iterator<Item = (String, Vec<Value>, u64)> + 'a {
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let (mut values, mut parameters, mut count) = (String::new(), Vec::new(), 0);
        for (event, mut row) in rows.by_ref().take(limits::ROWS) {
            values.push_str(if count == 0 { "(" } else { ",(" });
            for (at, column) in columns.iter().enumerate() {
                parameters.extend(column.value(event, &mut row, now));
                values.push_str(if at == 0 { "" } else { "," });
                values.push_str(&place(&column.source, parameters.len()));
            }
            values.push(')');
            count += 1;
        }
        Some((values, parameters, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seat {
        row: String,
        price: i64,
    }

    impl Row for Seat {
        const TABLE: &'static str = "seats";

        fn columns() -> Vec<Column<Self>> {
            vec![
                Column::<Self>::event("event").key(),
                Column::<Self>::text("row", |seat| Some(std::mem::take(&mut seat.row))).key(),
                Column::<Self>::number("price", |seat| Some(seat.price)).set(),
                Column::<Self>::number("sold", |_| Some(1)).add(),
                Column::<Self>::now("version").grow(),
                Column::literal("status", "'due'"),
            ]
        }
    }

    fn seat(row: &str) -> (&'static str, Seat) {
        ("eu_e", Seat { row: row.to_owned(), price: 5 })
    }

    #[test]
    fn statements_are_built_from_the_columns() {
        let [insert] = &insert(vec![seat("a"), seat("b")], 9)[..] else { panic!() };
        assert_eq!(
            insert.text,
            "INSERT INTO seats (event, row, price, sold, version, status) VALUES ($1,$2,$3,$4,$5,'due'),($6,$7,$8,$9,$10,'due')"
        );
        assert_eq!((insert.rows, insert.parameters.len()), (2, 10));
        assert_eq!(insert.parameters[..5], [Value::from("eu_e"), "a".into(), 5i64.into(), 1i64.into(), 9i64.into()]);
        let [update] = &update(vec![seat("a")], 9)[..] else { panic!() };
        assert_eq!(
            update.text,
            "WITH v (event, row, price, sold, version) AS (VALUES (CAST($1 AS TEXT),CAST($2 AS TEXT),CAST($3 AS BIGINT),CAST($4 AS BIGINT),\
             CAST($5 AS BIGINT))) UPDATE seats SET price = v.price, sold = seats.sold + v.sold, version = v.version FROM v \
             WHERE seats.event = v.event AND seats.row = v.row AND seats.version < v.version"
        );
    }

    #[test]
    fn rows_of_a_statement_are_limited() {
        let seats = |count| (0..count).map(|number: usize| seat(&number.to_string())).collect();
        let rows = |count| insert::<Seat>(seats(count), 0).iter().map(|write| write.rows).collect::<Vec<_>>();
        let most = limits::ROWS as u64;
        assert_eq!((rows(0), rows(limits::ROWS), rows(limits::ROWS + 1)), (vec![], vec![most], vec![most, 1]));
    }
}
