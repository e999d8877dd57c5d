/// A connection URL as it may be logged: the password, and the query, which may hold one too, are left out.
#[must_use]
pub fn url(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = text.split_once("://") else {
        return "…".to_owned();
    };
    // The authority ends at the first slash; a password may hold an @, the host cannot.
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        None => format!("{scheme}://{authority}{path}"),
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}{path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn no_password_survives() {
        for (given, shown) in [
            ("postgres://me:s3cret@db:5432/shop", "postgres://me:…@db:5432/shop"),
            ("postgres://me:p@ss@db/shop?password=s3cret", "postgres://me:…@db/shop"),
            ("postgres://db/shop", "postgres://db/shop"),
            ("s3cret", "…"),
        ] {
            assert_eq!(url(given), shown);
        }
    }
}
