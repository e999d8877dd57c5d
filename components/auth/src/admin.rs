//! The first admin, from the variables `admin_email` and `admin_password`.

use crate::{accounts, email, hasher, language, login, password};
use kit::{Problem, claims, config, id, params, router, sql};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this instance has nothing left to do here.
static DONE: AtomicBool = AtomicBool::new(false);

/// Makes the first admin where both variables are given and nobody has that email. True where it did.
///
/// An account that exists is left as it is: whoever registered with this email first does not become an admin by it, and a password that
/// was changed stays changed.
pub async fn ensure() -> Result<bool, Problem> {
    if DONE.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let made = match (config::optional("admin_email").await?, config::optional("admin_password").await?) {
        (Some(email), Some(password)) => make(&email, &password).await?,
        _ => false,
    };
    DONE.store(true, Ordering::Relaxed);
    Ok(made)
}

async fn make(email: &str, password: &str) -> Result<bool, Problem> {
    let checked = email::normalise(email).map_err(|fault| format!("variable admin_email {fault}")).and_then(|email| {
        password::check(&password::prepared(password), &email)
            .map(|()| email)
            .map_err(|fault| format!("variable admin_password {fault}"))
    });
    let email = match checked {
        Ok(email) => email,
        Err(fault) => {
            router::log(&format!("no admin was made: {fault}"));
            return Ok(false);
        }
    };

    let mut tx = sql::read().await?;
    let found = login::account(&mut tx, &email, None).await?;
    let roles = match &found {
        Some(account) => claims::roles(&mut tx, &account.id).await?,
        None => Vec::new(),
    };
    tx.rollback().await?;
    if found.is_some() {
        if !roles.iter().any(|role| role == accounts::ADMIN) {
            router::log("no admin was made: admin_email names an account that is not one, and is left as it is");
        }
        return Ok(false);
    }

    let id = id::new(&config::region().await?);
    let password_hash = hasher::hash(&password::prepared(password)).await?;
    let mut tx = sql::write().await?;
    let user = accounts::NewUser {
        id: &id,
        email: &email,
        name: "Admin",
        language: language::DEFAULT,
        password_hash: &password_hash,
        network: None,
    };
    match accounts::add(&mut tx, &user).await {
        Ok(()) => {}
        // Another instance was faster.
        Err(sql::Error::Unique(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    tx.execute("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)", params![&id, accounts::ADMIN]).await?;
    tx.commit().await?;
    router::log("the first admin was made from admin_email");
    Ok(true)
}
