//! `POST /api/auth/verify`

use crate::accounts;
use kit::{Answer, Problem, Request, claims, identity::Refusal, json};
use serde_json::json;

/// What an access token says, in the manner of RFC 7662: whatever is wrong with it, the answer is only that it is not active.
pub async fn verify(request: Request) -> Answer {
    let token = json::read(&request, |body| body.text("token", 1..=read_model::MAX_TOKEN_BYTES))?;
    match claims::verify(&token).await {
        Ok(claims) => accounts::private(
            200,
            &json!({
                "active": true,
                "sub": claims.subject,
                "roles": claims.roles,
                "exp": claims.expires_at / kit::time::SECOND,
            }),
        ),
        Err(Refusal::Unavailable(milliseconds)) => Err(Problem::unavailable("Tokens cannot be verified yet.", milliseconds)),
        Err(Refusal::Invalid | Refusal::Expired | Refusal::Revoked) => accounts::private(200, &json!({ "active": false })),
    }
}
