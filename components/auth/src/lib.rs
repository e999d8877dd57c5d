//! Accounts: register, log in, second factors, passkeys, tokens, roles, organisers.
//!
//! Runs in the region that keeps the accounts; others only keep what they must know of them, which their hosts hand over by `marquee:accounts`
//! (`mirror`). Passwords are argon2id hashes, access tokens are EdDSA JWTs of 15 minutes that edges verify with public keys alone, and a session
//! is a row whose refresh token changes with every use.

mod accounts;
mod admin;
mod api_key;
mod api_keys;
mod attempts;
mod challenges;
mod directory;
mod email_change;
mod erasure;
mod guests;
mod hasher;
mod invitations;
mod keys;
mod language;
mod limits;
mod login;
mod logout;
mod members;
mod mirror;
mod organisers;
mod otp;
mod own_sessions;
mod passkey;
mod password;
mod password_change;
mod platform;
mod reauthentication;
mod recovery_codes;
mod refresh;
mod refresh_token;
mod register;
mod reset;
mod roles;
mod rotation;
mod sealed;
mod second_factor;
mod sessions;
mod setup;
mod signing_key;
mod suspension;
mod token;
mod totp;
mod transport;
mod users;
mod verify;
mod verify_email;
mod wit;

use kit::{Router, email};
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service,
};
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .post("/api/auth/register", register::register)
        .post("/api/auth/login", login::login)
        .post("/api/auth/login/second-factor", second_factor::login)
        .post("/api/auth/refresh", refresh::refresh)
        .post("/api/auth/logout", logout::logout)
        .post("/api/auth/token", token::exchange)
        .post("/api/auth/verify", verify::verify)
        .post("/api/auth/guest", guests::create)
        .post("/api/auth/guest/open", guests::open)
        .post("/api/auth/guest/links", guests::links)
        .post("/api/auth/reauthenticate", reauthentication::reauthenticate)
        .get("/api/auth/sessions", own_sessions::list)
        .delete("/api/auth/sessions/:id", own_sessions::end)
        .post("/api/auth/verify-email", verify_email::verify)
        .post("/api/auth/verify-email/resend", verify_email::resend)
        .post("/api/auth/email", email_change::request)
        .post("/api/auth/email/confirm", email_change::confirm)
        .post("/api/auth/password", password_change::change)
        .post("/api/auth/password/forgot", reset::forgot)
        .post("/api/auth/password/reset", reset::reset)
        .get("/api/auth/me", accounts::me)
        .patch("/api/auth/me", accounts::change)
        .delete("/api/auth/me", erasure::erase_mine)
        .get("/api/auth/totp", totp::show)
        .post("/api/auth/totp", totp::begin)
        .delete("/api/auth/totp", totp::end)
        .post("/api/auth/totp/confirm", totp::confirm)
        .post("/api/auth/recovery-codes", recovery_codes::replace)
        .get("/api/auth/passkeys", passkey::list)
        .post("/api/auth/passkeys", passkey::register)
        .post("/api/auth/passkeys/options", passkey::registration_options)
        .post("/api/auth/passkeys/login", passkey::login)
        .post("/api/auth/passkeys/login/options", passkey::login_options)
        .delete("/api/auth/passkeys/:id", passkey::remove)
        .host("/api/auth/due", setup::due)
        .get("/api/organisers", organisers::mine)
        .post("/api/organisers", organisers::create)
        .patch("/api/organisers/:id", organisers::change)
        .get("/api/organisers/:id/team", members::list)
        .patch("/api/organisers/:id/team/:user", members::change)
        .delete("/api/organisers/:id/team/:user", members::remove)
        .get("/api/organisers/:id/invitations", invitations::list)
        .post("/api/organisers/:id/invitations", invitations::invite)
        .delete("/api/organisers/:id/invitations/:invitation", invitations::withdraw)
        .get("/api/invitations", invitations::mine)
        .post("/api/invitations/accept", invitations::accept_by_token)
        .post("/api/invitations/:id/accept", invitations::accept)
        .get("/api/organisers/:id/api-keys", api_keys::list)
        .post("/api/organisers/:id/api-keys", api_keys::create)
        .delete("/api/organisers/:id/api-keys/:key", api_keys::delete)
        .get("/api/users", users::list)
        .get("/api/users/:id", users::show)
        .delete("/api/users/:id", users::erase)
        .post("/api/users/:id/end-sessions", users::end_sessions)
        .post("/api/users/:id/password-reset", users::send_reset)
        .post("/api/users/:id/roles", roles::set)
        .post("/api/users/:id/suspend", suspension::suspend)
        .post("/api/users/:id/restore", suspension::restore)
        .post("/api/users/:id/verify-email", verify_email::vouch)
        .get("/.well-known/jwks.json", keys::published)
});

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    kit::serve(&ROUTES, request).await
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("auth", &super::ROUTES, &[]);
    }
}
