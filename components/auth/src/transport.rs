//! How a client gets its tokens: in the answer, as programs want them, or in cookies that no script reads, for browsers.

use crate::limits;
use kit::browser::{ACCESS_COOKIE, REFRESH_COOKIE, REFRESH_PATH};
use kit::{Problem, Request, Response, browser, json, time::SECOND};

/// See the module. A session keeps to the one that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In the answer; sent back as `Authorization: Bearer …`, and the refresh token in a body.
    Bearer,
    /// In cookies.
    Cookie,
}

impl Transport {
    const WORDS: [&str; 2] = ["bearer", "cookie"];

    /// Reads the field `transport`.
    pub fn read(body: &mut json::Reader) -> Self {
        body.optional_word("transport", &Self::WORDS).map_or(Self::Bearer, Self::named)
    }

    /// The one of this name, as SQL has it.
    pub fn named(name: &str) -> Self {
        if name == Self::Cookie.name() { Self::Cookie } else { Self::Bearer }
    }

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        let [bearer, cookie] = Self::WORDS;
        match self {
            Self::Bearer => bearer,
            Self::Cookie => cookie,
        }
    }

    /// Refuses a request that is to get its tokens so, and comes from a page of another site.
    pub fn check(self, request: &Request) -> Result<(), Problem> {
        match self {
            Self::Bearer => Ok(()),
            Self::Cookie => browser::require_same_origin(request),
        }
    }
}

/// An answer that has a browser keep these tokens; the refresh token until `until`, in microseconds.
pub fn set_cookies(response: Response, access_token: &str, refresh_token: &str, now: i64, until: i64) -> Response {
    let seconds = (until - now).div_euclid(SECOND).max(0);
    response
        .header(SET_COOKIE, cookie(ACCESS_COOKIE, access_token, "/", limits::ACCESS_SECONDS))
        .header(SET_COOKIE, cookie(REFRESH_COOKIE, refresh_token, REFRESH_PATH, seconds))
}

/// An answer that has a browser forget them.
pub fn clear_cookies(response: Response) -> Response {
    response.header(SET_COOKIE, cookie(ACCESS_COOKIE, "", "/", 0)).header(SET_COOKIE, cookie(REFRESH_COOKIE, "", REFRESH_PATH, 0))
}

const SET_COOKIE: &str = "set-cookie";

/// Of this host only, over TLS only, out of reach of scripts, and left at home when a page of another site asks.
fn cookie(name: &str, value: &str, path: &str, seconds: i64) -> String {
    format!("{name}={value}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}
