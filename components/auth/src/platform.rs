//! What the platform is called towards apps and authenticators: by the variable `public_url`.

use kit::{Problem, config, problem};
use passkeys::RelyingParty;

/// Whom passkeys are bound to: the domain of `public_url`; where that is empty, for development, `localhost`.
///
/// # Errors
/// 409 where that address has no domain, or is not reached over TLS.
pub async fn relying_party() -> Result<RelyingParty, Problem> {
    let Some(url) = config::optional("public_url").await? else { return Ok(RelyingParty::localhost()) };
    RelyingParty::of(&url).map_err(|error| {
        let mut problem = Problem::new(problem::PASSKEYS_OFF, "This deployment has no address that passkeys can be bound to.");
        problem.log = Some(format!("variable public_url {error}"));
        problem
    })
}

/// What people see beside their code, or their passkey.
pub async fn name() -> Result<String, Problem> {
    let url = config::optional("public_url").await?;
    let party = url.as_deref().and_then(|url| RelyingParty::of(url).ok());
    Ok(party.map_or_else(|| "Marquee".to_owned(), |party| party.id().to_owned()))
}
