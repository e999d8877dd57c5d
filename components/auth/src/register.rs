//! `POST /api/auth/register`

use crate::{
    accounts::{self, NewUser, User},
    email, limits, login, password, sessions, setup,
};
use kit::{Answer, Request, config, id, json, sql, trace};

/// Makes an account, and logs its owner in: 201, or 409 where the email is taken.
pub async fn register(request: Request) -> Answer {
    let (email, password, name) = json::read(&request, |body| {
        let text = body.text("email", 1..=*limits::EMAIL_BYTES.end());
        let email = email::normalise(&text);
        if let (false, Err(fault)) = (text.is_empty(), &email) {
            body.fault("email", *fault);
        }
        let email = email.unwrap_or_default();
        let password = body.text("password", limits::PASSWORD_CHARACTERS);
        if let (false, Err(fault)) = (password.is_empty(), password::check(&password, &email)) {
            body.fault("password", fault);
        }
        (email, password, accounts::read_name(body))
    })?;
    setup::ensure().await?;

    let password_hash = login::hash(&password)?;
    let user = User { id: id::new(&config::region().await?), email, name, roles: accounts::all_roles(Vec::new()) };
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let new = NewUser { id: &user.id, email: &user.email, name: &user.name, password_hash: &password_hash };
    accounts::add(&mut tx, &new).await.map_err(accounts::taken)?;
    let mut grant = sessions::start(&mut tx, &user).await?;
    tx.commit().await?;
    grant.user = Some(user);
    accounts::private(201, &grant)
}
