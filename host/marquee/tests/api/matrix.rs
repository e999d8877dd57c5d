//! Who may do what: every operation of the OpenAPI document, asked by every kind of caller. An operation that has no entry here fails.

use crate::{
    SHARED, SIGNING_KEY,
    client::{Answer, Client, OnSale, PASSWORD, event, unique},
    factors::with_passkey,
    openapi,
    operations::admin,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// A user: the buyer of what is bought.
    User,
    OrganiserOfIt,
    AnotherOrganiser,
    /// A member of the event's organiser whose role an admin has taken away.
    OrganiserWithoutRole,
    Admin,
    Suspended,
    RevokedSession,
    Expired,
    Forged,
    /// Signed by the true key, and good for a year.
    Everlasting,
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Everybody, and a token makes no difference.
    Everybody,
    /// Whoever is logged in.
    Person,
    /// The buyer; to everybody else it is not there.
    Buyer,
    /// Who may organise for the event's organiser, and admins.
    Organiser,
    /// As that; to who has nothing to do with it, it is not there.
    OrganiserOrHidden,
    /// Admins.
    Admin,
    /// Whoever is logged in, or was until now.
    Logout,
    /// Whoever is logged in, unless the organiser's role was taken from them.
    NewOrganiser,
}

const UNAUTHENTICATED: &[u16] = &[401];

/// The statuses that this caller may get; none: whatever the operation answers to who may.
fn expected(rule: Rule, who: Who) -> Option<&'static [u16]> {
    use Who::{
        Admin, AnotherOrganiser, Everlasting, Expired, Forged, Nobody, OrganiserOfIt, OrganiserWithoutRole, RevokedSession,
        Suspended, User,
    };
    match (rule, who) {
        (Rule::Everybody, _) => None,
        (Rule::Logout, Suspended | RevokedSession) => Some(&[204]),
        (_, Nobody | Suspended | RevokedSession | Expired | Forged | Everlasting) => Some(UNAUTHENTICATED),
        (Rule::Person | Rule::Logout, _) | (_, Admin) if rule != Rule::Buyer => None,
        (Rule::Buyer, User) => None,
        (Rule::Buyer, _) => Some(&[404]),
        (Rule::NewOrganiser, OrganiserWithoutRole) => Some(&[403]),
        (Rule::NewOrganiser, _) => None,
        (Rule::Organiser | Rule::OrganiserOrHidden, OrganiserOfIt) => None,
        // The buyer sees that it is there.
        (Rule::OrganiserOrHidden, AnotherOrganiser | OrganiserWithoutRole) => Some(&[404]),
        _ => Some(&[403]),
    }
}

/// What the operations are about.
struct Scene {
    organiser: String,
    event: OnSale,
    booking: String,
    payment: String,
    /// A login of the buyer's.
    session: String,
    /// Of the buyer.
    passkey: String,
    bystander: String,
}

/// What to ask: who may, the path, and the body.
fn operation(id: &str, scene: &Scene) -> (Rule, String, Option<Value>) {
    let event = &scene.event.id;
    let (booking, payment, user) = (&scene.booking, &scene.payment, &scene.bystander);
    let path = |path: &str| path.to_owned();
    let nothing = || Some(json!({}));
    match id {
        "register" => {
            (Rule::Everybody, path("/api/auth/register"), Some(json!({"email": "no address", "password": "x", "name": "x"})))
        }
        "login" => (
            Rule::Everybody,
            path("/api/auth/login"),
            Some(json!({"email": format!("{}@example.com", unique("nobody")), "password": "x"})),
        ),
        "refresh" => (Rule::Everybody, path("/api/auth/refresh"), Some(json!({"refresh_token": "x"}))),
        "verifyToken" => (Rule::Everybody, path("/api/auth/verify"), Some(json!({"token": "x"}))),
        "verifyEmail" => (Rule::Everybody, path("/api/auth/verify-email"), Some(json!({"token": "x"}))),
        "forgotPassword" => (Rule::Everybody, path("/api/auth/password/forgot"), Some(json!({"email": "nobody@example.com"}))),
        "resetPassword" => (Rule::Everybody, path("/api/auth/password/reset"), Some(json!({"token": "x", "password": PASSWORD}))),
        "changePassword" => (Rule::Person, path("/api/auth/password"), Some(json!({"current": "x", "new": "short"}))),
        "publicKeys" => (Rule::Everybody, path("/.well-known/jwks.json"), None),
        "openapi" => (Rule::Everybody, path("/api/openapi.json"), None),
        "searchEvents" => (Rule::Everybody, path("/api/events"), None),
        "getEvent" => (Rule::Everybody, format!("/api/events/{event}"), None),
        "getAvailability" => (Rule::Everybody, format!("/api/events/{event}/availability"), None),
        "receiveWebhook" => {
            let region = payment.split('_').next().unwrap();
            (Rule::Everybody, format!("/api/payments/webhooks/sandbox/{region}"), nothing())
        }
        "logout" => (Rule::Logout, path("/api/auth/logout"), Some(json!({"refresh_token": "x"}))),
        "loginWithSecondFactor" => {
            (Rule::Everybody, path("/api/auth/login/second-factor"), Some(json!({"token": "x", "code": "123456"})))
        }
        "getSecondFactor" | "endTotp" => (Rule::Person, path("/api/auth/totp"), None),
        "beginTotp" => (Rule::Person, path("/api/auth/totp"), nothing()),
        "confirmTotp" => (Rule::Person, path("/api/auth/totp/confirm"), Some(json!({"code": "x"}))),
        "makeRecoveryCodes" => (Rule::Person, path("/api/auth/recovery-codes"), nothing()),
        "listPasskeys" => (Rule::Person, path("/api/auth/passkeys"), None),
        "addPasskey" => (Rule::Person, path("/api/auth/passkeys"), Some(json!({"credential": {}}))),
        "beginPasskey" => (Rule::Person, path("/api/auth/passkeys/options"), nothing()),
        "loginWithPasskey" => (Rule::Everybody, path("/api/auth/passkeys/login"), Some(json!({"credential": {}}))),
        "beginPasskeyLogin" => (Rule::Everybody, path("/api/auth/passkeys/login/options"), nothing()),
        "removePasskey" => (Rule::Buyer, format!("/api/auth/passkeys/{}", scene.passkey), None),
        "me" => (Rule::Person, path("/api/auth/me"), None),
        "changeMe" => (Rule::Person, path("/api/auth/me"), nothing()),
        "reauthenticate" => (Rule::Person, path("/api/auth/reauthenticate"), nothing()),
        "listSessions" => (Rule::Person, path("/api/auth/sessions"), None),
        "endSession" => (Rule::Buyer, format!("/api/auth/sessions/{}", scene.session), None),
        "resendVerification" => (Rule::Person, path("/api/auth/verify-email/resend"), nothing()),
        "changeEmail" => (Rule::Person, path("/api/auth/email"), Some(json!({"email": "no address"}))),
        "confirmEmail" => (Rule::Everybody, path("/api/auth/email/confirm"), Some(json!({"token": "x"}))),
        "listOrganisers" => (Rule::Person, path("/api/organisers"), None),
        "createOrganiser" => (Rule::NewOrganiser, path("/api/organisers"), Some(json!({"name": "Red Hall"}))),
        "createBooking" => (Rule::Person, path("/api/bookings"), Some(scene.event.order(1))),
        "listBookings" => (Rule::Person, path("/api/bookings"), None),
        "getBooking" => (Rule::Buyer, format!("/api/bookings/{booking}"), None),
        "cancelBooking" => (Rule::Buyer, format!("/api/bookings/{booking}/cancel"), nothing()),
        "createPayment" => (
            Rule::Buyer,
            path("/api/payments"),
            Some(json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}})),
        ),
        "getPayment" => (Rule::Buyer, format!("/api/payments/{payment}"), None),
        "getReceipt" => (Rule::Buyer, format!("/api/payments/{payment}/receipt"), None),
        "refundPayment" => (Rule::OrganiserOrHidden, format!("/api/payments/{payment}/refund"), Some(json!({"amount": 1}))),
        "createEvent" => (Rule::Organiser, path("/api/events"), Some(self::event(&scene.organiser, json!({})))),
        "changeEvent" => (Rule::Organiser, format!("/api/events/{event}"), Some(json!({"description": "Five quartets."}))),
        "publishEvent" => (Rule::Organiser, format!("/api/events/{event}/publish"), nothing()),
        "cancelEvent" => (Rule::Organiser, format!("/api/events/{event}/cancel"), nothing()),
        "getAnalytics" => (Rule::Organiser, format!("/api/events/{event}/analytics"), None),
        "setRoles" => (Rule::Admin, format!("/api/users/{user}/roles"), Some(json!({"roles": []}))),
        "suspendUser" => (Rule::Admin, format!("/api/users/{user}/suspend"), None),
        "restoreUser" => (Rule::Admin, format!("/api/users/{user}/restore"), None),
        "listAuditLog" => (Rule::Admin, path("/api/audit"), None),
        "publishCustomEvent" => (
            Rule::Admin,
            path("/events/publish"),
            Some(json!({"topic": "catalog-events", "type": "com.example.tried", "subject": "a", "data": {}})),
        ),
        "replayEvents" => (Rule::Admin, path("/events/replay"), Some(json!({"first": 1, "last": 1}))),
        "getEventsStatus" => (Rule::Admin, path("/events/status"), None),
        other => panic!("who may ask for the operation {other}? Add it here"),
    }
}

/// What the platform's own key signs.
fn signed(person: &Client<'_>, issued_at: i64, expires_at: i64) -> String {
    let token = person.token.as_ref().unwrap();
    let part = |at: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
    };
    let kid = part(0)["kid"].as_str().unwrap().to_owned();
    let header = Header { typ: Some("at+jwt".to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
    let mut claims = part(1);
    claims["iat"] = json!(issued_at);
    claims["exp"] = json!(expires_at);
    let der = STANDARD.decode(SIGNING_KEY.lines().nth(1).unwrap()).unwrap();
    encode(&header, &claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

/// Everybody who asks, those who may do something last: what they do shall not be what others find.
async fn callers(
    scene_organiser: Client<'static>,
    without_role: Client<'static>,
    buyer: Client<'static>,
) -> Vec<(Who, Client<'static>)> {
    let admin = admin().await;
    let other = Client::organiser(&SHARED).await.0;
    let (suspended, revoked) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    admin.post(&format!("/api/users/{}/suspend", suspended.user), &json!({})).await.expect(204);
    revoked.post("/api/auth/logout", &json!({"refresh_token": revoked.refresh_token})).await.expect(204);
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let with = |token: String| {
        let mut client = buyer.elsewhere();
        client.token = Some(token);
        client
    };
    // That the key is the platform's own: a token as it would issue it is good.
    with(signed(&buyer, now, now + 900)).get("/api/auth/me").await.expect(200);
    let (signed_part, signature) = buyer.token.as_ref().unwrap().rsplit_once('.').unwrap();
    let other_letter = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed_part}.{other_letter}{}", &signature[1..]);
    let dead = [
        (Who::Nobody, Client::new(&SHARED)),
        (Who::Suspended, suspended),
        (Who::RevokedSession, revoked),
        (Who::Expired, with(signed(&buyer, now - 1_000, now - 100))),
        (Who::Forged, with(forged)),
        (Who::Everlasting, with(signed(&buyer, now, now + 365 * 86_400))),
    ];
    let living = [
        (Who::OrganiserWithoutRole, without_role),
        (Who::AnotherOrganiser, other),
        (Who::User, buyer),
        (Who::OrganiserOfIt, scene_organiser),
        (Who::Admin, admin),
    ];
    dead.into_iter().chain(living).collect()
}

async fn ask(who: Who, client: &Client<'_>, method: &Method, path: &str, body: Option<&Value>, etag: &str) -> Answer {
    let key = unique("key");
    let mut headers = vec![];
    if *method != Method::GET {
        headers.push(("idempotency-key", key.as_str()));
    }
    if *method == Method::PATCH {
        headers.push(("if-match", etag));
    }
    let answer = client.send(method.clone(), path, &headers, body.map(|body| body.to_string().into())).await;
    assert!(answer.status.as_u16() < 500, "{who:?} {method} {path}: {}", answer.status);
    answer
}

#[tokio::test]
async fn nobody_does_what_they_may_not() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let (without_role, his) = Client::organiser(&SHARED).await;
    let buyer = Client::register(&SHARED).await;
    let scene = {
        let event = OnSale::with(&organiser, &id, 4500, 100, 50).await;
        let hold = buyer.post_with(&unique("key"), "/api/bookings", &event.order(1)).await.expect(201);
        let booking = hold["id"].as_str().unwrap().to_owned();
        let body = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
        let payment = buyer.post_with(&unique("key"), "/api/payments", &body).await.expect(201);
        let bystander = Client::register(&SHARED).await.user;
        let (_, passkey) = with_passkey(&buyer).await;
        let email = buyer.get("/api/auth/me").await.expect(200)["email"].clone();
        let login = buyer.post("/api/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
        let session = login["refresh_token"].as_str().unwrap().split_once('.').unwrap().0.to_owned();
        Scene { organiser: id, event, booking, payment: payment["id"].as_str().unwrap().to_owned(), session, passkey, bystander }
    };
    // His own organiser's event, for the operations on events: membership is there, the role is not.
    let his_event = OnSale::with(&without_role, &his, 4500, 10, 5).await;
    let roles = format!("/api/users/{}/roles", without_role.user);
    admin().await.post(&roles, &json!({"roles": []})).await.expect(200);

    let callers = callers(organiser, without_role, buyer).await;
    let document = openapi::document(&SHARED).await;
    let mut asked = BTreeSet::new();
    let mut wrong = Vec::new();
    let paths = document["paths"].as_object().unwrap();
    let operations =
        paths.iter().flat_map(|(_, item)| item.as_object().unwrap()).filter(|(_, operation)| !operation["operationId"].is_null());
    // What ends something comes last.
    let mut operations: Vec<_> = operations.collect();
    operations.sort_by_key(|(_, operation)| operation["operationId"].as_str().unwrap().starts_with("cancel"));
    for (method, described) in operations {
        let (name, method) =
            (described["operationId"].as_str().unwrap(), Method::from_bytes(method.to_uppercase().as_bytes()).unwrap());
        asked.insert(name);
        let mut like_nobody = None;
        for (who, client) in &callers {
            let (rule, mut path, mut body) = operation(name, &scene);
            if *who == Who::OrganiserWithoutRole && matches!(rule, Rule::Organiser) {
                path = path.replace(&scene.event.id, &his_event.id);
                if name == "createEvent" {
                    body = Some(event(&his, json!({})));
                }
            }
            let etag = if method == Method::PATCH {
                client.get(&path).await.header("etag").unwrap_or("\"1\"").to_owned()
            } else {
                String::new()
            };
            let status = ask(*who, client, &method, &path, body.as_ref(), &etag).await.status.as_u16();
            let right = match (expected(rule, *who), rule) {
                (Some(statuses), _) => statuses.contains(&status),
                (None, Rule::Everybody) => *like_nobody.get_or_insert(status) == status,
                (None, _) => !matches!(status, 401 | 403 | 404),
            };
            if !right {
                wrong.push(format!("{name}: {who:?} got {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), asked.len() * callers.len(), wrong.join("\n"));
    assert!(asked.len() > 30, "{asked:?}");
}
