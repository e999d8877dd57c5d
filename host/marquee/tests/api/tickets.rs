//! Tickets: their codes, names, and who has them.

use crate::{
    SHARED,
    client::{Client, OnSale, PASSWORD, eventually, unique},
};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::server::Server;
use ticket_code::{Code, PublicKey};

/// A confirmed booking of free places; its path.
pub async fn booked(buyer: &Client<'_>, show: &OnSale, quantity: i64) -> String {
    let booking = buyer.post_with(&unique("key"), "/api/bookings", &show.order(quantity)).await.expect(201);
    format!("/api/bookings/{}", booking["id"].as_str().unwrap())
}

/// The tickets of a booking.
pub async fn tickets(buyer: &Client<'_>, path: &str) -> Vec<Value> {
    buyer.get(&format!("{path}/tickets")).await.expect(200)["items"].as_array().unwrap().clone()
}

pub fn code(ticket: &Value) -> &str {
    ticket["code"].as_str().unwrap_or_else(|| panic!("no code: {ticket}"))
}

/// A request with a body that is not POST.
async fn put(client: &Client<'_>, path: &str, body: &Value) -> crate::client::Answer {
    client.send(Method::PUT, path, &[], Some(body.to_string().into())).await
}

/// A new account of which it is known that its owner reads the address; the address. Where nobody writes mails there is none.
async fn reader<'a>(server: &'a Server) -> Option<(Client<'a>, String)> {
    if !server.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes mails, so nobody shows that they read an address", server.form);
        return None;
    }
    let mut client = Client::new(server);
    let address = format!("{}@example.com", unique("reader"));
    let registered =
        client.post("/api/auth/register", &json!({"email": address, "password": PASSWORD, "name": "Grace"})).await.expect(201);
    client.take_tokens(&registered);
    let token = eventually("a mail with a token", async || mailed(server, &format!("{}.", client.user)), Option::is_some).await;
    client.post("/api/auth/verify-email", &json!({"token": token.unwrap()})).await.expect(204);
    Some((client, address))
}

/// The word of a mail that begins so.
fn mailed(server: &Server, begin: &str) -> Option<String> {
    let files = std::fs::read_dir(server.folder.join("mail")).into_iter().flatten();
    files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).find_map(|text| {
        // Quoted-printable breaks long lines.
        let text = text.replace("=\r\n", "");
        text.split_whitespace().find(|word| word.starts_with(begin)).map(str::to_owned)
    })
}

#[tokio::test]
async fn a_code_shows_without_a_network_what_it_is_for_and_who_signed_it() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let path = booked(&buyer, &show, 2).await;
    let shown = buyer.get(&path).await.expect(200)["tickets"].as_array().unwrap().clone();
    let listed = tickets(&buyer.elsewhere(), &path).await;
    let list = organiser.get(&format!("/api/events/{}/checkin-list", show.id)).await.expect(200);
    let keys: Vec<_> =
        list["keys"].as_array().unwrap().iter().map(|key| PublicKey::parse(key["x"].as_str().unwrap()).unwrap()).collect();
    for (number, ticket) in listed.iter().enumerate() {
        assert_eq!((ticket["code"].clone(), &ticket["state"]), (shown[number]["code"].clone(), &json!("valid")));
        assert!(code(ticket).len() <= 200, "{ticket}");
        let read = Code::parse(code(ticket)).unwrap();
        assert_eq!(path, format!("/api/bookings/{}", read.ticket().booking));
        assert_eq!(json!(read.ticket().number), ticket["number"]);
        assert!(read.is_for_event(&show.id) && read.is_of_type(&show.ticket));
        assert!(keys.iter().any(|key| key.kid() == read.kid() && read.is_signed_by(key)));
        let hash = ticket_code::hash(read.reference());
        assert!(list["tickets"].as_array().unwrap().iter().any(|known| known["code_hash"] == hash && known["void"] == false));
    }
}

/// The same tickets in another form.
async fn as_media(client: &Client<'_>, path: &str, accept: &str) -> crate::client::Answer {
    client.send(Method::GET, path, &[("accept", accept)], None).await
}

/// What is written in a PDF, as a program that is not ours reads it, without spaces.
pub fn written(pdf: &[u8]) -> String {
    let file = std::env::temp_dir().join(format!("{}.pdf", unique("tickets")));
    std::fs::write(&file, pdf).unwrap();
    let text = std::process::Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output();
    let text = text.unwrap_or_else(|error| panic!("pdftotext: {error}. `cargo xtask test` installs it: Debian's poppler-utils"));
    std::fs::remove_file(&file).unwrap();
    String::from_utf8(text.stdout).unwrap().split_whitespace().collect()
}

#[tokio::test]
async fn tickets_are_json_papers_or_entries_of_a_calendar() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let booking = booked(&buyer, &show, 2).await;
    put(&buyer, &format!("{booking}/tickets/1"), &json!({"name": "Grace Hopper"})).await.expect(200);
    let path = format!("{booking}/tickets");
    let listed = tickets(&buyer, &booking).await;

    let pdf = as_media(&buyer.elsewhere(), &path, "application/pdf").await;
    assert_eq!((pdf.status.as_u16(), pdf.header("content-type")), (200, Some("application/pdf")));
    assert_eq!(
        (pdf.header("cache-control"), pdf.header("vary").map(|vary| vary.contains("accept"))),
        (Some("no-store"), Some(true))
    );
    let name = booking.rsplit_once('/').unwrap().1;
    assert_eq!(pdf.header("content-disposition"), Some(&*format!("inline; filename=\"tickets-{name}.pdf\"")));
    let text = written(&pdf.bytes);
    for expected in
        ["NightofStrings", "Ticket1of2", "Ticket2of2", "GraceHopper", "BlueHall", name, code(&listed[0]), code(&listed[1])]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }

    let calendar = as_media(&buyer, &path, "text/calendar").await;
    assert_eq!((calendar.status.as_u16(), calendar.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
    let calendar = String::from_utf8(calendar.bytes).unwrap();
    for line in
        ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", "SUMMARY:Night of Strings", "STATUS:CONFIRMED", &format!("UID:{name}@marquee")]
    {
        assert!(calendar.lines().any(|it| it == line), "{line} in {calendar}");
    }

    for (accept, expected) in [
        ("*/*", "application/json"),
        ("text/*", "text/calendar; charset=utf-8"),
        ("application/pdf;q=0.5, application/json", "application/json"),
        ("application/json;q=0.2, application/pdf;q=0.5", "application/pdf"),
        ("text/html, text/calendar;q=0.1", "text/calendar; charset=utf-8"),
    ] {
        let answer = as_media(&buyer, &path, accept).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(expected)), "{accept}");
    }
    for refused in ["image/png", "application/pdf;q=0"] {
        as_media(&buyer, &path, refused).await.expect_problem(406, "not-acceptable");
    }

    let stranger = Client::register(&SHARED).await;
    for accept in ["application/json", "application/pdf", "text/calendar"] {
        as_media(&stranger, &path, accept).await.expect_problem(404, "not-found");
        as_media(&Client::new(&SHARED), &path, accept).await.expect_problem(401, "unauthenticated");
    }
    buyer.post(&format!("{booking}/cancel"), &json!({})).await.expect(200);
    as_media(&buyer, &path, "application/pdf").await.expect_problem(409, "wrong-state");
    let cancelled = as_media(&buyer, &path, "text/calendar").await;
    assert!(String::from_utf8(cancelled.bytes).unwrap().contains("STATUS:CANCELLED\r\n"));
}

#[tokio::test]
async fn there_is_nothing_to_print_before_it_is_paid() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let path = format!("{}/tickets", booked(&buyer, &show, 1).await);
    for accept in ["application/json", "application/pdf", "text/calendar"] {
        as_media(&buyer, &path, accept).await.expect_problem(409, "wrong-state");
    }
}

/// Twenty items of a hundred places each are the most that a booking may have.
#[tokio::test]
async fn the_largest_booking_can_be_printed() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let kind = |number| json!({"name": format!("Block {number}"), "price": 0, "capacity": 100, "per_person_limit": 100});
    let types: Vec<Value> = (1..=20).map(kind).collect();
    let show = OnSale::publish(&organiser, &id, json!({"ticket_types": types})).await;
    let item = |kind: &Value| json!({"ticket_type_id": kind["id"], "quantity": 100});
    let items: Vec<Value> = show.document["ticket_types"].as_array().unwrap().iter().map(item).collect();
    let buyer = Client::register(&SHARED).await;
    let order = json!({"event_id": show.id, "items": items});
    let booking = buyer.post_with(&unique("key"), "/api/bookings", &order).await.expect(201);
    let path = format!("/api/bookings/{}/tickets", booking["id"].as_str().unwrap());
    let first = as_media(&buyer, &path, "application/pdf").await;
    assert_eq!((first.status.as_u16(), first.header("link")), (200, Some(&*format!("<{path}?from=201>; rel=\"next\""))));
    let last = as_media(&buyer, &format!("{path}?from=1801"), "application/pdf").await;
    assert_eq!((last.status.as_u16(), last.header("link")), (200, None));
    for (pdf, numbers) in [(first, [1, 2, 200]), (last, [1801, 1802, 2000])] {
        let text = written(&pdf.bytes);
        for number in numbers {
            assert!(text.contains(&format!("Ticket{number}of2000")), "{number}");
        }
    }
    as_media(&buyer, &format!("{path}?from=2001"), "application/pdf").await.expect_problem(409, "wrong-state");
    as_media(&buyer, &format!("{path}?from=0"), "application/pdf").await.expect_problem(400, "invalid-request");
    let calendar = String::from_utf8(as_media(&buyer, &path, "text/calendar").await.bytes).unwrap();
    assert!(calendar.replace("\r\n ", "").contains("\\n100 × Block 20\r\n"), "{calendar}");
}

#[tokio::test]
async fn an_event_goes_into_a_calendar() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let (path, anybody) = (format!("/api/events/{}", show.id), organiser.elsewhere());
    let read = async || {
        let answer = as_media(&anybody, &path, "text/calendar").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
        assert_eq!((answer.header("etag"), answer.header("vary").map(|vary| vary.contains("accept"))), (None, Some(true)));
        String::from_utf8(answer.bytes).unwrap()
    };
    let event = anybody.get(&path).await.expect(200);
    let calendar = read().await;
    for line in ["STATUS:CONFIRMED", &format!("UID:{}@marquee", show.id), &format!("SEQUENCE:{}", event["revision"])] {
        assert!(calendar.lines().any(|it| it == line), "{line} in {calendar}");
    }
    as_media(&anybody, &path, "image/png").await.expect_problem(406, "not-acceptable");
    organiser.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    eventually("the edge to know", read, |calendar| calendar.contains("STATUS:CANCELLED\r\n")).await;
}

#[tokio::test]
async fn a_booking_has_tickets_once_it_is_confirmed_and_void_ones_once_it_is_cancelled() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let free = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let held = booked(&buyer, &show, 1).await;
    buyer.get(&format!("{held}/tickets")).await.expect_problem(409, "wrong-state");
    let path = booked(&buyer, &free, 2).await;
    put(&buyer, &format!("{path}/tickets/1"), &json!({"name": "  Grace   Hopper "})).await.expect(200);
    for (body, pointer) in
        [(json!({}), "/name"), (json!({"name": "\u{200b}"}), "/name"), (json!({"name": "x", "age": 1}), "/age")]
    {
        let problem = put(&buyer, &format!("{path}/tickets/1"), &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    for number in ["0", "3", "01", "x", "99999"] {
        let answer =
            buyer.send_unchecked(Method::PUT, &format!("{path}/tickets/{number}"), &[], Some(r#"{"name": "x"}"#.into())).await;
        answer.expect_problem(404, "not-found");
    }
    let stranger = Client::register(&SHARED).await;
    stranger.get(&format!("{path}/tickets")).await.expect_problem(404, "not-found");
    put(&stranger, &format!("{path}/tickets/1"), &json!({"name": "x"})).await.expect_problem(404, "not-found");
    assert_eq!(tickets(&buyer, &path).await[0]["name"], "Grace Hopper");

    buyer.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    for ticket in tickets(&buyer, &path).await {
        assert_eq!((&ticket["state"], &ticket["code"]), (&json!("void"), &Value::Null));
    }
    put(&buyer, &format!("{path}/tickets/1"), &json!({"name": "x"})).await.expect_problem(409, "wrong-state");
}

#[tokio::test]
async fn my_tickets_are_mine_newest_first() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 20, 10).await;
    let buyer = Client::register(&SHARED).await;
    assert_eq!(buyer.get("/api/tickets").await.expect(200)["items"], json!([]));
    let mut made = Vec::new();
    for quantity in [1, 3, 2] {
        let path = booked(&buyer, &show, quantity).await;
        let booking = path.rsplit_once('/').unwrap().1.to_owned();
        made.splice(0..0, (1..=quantity).rev().map(|number| format!("{booking}.{number:04}")));
    }
    for limit in [1, 2, 5, 6] {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = buyer.elsewhere().get(&format!("/api/tickets?limit={limit}{cursor}")).await.expect(200);
            all.extend(page["items"].as_array().unwrap().iter().map(|ticket| ticket["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(all, made, "{limit} at a time");
    }
    buyer.get("/api/tickets?cursor=nonsense").await.expect_problem(400, "invalid-request");
    Client::new(&SHARED).get("/api/tickets").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_ticket_goes_to_whoever_reads_the_address_that_it_is_offered_to() {
    let Some((buyer, _)) = reader(&SHARED).await else { return };
    let Some((receiver, address)) = reader(&SHARED).await else { return };
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let path = booked(&buyer, &show, 2).await;
    let before = tickets(&buyer, &path).await;
    let (transfer, email) = (format!("{path}/tickets/1/transfer"), json!({"email": address.to_uppercase()}));
    let offer = buyer.post_with(&unique("key"), &transfer, &email).await.expect(201);
    assert_eq!(offer["email"], address);
    // The mail carries the token, and the list has it.
    let token = offer["token"].as_str().unwrap();
    assert_eq!(eventually("the mail", async || mailed(&SHARED, token), Option::is_some).await.as_deref(), Some(token));
    let offers = receiver.elsewhere().get("/api/tickets/offers").await.expect(200);
    assert_eq!(offers["items"], json!([offer]));
    assert_eq!(tickets(&buyer, &path).await[0]["offered_to"], address);

    let stranger = Client::register(&SHARED).await;
    stranger.post("/api/tickets/accept", &json!({"token": token})).await.expect_problem(404, "not-found");
    let accepted = receiver.post("/api/tickets/accept", &json!({"token": token})).await.expect(200);
    assert_eq!(receiver.post("/api/tickets/accept", &json!({"token": token})).await.expect(200), accepted);
    assert_eq!(receiver.get("/api/tickets").await.expect(200)["items"], json!([accepted]));
    assert_eq!(receiver.get("/api/tickets/offers").await.expect(200)["items"], json!([]));
    let after = tickets(&buyer, &path).await;
    assert_eq!((&after[0]["transferred"], &after[0]["code"]), (&json!(true), &Value::Null));
    let shown = buyer.get(&path).await.expect(200);
    assert_eq!(shown["tickets"].as_array().unwrap().len(), 1, "the other one is not the buyer's any more");

    let scan = async |code: &str| {
        let outcome = organiser.post("/api/checkin", &json!({"code": code, "event_id": show.id})).await.expect(200);
        (outcome["result"].clone(), outcome["reason"].clone())
    };
    assert_eq!(scan(code(&before[0])).await, (json!("void"), json!("replaced")));
    assert_eq!(scan(code(&accepted)).await, (json!("admitted"), Value::Null));
    // Whoever was let in keeps the buyer from having the money back.
    buyer.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "not-cancellable");
}

#[tokio::test]
async fn an_address_that_nobody_is_known_to_read_gets_no_ticket() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let (buyer, receiver) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let address = receiver.get("/api/auth/me").await.expect(200)["email"].clone();
    let path = booked(&buyer, &show, 1).await;
    let transfer = format!("{path}/tickets/1/transfer");
    let problem = buyer.post(&transfer, &json!({"email": "no address"})).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/email");
    let offer = buyer.post(&transfer, &json!({"email": address})).await.expect(201);
    let token = json!({"token": offer["token"]});
    receiver.post("/api/tickets/accept", &token).await.expect_problem(403, "forbidden");
    assert_eq!(receiver.get("/api/tickets/offers").await.expect(200)["items"], json!([]));
    for _ in 0..2 {
        buyer.send(Method::DELETE, &transfer, &[], None).await.expect(204);
    }
    assert_eq!(tickets(&buyer, &path).await[0]["offered_to"], Value::Null);
    receiver.send(Method::DELETE, &transfer, &[], None).await.expect_problem(404, "not-found");
    receiver.post(&transfer, &json!({"email": address})).await.expect_problem(404, "not-found");
}
