//! Who may do what: every operation of the OpenAPI document, asked by every kind of caller. An operation that has no entry here fails.
//!
//! What is done for an organiser is listed with the permission that it needs; which roles and API keys have that, docs/design.md says, whose table a test
//! of the kit holds against what every component asks.

use crate::{
    SHARED, SIGNING_KEY,
    client::{Answer, Client, OnSale, PASSWORD, event, unique},
    factors::with_passkey,
    guests, messages, openapi,
    operations::admin,
    teams::{self, api_key, exchanged},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// A user who has nothing to do with what is asked for; somebody has invited them.
    Other,
    /// Whose the booking and its payment are.
    Buyer,
    /// Who buys with an address alone, and has nothing to do with what is asked for.
    Guest,
    /// A member of the event's organiser's team, with this role.
    Member(&'static str),
    /// The owner of an organiser whose role an admin has taken away.
    WithoutRole,
    AnotherOrganiser,
    Admin,
    /// An API key of the event's organiser that permits what the operation needs, and nothing else.
    KeyWith,
    /// One that permits everything else.
    KeyWithout,
    /// Another organiser's, that permits everything.
    AnothersKey,
    DeletedKey,
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
    /// Whoever has a token, be it a program's.
    Bearer,
    /// Whoever is logged in, but for guests.
    Person,
    /// Whoever is logged in, guests as well.
    Customer,
    /// The buyer, who has an account; to everybody else it is not there.
    Buyer,
    /// The buyer, who may be a guest; to everybody else it is not there.
    Customers,
    /// Who was invited; to everybody else it is not there.
    Invited,
    /// Who may do this for the organiser, and admins.
    Team(&'static str),
    /// As that; to who may not, and is not the buyer, it is not there.
    TeamOrHidden(&'static str),
    /// Admins.
    Admin,
    /// Whoever is logged in, or was until now.
    Logout,
    /// Whoever is logged in, unless the organiser's role was taken from them.
    NewOrganiser,
    /// Somebody who is none of these; to them it is not there.
    Hidden,
}

const DESIGN: &str = include_str!("../../../../docs/design.md");
/// As the column of the table of permissions is called.
const API_KEY: &str = "API key";
const ROLES: [&str; 4] = ["owner", "manager", "finance", "door"];
/// For what is about no permission; any will do.
const SOME: &str = "see-events";

/// Each permission, and who has it: roles, or [`API_KEY`].
fn permissions() -> BTreeMap<&'static str, Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = DESIGN.lines().skip_while(|line| !line.starts_with("| permission | what it is |"));
    let columns = cells(lines.next().unwrap());
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    let having = |cells: &[&str]| columns.iter().zip(cells).filter(|(_, has)| **has == "yes").map(|(name, _)| *name).collect();
    rows.map(|cells| (cells[0].trim_matches('`'), having(&cells))).collect()
}

const UNAUTHENTICATED: &[u16] = &[401];

/// The statuses that this caller may get; none: whatever the operation answers to who may.
fn expected(rule: Rule, who: Who, permissions: &BTreeMap<&str, Vec<&str>>) -> Option<&'static [u16]> {
    use Who::{
        Admin, AnothersKey, Buyer, DeletedKey, Everlasting, Expired, Forged, Guest, KeyWith, KeyWithout, Member, Nobody, Other,
        RevokedSession, Suspended, WithoutRole,
    };
    match (rule, who) {
        (Rule::Everybody, _) => None,
        (Rule::Logout, Suspended | RevokedSession | DeletedKey) => Some(&[204]),
        (_, Nobody | Suspended | RevokedSession | DeletedKey | Expired | Forged | Everlasting) => Some(UNAUTHENTICATED),
        (Rule::Customer | Rule::Logout, Guest) => None,
        (Rule::Customers, Guest) => Some(&[404]),
        // Whatever else a person does, a guest does not.
        (_, Guest) => Some(&[403]),
        (Rule::Bearer, _) => None,
        (Rule::Team(permission) | Rule::TeamOrHidden(permission), KeyWith) if permissions[permission].contains(&API_KEY) => None,
        (Rule::TeamOrHidden(_), KeyWith | KeyWithout | AnothersKey) => Some(&[404]),
        // Whatever a person does, a program does not.
        (_, KeyWith | KeyWithout | AnothersKey) => Some(&[403]),
        (Rule::Person | Rule::Customer | Rule::Logout, _) | (Rule::Buyer | Rule::Customers, Buyer) | (Rule::Invited, Other) => {
            None
        }
        (Rule::Buyer | Rule::Customers | Rule::Invited | Rule::Hidden, _) => Some(&[404]),
        (_, Admin) => None,
        (Rule::NewOrganiser, WithoutRole) => Some(&[403]),
        (Rule::NewOrganiser, _) => None,
        (Rule::Team(permission) | Rule::TeamOrHidden(permission), Member(role)) if permissions[permission].contains(&role) => {
            None
        }
        // The buyer sees that it is there.
        (Rule::TeamOrHidden(_), who) if who != Buyer => Some(&[404]),
        _ => Some(&[403]),
    }
}

/// What the operations are about.
struct Scene {
    owner: Client<'static>,
    organiser: String,
    event: OnSale,
    booking: String,
    payment: String,
    /// A login of the buyer's.
    session: String,
    manager: String,
    /// Of the buyer.
    passkey: String,
    bystander: String,
    /// A check-in list, by which somebody was let in.
    list: String,
    /// A webhook of the organiser's.
    hook: String,
    invitation: String,
    /// A message to those who come, as the end of its path; where nobody sends any it is empty, and leads to the list of them.
    message: String,
}

impl Scene {
    /// Something that an operation ends: for who may, so that each finds it; for the others any id does.
    async fn to_be_ended(&self, what: &str, there: bool) -> String {
        let made = match what {
            _ if !there => return self.bystander.clone(),
            "team" => return teams::member(&self.owner, &self.organiser, "door").await.user,
            "webhooks" => json!({"url": "https://hooks.example.invalid/", "types": ["order.confirmed"]}),
            "invitations" => json!({"email": format!("{}@example.com", unique("invited")), "role": "door"}),
            _ => json!({"name": "To be deleted", "permissions": [SOME]}),
        };
        let made = self.owner.post(&format!("/api/organisers/{}/{what}", self.organiser), &made).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }
}

impl Scene {
    /// A message of the webhook: for who may have it sent again, a new one.
    async fn delivery(&self, there: bool) -> String {
        if !there {
            return self.bystander.clone();
        }
        let test = format!("/api/organisers/{}/webhooks/{}/test", self.organiser, self.hook);
        self.owner.post(&test, &json!({})).await.expect(202)["id"].as_str().unwrap().to_owned()
    }
}

/// What to ask: who may, the path, and the body. `may`: whether who asks is one of them.
async fn operation(id: &str, scene: &Scene, may: impl Fn(Rule) -> bool) -> (Rule, String, Option<Value>) {
    let event = &scene.event.id;
    let (booking, payment, user) = (&scene.booking, &scene.payment, &scene.bystander);
    let path = |path: &str| path.to_owned();
    let of_organiser = |rest: &str| format!("/api/organisers/{}{rest}", scene.organiser);
    let nothing = || Some(json!({}));
    let (team, programs) = (Rule::Team("manage-team"), Rule::Team("manage-programs"));
    let webhooks = Rule::Team("manage-webhooks");
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
        "beginAsGuest" => (Rule::Everybody, path("/api/auth/guest"), Some(json!({"email": "no address"}))),
        "openGuestOrder" => (Rule::Everybody, path("/api/auth/guest/open"), Some(json!({"token": "x"}))),
        "sendGuestLinks" => (Rule::Everybody, path("/api/auth/guest/links"), Some(json!({"email": "nobody@example.com"}))),
        "verifyEmail" => (Rule::Everybody, path("/api/auth/verify-email"), Some(json!({"token": "x"}))),
        "forgotPassword" => (Rule::Everybody, path("/api/auth/password/forgot"), Some(json!({"email": "nobody@example.com"}))),
        "resetPassword" => (Rule::Everybody, path("/api/auth/password/reset"), Some(json!({"token": "x", "password": PASSWORD}))),
        "changePassword" => (Rule::Person, path("/api/auth/password"), Some(json!({"current": "x", "new": "short"}))),
        "publicKeys" => (Rule::Everybody, path("/.well-known/jwks.json"), None),
        "openapi" => (Rule::Everybody, path("/api/openapi.json"), None),
        "searchEvents" => (Rule::Everybody, path("/api/events"), None),
        "getEvent" => (Rule::Everybody, format!("/api/events/{event}"), None),
        "getAvailability" => (Rule::Everybody, format!("/api/events/{event}/availability"), None),
        // Without a handshake: what is watched is refused one by one, and `live.rs` sees to that.
        "openLive" => (Rule::Everybody, path("/api/live"), None),
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
        "me" => (Rule::Customer, path("/api/auth/me"), None),
        // No password at all for who may: the account is still needed.
        "eraseMe" => (Rule::Person, path("/api/auth/me"), Some(json!({"password": 1}))),
        "exportMe" => (Rule::Person, path("/api/auth/me/export"), None),
        "changeMe" => (Rule::Person, path("/api/auth/me"), nothing()),
        "reauthenticate" => (Rule::Person, path("/api/auth/reauthenticate"), nothing()),
        "listSessions" => (Rule::Person, path("/api/auth/sessions"), None),
        "endSession" => (Rule::Buyer, format!("/api/auth/sessions/{}", scene.session), None),
        "resendVerification" => (Rule::Person, path("/api/auth/verify-email/resend"), nothing()),
        "changeEmail" => (Rule::Person, path("/api/auth/email"), Some(json!({"email": "no address"}))),
        "confirmEmail" => (Rule::Everybody, path("/api/auth/email/confirm"), Some(json!({"token": "x"}))),
        "listOrganisers" => (Rule::Bearer, path("/api/organisers"), None),
        "createOrganiser" => (Rule::NewOrganiser, path("/api/organisers"), Some(json!({"name": "Red Hall"}))),
        "createBooking" => (Rule::Customer, path("/api/bookings"), Some(scene.event.order(1))),
        "listBookings" => (Rule::Customer, path("/api/bookings"), None),
        "getBooking" => (Rule::Customers, format!("/api/bookings/{booking}"), None),
        "cancelBooking" => (Rule::Customers, format!("/api/bookings/{booking}/cancel"), nothing()),
        "createPayment" => (
            Rule::Customers,
            path("/api/payments"),
            Some(json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}})),
        ),
        "getPayment" => (Rule::Customers, format!("/api/payments/{payment}"), None),
        "getReceipt" => (Rule::Customers, format!("/api/payments/{payment}/receipt"), None),
        "copyEvent" => (
            Rule::Team("edit-events"),
            format!("/api/events/{event}/copies"),
            Some(json!({"repeat": {"every": "week", "count": 1}})),
        ),
        "putEventImage" => (Rule::Team("edit-events"), format!("/api/events/{event}/image"), nothing()),
        "deleteEventImage" => (Rule::Team("edit-events"), format!("/api/events/{event}/image"), None),
        "putEventLogo" => (Rule::Team("edit-events"), format!("/api/events/{event}/logo"), nothing()),
        "deleteEventLogo" => (Rule::Team("edit-events"), format!("/api/events/{event}/logo"), None),
        "getImage" => (Rule::Everybody, format!("/api/images/{}-480.jpg", scene.bystander), None),
        "listOrganiserEvents" => (Rule::Team("see-events"), format!("/api/organisers/{}/events", scene.organiser), None),
        "listOrders" => (Rule::Team("see-orders"), format!("/api/events/{event}/orders"), None),
        "getOrder" => (Rule::Team("see-orders"), format!("/api/events/{event}/orders/{booking}"), None),
        "changeOrder" => {
            (Rule::Team("edit-orders"), format!("/api/events/{event}/orders/{booking}"), Some(json!({"note": "By telephone."})))
        }
        "cancelOrder" => {
            (Rule::Team("edit-orders"), format!("/api/events/{event}/orders/{booking}/cancel"), Some(json!({"refund": "none"})))
        }
        "resendOrder" => (Rule::Team("edit-orders"), format!("/api/events/{event}/orders/{booking}/resend"), nothing()),
        "sellAtCounter" => (
            Rule::Team("edit-orders"),
            format!("/api/events/{event}/sales"),
            Some(json!({"items": scene.event.order(1)["items"], "method": "cash"})),
        ),
        "getAnswers" => (Rule::Customers, format!("/api/bookings/{booking}/answers"), None),
        "giveAnswers" => (Rule::Customers, format!("/api/bookings/{booking}/answers"), nothing()),
        "correctAnswers" => (Rule::Team("edit-orders"), format!("/api/events/{event}/orders/{booking}/answers"), nothing()),
        "listMessages" => (Rule::Team("send-messages"), format!("/api/events/{event}/messages"), None),
        "getMessage" => (Rule::Team("send-messages"), format!("/api/events/{event}/messages{}", scene.message), None),
        "sendMessage" => (Rule::Team("send-messages"), format!("/api/events/{event}/messages"), Some(messages::service())),
        "testMessage" => (Rule::Team("send-messages"), format!("/api/events/{event}/messages/test"), Some(messages::service())),
        "showUnsubscribe" | "unsubscribe" => (Rule::Everybody, format!("/api/unsubscribe/{}", scene.bystander), None),
        "listUnsubscriptions" => (Rule::Person, path("/api/unsubscriptions"), None),
        "endUnsubscription" => (Rule::Hidden, format!("/api/unsubscriptions/{}", scene.bystander), None),
        "listBookingTickets" => (Rule::Customers, format!("/api/bookings/{booking}/tickets"), None),
        "nameTicket" => (Rule::Customers, format!("/api/bookings/{booking}/tickets/1"), Some(json!({"name": "Grace"}))),
        "getTicketPass" => (Rule::Customers, format!("/api/bookings/{booking}/tickets/1/pass"), None),
        "offerTicket" => {
            (Rule::Buyer, format!("/api/bookings/{booking}/tickets/1/transfer"), Some(json!({"email": "nobody@example.com"})))
        }
        "withdrawTicketOffer" => (Rule::Buyer, format!("/api/bookings/{booking}/tickets/1/transfer"), None),
        "listTickets" => (Rule::Person, path("/api/tickets"), None),
        "listTicketOffers" => (Rule::Person, path("/api/tickets/offers"), None),
        "acceptTicket" => (Rule::Hidden, path("/api/tickets/accept"), Some(json!({"token": booking}))),
        "listAttendees" => (Rule::Team("see-attendees"), format!("/api/events/{event}/attendees"), None),
        "getOfflineList" => (Rule::Team("check-in"), format!("/api/events/{event}/checkin-list"), None),
        "listCheckinLists" => (Rule::Team("check-in"), format!("/api/events/{event}/checkin-lists"), None),
        "createCheckinList" => {
            (Rule::Team("edit-events"), format!("/api/events/{event}/checkin-lists"), Some(json!({"name": "North"})))
        }
        "changeCheckinList" => (
            Rule::Team("edit-events"),
            format!("/api/events/{event}/checkin-lists/{}", scene.list),
            Some(json!({"name": "South"})),
        ),
        "deleteCheckinList" => (Rule::Team("edit-events"), format!("/api/events/{event}/checkin-lists/{}", scene.list), None),
        "checkIn" => (Rule::Team("check-in"), path("/api/checkin"), Some(json!({"code": "x", "event_id": event}))),
        "undoCheckIn" => (Rule::Team("check-in"), path("/api/checkin/undo"), Some(json!({"code": "x", "event_id": event}))),
        "mergeScans" => {
            let scans = json!([{"code": "x", "at": "2026-01-01T00:00:00Z"}]);
            (Rule::Team("check-in"), path("/api/checkin/merge"), Some(json!({"event_id": event, "scans": scans})))
        }
        "refundPayment" => (Rule::TeamOrHidden("refund"), format!("/api/payments/{payment}/refund"), Some(json!({"amount": 1}))),
        "createEvent" => (Rule::Team("edit-events"), path("/api/events"), Some(self::event(&scene.organiser, json!({})))),
        "changeEvent" => {
            (Rule::Team("edit-events"), format!("/api/events/{event}"), Some(json!({"description": "Five quartets."})))
        }
        "publishEvent" => (Rule::Team("edit-events"), format!("/api/events/{event}/publish"), nothing()),
        "cancelEvent" => (Rule::Team("edit-events"), format!("/api/events/{event}/cancel"), nothing()),
        "getAnalytics" => (Rule::Team("see-orders"), format!("/api/events/{event}/analytics"), None),
        "changeOrganiser" => (team, of_organiser(""), Some(json!({"name": "Blue Hall"}))),
        "listTeam" => (team, of_organiser("/team"), None),
        "changeMember" => (team, of_organiser(&format!("/team/{}", scene.manager)), Some(json!({"role": "manager"}))),
        "removeMember" => (team, of_organiser(&format!("/team/{}", scene.to_be_ended("team", may(team)).await)), None),
        "listInvitations" => (team, of_organiser("/invitations"), None),
        "invite" => {
            let whom = json!({"email": format!("{}@example.com", unique("invited")), "role": "door"});
            (team, of_organiser("/invitations"), Some(whom))
        }
        "withdrawInvitation" => {
            (team, of_organiser(&format!("/invitations/{}", scene.to_be_ended("invitations", may(team)).await)), None)
        }
        "listOwnInvitations" => (Rule::Person, path("/api/invitations"), None),
        "acceptInvitationByToken" => (Rule::Person, path("/api/invitations/accept"), Some(json!({"token": "x"}))),
        "acceptInvitation" => (Rule::Invited, format!("/api/invitations/{}/accept", scene.invitation), None),
        "listApiKeys" => (programs, of_organiser("/api-keys"), None),
        "createApiKey" => (programs, of_organiser("/api-keys"), Some(json!({"name": "Till", "permissions": [SOME]}))),
        "deleteApiKey" => {
            (programs, of_organiser(&format!("/api-keys/{}", scene.to_be_ended("api-keys", may(programs)).await)), None)
        }
        "listWebhooks" => (webhooks, of_organiser("/webhooks"), None),
        "createWebhook" => {
            let hook = json!({"url": "https://hooks.example.invalid/", "types": ["order.confirmed"]});
            (webhooks, of_organiser("/webhooks"), Some(hook))
        }
        "changeWebhook" => (webhooks, of_organiser(&format!("/webhooks/{}", scene.hook)), Some(json!({"description": "Books"}))),
        "deleteWebhook" => {
            (webhooks, of_organiser(&format!("/webhooks/{}", scene.to_be_ended("webhooks", may(webhooks)).await)), None)
        }
        "rotateWebhookSecret" => (webhooks, of_organiser(&format!("/webhooks/{}/secret", scene.hook)), nothing()),
        "testWebhook" => (webhooks, of_organiser(&format!("/webhooks/{}/test", scene.hook)), nothing()),
        "listWebhookDeliveries" => (webhooks, of_organiser(&format!("/webhooks/{}/deliveries", scene.hook)), None),
        "resendWebhookDelivery" => {
            let delivery = scene.delivery(may(webhooks)).await;
            (webhooks, of_organiser(&format!("/webhooks/{}/deliveries/{delivery}/resend", scene.hook)), nothing())
        }
        "exchangeApiKey" => (Rule::Everybody, path("/api/auth/token"), Some(json!({"api_key": "x"}))),
        "vouchForEmail" => (Rule::Admin, format!("/api/users/{user}/verify-email"), None),
        "listUsers" => (Rule::Admin, path("/api/users"), None),
        "getUser" => (Rule::Admin, format!("/api/users/{user}"), None),
        // Somebody new for each who may, lest one caller erases whom the next one is about.
        "eraseUser" => {
            let erased = if may(Rule::Admin) { Client::register(&SHARED).await.user.clone() } else { user.clone() };
            (Rule::Admin, format!("/api/users/{erased}"), None)
        }
        "endUserSessions" => (Rule::Admin, format!("/api/users/{user}/end-sessions"), None),
        "sendUserPasswordReset" => (Rule::Admin, format!("/api/users/{user}/password-reset"), None),
        "setRoles" => (Rule::Admin, format!("/api/users/{user}/roles"), Some(json!({"roles": []}))),
        "suspendUser" => (Rule::Admin, format!("/api/users/{user}/suspend"), None),
        "restoreUser" => (Rule::Admin, format!("/api/users/{user}/restore"), None),
        "listRegions" => (Rule::Admin, path("/api/regions"), None),
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

/// Everybody who asks but for API keys, those who may do something last: what they do shall not be what others find.
async fn callers(
    living: impl IntoIterator<Item = (Who, Client<'static>)>,
    buyer: &Client<'static>,
) -> Vec<(Who, Client<'static>)> {
    let admin = admin().await;
    let (suspended, revoked) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    admin.post(&format!("/api/users/{}/suspend", suspended.user), &json!({})).await.expect(204);
    revoked.post("/api/auth/logout", &json!({"refresh_token": revoked.refresh_token})).await.expect(204);
    // Edges know within a second.
    for dead in [&suspended, &revoked] {
        crate::client::eventually("the session is over", async || dead.get("/api/auth/me").await.status, |it| *it == 401).await;
    }
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let with = |token: String| teams::bearer(&token);
    // That the key is the platform's own: a token as it would issue it is good.
    with(signed(buyer, now, now + 900)).get("/api/auth/me").await.expect(200);
    let (signed_part, signature) = buyer.token.as_ref().unwrap().rsplit_once('.').unwrap();
    let other_letter = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed_part}.{other_letter}{}", &signature[1..]);
    let dead = [
        (Who::Nobody, Client::new(&SHARED)),
        (Who::Suspended, suspended),
        (Who::RevokedSession, revoked),
        (Who::Expired, with(signed(buyer, now - 1_000, now - 100))),
        (Who::Forged, with(forged)),
        (Who::Everlasting, with(signed(buyer, now, now + 365 * 86_400))),
    ];
    dead.into_iter().chain(living).chain([(Who::Admin, admin)]).collect()
}

/// API keys: for each permission that one may have, one that has it alone, and one that has all others.
struct Keys {
    with: BTreeMap<&'static str, Client<'static>>,
    without: BTreeMap<&'static str, Client<'static>>,
    anothers: Client<'static>,
    deleted: Client<'static>,
}

impl Keys {
    async fn make(permissions: &BTreeMap<&'static str, Vec<&'static str>>, scene: &Scene, another: (&Client<'_>, &str)) -> Self {
        let all: Vec<_> = permissions.iter().filter(|(_, who)| who.contains(&API_KEY)).map(|(name, _)| *name).collect();
        let (mut with, mut without) = (BTreeMap::new(), BTreeMap::new());
        let made = async |of: &Client<'_>, organiser: &str, permissions: &[&str]| {
            let key = api_key(of, organiser, permissions).await;
            (key["id"].as_str().unwrap().to_owned(), exchanged(&key).await)
        };
        for permission in &all {
            let others: Vec<_> = all.iter().filter(|other| *other != permission).copied().collect();
            with.insert(*permission, made(&scene.owner, &scene.organiser, &[permission]).await.1);
            without.insert(*permission, made(&scene.owner, &scene.organiser, &others).await.1);
        }
        let anothers = made(another.0, another.1, &all).await.1;
        let (id, deleted) = made(&scene.owner, &scene.organiser, &[SOME]).await;
        teams::delete(&scene.owner, &format!("/api/organisers/{}/api-keys/{id}", scene.organiser)).await.expect(204);
        crate::client::eventually("the key is dead", async || deleted.get("/api/auth/me").await.status, |it| *it == 401).await;
        Self { with, without, anothers, deleted }
    }

    /// Those that ask for what has this rule.
    fn of(&self, rule: Rule) -> [(Who, &Client<'static>); 4] {
        let permission = match rule {
            Rule::Team(permission) | Rule::TeamOrHidden(permission) if self.with.contains_key(permission) => permission,
            _ => SOME,
        };
        let (with, without) = (&self.with[permission], &self.without[permission]);
        [(Who::KeyWithout, without), (Who::AnothersKey, &self.anothers), (Who::DeletedKey, &self.deleted), (Who::KeyWith, with)]
    }
}

async fn ask(who: Who, client: &Client<'_>, method: &Method, path: &str, body: Option<&Value>, etag: Option<&str>) -> Answer {
    let key = unique("key");
    let mut headers = vec![];
    if *method != Method::GET {
        headers.push(("idempotency-key", key.as_str()));
    }
    headers.extend(etag.map(|etag| ("if-match", etag)));
    let answer = client.send(method.clone(), path, &headers, body.map(|body| body.to_string().into())).await;
    assert!(answer.status.as_u16() < 500, "{who:?} {method} {path}: {}", answer.status);
    answer
}

#[tokio::test]
async fn nobody_does_what_they_may_not() {
    let permissions = permissions();
    let (owner, id) = Client::organiser(&SHARED).await;
    let (another, anothers) = Client::organiser(&SHARED).await;
    let (without_role, his) = Client::organiser(&SHARED).await;
    let (buyer, other) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let guest = guests::guest(&guests::address()).await;
    let mut members = Vec::new();
    for role in &ROLES[1..] {
        members.push((Who::Member(role), teams::member(&owner, &id, role).await));
    }
    let scene = {
        let event = OnSale::with(&owner, &id, 4500, 100, 50).await;
        let hold = buyer.post_with(&unique("key"), "/api/bookings", &event.order(1)).await.expect(201);
        let booking = hold["id"].as_str().unwrap().to_owned();
        let body = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
        let payment = buyer.post_with(&unique("key"), "/api/payments", &body).await.expect(201);
        let payment = payment["id"].as_str().unwrap().to_owned();
        let (manager, bystander) = (members[0].1.user.clone(), Client::register(&SHARED).await.user);
        let invitation = teams::invited(&owner, &id, &other, "door").await;
        let email = buyer.get("/api/auth/me").await.expect(200)["email"].clone();
        let login = buyer.post("/api/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
        let session = login["refresh_token"].as_str().unwrap().split_once('.').unwrap().0.to_owned();
        let lists = format!("/api/events/{}/checkin-lists", event.id);
        let list = owner.post(&lists, &json!({"name": "West"})).await.expect(201)["id"].as_str().unwrap().to_owned();
        let ticket = &buyer.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200)["items"][0];
        let scan = json!({"code": ticket["code"], "event_id": event.id, "list": list});
        assert_eq!(owner.post("/api/checkin", &scan).await.expect(200)["result"], "admitted");
        let (_, passkey) = with_passkey(&buyer).await;
        let hook = json!({"url": "https://hooks.example.invalid/", "types": ["order.confirmed"]});
        let hook =
            owner.post(&format!("/api/organisers/{id}/webhooks"), &hook).await.expect(201)["id"].as_str().unwrap().to_owned();
        teams::vouch(&owner).await;
        let sent = format!("/api/events/{}/messages", event.id);
        let sent = owner.post_with(&unique("key"), &sent, &messages::service()).await;
        let message = sent.json["id"].as_str().map_or_else(String::new, |id| format!("/{id}"));
        Scene {
            owner,
            organiser: id,
            event,
            booking,
            payment,
            session,
            manager,
            passkey,
            bystander,
            list,
            hook,
            invitation,
            message,
        }
    };
    let keys = Keys::make(&permissions, &scene, (&another, &anothers)).await;
    // His own organiser's event, for what is done for organisers: membership is there, the role is not.
    let his_event = OnSale::with(&without_role, &his, 4500, 10, 5).await;
    let roles = format!("/api/users/{}/roles", without_role.user);
    admin().await.post(&roles, &json!({"roles": []})).await.expect(200);

    let owner = teams::bearer(scene.owner.token.as_ref().unwrap());
    let living = [(Who::WithoutRole, without_role), (Who::AnotherOrganiser, another), (Who::Other, other), (Who::Guest, guest)]
        .into_iter()
        .chain(members);
    let people = callers(living.chain([(Who::Member("owner"), owner)]), &buyer).await;
    let people: Vec<_> = people.into_iter().chain([(Who::Buyer, buyer)]).collect();
    let document = openapi::document(&SHARED).await;
    let mut asked = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut tries = 0;
    let paths = document["paths"].as_object().unwrap();
    let operations =
        paths.iter().flat_map(|(_, item)| item.as_object().unwrap()).filter(|(_, operation)| !operation["operationId"].is_null());
    // What ends something comes last, and so does what makes somebody else of somebody.
    let mut operations: Vec<_> = operations.collect();
    operations.sort_by_key(|(_, operation)| {
        let name = operation["operationId"].as_str().unwrap();
        name.starts_with("cancel") || name == "acceptInvitation"
    });
    for (method, described) in operations {
        let (name, method) =
            (described["operationId"].as_str().unwrap(), Method::from_bytes(method.to_uppercase().as_bytes()).unwrap());
        asked.insert(name);
        if name == "openLive" && !SHARED.form.is_native() {
            // Nothing answers there.
            continue;
        }
        let (rule, ..) = operation(name, &scene, |_| false).await;
        if let Rule::Team(permission) | Rule::TeamOrHidden(permission) = rule {
            let description = described["description"].as_str().unwrap();
            assert!(description.contains(&format!("Needs `{permission}`")), "{name}: {description}");
        }
        let mut like_nobody = None;
        for (who, client) in people.iter().map(|(who, client)| (*who, client)).chain(keys.of(rule)) {
            let (rule, mut path, mut body) = operation(name, &scene, |rule| expected(rule, who, &permissions).is_none()).await;
            if who == Who::WithoutRole && matches!(rule, Rule::Team(_)) {
                path = path.replace(&scene.event.id, &his_event.id).replace(&scene.organiser, &his);
                if name == "createEvent" {
                    body = Some(event(&his, json!({})));
                }
            }
            let etag = match name {
                "changeEvent" => Some(client.get(&path).await.header("etag").unwrap_or("\"1\"").to_owned()),
                _ => None,
            };
            let status = ask(who, client, &method, &path, body.as_ref(), etag.as_deref()).await.status.as_u16();
            let right = match (expected(rule, who, &permissions), rule) {
                (Some(statuses), _) => statuses.contains(&status),
                (None, Rule::Everybody) => *like_nobody.get_or_insert(status) == status,
                (None, _) => !matches!(status, 401 | 403 | 404),
            };
            tries += 1;
            if !right {
                wrong.push(format!("{name}: {who:?} got {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tries} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked.len() > 45, "{asked:?}");
}
