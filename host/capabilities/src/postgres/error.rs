//! What the server or the driver says, as the guest shall hear it.

use std::error::Error as StdError;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use telemetry::secured;

use super::{DbError, Error, QueryError};

/// "cached plan must not change result type": the schema has changed since the statement was prepared on this connection.
pub(super) const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// A statement failed.
pub(super) fn query(error: sqlx::Error) -> Error {
    let query_error = match error {
        sqlx::Error::Database(error) => match error.try_downcast::<PgDatabaseError>() {
            Ok(error) => QueryError::DbError(from_server(&error)),
            Err(error) => QueryError::Text(error.to_string()),
        },
        error => QueryError::Text(with_causes(&error)),
    };
    Error::QueryFailed(query_error)
}

/// There is no connection. Where it is for want of TLS, says what to do about it.
pub(super) fn connecting(error: &sqlx::Error) -> Error {
    let text = with_causes(error);
    let untrusted = matches!(error, sqlx::Error::Tls(_)) || text.contains("certificate");
    Error::ConnectionFailed(if untrusted { format!("{text}; {}", secured::POSTGRES_HINT) } else { text })
}

/// Whether the connection is still good after this: what the server says about a statement does not harm it, unless
/// it says goodbye.
pub(super) fn leaves_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<PgDatabaseError>()
            .is_some_and(|error| !matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
        _ => false,
    }
}

/// Whether this is the server not being there: it was lost, it refuses everybody (57P, 53300), or what it said made no sense. What it says about
/// a statement, or about who asks, is an answer.
pub(super) fn unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        error => code(error).is_some_and(|code| code.starts_with("57P") || code == "53300"),
    }
}

/// The SQLSTATE, if the server gave one.
pub(super) fn code(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code)
}

fn from_server(error: &PgDatabaseError) -> DbError {
    let severity = match error.severity() {
        PgSeverity::Panic => "PANIC",
        PgSeverity::Fatal => "FATAL",
        PgSeverity::Error => "ERROR",
        PgSeverity::Warning => "WARNING",
        PgSeverity::Notice => "NOTICE",
        PgSeverity::Debug => "DEBUG",
        PgSeverity::Info => "INFO",
        PgSeverity::Log => "LOG",
    };
    let extras = [
        ("column", error.column()),
        ("constraint", error.constraint()),
        ("routine", error.routine()),
        ("hint", error.hint()),
        ("table", error.table()),
        ("datatype", error.data_type()),
        ("schema", error.schema()),
        ("where_", error.r#where()),
    ];
    DbError {
        as_text: format!("{severity}: {} ({})", error.message(), error.code()),
        severity: severity.to_owned(),
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        extras: extras.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect(),
    }
}

fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
