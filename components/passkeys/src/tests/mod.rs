//! Ceremonies with an authenticator that tells the truth, and with one that does not; and the specification's own examples.

mod vectors;

use crate::{
    Authentication, Error, Registration, RelyingParty,
    authentication::{Passkey, Use},
    json::encoded,
    registration::NewPasskey,
    testing::{Authenticator, BACKED_UP, BACKED_UP_ALL_THE_SAME, PRESENT, Saying},
};
use serde_json::{Value, json};

const ORIGIN: &str = "https://tickets.example";
const CHALLENGE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn party() -> RelyingParty {
    RelyingParty::of(ORIGIN).unwrap()
}

fn options() -> Value {
    json!({"challenge": CHALLENGE, "rp": {"id": "tickets.example"}, "user": {"id": encoded(b"local_ada")}})
}

fn truth() -> Saying {
    Saying::truth(ORIGIN)
}

fn register(sent: &Value) -> Result<NewPasskey, Error> {
    Registration::parse(&sent.to_string()).and_then(|registration| registration.verify(&party(), CHALLENGE))
}

fn registered(saying: &Saying) -> (Authenticator, NewPasskey) {
    let (authenticator, sent) = Authenticator::create(&options(), saying);
    (authenticator, register(&sent).unwrap())
}

fn log_in(sent: &Value, passkey: &NewPasskey) -> Result<Use, Error> {
    let record = Passkey { user_handle: b"local_ada", public_key: &passkey.public_key, backup_eligible: passkey.backup_eligible };
    Authentication::parse(&sent.to_string()).and_then(|authentication| {
        assert_eq!(authentication.credential_id(), passkey.id);
        authentication.verify(&party(), CHALLENGE, record)
    })
}

/// What may be wrong in either ceremony, and what is said of it.
fn lies() -> Vec<(Error, Saying)> {
    let mut evil = truth();
    evil.origin = "https://evil.example".to_owned();
    let mut insecure = truth();
    insecure.origin = "http://tickets.example".to_owned();
    vec![
        (Error::Origin, evil),
        (Error::Origin, insecure),
        (Error::Embedded, Saying { embedded: true, ..truth() }),
        (Error::RelyingParty, Saying { rp_id: Some("evil.example".to_owned()), ..truth() }),
        (Error::Type, Saying { kind: Some("payment.get"), ..truth() }),
        (Error::Challenge, Saying { challenge: Some("AAAA".to_owned()), ..truth() }),
        (Error::UserVerification, Saying { flags: PRESENT, ..truth() }),
        (Error::UserPresence, Saying { flags: 0x04, ..truth() }),
        (Error::Backup, Saying { flags: truth().flags | BACKED_UP_ALL_THE_SAME, ..truth() }),
    ]
}

#[test]
fn a_passkey_is_made_and_used() {
    for format in ["none", "packed"] {
        let (mut authenticator, passkey) = registered(&Saying { format, flags: truth().flags | BACKED_UP, ..truth() });
        assert_eq!((passkey.sign_count, passkey.backup_eligible, passkey.backed_up), (1, true, true));
        assert_eq!(passkey.transports, ["hybrid", "internal"]);
        assert_eq!(authenticator.user_handle(), b"local_ada");
        let used = log_in(&authenticator.get(&options(), &Saying { flags: truth().flags | 0x08, ..truth() }), &passkey);
        assert_eq!(used, Ok(Use { sign_count: 2, backed_up: false }));
    }
}

#[test]
fn a_registration_that_is_not_true_is_refused() {
    for (error, saying) in lies() {
        let (_, sent) = Authenticator::create(&options(), &saying);
        assert_eq!(register(&sent), Err(error), "{saying:?}");
    }
    for saying in [Saying { format: "packed", spoiled: true, ..truth() }, Saying { format: "fido-u2f", ..truth() }] {
        let (_, sent) = Authenticator::create(&options(), &saying);
        assert_eq!(register(&sent), Err(Error::Attestation), "{saying:?}");
    }
    let (mut authenticator, sent) = Authenticator::create(&options(), &truth());
    // Another id than the authenticator's.
    let mut renamed = sent.clone();
    (renamed["id"], renamed["rawId"]) = (json!("AAAA"), json!("AAAA"));
    assert_eq!(register(&renamed), Err(Error::CredentialId));
    // A login is no registration.
    assert!(matches!(register(&authenticator.get(&options(), &truth())), Err(Error::Malformed(_))));
}

#[test]
fn a_login_that_is_not_true_is_refused() {
    let (mut authenticator, passkey) = registered(&truth());
    let mut lies = lies();
    lies.push((Error::Signature, Saying { spoiled: true, ..truth() }));
    lies.push((Error::User, Saying { user_handle: Some(encoded(b"local_eve")), ..truth() }));
    lies.push((Error::Backup, Saying { flags: truth().flags | BACKED_UP, ..truth() }));
    for (error, saying) in lies {
        let sent = authenticator.get(&options(), &saying);
        assert_eq!(log_in(&sent, &passkey), Err(error), "{saying:?}");
    }
    let sent = authenticator.get(&options(), &truth());
    // Nobody is named, and everything that was signed is what counts.
    let mut nobodys = sent.clone();
    nobodys["response"]["userHandle"] = Value::Null;
    assert_eq!(log_in(&nobodys, &passkey), Err(Error::User));
    let other = authenticator.get(&options(), &truth());
    for member in ["authenticatorData", "signature"] {
        let mut mixed = sent.clone();
        mixed["response"][member] = other["response"][member].clone();
        assert_eq!(log_in(&mixed, &passkey), Err(Error::Signature), "{member}");
    }
    // Another credential's key.
    let mut elsewhere = options();
    elsewhere["challenge"] = json!("BBBB");
    let (mut stranger, _) = Authenticator::create(&elsewhere, &truth());
    let mut foreign = stranger.get(&options(), &truth());
    (foreign["id"], foreign["rawId"]) = (json!(passkey.id), json!(passkey.id));
    assert_eq!(log_in(&foreign, &passkey), Err(Error::Signature));
    assert!(log_in(&sent, &passkey).is_ok());
}

#[test]
fn what_browsers_add_is_left_alone_and_what_is_missing_is_told() {
    let (_, sent) = Authenticator::create(&options(), &truth());
    let mut more = sent.clone();
    more["response"]["publicKeyAlgorithm"] = json!(-7);
    more["response"]["transports"] = json!(["internal", "telepathy"]);
    more["later"] = json!({"a": [1]});
    assert_eq!(register(&more).unwrap().transports, ["internal"]);
    for (member, value) in [("id", json!("=")), ("type", json!("password")), ("rawId", Value::Null), ("response", json!({}))] {
        let mut less = sent.clone();
        less[member] = value;
        assert!(matches!(register(&less), Err(Error::Malformed(_))), "{member}");
    }
    let mut two = sent.clone();
    two["rawId"] = json!("AAAA");
    assert_eq!(register(&two), Err(Error::CredentialId));
    for member in ["clientDataJSON", "attestationObject"] {
        for nonsense in ["", "e30", "oA", "!"] {
            let mut spoiled = sent.clone();
            spoiled["response"][member] = json!(nonsense);
            assert!(register(&spoiled).is_err(), "{member} {nonsense}");
        }
    }
}

#[test]
fn fuzz_passkeys() {
    let (mut authenticator, sent) = Authenticator::create(&options(), &truth());
    let passkey = register(&sent).unwrap();
    let login = authenticator.get(&options(), &truth());
    let bytes = |member: &Value| crate::json::decoded(member.as_str().unwrap()).unwrap();
    let good = [bytes(&sent["response"]["attestationObject"]), bytes(&login["response"]["authenticatorData"])];
    fuzz::bytes(&[&good[0], &good[1]], |input| {
        // A login is signed, whole: no other data passes than what the authenticator said.
        let mut spoiled = login.clone();
        spoiled["response"]["authenticatorData"] = json!(encoded(input));
        assert_eq!(log_in(&spoiled, &passkey).is_ok(), input == good[1]);
        // A registration without attestation is not, but it never panics, and what passes can be read again.
        let mut spoiled = sent.clone();
        spoiled["response"]["attestationObject"] = json!(encoded(input));
        if let Ok(passkey) = register(&spoiled) {
            assert_eq!(passkey.id, sent["id"]);
            assert!(!matches!(log_in(&login, &passkey), Err(Error::Key | Error::Malformed(_))));
        }
    });
}
