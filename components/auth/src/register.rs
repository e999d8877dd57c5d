//! `POST /api/auth/register`

use crate::{
    accounts::{self, NewUser, User},
    hasher, keys, language, limits, password, sessions, setup,
    transport::Transport,
};
use kit::{Answer, Request, config, id, json, network, sql, trace};

/// Makes an account, and logs its owner in: 201, or 409 where the email is taken.
pub async fn register(request: Request) -> Answer {
    let (email, password, name, transport) = json::read(&request, |body| {
        let email = accounts::read_email(body);
        let password = password::prepared(&body.text("password", limits::PASSWORD_CHARACTERS)).into_owned();
        if let (false, Err(fault)) = (password.is_empty(), password::check(&password, &email)) {
            body.fault("password", fault);
        }
        (email, password, accounts::read_name(body), Transport::read(body))
    })?;
    transport.check(&request)?;
    setup::ensure().await?;

    let (key, network) = (keys::signing().await?, network::of(&request));
    // Whether the address is taken or not, it takes as long.
    let password_hash = hasher::hash(&password).await?;
    let user = User {
        id: id::new(&config::region().await?),
        email,
        email_verified: false,
        name,
        language: language::preferred(&request),
        roles: accounts::all_roles(Vec::new()),
        guest: false,
    };
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let new = NewUser {
        id: &user.id,
        email: &user.email,
        name: &user.name,
        language: &user.language,
        password_hash: &password_hash,
        network: network.as_deref(),
    };
    accounts::add(&mut tx, &new).await.map_err(accounts::taken)?;
    let mut grant = sessions::start(&mut tx, &key, &user, &request, transport).await?;
    tx.commit().await?;
    grant.user = Some(user);
    grant.answer(201)
}
