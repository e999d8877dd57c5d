//! Which payment or refund an `Idempotency-Key` has made. It is written down with the thing itself, before its outcome is known; the
//! answer follows under a scope of its own ([`kit::idempotency`]). A retry between the two continues with the same payment or refund.

use kit::{
    Answer, Problem, Request, Response, idempotency, params, problem, sql,
    sql::{Error, Tx},
};

/// The scopes of one kind of write.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    intent: &'static str,
    answer: &'static str,
}

/// `POST /api/payments`
pub const PAYMENT: Scope = Scope { intent: "payment-intents", answer: "payments" };
/// `POST /api/payments/{id}/refund`
pub const REFUND: Scope = Scope { intent: "refund-intents", answer: "refunds" };

/// `POST /api/events/{id}/sales`: under its key stands whom the ledger sells to.
pub const COUNTER: Scope = Scope { intent: "counter-intents", answer: "counter-sales" };

/// A request under its key.
pub struct KeyedRequest<'a> {
    /// What kind of write it is.
    pub scope: Scope,
    /// Who asks.
    pub person: &'a str,
    /// The key.
    pub key: &'a str,
    /// What is asked, as a digest.
    pub fingerprint: String,
}

/// What is known under a key.
pub enum IntentState {
    /// Nothing.
    Nothing,
    /// What it has made; its outcome is not written down yet.
    Made(String),
    /// Its answer.
    Answered(Response),
}

impl<'a> KeyedRequest<'a> {
    /// The request's key, which it must have.
    pub fn new(request: &'a Request, scope: Scope, person: &'a str) -> Result<Self, Problem> {
        Ok(Self { scope, person, key: idempotency::required(request)?, fingerprint: idempotency::fingerprint(request) })
    }

    /// What is known under the key; a conflict where it was another request's.
    pub async fn find(&self, tx: &mut Tx) -> Result<IntentState, Problem> {
        if let Some(answer) = idempotency::find(tx, self.scope.answer, self.person, self.key, &self.fingerprint).await? {
            return Ok(IntentState::Answered(answer));
        }
        let statement = "SELECT request_hash, outcome FROM idempotency WHERE scope = $1 AND person = $2 AND key = $3";
        let found: Option<(String, String)> = tx.one(statement, params![self.scope.intent, self.person, self.key]).await?;
        match found {
            None => Ok(IntentState::Nothing),
            Some((hash, made)) if hash == self.fingerprint => Ok(IntentState::Made(made)),
            Some(_) => Err(Problem::new(problem::IDEMPOTENCY_CONFLICT, "This Idempotency-Key was used for another request.")),
        }
    }

    /// Writes down what the key makes. [`Error::Unique`]: the key has made something already.
    pub async fn make(&self, tx: &mut Tx, id: &str) -> Result<(), Error> {
        let now = tx.now();
        tx.execute(
            "INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            params![self.scope.intent, self.person, self.key, &self.fingerprint, id, now],
        )
        .await
        .map(drop)
    }

    /// Keeps the answer, and gives the one that is kept: of two who answer at once, the first.
    pub async fn answer(&self, response: Response) -> Answer {
        let mut tx = sql::write().await?;
        let (scope, person, key) = (self.scope.answer, self.person, self.key);
        if let Some(first) = idempotency::find(&mut tx, scope, person, key, &self.fingerprint).await? {
            return Ok(first);
        }
        match idempotency::keep(&mut tx, scope, person, key, &self.fingerprint, &response).await {
            Ok(()) => {
                tx.commit().await?;
                Ok(response)
            }
            // Between the look and the insert, which only Postgres has room for.
            Err(Error::Unique(_)) => {
                tx.rollback().await?;
                let mut tx = sql::read().await?;
                let first = idempotency::find(&mut tx, scope, person, key, &self.fingerprint).await?;
                first.ok_or_else(|| Problem::internal("an answer that was kept is gone"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Forgets that a key has made this.
pub async fn forget(tx: &mut Tx, scope: Scope, person: &str, id: &str) -> Result<(), Error> {
    let statement = "DELETE FROM idempotency WHERE scope = $1 AND person = $2 AND outcome = $3";
    tx.execute(statement, params![scope.intent, person, id]).await.map(drop)
}

/// After something was accepted, "certainly not done" would be untrue: a retry with the same key continues where this stopped.
pub fn unsettled(mut problem: Problem) -> Problem {
    if problem.kind.status == problem::UNAVAILABLE.status {
        let detail = "It was accepted, and its outcome is not known yet: send it again with the same Idempotency-Key.";
        let log = problem.log.take();
        problem = Problem::new(problem::OUTCOME_UNKNOWN, detail);
        problem.log = log;
    }
    problem
}
