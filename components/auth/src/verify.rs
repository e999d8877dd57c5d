//! `POST /api/auth/verify`

use crate::accounts;
use kit::identity::{Refusal, Scope};
use kit::{Answer, Problem, Request, claims, json};
use serde_json::json;

/// What an access token says, in the manner of RFC 7662: whatever is wrong with it, the answer is only that it is not active.
pub async fn verify(request: Request) -> Answer {
    let token = json::read(&request, |body| body.text("token", 1..=read_model::MAX_TOKEN_BYTES))?;
    match claims::verify(&token).await {
        Ok(claims) => {
            let mut said = json!({
                "active": true,
                "sub": claims.subject,
                "roles": claims.roles,
                "exp": claims.expires_at / kit::time::SECOND,
            });
            // Whoever asks must take neither a guest for somebody with an account, nor a program for a person.
            if let (true, Some(said)) = (claims.guest, said.as_object_mut()) {
                said.insert("guest".into(), true.into());
            }
            if let (Some(Scope { organiser, permissions }), Some(said)) = (claims.scope, said.as_object_mut()) {
                said.insert("organiser_id".into(), organiser.into());
                said.insert("permissions".into(), permissions.into());
            }
            accounts::private(200, &said)
        }
        Err(Refusal::Unavailable(milliseconds)) => Err(Problem::unavailable("Tokens cannot be verified yet.", milliseconds)),
        Err(Refusal::Invalid | Refusal::Expired | Refusal::Revoked) => accounts::private(200, &json!({ "active": false })),
    }
}
