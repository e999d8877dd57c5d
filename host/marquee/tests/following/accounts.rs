//! What mails do for accounts: who reads an address is who it belongs to.

use crate::client::{Client, OnSale, PASSWORD, eventually, unique};
use crate::mail::{self, Mail};
use crate::scene::{Scene, VARIABLES, person, until};
use serde_json::json;

/// The token of the mail with this subject, once it has come.
async fn token(address: &str, subject: &str) -> String {
    let found = async || mail::of(address).iter().find(|mail| mail.header("Subject") == subject).and_then(Mail::token);
    until("the mail has come", async || found().await.is_some()).await;
    found().await.unwrap()
}

pub async fn an_address_registered_by_somebody_else_goes_to_its_mailbox_owner(scene: &Scene) {
    const MINE: &str = "only the owner knows this";
    let (squatter, address) = person(&scene.server).await;
    let login = async |password: &str| {
        Client::new(&scene.server).post("/api/auth/login", &json!({"email": address, "password": password})).await
    };

    let owner = Client::new(&scene.server);
    let again = json!({"email": address, "password": MINE, "name": "The Owner"});
    owner.post("/api/auth/register", &again).await.expect_problem(409, "email-taken");
    owner.post("/api/auth/password/forgot", &json!({"email": address})).await.expect(202);
    let token = token(&address, "Choose a new password").await;
    for mail in mail::of(&address) {
        assert!(!mail.has("Lovelace"), "nothing that the squatter typed reaches the owner");
    }
    let reset = json!({"token": token, "password": MINE});
    owner.post("/api/auth/password/reset", &reset).await.expect(204);
    owner.post("/api/auth/password/reset", &reset).await.expect_problem(400, "token-invalid");

    eventually("the squatter is out", async || squatter.get("/api/auth/me").await.status.as_u16(), |it| *it == 401).await;
    assert_eq!(login(PASSWORD).await.status, 401);
    assert_eq!(login(MINE).await.expect(200)["user"]["email_verified"], true);
    until("a mail says so", async || mail::of(&address).iter().any(|mail| mail.header("Subject") == "Your password was changed"))
        .await;
}

pub async fn the_welcome_mail_verifies_the_address(scene: &Scene) {
    // The mail is written by a version that has taken over from the one that the worker began with: nothing else goes on here meanwhile.
    let before = scene.worker.says_of("application").await;
    std::fs::write(scene.server.folder.join(VARIABLES), "default_currency = \"USD\"\n").unwrap();
    scene.worker.reload();
    until("the worker has another version", async || scene.worker.says_of("application").await != before).await;

    let (person, address) = person(&scene.server).await;
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email_verified"], false);
    let token = token(&address, "Welcome to Marquee").await;
    let nobody = Client::new(&scene.server);
    let as_a_reset = json!({"token": token, "password": unique("a password that is")});
    nobody.post("/api/auth/password/reset", &as_a_reset).await.expect_problem(400, "token-invalid");
    nobody.post("/api/auth/verify-email", &json!({"token": token})).await.expect(204);
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email_verified"], true);
    nobody.post("/api/auth/verify-email", &json!({"token": token})).await.expect_problem(400, "token-invalid");
}

pub async fn an_invitation_comes_by_mail_and_its_token_makes_a_member_once(scene: &Scene) {
    let (owner, _) = person(&scene.server).await;
    let organiser = owner.post("/api/organisers", &json!({"name": "Blue Hall"})).await.expect(201);
    let path = format!("/api/organisers/{}", organiser["id"].as_str().unwrap());
    let address = format!("{}@example.com", unique("invited"));
    let invitation = json!({"email": address, "role": "manager"});
    owner.post(&format!("{path}/invitations"), &invitation).await.expect(201);
    // Nobody has shown who the owner is: what they call their organiser stays with them.
    let token = token(&address, "You are invited to a team").await;
    assert!(!mail::of(&address).iter().any(|mail| mail.has("Blue Hall") || mail.has("Lovelace")));

    // The mail comes before the account.
    let mut guest = Client::new(&scene.server);
    let account = json!({"email": address, "password": PASSWORD, "name": "Guest"});
    let registered = guest.post("/api/auth/register", &account).await.expect(201);
    guest.take_tokens(&registered);
    let accept = async |who: &Client<'_>| who.post("/api/invitations/accept", &json!({"token": token})).await;
    accept(&owner).await.expect_problem(403, "forbidden");
    assert_eq!(accept(&guest).await.expect(200)["role"], "manager");
    accept(&guest).await.expect_problem(400, "token-invalid");
    let me = guest.get("/api/auth/me").await.expect(200);
    assert_eq!((&me["email_verified"], &me["roles"]), (&json!(true), &json!(["user", "organiser"])));
    let team = owner.get(&format!("{path}/team")).await.expect(200);
    assert_eq!(team["items"].as_array().unwrap().len(), 2);
    a_guests_order_is_opened_by_its_mail(scene, &owner, organiser["id"].as_str().unwrap()).await;
}

async fn a_guests_order_is_opened_by_its_mail(scene: &Scene, owner: &Client<'_>, organiser: &str) {
    let show = OnSale::with(owner, organiser, 0, 10, 6).await;
    let (mut guest, address) = (Client::new(&scene.server), format!("{}@example.com", unique("buyer")));
    let made = guest.post("/api/auth/guest", &json!({"email": address, "name": "<b>Ada</b>"})).await.expect(201);
    guest.take_tokens(&made);
    let booking = guest.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let token = token(&address, "Your tickets for Night of Strings").await;
    assert!(!mail::of(&address).iter().any(|mail| mail.has("<b>")), "nobody has read the address yet");
    let mut again = Client::new(&scene.server);
    let opened = again.post("/api/auth/guest/open", &json!({"token": token})).await.expect(200);
    again.take_tokens(&opened);
    assert_eq!((&opened["booking_id"], &opened["user"]["email_verified"]), (&booking["id"], &json!(true)));
    again.get(&format!("/api/bookings/{}", booking["id"].as_str().unwrap())).await.expect(200);
}
