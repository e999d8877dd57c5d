//! Tickets in wallets: as the programs that check them see them, which are not ours.

use crate::{
    HASTY, SHARED,
    client::{Answer, Client, OnSale, unique},
    tickets::{booked, code, tickets},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use test_support::archives::unzipped;

const APPLE: &str = "application/vnd.apple.pkpass";
const GOOGLE: &str = "https://pay.google.com/gp/v/save/";

/// What stands in for Apple and Google.
pub struct Issuers {
    /// Of passes, and the one between it and the root.
    pub certificates: String,
    pub key: String,
    root: String,
}

/// Those of this run.
pub static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let key = || openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "");
    let (own, above) = (key(), key());
    let files = [("own.pem", &own), ("above.pem", &above)].map(|(name, text)| file(name, text.as_bytes()));
    let [own_file, above_file] = files.each_ref().map(|path| path.to_str().unwrap());
    let authority = |subject: &str, by: &[&str]| {
        let made = ["req", "-new", "-x509", "-days", "30", "-key", above_file, "-subj", subject];
        openssl(&[&made[..], by, &["-addext", "basicConstraints=critical,CA:TRUE"]].concat(), "")
    };
    let root = authority("/CN=Root of the tests", &[]);
    let root_file = file("root.pem", root.as_bytes());
    let between = authority("/CN=Between", &["-CA", root_file.to_str().unwrap(), "-CAkey", above_file]);
    let between_file = file("between.pem", between.as_bytes());
    let subject = "/UID=pass.com.example.tickets/CN=Pass Type ID: pass.com.example.tickets/OU=A1B2C3D4E5/C=US";
    let by = ["-CA", between_file.to_str().unwrap(), "-CAkey", above_file];
    let made = ["req", "-new", "-x509", "-days", "30", "-key", own_file, "-subj", subject];
    let certificates = format!("{}{between}", openssl(&[&made[..], &by].concat(), ""));
    Issuers { certificates, key: own, root }
});

/// The variables that have passes made.
pub fn variables() -> [(&'static str, &'static str); 5] {
    [
        ("apple_wallet_certificate", &ISSUERS.certificates),
        ("apple_wallet_key", &ISSUERS.key),
        ("google_wallet_issuer", "3388000000012345678"),
        ("google_wallet_account", "passes@example.iam"),
        ("google_wallet_key", &ISSUERS.key),
    ]
}

/// A file of this run's own.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = test_support::temporary().join(unique(name));
    std::fs::write(&path, content).unwrap();
    path
}

fn openssl(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl, the program");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn pass(client: &Client<'_>, booking: &str, number: i64, accept: &str) -> Answer {
    client.send(Method::GET, &format!("{booking}/tickets/{number}/pass"), &[("accept", accept)], None).await
}

#[tokio::test]
async fn a_pass_for_apples_wallet_is_signed_and_shows_the_tickets_code() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let booking = booked(&buyer, &show, 2).await;
    assert_eq!(buyer.get(&format!("{booking}/tickets")).await.expect(200)["wallets"], json!(["apple", "google"]));
    // What a telephone asks with that is led there.
    for accept in [APPLE, "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] {
        let answer = pass(&buyer, &booking, 2, accept).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(APPLE)), "{accept}");
    }
    let answer = pass(&buyer.elsewhere(), &booking, 2, APPLE).await;
    let name = booking.rsplit_once('/').unwrap().1;
    assert_eq!(answer.header("content-disposition"), Some(&*format!("attachment; filename=\"ticket-{name}-2.pkpass\"")));
    let files = unzipped(&answer.bytes);
    let says: Value = serde_json::from_slice(&files["pass.json"]).unwrap();
    let listed = tickets(&buyer, &booking).await;
    for (pointer, value) in [
        ("/passTypeIdentifier", "pass.com.example.tickets"),
        ("/teamIdentifier", "A1B2C3D4E5"),
        ("/barcodes/0/message", code(&listed[1])),
        ("/eventTicket/primaryFields/0/value", "Night of Strings"),
        ("/eventTicket/secondaryFields/0/value", "Blue Hall"),
        ("/eventTicket/headerFields/0/value", says["relevantDate"].as_str().unwrap()),
    ] {
        assert_eq!(says.pointer(pointer).and_then(Value::as_str), Some(value), "{pointer} {says}");
    }

    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest.as_object().unwrap().len() + 2, files.len(), "every file but the list and its signature: {manifest}");
    for (name, hash) in manifest.as_object().unwrap() {
        let path = file("listed", &files[name]);
        let known = openssl(&["dgst", "-sha1", "-r", path.to_str().unwrap()], "");
        assert_eq!(known.split(' ').next(), hash.as_str(), "{name}");
    }
    let paths =
        [("manifest", &files["manifest.json"]), ("signature", &files["signature"])].map(|(name, bytes)| file(name, bytes));
    let [content, signature] = paths.each_ref().map(|path| path.to_str().unwrap());
    let root = file("root.pem", ISSUERS.root.as_bytes());
    let verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", content, "-purpose", "any"];
    openssl(&[&verify[..], &["-CAfile", root.to_str().unwrap(), "-out", "/dev/null"]].concat(), "");
}

#[tokio::test]
async fn a_pass_for_googles_wallet_is_a_link_that_its_account_has_signed() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let booking = booked(&buyer, &show, 1).await;
    let link = pass(&buyer, &booking, 1, "application/json").await.expect(200)["google_wallet_url"].as_str().unwrap().to_owned();
    let token = link.strip_prefix(GOOGLE).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let public = file("public.pem", openssl(&["pkey", "-pubout"], &ISSUERS.key).as_bytes());
    let [signature, signed_file] =
        [URL_SAFE_NO_PAD.decode(signature).unwrap(), signed.as_bytes().to_vec()].map(|it| file("token", &it));
    let [public, signature, signed_file] = [&public, &signature, &signed_file].map(|path| path.to_str().unwrap());
    openssl(&["dgst", "-sha256", "-verify", public, "-signature", signature, signed_file], "");
    let [head, says] = [0, 1].map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(signed.split('.').nth(part).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    });
    assert_eq!((&head["alg"], &says["aud"], &says["iss"]), (&json!("RS256"), &json!("google"), &json!("passes@example.iam")));
    let object = &says["payload"]["eventTicketObjects"][0];
    assert_eq!(object["barcode"]["value"], code(&tickets(&buyer, &booking).await[0]));
    assert_eq!(object["classId"], says["payload"]["eventTicketClasses"][0]["id"]);
}

#[tokio::test]
async fn what_lets_nobody_in_and_who_has_no_ticket_get_no_pass() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let booking = booked(&buyer, &show, 1).await;
    pass(&buyer, &booking, 1, "text/html").await.expect_problem(406, "not-acceptable");
    pass(&buyer, &booking, 2, APPLE).await.expect_problem(404, "not-found");
    for other in [&Client::register(&SHARED).await, &organiser] {
        pass(other, &booking, 1, APPLE).await.expect_problem(404, "not-found");
    }
    buyer.post_with(&unique("key"), &format!("{booking}/cancel"), &json!({})).await.expect(200);
    for accept in [APPLE, "application/json"] {
        pass(&buyer, &booking, 1, accept).await.expect_problem(409, "wrong-state");
    }
}

#[tokio::test]
async fn where_nothing_is_configured_there_are_no_passes() {
    let (organiser, id) = Client::organiser(&HASTY).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let buyer = Client::register(&HASTY).await;
    let booking = booked(&buyer, &show, 1).await;
    assert_eq!(buyer.get(&format!("{booking}/tickets")).await.expect(200)["wallets"], json!([]));
    for accept in [APPLE, "application/json", "*/*"] {
        pass(&buyer, &booking, 1, accept).await.expect_problem(409, "passes-off");
    }
    pass(&buyer, &booking, 1, "text/html").await.expect_problem(406, "not-acceptable");
}
